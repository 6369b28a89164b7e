// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/mem"
)

// createPacked makes a key that is not there, with a listpack of the values, which is of that size.
func (db *DB) createPacked(key []byte, typ Type, size int, values []listpack.Value) Item {
	var empty [listpack.EmptySize]byte
	src := listpack.AppendEmpty(empty[:0])
	shape := recordShape{typ: typ, enc: EncListpack, valLen: size}
	if len(key)+size <= maxInline {
		it := db.create(key, shape)
		listpack.Append(it.rec.value(), src, values...)
		return it
	}
	heap := db.place(key).heap
	b := newBlock(heap, size)
	listpack.Append(heap.Bytes(b.ref, b.size), src, values...)
	shape.valLen, shape.flags = blockSize, inBlock
	it := db.create(key, shape)
	b.write(it.rec.value())
	return it
}

// splice replaces drop entries of a listpack from off on by the values; see listpack.Splice. Memory is allocated before
// anything changes.
func (db *DB) splice(it *Item, off, drop int, values ...listpack.Value) {
	src := it.Blob()
	size := listpack.SpliceSize(src, off, drop, values...)
	if it.rec.has(inBlock) {
		it.spliceBlock(src, size, off, drop, values)
		return
	}
	shape := it.shape()
	if shape.keyLen+size > maxInline {
		it.spliceOut(src, size, off, drop, values)
		return
	}
	heap, was := it.t.heap, it.rec.size()
	shape.valLen = size
	if n := shape.size(); mem.Usable(n) == mem.Usable(was) {
		dst := heap.Bytes(it.ref, n)[n-size:]
		listpack.Splice(dst, src, off, drop, values...)
		it.rec.setValLen(size)
		return
	}
	ref := heap.Alloc(shape.size())
	rec := shape.write(heap.Pointer(ref), it.rec.key(), it.rec.access())
	listpack.Splice(rec.value(), src, off, drop, values...)
	it.t.keys.Set(it.pos, ref)
	heap.Free(it.ref, was)
	it.ref, it.rec = ref, rec
}

// spliceBlock is splice for a value in a block.
func (it *Item) spliceBlock(src []byte, size, off, drop int, values []listpack.Value) {
	heap, v := it.t.heap, it.rec.value()
	b := readBlock(v)
	if size <= b.size && size >= b.size/4 {
		listpack.Splice(heap.Bytes(b.ref, b.size), src, off, drop, values...)
	} else {
		other := newBlock(heap, blockRoom(size, size > b.size))
		listpack.Splice(heap.Bytes(other.ref, other.size), src, off, drop, values...)
		heap.Free(b.ref, b.size)
		b = other
	}
	b.length = size
	b.write(v)
}

// spliceOut is splice for a value that gets too large to stay in its record.
func (it *Item) spliceOut(src []byte, size, off, drop int, values []listpack.Value) {
	heap := it.t.heap
	b := newBlock(heap, blockRoom(size, true))
	owned := false
	defer func() {
		if !owned {
			heap.Free(b.ref, b.size)
		}
	}()
	listpack.Splice(heap.Bytes(b.ref, b.size), src, off, drop, values...)
	b.length = size
	shape := it.shape()
	shape.valLen, shape.flags = blockSize, shape.flags|inBlock
	it.reshape(shape)
	b.write(it.rec.value())
	owned = true
}
