// SPDX-License-Identifier: BSD-3-Clause

package mem

import (
	"errors"
	"sync/atomic"
	"unsafe"
)

// Ref names a block by its distance from the arena's start in words of 8 bytes; it fits into 40 bits. 0 names nothing.
type Ref uint64

// ErrNoMemory is what Alloc panics with when the reserve is used up or the system refuses memory. Nothing has changed then.
var ErrNoMemory = errors.New("mem: out of memory")

// Options configure an arena.
type Options struct {
	// Reserve is the address space to take, in bytes; 0 means as much as the system gives, at most 1 TiB. It is the bound of
	// what the arena can hold and costs nothing until used.
	Reserve int64
}

// Stats tells what an arena holds, in bytes.
type Stats struct {
	Reserved int64 // address space taken
	Opened   int64 // of it made usable so far
	InUse    int64 // pages held by heaps
	Cached   int64 // free pages that may be resident; Scavenge gives them back
}

// Arena is one reserved range of addresses and the pool of its pages. Its methods may be called from any goroutine.
type Arena struct {
	pool  pool
	heaps atomic.Uint32 // heaps made so far
	owners
}

// NewArena reserves address space, and no memory.
func NewArena(o Options) (*Arena, error) {
	size := o.Reserve
	if size <= 0 {
		size = defaultReserve
	}
	const most = int64(1) << 43 // what 40 bits of words reach
	s, err := reserve(min(max(size, 64<<10), most))
	if err != nil {
		return nil, err
	}
	a := &Arena{}
	a.pool.space = s
	return a, nil
}

// Close gives the address space back. No heap of the arena may be used afterwards, and no slice of its memory.
func (a *Arena) Close() error { return a.pool.space.close() }

// NewHeap returns an empty heap. It costs some 400 bytes of Go memory and nothing else; an unused one needs no closing, one
// that holds blocks is given up by ReleaseAll.
func (a *Arena) NewHeap() *Heap {
	h := &Heap{view: a.pool.space.view, arena: a, id: uint16(a.heaps.Add(1))}
	h.forget()
	return h
}

// Headroom tells whether n more bytes of pages can be had in one piece, and opens them. It is no reservation: another heap may
// take them first.
func (a *Arena) Headroom(n int64) bool {
	pages := max(n-1, 0)>>pageShift + 1
	return pages <= int64(a.pool.space.pages) && a.pool.headroom(uint32(pages))
}

// SetLimit bounds the bytes of pages that heaps hold together; 0 is no bound. What is held beyond it stays, further pages are
// refused as if the reserve were used up.
func (a *Arena) SetLimit(n int64) {
	pages := int64(0)
	if n > 0 {
		pages = min(max(n>>pageShift, 1), int64(a.pool.space.pages))
	}
	a.pool.most.Store(uint32(pages))
}

// WithoutLimit runs fn while the bound of SetLimit is lifted, for everybody: for what gives more memory back than it takes, and must not
// be refused any.
func (a *Arena) WithoutLimit(fn func()) {
	a.pool.lifted.Add(1)
	defer a.pool.lifted.Add(-1)
	fn()
}

// InUse returns the bytes of pages that heaps hold; see Stats.
func (a *Arena) InUse() int64 { return a.pool.inUse.Load() }

// Stats returns what the arena holds. It takes no lock: its fields are each exact, but may be an instant apart.
func (a *Arena) Stats() Stats {
	q := &a.pool
	return Stats{
		Reserved: int64(q.space.pages) << pageShift,
		Opened:   q.openedBytes.Load(),
		InUse:    q.inUse.Load(),
		Cached:   q.cached.Load(),
	}
}

// Scavenge gives up to max bytes of cached free pages back to the system and returns how many bytes it gave. It works in
// pieces of 1 MB and hinders nobody for longer than the pool's mutex takes. How much to leave cached is the caller's
// decision, made by Stats.
func (a *Arena) Scavenge(max int64) int64 {
	done := int64(0)
	for max-done >= pageSize {
		n := a.pool.scavenge(uint32(min((max-done)>>pageShift, scavengePiece)))
		if n == 0 {
			break
		}
		done += int64(n) << pageShift
	}
	return done
}

// Prefetch asks the processor to load the cache line at p; where that is not possible it does nothing. p must lie in an
// arena, in a block or not: memory of an arena stays mapped.
func Prefetch(p unsafe.Pointer) { prefetch(p) }

// PrefetchSome is Prefetch for a block whose end is not known: the line at p and the next one, which most small blocks
// reach into.
func PrefetchSome(p unsafe.Pointer) { prefetchSome(p) }
