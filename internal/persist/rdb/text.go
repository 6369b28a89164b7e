// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// A length's first byte says by its two highest bits what follows:
//
//	00  the other six bits are the length
//	01  they are the upper bits of one of 14; a byte with the lower ones follows
//	10  with six bits 0 four bytes follow, with 1 eight: the length, big-endian
//	11  it is no length, but begins a text that is written in another way: the six bits are one of the forms below
const (
	lenForm  = 0xc0
	len14    = 0x40
	len32    = 0x80
	len64    = 0x81
	textForm = 0xc0

	textInt8  = 0 // an integer of one byte
	textInt16 = 1 // of two, little-endian
	textInt32 = 2 // of four
	textLZF   = 3 // two lengths, of the packed bytes and of the text, and the packed bytes
)

const (
	maxIntText  = 11 // bytes of a text past which it is not written as an integer
	minPackText = 21 // from which on it is packed
)

// appendLen appends a length.
func appendLen(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, len14|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, len32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, len64), n)
}

// lenSize gives the bytes that a length takes.
func lenSize(n uint64) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	case n <= math.MaxUint32:
		return 5
	}
	return 9
}

// appendInt appends the text of an integer.
func appendInt(b []byte, v int64) []byte {
	switch {
	case v == int64(int8(v)):
		return append(b, textForm|textInt8, byte(v))
	case v == int64(int16(v)):
		return binary.LittleEndian.AppendUint16(append(b, textForm|textInt16), uint16(v))
	case v == int64(int32(v)):
		return binary.LittleEndian.AppendUint32(append(b, textForm|textInt32), uint32(v))
	}
	b = appendLen(b, uint64(num.IntLen(v)))
	return num.AppendInt(b, v)
}

// shortInt gives the integer that a text is written as, if it is.
func shortInt(text []byte) (v int64, ok bool) {
	if len(text) > maxIntText || len(text) == 0 {
		return 0, false
	}
	v, ok = num.ParseInt(text)
	return v, ok && v == int64(int32(v))
}

// appendDouble appends a double as eight bytes, little-endian.
func appendDouble(b []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}
