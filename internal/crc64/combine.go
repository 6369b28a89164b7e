// SPDX-License-Identifier: BSD-3-Clause

package crc64

// Here a checksum is what it is by definition: a polynomial over GF(2), reduced by the one above, the highest bit being the coefficient of
// x^0. To go on by n bytes that are 0 is to multiply it by x^(8n); what other bytes add does not depend on what came before them.

const (
	one      = 1 << 63  // x^0
	zeroByte = one >> 8 // x^8: what a byte of 0 multiplies by
)

// Combine gives the checksum of bytes that come in two parts, of which that of the first is a, and that of the second, by itself, b; the
// second has so many bytes.
func Combine(a, b uint64, length int64) uint64 {
	for power := uint64(zeroByte); length > 0; length >>= 1 {
		if length&1 != 0 {
			a = multiply(a, power)
		}
		power = multiply(power, power)
	}
	return a ^ b
}

// multiply gives the product of two polynomials.
func multiply(a, b uint64) (product uint64) {
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 63)
		b = b>>1 ^ polynomial&-(b&1)
	}
	return product
}
