// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"bytes"
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// Limits bounds what a client may send. The zero value means Redis's defaults.
type Limits struct {
	// MaxBulk is the longest argument in bytes (proto-max-bulk-len); 0 means 512 MB.
	MaxBulk int64
	// MaxArgs is the largest number of arguments; 0 means 2^31-1.
	MaxArgs int64
	// Unauthenticated allows only 10 arguments of 16 KB: somebody unknown must not make the server hold much. While it is set,
	// commands have to be run one by one as they are parsed, since one of them may lift it.
	Unauthenticated bool
}

// The limits that no setting changes, and the defaults of the others.
const (
	maxLine          = 64 << 10 // an inline command or a length line, in bytes
	unauthMaxArgs    = 10
	unauthMaxBulk    = 16 << 10
	defaultMaxBulk   = 512 << 20
	defaultMaxArgs   = math.MaxInt32
	minArgLen        = len("$0\r\n\r\n")
	fastMaxBulk      = 16 << 10 // at most unauthMaxBulk, so that the fast path need not ask who sends
	fastHeaderDigits = 5        // digits of fastMaxBulk
)

// ProtocolError is a malformed request. Its text goes to the client as an error reply; then the connection is closed, for the
// next command's beginning is unknown.
type ProtocolError struct {
	// Reason is the text after "Protocol error: ". It may hold one raw byte of the client's.
	Reason string
}

// Error returns the whole text of the error reply, without the dash.
func (e *ProtocolError) Error() string { return "ERR Protocol error: " + e.Reason }

// Parser splits a client's bytes into commands: arrays of bulk strings, or inline lines as typed into telnet. Like Redis it does
// not look at the byte after a CR nor at the two bytes after a bulk, and ends a line's search at a NUL. The zero value is ready.
// Between calls it holds a few integers and never memory of its own.
//
// A command that has not arrived whole is measured, not stored: each call goes on where the last one ended, and the call that
// finds the end walks the argument headers a second time to collect the slices. The work is linear in the bytes received.
type Parser struct {
	// Limits may change between calls.
	Limits Limits

	// Progress of a partial command. All zero: none.
	pos  int // where the next argument's header or body begins
	scan int // buf[pos:scan] is known to hold no end of line
	left int // arguments still to come, the one at pos included; 0: the first line is not complete
	bulk int // length of the argument whose body begins at pos; -1: its header comes first
	need int // bytes missing at least
}

// Next parses the command at the beginning of buf. It appends its arguments to args as slices of buf (a quoted inline argument has
// memory of its own) and returns them with the number of bytes consumed; an empty line or array adds none.
//
// n == 0 without an error means that more bytes are needed: call again with the same bytes and more. The buffer may have moved,
// but must still begin at the same command. The error is a *ProtocolError.
func (p *Parser) Next(buf []byte, args [][]byte) (out [][]byte, n int, err error) {
	if p.left > 0 {
		if done, err := p.resume(buf); !done {
			return args, 0, err
		}
	}
	if len(buf) == 0 {
		return args, 0, nil
	}
	if buf[0] == '*' {
		return p.multibulk(buf, args)
	}
	return p.inline(buf, args)
}

// Need returns a lower bound of the bytes that are missing for the command whose beginning the last call of Next saw, 0 when it
// saw none. It is the client's promise: a reason to read in larger pieces, not to reserve as much.
func (p *Parser) Need() int { return p.need }

// Reset forgets a partial command.
func (p *Parser) Reset() { *p = Parser{Limits: p.Limits} }

// multibulk parses a command from its beginning in one pass.
func (p *Parser) multibulk(buf []byte, args [][]byte) ([][]byte, int, error) {
	left, pos := 0, 0
	if len(buf) >= 4 && buf[1]-'1' < 9 && buf[2] == '\r' {
		left, pos = int(buf[1]-'0'), 4
	} else {
		var err error
		if left, pos, err = p.count(buf); pos == 0 {
			return args, 0, err
		}
	}
	out := args
	fastMax := p.fastMax()
	for ; left > 0; left-- {
		n, start := fastHeader(buf, pos, fastMax)
		if start == 0 {
			var err error
			if n, start, err = p.header(buf, pos); start == 0 {
				return args, 0, p.suspend(pos, left, -1, err)
			}
		}
		if missing := n - (len(buf) - start - 2); missing > 0 {
			p.need = missing
			return args, 0, p.suspend(start, left, n, nil)
		}
		out = append(out, buf[start:start+n:start+n])
		pos = start + n + 2
	}
	p.clear()
	return out, pos, nil
}

// fastMax is the longest bulk that needs no look at the limits.
func (p *Parser) fastMax() int {
	if p.Limits.MaxBulk != 0 && p.Limits.MaxBulk < fastMaxBulk {
		return int(p.Limits.MaxBulk)
	}
	return fastMaxBulk
}

// fastHeader reads the usual, short "$n" line at pos. It returns where the body starts, or 0 for header to decide.
func fastHeader(buf []byte, pos, limit int) (n, start int) {
	if len(buf)-pos < 4 || buf[pos] != '$' {
		return 0, 0
	}
	b := buf[pos:]
	n = int(b[1] - '0')
	if n > 9 {
		return 0, 0
	}
	if b[2] == '\r' {
		return n, pos + 4
	}
	if n == 0 {
		return 0, 0
	}
	if len(b) > fastHeaderDigits+3 {
		b = b[:fastHeaderDigits+3]
	}
	for i := 2; i < len(b)-1; i++ {
		d := b[i] - '0'
		if d > 9 {
			if b[i] != '\r' || n > limit {
				break
			}
			return n, pos + i + 2
		}
		n = n*10 + int(d)
	}
	return 0, 0
}

// suspend stores where a partial command goes on. It returns err.
func (p *Parser) suspend(pos, left, bulk int, err error) error {
	p.pos, p.left, p.bulk = pos, left, bulk
	return err
}

func (p *Parser) clear() {
	p.pos, p.scan, p.left, p.bulk, p.need = 0, 0, 0, 0, 0
}

// resume goes on measuring a partial command, and forgets it when it is whole: Next then parses it from its beginning.
func (p *Parser) resume(buf []byte) (done bool, err error) {
	for p.left > 0 {
		if p.bulk < 0 {
			n, start, err := p.header(buf, p.pos)
			if start == 0 {
				return false, err
			}
			p.pos, p.bulk = start, n
		}
		if p.need = p.bulk - (len(buf) - p.pos - 2); p.need > 0 {
			return false, nil
		}
		p.pos += p.bulk + 2
		p.bulk = -1
		p.left--
	}
	p.clear()
	return true, nil
}

// count reads the first line of an array, "*n". next is 0 when it is not complete or wrong.
func (p *Parser) count(buf []byte) (n, next int, err error) {
	end, err := p.line(buf, 0, '\r', "too big mbulk count string")
	if end < 0 {
		return 0, 0, err
	}
	v, ok := num.ParseInt(buf[1:end])
	if !ok || v > p.maxArgs() {
		return 0, 0, &ProtocolError{"invalid multibulk length"}
	}
	if v > unauthMaxArgs && p.Limits.Unauthenticated {
		return 0, 0, &ProtocolError{"unauthenticated multibulk length"}
	}
	return int(max(v, 0)), end + 2, nil
}

// header reads an argument's length line, "$n", at pos. next is 0 when it is not complete or wrong.
func (p *Parser) header(buf []byte, pos int) (n, next int, err error) {
	end, err := p.line(buf, pos, '\r', "too big bulk count string")
	if end < 0 {
		return 0, 0, err
	}
	if c := buf[pos]; c != '$' {
		if c == '\r' || c == '\n' {
			c = ' '
		}
		return 0, 0, &ProtocolError{"expected '$', got '" + string([]byte{c}) + "'"}
	}
	v, ok := num.ParseInt(buf[pos+1 : end])
	if !ok || v < 0 || v > p.maxBulk() {
		return 0, 0, &ProtocolError{"invalid bulk length"}
	}
	if v > unauthMaxBulk && p.Limits.Unauthenticated {
		return 0, 0, &ProtocolError{"unauthenticated bulk length"}
	}
	return int(v), end + 2, nil
}

// line finds the byte that ends the line beginning at pos: the CR of a length line, which must be followed by another byte, or the
// LF of an inline command. It returns -1 when that has not arrived, with an error when it may not come any more.
func (p *Parser) line(buf []byte, pos int, stop byte, tooBig string) (end int, err error) {
	from := max(pos, p.scan)
	window := buf[from:]
	if last := pos + maxLine + 1; last < len(buf) {
		window = buf[from:last]
	}
	i := -1
	if len(window) > 0 && window[0] != 0 {
		i = bytes.IndexByte(window, stop)
	}
	if i >= 0 && bytes.IndexByte(window[:i], 0) < 0 {
		end = from + i
		if stop == '\n' || end+2 <= len(buf) {
			p.scan = 0
			return end, nil
		}
		p.scan, p.need = end, 1
		return -1, nil
	}
	if len(buf)-pos > maxLine {
		return -1, &ProtocolError{tooBig}
	}
	p.scan, p.need = len(buf), 1
	if nul := bytes.IndexByte(window, 0); nul >= 0 {
		p.scan = from + nul // the line can only become too long
		p.need = pos + maxLine + 1 - len(buf)
	}
	return -1, nil
}

func (p *Parser) maxArgs() int64 {
	if p.Limits.MaxArgs > 0 {
		return p.Limits.MaxArgs
	}
	return defaultMaxArgs
}

func (p *Parser) maxBulk() int64 {
	if p.Limits.MaxBulk > 0 {
		return min(p.Limits.MaxBulk, math.MaxInt-2)
	}
	return defaultMaxBulk
}
