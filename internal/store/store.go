// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"cmp"
	"math"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/expiry"
	"github.com/redpoll/redpoll/internal/mem"
)

// Settings are what an administrator can change while the store runs. Sizes are in bytes.
type Settings struct {
	HashMaxListpackEntries atomic.Int64
	HashMaxListpackValue   atomic.Int64
	ZSetMaxListpackEntries atomic.Int64
	ZSetMaxListpackValue   atomic.Int64
	ListMaxListpackSize    atomic.Int64 // elements of a leaf of a list, or -1 to -5; see DB.listLimit
	ListCompressDepth      atomic.Int64 // leaves at either end of a list that are not compressed; 0: none is
	ListPlainSize          atomic.Int64 // bytes from which an element is a leaf of its own; 0: what is too large for a leaf
	SetMaxIntsetEntries    atomic.Int64
	SetMaxListpackEntries  atomic.Int64
	SetMaxListpackValue    atomic.Int64
	HLLSparseMaxBytes      atomic.Int64  // bytes up to which a HyperLogLog is sparse
	StreamNodeMaxBytes     atomic.Int64  // bytes that a block of a stream has at most, as a listpack; 0: as many as it may
	StreamNodeMaxEntries   atomic.Int64  // entries and tombstones of one; 0: any number
	StreamIdmpDuration     atomic.Int64  // seconds that a stream without settings of its own remembers IIDs for
	StreamIdmpMaxSize      atomic.Int64  // IIDs of a producer that it remembers
	MaxBulk                atomic.Int64  // proto-max-bulk-len: the longest string there may be
	MaxMemory              atomic.Int64  // maxmemory: bytes past which keys are evicted or commands refused; 0 for no limit
	Policy                 atomic.Uint32 // a Policy: which keys are evicted
	Samples                atomic.Int64  // keys looked at to find one to evict
	LFULogFactor           atomic.Int64
	LFUDecayTime           atomic.Int64 // minutes
	NameReaped             atomic.Bool  // OnReap is given the names of fields
	LazyExpire             atomic.Bool  // DEBUG SET-ACTIVE-EXPIRE 0: keys die only when they are met
	KeepDead               atomic.Bool  // CLIENT PAUSE: keys that are dead stay; views have a flag of the same name
	SparsePercent          atomic.Int64 // what a heap may hold beyond its blocks, in per cent of these, before it is compacted
}

// LFU tells whether the records' access field counts uses, instead of noting the last.
func (s *Settings) LFU() bool { return Policy(s.Policy.Load()).LFU() }

// Options are a new store's parameters.
type Options struct {
	Arena     *mem.Arena
	Shards    int // a power of two from 1 to 65536
	Databases int // at least 1

	// BigTable is the bytes from which a table of many elements gets a heap of its own; 0 is the default.
	BigTable int
	// BigString is the length in bytes past which a string gets one, 64 at least: numbers get none; 0 is the default.
	BigString int

	// Preimages is the bytes of pre-images in memory past which who writes is to wait; 0 is the default.
	Preimages int64

	// OnExpire is called for each key that died of its expiry, its shard held, before the key's bytes are gone; also, with fields set,
	// for a large hash all of whose fields have.
	OnExpire func(db int, key []byte, fields bool)
	// OnExpireField is called for each field of a hash that died of its expiry, its shard held, before the field's bytes are
	// gone; the key goes with its last field. When all fields of a large hash have died, OnExpire is called instead.
	OnExpireField func(db int, key, field []byte)
	// OnReap is called after that, before the key's bytes are gone, once for all fields of a hash that die together; gone tells that
	// the key goes too. fields are their names, if Settings.NameReaped says so and there are not too many.
	OnReap func(db int, key []byte, fields [][]byte, gone bool)
	// OnEvict is called for each key that is evicted, its shard held, before the key's bytes are gone.
	OnEvict func(db int, key []byte)
	// OnDue is called when a shard wants housekeeping earlier than it did so far: the loop that sees to it may have to wake
	// for it. Whatever locks the caller holds, it must not wait for any but a leaf.
	OnDue func(shard int)
}

// Store is all databases. Its methods are safe for any goroutine unless they say what must be held.
type Store struct {
	Settings Settings

	arena         *mem.Arena // Immutable
	shards        []Shard    // Immutable slice
	mask          uint64     // Immutable
	parity        byte       // of records that are not old, as a flag; written with the world still; see walk.go
	shardBits     uint       // Immutable
	databases     int        // Immutable
	bigTable      int        // Immutable; see Options
	bigString     int        // Immutable; see Options
	preimages     int64      // Immutable; see Options
	onExpire      func(db int, key []byte, fields bool)
	onReap        func(db int, key []byte, fields [][]byte, gone bool)
	onExpireField func(db int, key, field []byte)
	onEvict       func(db int, key []byte)
	onDue         func(shard int)

	walk          atomic.Pointer[Walk] // nil: no record is old
	gates         gates
	used          atomic.Int64 // usable bytes of live blocks of all heaps, as published
	expired       atomic.Int64 // keys that died of their expiry
	expiredFields atomic.Int64 // fields of hashes that did
	evicted       atomic.Int64 // keys that were evicted
	watchers      atomic.Int64 // clients that watch keys
	watchedKeys   atomic.Int64
	waiters       atomic.Int64 // clients that wait for keys
	waitedKeys    atomic.Int64
	guardedKeys   atomic.Int64 // those of them of which somebody wants to know when they are lost
	lazy          atomic.Int64 // objects that wait to be freed
	going         atomic.Int64 // bytes of used that these take, estimated
	freed         atomic.Int64 // objects that were freed lazily
	views         atomic.Int64 // of big values that were not released
	bigs          bigs

	compactions compactions
}

// Shard is one part of the keyspace.
type Shard struct {
	// A line that all cores may keep: it is read for every command, with and without the lock, and hardly ever written.
	tables []atomic.Pointer[table] // by database; nil until first used; written under the lock
	number int                     // its place in Store.shards; Immutable
	used   int                     // tables[used:] have never been there; guarded by the lock
	store  *Store                  // Immutable
	_      [16]byte

	// From here on lines that move to the core which takes the lock.
	shardLock

	stale atomic.Bool  // an abandoned Watch may still be in watched
	due   atomic.Int64 // Unix ms at which the earliest key may die, or housekeeping is wanted; raised under the lock only

	// Guarded by the lock:
	targets   int // of all places in the queues of waits; it is looked at before every write, and on the lock's line
	watched   map[watchKey][]*Watch
	waits     waits // all but targets of what has to do with waiting clients
	lazy      []condemned
	heapBytes int64    // of all its tables, as last published to Store.used
	logged    int64    // see SetLogged
	unsettled []*big   // big values that may have other sizes than published
	sweeping  []*big   // big values with blocks that only ended views kept
	reaped    [][]byte // names of the fields of a hash that are just being removed
	refused   bool     // memory was refused that removing a field of a frozen hash takes

	releases          // of views of its big values
	_        [16]byte // whole lines, or the next shard's first would not be one of its own
}

// table is one database's part of a shard.
type table struct {
	root    dict.Root
	keys    dict.Table // view of root
	heap    *mem.Heap
	expiry  expiry.Index
	expires int // keys with an expiry
	timed   int // hashes with fields that expire

	bigs    []*big // the big values of its keys
	bigTurn int    // the one whose heap is to be looked at next, for compacting

	part       *walkPart // of the walk; nil: none of its records is old
	register   *bigs     // of the store; Immutable
	incomplete bool      // the index lacks entries
	made       bool      // by the run that is under way; see undo_databases.go
	compaction compaction
}

// bigTable is the default of Options.BigTable.
const bigTable = 512 << 10

// bigString is the default of Options.BigString.
const bigString = 256 << 10

// never is the time of what will not happen.
const never = math.MaxInt64

// New makes an empty store.
func New(o Options) *Store {
	s := &Store{
		arena: o.Arena, shards: make([]Shard, o.Shards), mask: uint64(o.Shards - 1),
		databases: o.Databases, bigTable: cmp.Or(o.BigTable, bigTable), bigString: cmp.Or(o.BigString, bigString),
		preimages: cmp.Or(o.Preimages, maxPreimages),
		onExpire:  o.OnExpire, onExpireField: o.OnExpireField, onReap: o.OnReap, onEvict: o.OnEvict, onDue: o.OnDue,
	}
	for 1<<s.shardBits < o.Shards {
		s.shardBits++
	}
	for i := range s.shards {
		s.shards[i].number, s.shards[i].store = i, s
		s.shards[i].due.Store(never)
		s.shards[i].tables = make([]atomic.Pointer[table], o.Databases)
	}
	s.Settings.HashMaxListpackEntries.Store(128)
	s.Settings.HashMaxListpackValue.Store(64)
	s.Settings.ZSetMaxListpackEntries.Store(128)
	s.Settings.ZSetMaxListpackValue.Store(64)
	s.Settings.ListMaxListpackSize.Store(-2)
	s.Settings.SetMaxIntsetEntries.Store(512)
	s.Settings.SetMaxListpackEntries.Store(128)
	s.Settings.SetMaxListpackValue.Store(64)
	s.Settings.HLLSparseMaxBytes.Store(3000)
	s.Settings.StreamNodeMaxBytes.Store(4096)
	s.Settings.StreamNodeMaxEntries.Store(100)
	s.Settings.StreamIdmpDuration.Store(100)
	s.Settings.StreamIdmpMaxSize.Store(100)
	s.Settings.MaxBulk.Store(512 << 20)
	s.Settings.Samples.Store(5)
	s.Settings.LFULogFactor.Store(10)
	s.Settings.LFUDecayTime.Store(1)
	s.Settings.SparsePercent.Store(10)
	return s
}

// Databases tells how many there are.
func (s *Store) Databases() int { return s.databases }

// Shards tells how many there are.
func (s *Store) Shards() int { return len(s.shards) }

// ShardOf gives the number of the shard that a key with this hash lies in.
func (s *Store) ShardOf(hash uint64) int { return int(hash & s.mask) }

// TryLock takes a shard if it is free.
func (s *Store) TryLock(shard int) bool { return s.shards[shard].tryLock() }

// Lock takes a shard, trying for some 20 µs; false when it stays busy and the caller is to park.
func (s *Store) Lock(shard int) bool {
	sh := &s.shards[shard]
	return sh.tryLock() || sh.spinLock()
}

// SetLogged notes where in the effect log the last effect on a shard's keys ends, for whoever holds the shard later. It is held.
func (s *Store) SetLogged(shard int, offset int64) { s.shards[shard].logged = offset }

// Logged gives what SetLogged has noted, 0 at first. The shard is held.
func (s *Store) Logged(shard int) int64 { return s.shards[shard].logged }

// Unlock frees a shard and wakes all that parked on it.
func (s *Store) Unlock(shard int) { s.shards[shard].unlock() }

// Park leaves call to be made when the shard is next freed, and gives true; when it is free already it gives false and
// leaves nothing behind. The call is made by whoever unlocks: it must not block and take no lock but a mailbox's.
func (s *Store) Park(shard int, call func()) bool {
	if s.shards[shard].park(call) {
		return true
	}
	s.shards[shard].unlock()
	return false
}

// Prefetch asks for the cache line of a key's bucket. It may be called without the shard.
func (s *Store) Prefetch(db int, hash uint64) Hint {
	if t := s.shards[hash&s.mask].tables[db].Load(); t != nil {
		return Hint{&t.keys, t.keys.PrefetchBucket(hash)}
	}
	return Hint{}
}

// Hint is where a key's bucket was when Prefetch asked for it. The zero value is nowhere.
type Hint struct {
	keys   *dict.Table
	bucket mem.Ref
}

// PrefetchRecord asks for the key's record, when its bucket has had time to arrive. It may be called without the shard.
func (h Hint) PrefetchRecord(hash uint64) {
	if h.keys != nil {
		h.keys.PrefetchEntry(h.bucket, hash)
	}
}

// table gives the database's part of a shard, made when it is missing.
func (db *DB) table(sh *Shard) *table {
	if t := sh.tables[db.index].Load(); t != nil {
		return t
	}
	t := &table{heap: db.s.arena.NewHeap(), expiry: expiry.New(db.v.NowMillis), register: &db.s.bigs}
	t.keys = dict.Table{Heap: t.heap, Root: &t.root, Key: recordKey}
	if db.v.undoing {
		db.v.undo.noteTable(t)
	}
	sh.tables[db.index].Store(t)
	sh.used = max(sh.used, db.index+1)
	return t
}

// Settle publishes what the held shard's memory has come to; to be called before unlocking after a write.
func (s *Store) Settle(shard int) {
	sh := &s.shards[shard]
	var live int64
	for db := range sh.used {
		if t := sh.tables[db].Load(); t != nil {
			live += t.heap.Live()
		}
	}
	if live != sh.heapBytes {
		s.used.Add(live - sh.heapBytes)
		sh.heapBytes = live
	}
	if len(sh.unsettled) > 0 {
		sh.settleBigs()
	}
}

// SettleAll is Settle for all shards; the world is still.
func (s *Store) SettleAll() {
	for i := range s.shards {
		s.Settle(i)
	}
}

// Used gives the bytes of all live blocks off the Go heap, as of the last settled commands.
func (s *Store) Used() int64 { return s.used.Load() }

// Expired tells how many keys died of their expiry.
func (s *Store) Expired() int64 { return s.expired.Load() }

// ExpiredFields tells how many fields of hashes died of their expiry.
func (s *Store) ExpiredFields() int64 { return s.expiredFields.Load() }

// Going gives about how many bytes of Used belong to values whose keys are gone and that are being freed.
func (s *Store) Going() int64 { return s.going.Load() }

// Evicted tells how many keys were evicted.
func (s *Store) Evicted() int64 { return s.evicted.Load() }

// LazyPending and LazyFreed tell how many objects wait to be freed, and how many have been freed later than their key.
func (s *Store) LazyPending() int64 { return s.lazy.Load() }

// LazyFreed tells how many objects were freed after their key had gone.
func (s *Store) LazyFreed() int64 { return s.freed.Load() }

// ResetStats sets the counters back to zero that CONFIG RESETSTAT resets.
func (s *Store) ResetStats() {
	s.expired.Store(0)
	s.expiredFields.Store(0)
	s.evicted.Store(0)
	s.freed.Store(0)
	s.compactions.reset()
}
