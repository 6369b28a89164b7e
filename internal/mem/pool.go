// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
)

// Free runs lie in bins by their length: one a length up to 15 pages, eight a doubling above.
const (
	exactBins = 16
	numBins   = 256
)

func binOf(n uint32) int {
	if n < exactBins {
		return int(n)
	}
	e := bits.Len32(n) - 1
	return exactBins + (e-4)*8 + int(n>>(e-3)&7)
}

// bins is one set of free runs.
type bins struct {
	heads [numBins]uint32 // first page of the first run; 0 = none
	used  [numBins / 64]uint64
}

// after returns the first run in a bin from b on, 0 if there is none.
func (s *bins) after(b int) uint32 {
	for i := b >> 6; i < len(s.used); i++ {
		w := s.used[i]
		if i == b>>6 {
			w &^= 1<<(b&63) - 1
		}
		if w != 0 {
			return s.heads[i<<6+bits.TrailingZeros64(w)]
		}
	}
	return 0
}

// largest returns a run from the last bin in use, 0 if there is none.
func (s *bins) largest() uint32 {
	for i := len(s.used) - 1; i >= 0; i-- {
		if w := s.used[i]; w != 0 {
			return s.heads[i<<6+bits.Len64(w)-1]
		}
	}
	return 0
}

// pool is the book of free runs. All heaps of the arena share it.
type pool struct {
	// scav is held while Scavenge has a piece out of the book; whoever finds no memory waits for it and looks again.
	// It is taken before mu.
	scav sync.Mutex

	mu     sync.Mutex
	space  space  // under mu, but for its view
	opened uint32 // pages open so far; under mu
	clean  bins   // runs without a dirty page; under mu
	dirty  bins   // the others; under mu
	// marks has a bit a page that may be resident. That of a held page tells what it was when it was taken. Under mu.
	marks bitmap

	most   atomic.Uint32 // pages that may be in use; 0: as many as there are
	lifted atomic.Int32  // how often most was lifted and not set down again

	// What Stats and Headroom read without the mutex; written under it.
	openedBytes, inUse, cached atomic.Int64
	top                        atomic.Uint32 // pages of the free run that ends at opened
}

func (q *pool) of(dirty uint32) *bins {
	if dirty > 0 {
		return &q.dirty
	}
	return &q.clean
}

// insert enters a free run that has no free neighbour.
func (q *pool) insert(p, n, dirty uint32) {
	last := q.space.page(p + n - 1)
	last.kind, last.pages = kindFree, n
	first := q.space.page(p)
	first.kind, first.pages, first.runNext = kindFree, n, dirty
	s, b := q.of(dirty), binOf(n)
	first.prev, first.next = 0, s.heads[b]
	if first.next != 0 {
		q.space.page(first.next).prev = p
	}
	s.heads[b] = p
	s.used[b>>6] |= 1 << (b & 63)
	if p+n == q.opened {
		q.top.Store(n)
	}
}

// remove takes a free run out of its bin. The caller enters its pages again or marks its ends as held.
func (q *pool) remove(p uint32) (n, dirty uint32) {
	m := q.space.page(p)
	n, dirty = m.pages, m.runNext
	s, b := q.of(dirty), binOf(n)
	if m.next != 0 {
		q.space.page(m.next).prev = m.prev
	}
	if m.prev != 0 {
		q.space.page(m.prev).next = m.next
	} else if s.heads[b] = m.next; m.next == 0 {
		s.used[b>>6] &^= 1 << (b & 63)
	}
	if p+n == q.opened {
		q.top.Store(0)
	}
	return n, dirty
}

// merge enters a free run and joins it with its free neighbours.
func (q *pool) merge(p, n, dirty uint32) {
	if left := q.space.page(p - 1); left.kind == kindFree {
		k, d := q.remove(p - left.pages)
		p, n, dirty = p-k, n+k, dirty+d
	}
	if p+n < q.opened && q.space.page(p+n).kind == kindFree {
		k, d := q.remove(p + n)
		n, dirty = n+k, dirty+d
	}
	q.insert(p, n, dirty)
}

// carve makes pages [p, p+n) of the free run that starts at run held, enters what is left of it, and returns how many
// of the n are dirty.
func (q *pool) carve(run, p, n uint32) uint32 {
	total, dirty := q.remove(run)
	share := func(from, k uint32) uint32 {
		switch {
		case dirty == 0:
			return 0
		case dirty == total:
			return k
		}
		return q.marks.count(from, k)
	}
	taken := share(p, n)
	before := uint32(0)
	if p > run {
		before = share(run, p-run)
	}
	if p > run {
		q.insert(run, p-run, before)
	}
	if end := run + total; p+n < end {
		q.insert(p+n, end-p-n, dirty-taken-before)
	}
	q.space.page(p + n - 1).kind = kindHeld
	first := q.space.page(p)
	first.kind, first.pages = kindHeld, n
	return taken
}

// find returns a free run of at least n pages, 0 if it knows none. Pages that are resident already come first. Unless
// thorough it looks at a few runs of a bin whose runs need not all be long enough.
func (q *pool) find(n uint32, thorough bool) uint32 {
	for _, s := range [...]*bins{&q.dirty, &q.clean} {
		b := binOf(n)
		p := s.heads[b]
		for i := 0; p != 0 && (i < 4 || thorough); i++ {
			m := q.space.page(p)
			if m.pages >= n {
				return p
			}
			p = m.next
		}
		if p = s.after(b + 1); p != 0 {
			return p
		}
	}
	return 0
}

// grow opens pages so that the last free run, which is shorter, has n; false when the reserve or the system does not give them.
func (q *pool) grow(n uint32) bool {
	need := n + 1 // a new region's first page stays held: see the package's invariants
	if contiguous && q.opened > 0 {
		need = n - q.top.Load()
	}
	limit := q.space.pages - q.opened
	if need > limit {
		return false
	}
	step := min((need+stepPages-1)/stepPages*stepPages, limit)
	lo := q.opened
	if q.space.open(lo, lo+step) != nil {
		if !contiguous || step == need {
			return false
		}
		step = min((need+255)&^255, limit) // near a limit of the system a full step may be too much
		if q.space.open(lo, lo+step) != nil {
			return false
		}
	}
	q.opened += step
	q.openedBytes.Store(int64(q.opened) << pageShift)
	for uint32(len(q.marks))*64 < q.opened {
		q.marks = append(q.marks, 0)
	}
	if lo == 0 || !contiguous {
		lo++
		step--
	}
	q.merge(lo, step, 0)
	return true
}

// seek finds or opens a free run of n pages; 0 when there is none. It may let go of the mutex in between.
func (q *pool) seek(n uint32) uint32 {
	p := q.find(n, false)
	if p != 0 || n > q.space.pages {
		return p
	}
	if q.top.Load() >= n || q.grow(n) {
		return q.opened - q.top.Load()
	}
	if p = q.find(n, true); p != 0 {
		return p
	}
	q.mu.Unlock()
	q.scav.Lock()
	q.mu.Lock()
	q.scav.Unlock()
	return q.find(n, true)
}

// alloc takes a run of n pages, 0 when it is refused.
func (q *pool) alloc(n uint32) uint32 {
	invariants.Waits(invariants.RankLeaf, 0)
	q.mu.Lock()
	p := uint32(0)
	if q.allows(n) {
		p = q.seek(n)
	}
	if p != 0 {
		dirty := q.carve(p, p, n)
		q.cached.Add(-int64(dirty) << pageShift)
		q.inUse.Add(int64(n) << pageShift)
	}
	q.mu.Unlock()
	return p
}

// free takes back a run of n pages of which the first touched have been used since they were taken.
func (q *pool) free(p, n, touched uint32) {
	invariants.Waits(invariants.RankLeaf, 0)
	q.mu.Lock()
	q.marks.set(p, touched)
	dirty := n
	if touched < n {
		dirty = q.marks.count(p, n)
	}
	q.inUse.Add(-int64(n) << pageShift)
	q.cached.Add(int64(dirty) << pageShift)
	q.merge(p, n, dirty)
	q.mu.Unlock()
}

// headroom tells whether a run of n pages could be had, and opens what that needs.
func (q *pool) headroom(n uint32) bool {
	if !q.allows(n) {
		return false
	}
	if n <= q.top.Load() {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.seek(n) != 0
}

// allows tells whether n more pages may be in use.
func (q *pool) allows(n uint32) bool {
	most := uint64(q.most.Load())
	return most == 0 || q.lifted.Load() > 0 || uint64(q.inUse.Load())>>pageShift+uint64(n) <= most
}

// scavengePiece is the most, in pages, that one call into the system gives back: others wait no longer than for that.
const scavengePiece = 256

// scavenge gives back one piece of at most limit dirty pages and returns its size; 0 when there is nothing, or the system
// refuses.
func (q *pool) scavenge(limit uint32) uint32 {
	q.scav.Lock()
	defer q.scav.Unlock()
	q.mu.Lock()
	run := q.dirty.largest()
	if run == 0 {
		q.mu.Unlock()
		return 0
	}
	p := q.marks.first(run)
	n := min(limit, run+q.space.page(run).pages-p)
	dirty := q.carve(run, p, n)
	q.mu.Unlock()

	done := q.space.discard(p, n)

	q.mu.Lock()
	defer q.mu.Unlock()
	if !done {
		q.merge(p, n, dirty)
		return 0
	}
	q.marks.clear(p, n)
	q.cached.Add(-int64(dirty) << pageShift)
	q.merge(p, n, 0)
	return dirty
}
