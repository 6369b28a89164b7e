// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Eviction removes keys one at a time until enough memory is free. Which key goes is found by sampling, as in Redis: each
// time a bucket of keys is looked at, and the best candidates seen so far are kept in a small pool, of which the best goes.
//
// Terms:
//
//   - A key's rank orders candidates: the lowest goes first. By policy it is the time of the last use, the counter of uses,
//     the expiry, or chance. It does not rise while the key is left alone. Of keys with the same counter of uses the one
//     that was used last goes first: the others' counters have decayed to that, so they were used more often.
//   - A candidate names a key by its hash and database. It is a hint: the key may be gone by now, or have been used since.
//
// Invariants: a pool is ordered by rank and names no key twice; a worker has a pool of its own. One shard is held at a time,
// taken by a try: a shard that is busy is passed by.

// Policy says which keys go when memory is used up (maxmemory-policy).
type Policy uint32

// The policies. Those that begin with Volatile take only keys with an expiry.
const (
	NoEviction Policy = iota
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
	VolatileLRU
	VolatileLFU
	VolatileRandom
	VolatileTTL
	numPolicies
)

// String gives the policy's name in maxmemory-policy.
func (p Policy) String() string {
	return [numPolicies]string{"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
		"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}[p]
}

// PolicyNamed gives the policy with that name, NoEviction when there is none.
func PolicyNamed(name string) Policy {
	for p := range numPolicies {
		if p.String() == name {
			return p
		}
	}
	return NoEviction
}

// LFU tells whether keys are ranked by how often they are used: the access field then counts uses.
func (p Policy) LFU() bool { return p == AllKeysLFU || p == VolatileLFU }

// LRU tells whether keys are ranked by when they were last used.
func (p Policy) LRU() bool { return p == AllKeysLRU || p == VolatileLRU }

func (p Policy) random() bool { return p == AllKeysRandom || p == VolatileRandom }

// volatile tells whether only keys with an expiry may go.
func (p Policy) volatile() bool { return p >= VolatileLRU }

// takes tells whether a key may go at all.
func (p Policy) takes(rec record) bool { return !p.volatile() || rec.has(hasExpiry) }

// Eviction says how an attempt to evict a key ended.
type Eviction uint8

const (
	Evicted      Eviction = iota // a key is gone
	EvictionBusy                 // there was none to be had in the shards that were free
	EvictionNone                 // there is none that the policy takes
)

const (
	poolSize       = 16
	bucketsAtMost  = 8  // looked at in one shard to see enough keys
	hintsAtMost    = 32 // entries of an expiry index looked at in one shard
	hintsFrom      = 8  // with fewer keys that expire than one in so many they are found by the expiry index
	ghostSlack     = 64 // entries beyond three for two keys that an index of a small table may have
	ghostTable     = 4096
	attemptsToFind = 8 // samples that bring nothing but keys that were gone
)

// pool is the best candidates seen so far, the lowest rank first.
type pool struct {
	policy Policy // that the ranks are of
	n      int
	list   [poolSize]candidate
}

type candidate struct {
	rank int64
	hash uint64
	db   int32
}

// admits tells whether a key with this rank would be among the best.
func (p *pool) admits(rank int64) bool { return p.n < poolSize || rank < p.list[poolSize-1].rank }

// add puts a candidate in that the pool admits; of a known key it keeps the new rank.
func (p *pool) add(c candidate) {
	for i := range p.n {
		if p.list[i].hash == c.hash && p.list[i].db == c.db {
			p.drop(i)
			break
		}
	}
	p.n = min(p.n+1, poolSize)
	i := p.n - 1
	for ; i > 0 && p.list[i-1].rank > c.rank; i-- {
		p.list[i] = p.list[i-1]
	}
	p.list[i] = c
}

// drop takes the i-th candidate out.
func (p *pool) drop(i int) {
	copy(p.list[i:p.n], p.list[i+1:p.n])
	p.n--
}

// Evict removes one key by the policy that is set. The gate has been passed and no shard is held. NowMillis must be of
// the present.
func (v *View) Evict() Eviction {
	policy := Policy(v.s.Settings.Policy.Load())
	if policy == NoEviction {
		return EvictionNone
	}
	if v.pool.policy != policy {
		v.pool = pool{policy: policy}
	}
	for range attemptsToFind {
		found := v.sample(policy)
		for i := 0; i < v.pool.n; {
			switch v.take(policy, v.pool.list[i]) {
			case Evicted:
				v.pool.drop(i)
				return Evicted
			case EvictionBusy:
				i++
			case EvictionNone:
				v.pool.drop(i)
			}
		}
		if found != Evicted {
			return found
		}
	}
	return EvictionBusy
}

// sample looks at some keys, beginning with a shard taken by chance, and puts the best into the pool. Evicted says that
// there were keys.
func (v *View) sample(policy Policy) Eviction {
	// A pool that is not full learns of more keys: so the very best goes as long as there are no more keys than it holds.
	want := max(int(v.s.Settings.Samples.Load()), poolSize-v.pool.n)
	if policy.random() {
		want = 1
	}
	first, seen, busy := v.Rand(), 0, false
	for i := range v.s.shards {
		sh := &v.s.shards[(first+uint64(i))&v.s.mask]
		if !sh.tryLock() {
			busy = true
			continue
		}
		seen += v.sampleShard(sh, policy, want-seen)
		sh.unlock()
		if seen >= want {
			return Evicted
		}
	}
	switch {
	case seen > 0:
		return Evicted
	case busy:
		return EvictionBusy
	}
	return EvictionNone
}

// sampleShard looks at about want keys of one of the held shard's tables, chosen by chance so that each key is as likely
// as any other, and gives how many it has seen that the policy takes: none only when there is none.
func (v *View) sampleShard(sh *Shard, policy Policy, want int) (seen int) {
	total, keys := 0, 0
	for db := range sh.used {
		total += sh.evictable(policy, db)
		keys += sh.evictable(AllKeysRandom, db)
	}
	if total == 0 {
		return 0
	}
	pick, db := int(v.Rand()%uint64(total)), 0
	for ; ; db++ {
		if pick -= sh.evictable(policy, db); pick < 0 {
			break
		}
	}
	t := sh.tables[db].Load()
	if keys <= 2*poolSize { // samples would be of the same buckets
		return v.sampleAll(sh, policy)
	}
	offer := func(e mem.Ref) {
		if rec := (record{t.heap.Pointer(e)}); policy.takes(rec) {
			seen++
			v.offer(policy, db, rec)
		}
	}
	if policy.volatile() && t.expires*hintsFrom < t.keys.Len() {
		v.sampleExpiring(sh, t, offer, func() bool { return seen < want })
		return seen
	}
	for i := 0; i < bucketsAtMost && seen < want; i++ {
		t.keys.Sample(v.Rand(), offer)
	}
	switch {
	case seen > 0:
	case policy.volatile():
		v.sampleExpiring(sh, t, offer, func() bool { return seen < want })
	default:
		offer(t.keys.Random(v.Rand()))
	}
	return seen
}

// sampleAll looks at all keys of a held shard that has few.
func (v *View) sampleAll(sh *Shard, policy Policy) (seen int) {
	for db := range sh.used {
		t := sh.tables[db].Load()
		if t == nil {
			continue
		}
		t.keys.Each(func(e mem.Ref) bool {
			if rec := (record{t.heap.Pointer(e)}); policy.takes(rec) {
				seen++
				v.offer(policy, db, rec)
			}
			return true
		})
	}
	return seen
}

// evictable tells how many keys of a database the policy takes in the held shard.
func (sh *Shard) evictable(policy Policy, db int) int {
	t := sh.tables[db].Load()
	switch {
	case t == nil:
		return 0
	case policy.volatile():
		return t.expires
	}
	return t.keys.Len()
}

// sampleExpiring shows keys with an expiry, of which the table has some, found by the expiry index, as long as more says
// so. It shows one at least.
func (v *View) sampleExpiring(sh *Shard, t *table, show func(e mem.Ref), more func() bool) {
	found := false
	look := func(h uint64) {
		t.keys.Candidates(h, func(e mem.Ref, _ dict.Pos) bool {
			if rec := (record{t.heap.Pointer(e)}); rec.has(hasExpiry) && t.expiry.Same(hash.Bytes(rec.key()), h) {
				found = true
				show(e)
			}
			return true
		})
	}
	for hints := 0; !t.incomplete && hints < hintsAtMost && more(); {
		n := t.expiry.Sample(t.heap, v.Rand(), hintsAtMost/4, look)
		if n == 0 {
			break
		}
		hints += n
	}
	if found {
		return
	}
	// Too many entries have lost their keys, or there is no index: all keys have to be looked at, and the index is built anew
	// on the way, so that this pays for many keys.
	if !t.incomplete {
		t.reindex()
		v.s.Settle(sh.number)
	}
	t.keys.Each(func(e mem.Ref) bool {
		if (record{t.heap.Pointer(e)}).has(hasExpiry) {
			show(e)
			return false
		}
		return true
	})
}

// offer puts a key into the pool if it is among the best.
func (v *View) offer(policy Policy, db int, rec record) {
	if rank := v.rank(policy, rec); v.pool.admits(rank) {
		v.pool.add(candidate{rank: rank, hash: hash.Bytes(rec.key()), db: int32(db)})
	}
}

// rank gives a key's place in the order in which keys go.
func (v *View) rank(policy Policy, rec record) int64 {
	switch {
	case policy.LRU():
		return v.NowMillis/1000 - v.idle(rec.access())
	case policy.LFU():
		access := rec.access()
		return int64(v.lfuDecayed(access)+1)<<32 - (v.NowMillis/60000 - v.lfuIdle(access))
	case policy == VolatileTTL:
		return rec.expiry()
	}
	return int64(v.Rand() >> 1)
}

// take evicts a candidate. EvictionNone says that its key is gone or has been used since it was seen.
func (v *View) take(policy Policy, c candidate) Eviction {
	sh := &v.s.shards[c.hash&v.s.mask]
	if !sh.tryLock() {
		return EvictionBusy
	}
	defer sh.unlock()
	t := sh.tables[c.db].Load()
	if t == nil {
		return EvictionNone
	}
	var found Item
	t.keys.Candidates(c.hash, func(e mem.Ref, p dict.Pos) bool {
		it := itemAt(sh, t, e)
		if hash.Bytes(it.Key()) != c.hash {
			return true
		}
		found, found.pos = it, p
		return false
	})
	if found.ref == 0 || !policy.takes(found.rec) || !policy.random() && v.rank(policy, found.rec) > c.rank {
		return EvictionNone
	}
	if w := v.s.walk.Load(); w != nil && w.old(found.rec) {
		if v.s.Crowded() {
			return EvictionBusy
		}
		w.keep(&v.dbs[c.db], &found)
	}
	v.s.evict(sh, t, int(c.db), found.pos, found.rec)
	return Evicted
}

// evict removes a key of the held shard to free its memory.
func (s *Store) evict(sh *Shard, t *table, db int, pos dict.Pos, rec record) {
	s.evicted.Add(1)
	key := rec.key()
	sh.touch(db, key)
	sh.orphan(db, key)
	if s.onEvict != nil {
		s.onEvict(db, key)
	}
	s.remove(sh, t, pos, rec)
	t.dropGhosts()
	s.Settle(sh.number)
}

// dropGhosts frees entries of the index that have lost their keys, if they are many: memory is short. Of a large table,
// where that takes long, schedule drops them, more seldom.
func (t *table) dropGhosts() {
	switch {
	case t.expiry.Len() == 0:
	case t.expires == 0:
		t.expiry.Reset(t.heap)
		t.incomplete = false
	case t.expiry.Len() > t.expires*3/2+ghostSlack && t.keys.Len() <= ghostTable:
		t.reindex()
	}
}
