// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/mem"
)

// An element of a large hash is one allocation: the lengths of field and value, then both. A length below longLen is one
// byte, a greater one the byte longLen and eight more.
const longLen = 255

func lenSize(n int) int {
	if n < longLen {
		return 1
	}
	return 9
}

func putLen(b []byte, n int) (size int) {
	if n < longLen {
		b[0] = byte(n)
		return 1
	}
	b[0] = longLen
	binary.LittleEndian.PutUint64(b[1:], uint64(n))
	return 9
}

// lenAt reads the length that lies so many bytes into an element, and gives its end.
func lenAt(h *mem.Heap, e mem.Ref, off int) (n, end int) {
	if n = int(h.Bytes(e, off+1)[off]); n < longLen {
		return n, off + 1
	}
	return int(binary.LittleEndian.Uint64(h.Bytes(e, off+9)[off+1:])), off + 9
}

// element says where the parts of an element lie: from field to value the field, from value to size the value.
type element struct{ field, value, size int }

func elementAt(h *mem.Heap, e mem.Ref) element {
	fieldLen, off := lenAt(h, e, 0)
	valueLen, off := lenAt(h, e, off)
	return element{field: off, value: off + fieldLen, size: off + fieldLen + valueLen}
}

func elementFor(fieldLen, valueLen int) element {
	off := lenSize(fieldLen) + lenSize(valueLen)
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

// newField allocates an element. Both slices are copied.
func newField(h *mem.Heap, field, value []byte) mem.Ref {
	el := elementFor(len(field), len(value))
	e := h.Alloc(el.size)
	b := h.Bytes(e, el.size)
	n := putLen(b, len(field))
	putLen(b[n:], len(value))
	copy(b[el.field:], field)
	copy(b[el.value:], value)
	return e
}

// setField gives an element another value, in place if that fits: else it is a new element that is given, and the old one is
// freed.
func setField(h *mem.Heap, e mem.Ref, value []byte) mem.Ref {
	old := elementAt(h, e)
	el := elementFor(old.value-old.field, len(value))
	if el.field == old.field && mem.Usable(el.size) == mem.Usable(old.size) {
		b := h.Bytes(e, el.size)
		putLen(b[lenSize(el.value-el.field):], len(value))
		copy(b[el.value:], value)
		return e
	}
	moved := newField(h, h.Bytes(e, old.value)[old.field:], value)
	h.Free(e, old.size)
	return moved
}

// freeField frees an element.
func freeField(h *mem.Heap, e mem.Ref) { h.Free(e, elementAt(h, e).size) }

// addField puts a new element into a table that has no such field. Nothing stays of it when the table has no memory to grow.
func addField(t *dict.Table, hash uint64, field, value []byte) {
	e := newField(t.Heap, field, value)
	added := false
	defer func() {
		if !added {
			freeField(t.Heap, e)
		}
	}()
	t.Insert(hash, e)
	added = true
}
