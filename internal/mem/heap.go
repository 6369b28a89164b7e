// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/invariants"
)

// Heap hands out blocks of an arena. Its owner's lock guards all of it, never two goroutines use it at once.
type Heap struct {
	view
	arena *Arena
	live  int64  // usable bytes of the blocks in use
	held  int64  // bytes of the runs it holds
	runs  uint32 // list of all its runs
	id    uint16
	epoch uint16 // of the runs that it takes; see freeze.go
	line  uint16 // runs of earlier epochs are frozen; 0 when no freeze is open

	freezes *freezes // nil when there are none, open or closed
	journal *journal // nil: it is no journal
	ledger
	partial [numClasses]uint32 // lists of spans with a block to give
}

// Alloc returns a block of n bytes, n at least 1, aligned to 8; its contents are undefined. When memory is refused it
// panics with ErrNoMemory and has changed nothing.
func (h *Heap) Alloc(n int) Ref {
	if uint(n-1) >= MaxSmall {
		return h.allocLarge(n)
	}
	c := classOf[(n+7)>>3]
	p := h.partial[c]
	if p == 0 {
		if h.journal != nil {
			return h.journalAlloc(n)
		}
		p = h.addSpan(c)
	}
	r := h.take(p, c)
	if invariants.Enabled {
		h.born(r, n)
	}
	return r
}

// take hands out a block of a span that has one.
func (h *Heap) take(p uint32, c uint8) Ref {
	m, k := h.page(p), &classes[c]
	r := Ref(p) << (pageShift - 3)
	if m.free != noBlock {
		r += Ref(m.free)
		if invariants.Enabled {
			h.checkPoison(r, int(k.words)*8)
		}
		m.free = *(*uint16)(h.at(r))
	} else {
		r += Ref(m.bump)
		m.bump += k.words
	}
	m.live++
	h.live += int64(k.words) * 8
	if m.live == k.blocks {
		h.unlink(&h.partial[c], m)
	}
	return r
}

// Free takes a block back. n is what it was allocated with, or another size with the same Usable. A block that is frozen stays
// in use until it no longer is.
func (h *Heap) Free(r Ref, n int) {
	if h.freezes != nil {
		h.freeAmid(r, n)
		return
	}
	if invariants.Enabled {
		h.died(r, n)
	}
	p := uint32(r >> (pageShift - 3))
	if uint(n-1) >= MaxSmall {
		h.freeLarge(p)
		return
	}
	m := h.page(p)
	if m.back != 0 {
		p -= uint32(m.back)
		m = h.page(p)
	}
	c := classOf[(n+7)>>3]
	k := &classes[c]
	*(*uint16)(h.at(r)) = m.free
	m.free = uint16(r - Ref(p)<<(pageShift-3))
	if m.live == k.blocks {
		h.link(&h.partial[c], p, m)
	}
	m.live--
	h.live -= int64(k.words) * 8
	if m.live == 0 && m.next|m.prev != 0 {
		h.unlink(&h.partial[c], m)
		h.releaseSpan(p, m)
	}
}

// Bytes returns the n bytes at r. They are valid until the block is freed, and only under the owner's lock, but for frozen
// blocks; see Freeze.
func (h *Heap) Bytes(r Ref, n int) []byte {
	if invariants.Enabled {
		h.checkAccess(r, n)
	}
	return unsafe.Slice((*byte)(h.at(r)), n)
}

// Pointer returns the address of r; see Bytes. It reads nothing that a lock guards, so that an address to prefetch can be had
// without one; r must once have been a block then.
func (h *Heap) Pointer(r Ref) unsafe.Pointer {
	if invariants.Enabled && r == 0 {
		panic("mem: address of Ref 0")
	}
	return h.at(r)
}

// Live returns the usable bytes of the blocks in use.
func (h *Heap) Live() int64 { return h.live }

// Held returns the bytes of the pages that the heap holds.
func (h *Heap) Held() int64 { return h.held }

// ReleaseAll frees every block at once: it gives all pages back, in time that depends on the number of spans and big blocks,
// not on that of blocks. The heap is empty and usable again. No freeze may be open.
func (h *Heap) ReleaseAll() {
	h.dropFreezes()
	for p := h.runs; p != 0; {
		m := h.page(p)
		next := m.runNext
		h.giveBack(p, m)
		p = next
	}
	h.runs, h.live, h.held = 0, 0, 0
	h.partial = [numClasses]uint32{}
	if invariants.Enabled {
		h.forget()
	}
}

// Adopt takes over a block of another heap of the same arena, without copying; r stays valid and is from now on freed here.
// It is false, and nothing has happened, when the block does not own its pages (n up to MaxSmall), from has freezes, or one of the two
// is a journal. Both owners' locks are held.
func (h *Heap) Adopt(from *Heap, r Ref, n int) bool {
	if n <= MaxSmall || from.arena != h.arena || from.freezes != nil || h.journal != nil {
		return false
	}
	if invariants.Enabled {
		from.handOver(h, r, n)
	}
	p := uint32(r >> (pageShift - 3))
	m := h.page(p)
	size := int64(m.pages) << pageShift
	from.unlinkRun(m)
	from.live -= size
	from.held -= size
	h.linkRun(p, m)
	h.live += size
	h.held += size
	return true
}

// Relocate moves a small block from a span that is less than three quarters full into a fuller one and returns where it is
// now; 0 when the block lies well, owns its pages, has nowhere to go, or the heap has freezes. Moving what Relocate wants moved
// empties sparse spans, so that their pages go back. Every move goes from the emptier span to the fuller, so walks over all blocks come to rest.
// It looks for a fuller span among the first of the class's list; one that is fuller than those becomes the first itself.
func (h *Heap) Relocate(r Ref, n int) Ref {
	if uint(n-1) >= MaxSmall || h.freezes != nil {
		return 0
	}
	c := classOf[(n+7)>>3]
	k := &classes[c]
	p := uint32(r >> (pageShift - 3))
	p -= uint32(h.page(p).back)
	m := h.page(p)
	if int(m.live)*4 >= int(k.blocks)*3 {
		return 0
	}
	best, bestLive, among := uint32(0), m.live, false
	q := h.partial[c]
	for i := 0; q != 0 && i < 8; i++ {
		among = among || q == p
		t := h.page(q)
		if q != p && (t.live > bestLive || t.live == bestLive && best == 0 && q < p) {
			best, bestLive = q, t.live
		}
		q = t.next
	}
	if best == 0 {
		if !among {
			h.unlink(&h.partial[c], m)
			h.link(&h.partial[c], p, m)
		}
		return 0
	}
	to := h.take(best, c)
	if invariants.Enabled {
		h.born(to, n)
	}
	copy(h.Bytes(to, n), h.Bytes(r, n))
	h.Free(r, n)
	return to
}

// Relocates tells whether Relocate may move anything: that the heap has no freezes, open or yet to be swept.
func (h *Heap) Relocates() bool { return h.freezes == nil }

// Trim gives back the spans that are kept though they are empty, or most of them.
func (h *Heap) Trim() {
	for c := range uint8(numClasses) {
		q := h.partial[c]
		for i := 0; q != 0 && i < 8; i++ {
			m := h.page(q)
			p := q
			if q = m.next; m.live == 0 {
				h.unlink(&h.partial[c], m)
				h.releaseSpan(p, m)
			}
		}
	}
}

func (h *Heap) allocLarge(n int) Ref {
	if n < 1 {
		panic("mem: Alloc of less than one byte")
	}
	if h.journal != nil {
		return h.journalAlloc(n)
	}
	pages := uint64(n+pageSize-1) >> pageShift
	if pages > uint64(h.arena.pool.space.pages) {
		panic(ErrNoMemory)
	}
	p, m := h.addRun(uint32(pages), largeClass)
	h.live += int64(m.pages) << pageShift
	r := Ref(p) << (pageShift - 3)
	if invariants.Enabled {
		h.born(r, n)
	}
	return r
}

func (h *Heap) freeLarge(p uint32) {
	m := h.page(p)
	h.live -= int64(m.pages) << pageShift
	h.releaseSpan(p, m)
}

// addSpan takes a span for class c and makes it the only one of the class's list, which is empty.
func (h *Heap) addSpan(c uint8) uint32 {
	p, m := h.addRun(classes[c].pages, c)
	for i := uint32(1); i < m.pages; i++ {
		h.page(p + i).back = uint16(i)
	}
	h.link(&h.partial[c], p, m)
	return p
}

// addRun takes a run from the pool.
func (h *Heap) addRun(pages uint32, c uint8) (uint32, *page) {
	p := h.arena.pool.alloc(pages)
	if p == 0 {
		panic(ErrNoMemory)
	}
	m := h.page(p)
	m.class, m.back, m.live, m.bump, m.free = c, 0, 0, 0, noBlock
	m.next, m.prev = 0, 0
	h.linkRun(p, m)
	h.held += int64(pages) << pageShift
	return p, m
}

func (h *Heap) releaseSpan(p uint32, m *page) {
	h.unlinkRun(m)
	h.held -= int64(m.pages) << pageShift
	h.giveBack(p, m)
}

// giveBack returns a run to the pool; of a span only the part that was ever handed out counts as touched.
func (h *Heap) giveBack(p uint32, m *page) {
	touched := m.pages
	if m.class != largeClass {
		touched = (uint32(m.bump)*8 + pageSize - 1) >> pageShift
	}
	if invariants.Enabled {
		poison(unsafe.Slice((*byte)(h.at(Ref(p)<<(pageShift-3))), int64(touched)<<pageShift))
	}
	h.arena.pool.free(p, m.pages, touched)
}

func (h *Heap) linkRun(p uint32, m *page) {
	if invariants.Enabled {
		h.claim(p)
	}
	m.epoch = h.epoch
	m.runPrev, m.runNext = 0, h.runs
	if h.runs != 0 {
		h.page(h.runs).runPrev = p
	}
	h.runs = p
}

func (h *Heap) unlinkRun(m *page) {
	if m.runNext != 0 {
		h.page(m.runNext).runPrev = m.runPrev
	}
	if m.runPrev != 0 {
		h.page(m.runPrev).runNext = m.runNext
	} else {
		h.runs = m.runNext
	}
}

// link puts a span at the head of a list of spans with a block to give.
func (h *Heap) link(list *uint32, p uint32, m *page) {
	m.prev, m.next = 0, *list
	if m.next != 0 {
		h.page(m.next).prev = p
	}
	*list = p
}

func (h *Heap) unlink(list *uint32, m *page) {
	if m.next != 0 {
		h.page(m.next).prev = m.prev
	}
	if m.prev != 0 {
		h.page(m.prev).next = m.next
	} else {
		*list = m.next
	}
	m.next, m.prev = 0, 0
}
