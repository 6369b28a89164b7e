// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"
	"math/bits"

	"github.com/redpoll/redpoll/internal/lua"
)

// bitFunctions are the functions of the table bit: they work on 32 bits, take any number modulo 2^32, and give signed results.
func bitFunctions() functions {
	return functions{
		{"tobit", unaryBits(func(b uint32) uint32 { return b })},
		{"bnot", unaryBits(func(b uint32) uint32 { return ^b })},
		{"bswap", unaryBits(bits.ReverseBytes32)},
		{"band", foldBits(func(a, b uint32) uint32 { return a & b })},
		{"bor", foldBits(func(a, b uint32) uint32 { return a | b })},
		{"bxor", foldBits(func(a, b uint32) uint32 { return a ^ b })},
		{"lshift", shiftBits(func(b uint32, n int) uint32 { return b << n })},
		{"rshift", shiftBits(func(b uint32, n int) uint32 { return b >> n })},
		{"arshift", shiftBits(func(b uint32, n int) uint32 { return uint32(int32(b) >> n) })},
		{"rol", shiftBits(bits.RotateLeft32)},
		{"ror", shiftBits(func(b uint32, n int) uint32 { return bits.RotateLeft32(b, -n) })},
		{"tohex", toHex},
	}
}

func unaryBits(op func(uint32) uint32) lua.GoFunc {
	return func(c *lua.Call) error {
		b, err := bitArg(c, 0)
		if err != nil {
			return err
		}
		return returnBits(c, op(b))
	}
}

// foldBits makes a function of one or more numbers.
func foldBits(op func(a, b uint32) uint32) lua.GoFunc {
	return func(c *lua.Call) error {
		all, err := bitArg(c, 0)
		if err != nil {
			return err
		}
		for i := c.N() - 1; i > 0; i-- { // from the last to the second, as which of two wrong ones is complained about shows
			b, err := bitArg(c, i)
			if err != nil {
				return err
			}
			all = op(all, b)
		}
		return returnBits(c, all)
	}
}

// shiftBits makes a function of a number and of a count, of which the lowest five bits are taken.
func shiftBits(op func(b uint32, n int) uint32) lua.GoFunc {
	return func(c *lua.Call) error {
		b, err := bitArg(c, 0)
		if err != nil {
			return err
		}
		n, err := bitArg(c, 1)
		if err != nil {
			return err
		}
		return returnBits(c, op(b, int(n&31)))
	}
}

// toHex gives the lowest digits of a number: as many as the second argument says (8 without it), in capitals when that is negative.
func toHex(c *lua.Call) error {
	b, err := bitArg(c, 0)
	if err != nil {
		return err
	}
	digits, n := "0123456789abcdef", int64(8)
	if c.N() > 1 {
		width, err := bitArg(c, 1)
		if err != nil {
			return err
		}
		n = int64(int32(width))
	}
	if n < 0 {
		digits, n = "0123456789ABCDEF", -n
	}
	n = min(n, 8)
	var text [8]byte
	for i := n - 1; i >= 0; i-- {
		text[i] = digits[b&15]
		b >>= 4
	}
	v, err := c.State().Bytes(text[:n])
	if err != nil {
		return err
	}
	return c.Return(v)
}

// bitArg takes an argument as bits. Adding 2^52+2^51 rounds a number to a whole one, halves to even, and leaves it in the lowest
// bits of its mantissa; numbers beyond 2^51 give what the original gives for them.
func bitArg(c *lua.Call, i int) (uint32, error) {
	f, err := c.CheckNumber(i)
	if err != nil {
		return 0, err
	}
	return uint32(math.Float64bits(f + (1<<52 + 1<<51))), nil
}

func returnBits(c *lua.Call, b uint32) error { return c.Return(lua.Number(float64(int32(b)))) }
