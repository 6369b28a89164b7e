// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"sync/atomic"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

// The Prefetch functions may run while another goroutine changes the table under its lock. They read the root's word,
// then a word of the directory that it names, and the root's word again: while that is the same, what they read was a
// segment's word, and the memory that it names stays mapped for the arena's life, whatever is there by now. A reference
// read from a bucket may be anything; nothing is read there.

// PrefetchBucket asks for the cache line that Find with this hash will look at first. It needs no lock.
func (t *Table) PrefetchBucket(hash uint64) {
	if !prefetching {
		return
	}
	if w := t.peek(hash); w != 0 {
		mem.Prefetch(t.Heap.Pointer(w.bucketRef(hash)))
	}
}

// PrefetchEntry asks for the record that Find with this hash will look at first; the bucket should have arrived by then
// (see PrefetchBucket). It needs no lock.
func (t *Table) PrefetchEntry(hash uint64) {
	if !prefetching {
		return
	}
	w := t.peek(hash)
	if w == 0 {
		return
	}
	b := t.bucket(w.bucketRef(hash))
	if s := b.match(pattern(hash)); s != 0 {
		mem.Prefetch(t.Heap.Pointer(b.entry(s.first())))
	} else if b.linked != 0 {
		mem.Prefetch(t.Heap.Pointer(b.entry(linkSlot)))
	}
}

// peek gives a word that the hash's segment had just now, 0 when there was none or the directory was being replaced.
func (t *Table) peek(hash uint64) word {
	root := atomic.LoadUint64(&t.Root.word)
	w := word(root)
	d := w.depth()
	if d == 0 {
		return w
	}
	p := (*uint64)(unsafe.Pointer(t.dirWord(w.ref(), dirSlot(hash, d))))
	w = word(atomic.LoadUint64(p))
	if atomic.LoadUint64(&t.Root.word) != root {
		return 0
	}
	return w
}
