// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/mem"
)

// An element of a large hash is one allocation: the lengths of field and value as two 32-bit words, then both.

const fieldHeader = 8

// fieldKey is the dict's way to an element's field.
func fieldKey(h *mem.Heap, e mem.Ref) []byte {
	n := binary.LittleEndian.Uint32(h.Bytes(e, fieldHeader))
	return h.Bytes(e, fieldHeader+int(n))[fieldHeader:]
}

// fieldValue gives an element's value in place.
func fieldValue(h *mem.Heap, e mem.Ref) []byte {
	head := h.Bytes(e, fieldHeader)
	f, v := int(binary.LittleEndian.Uint32(head)), int(binary.LittleEndian.Uint32(head[4:]))
	return h.Bytes(e, fieldHeader+f+v)[fieldHeader+f:]
}

// fieldSize gives the bytes that an element was allocated with.
func fieldSize(h *mem.Heap, e mem.Ref) int {
	head := h.Bytes(e, fieldHeader)
	return fieldHeader + int(binary.LittleEndian.Uint32(head)) + int(binary.LittleEndian.Uint32(head[4:]))
}

// newField allocates an element. Both slices are copied.
func newField(h *mem.Heap, field, value []byte) mem.Ref {
	size := fieldHeader + len(field) + len(value)
	e := h.Alloc(size)
	b := h.Bytes(e, size)
	binary.LittleEndian.PutUint32(b, uint32(len(field)))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(value)))
	copy(b[fieldHeader:], field)
	copy(b[fieldHeader+len(field):], value)
	return e
}

// freeField frees an element.
func freeField(h *mem.Heap, e mem.Ref) { h.Free(e, fieldSize(h, e)) }
