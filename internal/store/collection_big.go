// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// A value whose table has come to Options.BigTable bytes gets a heap of its own (see big.go), and one that has shrunk to a
// quarter of that goes back into its shard's. In between it stays where it is.
const bigShrink = 4

// weigh notes what a change has added to a table's bytes. Of a big one its heap tells.
func (it *Item) weigh(added int64) {
	if !it.isBig() {
		*it.rec.weight() += added
	}
}

// fit gives a table the heap that it should have by its size.
func (c *collection) fit() {
	if c.it.journal != nil {
		return
	}
	limit := int64(c.db.s.bigTable)
	if !c.it.isBig() {
		if r := c.it.tableRoot(); r.weight >= limit && !c.enlarge() {
			r.weight /= 2 // not at once again
		}
		return
	}
	if b := c.it.big(); b.heap.Live() <= limit/bigShrink && b.moments == 0 {
		c.diminish(b)
	}
}

// enlarge makes a table a big value; false when there is no memory.
func (c *collection) enlarge() (done bool) {
	defer ignoreNoMemory()
	from := c.it.elements()
	b, _ := buildBig(c.it.sh, func(t *dict.Table) error {
		moveFields(t, from, mem.MaxSmall)
		return nil
	})
	if ft := c.it.rec.times(); ft != nil {
		ft.dropIndex(from.Heap)
		defer func() { c.it.indexFields(c.db.Now()) }()
	}
	drop := func(e mem.Ref) {
		if n := elementAt(from.Heap, e).size; !b.heap.Adopt(from.Heap, e, n) {
			from.Heap.Free(e, n)
		}
	}
	for !from.Drain(tickEvery, drop) {
	}
	c.it.setBig(b)
	return true
}

// diminish makes a big table one in its shard's heap, if there is memory.
func (c *collection) diminish(b *big) {
	defer ignoreNoMemory()
	heap := c.it.t.heap
	before := heap.Live()
	root, _ := buildTable(heap, func(t *dict.Table) error {
		moveFields(t, c.it.elements(), MaxKey)
		return nil
	})
	*c.it.rec.byteAt(1) &^= isBig
	*c.it.tableRoot() = tableRoot{root, heap.Live() - before}
	b.leave()
	b.heap.ReleaseAll()
	if ft := c.it.rec.times(); ft != nil {
		ft.index = 0
		c.it.indexFields(c.db.Now())
	}
}

// moveFields makes an empty table of another heap one of the same elements: of copies of those up to limit bytes, and of the
// others themselves, which the heap is to adopt.
func moveFields(to *dict.Table, from dict.Table, limit int) {
	from.Each(func(e mem.Ref) bool {
		hashed := hash.Bytes(fieldKey(from.Heap, e))
		n := elementAt(from.Heap, e).size
		if n > limit {
			to.Insert(hashed, e)
			return true
		}
		moved := to.Heap.Alloc(n)
		copy(to.Heap.Bytes(moved, n), from.Heap.Bytes(e, n))
		inserted := false
		defer func() {
			if !inserted {
				to.Heap.Free(moved, n)
			}
		}()
		to.Insert(hashed, moved)
		inserted = true
		return true
	})
}

// buildBig gives a big value with a table that fill has filled. Nothing stays of it when fill gives an error or panics.
func buildBig(sh *Shard, fill func(t *dict.Table) error) (b *big, err error) {
	b = sh.newBig()
	whole := false
	defer func() {
		if !whole {
			b.dropUnowned()
		}
	}()
	err = fill(&dict.Table{Heap: b.heap, Root: &b.table, Key: fieldKey})
	whole = err == nil
	return b, err
}

// setBig makes a big the value of a record with EncTable that owns nothing.
func (it *Item) setBig(b *big) {
	*it.tableRoot() = tableRoot{}
	*it.rec.byteAt(1) |= isBig
	putBigNumber(it.rec.value(), it.t.adopt(b))
}

// IsBig tells whether the value can be frozen.
func (c *collection) IsBig() bool { return c.it.ref != 0 && c.it.isBig() }

// Freeze gives the value, which IsBig, as it is now; see DB.Freeze.
func (c *collection) Freeze() *Frozen {
	f := c.db.Freeze(&c.it)
	if !c.Overdue() { // then Len counts every field
		f.now = 0
	}
	return f
}

// Fields goes through the fields of a hash, or the members of a set, that is frozen: those that Each would have shown at the
// moment of the view.
type Fields struct {
	heap *mem.Heap
	walk dict.Walk
	now  int64
}

// Fields begins a walk. The value is a hash or a set.
func (f *Frozen) Fields() Fields {
	t := dict.Table{Heap: f.at.b.heap, Root: &f.at.root.table, Key: fieldKey}
	return Fields{heap: t.Heap, walk: t.Walk(), now: f.now}
}

// Next gives a field that it has not given yet, valid until the view is released; false at the end.
func (w *Fields) Next() (p Pair, ok bool) {
	for e := w.walk.Next(); e != 0; e = w.walk.Next() {
		if p = pairOf(w.heap, e); p.Expiry == 0 || p.Expiry >= w.now {
			return p, true
		}
	}
	return Pair{}, false
}
