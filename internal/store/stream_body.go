// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// A stream is a tree of leaves (ds/entries), which are found by their master IDs, and a state: all else that there is to know of it,
// and where its other parts begin. Unlike other values it may be empty.
//
// Invariants:
//
//   - The tree counts entries and tombstones, the state the entries alone. A leaf's key is the Ms of its master ID; those of one Ms
//     are in the order of the Seqs.
//   - Whatever changes in a stream changes the state (see Stream.change): by that it is known whether a frozen view is still good.
//   - What a part consists of lies in the stream's heap. What of it is frozen is copied before it is written to, and so is what leads
//     there, up to the state.

// streamState lies in the record, or in the big value. It has no Go pointers.
type streamState struct {
	last       StreamID // the greatest ID that there has been
	first      StreamID // of the first entry; the zero ID if there is none
	maxDeleted StreamID // the greatest ID that was deleted (XDEL)
	added      uint64   // entries that there have ever been
	live       int64    // entries
	changes    uint64   // how often it was changed
	groups     mem.Ref  // 0: none
	idmp       mem.Ref  // what is known of producers of entries; 0: nothing
}

// streamRoot is what a record with EncStream keeps of its stream.
type streamRoot struct {
	treeRoot // its weight is that of all parts
	state    streamState
}

const streamRootSize = int(unsafe.Sizeof(streamRoot{}))

// streamPart is what there is to know of something that a stream may have besides its entries. ref gives in place where it begins, 0 if
// there is none, in which case the others are not called.
type streamPart struct {
	ref func(s *streamState) *mem.Ref
	// blocks tells about how many blocks it has, and size about how many bytes. samples is how many of many alike are looked at, tick
	// is called every so often and its error ends the counting.
	blocks func(v body) int
	size   func(v body, samples int, tick func() error) (int64, error)
	// drain frees up to about max blocks, and tells whether there are none any more; the reference is 0 then.
	drain func(v body, max int, free func(r mem.Ref, size int)) (done bool)
	// copy makes the part of an empty body, which may be of another heap, one of the same. Blocks of more than limit bytes are not
	// copied; see leafKind. When it fails, or panics, the new body's reference leads to what there is, for drain.
	copy func(to, from body, limit int, tick func() error) error
	// compact goes on with a walk, has move tell where blocks lie now, and tells whether there is more. at begins as its zero value.
	compact func(v body, at *partCursor, move func(r mem.Ref, size int) mem.Ref) (more bool)
}

// streamParts lists them.
func streamParts() []streamPart { return []streamPart{groupsPart(), idmpPart()} }

// eachPart calls fn with the parts that a body has, until it gives false.
func (v body) eachPart(fn func(p streamPart) bool) {
	if v.enc != EncStream {
		return
	}
	for _, p := range streamParts() {
		if *p.ref(v.state) != 0 && !fn(p) {
			return
		}
	}
}

// copyStream is leafKind.copy for streams.
func copyStream(to, from body, limit int, tick func() error) error {
	if err := copyLeaves(to, from, limit, tick); err != nil {
		return err
	}
	s := *from.state
	s.groups, s.idmp = 0, 0
	*to.state = s
	var err error
	from.eachPart(func(p streamPart) bool {
		err = p.copy(to, from, limit, tick)
		return err == nil
	})
	return err
}

// entryBlock gives a leaf of a stream in place.
func entryBlock(h *mem.Heap, leaf mem.Ref) entries.Block {
	return entries.Block(h.Bytes(leaf, entryBlockSize(h, leaf)))
}

// entryBlockSize gives the bytes that a leaf of a stream was allocated with.
func entryBlockSize(h *mem.Heap, leaf mem.Ref) int { return entries.RoomAt(h.Pointer(leaf)) }

// block gives the leaf of a stream at the cursor.
func (v body) block(c *tree.Cursor) entries.Block { return entryBlock(v.heap, c.Leaf()) }

// findBlock puts the cursor at the last leaf that begins at an ID or before it, the first one if there is none; false when there is no
// leaf.
func (v body) findBlock(c *tree.Cursor, id StreamID) bool {
	return v.leaves().Search(c, id.Ms, func(leaf mem.Ref) bool {
		return entryBlock(v.heap, leaf).Master().Seq <= id.Seq
	})
}

// ownBlock gives the leaf at the cursor as one that may be written to, as may the way to it. It may panic with mem.ErrNoMemory, having
// changed nothing.
func (v body) ownBlock(c *tree.Cursor) entries.Block {
	v.leaves().Own(c)
	leaf := c.Leaf()
	if !v.heap.Freezing() || !v.heap.Frozen(leaf) {
		return entryBlock(v.heap, leaf)
	}
	return v.resizeBlock(c, entryBlockSize(v.heap, leaf))
}

// resizeBlock puts a copy of the leaf at the cursor, with room for as many bytes, in its place. The way to it may be written to. It may
// panic with mem.ErrNoMemory, having changed nothing.
func (v body) resizeBlock(c *tree.Cursor, room int) entries.Block {
	old := v.block(c)
	room = mem.Usable(room)
	leaf, was := v.heap.Alloc(room), c.Leaf()
	b := entries.Block(v.heap.Bytes(leaf, room))
	copy(b, old[:old.Size()])
	b.SetRoom(room)
	size := old.Room()
	v.leaves().Set(c, leaf, c.Count(), c.Key())
	v.heap.Free(was, size)
	return b
}

// findFirst works out the first entry.
func (v body) findFirst() {
	v.state.first = StreamID{}
	var c tree.Cursor
	for ok := v.leaves().First(&c); ok; ok = c.Next() {
		w, e := v.block(&c).Walk(), entries.Entry{}
		for w.Next(&e) {
			if !e.Deleted() {
				v.state.first = e.ID()
				return
			}
		}
	}
}
