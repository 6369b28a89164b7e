// SPDX-License-Identifier: BSD-3-Clause

// Package rope is a long string off the Go heap: bytes in chunks, so that it grows without being copied, and is changed while
// somebody reads it as it was.
//
// Terms:
//
//   - A chunk is a block of ChunkSize bytes, which owns its pages. The last chunk, the tail, may be shorter.
//   - The index is a block with the chunks' Refs in order.
//
// Invariants:
//
//   - A string of n bytes has as many chunks as n bytes take, the empty one none. What lies behind its end is undefined.
//   - Memory is allocated before anything changes: when a change panics with mem.ErrNoMemory the string has the bytes it had.
//   - A frozen block (see mem.Heap.Freeze) is copied before it is written to. So whoever keeps the Root of the time of a
//     freeze reads what the string was then, until the thaw.
//
// A Rope is used under its owner's lock. One whose blocks are frozen may be read by any goroutine.
package rope

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

// ChunkSize is the bytes of a chunk.
const ChunkSize = 64 << 10

// refSize is the bytes of a Ref in the index.
const refSize = int(unsafe.Sizeof(mem.Ref(0)))

// Root is what a string consists of. The zero value is the empty string.
type Root struct {
	index mem.Ref // 0: there never was a chunk
	room  int     // chunks that the index has room for
	size  int     // bytes of the string
	tail  int     // bytes that the last chunk is allocated with
}

// Rope is a string with the heap that it lies in. Both pointers are the owner's.
type Rope struct {
	Heap *mem.Heap
	Root *Root

	// Tick, unless it is nil, is called with every chunk that Write and Edit copy or clear whole: the string's bytes are being changed
	// then, and nobody may read it. What it returns is not heeded.
	Tick func() error
}

// Len gives the string's length in bytes.
func (r Rope) Len() int { return r.Root.size }

// Piece gives in place the bytes from off on that lie in one chunk, at most n of them: none at the string's end. off is at
// most Len. The slice is valid until the string changes.
func (r Rope) Piece(off, n int) []byte {
	n = min(n, r.Root.size-off)
	if n <= 0 {
		return nil
	}
	return r.within(off, off+n)
}

// Pieces calls fn with n bytes from off on, as many as there are, piece by piece and in place, until fn gives false.
func (r Rope) Pieces(off, n int, fn func(piece []byte) bool) {
	for n = min(n, r.Root.size-off); n > 0; {
		b := r.within(off, off+n)
		if !fn(b) {
			return
		}
		off, n = off+len(b), n-len(b)
	}
}

// Fill makes an empty string one of n bytes, which fn is called to write, piece by piece and in place; off is where in the string
// the piece begins. The string takes hardly more memory than its bytes. An error of fn's ends the filling and is returned: the
// string is not to be used then.
func (r Rope) Fill(n int, fn func(off int, piece []byte) error) error {
	r.open(0, n)
	for off := 0; off < n; {
		b := r.within(off, n)
		if err := fn(off, b); err != nil {
			return err
		}
		off += len(b)
	}
	return nil
}

// Write makes data the bytes from off on. The string grows as it has to, by zero bytes up to off; one that was not empty then
// has room to grow on. data is copied.
func (r Rope) Write(off int, data []byte) {
	if len(data) == 0 {
		return
	}
	old := r.Root.size
	r.open(off, off+len(data))
	r.zero(old, off)
	r.each(off, off+len(data), func(piece []byte) {
		copy(piece, data)
		data = data[len(piece):]
	})
}

// Edit calls fn with n bytes from off on, piece by piece and in place, for it to change. The string grows as it has to, by zero
// bytes, before the first call.
func (r Rope) Edit(off, n int, fn func(piece []byte)) {
	if n <= 0 {
		return
	}
	old := r.Root.size
	r.open(off, off+n)
	r.zero(old, off+n)
	r.each(off, off+n, fn)
}

// zero clears the bytes from one place to another, if that is behind it.
func (r Rope) zero(from, to int) {
	r.each(from, to, func(piece []byte) { clear(piece) })
}

// each calls fn with the bytes from one place to another, if that is behind it.
func (r Rope) each(from, to int, fn func(piece []byte)) {
	for from < to {
		b := r.within(from, to)
		fn(b)
		from += len(b)
		if len(b) == ChunkSize {
			r.tick()
		}
	}
}

func (r Rope) tick() {
	if r.Tick != nil {
		_ = r.Tick()
	}
}

// within gives the bytes from off on, up to end, that lie in off's chunk.
func (r Rope) within(off, end int) []byte {
	i, at := off/ChunkSize, off%ChunkSize
	n := min(ChunkSize, at+end-off)
	return r.Heap.Bytes(r.chunk(i), n)[at:n:n]
}

// slots gives the index as Refs.
func (r Rope) slots() []mem.Ref {
	b := r.Heap.Bytes(r.Root.index, r.Root.room*refSize)
	return unsafe.Slice((*mem.Ref)(unsafe.Pointer(unsafe.SliceData(b))), r.Root.room)
}

func (r Rope) chunk(i int) mem.Ref { return r.slots()[i] }

// chunks gives the number of chunks that n bytes take.
func chunks(n int) int { return (n + ChunkSize - 1) / ChunkSize }

// open makes the bytes from off to end, and those between the string's end and off, ones that may be written to. The string is
// at least end bytes long then; those that are new are undefined.
func (r Rope) open(off, end int) {
	if r.Root.index != 0 && r.Heap.Freezing() {
		r.own(min(off, r.Root.size)/ChunkSize, min(chunks(end), chunks(r.Root.size)))
	}
	if end > r.Root.size {
		r.extend(end)
	}
}

// own makes the chunks from one number up to another, and the index, blocks that are not frozen.
func (r Rope) own(from, to int) {
	h, root := r.Heap, r.Root
	if h.Frozen(root.index) {
		root.index = copied(h, root.index, root.room*refSize, root.room*refSize)
	}
	slots, last := r.slots(), chunks(root.size)-1
	for i := from; i < to; i++ {
		if size := ChunkSize; h.Frozen(slots[i]) {
			if i == last {
				size = root.tail
			}
			slots[i] = copied(h, slots[i], size, size)
			r.tick()
		}
	}
}

// copied moves a block's n bytes into another one of the size given.
func copied(h *mem.Heap, ref mem.Ref, n, size int) mem.Ref {
	to := h.Alloc(size)
	copy(h.Bytes(to, size), h.Bytes(ref, n))
	h.Free(ref, n)
	return to
}

// extend makes the string n bytes long, which is more than it is. The index and the tail are not frozen.
func (r Rope) extend(n int) {
	root := r.Root
	have, want := chunks(root.size), chunks(n)
	r.makeRoom(want)
	slots := r.slots()
	if have > 0 && (want > have || n > (have-1)*ChunkSize+root.tail) && root.tail < ChunkSize {
		slots[have-1] = copied(r.Heap, slots[have-1], root.tail, ChunkSize)
		root.tail = ChunkSize
	}
	made, done := have, false
	defer func() {
		if !done {
			for i := have; i < made; i++ {
				r.Heap.Free(slots[i], ChunkSize)
			}
		}
	}()
	tail := ChunkSize
	if rest := n - (want-1)*ChunkSize; root.size == 0 {
		tail = mem.Usable(rest)
	}
	for ; made < want-1; made++ {
		slots[made] = r.Heap.Alloc(ChunkSize)
	}
	if made < want {
		slots[made] = r.Heap.Alloc(tail)
		root.tail = tail
	}
	done = true
	root.size = n
}

// makeRoom makes an index for n chunks at least: for a string's first ones just so many, later twice as many as it had.
func (r Rope) makeRoom(n int) {
	h, root := r.Heap, r.Root
	if n <= root.room {
		return
	}
	room := max(n, 2*root.room)
	size := room * refSize
	if root.index == 0 {
		root.index = h.Alloc(size)
	} else {
		root.index = copied(h, root.index, root.room*refSize, size)
	}
	root.room = room
}
