// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/cells"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// An array is a tree of blocks of cells (ds/cells), which are found by their first index, and a state.
//
// Invariants: a block of more than one cell has no more than cellLimit bytes. What of an array is frozen is copied before it is written to,
// and so is what leads there.

// cellLimit is the bytes up to which a block takes more cells: the more there are, the longer one is looked for.
const cellLimit = 512

// arrayState lies in the record, or in the big value.
type arrayState struct {
	next uint64 // the index at which ARINSERT goes on; math.MaxUint64: there is none
}

// arrayRoot is what a record with EncArray keeps of its array.
type arrayRoot struct {
	treeRoot
	state arrayState
}

const arrayRootSize = int(unsafe.Sizeof(arrayRoot{}))

// copyArray is leafKind.copy for arrays.
func copyArray(to, from body, limit int, tick func() error) error {
	*to.array = *from.array
	return copyLeaves(to, from, limit, tick)
}

// cellBlock gives a leaf of an array in place.
func cellBlock(h *mem.Heap, leaf mem.Ref) cells.Block {
	return cells.Block(h.Bytes(leaf, cellBlockSize(h, leaf)))
}

// cellBlockSize gives the bytes that a leaf of an array was allocated with.
func cellBlockSize(h *mem.Heap, leaf mem.Ref) int { return cells.RoomAt(h.Pointer(leaf)) }

// cells gives the leaf of an array at the cursor.
func (v body) cells(c *tree.Cursor) cells.Block { return cellBlock(v.heap, c.Leaf()) }

// findCells puts the cursor at the last leaf that begins at an index or before it, the first one if there is none; false when there is
// no leaf.
func (v body) findCells(c *tree.Cursor, index uint64) bool {
	return v.leaves().Search(c, index, func(mem.Ref) bool { return true })
}

// roomForCells gives the room for a block that is to have so many bytes and may grow.
func roomForCells(size int) int {
	if size < cellLimit {
		return min(size+size/2, cellLimit)
	}
	return size
}

// addCells puts a cell into a leaf of its own, behind that at the cursor or before it, with room for so many bytes at least.
func (v body) addCells(c *tree.Cursor, index uint64, text []byte, behind bool, room int) {
	room = mem.Usable(max(cells.FirstSize(text), room))
	leaf := v.heap.Alloc(room)
	cells.Begin(cells.Block(v.heap.Bytes(leaf, room)), index, text)
	placeLeaf(v.leaves(), c, leaf, room, 1, index, behind)
}

// replaceCells puts another leaf, with as much room, in the place of that at the cursor; fill is given the old one and the new one. The
// way to it may be written to. It may panic with mem.ErrNoMemory, having changed nothing.
func (v body) replaceCells(c *tree.Cursor, room int, fill func(old, b cells.Block)) {
	old, was := v.cells(c), c.Leaf()
	room = mem.Usable(room)
	leaf := v.heap.Alloc(room)
	fill(old, cells.Block(v.heap.Bytes(leaf, room)))
	size := old.Room()
	v.leaves().Set(c, leaf, c.Count(), c.Key())
	v.heap.Free(was, size)
}

// changeCells makes a change of the leaf at the cursor, and takes back the room of a long text that is no longer there. It may panic with
// mem.ErrNoMemory, having changed nothing; not to take cells away, unless the leaf or the way to it is frozen.
func (v body) changeCells(c *tree.Cursor, change *cells.Change) {
	b := v.cells(c)
	v.leaves().Own(c)
	size := b.Size() + change.Size()
	room := roomForCells(size)
	if size > b.Room() || b.Room() > max(cellLimit, 2*room) || v.frozenCells(c) {
		v.replaceCells(c, room, func(old, b cells.Block) { old.MakeIn(b, change) })
	} else {
		b.Make(change)
	}
	b = v.cells(c)
	v.leaves().Set(c, c.Leaf(), b.Len(), b.First())
}

// frozenCells tells whether the leaf at the cursor must not be written to.
func (v body) frozenCells(c *tree.Cursor) bool { return v.heap.Freezing() && v.heap.Frozen(c.Leaf()) }

// splitCells makes two of the leaf at the cursor, which has more than one cell. The cursor is no longer good then.
func (v body) splitCells(c *tree.Cursor) {
	v.leaves().Own(c)
	if v.frozenCells(c) {
		v.replaceCells(c, v.cells(c).Room(), func(old, b cells.Block) {
			copy(b, old[:old.Size()])
			b.SetRoom(len(b))
		})
	}
	at, size := v.cells(c).Split()
	room := mem.Usable(size)
	leaf := v.heap.Alloc(room)
	tail := cells.Block(v.heap.Bytes(leaf, room))
	v.cells(c).MoveTail(tail, at)
	insertLeaf(v.leaves(), c, leaf, room, tail.Len(), at)
	c.Prev()
	b := v.cells(c)
	cut := b.Delete(at, math.MaxUint64)
	b.Make(&cut)
	v.leaves().Set(c, c.Leaf(), b.Len(), b.First())
}

// setCell writes a cell and tells whether there was none.
func (v body) setCell(index uint64, text []byte) (added bool) {
	for {
		var c tree.Cursor
		if !v.findCells(&c, index) {
			v.addCells(&c, index, text, true, 0)
			return true
		}
		b := v.cells(&c)
		change, added := b.Put(index, text)
		size := b.Size() + change.Size()
		switch {
		case size <= cellLimit || !added && b.Len() == 1:
			v.changeCells(&c, &change)
			return added
		case added && index > b.Last():
			v.addCells(&c, index, text, true, min(size, cellLimit))
			return true
		case added && index < b.First():
			v.addCells(&c, index, text, false, min(size, cellLimit))
			return true
		}
		v.splitCells(&c)
	}
}

// deleteCells takes away the cells between two indices, these included, but not all that there are, and tells how many there were.
func (v body) deleteCells(from, to uint64, tick func() error) (removed int) {
	for n := 1; ; n++ {
		var c tree.Cursor
		if v.findCells(&c, from); v.cells(&c).Last() < from && !c.Next() {
			return removed
		}
		b := v.cells(&c)
		if b.First() > to {
			return removed
		}
		if from <= b.First() && b.Last() <= to {
			removed += b.Len()
			leaf, room := c.Leaf(), b.Room()
			v.leaves().Remove(&c)
			v.heap.Free(leaf, room)
		} else {
			change := b.Delete(from, to)
			removed -= change.Cells()
			v.changeCells(&c, &change)
			if to <= v.cells(&c).Last() {
				return removed
			}
		}
		if n%tickEvery == 0 {
			_ = tick()
		}
	}
}
