// SPDX-License-Identifier: BSD-3-Clause

// Package pairs packs the fields and values of a small hash into one blob, in their order. It does what a listpack does for
// Redis in less memory: there is nothing to go backwards by, and a short field and value together cost one byte more than
// their texts, where a listpack needs four.
//
// A blob is
//
//	2 bytes  number of pairs, little-endian; 65535 when there are, or once were, that many or more
//	pairs
//	any number of bytes 0xff
//
// and a pair is one byte, the head, then the field, then the value. Four bits of the head are about each, the high ones
// about the field: they are the length of a text of up to 14 bytes, which is all there is of it, or 15. Then a byte says
// what follows:
//
//	0..247  a text of 15 bytes more than that
//	248     a text, its length before it in four bytes, little-endian
//	249     an integer in 2 bytes, little-endian; 250, 251, 252: in 3, 4, 8
//
// What reads as an integer, and prints as it was written, is kept as one where that is shorter. A text has only one form,
// so equal texts are equal in the blob.
//
// A pair is named by its offset; 0 means none. The functions that read trust the blob, which never comes from outside.
//
// A hash some of whose fields expire is a timed blob, a form of its own (see TimedHeader), for which there are functions
// of their own.
package pairs

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

const (
	// HeaderSize is the offset of the first pair, and the size of a blob without any.
	HeaderSize = 2
	// MaxText is the length in bytes beyond which a text cannot be packed.
	MaxText = math.MaxUint32
	// Filler is the byte that fills what is left of a blob behind its pairs.
	Filler = 0xff

	unknownCount = 65535

	escape = 15 // of four bits: more follows

	longText  = 248
	int16Kind = 249
	int24Kind = 250
	int32Kind = 251
	int64Kind = 252
)

// Value is a field or a value, read in place.
type Value struct {
	Bytes []byte // the text, part of the blob; nil for an integer, never nil for a text
	Int   int64  // the integer when Bytes is nil
}

// Count gives the number of pairs. It has to go through all of them when the header does not tell.
func Count(b []byte) int {
	n := int(binary.LittleEndian.Uint16(b))
	if n != unknownCount {
		return n
	}
	n = 0
	for off := First(b); off != 0; _, _, off = Read(b, off) {
		n++
	}
	return n
}

// AddCount changes the header's number of pairs by n.
func AddCount(b []byte, n int) {
	if old := binary.LittleEndian.Uint16(b); old != unknownCount {
		binary.LittleEndian.PutUint16(b, uint16(min(int(old)+n, unknownCount)))
	}
}

// SetCount makes n the header's number of pairs.
func SetCount(b []byte, n int) { binary.LittleEndian.PutUint16(b, uint16(min(n, unknownCount))) }

// First gives the first pair, 0 when there is none.
func First(b []byte) int { return found(b, HeaderSize) }

// found gives off if there is a pair, 0 if there is the end.
func found(b []byte, off int) int {
	if Ended(b, off) {
		return 0
	}
	return off
}

// Ended tells whether off, where a pair begins if there is one, is the end of the pairs.
func Ended(b []byte, off int) bool {
	return off >= len(b) || b[off] == Filler && (off+1 == len(b) || b[off+1] == Filler)
}

// Read gives the pair at off and the one after it, 0 when there is none.
func Read(b []byte, off int) (field, value Value, next int) {
	head := b[off]
	field, next = read(b, off+1, head>>4)
	value, next = read(b, next, head&15)
	return field, value, found(b, next)
}

// read gives the text or integer at off, and its end. four are the head's bits about it.
func read(b []byte, off int, four byte) (v Value, end int) {
	if four != escape {
		end = off + int(four)
		return Value{Bytes: b[off:end:end]}, end
	}
	kind := b[off]
	off++
	n := escape + int(kind)
	switch {
	case kind < longText:
	case kind == longText:
		n = int(binary.LittleEndian.Uint32(b[off:]))
		off += 4
	case kind == int16Kind:
		return Value{Int: int64(int16(binary.LittleEndian.Uint16(b[off:])))}, off + 2
	case kind == int24Kind:
		return Value{Int: int64(b[off]) | int64(b[off+1])<<8 | int64(int8(b[off+2]))<<16}, off + 3
	case kind == int32Kind:
		return Value{Int: int64(int32(binary.LittleEndian.Uint32(b[off:])))}, off + 4
	default:
		return Value{Int: int64(binary.LittleEndian.Uint64(b[off:]))}, off + 8
	}
	end = off + n
	return Value{Bytes: b[off:end:end]}, end
}

// Skip gives the end of the pair at off.
func Skip(b []byte, off int) (end int) {
	head := b[off]
	field, value := head>>4, head&15
	if field != escape && value != escape {
		return off + 1 + int(field) + int(value)
	}
	_, end = read(b, off+1, field)
	_, end = read(b, end, value)
	return end
}

// Find gives the pair of a field and the offset behind it. When there is none, off is 0 and end is the end of all pairs.
func Find(b, field []byte) (off, end int) {
	var t text
	t.encode(field)
	return t.find(b, HeaderSize)
}

// text is a text to be written, with its form chosen.
type text struct {
	bytes []byte
	int   int64
	size  int  // bytes behind the head
	four  byte // the head's bits
	kind  byte // with escape
}

// shortestInt is the length of the shortest text that can be an integer and longer than one's form.
const shortestInt = 4

// encode chooses a text's form.
func (t *text) encode(b []byte) {
	n := len(b)
	if n >= shortestInt && n <= num.MaxIntLen && b[0] <= '9' {
		if v, ok := num.ParseInt(b); ok {
			if t.encodeInt(v); t.size < n {
				return
			}
		}
	}
	t.encodeBytes(b)
}

// encodeBytes chooses the form of a text that is to stay one.
func (t *text) encodeBytes(b []byte) {
	t.bytes = b
	switch n := len(b); {
	case n < escape:
		t.size, t.four = n, byte(n)
	case n < escape+longText:
		t.size, t.four, t.kind = 1+n, escape, byte(n-escape)
	default:
		t.size, t.four, t.kind = 5+n, escape, longText
	}
}

func (t *text) encodeInt(v int64) {
	t.int, t.four = v, escape
	switch {
	case int64(int16(v)) == v:
		t.kind, t.size = int16Kind, 3
	case v<<40>>40 == v:
		t.kind, t.size = int24Kind, 4
	case int64(int32(v)) == v:
		t.kind, t.size = int32Kind, 5
	default:
		t.kind, t.size = int64Kind, 9
	}
}

// find is Find for a field whose form is known, from the pair at off on.
func (t *text) find(b []byte, off int) (found, end int) {
	field := t.bytes
	var last byte
	if len(field) > 0 {
		last = field[len(field)-1]
	}
	for ; off < len(b); off = end {
		head := b[off]
		four := head >> 4
		if four == escape || head&15 == escape {
			if Ended(b, off) {
				break
			}
			var v Value
			v, end = read(b, off+1, four)
			_, end = read(b, end, head&15)
			if four == t.four && t.is(v) {
				return off, end
			}
			continue
		}
		n := int(four)
		end = off + 1 + n + int(head&15)
		if four == t.four && (n == 0 || b[off+n] == last && string(b[off+1:off+1+n]) == string(field)) {
			return off, end
		}
	}
	return 0, off
}

// is tells whether the text is what was read as v.
func (t *text) is(v Value) bool {
	if v.Bytes == nil {
		return t.bytes == nil && v.Int == t.int
	}
	return string(v.Bytes) == string(t.bytes)
}

// put writes the text at off and gives the end.
func (t *text) put(b []byte, off int) (end int) {
	if t.four != escape {
		return off + copy(b[off:], t.bytes)
	}
	b[off] = t.kind
	off++
	switch t.kind {
	case int16Kind:
		binary.LittleEndian.PutUint16(b[off:], uint16(t.int))
		return off + 2
	case int24Kind:
		b[off], b[off+1], b[off+2] = byte(t.int), byte(t.int>>8), byte(t.int>>16)
		return off + 3
	case int32Kind:
		binary.LittleEndian.PutUint32(b[off:], uint32(t.int))
		return off + 4
	case int64Kind:
		binary.LittleEndian.PutUint64(b[off:], uint64(t.int))
		return off + 8
	case longText:
		binary.LittleEndian.PutUint32(b[off:], uint32(len(t.bytes)))
		off += 4
	}
	return off + copy(b[off:], t.bytes)
}

// Pair is a pair to be written. It refers to the slices that it was made of.
type Pair struct{ field, value text }

// Encode makes it the pair of these texts, which are of at most MaxText bytes. It must be a zero Pair.
func (p *Pair) Encode(field, value []byte) {
	p.field.encode(field)
	p.value.encode(value)
}

// EncodeRaw is Encode for a value that is kept as the bytes that it is, even if they read as an integer.
func (p *Pair) EncodeRaw(field, value []byte) {
	p.field.encode(field)
	p.value.encodeBytes(value)
}

// Find is Find for the pair's field.
func (p *Pair) Find(b []byte) (off, end int) { return p.field.find(b, HeaderSize) }

// Size gives the bytes that the pair takes.
func (p *Pair) Size() int { return 1 + p.field.size + p.value.size }

// Put writes the pair at off, where there is room for it, and gives its end. Its texts must not lie in b, nor is the count
// changed.
func (p *Pair) Put(b []byte, off int) (end int) {
	b[off] = p.field.four<<4 | p.value.four
	return p.value.put(b, p.field.put(b, off+1))
}
