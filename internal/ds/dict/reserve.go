// SPDX-License-Identifier: BSD-3-Clause

package dict

import "github.com/redpoll/redpoll/internal/mem"

// Reserve makes room for n entries in all, which are going to be put into a table that has a few of them already: it gets the segments
// that it would come to by growing, at a time when there is little in them to be moved. Where memory is short it gets fewer. It costs
// nothing to say so again. When not so many entries come, Fit gives back what was too much.
func (t *Table) Reserve(n int) {
	if t.Root.n == 0 || n>>t.depth() < minSplit+splitSpread || t.Heap.Freezing() {
		return
	}
	defer func() {
		if p := recover(); p != nil && p != mem.ErrNoMemory {
			panic(p)
		}
	}()
	for w := word(t.Root.word); w.depth() == 0 && w.log() < maxLog; w = word(t.Root.word) {
		t.double(w)
	}
	for slot := uint32(0); slot < 1<<t.depth(); {
		w := *t.at(slot)
		if n>>w.depth() < w.limit() || w.depth() == maxDepth {
			slot += t.width(w)
			continue
		}
		if w.depth() == t.depth() {
			t.doubleDirectory()
			slot *= 2
		}
		t.split(slot, w)
	}
}

// Fit makes a table that has far fewer entries than there is room for as small as one is that entries were taken out of.
func (t *Table) Fit() {
	if t.Heap.Freezing() {
		return
	}
	for d := t.depth(); d > 0 && t.Root.n>>d < mergeLimit/2; d-- {
		t.mergeAll(d)
		if t.depth() >= d {
			return
		}
	}
	for w := word(t.Root.word); w.depth() == 0 && w.log() > 0 && int(t.Root.n) <= slots<<w.log()/halveDenom; w = word(t.Root.word) {
		if t.halve(w); word(t.Root.word) == w {
			return
		}
	}
}

// mergeAll joins the segments of a depth with their buddies, as far as they have few enough entries.
func (t *Table) mergeAll(depth uint) {
	for slot := uint32(0); slot < 1<<t.depth(); {
		w := *t.at(slot)
		width := t.width(w)
		if w.depth() != depth || slot&width != 0 {
			slot += width
			continue
		}
		before := t.depth()
		t.merge(slot, width)
		slot = (slot + 2*width) >> (before - t.depth())
	}
}
