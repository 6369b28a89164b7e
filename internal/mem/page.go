// SPDX-License-Identifier: BSD-3-Clause

package mem

import "math/bits"

// page is the book-keeping of one page. It says something only in the first page of a run and, as far as kind and pages
// of a free run go, in the last; inside a span back leads to the first.
type page struct {
	kind  uint8  // held or free; changed only under the pool's mutex
	class uint8  // of a span, or largeClass
	back  uint16 // pages back to the first page of the span
	live  uint16 // blocks in use
	bump  uint16 // words handed out at least once: where untouched memory begins
	free  uint16 // word offset of the first freed block, noBlock if none
	epoch uint16 // of the heap when it took the run; see freeze.go
	pages uint32 // length of the run

	// next and prev link a free run in its bin, a span in its heap's list of partial spans.
	next, prev uint32
	// runNext and runPrev link a held run in its heap's list of all runs. In a free run runNext counts its dirty pages.
	runNext, runPrev uint32
}

const (
	kindHeld = 0
	kindFree = 1

	noBlock = 0xffff

	pageBookSize = 32 // unsafe.Sizeof(page{}), checked by a test
)

// bitmap holds one bit a page.
type bitmap []uint64

// eachWord calls fn with every word index and mask that the n bits from p on cover.
func eachWord(p, n uint32, fn func(i uint32, mask uint64)) {
	for n > 0 {
		off := p & 63
		k := min(64-off, n)
		fn(p>>6, (^uint64(0)>>(64-k))<<off)
		p += k
		n -= k
	}
}

func (b bitmap) set(p, n uint32) {
	eachWord(p, n, func(i uint32, mask uint64) { b[i] |= mask })
}

func (b bitmap) clear(p, n uint32) {
	eachWord(p, n, func(i uint32, mask uint64) { b[i] &^= mask })
}

func (b bitmap) count(p, n uint32) uint32 {
	total := 0
	eachWord(p, n, func(i uint32, mask uint64) { total += bits.OnesCount64(b[i] & mask) })
	return uint32(total)
}

// first returns the first set bit at or after p; there must be one.
func (b bitmap) first(p uint32) uint32 {
	i := p >> 6
	w := b[i] &^ (1<<(p&63) - 1)
	for w == 0 {
		i++
		w = b[i]
	}
	return i<<6 + uint32(bits.TrailingZeros64(w))
}
