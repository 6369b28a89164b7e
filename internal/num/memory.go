// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"math/bits"
)

// ParseMemory reads a size as redis.conf has them: digits and a unit in any case. b is bytes, k m g are powers of 1000, kb mb gb
// powers of 1024; no unit is bytes. As in Redis a unit alone is 0; a sign, and what does not fit in 64 bits, is not ok.
func ParseMemory(b []byte) (bytes uint64, ok bool) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		hi, lo := bits.Mul64(bytes, 10)
		sum, carry := bits.Add64(lo, uint64(b[i]-'0'), 0)
		if hi != 0 || carry != 0 {
			return 0, false
		}
		bytes = sum
		i++
	}
	unit, ok := memoryUnit(b[i:])
	hi, lo := bits.Mul64(bytes, unit)
	return lo, ok && hi == 0
}

func memoryUnit(b []byte) (unit uint64, ok bool) {
	if len(b) == 0 || isWord(b, "b") {
		return 1, true
	}
	base := uint64(1000)
	if len(b) == 2 && b[1]|0x20 == 'b' {
		base = 1024
	} else if len(b) != 1 {
		return 0, false
	}
	switch b[0] | 0x20 {
	case 'k':
		return base, true
	case 'm':
		return base * base, true
	case 'g':
		return base * base * base, true
	}
	return 0, false
}
