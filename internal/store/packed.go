// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/mem"

// A packed value is a small collection in one blob, which lies in the record or in a block and is changed in the middle.

// createPacked makes a key that is not there, with a packed value of that encoding and size, which the caller fills at once.
func (db *DB) createPacked(key []byte, typ Type, enc Encoding, size int) (Item, []byte) {
	shape := recordShape{typ: typ, enc: enc, valLen: size}
	if len(key)+size <= maxInline {
		it := db.create(key, shape)
		return it, it.rec.value()
	}
	heap := db.place(key).heap
	b := newBlock(heap, size)
	made := false
	defer func() {
		if !made {
			heap.Free(b.ref, b.size)
		}
	}()
	shape.valLen, shape.flags = blockSize, inBlock
	it := db.create(key, shape)
	made = true
	b.write(it.rec.value())
	return it, heap.Bytes(b.ref, size)
}

// gap says that cut bytes at a place of a packed value give way to n others.
type gap struct{ at, cut, n int }

// open copies a value but for the gap, whose bytes are undefined. dst may be src, otherwise they do not overlap.
func (g gap) open(dst, src []byte) {
	if &dst[0] != &src[0] {
		copy(dst, src[:g.at])
	} else if g.cut == g.n {
		return
	}
	copy(dst[g.at+g.n:], src[g.at+g.cut:])
}

// splice opens a gap in a packed value, for the caller to write into at once, and gives the value in place. Memory is
// allocated before anything changes. Where nothing is to be written none is needed: if there is none, the value keeps its
// size and its end is filled.
func (it *Item) splice(g gap, filler byte) []byte {
	src := it.Blob()
	size := len(src) - g.cut + g.n
	if it.rec.has(inBlock) {
		return it.spliceBlock(src, size, g, filler)
	}
	shape := it.shape()
	if shape.keyLen+size > maxInline {
		return it.spliceOut(src, size, g)
	}
	heap, was := it.t.heap, it.rec.size()
	shape.valLen = size
	n := shape.size()
	if mem.Usable(n) == mem.Usable(was) {
		dst := heap.Bytes(it.ref, n)[n-size:]
		g.open(dst, src)
		it.rec.setValLen(size)
		return dst
	}
	ref := alloc(heap, n, g.n > 0)
	if ref == 0 {
		return g.fill(src, filler)
	}
	rec := shape.write(heap.Pointer(ref), it.rec.key(), it.rec.access())
	dst := rec.value()
	g.open(dst, src)
	it.t.keys.Set(it.pos, ref)
	heap.Free(it.ref, was)
	it.ref, it.rec = ref, rec
	return dst
}

// fill closes the gap, into which nothing is to come, in place and fills the end.
func (g gap) fill(b []byte, filler byte) []byte {
	g.open(b, b)
	for i := len(b) - g.cut; i < len(b); i++ {
		b[i] = filler
	}
	return b
}

// spliceBlock is splice for a value in a block.
func (it *Item) spliceBlock(src []byte, size int, g gap, filler byte) []byte {
	heap, v := it.t.heap, it.rec.value()
	b := readBlock(v)
	if size > b.size || size < b.size/4 {
		room := mem.Usable(blockRoom(size, size > b.size))
		ref := alloc(heap, room, g.n > 0)
		if ref == 0 {
			return g.fill(src, filler)
		}
		g.open(heap.Bytes(ref, room), src)
		heap.Free(b.ref, b.size)
		b = block{ref: ref, size: room}
	} else {
		g.open(heap.Bytes(b.ref, b.size), src)
	}
	b.length = size
	b.write(v)
	return heap.Bytes(b.ref, b.size)[:size]
}

// spliceOut is splice for a value that gets too large to stay in its record.
func (it *Item) spliceOut(src []byte, size int, g gap) []byte {
	heap := it.t.heap
	b := newBlock(heap, blockRoom(size, true))
	b.length = size
	owned := false
	defer func() {
		if !owned {
			heap.Free(b.ref, b.size)
		}
	}()
	dst := heap.Bytes(b.ref, b.size)
	g.open(dst, src)
	shape := it.shape()
	shape.valLen, shape.flags = blockSize, shape.flags|inBlock
	it.reshape(shape)
	owned = true
	b.write(it.rec.value())
	return dst[:size]
}

// alloc is heap.Alloc, or gives 0 when there is no memory and it is not needed.
func alloc(heap *mem.Heap, n int, needed bool) (ref mem.Ref) {
	if needed {
		return heap.Alloc(n)
	}
	defer func() {
		if p := recover(); p != nil && p != error(mem.ErrNoMemory) {
			panic(p)
		}
	}()
	return heap.Alloc(n)
}
