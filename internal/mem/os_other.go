// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || race

package mem

import "unsafe"

const (
	contiguous     = false // each opening is a region of its own
	defaultReserve = 64 << 30
	stepShift      = 22 // 4 MB: Go zeroes what it recycles
	stepPages      = 1 << (stepShift - pageShift)
)

// chunk is one step of the arena. Steps opened together are one Go object, so a run may cross from one into the next.
type chunk struct {
	data  unsafe.Pointer
	books []page
}

// view finds memory and book-keeping. Its table is made once; a chunk's entry is written before the first run of it is
// handed out, under the pool's mutex.
type view struct{ chunks []chunk }

func (v *view) at(r Ref) unsafe.Pointer {
	return unsafe.Add(v.chunks[r>>(stepShift-3)].data, (r&(1<<(stepShift-3)-1))<<3)
}

func (v *view) page(p uint32) *page { return &v.chunks[p/stepPages].books[p%stepPages] }

// space is the arena's share of the Go heap.
type space struct {
	view
	pages uint32 // reserved
}

// reserve takes no memory; size is rounded up to whole steps.
func reserve(size int64) (space, error) {
	steps := (size + 1<<stepShift - 1) >> stepShift
	return space{view: view{chunks: make([]chunk, steps)}, pages: uint32(steps) * stepPages}, nil
}

// open makes pages [lo, hi), whole steps, as one contiguous region.
func (s *space) open(lo, hi uint32) error {
	words := make([]uint64, int64(hi-lo)<<(pageShift-3)) // words, for their alignment
	data := unsafe.Pointer(unsafe.SliceData(words))
	for p := lo; p < hi; p += stepPages {
		s.chunks[p/stepPages] = chunk{unsafe.Add(data, int64(p-lo)<<pageShift), make([]page, stepPages)}
	}
	return nil
}

// discard cannot give parts of a Go object back.
func (s *space) discard(p, n uint32) bool { return false }

func (s *space) close() error {
	clear(s.chunks)
	return nil
}
