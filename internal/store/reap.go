// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Fields past their time are removed, or reaped, in slices: by housekeeping when they come due, and by whoever looks their
// hash up before that. So a packed hash that was looked up has none, while a table of many may keep some for a while; they
// are skipped where they are met. So they are in any hash while dead keys are kept (View.KeepDead).

// reapMost is how many fields of a table are removed at one go by looking its key up.
const reapMost = 128

// fresh removes fields of a hash past their time on the way of looking its key up; false when the key has gone with them.
func (db *DB) fresh(it *Item) bool {
	if at := it.t.leastTime(it.rec); at == 0 || !db.v.past(at) {
		return true
	}
	if db.v.KeepDead {
		if it.withered(db.v.NowMillis) {
			it.ref = 0
		}
		return it.ref != 0
	}
	if db.v.undoing {
		db.noteReaped(it)
	}
	db.s.reap(it, db.index, db.v.NowMillis, reapMost)
	db.s.Settle(it.sh.number)
	return it.ref != 0
}

// noteReaped notes a hash that is about to lose dead fields in a run. A command that only reads does so too: if the run is undone the walk
// would take for saved what has come back, so it is saved before.
func (db *DB) noteReaped(it *Item) {
	if w := db.s.walk.Load(); w != nil && w.old(it.rec) {
		w.keep(db, it)
	}
	db.v.noteFound(it)
}

// withered tells whether all fields of the value are past their time, as far as that can be told without looking at all of
// them.
func (it *Item) withered(now int64) bool {
	if at := it.t.leastTime(it.rec); at == 0 || at >= now {
		return false
	}
	if ft := it.rec.times(); ft != nil {
		t := it.elements()
		return ft.latest < now && int(ft.n) == t.Len()
	}
	b := it.Blob()
	end, _ := pairs.Dead(b, now)
	return pairs.Ends(b, end)
}

// Overdue tells whether the hash may have fields past their time that are still counted.
func (c *collection) Overdue() bool {
	if c.it.ref == 0 || c.it.Encoding() < EncTable {
		return false
	}
	at := c.it.t.leastTime(c.it.rec)
	return at != 0 && c.db.v.past(at)
}

// Purge removes all fields past their time, and the key if no others are left: Len then is exact. tick is called now and
// then; its error ends the purge and is returned. While dead keys are kept it does nothing, and Len is exact all the same.
func (h *Hash) Purge(tick func() error) error {
	if h.db.v.KeepDead {
		return nil
	}
	defer func() {
		if h.it.sh != nil {
			h.db.s.Settle(h.it.sh.number)
		}
	}()
	sh := h.it.sh
	if h.db.v.undoing && h.Overdue() {
		h.db.noteReaped(&h.it)
	}
	for h.Overdue() {
		sh.refused = false
		h.db.s.reap(&h.it, h.db.index, h.db.Now(), tickEvery)
		if sh.refused {
			panic(mem.ErrNoMemory)
		}
		if err := tick(); err != nil {
			return err
		}
	}
	return nil
}

// reap removes fields of a hash past their time, about most of a table's, and the key with the last one: then it.ref is 0. It
// gives the number of fields removed.
func (s *Store) reap(it *Item, db int, now int64, most int) (done int) {
	if it.Encoding() == EncListpackEx {
		done = s.reapPacked(it, db, now)
	} else {
		done = s.reapTable(it, db, now, most)
	}
	s.expiredFields.Add(int64(done))
	return done
}

// expireField tells of a field that dies.
func (s *Store) expireField(it *Item, db int, field []byte) {
	if s.Settings.NameReaped.Load() {
		it.sh.reaped = append(it.sh.reaped, bytes.Clone(field))
	}
	if s.onExpireField != nil {
		s.onExpireField(db, it.Key(), field)
	}
}

// tellReaped tells of fields of a hash that have died together.
func (s *Store) tellReaped(it *Item, db int, gone bool) {
	if s.onReap != nil {
		s.onReap(db, it.Key(), it.sh.reaped, gone)
	}
	it.sh.reaped = nil
}

func (s *Store) reapPacked(it *Item, db int, now int64) (done int) {
	b := it.Blob()
	end, done := pairs.Dead(b, now)
	if done == 0 {
		return 0
	}
	it.sh.touch(db, it.Key())
	var text [maxIntText]byte
	for off := pairs.TimedHeader; off != 0 && off < end; {
		var field pairs.Value
		field, _, _, off = pairs.ReadTimed(b, off)
		s.expireField(it, db, Text(Value(field), text[:0]))
	}
	gone := pairs.Ends(b, end)
	s.tellReaped(it, db, gone)
	if gone {
		s.remove(it.sh, it.t, it.pos, it.rec)
		it.ref, it.rec = 0, record{}
		return done
	}
	b = it.splice(gap{at: pairs.TimedHeader, cut: end - pairs.TimedHeader}, pairs.Filler)
	pairs.Removed(b, pairs.TimedHeader, end)
	pairs.AddCount(b, -done)
	it.countTimed(true)
	return done
}

func (s *Store) reapTable(it *Item, db int, now int64, most int) (done int) {
	t, ft := it.elements(), it.rec.times()
	if t.Len() > most && it.withered(now) { // nothing to look for, and too many to tell of each
		done = t.Len()
		s.tellReaped(it, db, true)
		it.forsake()
		s.bury(it.sh, it.t, db, it.pos, it.rec, true)
		it.ref, it.rec = 0, record{}
		return done
	}
	if x := ft.fieldIndex(t.Heap); x != nil && x.Ahead(now) { // the clock was set back
		ft.dropIndex(it.base())
	}
	it.indexFields(now)
	if ft.index != 0 {
		done = s.reapIndexed(it, &t, db, now, most)
	} else {
		done = s.reapAll(it, &t, db, now, most)
	}
	if done > 0 {
		it.sh.touch(db, it.Key())
		s.tellReaped(it, db, t.Len() == 0)
	}
	it.countTimed(true)
	switch {
	case t.Len() == 0:
		it.forsake()
		s.remove(it.sh, it.t, it.pos, it.rec)
		it.ref, it.rec = 0, record{}
	case ft.n == 0:
		ft.dropIndex(it.base())
	}
	return done
}

// reapElement removes one element of a table. If the table is frozen that takes memory: when it is refused, the shard has it
// noted, and it panics with mem.ErrNoMemory.
func (s *Store) reapElement(it *Item, t *dict.Table, db int, e mem.Ref, pos dict.Pos) {
	before, refused := t.Heap.Live(), it.sh.refused
	it.sh.refused = true
	t.Remove(pos)
	it.sh.refused = refused
	s.expireField(it, db, fieldKey(t.Heap, e))
	freeField(t.Heap, e)
	it.weigh(t.Heap.Live() - before)
	it.rec.times().n--
}

// reapAll is reapTable for a table without an index.
func (s *Store) reapAll(it *Item, t *dict.Table, db int, now int64, most int) (done int) {
	ft := it.rec.times()
	var room [reapMost]mem.Ref
	dead := room[:0]
	left := fieldTimes{}
	t.Each(func(e mem.Ref) bool {
		if at := fieldTime(t.Heap, e); at != 0 && at < now {
			dead = append(dead, e)
		} else {
			left.count(0, at)
		}
		return len(dead) < most
	})
	defer ignoreNoMemory() // see reapElement
	for _, e := range dead {
		field := fieldKey(t.Heap, e)
		_, pos := t.Find(hash.Bytes(field), field)
		s.reapElement(it, t, db, e, pos)
		done++
	}
	if done < most {
		ft.least, ft.latest = left.least, left.latest
	}
	return done
}

// reapIndexed is reapTable for a table with an index, which is dropped when memory for it is refused.
func (s *Store) reapIndexed(it *Item, t *dict.Table, db int, now int64, most int) (done int) {
	ft := it.rec.times()
	x := ft.fieldIndex(t.Heap)
	whole := false
	defer func() {
		if !whole {
			ft.dropIndex(it.base())
		}
	}()
	defer ignoreNoMemory()
	x.Pop(it.base(), now-1, most, func(h uint64) {
		for s.reapCandidate(it, t, db, h, now) {
			done++
		}
		t.Candidates(h, func(e mem.Ref, _ dict.Pos) bool {
			if at := fieldTime(t.Heap, e); at != 0 {
				if full := hash.Bytes(fieldKey(t.Heap, e)); x.Same(full, h) {
					x.Add(it.base(), full, at)
				}
			}
			return true
		})
	})
	ft.least = x.Next()
	whole = true
	return done
}

// reapCandidate removes one field past its time with this hash, and tells whether there was one.
func (s *Store) reapCandidate(it *Item, t *dict.Table, db int, h uint64, now int64) (found bool) {
	var dead mem.Ref
	var pos dict.Pos
	t.Candidates(h, func(e mem.Ref, p dict.Pos) bool {
		if at := fieldTime(t.Heap, e); at != 0 && at < now {
			dead, pos, found = e, p, true
		}
		return !found
	})
	if found {
		s.reapElement(it, t, db, dead, pos)
	}
	return found
}
