// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/lzf"
	"github.com/redpoll/redpoll/internal/mem"
)

// A leaf of a large list is a block: a header, and room for the data, which lie somewhere in it. So elements are added and removed
// at either end without moving others.
//
// The data are a listpack, or a text that is an element by itself since it is too long for one, or a listpack that is squeezed, in
// the LZF format, and fills the room.

// leafForm is what the data of a leaf are.
type leafForm uint8

const (
	leafPacked leafForm = iota
	leafPlain
	leafSqueezed
)

// leafHeader is what a leaf begins with.
type leafHeader struct {
	room int64  // bytes
	size int64  // bytes of the data
	at   uint32 // where in the room the data begin; if they are squeezed, their size when they are not
	form leafForm
}

const leafHeaderSize = int(unsafe.Sizeof(leafHeader{}))

// leaf is a view of a leaf.
type leaf struct {
	*leafHeader
	heap *mem.Heap
	ref  mem.Ref
}

func leafAt(h *mem.Heap, ref mem.Ref) leaf {
	return leaf{leafHeader: (*leafHeader)(h.Pointer(ref)), heap: h, ref: ref}
}

// leafSize gives the bytes that a leaf was allocated with.
func leafSize(h *mem.Heap, ref mem.Ref) int { return leafHeaderSize + int(leafAt(h, ref).room) }

// newLeaf allocates a leaf with undefined data of that size, at the beginning of room for as much as is given at least.
func newLeaf(h *mem.Heap, form leafForm, size, room int) leaf {
	n := mem.Usable(leafHeaderSize + max(room, size))
	l := leafAt(h, h.Alloc(n))
	*l.leafHeader = leafHeader{room: int64(n - leafHeaderSize), size: int64(size), form: form}
	return l
}

func (l leaf) free() { l.heap.Free(l.ref, leafHeaderSize+int(l.room)) }

// all gives the room for the data.
func (l leaf) all() []byte { return l.heap.Bytes(l.ref, leafHeaderSize+int(l.room))[leafHeaderSize:] }

// data gives the data in place.
func (l leaf) data() []byte {
	b := l.all()
	if l.form == leafPacked {
		b = b[l.at:]
	}
	return b[:l.size:l.size]
}

// entrySize gives the bytes that the data have when they are not squeezed.
func (l leaf) entrySize() int {
	if l.form == leafSqueezed {
		return int(l.at)
	}
	return int(l.size)
}

// listpack gives the listpack of a leaf that is not plain: in place, or unpacked into room, which is given back for the next time.
func (l leaf) listpack(room []byte) (b, roomNow []byte) {
	if l.form != leafSqueezed {
		return l.data(), room
	}
	if cap(room) < int(l.at) {
		room = make([]byte, l.at)
	}
	room = room[:l.at]
	l.unpack(room)
	return room, room
}

// unpack writes what is squeezed in the leaf into b.
func (l leaf) unpack(b []byte) {
	if err := lzf.Unpack(b, l.data()); err != nil {
		panic("store: a leaf does not unpack")
	}
}

// each calls fn with n elements of the leaf, or as many as there are, from the index from on, until it gives false, and tells
// whether it never did. Elements of a squeezed leaf are unpacked to memory of their own.
func (l leaf) each(from, n int, reverse bool, fn func(v Value) bool) bool {
	if l.form == leafPlain {
		return fn(Value{Bytes: l.data()})
	}
	b, _ := l.listpack(nil)
	return eachEntry(b, from, n, reverse, fn)
}

// open opens a gap in the data of a packed leaf, which has the room, and gives the data for the caller to put entries into the
// gap and seal. Of what lies before the gap and behind it, that is moved which is shorter, if there is room on its side.
func (l leaf) open(g gap) []byte {
	all, at, size := l.all(), int(l.at), int(l.size)
	grow := g.n - g.cut
	size += grow
	tail := all[at+g.at+g.cut : at+int(l.size)]
	before, behind := at >= grow, at+size <= len(all)
	to := at
	switch {
	case before && (g.at <= len(tail) || !behind):
		to = at - grow
	case behind:
	case g.at <= len(tail):
		to = len(all) - size
	default:
		to = 0
	}
	head := all[at : at+g.at]
	if to <= at {
		copy(all[to:], head)
		copy(all[to+g.at+g.n:], tail)
	} else {
		copy(all[to+g.at+g.n:], tail)
		copy(all[to:], head)
	}
	l.at, l.size = uint32(to), int64(size)
	return l.data()
}

// toEnd moves the data of a packed leaf to the end of its room, or leaves those of another where they are.
func (l leaf) toEnd() {
	if l.form == leafPacked && l.size < l.room {
		at := l.room - l.size
		copy(l.all()[at:], l.data())
		l.at = uint32(at)
	}
}

// seekEntry gives the offset of the entry with an index in a listpack of so many, or of the end.
func seekEntry(b []byte, i, count int) int {
	if i >= count {
		return len(b) - 1
	}
	return listpack.Seek(b, i)
}
