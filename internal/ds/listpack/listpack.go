// SPDX-License-Identifier: BSD-3-Clause

// Package listpack reads and writes Redis's listpack, the one blob that small collections are packed into, byte for byte as
// Redis does: so that DUMP and RDB files are copies.
//
// A listpack is
//
//	4 bytes  length of the whole in bytes, little-endian
//	2 bytes  number of entries, little-endian; 65535 when there are that many or more, or there once were
//	entries
//	1 byte   0xff
//
// and an entry is an encoding byte, the data, and the length of both in a form that can be read backwards (7 bits a byte,
// the most significant first, the high bit set in all but the first). Encoding bytes:
//
//	0xxxxxxx            the integer 0..127
//	10xxxxxx            a string of up to 63 bytes
//	110xxxxx + 1 byte   an integer of 13 bits, big-endian
//	1110xxxx + 1 byte   a string of up to 4095 bytes, its length big-endian
//	0xf0 + 4 bytes      a string, its length little-endian
//	0xf1 f2 f3 f4       an integer of 2, 3, 4 or 8 bytes, little-endian
//
// An entry that reads as an integer, and prints as it was written, is stored as one.
//
// A blob is a []byte of exactly the listpack's length. An entry is named by its offset; 0 means none, since the first entry
// is at HeaderSize. The functions are pure: those that read never change the blob, those that write leave growing it to the
// caller. They trust the blob: one that came from outside must have passed Validate.
package listpack

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/num"
)

const (
	// HeaderSize is the offset of the first entry.
	HeaderSize = 6
	// EmptySize is the size of a listpack without entries.
	EmptySize = HeaderSize + 1
	// MaxSize is the size beyond which Redis does not let a listpack grow.
	MaxSize = 1 << 30

	unknownCount = 65535
	end          = 0xff

	str32     = 0xf0
	int16Code = 0xf1
	int24Code = 0xf2
	int32Code = 0xf3
	int64Code = 0xf4
)

// Entry is an entry's value, read in place.
type Entry struct {
	Bytes []byte // the string, part of the blob; nil for an integer, never nil for a string
	Int   int64  // the integer when Bytes is nil
}

// IsInt tells whether the entry is stored as an integer.
func (e Entry) IsInt() bool { return e.Bytes == nil }

// Len gives the length of the entry's text in bytes.
func (e Entry) Len() int {
	if e.Bytes == nil {
		return num.IntLen(e.Int)
	}
	return len(e.Bytes)
}

// Append appends the entry's text to dst.
func (e Entry) Append(dst []byte) []byte {
	if e.Bytes == nil {
		return num.AppendInt(dst, e.Int)
	}
	return append(dst, e.Bytes...)
}

// Size gives the length in bytes that the header of the listpack at the start of b tells.
func Size(b []byte) int { return int(binary.LittleEndian.Uint32(b)) }

// Count gives the number of entries. It has to go through all of them when the header does not tell: with 65535 and more.
func Count(b []byte) int {
	if n := headerCount(b); n != unknownCount {
		return n
	}
	n := 0
	for off := First(b); off != 0; off = Next(b, off) {
		n++
	}
	return n
}

func headerCount(b []byte) int { return int(binary.LittleEndian.Uint16(b[4:])) }

// First gives the first entry, 0 when there is none.
func First(b []byte) int { return found(b, HeaderSize) }

// Next gives the entry after the one at off, 0 when that is the last.
func Next(b []byte, off int) int { return found(b, After(b, off)) }

// Last gives the last entry, 0 when there is none.
func Last(b []byte) int { return Prev(b, len(b)-1) }

// Prev gives the entry before off, which is an entry or the end of all (len(b)-1); 0 when there is none.
func Prev(b []byte, off int) int {
	if off == HeaderSize {
		return 0
	}
	n, width := backLen(b, off)
	return off - n - width
}

// Seek gives the entry with an index, from 0 on, or from the end with -1 for the last; 0 when there is none.
func Seek(b []byte, index int) int {
	n := headerCount(b)
	if n != unknownCount {
		if index < 0 {
			index += n
		}
		if index < 0 || index >= n {
			return 0
		}
		if index > n/2 {
			index -= n
		}
	}
	if index < 0 {
		off := Last(b)
		for ; off != 0 && index < -1; index++ {
			off = Prev(b, off)
		}
		return off
	}
	off := First(b)
	for ; off != 0 && index > 0; index-- {
		off = Next(b, off)
	}
	return off
}

// Get gives the entry at off.
func Get(b []byte, off int) Entry {
	e, _ := get(b, off)
	return e
}

// Read gives the entry at off and the one after it, 0 when there is none. It is Get and Next in one step.
func Read(b []byte, off int) (e Entry, next int) {
	e, n := get(b, off)
	return e, found(b, off+n+backLenSize(n))
}

// found gives off if there is an entry, 0 if there is the end.
func found(b []byte, off int) int {
	if b[off] == end {
		return 0
	}
	return off
}

// After gives the offset behind the entry at off, where another or the end is. Most are short strings.
func After(b []byte, off int) int {
	if c := b[off]; c&0xc0 == 0x80 {
		return off + 2 + int(c&0x3f)
	}
	return afterOther(b, off)
}

func afterOther(b []byte, off int) int {
	n := encodedSize(b[off:])
	return off + n + backLenSize(n)
}

// get gives the entry at off and its length but for the one that is read backwards.
func get(b []byte, off int) (e Entry, n int) {
	b = b[off:]
	switch c := b[0]; {
	case c < 0x80:
		return Entry{Int: int64(c)}, 1
	case c < 0xc0:
		n = 1 + int(c&0x3f)
		return Entry{Bytes: b[1:n:n]}, n
	case c < 0xe0:
		return Entry{Int: signed(uint64(c)<<8|uint64(b[1]), 13)}, 2
	case c < 0xf0:
		n = 2 + int(c&0x0f)<<8 + int(b[1])
		return Entry{Bytes: b[2:n:n]}, n
	case c == str32:
		n = 5 + int(binary.LittleEndian.Uint32(b[1:]))
		return Entry{Bytes: b[5:n:n]}, n
	case c == int16Code:
		return Entry{Int: int64(int16(binary.LittleEndian.Uint16(b[1:])))}, 3
	case c == int24Code:
		return Entry{Int: signed(uint64(b[1])|uint64(b[2])<<8|uint64(b[3])<<16, 24)}, 4
	case c == int32Code:
		return Entry{Int: int64(int32(binary.LittleEndian.Uint32(b[1:])))}, 5
	default:
		return Entry{Int: int64(binary.LittleEndian.Uint64(b[1:]))}, 9
	}
}

// signed gives the two's complement number in the low bits of u.
func signed(u uint64, bits uint) int64 { return int64(u<<(64-bits)) >> (64 - bits) }

// encodedSize gives the length of the entry that b begins with, but for the one that is read backwards.
func encodedSize(b []byte) int {
	switch c := b[0]; {
	case c < 0x80:
		return 1
	case c < 0xc0:
		return 1 + int(c&0x3f)
	case c < 0xe0:
		return 2
	case c < 0xf0:
		return 2 + int(c&0x0f)<<8 + int(b[1])
	case c == str32:
		return 5 + int(binary.LittleEndian.Uint32(b[1:]))
	case c == int64Code:
		return 9
	default:
		return 2 + int(c-str32)
	}
}

// backLenSize gives the bytes that a length of n takes in the form that is read backwards. The limits are those of Redis,
// which are one less than what fits.
func backLenSize(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 1<<14-1:
		return 2
	case n < 1<<21-1:
		return 3
	case n < 1<<28-1:
		return 4
	default:
		return 5
	}
}

// putBackLen writes a length of n into b, which is as long as it takes.
func putBackLen(b []byte, n int) {
	for i := len(b) - 1; i > 0; i-- {
		b[i] = byte(n)&0x7f | 0x80
		n >>= 7
	}
	b[0] = byte(n)
}

// backLen reads the length that ends before off, and the bytes that it takes; 0 bytes when it is not one.
func backLen(b []byte, off int) (n, width int) {
	for width = 1; width <= 5 && off-width >= 0; width++ {
		c := b[off-width]
		n |= int(c&0x7f) << (7 * (width - 1))
		if c < 0x80 {
			return n, width
		}
	}
	return 0, 0
}

// Equal tells whether the text of the entry at off is value.
func Equal(b []byte, off int, value []byte) bool {
	e := Get(b, off)
	if e.Bytes != nil {
		return string(e.Bytes) == string(value)
	}
	v, ok := num.ParseInt(value)
	return ok && v == e.Int
}

// Find gives the first entry from off on with the text value, 0 when there is none; off may be 0. Behind each entry that it
// compares it leaves out skip others: with 1 it looks at the fields of field-value pairs.
func Find(b []byte, off int, value []byte, skip int) int {
	if off == 0 {
		return 0
	}
	want, isInt := num.ParseInt(value)
	for b[off] != end {
		if c := b[off]; c&0xc0 == 0x80 { // most are short strings
			n := int(c & 0x3f)
			if n == len(value) && string(b[off+1:off+1+n]) == string(value) {
				return off
			}
			off += 2 + n
		} else {
			e, n := get(b, off)
			if e.Bytes == nil && isInt && e.Int == want || e.Bytes != nil && string(e.Bytes) == string(value) {
				return off
			}
			off += n + backLenSize(n)
		}
		for i := 0; i < skip && b[off] != end; i++ {
			off = After(b, off)
		}
	}
	return 0
}
