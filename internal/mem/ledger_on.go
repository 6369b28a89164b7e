// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants

package mem

import (
	"fmt"
	"sync"
	"unsafe"
)

const (
	poisonByte = 0xdb // fills what is freed, and what is new: nobody may rely on zeroes
	guardByte  = 0xfd // fills the block behind the bytes asked for
)

// ledger has the size of every block in use: the greatest that was asked for, by Alloc or by a Bytes of the whole block. Its
// lock is for those who read frozen blocks while the heap's owner goes on.
type ledger struct {
	mu    sync.Mutex
	sizes map[Ref]int // of blocks in use
	dead  map[Ref]int // of blocks that were freed while they were frozen
}

func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sizes, l.dead = map[Ref]int{}, map[Ref]int{}
}

// owners has the number of the heap that took a run last, by the run's first page.
type owners struct {
	mu   sync.Mutex
	heap map[uint32]uint16
}

// claim enters a run that the heap has taken.
func (h *Heap) claim(p uint32) {
	o := &h.arena.owners
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.heap == nil {
		o.heap = map[uint32]uint16{}
	}
	o.heap[p] = h.id
}

func (o *owners) of(p uint32) uint16 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.heap[p]
}

// born enters a new block, poisons it and sets its guard.
func (h *Heap) born(r Ref, n int) {
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	if old := max(h.sizes[r], h.dead[r]); old > 0 {
		panic(fmt.Sprintf("mem: block %#x of %d bytes handed out while in use with %d: the heap's lists are damaged", r, n, old))
	}
	h.sizes[r] = n
	b := unsafe.Slice((*byte)(h.at(r)), Usable(n))
	poison(b[:n])
	for i := n; i < len(b); i++ {
		b[i] = guardByte
	}
}

// died checks that a block may be freed, strikes it out and poisons it.
func (h *Heap) died(r Ref, n int) {
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	size := h.check("Free", r, n)
	delete(h.sizes, r)
	h.destroy(r, size)
}

// buried checks that a frozen block may be freed, and makes it a dead one.
func (h *Heap) buried(r Ref, n int) {
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	h.dead[r] = h.check("Free", r, n)
	delete(h.sizes, r)
}

// exhume poisons a dead block that nobody sees any more.
func (h *Heap) exhume(r Ref) {
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	size, ok := h.dead[r]
	if !ok {
		panic(fmt.Sprintf("mem: block %#x is among the dead ones and is none", r))
	}
	delete(h.dead, r)
	h.destroy(r, size)
}

// destroy poisons a block of size bytes whose guard is whole.
func (h *Heap) destroy(r Ref, size int) {
	b := unsafe.Slice((*byte)(h.at(r)), Usable(size))
	for i := size; i < len(b); i++ {
		if b[i] != guardByte {
			panic(fmt.Sprintf("mem: block %#x of %d bytes was written past its end, at byte %d", r, size, i))
		}
	}
	poison(b)
}

// check panics unless r is a block of this heap whose size fits n, and returns the size.
func (h *Heap) check(what string, r Ref, n int) int {
	if r == 0 {
		panic("mem: " + what + " of Ref 0")
	}
	if n < 1 {
		panic(fmt.Sprintf("mem: %s of block %#x with the impossible size %d", what, r, n))
	}
	size, ok := h.sizes[r]
	if !ok {
		p, m := h.runOf(r)
		if owner := h.arena.owners.of(p); m.kind == kindHeld && m.pages != 0 && owner != h.id {
			panic(fmt.Sprintf("mem: %s of block %#x by heap %d, which belongs to heap %d or was freed", what, r, h.id, owner))
		}
		panic(fmt.Sprintf("mem: %s of block %#x, which is not in use: double free, or no block's start", what, r))
	}
	if Usable(n) != Usable(size) {
		panic(fmt.Sprintf("mem: %s of block %#x with size %d, allocated with %d", what, r, n, size))
	}
	return size
}

// handOver moves a block's entry to another heap's ledger.
func (h *Heap) handOver(to *Heap, r Ref, n int) {
	h.ledger.mu.Lock()
	size := h.check("Adopt", r, n)
	delete(h.sizes, r)
	h.ledger.mu.Unlock()
	to.ledger.mu.Lock()
	to.sizes[r] = size
	to.ledger.mu.Unlock()
}

// checkAccess catches the use of nothing and reading past a block; one that asks for more than was allocated, but no more
// than is usable, makes the block that much longer.
func (h *Heap) checkAccess(r Ref, n int) {
	if r == 0 {
		panic("mem: access through Ref 0")
	}
	if h.journal != nil {
		h.journal.checkAccess(r, n)
		return
	}
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	if size := max(h.sizes[r], h.dead[r]); size > 0 && n > size {
		if n > Usable(size) {
			panic(fmt.Sprintf("mem: access to %d bytes of block %#x, which has %d", n, r, size))
		}
		if h.dead[r] > 0 || h.Freezing() && h.Frozen(r) {
			panic(fmt.Sprintf("mem: frozen block %#x of %d bytes is to become one of %d", r, size, n))
		}
		h.sizes[r] = n
	}
}

// checkAccess is Heap.checkAccess of a journal. A block that is not fresh must stay as long as it is.
func (j *journal) checkAccess(r Ref, n int) {
	size := j.base.sizeOf(r)
	if _, fresh := j.fresh[r]; !fresh && size > 0 && n > size {
		panic(fmt.Sprintf("mem: block %#x of %d bytes, which a journal keeps, is to become one of %d", r, size, n))
	}
	j.base.checkAccess(r, n)
}

// sizeOf gives the size of a block in use, 0 if it is none's start.
func (h *Heap) sizeOf(r Ref) int {
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	return h.sizes[r]
}

// checkPoison panics when a free block of size bytes was written to; its first two bytes link it to the next.
func (h *Heap) checkPoison(r Ref, size int) {
	for i, c := range unsafe.Slice((*byte)(h.at(r)), size)[2:] {
		if c != poisonByte {
			panic(fmt.Sprintf("mem: block %#x was written to after it was freed, at byte %d", r, i+2))
		}
	}
}

func poison(b []byte) {
	for i := range b {
		b[i] = poisonByte
	}
}
