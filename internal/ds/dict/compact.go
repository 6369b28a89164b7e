// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

// Compact goes through the table by segments, and through a segment by its buckets: a cursor is the 26 bits that choose the
// segment and, below them, the six that choose the bucket. A segment that splits between two calls stays in that order. Of one
// that merges with the one before it, where the cursor is, some entries are passed over.

// Compact moves the blocks of one chain off sparse pages (see mem.Heap.Relocate) and gives the cursor for the next call; the
// cursor 0 begins and is given at the end. With a segment's first chain the segment moves too. fn is called with each entry
// and gives where its record lies now, which it may have moved; it must not change the table. It never needs memory.
//
// The directory stays where it is: it would have to be freed before the root names another, and whoever prefetches reads it.
func (t *Table) Compact(cursor uint32, fn func(e mem.Ref) mem.Ref) (next uint32) {
	if t.Root.word == 0 {
		return 0
	}
	slot := cursor >> fieldBits >> (maxDepth - t.depth())
	first := t.firstSlot(slot, *t.at(slot))
	index := cursor & (maxBuckets - 1) >> (maxLog - t.at(first).log())
	if index == 0 {
		t.compactSegment(first)
	}
	w := *t.at(first)
	if ahead := index + lookahead; ahead < 1<<w.log() {
		t.prefetch(t.bucket(w.ref() + mem.Ref(ahead)*bucketSize/unit))
	}
	t.compactChain(t.bucket(w.ref()+mem.Ref(index)*bucketSize/unit), fn)
	if invariants.Enabled && index == 0 {
		t.mustHold(first)
	}

	if index++; index < 1<<w.log() {
		return cursor&^(maxBuckets-1) | index<<(maxLog-w.log())
	}
	return (first + t.width(w)) << (maxDepth - t.depth()) << fieldBits // behind the last segment that is 0
}

// compactChain moves a chain's overflow buckets and shows its entries.
func (t *Table) compactChain(b *bucket, fn func(e mem.Ref) mem.Ref) {
	for {
		for s := b.taken(); s != 0; s &= s - 1 {
			i := s.first()
			e := b.entry(i)
			if moved := fn(e); moved != e {
				b.setEntry(i, moved)
			}
		}
		r := b.next()
		if r == 0 {
			return
		}
		if moved := t.Heap.Relocate(r, bucketSize); moved != 0 {
			b.setEntry(linkSlot, moved)
			r = moved
		}
		b = t.bucket(r)
	}
}

// compactSegment moves the segment whose head is in a slot.
func (t *Table) compactSegment(first uint32) {
	w := *t.at(first)
	r := t.Heap.Relocate(w.ref(), segmentSize(w.log()))
	if r == 0 {
		return
	}
	w = w&^refMask | word(r)
	if t.depth() == 0 {
		t.publish(w)
		return
	}
	t.setWords(first, t.width(w), w)
}
