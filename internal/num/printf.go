// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"bytes"
	"math"
	"strconv"
)

// A Format is one conversion of C's printf: what stands between the percent sign and the letter. The zero value with Precision -1
// is a bare "%d" or "%s".
type Format struct {
	Left      bool // '-': the blanks come behind
	Plus      bool // '+': positive numbers have a sign too
	Space     bool // ' ': a blank where a sign would be
	Alternate bool // '#': "0x", a leading 0, a point in any case, zeros at the end of %g
	Zero      bool // '0': zeros between the sign and the digits, not blanks before
	Width     int  // in bytes, 0 or more
	Precision int  // negative: none was given
}

// AppendString appends s as "%s" does: cut to the precision, padded with blanks.
func (f *Format) AppendString(dst []byte, s string) []byte {
	if f.Precision >= 0 && f.Precision < len(s) {
		s = s[:f.Precision]
	}
	missing := f.Width - len(s)
	if f.Left {
		return appendRun(append(dst, s...), ' ', missing)
	}
	return append(appendRun(dst, ' ', missing), s...)
}

// AppendInt appends v as "%d" does.
func (f *Format) AppendInt(dst []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	var buf [MaxIntLen]byte
	return f.appendDigits(dst, f.sign(v < 0), AppendUint(buf[:0], u))
}

// AppendUint appends v as the conversions 'u', 'o', 'x' and 'X' do.
func (f *Format) AppendUint(dst []byte, v uint64, conversion byte) []byte {
	var buf [24]byte
	digits, prefix := buf[:0], ""
	switch conversion {
	case 'o':
		if f.Alternate && (v != 0 || f.Precision == 0) {
			digits = append(digits, '0')
		}
		if v != 0 || len(digits) == 0 {
			digits = strconv.AppendUint(digits, v, 8)
		}
		if f.Alternate && v == 0 && f.Precision == 0 {
			return f.pad(dst, "", digits, false) // the one zero that a precision of 0 does not take away
		}
	case 'x', 'X':
		digits = strconv.AppendUint(digits, v, 16)
		if f.Alternate && v != 0 {
			prefix = "0" + string(conversion)
		}
		if conversion == 'X' {
			upper(digits)
		}
	default:
		digits = AppendUint(digits, v)
	}
	return f.appendDigits(dst, prefix, digits)
}

// appendDigits appends a whole number: the precision is the least number of digits, and with one the flag Zero does not count.
func (f *Format) appendDigits(dst []byte, prefix string, digits []byte) []byte {
	if f.Precision < 0 {
		return f.pad(dst, prefix, digits, f.Zero)
	}
	if f.Precision == 0 && string(digits) == "0" {
		digits = nil
	}
	if missing := f.Precision - len(digits); missing > 0 {
		digits = append(appendRun(nil, '0', missing), digits...)
	}
	return f.pad(dst, prefix, digits, false)
}

// AppendFloat appends v as the conversions 'e', 'E', 'f', 'F', 'g' and 'G' do, to the last digit.
func (f *Format) AppendFloat(dst []byte, v float64, conversion byte) []byte {
	prefix, lower := f.sign(math.Signbit(v)), conversion|0x20
	var buf [512]byte
	text := buf[:0]
	switch abs := math.Abs(v); {
	case v != v:
		text = append(text, "nan"...)
	case abs > math.MaxFloat64:
		text = append(text, "inf"...)
	default:
		text = f.appendFinite(text, abs, lower)
	}
	if conversion != lower {
		upper(text)
	}
	finite := text[0] >= '0' && text[0] <= '9'
	return f.pad(dst, prefix, text, f.Zero && finite)
}

// appendFinite appends a number that is neither negative nor infinite, without padding.
func (f *Format) appendFinite(dst []byte, v float64, conversion byte) []byte {
	precision := f.Precision
	if precision < 0 {
		precision = 6
	}
	if conversion != 'g' {
		text := strconv.AppendFloat(dst, v, conversion, precision, 64)
		if f.Alternate && precision == 0 {
			text = insertPoint(text)
		}
		return text
	}
	precision = max(precision, 1)
	if !f.Alternate {
		return strconv.AppendFloat(dst, v, 'g', precision, 64)
	}
	// '#' keeps the zeros at the end: the exponent after rounding decides the form as without it.
	text := strconv.AppendFloat(dst, v, 'e', precision-1, 64)
	e := bytes.LastIndexByte(text, 'e')
	if exp, _ := strconv.Atoi(string(text[e+1:])); exp >= -4 && exp < precision {
		text = strconv.AppendFloat(dst, v, 'f', precision-1-exp, 64)
	}
	if bytes.IndexByte(text, '.') < 0 {
		text = insertPoint(text)
	}
	return text
}

// insertPoint puts a point behind the digits, before an exponent.
func insertPoint(text []byte) []byte {
	e := bytes.IndexByte(text, 'e')
	if e < 0 {
		return append(text, '.')
	}
	exp := string(text[e:])
	return append(append(text[:e], '.'), exp...)
}

func (f *Format) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.Plus:
		return "+"
	case f.Space:
		return " "
	}
	return ""
}

// pad appends prefix and text, with blanks or, between them, zeros up to the width.
func (f *Format) pad(dst []byte, prefix string, text []byte, zeros bool) []byte {
	missing := f.Width - len(prefix) - len(text)
	switch {
	case missing <= 0:
		return append(append(dst, prefix...), text...)
	case f.Left:
		return appendRun(append(append(dst, prefix...), text...), ' ', missing)
	case zeros:
		return append(appendRun(append(dst, prefix...), '0', missing), text...)
	}
	return append(append(appendRun(dst, ' ', missing), prefix...), text...)
}

func appendRun(dst []byte, c byte, n int) []byte {
	for range n {
		dst = append(dst, c)
	}
	return dst
}

func upper(text []byte) {
	for i, c := range text {
		if c >= 'a' && c <= 'z' {
			text[i] = c - 'a' + 'A'
		}
	}
}

// AppendShort appends v as C's "%.<digits>g" writes it: "inf", "-inf", "nan", and "-nan" where the sign bit is set; digits is from
// 1 to 17.
func AppendShort(dst []byte, v float64, digits int) []byte {
	// Up to 10^15 every whole number is exact, and has as many digits as AppendInt writes.
	if i := int64(v); float64(i) == v && i > -1e15 && i < 1e15 && (i != 0 || !math.Signbit(v)) {
		if u := uint64(max(i, -i)); u < 1e9 && digits >= 9 || UintLen(u) <= digits {
			return AppendInt(dst, i)
		}
	}
	switch {
	case v != v:
		if math.Signbit(v) {
			dst = append(dst, '-')
		}
		return append(dst, "nan"...)
	case v > math.MaxFloat64:
		return append(dst, "inf"...)
	case v < -math.MaxFloat64:
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', digits, 64)
}
