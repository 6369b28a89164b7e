// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/num"
)

// FormatNumber returns the text that Lua gives a number: C's %.14g.
func FormatNumber(f float64) string {
	var b [32]byte
	return string(AppendNumber(b[:0], f))
}

// AppendNumber appends what FormatNumber returns.
func AppendNumber(b []byte, f float64) []byte { return num.AppendShort(b, f, 14) }

// ParseNumber reads a number as tonumber does: what C's strtod reads, hexadecimal, inf and nan included, with blanks around it.
func ParseNumber(s string) (float64, bool) { return num.ParseC(s) }

// Text returns what tostring gives for a value without metamethods: "nil", "1.5", "table: 0xc000123456".
func Text(v Value) string {
	switch {
	case v.IsNil():
		return "nil"
	case v.IsBool():
		return strconv.FormatBool(v.Bool())
	case v.IsNumber():
		return FormatNumber(v.Num())
	case v.IsString():
		return v.Str()
	case v.Address() == 0:
		return TypeName(v) + ": (nil)" // as C prints the null pointer
	}
	return TypeName(v) + ": 0x" + strconv.FormatUint(uint64(v.Address()), 16)
}
