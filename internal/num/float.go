// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unsafe"
)

// floatText is a floating-point number as C's strtod would read it, not yet converted.
type floatText struct {
	neg     bool
	inf     bool
	hex     bool
	nonzero bool   // some digit of the mantissa is not 0
	mant    []byte // digits with at most one point, without sign and 0x
	exp     int    // of ten, of two in hex; clamped to ±maxExp
	hasExp  bool
}

// blanks are what C's isspace knows.
const blanks = " \t\n\v\f\r"

// maxExp bounds a written exponent; it is far beyond what any mantissa could make up for.
const maxExp = 1 << 20

// scanFloat takes b apart. ok is false for NaN and for anything that is not wholly a number: spaces, an empty mantissa, trailing
// bytes.
func scanFloat(b []byte) (t floatText, ok bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		t.neg = b[0] == '-'
		b = b[1:]
	}
	if isWord(b, "inf") || isWord(b, "infinity") {
		t.inf = true
		return t, true
	}
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' {
		t.hex = true
		b = b[2:]
	}
	n := t.scanMantissa(b)
	if n == 0 {
		return t, false
	}
	t.mant = b[:n]
	if b = b[n:]; len(b) == 0 {
		return t, true
	}
	mark := byte('e')
	if t.hex {
		mark = 'p'
	}
	if b[0]|0x20 != mark {
		return t, false
	}
	t.hasExp = true
	t.exp, ok = parseExp(b[1:])
	return t, ok
}

// scanMantissa returns the length of the mantissa that b begins with, 0 when it has no digit.
func (t *floatText) scanMantissa(b []byte) int {
	digits, point := 0, false
	for i, c := range b {
		switch {
		case c == '.' && !point:
			point = true
			continue
		case c == '0':
		case c >= '1' && c <= '9', t.hex && c|0x20 >= 'a' && c|0x20 <= 'f':
			t.nonzero = true
		default:
			if digits == 0 {
				return 0
			}
			return i
		}
		digits++
	}
	if digits == 0 {
		return 0
	}
	return len(b)
}

// parseExp reads an exponent with optional sign.
func parseExp(b []byte) (exp int, ok bool) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		exp = min(exp*10+int(c-'0'), maxExp)
	}
	if neg {
		exp = -exp
	}
	return exp, len(b) > 0
}

// isWord compares without regard to ASCII case; word is in lower case.
func isWord(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c|0x20 != word[i] {
			return false
		}
	}
	return true
}

// ParseFloat reads a double as Redis reads scores and timeouts: what C's strtod takes from beginning to end (decimal and hex, with
// exponents, "inf" and "infinity" in any case), but no spaces, no NaN, and nothing that overflows or vanishes to zero.
func ParseFloat(b []byte) (f float64, ok bool) {
	if len(b) <= 15 {
		if i, ok := ParseInt(b); ok {
			return float64(i), true
		}
	}
	t, ok := scanFloat(b)
	if !ok {
		return 0, false
	}
	f, err := t.double(b)
	if err != nil || f == 0 && t.nonzero {
		return 0, false
	}
	return f, true
}

// ParseBound reads a double as Redis reads the bounds of ranges of scores: as ParseFloat, but only up to a zero byte, blanks
// may come first, nothing at all is 0, and what overflows or vanishes is infinite or zero.
func ParseBound(b []byte) (f float64, ok bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return 0, true
	}
	b = bytes.TrimLeft(b, blanks)
	t, ok := scanFloat(b)
	if !ok {
		return 0, false
	}
	f, _ = t.double(b)
	return f, true
}

// double converts what was scanned from b; the error says that it is out of range, and f is infinite then.
func (t *floatText) double(b []byte) (f float64, err error) {
	if t.inf {
		if t.neg {
			return math.Inf(-1), nil
		}
		return math.Inf(1), nil
	}
	// The string does not outlive the call: strconv keeps a copy in its errors.
	text := unsafe.String(&b[0], len(b))
	if t.hex && !t.hasExp {
		text += "p0"
	}
	return strconv.ParseFloat(text, 64)
}

// ParseC reads a double as C programs do that take a whole text with strtod: blanks may come before and behind, "inf", "infinity",
// "nan" and "nan(…)" are numbers in any case, hex has an exponent or none, and what overflows or vanishes is infinite or zero. A
// zero byte ends the text.
func ParseC(s string) (f float64, ok bool) {
	if f, ok := parseShortInt(s); ok {
		return f, true
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	s = strings.Trim(s, blanks)
	if f, ok := parseNaN(s); ok {
		return f, true
	}
	if s == "" {
		return 0, false
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s)) // scanned, not written
	t, ok := scanFloat(b)
	if !ok {
		return 0, false
	}
	f, _ = t.double(b)
	return f, true
}

// parseShortInt reads a whole number without a sign of up to 15 digits.
func parseShortInt(s string) (f float64, ok bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	n := int64(0)
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return float64(n), true
}

// parseNaN reads "nan" or "nan(…)" with a sign or none, in any case; letters, digits and underscores may stand in the brackets, which
// say nothing of importance.
func parseNaN(s string) (f float64, ok bool) {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if len(s) < 3 || !strings.EqualFold(s[:3], "nan") {
		return 0, false
	}
	if s = s[3:]; s != "" {
		if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
			return 0, false
		}
		for _, c := range []byte(s[1 : len(s)-1]) {
			if c != '_' && !(c >= '0' && c <= '9') && !(c|0x20 >= 'a' && c|0x20 <= 'z') {
				return 0, false
			}
		}
	}
	return math.Copysign(math.NaN(), sign(negative)), true
}

func sign(negative bool) float64 {
	if negative {
		return -1
	}
	return 1
}

// Truncate returns the integer part of f as C does on x86, whatever the processor: what does not fit 64 bits, and NaN, becomes the smallest
// integer.
func Truncate(f float64) int64 {
	if f >= -1<<63 && f < 1<<63 {
		return int64(f)
	}
	return math.MinInt64
}
