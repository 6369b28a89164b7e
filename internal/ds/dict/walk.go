// SPDX-License-Identifier: BSD-3-Clause

package dict

import "github.com/redpoll/redpoll/internal/mem"

// Walk goes through the entries of a table that does not change meanwhile, as that of a frozen heap.
type Walk struct {
	t      Table
	slot   uint32 // of the directory
	index  uint32 // of the next chain in its segment
	bucket *bucket
	left   slotSet // of the bucket
}

// Walk begins a walk.
func (t *Table) Walk() Walk {
	w := Walk{t: *t}
	if t.Root.word == 0 {
		w.slot = 1 << t.depth()
	}
	return w
}

// Next gives an entry that it has not given yet, 0 at the end.
func (w *Walk) Next() mem.Ref {
	for w.left == 0 {
		if !w.advance() {
			return 0
		}
	}
	i := w.left.first()
	w.left &= w.left - 1
	return w.bucket.entry(i)
}

// advance goes on to the next bucket; false at the end.
func (w *Walk) advance() bool {
	t := &w.t
	if w.bucket != nil {
		if r := w.bucket.next(); r != 0 {
			w.enter(t.bucket(r))
			return true
		}
	}
	if w.slot == 1<<t.depth() {
		w.bucket = nil
		return false
	}
	seg := *t.at(w.slot)
	at := func(i uint32) *bucket { return t.bucket(seg.ref() + mem.Ref(i)*bucketSize/unit) }
	if ahead := w.index + lookahead; ahead < 1<<seg.log() {
		t.prefetch(at(ahead))
	}
	w.enter(at(w.index))
	if w.index++; w.index == 1<<seg.log() {
		w.slot, w.index = w.slot+t.width(seg), 0
	}
	return true
}

func (w *Walk) enter(b *bucket) { w.bucket, w.left = b, b.taken() }
