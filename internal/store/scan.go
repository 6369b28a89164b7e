// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// visit runs fn with the shard's part of the database, nil when there is none. On a walk it locks the shard meanwhile.
func (db *DB) visit(shard int, fn func(t *table)) error {
	sh := &db.s.shards[shard]
	if db.v.Walking {
		if !sh.tryLock() && !sh.spinLock() {
			return &BusyShardError{Shard: shard}
		}
		defer sh.unlock()
	}
	fn(sh.tables[db.index].Load())
	return nil
}

// itemAt makes an Item of an entry that a walk met, without its place in the table: it is for reading only.
func itemAt(sh *Shard, t *table, e mem.Ref) Item {
	return Item{sh: sh, t: t, ref: e, rec: record{t.heap.Pointer(e)}}
}

// gone tells whether the key is past its time, or all of its fields are, and waits to be removed.
func (it *Item) gone(now int64) bool {
	at := it.Expiry()
	return at != 0 && at < now || it.Encoding() >= EncTable && it.withered(now)
}

// scanAtOnce is how many buckets a scan looks at with a shard held.
const scanAtOnce = 1000

// Scan visits about count keys from cursor on (0 begins) and gives the cursor to go on from, 0 at the end. A key that is
// there from a scan's begin to its end is visited at least once. Those that want lets through are shown to fn, or, past
// their time, removed, but for a View.KeepDead. The Item and its slices are valid within the two functions only. A walk that
// meets a busy shard visits fewer keys; the error says that it has not got to any, or is Tick's.
func (db *DB) Scan(cursor uint64, count int, want func(it *Item) bool, fn func(it *Item)) (next uint64, err error) {
	count = min(count, math.MaxInt/10)
	shard, inner := int(cursor&db.s.mask), cursor>>db.s.shardBits
	seen, steps := 0, 0
	for seen < count && steps < 10*count {
		err = db.visit(shard, func(t *table) {
			if t == nil || t.keys.Len() == 0 {
				inner = 0
				return
			}
			var dead []uint64
			last := min(10*count, steps+scanAtOnce)
			for more := true; more && seen < count && steps < last; more = inner != 0 {
				steps++
				inner = t.keys.Scan(inner, func(e mem.Ref) {
					it := itemAt(&db.s.shards[shard], t, e)
					gone := it.gone(db.v.NowMillis)
					if !gone {
						seen++
					}
					switch {
					case !want(&it):
					case gone && !db.v.KeepDead:
						dead = append(dead, hash.Bytes(it.Key()))
					case gone:
					default:
						fn(&it)
					}
				})
			}
			for _, h := range dead {
				db.s.removeDead(&db.s.shards[shard], t, db.index, h, db.v.NowMillis)
			}
			if len(dead) > 0 {
				db.s.Settle(shard)
			}
		})
		switch {
		case err != nil && steps > 0:
			return cursor, nil
		case err != nil:
			return cursor, err
		}
		if inner == 0 {
			if shard++; shard == len(db.s.shards) {
				return 0, nil
			}
		}
		cursor = inner<<db.s.shardBits | uint64(shard)
		if steps > 0 && db.v.Tick != nil { // who has let others overtake must not run again
			if err := db.v.Tick(); err != nil {
				return cursor, err
			}
		}
	}
	return cursor, nil
}

// Each visits every live key, in no order, until fn gives an error, which it returns. The world must be still.
func (db *DB) Each(fn func(it *Item) error) (err error) {
	for i := range db.s.shards {
		sh := &db.s.shards[i]
		t := sh.tables[db.index].Load()
		if t == nil {
			continue
		}
		t.keys.Each(func(e mem.Ref) bool {
			it := itemAt(sh, t, e)
			if it.gone(db.v.NowMillis) {
				return true
			}
			err = fn(&it)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Len tells how many keys the database has, dead ones not yet met included, as in Redis. The world must be still or the
// call a walk; then an error says that a shard is busy.
func (db *DB) Len() (n int, err error) {
	keys, _, err := db.Counts()
	return keys, err
}

// Counts tells how many keys there are and how many of them have an expiry. The world must be still or the call a walk.
func (db *DB) Counts() (keys, expires int, err error) {
	for i := range db.s.shards {
		err := db.visit(i, func(t *table) {
			if t != nil {
				keys += t.keys.Len()
				expires += t.expires
			}
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return keys, expires, nil
}

// Random gives some live key, each about as likely; false when there is none. The world must be still.
func (db *DB) Random() (Item, bool) {
	total, _, _ := db.Counts()
	for tries := 0; total > 0 && tries < 100; tries++ {
		n := int(db.v.Rand() % uint64(total))
		for i := range db.s.shards {
			sh := &db.s.shards[i]
			t := sh.tables[db.index].Load()
			if t == nil {
				continue
			}
			if n -= t.keys.Len(); n < 0 {
				it := itemAt(sh, t, t.keys.Random(db.v.Rand()))
				if !it.gone(db.v.NowMillis) {
					return it, true
				}
				break
			}
		}
	}
	var first Item
	found := false
	db.Each(func(it *Item) error { // mostly dead keys: take the first that lives
		first, found = *it, true
		return errStop
	})
	return first, found
}

var errStop = &BusyShardError{Shard: -1}
