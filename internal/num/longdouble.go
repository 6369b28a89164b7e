// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"math"
	"math/big"
)

// LongDouble is the 80-bit floating-point number of the x87, with which INCRBYFLOAT and HINCRBYFLOAT count in Redis: 64 bits of
// mantissa, 15 of exponent. The zero value is 0. Values are immutable.
type LongDouble struct {
	f *big.Float // nil: 0
}

// The bounds of the type, as exponents of two with a mantissa in [0.5, 1).
const (
	longPrec   = 64
	longMaxExp = 16384
	longMinExp = -16445 // of half the smallest denormal, which is read as zero
)

// MaxLongDoubleText is the longest text that Redis reads as a long double, in bytes.
const MaxLongDoubleText = 5*1024 - 1

// ParseLongDouble reads a long double by the rules of ParseFloat, with its own range, up to 5119 bytes. Infinity is read, to be
// refused by Add.
func ParseLongDouble(b []byte) (l LongDouble, ok bool) {
	if i, ok := ParseInt(b); ok {
		return LongDouble{new(big.Float).SetPrec(longPrec).SetInt64(i)}, true
	}
	if len(b) > MaxLongDoubleText {
		return LongDouble{}, false
	}
	t, ok := scanFloat(b)
	if !ok {
		return LongDouble{}, false
	}
	if t.inf {
		return LongDouble{new(big.Float).SetInf(t.neg)}, true
	}
	if !t.nonzero {
		return LongDouble{}, true
	}
	f, ok := t.convert()
	if !ok {
		return LongDouble{}, false
	}
	if t.neg {
		f.Neg(f)
	}
	return LongDouble{f}, true
}

// convert returns the nearest number of 64 bits to a nonzero text. It computes with whole numbers, so that nothing is rounded twice.
func (t *floatText) convert() (f *big.Float, ok bool) {
	digits := make([]byte, 0, len(t.mant))
	exp, point := t.exp, -1
	for i, c := range t.mant {
		switch {
		case c == '.':
			point = i
		case len(digits) > 0 || c != '0':
			digits = append(digits, c)
		}
	}
	base, bitsPerDigit := 10, 1
	if t.hex {
		base, bitsPerDigit = 16, 4
	}
	if point >= 0 {
		exp -= (len(t.mant) - 1 - point) * bitsPerDigit
	}
	m, _ := new(big.Int).SetString(string(digits), base)
	f = new(big.Float).SetPrec(longPrec)
	if t.hex {
		f.SetInt(m)
		f.SetMantExp(f, exp)
	} else if !scale10(f, m, len(digits), exp) {
		return nil, false
	}
	e := f.MantExp(nil)
	if e > longMaxExp || e < longMinExp || e == longMinExp && f.MinPrec() == 1 {
		return nil, false
	}
	return f, true
}

// scale10 sets f to m times ten to the exp, rounded once. It refuses, before it computes anything large, what is out of range by
// the count of digits alone.
func scale10(f *big.Float, m *big.Int, digits, exp int) bool {
	if digits+exp > 4940 || digits+exp < -4960 {
		return false
	}
	power := big.NewInt(int64(max(exp, -exp)))
	power.Exp(big.NewInt(10), power, nil)
	if exp >= 0 {
		f.SetInt(m.Mul(m, power))
		return true
	}
	f.Quo(new(big.Float).SetInt(m), new(big.Float).SetInt(power))
	return true
}

// Add returns l + m, rounded to 64 bits. ok is false when the sum is infinite or not a number.
func (l LongDouble) Add(m LongDouble) (sum LongDouble, ok bool) {
	if l.IsInf() || m.IsInf() {
		return LongDouble{}, false
	}
	switch {
	case l.f == nil:
		return m, true
	case m.f == nil:
		return l, true
	}
	f := new(big.Float).SetPrec(longPrec).Add(l.f, m.f)
	return LongDouble{f}, f.MantExp(nil) <= longMaxExp
}

// Sub returns l - m as Add returns a sum.
func (l LongDouble) Sub(m LongDouble) (difference LongDouble, ok bool) {
	if m.f != nil {
		m = LongDouble{new(big.Float).Neg(m.f)}
	}
	return l.Add(m)
}

// Mul returns l times n, rounded to 64 bits of mantissa.
func (l LongDouble) Mul(n int64) LongDouble {
	if l.f == nil || n == 0 {
		return LongDouble{}
	}
	return LongDouble{new(big.Float).SetPrec(longPrec).Mul(l.f, new(big.Float).SetInt64(n))}
}

// Ceil returns the least whole number that is not below l, or the nearest that an int64 can hold.
func (l LongDouble) Ceil() int64 {
	n, accuracy := l.float().Int64()
	if accuracy == big.Below && n < math.MaxInt64 {
		n++
	}
	return n
}

// Cmp returns -1, 0 or 1: whether l is less than m, equal to it, or greater.
func (l LongDouble) Cmp(m LongDouble) int { return l.float().Cmp(m.float()) }

// float gives the number, which is not to be changed.
func (l LongDouble) float() *big.Float {
	if l.f == nil {
		return new(big.Float)
	}
	return l.f
}

// MaxLongDouble returns the largest finite long double, or with negative set the least.
func MaxLongDouble(negative bool) LongDouble {
	f := new(big.Float).SetPrec(longPrec).SetUint64(math.MaxUint64)
	f.SetMantExp(f, longMaxExp-longPrec)
	if negative {
		f.Neg(f)
	}
	return LongDouble{f}
}

// IsInf reports whether l is an infinity.
func (l LongDouble) IsInf() bool { return l.f != nil && l.f.IsInf() }

// AppendLongDouble appends l as C's "%.17Lf" without trailing zeros, which is what Redis stores and replies: never an exponent, at
// most 17 decimals, "0" rather than "-0".
func AppendLongDouble(dst []byte, l LongDouble) []byte {
	switch {
	case l.f == nil:
		return append(dst, '0')
	case l.f.IsInf() && l.f.Signbit():
		return append(dst, "-inf"...)
	case l.f.IsInf():
		return append(dst, "inf"...)
	}
	start := len(dst)
	dst = l.f.Append(dst, 'f', 17)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	if string(dst[start:]) == "-0" {
		return append(dst[:start], '0')
	}
	return dst
}

// LongDoubleOf returns an integer as a long double.
func LongDoubleOf(i int64) LongDouble {
	if i == 0 {
		return LongDouble{}
	}
	return LongDouble{new(big.Float).SetPrec(longPrec).SetInt64(i)}
}

// Plus returns l + m, rounded to 64 bits, as C computes it: a sum past the range is infinite, and infinities of both signs cancel each
// other out, for which 0 stands.
func (l LongDouble) Plus(m LongDouble) LongDouble {
	switch {
	case l.IsInf() && m.IsInf() && l.f.Signbit() != m.f.Signbit():
		return LongDouble{}
	case l.IsInf():
		return l
	case m.IsInf():
		return m
	}
	sum, ok := l.Add(m)
	if !ok {
		return LongDouble{new(big.Float).SetInf(sum.f.Signbit())}
	}
	return sum
}

// Int64 returns the whole part of l, rounded towards zero; false when no int64 can hold it.
func (l LongDouble) Int64() (i int64, ok bool) {
	i, _ = l.float().Int64()
	low, high := LongDoubleOf(math.MinInt64), LongDoubleOf(math.MaxInt64)
	return i, l.Cmp(low) >= 0 && l.Cmp(high) <= 0
}

// AppendLongDoubleShort appends l as C's "%.17Lg": 17 digits at most, with an exponent where that is shorter.
func AppendLongDoubleShort(dst []byte, l LongDouble) []byte {
	switch {
	case l.f == nil:
		return append(dst, '0')
	case l.f.IsInf():
		return AppendLongDouble(dst, l)
	}
	return l.f.Append(dst, 'g', 17)
}
