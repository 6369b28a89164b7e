// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

const (
	// Two segments become one when they have no more entries than this together, of 640 slots: half of what splits one,
	// so that a table does not swing between both.
	mergeLimit = 256
	// A merge that would take an overflow bucket waits: it is tried once in so many removals.
	mergeEvery = 16
	// The only segment halves when it is no fuller than one in so many.
	halveDenom = 5
)

// Remove takes the entry at a place out. It does not look at the entry's record, nor at any other's. While the heap is frozen
// it may panic with mem.ErrNoMemory, having changed nothing.
func (t *Table) Remove(p Pos) {
	if t.Heap.Freezing() {
		p = t.ownPlace(p)
	}
	head := t.head(p.dir)
	w := *head
	t.take(w.ref()+mem.Ref(p.index)*bucketSize/unit, p)
	if w.count() < full {
		w -= 1 << countShift
		*head = w
	}
	t.Root.n--
	switch {
	case t.Root.n == 0:
		t.freeSegments()
	case w.depth() > 0:
		t.tryMerge(p.dir, w)
	case w.log() > 0 && int(t.Root.n) <= slots<<w.log()/halveDenom:
		t.halve(w)
	}
}

// take removes the entry at p from the chain that begins with the bucket at r, and keeps the chain's form: its last entry
// fills the hole.
func (t *Table) take(r mem.Ref, p Pos) {
	hole, last := t.bucket(p.bucket), t.bucket(r)
	if last.linked == 0 {
		hole.tags[p.slot] = 0
		return
	}
	var before *bucket
	for next := last.next(); next != 0; next = last.next() {
		before, last, r = last, t.bucket(next), next
	}
	i := last.taken().first()
	hole.put(int(p.slot), last.tags[i], last.entry(i))
	last.tags[i] = 0
	if last.count() == 1 {
		i = last.taken().first()
		before.linked = 0
		before.put(linkSlot, last.tags[i], last.entry(i))
		t.free(r, bucketSize)
	}
}

// halve gives the only segment half its buckets, if that takes no overflow bucket.
func (t *Table) halve(w word) {
	log := w.log() - 1
	pair := func(i mem.Ref) (a, b *bucket) {
		r := w.ref() + 2*i*bucketSize/unit
		return t.bucket(r), t.bucket(r + bucketSize/unit)
	}
	for i := range mem.Ref(1) << log {
		if !t.joins(pair(i)) {
			return
		}
	}
	r := t.tryAlloc(segmentSize(log))
	if r == 0 {
		return
	}
	for i := range mem.Ref(1) << log {
		a, b := pair(i)
		t.join(a, b, t.bucket(r+i*bucketSize/unit))
	}
	t.publish(makeWord(r, int(log), 0, int(t.Root.n)))
	t.free(w.ref(), segmentSize(w.log()))
	if invariants.Enabled {
		t.mustHold(0)
	}
}

// tryMerge joins the segment at a slot with the one it was split from, its buddy, if they have shrunk enough.
func (t *Table) tryMerge(slot uint32, w word) {
	if w.count() > mergeLimit {
		return
	}
	width := t.width(w)
	first := t.firstSlot(slot, w) &^ width
	if (t.at(first).count()+t.at(first|width).count())%mergeEvery == 0 {
		t.merge(first, width)
	}
}

// merge joins the segments of width slots each from first on, if they are buddies and have few enough entries.
func (t *Table) merge(first, width uint32) {
	a, b := *t.at(first), *t.at(first | width)
	total := a.count() + b.count()
	if a.depth() != b.depth() || total > mergeLimit {
		return
	}
	for i := range mem.Ref(maxBuckets) {
		if !t.joins(t.bucket(a.ref()+i*bucketSize/unit), t.bucket(b.ref()+i*bucketSize/unit)) {
			return
		}
	}
	if t.Heap.Freezing() {
		if !t.tryOwn(first) || !t.tryOwn(first|width) {
			return
		}
		a, b = *t.at(first), *t.at(first | width)
	}
	for i := range mem.Ref(maxBuckets) {
		to := t.bucket(a.ref() + i*bucketSize/unit)
		t.join(to, t.bucket(b.ref()+i*bucketSize/unit), to)
	}
	if a.depth() == t.depth() {
		t.Root.deep -= 2
	}
	t.setWords(first, 2*width, makeWord(a.ref(), maxLog, int(a.depth())-1, total))
	t.free(b.ref(), segmentSize(maxLog))
	d := t.depth()
	for t.Root.deep == 0 && t.depth() > 0 && t.halveDirectory() {
	}
	if invariants.Enabled {
		t.mustHold(first >> (d - t.depth()))
	}
}

// freeSegments makes a table without entries one without memory.
func (t *Table) freeSegments() {
	root := word(t.Root.word)
	t.publish(0)
	if root.depth() == 0 {
		t.free(root.ref(), segmentSize(root.log()))
		return
	}
	for slot := uint32(0); slot < 1<<root.depth(); {
		w := *t.dirWord(root.ref(), slot)
		t.free(w.ref(), segmentSize(maxLog))
		slot += 1 << (root.depth() - w.depth())
	}
	t.free(root.ref(), unit<<root.depth())
	t.Root.deep = 0
}

// halveDirectory makes the directory, as deep as which no segment is, one bit less deep; false when there is no memory.
func (t *Table) halveDirectory() bool {
	d, old := t.depth(), word(t.Root.word).ref()
	if d == 1 {
		t.publish(*t.at(0))
		t.Root.deep = 0
		t.free(old, 2*unit)
		return true
	}
	r := t.tryAlloc(unit << (d - 1))
	if r == 0 {
		return false
	}
	deep := uint32(0)
	for i := range uint32(1) << (d - 1) {
		w := *t.at(2 * i)
		*t.dirWord(r, i) = w
		if w.depth() == d-1 {
			deep++
		}
	}
	t.publishDir(r, d-1)
	t.Root.deep = deep
	t.free(old, unit<<d)
	return true
}
