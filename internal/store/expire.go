// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/expiry"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Expiry works by an index a table (ds/expiry) of hashes in the order of their times. An entry that comes due only says
// "look at the keys with this hash": a key found dead is removed, one that dies later gets an entry for then. So nothing
// needs to be taken out of the index when a key is deleted, persisted, overwritten or moved in memory.
//
// Invariant: a key with an expiry has an entry at that time or earlier, so the entry is made before the expiry is set. A
// later expiry for a key that has one therefore adds nothing. Entries that have lost their key are bounded: past twice the
// keys that expire, and a few, the index is built anew. A hash with fields that expire has an entry at the least of their
// times or earlier in the same way (see hash_times.go); when it comes due its dead fields are reaped.
//
// An entry that is sorted, or put off to a later time, needs memory. When that is refused, the index is incomplete: dead keys
// are found by looking at all keys, once a second, until the index can be built anew.

const (
	reindexSlack = 1024 // entries beyond twice the keys that expire, and a share of all keys, that an index may have
	reindexShare = 8    // one entry for so many keys: all of them are looked at when the index is built anew
	reindexAfter = 1000 // ms until an index that memory was refused for is tried again
	sweepMost    = 1000 // keys that are removed at one go without an index
)

// SetExpiry gives a key the expiry at (Unix ms), or with NoExpiry takes it away.
func (db *DB) SetExpiry(it *Item, at int64) {
	db.announce(it, at)
	had := it.rec.has(hasExpiry)
	if had && at != NoExpiry {
		it.rec.setExpiry(at)
	} else if had != (at != NoExpiry) {
		shape := it.shape()
		shape.expiry = at
		it.reshape(shape)
	}
	it.countExpiry(had)
}

// announce puts the expiry that a key is about to get into the index, if that needs an entry.
func (db *DB) announce(it *Item, at int64) {
	if at != NoExpiry && (!it.rec.has(hasExpiry) || at < it.rec.expiry()) {
		db.s.schedule(it.sh, it.t, it.hash, at)
	}
}

// countExpiry counts the key as one that expires, or no longer, after its record has changed; had tells whether it was one.
func (it *Item) countExpiry(had bool) {
	switch has := it.rec.has(hasExpiry); {
	case has && !had:
		it.t.expires++
	case had && !has:
		it.t.expires--
	}
}

// schedule puts a key's hash into the index.
func (s *Store) schedule(sh *Shard, t *table, hash uint64, at int64) {
	if !t.incomplete && t.expiry.Len() > 2*(t.expires+t.timed)+t.keys.Len()/reindexShare+reindexSlack {
		t.reindex()
	}
	t.expiry.Add(t.heap, hash, at)
	s.hurry(sh, at)
}

// hurry has the shard, which need not be held, looked at by the time at (Unix ms) at the latest.
func (s *Store) hurry(sh *Shard, at int64) {
	for {
		due := sh.due.Load()
		if at >= due {
			return
		}
		if sh.due.CompareAndSwap(due, at) {
			break
		}
	}
	if s.onDue != nil {
		s.onDue(sh.number)
	}
}

// reindex builds a table's index anew from its keys. It stays incomplete when memory is refused.
func (t *table) reindex() {
	t.expiry.Reset(t.heap)
	t.incomplete = true
	defer ignoreNoMemory()
	t.keys.Each(func(e mem.Ref) bool {
		rec := record{t.heap.Pointer(e)}
		if rec.has(hasExpiry) {
			t.expiry.Add(t.heap, hash.Bytes(rec.key()), rec.expiry())
		}
		if at := t.leastTime(rec); at != 0 {
			t.expiry.Add(t.heap, hash.Bytes(rec.key()), at)
		}
		return true
	})
	t.incomplete = false
}

// ignoreNoMemory, deferred, ends a panic of an allocation that was refused.
func ignoreNoMemory() {
	if e := recover(); e != nil && e != mem.ErrNoMemory {
		panic(e)
	}
}

// Due gives the Unix ms at which the shard next has to be looked at, math.MaxInt64 when no key of it will die.
func (s *Store) Due(shard int) int64 { return s.shards[shard].due.Load() }

// Postpone has the held shard be looked at no sooner than at (Unix ms), after its housekeeping has failed.
func (s *Store) Postpone(shard int, at int64) { s.shards[shard].due.Store(at) }

// Housekeep does what the held shard has to do by now (Unix ms): it removes dead keys and frees condemned values and what views
// have kept, up to about max of each, and publishes the memory it has. It tells whether more is to be done at once.
func (s *Store) Housekeep(shard int, now int64, max int) (more bool) {
	sh := &s.shards[shard]
	s.sweepWatches(sh)
	sh.sweepWaits()
	sh.thaw()
	sh.refused = false
	due := s.expireDue(sh, now, max)
	if sh.refused {
		due = now + reindexAfter
	}
	if s.freeLazily(sh, max) {
		due = now
	}
	if sh.sweep(max) {
		due = now
	}
	sh.due.Store(due)
	s.Settle(shard)
	if sh.releases.some.Load() || sh.waits.some.Load() { // since then: what they asked for has just been overwritten
		s.hurry(sh, now)
		due = now
	}
	return due <= now
}

// expireDue removes dead keys, looking at about max entries of the index, and gives the time at which to look again.
func (s *Store) expireDue(sh *Shard, now int64, max int) (due int64) {
	due = never
	for db := range sh.tables {
		t := sh.tables[db].Load()
		if t == nil || t.expires == 0 && t.timed == 0 && t.expiry.Len() == 0 {
			continue
		}
		if s.Settings.LazyExpire.Load() || s.Settings.KeepDead.Load() {
			due = now + 100
			continue
		}
		if t.expiry.Ahead(now) { // the clock was set back: what was added since lies behind
			t.expiry.Reset(t.heap)
			t.expiry = expiry.New(now)
			t.incomplete = true
		}
		if t.incomplete {
			if s.sweep(sh, t, db, now) {
				due = now
			}
			t.reindex()
		}
		if max > 0 && !t.incomplete {
			max -= s.popDue(sh, t, db, now, max)
		}
		if t.incomplete {
			due = min(due, now+reindexAfter)
		} else if next := t.expiry.Next(); next != never {
			due = min(due, next+1)
		}
	}
	return due
}

// popDue removes the keys of one table whose time has come, looking at about max entries, and gives the number of these.
func (s *Store) popDue(sh *Shard, t *table, db int, now int64, max int) (done int) {
	t.incomplete = true // until all that was taken out has found a place
	defer ignoreNoMemory()
	// A key whose time is exactly now lives for this millisecond: it is dead when now is past it.
	left := max
	done = t.expiry.Pop(t.heap, now-1, max, func(h uint64) { left -= s.meet(sh, t, db, h, now, left) })
	t.incomplete = false
	return done + max - left
}

// meet looks at the keys that an entry of the index may have meant: those that are dead go, and about most dead fields of
// hashes, whose number it gives; the others get new entries.
func (s *Store) meet(sh *Shard, t *table, db int, h uint64, now int64, most int) (reaped int) {
	s.removeDead(sh, t, db, h, now)
	reaped = s.reapAt(sh, t, db, h, now, most)
	t.keys.Candidates(h, func(e mem.Ref, _ dict.Pos) bool {
		rec := record{t.heap.Pointer(e)}
		at := t.leastTime(rec)
		if at == 0 && !rec.has(hasExpiry) {
			return true
		}
		full := hash.Bytes(rec.key())
		if !t.expiry.Same(full, h) {
			return true
		}
		if rec.has(hasExpiry) {
			t.expiry.Add(t.heap, full, rec.expiry())
		}
		if at != 0 {
			t.expiry.Add(t.heap, full, at)
		}
		return true
	})
	return reaped
}

// reapAt reaps about most fields of the hashes whose key may have this hash, and gives their number.
func (s *Store) reapAt(sh *Shard, t *table, db int, h uint64, now int64, most int) (done int) {
	for found := true; found && done < most && !sh.refused; {
		var it Item
		found = false
		t.keys.Candidates(h, func(e mem.Ref, p dict.Pos) bool {
			it = Item{sh: sh, t: t, ref: e, pos: p, rec: record{t.heap.Pointer(e)}}
			at := t.leastTime(it.rec)
			found = at != 0 && at < now
			return !found
		})
		if found {
			done += max(s.reap(&it, db, now, most-done), 1) // an index may have had nothing but what has lost its field
		}
	}
	return done
}

// removeDead removes the dead keys with this hash.
func (s *Store) removeDead(sh *Shard, t *table, db int, h uint64, now int64) {
	for found := true; found; {
		var dead dict.Pos
		var rec record
		found = false
		t.keys.Candidates(h, func(e mem.Ref, p dict.Pos) bool {
			if r := (record{t.heap.Pointer(e)}); r.has(hasExpiry) && r.expiry() < now {
				dead, rec, found = p, r, true
			}
			return !found
		})
		if found {
			sh.orphan(db, rec.key())
			s.expire(sh, t, db, dead, rec)
		}
	}
}

// sweep removes up to sweepMost dead keys of a table, and fields, by looking at all its keys, and tells whether there may be
// more.
func (s *Store) sweep(sh *Shard, t *table, db int, now int64) (more bool) {
	var dead []uint64
	t.keys.Each(func(e mem.Ref) bool {
		rec := record{t.heap.Pointer(e)}
		at := t.leastTime(rec)
		if rec.has(hasExpiry) && rec.expiry() < now || at != 0 && at < now {
			dead = append(dead, hash.Bytes(rec.key()))
		}
		return len(dead) < sweepMost
	})
	left := sweepMost
	for _, h := range dead {
		s.removeDead(sh, t, db, h, now)
		if left > 0 {
			left -= s.reapAt(sh, t, db, h, now, left)
		}
	}
	return len(dead) == sweepMost || left <= 0
}
