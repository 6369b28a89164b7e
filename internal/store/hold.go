// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/hash"

// Hold runs fn with the shard of a key held, whatever fn does to the key published afterwards. It is for a command whose
// plan is a walk and that chooses its keys as it goes; within a still world fn is simply run. Clients that wait for a key which fn
// makes are not served: it must be of no type that they wait for. The error is fn's, or says that the shard is busy and fn was not
// run.
func (db *DB) Hold(key []byte, fn func() error) error {
	if !db.v.Walking {
		return fn()
	}
	return db.held(db.s.ShardOf(hash.Bytes(key)), fn)
}

// HoldAll runs fn with all shards held, which to fn is as if the world were still. As Hold, it is for a command whose plan
// is a walk and that only at times needs more.
func (db *DB) HoldAll(fn func() error) error {
	if !db.v.Walking {
		return fn()
	}
	taken := 0
	defer func() {
		db.v.ForgetReady()
		for i := range taken {
			db.s.shards[i].unlock()
		}
	}()
	for i := range db.s.shards { // ascending, as everybody takes them who wants several
		if sh := &db.s.shards[i]; !sh.tryLock() && !sh.spinLock() {
			return &BusyShardError{Shard: i}
		}
		taken++
	}
	db.v.Walking = false
	defer func() { db.v.Walking = true }()
	return fn()
}

// held runs fn with one shard held.
func (db *DB) held(shard int, fn func() error) error {
	sh := &db.s.shards[shard]
	if !sh.tryLock() && !sh.spinLock() {
		return &BusyShardError{Shard: shard}
	}
	db.v.Walking = false
	defer func() {
		db.v.Walking = true
		db.v.ForgetReady()
		db.s.Settle(shard)
		sh.unlock()
	}()
	return fn()
}
