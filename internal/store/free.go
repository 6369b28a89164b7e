// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// lazyFrom is how many elements a value has at least for its freeing to be put off (as LAZYFREE_THRESHOLD in Redis).
const lazyFrom = 64

// condemned is a value whose key is gone and whose elements wait to be freed, or a big one.
type condemned struct {
	big   *big // nil: all else says what it is
	heap  *mem.Heap
	enc   Encoding
	roots roots
	times fieldTimes
	bytes int64 // what is left takes, about
}

// owned is what a record's value has outside of the record.
type owned struct {
	block block // ref 0: none
	enc   Encoding
	roots roots      // empty: none
	times fieldTimes // what they refer to of a big value goes with its heap
	big   *big       // nil: none
}

// hasMore tells whether a record's value has anything outside of the record.
func (r record) hasMore() bool { return r.flags()&(inBlock|isBig) != 0 || r.encoding().rooted() }

// owns gives what the record's value has outside of the record. It may be freed when the record is gone already.
func (t *table) owns(r record) (o owned) {
	switch {
	case r.has(isBig):
		o.big = t.big(r)
		if ft := r.times(); ft != nil {
			o.times = *ft
		}
	case r.has(inBlock):
		o.block = readBlock(r.value())
	case r.encoding().rooted():
		o.enc, o.roots = r.encoding(), r.roots()
		if ft := r.times(); ft != nil {
			o.times = *ft
		}
	}
	return o
}

// freeValue frees what a record's value owns outside of the record; large ones only later, in slices.
func (s *Store) freeValue(sh *Shard, t *table, rec record) {
	if rec.hasMore() {
		s.freeOwned(sh, t, t.owns(rec))
	}
}

func (s *Store) freeOwned(sh *Shard, t *table, o owned) {
	if o.big != nil {
		o.big.condemn()
	}
	if o.block.ref != 0 {
		t.heap.Free(o.block.ref, o.block.size)
	}
	if o.roots != (roots{}) {
		c := condemned{heap: t.heap, enc: o.enc, roots: o.roots, times: o.times}
		if c.body().parts() <= lazyFrom {
			for !c.drain(lazyFrom) {
			}
			return
		}
		const enough = 16
		c.bytes, _ = c.body().size(enough, neverEnds)
		sh.lazy = append(sh.lazy, c)
		s.lazy.Add(1)
		s.going.Add(c.bytes)
		s.hurry(sh, 0) // housekeeping is wanted at once
	}
}

func (c *condemned) body() body { return c.roots.body(c.enc, c.heap) }

func (c *condemned) drain(max int) (done bool) {
	if c.big != nil {
		return c.big.release(max)
	}
	if c.times.index != 0 { // at one go: it has some 60 entries a block
		c.times.dropIndex(c.heap)
	}
	return c.body().drain(max)
}

// freeLazily frees up to about max elements of condemned values, and tells whether more are left.
func (s *Store) freeLazily(sh *Shard, max int) (more bool) {
	n := len(sh.lazy)
	if n == 0 {
		return false
	}
	c := &sh.lazy[n-1]
	before, had := c.body().parts(), c.bytes
	if c.drain(max) {
		s.going.Add(-had)
		*c = condemned{}
		sh.lazy = sh.lazy[:n-1]
		s.lazy.Add(-1)
		s.freed.Add(1)
		return n > 1
	}
	if c.big != nil {
		c.bytes = c.big.heap.Live()
	} else if before > 0 {
		c.bytes = int64(float64(had) * float64(c.body().parts()) / float64(before))
	}
	s.going.Add(c.bytes - had)
	return true
}

// Flush removes all keys of one database, or of all with db -1, and gives their memory back a page at a time: no key is
// visited. It gives the number of keys removed. What a walk has yet to save is given back by that. The world must be still.
func (s *Store) Flush(db int) (removed int) {
	return s.flush(db, func(sh *Shard, _ int, t *table) { s.detach(sh, t) })
}

// flush is Flush but for what becomes of a table, which is in no database any more: it is settled.
func (s *Store) flush(db int, away func(sh *Shard, db int, t *table)) (removed int) {
	for i := range s.shards {
		sh := &s.shards[i]
		for k := range sh.watched {
			if t := sh.tables[k.db].Load(); t != nil && (db < 0 || k.db == db) {
				if e, _ := t.keys.Find(hash.Bytes([]byte(k.key)), []byte(k.key)); e != 0 {
					sh.touch(k.db, []byte(k.key))
				}
			}
		}
		s.Settle(i)
		for n := range sh.tables {
			t := sh.tables[n].Load()
			if t == nil || (db >= 0 && n != db) {
				continue
			}
			removed += t.keys.Len()
			sh.tables[n].Store(nil)
			away(sh, n, t)
		}
		s.Settle(i)
	}
	return removed
}

// dropLazy forgets condemned values that lie in a heap which is given back whole.
func (sh *Shard) dropLazy(s *Store, h *mem.Heap) {
	kept := sh.lazy[:0]
	for _, c := range sh.lazy {
		if c.heap != h {
			kept = append(kept, c)
			continue
		}
		s.lazy.Add(-1)
		s.going.Add(-c.bytes)
		s.freed.Add(1)
	}
	clear(sh.lazy[len(kept):])
	sh.lazy = kept
}
