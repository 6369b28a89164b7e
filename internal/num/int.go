// SPDX-License-Identifier: BSD-3-Clause

// Package num turns numbers into text and back exactly as Redis does: strict decimal integers, doubles, the long doubles of
// INCRBYFLOAT, and memory sizes. It knows nothing of the protocol or of commands, holds no state and takes no locks.
package num

import "math"

// pairs holds "00" to "99", so that two digits cost one division.
const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// MaxIntLen is the longest text of an int64, sign included.
const MaxIntLen = 20

// ParseInt reads a decimal int64 that is written the one way AppendInt writes it: no spaces, no plus sign, no leading zeros, no
// "-0". Everything else, an empty slice and what does not fit included, is not ok.
func ParseInt(b []byte) (v int64, ok bool) {
	n := len(b)
	if n == 1 {
		d := b[0] - '0'
		return int64(d & 15), d <= 9
	}
	if n == 0 || n > MaxIntLen {
		return 0, false
	}
	neg := b[0] == '-'
	if neg {
		b = b[1:]
	}
	u, ok := parseDigits(b)
	if !ok {
		return 0, false
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// ParseUint reads a decimal uint64 by the rules of ParseInt.
func ParseUint(b []byte) (v uint64, ok bool) {
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	return parseDigits(b)
}

// parseDigits reads one to twenty digits of which the first is not zero.
func parseDigits(b []byte) (u uint64, ok bool) {
	if len(b) == 0 || len(b) > 20 || b[0] == '0' {
		return 0, false
	}
	head := b
	if len(head) > 19 {
		head = head[:19]
	}
	for _, c := range head { // 19 digits cannot overflow
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	if len(b) == 20 {
		d := b[19] - '0'
		if d > 9 || u > math.MaxUint64/10 || u == math.MaxUint64/10 && d > math.MaxUint64%10 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	return u, true
}

// AppendInt appends the decimal text of v.
func AppendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return AppendUint(append(dst, '-'), -uint64(v))
	}
	return AppendUint(dst, uint64(v))
}

// AppendUint appends the decimal text of u.
func AppendUint(dst []byte, u uint64) []byte {
	if u < 10 {
		return append(dst, byte(u)+'0')
	}
	if u < 100 {
		return append(dst, pairs[2*u], pairs[2*u+1])
	}
	var text [MaxIntLen]byte
	i := len(text)
	for u >= 100 {
		q := u / 100
		r := 2 * (u - q*100)
		i -= 2
		text[i], text[i+1] = pairs[r], pairs[r+1]
		u = q
	}
	if u >= 10 {
		i -= 2
		text[i], text[i+1] = pairs[2*u], pairs[2*u+1]
	} else {
		i--
		text[i] = byte(u) + '0'
	}
	return append(dst, text[i:]...)
}

// IntLen returns the number of bytes AppendInt writes for v.
func IntLen(v int64) int {
	if v < 0 {
		return 1 + UintLen(-uint64(v))
	}
	return UintLen(uint64(v))
}

// UintLen returns the number of decimal digits of u (1 for 0).
func UintLen(u uint64) int {
	n := 1
	for u >= 10000 {
		u /= 10000
		n += 4
	}
	switch {
	case u >= 1000:
		return n + 3
	case u >= 100:
		return n + 2
	case u >= 10:
		return n + 1
	}
	return n
}
