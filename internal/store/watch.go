// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"
	"sync/atomic"
)

// Watch is one client's set of watched keys. Any change to one of them, by whomever, makes it dirty; it stays so.
type Watch struct {
	dirty atomic.Bool
	dead  atomic.Bool // its client has abandoned it where a shard was busy
	keys  []watched   // belongs to the client's worker
	bytes int64       // what they take; belongs to the client's worker
}

type watchKey struct {
	db  int
	key string
}

// watched is one key of a Watch.
type watched struct {
	watchKey
	hash uint64
}

// Dirty tells whether a watched key has changed.
func (w *Watch) Dirty() bool { return w.dirty.Load() }

// Len tells how many keys are watched.
func (w *Watch) Len() int { return len(w.keys) }

// Bytes gives about what the watched keys take on the Go heap.
func (w *Watch) Bytes() int64 { return w.bytes }

// watchedBytes is about what a watched key takes beside its text: itself and its place in the shard's table.
const watchedBytes = 150

// has tells whether the key is watched already; others are those that watch it. The shorter list is searched.
func (w *Watch) has(k watchKey, others []*Watch) bool {
	if len(others) <= len(w.keys) {
		return slices.Contains(others, w)
	}
	return slices.ContainsFunc(w.keys, func(old watched) bool { return old.watchKey == k })
}

// Hashes calls fn with each watched key's hash: the engine locks the shards they are in.
func (w *Watch) Hashes(fn func(hash uint64)) {
	for i := range w.keys {
		fn(w.keys[i].hash)
	}
}

// Watch adds a key to w; its shard is held. The key is copied.
func (db *DB) Watch(w *Watch, key []byte) {
	k := watchKey{db.index, string(key)}
	h := db.v.hashOf(key)
	sh := &db.s.shards[h&db.s.mask]
	if w.has(k, sh.watched[k]) {
		return
	}
	db.clear(key) // its absence is what is watched if it is dead
	if len(w.keys) == 0 {
		db.s.watchers.Add(1)
	}
	w.keys = append(w.keys, watched{watchKey: k, hash: h})
	w.bytes += watchedBytes + int64(len(key))
	db.s.sweepWatches(sh)
	if sh.watched == nil {
		sh.watched = make(map[watchKey][]*Watch)
	}
	if len(sh.watched[k]) == 0 {
		db.s.watchedKeys.Add(1)
	}
	sh.watched[k] = append(sh.watched[k], w)
}

// Watchers tells how many clients watch keys.
func (s *Store) Watchers() int64 { return s.watchers.Load() }

// WatchedKeys tells how many keys are watched.
func (s *Store) WatchedKeys() int64 { return s.watchedKeys.Load() }

// ExpireWatched makes w dirty when one of its keys has died since it was watched but was not removed yet. All of their shards
// are held.
func (v *View) ExpireWatched(w *Watch) {
	for i := range w.keys {
		v.dbs[w.keys[i].db].clear([]byte(w.keys[i].key))
	}
}

// clear removes a key if it is dead. Else it stays as it is: a walk need not save it for that.
func (db *DB) clear(key []byte) {
	reading := db.v.Reading
	db.v.Reading = true
	db.lookup(key)
	db.v.Reading = reading
}

// Unwatch ends the watching of all of w's keys and makes it clean; their shards are held.
func (s *Store) Unwatch(w *Watch) {
	for i := range w.keys {
		s.unwatch(&s.shards[w.keys[i].hash&s.mask], w.keys[i].watchKey, w)
	}
	s.stopWatching(w)
	w.keys, w.bytes = w.keys[:0], 0
	w.dirty.Store(false)
}

// stopWatching counts w out of those that watch keys.
func (s *Store) stopWatching(w *Watch) {
	if len(w.keys) > 0 {
		s.watchers.Add(-1)
	}
}

func (s *Store) unwatch(sh *Shard, k watchKey, w *Watch) {
	list := sh.watched[k]
	for i, other := range list {
		if other == w {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	s.setWatchers(sh, k, list)
}

// setWatchers makes list those that watch a key, which somebody has watched until now.
func (s *Store) setWatchers(sh *Shard, k watchKey, list []*Watch) {
	if len(list) > 0 {
		sh.watched[k] = list
	} else if _, was := sh.watched[k]; was {
		delete(sh.watched, k)
		s.watchedKeys.Add(-1)
	}
}

// AbandonLater ends the watching for good, whatever is held or not: w must not be used again. What is left of it is swept
// away later.
func (s *Store) AbandonLater(w *Watch) {
	w.dead.Store(true)
	s.stopWatching(w)
	for i := range w.keys {
		s.shards[w.keys[i].hash&s.mask].stale.Store(true)
	}
}

// Abandon ends the watching for good, gate inside and whatever shards are held: w must not be used again. Where a shard is
// busy, what is left in it is swept away later.
func (s *Store) Abandon(w *Watch) {
	w.dead.Store(true)
	s.stopWatching(w)
	slices.SortFunc(w.keys, func(a, b watched) int { return s.ShardOf(a.hash) - s.ShardOf(b.hash) })
	for rest := w.keys; len(rest) > 0; {
		shard := s.ShardOf(rest[0].hash)
		n := 1
		for n < len(rest) && s.ShardOf(rest[n].hash) == shard {
			n++
		}
		s.abandon(&s.shards[shard], rest[:n], w)
		rest = rest[n:]
	}
}

// abandon is Abandon for the keys of one shard.
func (s *Store) abandon(sh *Shard, keys []watched, w *Watch) {
	if !sh.tryLock() && !sh.spinLock() {
		sh.stale.Store(true)
		return
	}
	for i := range keys {
		s.unwatch(sh, keys[i].watchKey, w)
	}
	sh.unlock()
}

// sweepWatches removes what abandoned watches have left in the held shard.
func (s *Store) sweepWatches(sh *Shard) {
	if !sh.stale.Load() {
		return
	}
	sh.stale.Store(false)
	for k, list := range sh.watched {
		s.setWatchers(sh, k, slices.DeleteFunc(list, func(w *Watch) bool { return w.dead.Load() }))
	}
}

// Touch makes all that watch the key dirty: it has changed.
func (db *DB) Touch(key []byte) {
	sh := db.shardOf(key)
	sh.touch(db.index, key)
}

func (sh *Shard) touch(db int, key []byte) {
	if len(sh.watched) == 0 {
		return
	}
	for _, w := range sh.watched[watchKey{db, string(key)}] {
		w.dirty.Store(true)
	}
}
