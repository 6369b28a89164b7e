// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"maps"
	"slices"
)

// A journal is a second way into a heap, for changes of one structure that may have to be undone. To the structure's code it is a
// heap of its own, all of whose blocks are frozen but for those that it has handed out itself: so whatever is there is copied
// before it is written to, and what is freed of it is kept. The structure's root, which no block contains, is its owner's to keep.
//
// Terms:
//
//   - The base is the heap that the blocks come from, and that they go back to.
//   - A block is fresh if the journal has handed it out and not taken it back, and spent if the journal was given it and it is not fresh.
//
// Invariants:
//
//   - Spent blocks are in use in the base until Keep.
//   - Nothing else frees a fresh block, or one that the structure had at the beginning.

// journal is what a heap that is one has for it.
type journal struct {
	base  *Heap
	fresh map[Ref]int // sizes
	spent []spentBlock
}

type spentBlock struct {
	ref  Ref
	size int
}

// keptFresh is how many fresh blocks a journal has room for that is to be used again.
const keptFresh = 1024

// NewJournal gives a journal of an arena's heaps. It is of no use before Begin.
func (a *Arena) NewJournal() *Heap {
	return &Heap{view: a.pool.space.view, arena: a, line: 1, freezes: &freezes{}, journal: &journal{fresh: map[Ref]int{}}}
}

// Begin makes a heap the base of a journal that has none. From then on the structure whose changes it is for is changed by it alone.
func (h *Heap) Begin(base *Heap) { h.journal.base, h.live = base, base.live }

// Keep frees what is spent, and leaves the journal without a base: the changes stay.
func (h *Heap) Keep() {
	j := h.journal
	for _, b := range j.spent {
		j.base.Free(b.ref, b.size)
	}
	j.end()
}

// Undo frees what is fresh, and leaves the journal without a base: every block that was there at the beginning is what it was.
// It needs no memory.
func (h *Heap) Undo() {
	j := h.journal
	for _, ref := range slices.Sorted(maps.Keys(j.fresh)) { // in an order that does not change from run to run
		j.base.Free(ref, j.fresh[ref])
	}
	j.end()
}

func (j *journal) end() {
	if len(j.fresh) > keptFresh {
		j.fresh = map[Ref]int{}
	}
	clear(j.fresh)
	if cap(j.spent) > keptFresh {
		j.spent = nil
	}
	j.base, j.spent = nil, j.spent[:0]
}

// journalAlloc is Alloc of a journal.
func (h *Heap) journalAlloc(n int) Ref {
	j := h.journal
	before := j.base.live
	r := j.base.Alloc(n)
	j.fresh[r] = n
	h.live += j.base.live - before
	return r
}

// journalFree is Free of a journal.
func (h *Heap) journalFree(r Ref, n int) {
	j := h.journal
	h.live -= int64(Usable(n))
	if _, ok := j.fresh[r]; ok {
		delete(j.fresh, r)
		j.base.Free(r, n)
		return
	}
	j.spent = append(j.spent, spentBlock{r, n})
}

// frozen is Frozen of a journal. A block may be frozen although it is fresh: a reader of the base may have come since.
func (j *journal) frozen(r Ref) bool {
	_, fresh := j.fresh[r]
	return !fresh || j.base.Freezing() && j.base.Frozen(r)
}
