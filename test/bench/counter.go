// SPDX-License-Identifier: BSD-3-Clause

package main

import "io"

// counter counts whole replies in a stream of RESP2 or RESP3 bytes that arrives in fragments cut anywhere. It keeps no bytes but
// the first error's text, and looks at headers only: payloads are skipped. The zero value is ready.
type counter struct {
	replies int    // complete replies so far
	errors  int    // error elements so far, also inside arrays
	first   string // text of the first error, without "-" and CRLF, at most 120 bytes

	pending int    // elements that the reply in progress still lacks; 0 between replies
	skip    int    // payload bytes (and their CRLF) still to come
	begun   bool   // a header line is in progress
	kind    byte   // its first byte
	num     int    // digits of that line so far
	neg     bool   // the line holds a minus sign after its first byte
	text    []byte // the error line in progress, kept only for the first one
}

// feed takes the next bytes of the stream.
func (c *counter) feed(b []byte) {
	for len(b) > 0 {
		if c.skip > 0 {
			if c.skip > len(b) {
				c.skip -= len(b)
				return
			}
			b = b[c.skip:]
			c.skip = 0
			c.finish(1)
			continue
		}
		if !c.begun {
			c.begun, c.kind, c.num, c.neg = true, b[0], 0, false
			b = b[1:]
			if c.pending == 0 {
				c.pending = 1
			}
		}
		n, whole := c.line(b)
		b = b[n:]
		if whole {
			c.header()
		}
	}
}

// await reads until there were n replies in all. in is where bytes are read to; an error reply among them is the error.
func (c *counter) await(from io.Reader, in []byte, n int) error {
	for c.replies < n {
		got, err := from.Read(in)
		if err != nil {
			return err
		}
		c.feed(in[:got])
	}
	if c.errors > 0 {
		return refusal(c.first)
	}
	return nil
}

// line reads on in the header line and reports how many bytes it used and whether the line ended.
func (c *counter) line(b []byte) (n int, whole bool) {
	num := c.num
	for i, ch := range b {
		switch {
		case ch == '\n':
			c.num = num
			c.keep(b[:i])
			return i + 1, true
		case ch-'0' <= 9:
			num = num*10 + int(ch-'0')
		case ch == '-':
			c.neg = true
		}
	}
	c.num = num
	c.keep(b)
	return len(b), false
}

// keep collects the text of the first error.
func (c *counter) keep(b []byte) {
	if c.kind == '-' && c.errors == 0 && len(c.text) < 120 {
		c.text = append(c.text, b[:min(len(b), 120-len(c.text))]...)
	}
}

// header acts on the header line that has just ended.
func (c *counter) header() {
	kind, n := c.kind, c.num
	c.begun = false
	switch kind {
	case '$', '=', '!':
		if kind == '!' {
			c.errors++
		}
		if c.neg {
			c.finish(1)
			return
		}
		c.skip = n + 2
	case '*', '~', '>':
		if c.neg {
			n = 0
		}
		c.pending += n
		c.finish(1)
	case '%':
		c.pending += 2 * n
		c.finish(1)
	case '|': // attributes come before the element they belong to, so the element itself stays pending
		c.pending += 2 * n
	case '-':
		if c.errors == 0 {
			c.first = string(trimCR(c.text))
		}
		c.errors++
		c.finish(1)
	default:
		c.finish(1)
	}
}

func (c *counter) finish(n int) {
	c.pending -= n
	if c.pending == 0 {
		c.replies++
	}
}

func trimCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return b[:n-1]
	}
	return b
}
