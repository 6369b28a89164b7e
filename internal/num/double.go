// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"math"
	"strconv"
)

// MaxDoubleLen is the longest text AppendDouble writes: sign, 17 digits, point, and an exponent of three digits.
const MaxDoubleLen = 24

// maxSafe is the largest magnitude (2^52) below which a whole double is written through the integer path.
const maxSafe = 1 << 52

// AppendDouble appends f as C's "%.17g" writes it, with "inf", "-inf" and "nan": the text of sorted-set scores and of RESP3
// doubles in Redis 7.0.
func AppendDouble(dst []byte, f float64) []byte {
	if i := int64(f); f > -maxSafe && f < maxSafe && float64(i) == f && (i != 0 || !math.Signbit(f)) {
		return AppendInt(dst, i)
	}
	switch {
	case f != f:
		return append(dst, "nan"...)
	case f > math.MaxFloat64:
		return append(dst, "inf"...)
	case f < -math.MaxFloat64:
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}
