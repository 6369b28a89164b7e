// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// evictTo evicts until no more than limit bytes are used, and tells whether it got there.
func evictTo(v *View, limit int64) bool {
	for v.s.Used()-v.s.Going() > limit {
		if v.Evict() != Evicted {
			return false
		}
	}
	return true
}

func keyOf(i int) []byte { return []byte("key:" + strconv.Itoa(i)) }

func setAll(v *View, db, n int, at int64) {
	for i := range n {
		v.DB(db).SetString(keyOf(i), []byte("value"), at)
		v.s.Settle(v.s.ShardOf(v.hashOf(keyOf(i))))
	}
}

// order evicts all keys and gives them in the order in which they went.
func order(t *testing.T, v *View) (gone []string) {
	t.Helper()
	v.s.onEvict = func(_ int, key []byte) { gone = append(gone, string(key)) }
	for {
		switch v.Evict() {
		case EvictionNone:
			return gone
		case EvictionBusy:
			t.Fatal("a shard is busy")
		}
	}
}

func policies(fn func(p Policy)) {
	for p := AllKeysLRU; p < numPolicies; p++ {
		fn(p)
	}
}

func TestPolicyNames(t *testing.T) {
	for p := range numPolicies {
		if PolicyNamed(p.String()) != p {
			t.Errorf("%v is not found by its name", p)
		}
	}
	if p := PolicyNamed("some"); p != NoEviction {
		t.Errorf("an unknown name is %v", p)
	}
}

// TestEvictionOrder: with as few keys as a pool holds, the right one goes each time.
func TestEvictionOrder(t *testing.T) {
	names := func(list ...int) (keys []string) {
		for _, i := range list {
			keys = append(keys, string(keyOf(i)))
		}
		return keys
	}
	for _, test := range []struct {
		policy Policy
		want   []string
	}{
		{AllKeysLRU, names(1, 2, 4, 5, 3, 0)},
		{VolatileLRU, names(2, 4, 5, 3)},
		{AllKeysLFU, names(5, 4, 2, 1, 3, 0)},
		{VolatileLFU, names(5, 4, 2, 3)},
		{VolatileTTL, names(5, 4, 3, 2)},
	} {
		s := newStore(t, 64)
		s.Settings.Policy.Store(uint32(test.policy))
		s.Settings.LFULogFactor.Store(0)
		s.Settings.LFUDecayTime.Store(0)
		v := s.NewView()
		for i := range 6 { // keys 0 and 1 have no expiry, the later ones die the earlier
			v.NowMillis = someTime + int64(i)*60_000
			at := int64(NoExpiry)
			if i > 1 {
				at = someTime + 1e9 - int64(i)*1000
			}
			v.DB(i%2).SetString(keyOf(i), []byte("value"), at)
		}
		for _, i := range []int{3, 0, 0} {
			v.NowMillis += 60_000
			v.DB(i % 2).Find(keyOf(i))
		}
		if got := order(t, v); !slices.Equal(got, test.want) {
			t.Errorf("%v: %q, want %q", test.policy, got, test.want)
		}
	}
}

// TestEvictionTakesAllAndNoMore: every policy finds all keys that it may take, to the last, and touches no other.
func TestEvictionTakesAllAndNoMore(t *testing.T) {
	for _, shards := range []int{1, 16} {
		policies(func(p Policy) {
			const mortal, immortal = 300, 5000
			s := newStore(t, shards)
			s.Settings.Policy.Store(uint32(p))
			v := s.NewView()
			v.NowMillis = someTime
			setAll(v, 0, immortal, NoExpiry)
			setAll(v, 1, mortal, someTime+1e6)
			want := mortal
			if !p.volatile() {
				want += immortal
			}
			if got := order(t, v); len(got) != want || s.Evicted() != int64(want) {
				t.Errorf("%v, %d shards: %d keys went, %d counted, want %d", p, shards, len(got), s.Evicted(), want)
			}
			if left := keyCount(t, v); left != mortal+immortal-want {
				t.Errorf("%v, %d shards: %d keys are left", p, shards, left)
			}
			if _, expires, _ := v.DB(1).Counts(); expires != 0 {
				t.Errorf("%v: %d keys with an expiry are left", p, expires)
			}
			if left := s.Used(); !p.volatile() && left != 0 {
				t.Errorf("%v: %d bytes are used by nothing", p, left)
			}
		})
	}
}

// TestFewAmongGhosts: a handful of keys that expire are found though the index is full of entries of keys that no longer do.
func TestFewAmongGhosts(t *testing.T) {
	s := newStore(t, 1)
	s.Settings.Policy.Store(uint32(VolatileLRU))
	v := s.NewView()
	v.NowMillis = someTime
	setAll(v, 0, 5000, someTime+1e6)
	setAll(v, 0, 5000, NoExpiry) // each was overwritten
	v.DB(0).SetString(keyOf(7), []byte("value"), someTime+1e6)
	v.DB(0).SetString(keyOf(8), []byte("value"), someTime+1e8)
	if got := order(t, v); len(got) != 2 {
		t.Errorf("%q went", got)
	}
}

// TestEvictionWithoutIndex: when memory for the index was refused keys that expire are found all the same.
func TestEvictionWithoutIndex(t *testing.T) {
	s := newStore(t, 1)
	s.Settings.Policy.Store(uint32(VolatileTTL))
	v := s.NewView()
	v.NowMillis = someTime
	setAll(v, 0, 1000, NoExpiry)
	setAll(v, 0, 20, someTime+1e6)
	tb := s.shards[0].tables[0].Load()
	tb.expiry.Reset(tb.heap)
	tb.incomplete = true
	if got := order(t, v); len(got) != 20 {
		t.Errorf("%d keys went", len(got))
	}
}

// TestEvictionTouches: whoever watches an evicted key is told, and so is the owner.
func TestEvictionTouches(t *testing.T) {
	s := newStore(t, 4)
	s.Settings.Policy.Store(uint32(AllKeysRandom))
	v := s.NewView()
	v.NowMillis = someTime
	var w Watch
	v.DB(1).SetString([]byte("k"), []byte("v"), NoExpiry)
	v.DB(1).Watch(&w, []byte("k"))
	told := ""
	s.onEvict = func(db int, key []byte) { told += fmt.Sprint(db, " ", string(key)) }
	if v.Evict() != Evicted || told != "1 k" || !w.Dirty() {
		t.Errorf("told %q, dirty %v", told, w.Dirty())
	}
	s.Unwatch(&w)
}

// TestUseSavesACandidate: a key that is used after it was seen does not go for what it was then.
func TestUseSavesACandidate(t *testing.T) {
	s := newStore(t, 4)
	s.Settings.Policy.Store(uint32(AllKeysLRU))
	v := s.NewView()
	v.NowMillis = someTime
	setAll(v, 0, 10, NoExpiry)
	v.NowMillis += 10_000
	v.sample(AllKeysLRU) // all are in the pool now
	for i := range 10 {
		if i != 4 {
			v.DB(0).Find(keyOf(i))
		}
	}
	if v.pool.policy != AllKeysLRU && v.Evict() != Evicted || v.Evict() != Evicted || v.DB(0).Exists(keyOf(4)) {
		t.Error("the only key that was not used is still there")
	}
}

// TestPolicySwitched: candidates of the policy before do not count.
func TestPolicySwitched(t *testing.T) {
	s := newStore(t, 4)
	v := s.NewView()
	v.NowMillis = someTime
	setAll(v, 0, 10, NoExpiry)
	for _, p := range []Policy{AllKeysLRU, AllKeysLFU, AllKeysRandom, VolatileTTL} {
		s.Settings.Policy.Store(uint32(p))
		want := Evicted
		if p == VolatileTTL {
			want = EvictionNone
		}
		if got := v.Evict(); got != want {
			t.Errorf("%v: %v", p, got)
		}
	}
	s.Settings.Policy.Store(uint32(NoEviction))
	if got := v.Evict(); got != EvictionNone || keyCount(t, v) != 7 {
		t.Errorf("%v, %d keys are left", got, keyCount(t, v))
	}
}

// TestEvictionPassesBusyShards: of a shard that is held nothing goes, and it is no reason to say that there is nothing.
func TestEvictionPassesBusyShards(t *testing.T) {
	s := newStore(t, 2)
	s.Settings.Policy.Store(uint32(AllKeysLRU))
	v := s.NewView()
	v.NowMillis = someTime
	setAll(v, 0, 100, NoExpiry)
	s.TryLock(0)
	got := Evicted
	testutil.Aside(func() {
		for got == Evicted {
			got = v.Evict()
		}
	})
	s.Unlock(0)
	if got != EvictionBusy {
		t.Errorf("with a shard held: %v", got)
	}
	held := s.shards[0].tables[0].Load().keys.Len()
	if left := keyCount(t, v); left != held || held == 0 {
		t.Errorf("%d keys are left, %d in the shard that is held", left, held)
	}
	if got := order(t, v); len(got) != held {
		t.Errorf("%d went afterwards", len(got))
	}
}

// TestEvictionOfBigValues: what is condemned counts as gone while it is taken apart, and then does not count any more.
func TestEvictionOfBigValues(t *testing.T) {
	s := newStore(t, 4)
	s.Settings.Policy.Store(uint32(AllKeysLRU))
	v := s.NewView()
	v.NowMillis = someTime
	for i := range 10 {
		h := hashForWrite(t, v.DB(0), string(keyOf(i)))
		for f := range 2000 {
			h.SetOne(keyOf(f), []byte("a value of some bytes"), NoExpiry)
		}
	}
	s.SettleAll()
	used := s.Used()
	if !evictTo(v, used/2) {
		t.Fatal("not enough could be evicted")
	}
	kept := s.Used() - s.Going()
	if left := keyCount(t, v); left < 4 || left > 6 || kept < used/2-used/8 { // the last that went took a tenth, more or less
		t.Errorf("%d of 10 keys are left, %d of %d bytes: half of the memory was to go", left, kept, used)
	}
	last := s.Going()
	for s.LazyPending() > 0 {
		housekeepAll(v)
		if now := s.Going(); now > last {
			t.Fatalf("%d bytes are going, before it were %d", now, last)
		}
		last = s.Going()
	}
	if off := s.Used() - kept; s.Going() != 0 || max(off, -off) > used/50 { // what is going is an estimate
		t.Errorf("%d of %d bytes are left, %d going; it was to be %d", s.Used(), used, s.Going(), kept)
	}
	evictTo(v, used/4)
	s.Flush(-1)
	if s.Going() != 0 || s.Used() != 0 {
		t.Errorf("after a flush %d bytes are used, %d going", s.Used(), s.Going())
	}
}

// TestEvictionAmongOthers has workers write, read and evict at the same time.
func TestEvictionAmongOthers(t *testing.T) {
	const limit, keys = 200_000, 20_000
	for p := AllKeysLRU; p < numPolicies; p++ {
		s := newStore(t, 4)
		s.Settings.Policy.Store(uint32(p))
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() {
				v := s.NewView()
				rng := rand.New(rand.NewPCG(uint64(n), 3))
				for i := range int64(steps(20_000)) {
					v.NowMillis = someTime + i
					for s.Used()-s.Going() > limit && v.Evict() == Evicted {
					}
					key := keyOf(rng.IntN(keys))
					shard := s.ShardOf(v.hashOf(key))
					for !s.Lock(shard) {
						runtime.Gosched()
					}
					if rng.IntN(3) > 0 {
						v.DB(rng.IntN(2)).SetString(key, []byte("a value"), someTime+1e6+rng.Int64N(1e6))
					} else {
						v.DB(0).Find(key)
					}
					s.Settle(shard)
					s.Unlock(shard)
				}
			})
		}
		wg.Wait()
		v := s.NewView()
		v.NowMillis = someTime
		if !evictTo(v, limit) || keyCount(t, v) < 1000 {
			t.Errorf("%v: %d keys are left, %d bytes", p, keyCount(t, v), s.Used())
		}
		for i := range s.shards {
			for db := range s.databases {
				if tb := s.shards[i].tables[db].Load(); tb != nil {
					if err := tb.keys.Check(); err != nil {
						t.Errorf("%v: %v", p, err)
					}
				}
			}
		}
	}
}

// zipf draws numbers below n, the first ones the more often: the i-th with a probability in proportion to 1/(i+1)^s.
type zipf struct{ sums []float64 }

func newZipf(n int, s float64) zipf {
	sums, sum := make([]float64, n), 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	return zipf{sums}
}

func (z zipf) draw(rng *rand.Rand) int {
	i, _ := slices.BinarySearch(z.sums, rng.Float64()*z.sums[len(z.sums)-1])
	return min(i, len(z.sums)-1)
}

// cache is something to be measured: get gives whether a key was there, and if not it is put in.
type cache interface{ get(key int, now int64) bool }

// storeCache is a cache in a store that holds a number of bytes.
type storeCache struct {
	*View
	limit int64
}

func (c *storeCache) get(key int, now int64) bool {
	c.NowMillis = now
	name := keyOf(key)
	if _, ok := c.DB(0).Find(name); ok {
		return true
	}
	evictTo(c.View, c.limit)
	at := int64(NoExpiry)
	if Policy(c.s.Settings.Policy.Load()).volatile() {
		at = now + 1e9
	}
	c.DB(0).SetString(name, []byte("some value"), at)
	c.s.Settle(c.s.ShardOf(c.hashOf(name)))
	return false
}

// sampledCache is Redis's algorithm: of five keys taken by chance the best go into a pool of 16, of which the best goes.
type sampledCache struct {
	size   int
	rng    *rand.Rand
	lfu    bool
	keys   []int
	at     map[int]int    // place in keys
	access map[int]uint32 // LFU: as in Redis
	used   map[int]int64  // LRU: seconds
	pool   []ranked
	view   *View
}

type ranked struct {
	key  int
	rank int64
}

func (c *sampledCache) rank(key int, now int64) int64 {
	if c.lfu {
		c.view.NowMillis = now
		return int64(c.view.lfuDecayed(c.access[key]))
	}
	return c.used[key]
}

func (c *sampledCache) note(key int, now int64) {
	c.used[key] = now / 1000
	c.view.NowMillis = now
	c.access[key] = lfuMinutes(now)<<8 | c.view.DB(0).lfuRaise(c.view.lfuDecayed(c.access[key]))
}

func (c *sampledCache) get(key int, now int64) bool {
	if _, ok := c.at[key]; ok {
		c.note(key, now)
		return true
	}
	if len(c.keys) == c.size {
		c.evict(now)
	}
	c.at[key] = len(c.keys)
	c.keys = append(c.keys, key)
	c.used[key], c.access[key] = now/1000, lfuMinutes(now)<<8|lfuInit
	return false
}

func (c *sampledCache) evict(now int64) {
	for {
		for range 5 {
			key := c.keys[c.rng.IntN(len(c.keys))]
			c.pool = append(c.pool, ranked{key, c.rank(key, now)})
		}
		slices.SortStableFunc(c.pool, func(a, b ranked) int { return int(a.rank - b.rank) })
		c.pool = c.pool[:min(len(c.pool), 16)]
		for len(c.pool) > 0 {
			key := c.pool[0].key
			c.pool = c.pool[1:]
			if i, ok := c.at[key]; ok {
				last := len(c.keys) - 1
				c.keys[i] = c.keys[last]
				c.at[c.keys[i]] = i
				c.keys = c.keys[:last]
				delete(c.at, key)
				return
			}
		}
	}
}

// hitRate plays requests to a cache, a hundred a second, and gives the share of hits in the second half.
func hitRate(c cache, z zipf, requests int) float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for i := range requests {
		if c.get(z.draw(rng), someTime+int64(i)*10) && i >= requests/2 {
			hits++
		}
	}
	return float64(hits) / float64(requests-requests/2)
}

// TestHitRate compares the policies' hit rates under a zipf load, half of whose keys fit, with Redis's algorithm at the same
// number of keys.
func TestHitRate(t *testing.T) {
	const keys = 4000
	requests := steps(100_000)
	z := newZipf(keys, 0.99)
	for _, p := range []Policy{AllKeysLRU, AllKeysLFU, VolatileLRU, VolatileLFU} {
		s := newStore(t, 16)
		s.Settings.Policy.Store(uint32(p))
		v := s.NewView()
		v.NowMillis = someTime
		at := int64(NoExpiry)
		if p.volatile() {
			at = someTime + 1e9
		}
		setAll(v, 0, keys/2, at)
		rate := hitRate(&storeCache{v, s.Used()}, z, requests)
		size := keyCount(t, v)
		sampled := hitRate(&sampledCache{
			size: size, rng: rand.New(rand.NewPCG(5, 6)), lfu: p.LFU(), at: map[int]int{}, access: map[int]uint32{},
			used: map[int]int64{}, view: newStore(t, 1).NewView(),
		}, z, requests)
		t.Logf("%v: %.2f %% with %d keys, Redis's algorithm %.2f %%", p, rate*100, size, sampled*100)
		if rate < sampled-0.006 { // the number of keys changes a little all the time
			t.Errorf("%v: hit rate %.4f, Redis's algorithm has %.4f", p, rate, sampled)
		}
	}
}

// evict evicts a key by some policy: which, the store tells by OnEvict.
func (k *keyspace) evict() {
	k.s.Settings.Policy.Store(uint32(k.rng.IntN(int(numPolicies))))
	before := len(k.model)
	if got := k.v.Evict(); got != Evicted && len(k.model) != before {
		k.t.Fatalf("a key was evicted, but Evict says %v", got)
	}
}

func BenchmarkEvict(b *testing.B) {
	for _, p := range []Policy{AllKeysLRU, AllKeysLFU, AllKeysRandom, VolatileTTL} {
		b.Run(p.String(), func(b *testing.B) {
			s := newStore(b, 64)
			s.Settings.Policy.Store(uint32(p))
			v := s.NewView()
			v.NowMillis = someTime
			const keys = 300_000
			setAll(v, 0, keys, someTime+1e9)
			limit, i := s.Used(), keys
			for b.Loop() {
				name := keyOf(i)
				i++
				evictTo(v, limit)
				v.DB(0).SetString(name, []byte("value"), someTime+1e9)
				s.Settle(s.ShardOf(v.hashOf(name)))
			}
		})
	}
}
