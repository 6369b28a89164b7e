// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// TestScanUnderChange: what is there from a scan's begin to its end is shown, whatever comes and goes meanwhile.
// anyItem lets every key through.
func anyItem(*Item) bool { return true }

func TestScanUnderChange(t *testing.T) {
	for _, shards := range []int{1, 8, 256} {
		s := newStore(t, shards)
		v := s.NewView()
		v.NowMillis = someTime
		db := v.DB(0)
		rng := rand.New(rand.NewPCG(1, uint64(shards)))
		const stay = 500
		for i := range stay {
			db.SetString([]byte("stays:"+strconv.Itoa(i)), nil, NoExpiry)
		}
		v.Walking = true
		for range 6 {
			seen := map[string]bool{}
			grow := rng.IntN(2) == 0
			for cursor := uint64(0); ; {
				next, err := db.Scan(cursor, 1+rng.IntN(20), anyItem, func(it *Item) { seen[string(it.Key())] = true })
				if err != nil {
					t.Fatal(err)
				}
				for range rng.IntN(60) {
					key := []byte("goes:" + strconv.Itoa(rng.IntN(4000)))
					if grow {
						db.SetString(key, nil, NoExpiry)
					} else {
						db.Delete(key)
					}
				}
				if cursor = next; cursor == 0 {
					break
				}
			}
			for i := range stay {
				if key := "stays:" + strconv.Itoa(i); !seen[key] {
					t.Fatalf("%d shards: %s was not shown", shards, key)
				}
			}
		}
		if next, err := db.Scan(0, math.MaxInt, anyItem, func(*Item) {}); next != 0 || err != nil {
			t.Errorf("one call for all: cursor %d, %v", next, err)
		}
		for range 200 {
			if _, err := db.Scan(rng.Uint64(), 3, anyItem, func(*Item) {}); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestScanRemovesDead: a scan removes the keys past their time that it is asked for, whose memory is accounted for at once.
func TestScanRemovesDead(t *testing.T) {
	s := newStore(t, 8)
	v := s.NewView()
	v.NowMillis = someTime
	db := v.DB(0)
	for i := range 300 {
		db.SetString([]byte("dies:"+strconv.Itoa(i)), []byte("v"), someTime+1)
		db.SetString([]byte("lives:"+strconv.Itoa(i)), []byte("v"), NoExpiry)
	}
	s.SettleAll()
	used := s.Used()
	v.NowMillis, v.Walking = someTime+2, true
	asked := func(it *Item) bool { return it.Key()[len(it.Key())-1] != '7' }
	shown := 0
	if next, err := db.Scan(0, math.MaxInt, asked, func(*Item) { shown++ }); next != 0 || err != nil {
		t.Fatalf("cursor %d, %v", next, err)
	}
	if n, _ := db.Len(); shown != 270 || n > 330 { // one not asked for may go with another whose hash begins alike
		t.Errorf("%d keys were shown, %d are left", shown, n)
	}
	if s.Used() >= used {
		t.Errorf("%d bytes are used, %d before", s.Used(), used)
	}
}

// TestScanKeepsDead: while dead keys are kept a scan passes them by.
func TestScanKeepsDead(t *testing.T) {
	s := newStore(t, 8)
	v := s.NewView()
	db := v.DB(0)
	for i := range 100 {
		db.SetString([]byte("dies:"+strconv.Itoa(i)), []byte("v"), someTime+1)
	}
	v.NowMillis, v.Walking, v.KeepDead = someTime+2, true, true
	shown := 0
	if next, err := db.Scan(0, math.MaxInt, anyItem, func(*Item) { shown++ }); next != 0 || err != nil {
		t.Fatalf("cursor %d, %v", next, err)
	}
	if n, _ := db.Len(); shown != 0 || n != 100 {
		t.Errorf("%d keys were shown, %d are left", shown, n)
	}
}

// TestWalkMeetsBusyShard: a walk says which shard it needs, and takes none when the world is still.
func TestWalkMeetsBusyShard(t *testing.T) {
	s := newStore(t, 4)
	v := s.NewView()
	v.Walking = true
	if !s.TryLock(2) {
		t.Fatal("cannot lock")
	}
	var err, scanErr error
	testutil.Aside(func() {
		_, err = v.DB(0).Len()
		_, scanErr = v.DB(0).Scan(0, 100, anyItem, func(*Item) {})
	})
	for _, err := range []error{err, scanErr} {
		if busy := (*BusyShardError)(nil); !errors.As(err, &busy) || busy.Shard != 2 {
			t.Errorf("the error is %v", err)
		}
	}
	v.Walking = false
	if _, err := v.DB(0).Len(); err != nil {
		t.Error(err)
	}
	s.Unlock(2)
	for i := range 4 {
		if !s.TryLock(i) {
			t.Errorf("shard %d is still held", i)
		}
	}
}

// TestScanOfAll: a scan of very many keys at one go lets others have the shards in between, ticks, and when a shard stays busy
// gives what it has got so far.
func TestScanOfAll(t *testing.T) {
	s := newStore(t, 2)
	v := s.NewView()
	db := v.DB(0)
	const keys = 100_000
	for i := range keys {
		db.SetString(strconv.AppendInt(nil, int64(i), 10), []byte("v"), NoExpiry)
	}
	ticks := 0
	v.Walking = true
	v.Tick = func() error {
		for i := range 2 {
			if !s.TryLock(i) {
				t.Fatalf("shard %d is held", i)
			}
			s.Unlock(i)
		}
		ticks++
		return nil
	}
	seen := 0
	next, err := db.Scan(0, math.MaxInt, anyItem, func(*Item) { seen++ })
	if seen != keys || next != 0 || err != nil || ticks < 10 {
		t.Errorf("%d keys in %d slices, then cursor %d, %v", seen, ticks, next, err)
	}
	seen, v.Tick = 0, nil
	if !s.TryLock(1) {
		t.Fatal("cannot lock")
	}
	testutil.Aside(func() { next, err = db.Scan(0, math.MaxInt, anyItem, func(*Item) { seen++ }) })
	s.Unlock(1)
	if seen == 0 || seen == keys || next == 0 || err != nil {
		t.Errorf("%d keys, then cursor %d, %v", seen, next, err)
	}
	if next, err = db.Scan(next, math.MaxInt, anyItem, func(*Item) { seen++ }); seen != keys || next != 0 || err != nil {
		t.Errorf("%d keys in the end, cursor %d, %v", seen, next, err)
	}
}

func TestRandomKey(t *testing.T) {
	s := newStore(t, 8)
	v := s.NewView()
	v.NowMillis = someTime
	db := v.DB(0)
	if _, ok := db.Random(); ok {
		t.Error("a key of an empty database")
	}
	const keys, draws = 50, 20_000
	for i := range keys {
		db.SetString([]byte(strconv.Itoa(i)), nil, NoExpiry)
	}
	count := map[string]int{}
	for range draws {
		it, _ := db.Random()
		count[string(it.Key())]++
	}
	for i := range keys {
		if n := count[strconv.Itoa(i)]; n < draws/keys/3 || n > draws/keys*3 {
			t.Errorf("key %d was drawn %d times of %d", i, n, draws)
		}
	}
	for i := range keys {
		if it, ok := db.Peek([]byte(strconv.Itoa(i))); ok && i != 7 {
			db.SetExpiry(&it, someTime+1)
		}
	}
	v.NowMillis += 2
	if it, ok := db.Random(); !ok || string(it.Key()) != "7" {
		t.Error("the one key that lives was not found")
	}
	db.Delete([]byte("7"))
	if _, ok := db.Random(); ok {
		t.Error("a dead key was drawn")
	}
}
