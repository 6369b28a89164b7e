// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/testutil"
)

// walking gives a database as a command sees it whose plan is a walk, with n keys.
func walking(t *testing.T, shards, n int) *DB {
	s := newStore(t, shards)
	v := s.NewView()
	v.NowMillis = 1_700_000_000_000
	db := v.DB(0)
	for i := range n {
		db.SetString(fmt.Appendf(nil, "key:%d", i), []byte("value"), NoExpiry)
	}
	s.SettleAll()
	v.Walking = true
	return db
}

// free tells whether no shard is held.
func free(s *Store) bool {
	for i := range s.shards {
		if !s.TryLock(i) {
			return false
		}
		s.Unlock(i)
	}
	return true
}

func TestHold(t *testing.T) {
	db := walking(t, 8, 100)
	key := []byte("key:7")
	shard := db.s.ShardOf(hash.Bytes(key))
	errOwn := errors.New("own")
	used := db.s.Used()
	err := db.Hold(key, func() error {
		if db.s.TryLock(shard) || db.v.Walking {
			t.Error("the shard is not held, or the command still walks")
		}
		db.SetString(key, make([]byte, 1000), NoExpiry)
		return errOwn
	})
	if !errors.Is(err, errOwn) || !free(db.s) || !db.v.Walking || db.s.Used() < used+900 {
		t.Errorf("%v; free %v, used %d, before %d", err, free(db.s), db.s.Used(), used)
	}

	db.s.TryLock(shard)
	var busy *BusyShardError
	never := func() error {
		t.Error("run though a shard is busy")
		return nil
	}
	var one, all error
	testutil.Aside(func() { one, all = db.Hold(key, never), db.HoldAll(never) })
	for _, err := range []error{one, all} {
		if !errors.As(err, &busy) || busy.Shard != shard {
			t.Errorf("with shard %d busy: %v", shard, err)
		}
	}
	db.s.Unlock(shard)
	if !free(db.s) {
		t.Error("a shard stays held")
	}
}

func TestHoldAll(t *testing.T) {
	db := walking(t, 8, 100)
	n := 0
	err := db.HoldAll(func() error {
		for i := range db.s.shards {
			if db.s.TryLock(i) {
				t.Errorf("shard %d is not held", i)
			}
		}
		return db.Each(func(*Item) error {
			n++
			return nil
		})
	})
	if err != nil || n != 100 || !free(db.s) || !db.v.Walking {
		t.Errorf("%v, %d keys", err, n)
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.HoldAll(func() error { panic("a bug") })
	}()
	if !free(db.s) || !db.v.Walking {
		t.Error("a panic leaves shards held")
	}
	db.v.Walking = false // the world is still: nothing is taken
	if err := db.HoldAll(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestCensus counts while a shard is busy: it has what it had before.
func TestCensus(t *testing.T) {
	db := walking(t, 8, 1000)
	db.v.Walking = false
	var c Census
	if got := c.Take(db.s, db.Now())[0]; got != (Counts{Keys: 1000, TableBytes: got.TableBytes}) || got.TableBytes < 8000 {
		t.Errorf("%+v", got)
	}
	for i := range 500 {
		it, _ := db.Peek(fmt.Appendf(nil, "key:%d", i))
		db.SetExpiry(&it, db.Now()+5000)
		db.Delete(fmt.Appendf(nil, "key:%d", i+500))
	}
	got := c.Take(db.s, db.Now())[0]
	if got.Keys != 500 || got.Expires != 500 || got.TTL != 5000 {
		t.Errorf("%+v", got)
	}
	db.s.TryLock(3)
	deleteAll(db)
	testutil.Aside(func() {
		if late := c.Take(db.s, db.Now())[0]; late.Keys == 0 || late.Keys >= 500 {
			t.Errorf("with one shard of eight busy: %+v", late)
		}
	})
	db.s.Unlock(3)
	if got := c.Take(db.s, db.Now())[0]; got != (Counts{IndexBytes: got.IndexBytes}) {
		t.Errorf("%+v", got)
	}
}

// TestCensusOfFewExpiries: the time that keys have left is told though few of them have one, the longest times included.
func TestCensusOfFewExpiries(t *testing.T) {
	db := walking(t, 8, 1000)
	db.v.Walking = false
	for _, left := range []int64{5000, math.MaxInt64 - db.Now()} {
		for i := range 5 {
			it, _ := db.Peek(fmt.Appendf(nil, "key:%d", i*100))
			db.SetExpiry(&it, db.Now()+left)
		}
		var c Census
		if got := c.Take(db.s, db.Now())[0]; got.Expires != 5 || got.TTL != left {
			t.Errorf("five keys with %d ms left: %+v", left, got)
		}
	}
}

func deleteAll(db *DB) {
	for i := range 1000 {
		db.Delete(fmt.Appendf(nil, "key:%d", i))
	}
}

// TestUsageOfExpiry: an expiry costs little, also in a database with a single key.
func TestUsageOfExpiry(t *testing.T) {
	db := walking(t, 1, 1)
	db.v.Walking = false
	usage := func() int64 {
		it, _ := db.Peek([]byte("key:0"))
		n, err := it.Usage(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := usage()
	it, _ := db.Peek([]byte("key:0"))
	db.SetExpiry(&it, db.Now()+5000)
	if after := usage(); after <= before || after > before+32 {
		t.Errorf("%d bytes, with an expiry %d", before, after)
	}
}

// TestUsageIsInterrupted ends the counting of a large value.
func TestUsageIsInterrupted(t *testing.T) {
	db := newHashDB(t, 0)
	h := hashForWrite(t, db, "h")
	for i := range 5000 {
		h.SetOne(fmt.Appendf(nil, "field:%d", i), []byte("value"), NoExpiry)
	}
	it, _ := db.Peek([]byte("h"))
	errEnd := errors.New("end")
	if _, err := it.Usage(0, func() error { return errEnd }); !errors.Is(err, errEnd) {
		t.Errorf("got %v", err)
	}
	few, _ := it.Usage(1, func() error { return errEnd })
	all, _ := it.Usage(0, func() error { return nil })
	if few < all*8/10 || few > all*12/10 {
		t.Errorf("%d by a sample, %d in all", few, all)
	}
}
