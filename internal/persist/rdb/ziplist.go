// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/store"
)

// A ziplist is what Redis packed small collections into up to version 6.2:
//
//	4 bytes  length of the whole in bytes, little-endian, as are all numbers but the lengths of texts
//	4 bytes  offset of the last entry, or of the end if there is none
//	2 bytes  number of entries; 65535 when there are that many or more
//	entries
//	1 byte   0xff
//
// and an entry is the size of the one before it (one byte, or with 254 the four after that), a byte that says what follows, and that:
//
//	00xxxxxx            a text of up to 63 bytes
//	01xxxxxx + 1 byte   a text of up to 16383 bytes, its length big-endian
//	10xxxxxx + 4 bytes  a text, its length big-endian
//	0xc0 d0 e0 f0 fe    an integer of 2, 4, 8, 3, 1 bytes
//	0xf1..0xfd          an integer from 0 to 12
const (
	ziplistHeader = 10
	ziplistEnd    = 0xff
	ziplistLong   = 254
	ziplistLeast  = 0xf1 // stands for 0
	ziplistMost   = 0xfd
	ziplistMany   = math.MaxUint16
)

// ziplist is one that is read, and checked on the way.
type ziplist struct {
	b    []byte
	off  int // of the next entry
	last int // of the one before it, 0 if there is none
	n    int // entries before it
	bad  bool
}

// openZiplist begins to read a ziplist.
func openZiplist(b []byte) ziplist {
	z := ziplist{b: b, off: ziplistHeader}
	z.bad = len(b) < ziplistHeader+1 || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) || b[len(b)-1] != ziplistEnd ||
		uint64(binary.LittleEndian.Uint32(b[4:])) > uint64(len(b)-1)
	return z
}

// next gives the next entry; false at the end, or when the ziplist is corrupt.
func (z *ziplist) next() (v store.Value, ok bool) {
	if z.bad || z.off == len(z.b)-1 {
		return v, false
	}
	begin := z.off
	rest := z.b[begin : len(z.b)-1]
	before, head := uint64(rest[0]), 1
	if before >= ziplistLong {
		if head = 5; before == ziplistEnd || len(rest) < head {
			z.bad = true
			return v, false
		}
		before = uint64(binary.LittleEndian.Uint32(rest[1:]))
	}
	if z.n > 0 && before != uint64(begin-z.last) || z.n == 0 && before != 0 {
		z.bad = true
		return v, false
	}
	v, size := zipEntry(rest[head:])
	if size == 0 {
		z.bad = true
		return v, false
	}
	z.last = begin
	z.off += head + size
	z.n++
	return v, true
}

// zipEntry reads an entry but for the size of the one before it, and gives its own size, 0 when it is none.
func zipEntry(b []byte) (v store.Value, size int) {
	if len(b) == 0 {
		return v, 0
	}
	c := b[0]
	if c < 0xc0 {
		return zipText(b)
	}
	if c >= ziplistLeast && c <= ziplistMost {
		return store.Value{Int: int64(c - ziplistLeast)}, 1
	}
	width := 0
	switch c {
	case 0xfe:
		width = 1
	case 0xc0:
		width = 2
	case 0xf0:
		width = 3
	case 0xd0:
		width = 4
	case 0xe0:
		width = 8
	default:
		return v, 0
	}
	if len(b) <= width {
		return v, 0
	}
	u := uint64(0)
	for i := width; i > 0; i-- {
		u = u<<8 | uint64(b[i])
	}
	shift := 64 - 8*width
	return store.Value{Int: int64(u<<shift) >> shift}, 1 + width
}

// zipText is zipEntry for a text.
func zipText(b []byte) (v store.Value, size int) {
	n, head := uint64(b[0]&0x3f), 1
	switch b[0] & 0xc0 {
	case 0x40:
		if head = 2; len(b) < head {
			return v, 0
		}
		n = n<<8 | uint64(b[1])
	case 0x80:
		if head = 5; len(b) < head {
			return v, 0
		}
		n = uint64(binary.BigEndian.Uint32(b[1:]))
	}
	if n > uint64(len(b)-head) {
		return v, 0
	}
	end := head + int(n)
	return store.Value{Bytes: b[head:end:end]}, end
}

// sound tells, at the end, whether the ziplist was what it should be.
func (z *ziplist) sound() bool {
	if z.bad || z.off != len(z.b)-1 {
		return false
	}
	if z.n > 0 && int(binary.LittleEndian.Uint32(z.b[4:])) != z.last {
		return false
	}
	count := int(binary.LittleEndian.Uint16(z.b[8:]))
	return count == ziplistMany || count == z.n
}
