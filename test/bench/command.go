// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// hole is what newCommand replaces by a key number of nine digits each time a command is sent.
const hole = "#########"

// command is an encoded request with holes for key numbers.
type command struct {
	text  []byte
	holes []int // offsets of the nine digits in text
}

// newCommand encodes a request as an array of bulk strings.
func newCommand(args ...string) command {
	text := appendCommand(nil, args...)
	c := command{text: text}
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte(hole))
		if i < 0 {
			return c
		}
		c.holes = append(c.holes, at+i)
		at += i + len(hole)
	}
}

// appendCommand appends a request to b.
func appendCommand(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
		b = append(b, "\r\n"...)
	}
	return b
}

// putNumber writes n (below 1e9) as nine digits into the start of b.
func putNumber(b []byte, n uint32) {
	_ = b[8]
	high, mid, low := n/1_000_000, n/1_000%1_000, n%1_000
	b[0], b[1], b[2] = '0'+byte(high/100), '0'+byte(high/10%10), '0'+byte(high%10)
	b[3], b[4], b[5] = '0'+byte(mid/100), '0'+byte(mid/10%10), '0'+byte(mid%10)
	b[6], b[7], b[8] = '0'+byte(low/100), '0'+byte(low/10%10), '0'+byte(low%10)
}

// payload returns a value of n bytes.
func payload(n int) string { return strings.Repeat("x", n) }

// picker is a small random number generator (xorshift64*): the load generator must cost less than the servers it drives.
type picker uint64

// newPicker returns a generator for one of several loops; the same number always gives the same sequence.
func newPicker(loop int) picker { return picker(uint64(loop+1) * 0x9E3779B97F4A7C15) }

// next returns the next 64 random bits.
func (p *picker) next() uint64 {
	x := *p
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*p = x
	return uint64(x * 0x2545F4914F6CDD1D)
}

// below returns a number in [0, n).
func (p *picker) below(n uint32) uint32 { return uint32(p.next() >> 32 * uint64(n) >> 32) }

// share returns a number in [0, 1).
func (p *picker) share() float64 { return float64(p.next()>>11) / (1 << 53) }
