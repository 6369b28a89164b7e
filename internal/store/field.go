// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/mem"
)

// An element of a large hash is one allocation: the lengths of field and value, then both. A length below timedField is one
// byte, a greater one the byte longLen and eight more. In front of all, one whose field expires has the byte timedField and
// the time in Unix milliseconds, eight bytes.
const (
	timedField = 254
	longLen    = 255

	fieldTimeSize = 9
)

// ElementCost is more than what an element of a hash or a set takes beside its texts, its place in the table and rounding among it,
// in bytes.
const ElementCost = 32

func lenSize(n int) int {
	if n < timedField {
		return 1
	}
	return 9
}

func putLen(b []byte, n int) (size int) {
	if n < timedField {
		b[0] = byte(n)
		return 1
	}
	b[0] = longLen
	binary.LittleEndian.PutUint64(b[1:], uint64(n))
	return 9
}

// lenAt reads the length that lies so many bytes into an element, and gives its end.
func lenAt(h *mem.Heap, e mem.Ref, off int) (n, end int) {
	if n = int(h.Bytes(e, off+1)[off]); n < timedField {
		return n, off + 1
	}
	return int(binary.LittleEndian.Uint64(h.Bytes(e, off+9)[off+1:])), off + 9
}

// element says where the parts of an element lie: from field to value the field, from value to size the value.
type element struct{ field, value, size int }

func elementAt(h *mem.Heap, e mem.Ref) element {
	off := 0
	if h.Bytes(e, 1)[0] == timedField {
		off = fieldTimeSize
	}
	fieldLen, off := lenAt(h, e, off)
	valueLen, off := lenAt(h, e, off)
	return element{field: off, value: off + fieldLen, size: off + fieldLen + valueLen}
}

func elementFor(fieldLen, valueLen int, timed bool) element {
	off := lenSize(fieldLen) + lenSize(valueLen)
	if timed {
		off += fieldTimeSize
	}
	return element{field: off, value: off + fieldLen, size: off + fieldLen + valueLen}
}

// fieldKey is the dict's way to an element's field.
func fieldKey(h *mem.Heap, e mem.Ref) []byte {
	el := elementAt(h, e)
	return h.Bytes(e, el.value)[el.field:]
}

// fieldPair gives an element's field and value in place.
func fieldPair(h *mem.Heap, e mem.Ref) (field, value []byte) {
	el := elementAt(h, e)
	b := h.Bytes(e, el.size)
	return b[el.field:el.value:el.value], b[el.value:]
}

// fieldValue gives an element's value in place.
func fieldValue(h *mem.Heap, e mem.Ref) []byte {
	_, value := fieldPair(h, e)
	return value
}

// fieldTime gives the Unix milliseconds at which an element's field expires, 0 when it does not.
func fieldTime(h *mem.Heap, e mem.Ref) int64 {
	if h.Bytes(e, 1)[0] != timedField {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(h.Bytes(e, fieldTimeSize)[1:]))
}

// putFieldTime writes the time of an element that has one.
func putFieldTime(b []byte, at int64) {
	b[0] = timedField
	binary.LittleEndian.PutUint64(b[1:], uint64(at))
}

// newField allocates an element whose field expires at that time (Unix ms), or never with 0. Both slices are copied.
func newField(h *mem.Heap, field, value []byte, at int64) mem.Ref {
	el := elementFor(len(field), len(value), at != 0)
	e := h.Alloc(el.size)
	b := h.Bytes(e, el.size)
	if at != 0 {
		putFieldTime(b, at)
	}
	n := el.field - lenSize(len(field)) - lenSize(len(value))
	n += putLen(b[n:], len(field))
	putLen(b[n:], len(value))
	copy(b[el.field:], field)
	copy(b[el.value:], value)
	return e
}

// replaceField gives the element at a place of a table another value and time, in place if that fits and it is not frozen: else
// it is a new element then, and the old one is freed. The value may be the element's own. Nothing has changed when memory is
// refused.
func replaceField(t *dict.Table, pos dict.Pos, e mem.Ref, value []byte, at int64) {
	h, old := t.Heap, elementAt(t.Heap, e)
	el := elementFor(old.value-old.field, len(value), at != 0)
	timed := h.Bytes(e, 1)[0] == timedField
	fits := timed == (at != 0) && el.field == old.field && mem.Usable(el.size) == mem.Usable(old.size)
	if fits && !(h.Freezing() && h.Frozen(e)) {
		b := h.Bytes(e, el.size)
		if timed {
			putFieldTime(b, at)
		}
		putLen(b[el.field-lenSize(len(value)):], len(value))
		copy(b[el.value:], value)
		return
	}
	moved := newField(h, h.Bytes(e, old.value)[old.field:], value, at)
	placed := false
	defer func() {
		if !placed {
			freeField(h, moved)
		}
	}()
	t.Set(pos, moved)
	placed = true
	h.Free(e, old.size)
}

// freeField frees an element.
func freeField(h *mem.Heap, e mem.Ref) { h.Free(e, elementAt(h, e).size) }

// addField puts a new element into a table that has no such field; at is as for newField. Nothing stays of it when the table
// has no memory to grow.
func addField(t *dict.Table, hash uint64, field, value []byte, at int64) {
	e := newField(t.Heap, field, value, at)
	added := false
	defer func() {
		if !added {
			freeField(t.Heap, e)
		}
	}()
	t.Insert(hash, e)
	added = true
}
