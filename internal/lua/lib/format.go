// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"
	"strings"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// maxItem is how long what one conversion of a number makes can be: 308 digits before the point, and 99 behind it.
const maxItem = 512

// wholeString is the length from which on "%s" takes a string as it is, zero bytes included, when it has no precision.
const wholeString = 100

// format implements string.format.
func (l *Library) format(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	f := formatter{c: c, out: l.buffer()}
	defer f.out.drop()
	for {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			break
		}
		if err := f.out.text(text[:i]); err != nil {
			return err
		}
		if text = text[i+1:]; strings.HasPrefix(text, "%") {
			if err := f.out.byte('%'); err != nil {
				return err
			}
			text = text[1:]
			continue
		}
		if text, err = f.conversion(text); err != nil {
			return err
		}
	}
	if err := f.out.text(text); err != nil {
		return err
	}
	return f.out.giveTo(c)
}

// A formatter is one call of string.format.
type formatter struct {
	c   *lua.Call
	out buffer
	arg int // the last argument that was used
	num.Format
}

// conversion appends the next argument as the conversion that text begins with says, without its percent sign, and returns what
// follows it.
func (f *formatter) conversion(text string) (rest string, err error) {
	if f.arg++; f.arg >= f.c.N() {
		return "", f.c.ArgError(f.arg, "no value")
	}
	text, err = f.parse(text)
	if err != nil {
		return "", err
	}
	var letter byte
	if text != "" {
		letter, text = text[0], text[1:]
	}
	if err := f.out.room(maxItem); err != nil {
		return "", err
	}
	switch letter {
	case 'c':
		err = f.char()
	case 'd', 'i':
		var v int64
		v, err = f.c.CheckInteger(f.arg)
		f.out.b = f.AppendInt(f.out.b, v)
	case 'o', 'u', 'x', 'X':
		var v float64
		v, err = f.c.CheckNumber(f.arg)
		f.out.b = f.AppendUint(f.out.b, unsigned(v), letter)
	case 'e', 'E', 'f', 'g', 'G':
		var v float64
		if v, err = f.c.CheckNumber(f.arg); err == nil {
			err = f.float(v, letter)
		}
	case 'q':
		err = f.quote()
	case 's':
		err = f.text()
	case 0:
		return "", f.c.Errorf("invalid option '%%' to 'format'")
	default:
		return "", f.c.Errorf("invalid option '%%%c' to 'format'", letter)
	}
	return text, err
}

// float appends a number. Digits beyond those that a double has need long arithmetic.
func (f *formatter) float(v float64, letter byte) error {
	before := len(f.out.b)
	f.out.b = f.AppendFloat(f.out.b, v, letter)
	steps := len(f.out.b) - before
	if f.Precision > 17 {
		steps *= 50
	}
	return f.out.l.s.Spend(steps)
}

// parse reads flags, width and precision.
func (f *formatter) parse(text string) (rest string, err error) {
	f.Format = num.Format{Precision: -1}
	n := 0
	for ; n < len(text) && strings.IndexByte("-+ #0", text[n]) >= 0; n++ {
		switch text[n] {
		case '-':
			f.Left = true
		case '+':
			f.Plus = true
		case ' ':
			f.Space = true
		case '#':
			f.Alternate = true
		case '0':
			f.Zero = true
		}
	}
	if n > 5 {
		return "", f.c.Errorf("invalid format (repeated flags)")
	}
	f.Width, text = twoDigits(text[n:])
	if strings.HasPrefix(text, ".") {
		f.Precision, text = twoDigits(text[1:])
	}
	if text != "" && kinds[text[0]]&isDigit != 0 {
		return "", f.c.Errorf("invalid format (width or precision too long)")
	}
	return text, nil
}

// twoDigits reads a number of up to two digits; none are 0.
func twoDigits(text string) (n int, rest string) {
	for range 2 {
		if text == "" || kinds[text[0]]&isDigit == 0 {
			break
		}
		n, text = n*10+int(text[0]-'0'), text[1:]
	}
	return n, text
}

// unsigned converts a number as C's conversion to an unsigned long does on x86: what is negative wraps around, and what does not fit
// becomes 2^63, or 0 where it is too large.
func unsigned(v float64) uint64 {
	switch {
	case v >= 0x1p64:
		return 0
	case v >= 0x1p63:
		return uint64(v-0x1p63) + 1<<63
	case v >= -0x1p63:
		return uint64(int64(v))
	}
	return 1 << 63
}

// char appends a byte; a zero byte ends what the conversion makes, its padding included.
func (f *formatter) char() error {
	v, err := f.c.CheckNumber(f.arg)
	if err != nil {
		return err
	}
	if !(math.Abs(v) < 1<<31) {
		v = 0 // so does the conversion of what is no int end
	}
	f.Precision = -1
	f.out.b = appendToZero(f.out.b, f.AppendString(nil, string([]byte{byte(int64(v))})))
	return nil
}

func appendToZero(dst, text []byte) []byte {
	for _, c := range text {
		if c == 0 {
			break
		}
		dst = append(dst, c)
	}
	return dst
}

// text appends a string. What has a precision, or is short, ends with its first zero byte.
func (f *formatter) text() error {
	text, err := f.c.CheckString(f.arg)
	if err != nil {
		return err
	}
	if f.Precision < 0 && len(text) >= wholeString {
		return f.out.text(text)
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	f.out.b = f.AppendString(f.out.b, text)
	return nil
}

// quote appends a string as a program would have it.
func (f *formatter) quote() error {
	text, err := f.c.CheckString(f.arg)
	if err != nil {
		return err
	}
	if err := f.out.byte('"'); err != nil {
		return err
	}
	for text != "" {
		i := strings.IndexAny(text, "\"\\\n\r\x00")
		if i < 0 {
			break
		}
		if err := f.out.text(text[:i]); err != nil {
			return err
		}
		escape := "\\" + text[i:i+1]
		switch text[i] {
		case '\r':
			escape = `\r`
		case 0:
			escape = `\000`
		}
		if err := f.out.text(escape); err != nil {
			return err
		}
		if err := f.out.l.s.Spend(10 + i/bytesPerStep); err != nil {
			return err
		}
		text = text[i+1:]
	}
	if err := f.out.text(text); err != nil {
		return err
	}
	return f.out.byte('"')
}
