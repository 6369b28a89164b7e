// SPDX-License-Identifier: BSD-3-Clause

// Package mem keeps the store's data outside the Go heap, so that the garbage collector never sees it and its size is
// known to the byte.
//
// Terms:
//
//   - An Arena is one reserved address range, opened for use in steps. A server has one; a process may hold several.
//   - A page is 4 KB. A run is a row of neighbouring pages; it is either free or held by one heap.
//   - The pool is the arena's book of free runs. A free page is dirty when it may be resident, clean when the system
//     backs it with nothing: it was never touched, or Scavenge gave it back.
//   - A Heap hands out blocks. A block of up to MaxSmall bytes is rounded up to its size class and lies in a span, a run
//     cut into blocks of one class; a bigger block owns its run.
//   - A Ref names a block by its distance from the arena's start, in words of 8 bytes. A Ref into the middle of a
//     block (the block's Ref plus words) may be used to read and write, never to free.
//   - A freeze keeps a heap's blocks as they are at one moment, while the heap goes on: see freeze.go.
//
// Invariants:
//
//   - Each page belongs to exactly one run; no two neighbouring runs are free (but for regions that are not contiguous).
//   - The first and the last page of a run say whether it is free; they change only under the pool's mutex. The rest of a
//     held run's book-keeping belongs to the heap that holds it.
//   - A span in its heap's list of partial spans has a block to give; one outside it is full, or in a freeze's list. At most
//     one empty span a class is kept.
//   - The first page of a region is never handed out: Ref 0 names nothing, and runs do not merge across it.
//
// Locks: a Heap is used under its owner's lock, never by two goroutines at once; but frozen blocks are read without it.
// Arena's methods may be called from any goroutine. The pool's mutex is the innermost lock: nothing else is taken under it.
//
// The package knows nothing of keys or values. Blocks never hold Go pointers. With the build tag "invariants" freed blocks
// are poisoned and every Free is checked; in race builds, and on systems other than Linux, the memory comes from the Go
// heap, where the race detector sees it.
package mem
