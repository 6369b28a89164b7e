// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/redpoll/redpoll/internal/num"
)

// Value is a value to be written, with its encoding chosen.
type Value struct {
	bytes []byte
	int   int64
	isInt bool
	size  int // encoded, but for the length that is read backwards
}

// Bytes gives the value of a text, an integer where it reads as one. It refers to b.
func Bytes(b []byte) Value {
	if v, ok := num.ParseInt(b); ok {
		return Int(v)
	}
	return Text(b)
}

// Text gives the value of a text that is stored as a string. It refers to b.
func Text(b []byte) Value {
	switch n := len(b); {
	case n < 64:
		return Value{bytes: b, size: 1 + n}
	case n < 4096:
		return Value{bytes: b, size: 2 + n}
	default:
		return Value{bytes: b, size: 5 + n}
	}
}

// Value gives the entry's value, to be written elsewhere. It refers to the entry's blob.
func (e Entry) Value() Value {
	if e.Bytes == nil {
		return Int(e.Int)
	}
	return Text(e.Bytes)
}

// Int gives the value of an integer.
func Int(v int64) Value {
	size := 9
	switch {
	case v >= 0 && v <= 127:
		size = 1
	case v >= -1<<12 && v < 1<<12:
		size = 2
	case v >= math.MinInt16 && v <= math.MaxInt16:
		size = 3
	case v >= -1<<23 && v < 1<<23:
		size = 4
	case v >= math.MinInt32 && v <= math.MaxInt32:
		size = 5
	}
	return Value{int: v, isInt: true, size: size}
}

// Size gives the bytes that the value takes as an entry.
func (v Value) Size() int { return v.size + backLenSize(v.size) }

// Put writes the value as an entry into b, which has room for its Size, and gives that.
func (v Value) Put(b []byte) int {
	if v.isInt {
		v.putInt(b)
	} else {
		n := len(v.bytes)
		switch at := v.size - n; at {
		case 1:
			b[0] = 0x80 | byte(n)
		case 2:
			b[0], b[1] = 0xe0|byte(n>>8), byte(n)
		default:
			b[0] = str32
			binary.LittleEndian.PutUint32(b[1:], uint32(n))
		}
		copy(b[v.size-n:v.size], v.bytes)
	}
	total := v.Size()
	putBackLen(b[v.size:total], v.size)
	return total
}

func (v Value) putInt(b []byte) {
	u := uint64(v.int)
	switch v.size {
	case 1:
		b[0] = byte(u)
	case 2:
		b[0], b[1] = 0xc0|byte(u>>8)&0x1f, byte(u)
	case 3:
		b[0] = int16Code
		binary.LittleEndian.PutUint16(b[1:], uint16(u))
	case 4:
		b[0], b[1], b[2], b[3] = int24Code, byte(u), byte(u>>8), byte(u>>16)
	case 5:
		b[0] = int32Code
		binary.LittleEndian.PutUint32(b[1:], uint32(u))
	default:
		b[0] = int64Code
		binary.LittleEndian.PutUint64(b[1:], u)
	}
}

// AppendText appends an entry with a text, an integer where it reads as one, to the entries that dst ends with; Seal makes them a
// listpack. Most texts are short.
func AppendText(dst, text []byte) []byte {
	if n := len(text); n > 0 && n < 64 && text[0] > '9' { // no integer
		dst = append(dst, 0x80|byte(n))
		dst = append(dst, text...)
		return append(dst, byte(1+n))
	}
	return Bytes(text).append(dst)
}

// AppendEntry is AppendText for a text or integer that was read.
func AppendEntry(dst []byte, e Entry) []byte {
	switch {
	case e.Bytes != nil:
		return AppendText(dst, e.Bytes)
	case e.Int >= 0 && e.Int <= 127:
		return append(dst, byte(e.Int), 1)
	}
	return Int(e.Int).append(dst)
}

// append appends the value as an entry.
func (v Value) append(dst []byte) []byte {
	at, size := len(dst), v.Size()
	dst = slices.Grow(dst, size)[:at+size]
	v.Put(dst[at:])
	return dst
}

// AppendEmpty appends a listpack without entries to dst.
func AppendEmpty(dst []byte) []byte { return append(dst, EmptySize, 0, 0, 0, 0, 0, end) }

// Seal makes b, whose entries were put or moved there by hand, a listpack of count entries: it writes the header and the end.
func Seal(b []byte, count int) {
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint16(b[4:], uint16(min(count, unknownCount)))
	b[len(b)-1] = end
}

// Fits tells whether Redis would let a listpack of size bytes grow by add.
func Fits(size, add int) bool { return add <= MaxSize-size }

// Splice writes into dst the listpack src, with drop entries from off on replaced by the values, and gives it. off is an
// entry's, or len(src)-1 for the end; with fewer than drop entries left all of them go. dst needs a capacity of
// SpliceSize, and may be src itself (the same address), which is then changed in place; it must not overlap it otherwise,
// and no value may lie in dst. Splice panics when dst is too small, having changed nothing.
func Splice(dst, src []byte, off, drop int, values ...Value) []byte {
	tail, dropped := skip(src, off, drop)
	grow := off - tail
	for i := range values {
		grow += values[i].Size()
	}
	dst = dst[:len(src)+grow]
	if &dst[0] != &src[0] {
		copy(dst, src[:off])
	}
	if grow != 0 || &dst[0] != &src[0] {
		copy(dst[tail+grow:], src[tail:])
	}
	for i := range values {
		off += values[i].Put(dst[off:])
	}
	binary.LittleEndian.PutUint32(dst, uint32(len(dst)))
	if n := headerCount(dst); n != unknownCount {
		binary.LittleEndian.PutUint16(dst[4:], uint16(min(n-dropped+len(values), unknownCount)))
	}
	return dst
}

// SpliceSize gives the size of what Splice would give.
func SpliceSize(src []byte, off, drop int, values ...Value) int {
	tail, _ := skip(src, off, drop)
	size := len(src) + off - tail
	for i := range values {
		size += values[i].Size()
	}
	return size
}

// skip gives the offset behind n entries from off on, and how many there were.
func skip(b []byte, off, n int) (tail, passed int) {
	for ; passed < n && b[off] != end; passed++ {
		off = After(b, off)
	}
	return off, passed
}

// Insert writes into dst the listpack src with the value before the entry at off; len(src)-1 appends it. For dst see Splice.
func Insert(dst, src []byte, off int, v Value) []byte { return Splice(dst, src, off, 0, v) }

// SizeAfterInsert gives the size of src with the values added.
func SizeAfterInsert(src []byte, values ...Value) int {
	return SpliceSize(src, len(src)-1, 0, values...)
}

// Append writes into dst the listpack src with the values added at its end. For dst see Splice.
func Append(dst, src []byte, values ...Value) []byte {
	return Splice(dst, src, len(src)-1, 0, values...)
}

// Replace writes into dst the listpack src with the value in the place of the entry at off. For dst see Splice: in place,
// and with an entry as long as the old one, only the entry's bytes are written.
func Replace(dst, src []byte, off int, v Value) []byte { return Splice(dst, src, off, 1, v) }

// SizeAfterReplace gives the size of src with the value in the place of the entry at off.
func SizeAfterReplace(src []byte, off int, v Value) int { return SpliceSize(src, off, 1, v) }

// Delete writes into dst the listpack src without n entries from off on, or without as many as there are. For dst see
// Splice; src may always be changed in place.
func Delete(dst, src []byte, off, n int) []byte { return Splice(dst, src, off, n) }

// SizeAfterDelete gives the size of src without n entries from off on.
func SizeAfterDelete(src []byte, off, n int) int { return SpliceSize(src, off, n) }
