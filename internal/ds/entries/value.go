// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"encoding/binary"
	"math/bits"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/num"
)

// A text begins with a byte that says what follows:
//
//	0..0xbf         a text of so many bytes
//	0xc0..0xdf      nothing: it is an integer from 0 to 31
//	0xe0..0xe7      1 to 8 bytes of an integer, little-endian
//	0xe8..0xeb      1 to 4 bytes of a length, little-endian, and a text of so many bytes
//
// A text that reads as an integer, and prints as it was written, is one.
const (
	smallInt = 0xc0
	longInt  = 0xe0
	longText = 0xe8
)

// value is a text that is to be written.
type value struct {
	text  []byte
	int   int64
	isInt bool
}

func valueOf(text []byte) value {
	n, ok := num.ParseInt(text)
	return value{text: text, int: n, isInt: ok}
}

// valueOfEntry gives the value that an entry of a listpack has.
func valueOfEntry(e listpack.Entry) value {
	if e.Bytes == nil {
		return value{int: e.Int, isInt: true}
	}
	return valueOf(e.Bytes)
}

// intBytes gives the bytes that a signed integer takes.
func intBytes(n int64) int { return bits.Len64(uint64(n^n>>63))/8 + 1 }

// size gives the bytes that a value takes.
func (v value) size() int {
	switch n := len(v.text); {
	case v.isInt && uint64(v.int) < longInt-smallInt:
		return 1
	case v.isInt:
		return 1 + intBytes(v.int)
	case n < smallInt:
		return 1 + n
	default:
		return 1 + (bits.Len(uint(n))+7)/8 + n
	}
}

// packed gives the bytes that it takes in a listpack.
func (v value) packed() int {
	if v.isInt {
		return listpack.Int(v.int).Size()
	}
	return listpack.Text(v.text).Size()
}

// put writes a value and gives its size.
func (v value) put(b []byte) int {
	var room [8]byte
	switch n := len(v.text); {
	case v.isInt && uint64(v.int) < longInt-smallInt:
		b[0] = smallInt + byte(v.int)
		return 1
	case v.isInt:
		n := intBytes(v.int)
		binary.LittleEndian.PutUint64(room[:], uint64(v.int))
		b[0] = longInt + byte(n-1)
		return 1 + copy(b[1:], room[:n])
	case n < smallInt:
		b[0] = byte(n)
		return 1 + copy(b[1:], v.text)
	default:
		w := (bits.Len(uint(n)) + 7) / 8
		binary.LittleEndian.PutUint64(room[:], uint64(n))
		b[0] = longText + byte(w-1)
		copy(b[1:], room[:w])
		return 1 + w + copy(b[1+w:], v.text)
	}
}

// little reads a little-endian number of as many bytes as there are.
func little(b []byte) (n uint64) {
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// readValue gives the value at a place and the place behind it.
func readValue(b []byte, at int) (v listpack.Entry, next int) {
	head := int(b[at])
	at++
	switch {
	case head < smallInt:
		next = at + head
		return listpack.Entry{Bytes: b[at:next:next]}, next
	case head < longInt:
		return listpack.Entry{Int: int64(head - smallInt)}, at
	case head < longText:
		n := head - longInt + 1
		shift := 64 - 8*n
		return listpack.Entry{Int: int64(little(b[at:at+n])<<shift) >> shift}, at + n
	default:
		w := head - longText + 1
		next = at + w + int(little(b[at:at+w]))
		return listpack.Entry{Bytes: b[at+w : next : next]}, next
	}
}

// skipValues gives the place behind n values.
func skipValues(b []byte, at, n int) int {
	for ; n > 0; n-- {
		head := int(b[at])
		at++
		switch {
		case head < smallInt:
			at += head
		case head < longInt:
		case head < longText:
			at += head - longInt + 1
		default:
			w := head - longText + 1
			at += w + int(little(b[at:at+w]))
		}
	}
	return at
}

// uvarint gives the number in the form of encoding/binary at a place, and its size; most have one byte.
func uvarint(b []byte, at int) (n uint64, size int) {
	if c := b[at]; c < 0x80 {
		return uint64(c), 1
	}
	return binary.Uvarint(b[at:])
}

// uvarintSize gives the bytes of a number in the form of encoding/binary.
func uvarintSize(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }
