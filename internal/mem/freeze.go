// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"slices"

	"github.com/redpoll/redpoll/internal/invariants"
)

// A freeze keeps the blocks that a heap has at one moment as they are, for somebody who reads them without the owner's lock
// while the owner goes on. The owner copies a block that is frozen instead of writing to it, and frees the old one.
//
// Terms:
//
//   - A freeze is open until it is thawed. Then it is closed, and leaves the heap when Sweep has cleared away what it leaves.
//   - A run has an epoch: that of the heap when it was taken, which every freeze ends. A freeze sees the runs of the
//     epochs up to its last.
//   - A span is sealed while an open freeze sees it: it gives no blocks. So an open freeze sees a block exactly if it sees
//     its run.
//   - A block that was freed while an open freeze saw it is dead: it waits with the newest of those that see it.
//
// Invariants:
//
//   - The freezes of a heap, closed ones included, are in a list by their last epochs, no two of which are equal.
//   - A span with a block to give is in the list of the oldest freeze, open or closed, that sees it, and in the heap's
//     partial list if there is none.
//   - A dead block of a freeze is not seen by any open freeze after it.
//
// What clears a freeze away is that its dead blocks are freed, or handed to an older open freeze that sees them, and its
// spans go to the next freeze, or to the heap's partial list, with the epoch after its last: no older one sees them.

// maxEpoch is the last epoch that a page's book-keeping can tell. Past it the epochs are counted anew.
const maxEpoch = 1<<16 - 1

// Freeze is one moment of a heap.
type Freeze struct {
	last   uint16 // epoch
	closed bool
	dead   *graves            // what waits to be freed
	spans  [numClasses]uint32 // lists of spans with a block to give
}

// graves is a list of dead blocks, in pieces so that it grows at an even pace. It lies on the Go heap: to free must not
// need what Alloc may refuse.
type graves struct {
	next *graves
	n    int
	refs [126]Ref
}

// freezes is what a heap keeps of its freezes.
type freezes struct {
	list   []*Freeze // by last epoch
	newest *Freeze   // of the open ones; nil when there is none
}

// Freeze makes all blocks of the heap frozen: until the freeze is thawed they keep their place and contents, whatever is
// freed meanwhile. It takes a time that does not depend on the heap's size. Any number may be open; past some 65,000 of one
// heap it panics with ErrNoMemory.
//
// The owner must not write to a block that is Frozen, may free it, and sees to it that Sweep is called after the Thaw.
// Any goroutine may read frozen blocks that were in use at the time of the Freeze, by Pointer or Bytes, until the Thaw.
func (h *Heap) Freeze() *Freeze {
	if h.epoch == maxEpoch {
		h.renumber()
	}
	if h.freezes == nil {
		h.freezes = &freezes{}
	}
	f := &Freeze{last: h.epoch, spans: h.partial}
	h.partial = [numClasses]uint32{}
	h.freezes.list = append(h.freezes.list, f)
	h.freezes.newest = f
	h.epoch++
	h.line = h.epoch
	return f
}

// Freezing tells whether a freeze is open, so that a block may be Frozen.
func (h *Heap) Freezing() bool { return h.line != 0 }

// Frozen tells whether the block at r is seen by an open freeze: it must not be written to, though it may be freed.
func (h *Heap) Frozen(r Ref) bool {
	if h.journal != nil {
		return h.journal.frozen(r)
	}
	_, m := h.runOf(r)
	return m.epoch < h.line
}

// Thaw ends a freeze of this heap that is open. Nobody reads what only it saw any more.
func (h *Heap) Thaw(f *Freeze) {
	if f.closed {
		panic("mem: freeze is thawed twice")
	}
	f.closed = true
	if f == h.freezes.newest {
		h.freezes.newest = h.openBefore(len(h.freezes.list))
		h.drawLine()
	}
}

// drawLine works out which epochs are frozen.
func (h *Heap) drawLine() {
	h.line = 0
	if f := h.freezes.newest; f != nil {
		h.line = f.last + 1
	}
}

// openBefore gives the newest open freeze of those before place i in the list, nil when there is none.
func (h *Heap) openBefore(i int) *Freeze {
	for i--; i >= 0; i-- {
		if f := h.freezes.list[i]; !f.closed {
			return f
		}
	}
	return nil
}

// Sweep clears away up to about max blocks and spans that closed freezes have left, and tells whether there is more of them.
func (h *Heap) Sweep(max int) (more bool) {
	for i := 0; h.freezes != nil && i < len(h.freezes.list); {
		f := h.freezes.list[i]
		if !f.closed {
			i++
			continue
		}
		max = h.clearDead(f, h.openBefore(i), max)
		if max = h.clearSpans(f, max); max <= 0 {
			return true
		}
		h.freezes.remove(i)
		if len(h.freezes.list) == 0 {
			h.freezes = nil
		}
	}
	return false
}

// remove takes a freeze out of the list; the oldest, which is the usual one, without moving the others.
func (z *freezes) remove(i int) {
	if i > 0 {
		z.list = slices.Delete(z.list, i, i+1)
		return
	}
	z.list[0] = nil
	z.list = z.list[1:]
}

// clearDead frees the dead blocks of a closed freeze that the open one before it, if there is one, does not see, and hands
// the others to that. It stops after max blocks and gives what is left of max.
func (h *Heap) clearDead(f, before *Freeze, max int) int {
	for ; f.dead != nil && max > 0; max-- {
		g := f.dead
		g.n--
		r := g.refs[g.n]
		if g.n == 0 {
			f.dead = g.next
		}
		p, m := h.runOf(r)
		if before != nil && m.epoch <= before.last {
			before.bury(r)
			continue
		}
		if invariants.Enabled {
			h.exhume(r)
		}
		h.freeIn(h.home(m.epoch), r, p, m)
	}
	return max
}

// clearSpans gives a closed freeze's spans to where they belong without it. It stops after max spans and gives what is left
// of max.
func (h *Heap) clearSpans(f *Freeze, max int) int {
	to := h.home(f.last + 1)
	for c := range f.spans {
		for f.spans[c] != 0 {
			if max--; max < 0 {
				return 0
			}
			p := f.spans[c]
			m := h.page(p)
			h.unlink(&f.spans[c], m)
			if m.live == 0 {
				h.releaseSpan(p, m)
				continue
			}
			m.epoch = f.last + 1
			h.link(&to[c], p, m)
		}
	}
	return max
}

// home gives the lists that a span of an epoch is in while it has a block to give.
func (h *Heap) home(epoch uint16) *[numClasses]uint32 {
	if i := h.oldest(epoch); i < len(h.freezes.list) {
		return &h.freezes.list[i].spans
	}
	return &h.partial
}

// oldest gives the place in the list of the first freeze, open or closed, that sees an epoch, the list's length if none does.
func (h *Heap) oldest(epoch uint16) int {
	i, _ := slices.BinarySearchFunc(h.freezes.list, epoch, func(f *Freeze, epoch uint16) int { return int(f.last) - int(epoch) })
	return i
}

// freeAmid is Free for a heap that has freezes, or is a journal.
func (h *Heap) freeAmid(r Ref, n int) {
	if h.journal != nil {
		h.journalFree(r, n)
		return
	}
	p, m := h.runOf(r)
	if m.epoch < h.line {
		if invariants.Enabled {
			h.buried(r, n)
		}
		h.freezes.newest.bury(r)
		return
	}
	if invariants.Enabled {
		h.died(r, n)
	}
	h.freeIn(h.home(m.epoch), r, p, m)
}

func (f *Freeze) bury(r Ref) {
	g := f.dead
	if g == nil || g.n == len(g.refs) {
		g = &graves{next: f.dead}
		f.dead = g
	}
	g.refs[g.n] = r
	g.n++
}

// freeIn frees a block of the run at p. If it is a span, lists are those that it belongs into.
func (h *Heap) freeIn(lists *[numClasses]uint32, r Ref, p uint32, m *page) {
	if m.class == largeClass {
		h.freeLarge(p)
		return
	}
	k, list := &classes[m.class], &lists[m.class]
	*(*uint16)(h.at(r)) = m.free
	m.free = uint16(r - Ref(p)<<(pageShift-3))
	if m.live == k.blocks {
		h.link(list, p, m)
	}
	m.live--
	h.live -= int64(k.words) * 8
	if m.live == 0 && (m.next|m.prev != 0 || lists != &h.partial) {
		h.unlink(list, m)
		h.releaseSpan(p, m)
	}
}

// runOf gives the first page of the run that the block at r lies in.
func (h *Heap) runOf(r Ref) (uint32, *page) {
	p := uint32(r >> (pageShift - 3))
	m := h.page(p)
	if m.back != 0 {
		p -= uint32(m.back)
		m = h.page(p)
	}
	return p, m
}

// renumber counts the epochs anew, so that there are none but those that a freeze ends. It looks at every run, once in some
// 65,000 freezes.
func (h *Heap) renumber() {
	var list []*Freeze
	if h.freezes != nil {
		list = h.freezes.list
	}
	if len(list) >= maxEpoch {
		panic(ErrNoMemory)
	}
	for p := h.runs; p != 0; {
		m := h.page(p)
		if list == nil {
			m.epoch = 0
		} else {
			m.epoch = uint16(h.oldest(m.epoch))
		}
		p = m.runNext
	}
	for i, f := range list {
		f.last = uint16(i)
	}
	h.epoch = uint16(len(list))
	if list != nil {
		h.drawLine()
	}
}

// ReleaseSome is ReleaseAll in pieces: it gives up to max spans and big blocks back and tells whether the heap is empty now.
// From the first call until then nothing else may be done with the heap but ask Live and Held.
func (h *Heap) ReleaseSome(max int) (done bool) {
	h.dropFreezes()
	for ; h.runs != 0 && max > 0; max-- {
		p := h.runs
		m := h.page(p)
		h.runs = m.runNext
		size := int64(m.pages) << pageShift
		h.held -= size
		if m.class != largeClass {
			size = int64(m.live) * int64(classes[m.class].words) * 8
		}
		h.live -= size
		h.giveBack(p, m)
	}
	if h.runs != 0 {
		return false
	}
	h.ReleaseAll()
	return true
}

// dropFreezes forgets what closed freezes have left, in a heap that is given up whole.
func (h *Heap) dropFreezes() {
	if h.line != 0 {
		panic("mem: a heap with an open freeze is released")
	}
	h.freezes = nil
}
