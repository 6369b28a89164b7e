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

// PrefetchBucket asks for the cache line that Find with this hash will look at first, and gives the bucket, 0 when there is
// none. It needs no lock.
func (t *Table) PrefetchBucket(hash uint64) mem.Ref {
	if !prefetching {
		return 0
	}
	w := t.peek(hash)
	if w == 0 {
		return 0
	}
	b := w.bucketRef(hash)
	mem.Prefetch(t.Heap.Pointer(b))
	return b
}

// PrefetchEntry asks for the record that Find with this hash will look at first. bucket is what PrefetchBucket gave some time
// ago; it may be something else by now, which costs a useless prefetch. It needs no lock.
func (t *Table) PrefetchEntry(bucket mem.Ref, hash uint64) {
	if bucket == 0 {
		return
	}
	b := t.bucket(bucket)
	if s := b.match(pattern(hash)); s != 0 {
		mem.PrefetchSome(t.Heap.Pointer(b.entry(s.first())))
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
