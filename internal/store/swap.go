// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/hash"

// Swap makes the keys of database a those of b and the other way round, without visiting them: each shard's tables change
// places. Clients stay in the database of their number, and so do the keys that they watch. It gives the number of keys that
// now lie in another database. The world must be still; now is Unix ms.
//
// A table knows nothing of the database that it serves, nor does what lies in it: heap, expiry index and condemned values
// go with it, and the time at which the shard is next due stays what it is.
func (s *Store) Swap(a, b int, now int64) (moved int) {
	if a == b {
		return 0
	}
	for i := range s.shards {
		sh := &s.shards[i]
		for k := range sh.watched {
			if k.db == a || k.db == b {
				s.swapWatched(sh, k, a, b, now)
			}
		}
		for _, db := range [...]int{a, b} {
			if t := sh.tables[db].Load(); t != nil {
				moved += t.keys.Len()
			}
		}
	}
	s.exchange(a, b)
	return moved
}

// exchange makes the tables of two databases change places.
func (s *Store) exchange(a, b int) {
	for i := range s.shards {
		sh := &s.shards[i]
		ta, tb := sh.tables[a].Load(), sh.tables[b].Load()
		sh.tables[a].Store(tb)
		sh.tables[b].Store(ta)
		if ta != nil || tb != nil {
			sh.used = max(sh.used, a+1, b+1)
		}
	}
}

// swapWatched makes all dirty that watch a key of a database which is about to be swapped, if the key is there now or will
// be: as in Redis a key counts as changed even when the two values are the same. A dead key counts as none.
func (s *Store) swapWatched(sh *Shard, k watchKey, a, b int, now int64) {
	key := []byte(k.key)
	if s.alive(sh, a, key, now) || s.alive(sh, b, key, now) {
		sh.touch(k.db, key)
	}
}

// alive tells whether a database has a live key; one that is dead is removed.
func (s *Store) alive(sh *Shard, db int, key []byte, now int64) bool {
	t := sh.tables[db].Load()
	if t == nil {
		return false
	}
	ref, pos := t.keys.Find(hash.Bytes(key), key)
	if ref == 0 {
		return false
	}
	rec := record{t.heap.Pointer(ref)}
	if rec.has(hasExpiry) && rec.expiry() < now {
		s.expire(sh, t, db, pos, rec)
		return false
	}
	return true
}
