// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants

package mem

import (
	"fmt"
	"unsafe"
)

const (
	poisonByte = 0xdb // fills what is freed, and what is new: nobody may rely on zeroes
	guardByte  = 0xfd // fills the block behind the bytes asked for
)

// ledger has the size of every block in use: the greatest that was asked for, by Alloc or by a Bytes of the whole block.
type ledger struct{ sizes map[Ref]int }

func (l *ledger) init() { l.sizes = map[Ref]int{} }

// born enters a new block, poisons it and sets its guard.
func (h *Heap) born(r Ref, n int) {
	if old, ok := h.sizes[r]; ok {
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
	size := h.check("Free", r, n)
	delete(h.sizes, r)
	b := unsafe.Slice((*byte)(h.at(r)), Usable(n))
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
		p := uint32(r >> (pageShift - 3))
		m := h.page(p)
		m = h.page(p - uint32(m.back))
		if m.kind == kindHeld && m.pages != 0 && m.owner != h.id {
			panic(fmt.Sprintf("mem: %s of block %#x by heap %d, which belongs to heap %d or was freed", what, r, h.id, m.owner))
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
	to.sizes[r] = h.check("Adopt", r, n)
	delete(h.sizes, r)
}

// checkAccess catches the use of nothing and reading past a block; one that asks for more than was allocated, but no more
// than is usable, makes the block that much longer.
func (h *Heap) checkAccess(r Ref, n int) {
	if r == 0 {
		panic("mem: access through Ref 0")
	}
	if size, ok := h.sizes[r]; ok && n > size {
		if n > Usable(size) {
			panic(fmt.Sprintf("mem: access to %d bytes of block %#x, which has %d", n, r, size))
		}
		h.sizes[r] = n
	}
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
