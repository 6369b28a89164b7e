// SPDX-License-Identifier: BSD-3-Clause

// Package intset keeps a set of integers as one sorted array. A blob is, byte for byte, what Redis keeps in memory and in files
// for such a set:
//
//	4 bytes  width of an element in bytes: 2, 4 or 8, little-endian
//	4 bytes  number of elements, little-endian
//	elements in ascending order, two's complement, little-endian
//
// A blob may be followed by bytes that do not count. All elements have the width that the widest of them needs, or once needed.
// The functions trust the blob: Valid tells whether one from outside can be trusted. Its owner resizes it (see Insert).
package intset

import (
	"encoding/binary"
	"math"
)

const (
	// HeaderSize is the size of a blob without elements.
	HeaderSize = 8
	// MaxLen is the greatest number of elements that there may be, as in Redis.
	MaxLen = 1 << 30
)

// Width gives the bytes that an element takes which holds v.
func Width(v int64) int {
	switch {
	case v == int64(int16(v)):
		return 2
	case v == int64(int32(v)):
		return 4
	}
	return 8
}

// SizeFor gives the bytes of a blob with n elements of a width.
func SizeFor(n, width int) int { return HeaderSize + n*width }

// Init makes b an empty set whose elements have a width of 2, 4 or 8.
func Init(b []byte, width int) {
	binary.LittleEndian.PutUint32(b, uint32(width))
	setLen(b, 0)
}

// Len gives the number of elements.
func Len(b []byte) int { return int(binary.LittleEndian.Uint32(b[4:])) }

// Size gives the bytes that count.
func Size(b []byte) int { return SizeFor(Len(b), ElementSize(b)) }

func setLen(b []byte, n int) { binary.LittleEndian.PutUint32(b[4:], uint32(n)) }

// ElementSize gives the width of all elements in bytes.
func ElementSize(b []byte) int { return int(binary.LittleEndian.Uint32(b)) }

// At gives the element with that number, from 0 on in ascending order.
func At(b []byte, i int) int64 { return get(b, i, ElementSize(b)) }

func get(b []byte, i, width int) int64 {
	p := b[HeaderSize+i*width:]
	switch width {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(p)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(p)))
	}
	return int64(binary.LittleEndian.Uint64(p))
}

func put(b []byte, i, width int, v int64) {
	p := b[HeaderSize+i*width:]
	switch width {
	case 2:
		binary.LittleEndian.PutUint16(p, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(p, uint32(v))
	default:
		binary.LittleEndian.PutUint64(p, uint64(v))
	}
}

// Find gives the number of the element v, or of the first that is greater, and tells whether v is there.
func Find(b []byte, v int64) (i int, ok bool) {
	w, n := ElementSize(b), Len(b)
	if n > 0 && get(b, n-1, w) < v { // elements often come in ascending order
		return n, false
	}
	lo, hi := 0, n
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if get(b, mid, w) < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < n && get(b, lo, w) == v
}

// Grown gives the bytes of the blob once it has v, which it has not, as well.
func Grown(b []byte, v int64) int { return SizeFor(Len(b)+1, max(ElementSize(b), Width(v))) }

// Insert puts v, which is not there, before the i-th element, which Find gave for it. The blob has room for Grown bytes.
func Insert(b []byte, i int, v int64) {
	w, n := ElementSize(b), Len(b)
	if wide := Width(v); wide > w {
		widen(b, wide)
		w = wide
	}
	from := HeaderSize + i*w
	copy(b[from+w:], b[from:HeaderSize+n*w])
	put(b, i, w, v)
	setLen(b, n+1)
}

// widen gives the elements another width. From the last to the first none is written over before it was read.
func widen(b []byte, to int) {
	from := ElementSize(b)
	for i := Len(b) - 1; i >= 0; i-- {
		put(b, i, to, get(b, i, from))
	}
	binary.LittleEndian.PutUint32(b, uint32(to))
}

// Append puts v behind all elements: it is greater than any, and no wider than they are.
func Append(b []byte, v int64) {
	n := Len(b)
	put(b, n, ElementSize(b), v)
	setLen(b, n+1)
}

// Remove takes the i-th element out. The blob has as many bytes less that count as it gives.
func Remove(b []byte, i int) (less int) {
	w, n := ElementSize(b), Len(b)
	from := HeaderSize + i*w
	copy(b[from:], b[from+w:HeaderSize+n*w])
	setLen(b, n-1)
	return w
}

// Valid tells whether b is a blob with nothing behind it, whose elements are sorted and all different.
func Valid(b []byte) bool {
	if len(b) < HeaderSize {
		return false
	}
	switch ElementSize(b) {
	case 2, 4, 8:
	default:
		return false
	}
	if n := binary.LittleEndian.Uint32(b[4:]); n > MaxLen || Size(b) != len(b) {
		return false
	}
	last := int64(math.MinInt64)
	for i := range Len(b) {
		v := At(b, i)
		if i > 0 && v <= last {
			return false
		}
		last = v
	}
	return true
}
