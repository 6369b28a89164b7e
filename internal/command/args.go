// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"bytes"
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// Args is a cursor over a command's arguments. Readers take the next argument and convert it; the first one that fails
// sets the error that Done reports, and all later ones give zero values, so that a handler checks once.
//
// The slices it gives are parts of the connection's read buffer: they live until the command ends.
type Args struct {
	argv [][]byte
	next int
	err  error
}

// MakeArgs gives a cursor over argv.
func MakeArgs(argv [][]byte) Args { return Args{argv: argv} }

// Len tells how many arguments are left.
func (a *Args) Len() int { return len(a.argv) - a.next }

// More tells whether arguments are left and nothing failed so far: the condition of a loop over options.
func (a *Args) More() bool { return a.err == nil && a.next < len(a.argv) }

// Bytes takes the next argument; a missing one is a syntax error.
func (a *Args) Bytes() []byte {
	if a.err != nil || a.next >= len(a.argv) {
		a.Fail(ErrSyntax)
		return nil
	}
	b := a.argv[a.next]
	a.next++
	return b
}

// Key takes the next argument, a key's name.
func (a *Args) Key() []byte { return a.Bytes() }

// String takes the next argument as a string, copied.
func (a *Args) String() string { return string(a.Bytes()) }

// Int takes the next argument, a decimal number of 64 bits; anything else is ErrNotInteger.
func (a *Args) Int() int64 { return a.IntOr(ErrNotInteger) }

// IntOr is Int with another error for what is no number.
func (a *Args) IntOr(err error) int64 {
	b := a.Bytes()
	if a.err != nil {
		return 0
	}
	n, ok := num.ParseInt(b)
	if !ok {
		a.Fail(err)
		return 0
	}
	return n
}

// IntIn is Int with bounds, both inclusive; a number outside of them is err, no number at all ErrNotInteger.
func (a *Args) IntIn(lo, hi int64, err error) int64 {
	n := a.Int()
	if a.err == nil && (n < lo || n > hi) {
		a.Fail(err)
		return 0
	}
	return n
}

// Int32 is Int for a number of 32 bits; one that does not fit is ErrNotInt32.
func (a *Args) Int32() int { return int(a.IntIn(math.MinInt32, math.MaxInt32, ErrNotInt32)) }

// Float takes the next argument, a number in double precision (no NaN); anything else is ErrNotFloat.
func (a *Args) Float() float64 {
	b := a.Bytes()
	if a.err != nil {
		return 0
	}
	f, ok := num.ParseFloat(b)
	if !ok {
		a.Fail(ErrNotFloat)
		return 0
	}
	return f
}

// latestTimeout is the longest timeout, in ms: its end, reckoned from now in Unix ms, must be a number yet.
const latestTimeout = math.MaxInt64 - 1<<41

// Timeout takes the next argument, seconds that a client is to wait at most, and gives it in ms, fractions rounded up; 0 stands for
// ever. The errors are ErrTimeoutFloat, ErrTimeoutNegative and ErrTimeoutRange.
func (a *Args) Timeout() (ms int64) {
	b := a.Bytes()
	if a.err != nil {
		return 0
	}
	seconds, ok := num.ParseLongDouble(b)
	if !ok {
		a.Fail(ErrTimeoutFloat)
		return 0
	}
	return a.fitTimeout(seconds.Mul(1000).Ceil())
}

// TimeoutMillis takes the next argument, whole ms that a client is to wait at most; 0 stands for ever. The errors are
// ErrTimeoutInteger, ErrTimeoutNegative and ErrTimeoutRange.
func (a *Args) TimeoutMillis() (ms int64) {
	return a.fitTimeout(a.IntOr(ErrTimeoutInteger))
}

// fitTimeout gives a timeout in ms if it is one. The errors are ErrTimeoutNegative and ErrTimeoutRange.
func (a *Args) fitTimeout(ms int64) int64 {
	switch {
	case ms < 0:
		a.Fail(ErrTimeoutNegative)
	case ms > latestTimeout:
		a.Fail(ErrTimeoutRange)
	default:
		return ms
	}
	return 0
}

// Keyword takes the next argument when it is the option word (given in upper case) in any case, and tells whether it was.
func (a *Args) Keyword(word string) bool {
	if !a.More() || !EqualFold(a.argv[a.next], word) {
		return false
	}
	a.next++
	return true
}

// Peek gives the next argument without taking it, nil when none is left.
func (a *Args) Peek() []byte {
	if !a.More() {
		return nil
	}
	return a.argv[a.next]
}

// Take takes the next n arguments, of which so many must be left.
func (a *Args) Take(n int) [][]byte {
	if a.err != nil {
		return nil
	}
	a.next += n
	return a.argv[a.next-n : a.next]
}

// Rest takes all arguments that are left.
func (a *Args) Rest() [][]byte {
	if a.err != nil {
		return nil
	}
	rest := a.argv[a.next:]
	a.next = len(a.argv)
	return rest
}

// Fail notes err as the cursor's error unless there is one already.
func (a *Args) Fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// Err gives the error so far: for handlers whose checks must come in an order of their own.
func (a *Args) Err() error { return a.err }

// Done ends the reading: the first error, or ErrSyntax when arguments are left over.
func (a *Args) Done() error {
	if a.err == nil && a.next < len(a.argv) {
		a.err = ErrSyntax
	}
	return a.err
}

// EqualFold tells whether b is the ASCII word (given in upper case) in any case.
func EqualFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(b) {
		c := b[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// UpToNUL gives the part of an argument before its first zero byte: all that Redis sees of it where it treats it as a C
// string, as in the texts of some errors.
func UpToNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// ParseUnsigned reads a number as C's strtoul does, for cursors and IDs, where clients have come to rely on it: a sign is taken, a
// negative number wraps, an empty text is 0. What follows the digits, or does not fit, is not ok, nor are spaces.
func ParseUnsigned(b []byte) (n uint64, ok bool) {
	b = UpToNUL(b)
	negative := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		negative = b[0] == '-'
		if b = b[1:]; len(b) == 0 {
			return 0, false
		}
	}
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return n, true
}

// ParseUint reads a number of 64 bits as Redis reads those of streams' IDs and arrays' indices: what ParseUnsigned takes, also behind
// spaces, but for an empty text and a negative number that is written the ordinary way.
func ParseUint(text []byte) (n uint64, ok bool) {
	text = UpToNUL(text)
	if n, ok = num.ParseUint(text); ok {
		return n, true
	}
	if _, negative := num.ParseInt(text); negative {
		return 0, false
	}
	if text = bytes.TrimLeft(text, " \t\n\v\f\r"); len(text) == 0 {
		return 0, false
	}
	return ParseUnsigned(text)
}
