// SPDX-License-Identifier: BSD-3-Clause

package dict

import "github.com/redpoll/redpoll/internal/mem"

// While the table's heap is frozen (see mem.Heap.Freeze) a copy of the Root is the table as it was then, for as long as the
// freeze is open: what is frozen is not written to. A segment is copied, with its overflow buckets, before one of its chains
// is changed, and the directory before one of its words is; the table goes on with the copies.
//
// Invariant: an open freeze that does not see a segment sees none of its overflow buckets. They were allocated after it.

// own makes the directory and the segment at a slot ones that are not frozen, and gives the segment's word, with its count
// if the slot is its head. It panics with mem.ErrNoMemory, having changed nothing of what the table holds.
func (t *Table) own(slot uint32) word {
	if root := word(t.Root.word); root.depth() > 0 && t.Heap.Frozen(root.ref()) {
		size := unit << root.depth()
		r := t.alloc(size)
		copy(t.Heap.Bytes(r, size), t.Heap.Bytes(root.ref(), size))
		t.publishDir(r, root.depth())
		t.free(root.ref(), size)
	}
	w := *t.at(slot)
	if !t.Heap.Frozen(w.ref()) {
		return w
	}
	first := t.firstSlot(slot, w)
	head := *t.at(first)
	head = head&^refMask | word(t.copySegment(w))
	if t.depth() == 0 {
		t.publish(head)
	} else {
		t.setWords(first, t.width(w), head)
	}
	return *t.at(slot)
}

// tryOwn is own for what is good to have only; false when there is no memory.
func (t *Table) tryOwn(slot uint32) (done bool) {
	defer func() {
		if e := recover(); e != nil && e != mem.ErrNoMemory {
			panic(e)
		}
	}()
	t.own(slot)
	return true
}

// copySegment gives a copy of a segment with its overflow buckets, and frees these.
func (t *Table) copySegment(w word) mem.Ref {
	size := segmentSize(w.log())
	r := t.alloc(size)
	copy(t.Heap.Bytes(r, size), t.Heap.Bytes(w.ref(), size))
	var room, oldRoom [16]mem.Ref
	made, old := room[:0], oldRoom[:0]
	whole := false
	defer func() {
		if !whole {
			t.freeBuckets(made)
			t.free(r, size)
		}
	}()
	for i := range mem.Ref(1) << w.log() {
		b := t.bucket(r + i*bucketSize/unit)
		for over := b.next(); over != 0; over = b.next() {
			to := t.alloc(bucketSize)
			made, old = append(made, to), append(old, over)
			*t.bucket(to) = *t.bucket(over)
			b.setEntry(linkSlot, to)
			b = t.bucket(to)
		}
	}
	whole = true
	t.freeBuckets(old)
	t.free(w.ref(), size)
	return r
}

// ownPlace is own for the segment of an entry, and gives where that is now.
func (t *Table) ownPlace(p Pos) Pos {
	was := *t.at(p.dir)
	now := t.own(p.dir)
	if was.ref() == now.ref() {
		return p
	}
	r := was.ref() + mem.Ref(p.index)*bucketSize/unit
	to := now.ref() + mem.Ref(p.index)*bucketSize/unit
	for r != p.bucket { // what was copied is frozen: it can still be read
		r, to = t.bucket(r).next(), t.bucket(to).next()
	}
	p.bucket = to
	return p
}
