// SPDX-License-Identifier: BSD-3-Clause

package bits

import (
	"encoding/binary"
	"math/bits"
)

// The loops over bytes take eight at a time. binary's functions are single instructions; the lengths are compared so that the
// compiler sees that nothing is out of bounds.

// onesCount counts the bits that are set.
func onesCount(b []byte) (n int) {
	for ; len(b) >= 32; b = b[32:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b)) + bits.OnesCount64(binary.LittleEndian.Uint64(b[8:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[16:])) + bits.OnesCount64(binary.LittleEndian.Uint64(b[24:]))
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}

// firstSet gives the place of the first bit that is set, or with set false of the first that is clear; -1 when there is none.
func firstSet(b []byte, set bool) int {
	var flip uint64
	if !set {
		flip = ^uint64(0)
	}
	at := 0
	for ; len(b) >= 32; b, at = b[32:], at+256 {
		x := (binary.LittleEndian.Uint64(b) ^ flip) | (binary.LittleEndian.Uint64(b[8:]) ^ flip) |
			(binary.LittleEndian.Uint64(b[16:]) ^ flip) | (binary.LittleEndian.Uint64(b[24:]) ^ flip)
		if x != 0 {
			break
		}
	}
	for ; len(b) >= 8; b, at = b[8:], at+64 {
		if x := binary.BigEndian.Uint64(b) ^ flip; x != 0 {
			return at + bits.LeadingZeros64(x)
		}
	}
	for _, x := range b {
		if x ^= byte(flip); x != 0 {
			return at + bits.LeadingZeros8(x)
		}
		at += 8
	}
	return -1
}

// merging is how bytes are merged into others.
type merging uint8

const (
	mergeAnd    merging = iota
	mergeOr             //
	mergeXor            //
	mergeAndNot         // what is there without the new
	mergeNotAnd         // the new without what is there
)

// zeroes tells whether merging zeros leaves zeros.
func (m merging) zeroes() bool { return m == mergeAnd || m == mergeNotAnd }

func (m merging) byte(x, y byte) byte {
	switch m {
	case mergeAnd:
		return x & y
	case mergeOr:
		return x | y
	case mergeXor:
		return x ^ y
	case mergeAndNot:
		return x &^ y
	default:
		return y &^ x
	}
}

// words merges four words.
func (m merging) words(dst, src *[32]byte) {
	a, b := binary.LittleEndian.Uint64(dst[0:]), binary.LittleEndian.Uint64(dst[8:])
	c, d := binary.LittleEndian.Uint64(dst[16:]), binary.LittleEndian.Uint64(dst[24:])
	e, f := binary.LittleEndian.Uint64(src[0:]), binary.LittleEndian.Uint64(src[8:])
	g, h := binary.LittleEndian.Uint64(src[16:]), binary.LittleEndian.Uint64(src[24:])
	switch m {
	case mergeAnd:
		a, b, c, d = a&e, b&f, c&g, d&h
	case mergeOr:
		a, b, c, d = a|e, b|f, c|g, d|h
	case mergeXor:
		a, b, c, d = a^e, b^f, c^g, d^h
	case mergeAndNot:
		a, b, c, d = a&^e, b&^f, c&^g, d&^h
	case mergeNotAnd:
		a, b, c, d = e&^a, f&^b, g&^c, h&^d
	}
	binary.LittleEndian.PutUint64(dst[0:], a)
	binary.LittleEndian.PutUint64(dst[8:], b)
	binary.LittleEndian.PutUint64(dst[16:], c)
	binary.LittleEndian.PutUint64(dst[24:], d)
}

// merge merges src, taken as followed by zeros, into dst, which is at least as long.
func (m merging) merge(dst, src []byte) {
	rest := dst[len(src):]
	if m.zeroes() {
		clear(rest)
	}
	for len(src) >= 32 && len(dst) >= 32 {
		m.words((*[32]byte)(dst), (*[32]byte)(src))
		dst, src = dst[32:], src[32:]
	}
	for i, y := range src {
		dst[i] = m.byte(dst[i], y)
	}
}

// invert flips all bits.
func invert(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, ^binary.LittleEndian.Uint64(b))
	}
	for i := range b {
		b[i] = ^b[i]
	}
}

// mergeOnce merges src into once, the bits that were set in a source so far, and twice, those that were in several.
func mergeOnce(once, twice, src []byte) {
	for len(src) >= 8 && len(once) >= 8 && len(twice) >= 8 {
		o, t, s := binary.LittleEndian.Uint64(once), binary.LittleEndian.Uint64(twice), binary.LittleEndian.Uint64(src)
		binary.LittleEndian.PutUint64(twice, t|o&s)
		binary.LittleEndian.PutUint64(once, o|s)
		once, twice, src = once[8:], twice[8:], src[8:]
	}
	for i, s := range src {
		twice[i] |= once[i] & s
		once[i] |= s
	}
}
