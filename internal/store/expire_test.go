// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// keyCount gives the records that there are, dead or not.
func keyCount(t *testing.T, v *View) (n int) {
	t.Helper()
	for i := range v.s.databases {
		keys, err := v.DB(i).Len()
		if err != nil {
			t.Fatal(err)
		}
		n += keys
	}
	return n
}

// housekeepAll runs what is due in all shards.
func housekeepAll(v *View) {
	for i := range v.s.shards {
		for v.s.Due(i) <= v.NowMillis {
			v.s.Housekeep(i, v.NowMillis, 64)
		}
	}
}

const someTime = int64(1_700_000_000_000)

// TestExpiryIsPrecise: of keys that die evenly over a minute each is gone at most 10 ms after its time, and none before.
func TestExpiryIsPrecise(t *testing.T) {
	const keys, minute = 20_000, 60_000
	s := newStore(t, 16)
	v := s.NewView()
	v.NowMillis = someTime
	for i := range keys {
		v.DB(i%2).SetString([]byte("key:"+strconv.Itoa(i)), []byte("value"), someTime+int64(i*minute/keys))
	}
	visits := 0
	for at := int64(0); at <= minute+10; at++ {
		v.NowMillis = someTime + at
		for i := range s.shards {
			for rounds := 0; s.Due(i) <= v.NowMillis; rounds++ {
				visits++
				s.Housekeep(i, v.NowMillis, 64)
			}
		}
		left := keyCount(t, v)
		// A key dies in the millisecond after its own.
		if alive := keys - min(keys, (int(at)*keys+minute-1)/minute); left < alive {
			t.Fatalf("after %d ms %d keys are left, %d have not died yet", at, left, alive)
		}
		if late := keys - max(0, min(keys, (int(at)-10)*keys/minute)); left > late {
			t.Fatalf("after %d ms %d keys are left, at most %d died less than 10 ms ago", at, left, late)
		}
	}
	if s.Expired() != keys {
		t.Errorf("%d of %d keys have died", s.Expired(), keys)
	}
	if visits > 3*16*minute/4 {
		t.Errorf("%d visits of shards in a minute: some were for nothing", visits)
	}
}

// TestClockSetBack: keys that are added after the clock was set back die by the new time.
func TestClockSetBack(t *testing.T) {
	s := newStore(t, 1)
	v := s.NewView()
	v.NowMillis = someTime
	db := v.DB(0)
	db.SetString([]byte("old"), []byte("v"), someTime+100)
	db.SetString([]byte("stays"), []byte("v"), someTime+10_000)
	v.NowMillis += 5000
	housekeepAll(v)
	v.NowMillis -= 3_600_000
	db.SetString([]byte("new"), []byte("v"), v.NowMillis+100)
	v.NowMillis += 110
	housekeepAll(v)
	if keys, _ := db.Len(); keys != 1 || s.Expired() != 2 {
		t.Errorf("%d keys are there, %d have died", keys, s.Expired())
	}
	if due := s.Due(0); due <= v.NowMillis || due > someTime+10_008 {
		t.Errorf("the last key is due in %d ms", due-v.NowMillis)
	}
}

// TestExpiryTimes: the ends of time.
func TestExpiryTimes(t *testing.T) {
	s := newStore(t, 1)
	v := s.NewView()
	v.NowMillis = someTime
	db := v.DB(0)
	times := []int64{1, someTime - 1, someTime, someTime + 1, someTime * 100, math.MaxInt64 - 1, math.MaxInt64}
	for i, at := range times {
		key := []byte(strconv.Itoa(i))
		db.SetString(key, []byte("v"), at)
		if _, ok := db.Peek(key); ok != (at >= someTime) {
			t.Errorf("a key with expiry %d is there: %v", at, ok)
		}
		db.SetString([]byte("last"), []byte("v"), at)
		if it, ok := db.Peek([]byte("last")); ok {
			db.SetExpiry(&it, NoExpiry)
		}
	}
	housekeepAll(v)
	v.NowMillis += 10
	housekeepAll(v)
	if _, expires, _ := db.Counts(); expires != 3 {
		t.Errorf("%d keys have an expiry, want 3", expires)
	}
	if due := s.Due(0); due <= v.NowMillis {
		t.Errorf("due at %d, now %d: housekeeping would spin", due, v.NowMillis)
	}
}

// TestIndexIsBounded: expiries that are set and taken away do not fill the index.
func TestIndexIsBounded(t *testing.T) {
	s := newStore(t, 1)
	v := s.NewView()
	v.NowMillis = someTime
	db := v.DB(0)
	for i := range 20_000 {
		key := []byte(strconv.Itoa(i % 10))
		db.SetString(key, []byte("v"), someTime+1_000_000-int64(i))
		if i%3 == 0 {
			db.Delete(key)
		}
	}
	tab := s.shards[0].tables[0].Load()
	if n := tab.expiry.Len(); n > reindexSlack+30 {
		t.Errorf("%d entries for %d keys", n, tab.keys.Len())
	}
	v.NowMillis += 1_000_100
	housekeepAll(v)
	if tab.keys.Len() != 0 || tab.expiry.Len() != 0 {
		t.Errorf("%d keys and %d entries are left", tab.keys.Len(), tab.expiry.Len())
	}
}

// TestNoMemoryToExpire: when the index gets no memory, keys die late and housekeeping neither fails nor spins.
func TestNoMemoryToExpire(t *testing.T) {
	arena, err := mem.NewArena(mem.Options{Reserve: 512 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	s := New(Options{Arena: arena, Shards: 1, Databases: 2})
	v := s.NewView()
	v.NowMillis = someTime
	db := v.DB(0)
	for i := range 2000 { // spread so that sorting needs many slots
		db.SetString([]byte(strconv.Itoa(i)), make([]byte, 20), someTime+300+int64(i)*997%250_000)
	}
	tab := s.shards[0].tables[0].Load()
	refused := func(n int) (refused bool) {
		defer func() { refused = recover() != nil }()
		tab.heap.Alloc(n)
		return false
	}
	for _, n := range []int{4096, 512, 64} {
		for !refused(n) {
		}
	}
	incomplete, visits := false, 0
	for end := someTime + 300_000; v.NowMillis < end; v.NowMillis++ {
		for s.Due(0) <= v.NowMillis {
			if visits++; visits > 400_000 {
				t.Fatal("housekeeping spins")
			}
			s.Housekeep(0, v.NowMillis, 64)
			incomplete = incomplete || tab.incomplete
		}
	}
	if !incomplete {
		t.Error("memory was never refused: the test tests nothing")
	}
	if left := tab.keys.Len(); left != 0 {
		t.Errorf("%d keys are left", left)
	}
}
