// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// neverTick fails a test whose command takes longer the larger its value is.
func neverTick(t *testing.T) func() error {
	return func() error {
		t.Error("it goes through the elements")
		return nil
	}
}

// fillHash makes a hash of so many fields.
func fillHash(t testing.TB, db *DB, key string, fields int) Item {
	t.Helper()
	h := hashForWrite(t, db, key)
	for i := range fields {
		h.SetOne(strconv.AppendInt(nil, int64(i), 10), []byte("a value of some bytes"), NoExpiry)
	}
	it, _ := db.Peek([]byte(key))
	return it
}

// elsewhere gives a key of another shard.
func elsewhere(db *DB, key string) string {
	for i := 0; ; i++ {
		if other := fmt.Sprint(key, i); db.shardOf([]byte(other)) != db.shardOf([]byte(key)) {
			return other
		}
	}
}

// keepHouse runs housekeeping of all shards, max elements at a time, until there is nothing to do, and gives the number of
// slices.
func keepHouse(db *DB, max int) (slices int) {
	for i := range db.s.shards {
		for more := true; more; slices++ {
			more = db.s.Housekeep(i, db.v.NowMillis, max)
		}
	}
	return slices
}

func TestHashBecomesBigAndSmallAgain(t *testing.T) {
	db := newHashDB(t, 1<<30)
	it := fillHash(t, db, "h", 1000)
	if it.isBig() {
		t.Fatal("a hash of 1000 fields is big")
	}
	it = fillHash(t, db, "h", 20_000)
	if !it.isBig() {
		t.Fatal("a hash of 20,000 fields is not big")
	}
	b := it.big()
	h := hashForWrite(t, db, "h")
	for i := range 20_000 {
		if v, ok := h.Get(strconv.AppendInt(nil, int64(i), 10)); !ok || string(v.Bytes) != "a value of some bytes" {
			t.Fatalf("field %d is %q, there: %v", i, v.Bytes, ok)
		}
	}
	n, changed := 20_000, 0
	for ; n > 1; n-- {
		h.Delete(strconv.AppendInt(nil, int64(n-1), 10))
		if it, _ := db.Peek([]byte("h")); changed == 0 && !it.isBig() {
			changed = n
		}
	}
	if limit := int64(db.s.bigTable); changed < 1500 || changed > 6000 || b.heap.Live() != 0 {
		t.Errorf("it is no longer big from %d fields on; limit %d, %d bytes are left", changed, limit, b.heap.Live())
	}
	h.Delete([]byte("0"))
	keepHouse(db, 1000)
	if db.s.Used() != live(db) || db.s.bigs.at(b.number) != nil {
		t.Errorf("used %d, live %d", db.s.Used(), live(db))
	}
}

// TestLongFieldsBecomeBig: values that own their pages change heaps without a copy.
func TestLongFieldsBecomeBig(t *testing.T) {
	db := newHashDB(t, 1<<30)
	h := hashForWrite(t, db, "h")
	value := bytes.Repeat([]byte("v"), 100_000)
	where := map[string]*byte{}
	for i := range 12 {
		field := fmt.Sprint(i)
		h.SetOne([]byte(field), value, NoExpiry)
		got, _ := h.Get([]byte(field))
		if !h.it.isBig() {
			where[field] = &got.Bytes[0]
		}
	}
	if !h.it.isBig() || len(where) < 4 {
		t.Fatalf("big: %v; %d fields before", h.it.isBig(), len(where))
	}
	for field, p := range where {
		if got, _ := h.Get([]byte(field)); &got.Bytes[0] != p || !bytes.Equal(got.Bytes, value) {
			t.Errorf("field %s was copied or has changed", field)
		}
	}
	db.Remove(&h.it)
	keepHouse(db, 100)
	if live(db) != db.s.Used() {
		t.Errorf("used %d, live %d", db.s.Used(), live(db))
	}
}

func TestBigValueMovesWithoutACopy(t *testing.T) {
	db := newHashDB(t, 1<<30)
	it := fillHash(t, db, "h", 20_000)
	b, before := it.big(), db.s.arena.Stats().InUse
	other := elsewhere(db, "h")
	db.SetExpiry(&it, db.v.NowMillis+1000)
	for range 3 {
		if err := db.Move([]byte("h"), db, []byte(other), neverTick(t)); err != nil {
			t.Fatal(err)
		}
		if err := db.Move([]byte(other), db, []byte("h"), neverTick(t)); err != nil {
			t.Fatal(err)
		}
	}
	it, ok := db.Peek([]byte("h"))
	if h := db.HashOf(&it); !ok || it.big() != b || h.Len() != 20_000 || it.Expiry() != db.v.NowMillis+1000 {
		t.Error("it has changed on its way")
	}
	if now := db.s.arena.Stats().InUse; now > before+200<<10 {
		t.Errorf("%d bytes in use, %d before", now, before)
	}
	ticks := 0
	if err := db.Copy([]byte("h"), db, []byte(other), func() error { ticks++; return nil }); err != nil || ticks < 15 {
		t.Fatalf("copying: %v, %d ticks", err, ticks)
	}
	copied, _ := db.Peek([]byte(other))
	if h := db.HashOf(&copied); !copied.isBig() || h.Len() != 20_000 {
		t.Error("the copy is not big, or not whole")
	}
	stop := errors.New("stop")
	used := db.s.arena.Stats().InUse
	if err := db.Copy([]byte("h"), db, []byte("third"), func() error { return stop }); err != stop || db.Exists([]byte("third")) {
		t.Errorf("a copy that was stopped: %v", err)
	}
	if now := db.s.arena.Stats().InUse; now > used+100<<10 {
		t.Errorf("%d bytes in use after it, %d before", now, used)
	}
}

func TestBigValueIsFreedInSlices(t *testing.T) {
	db := newHashDB(t, 1<<30)
	it := fillHash(t, db, "h", 60_000)
	db.s.SettleAll()
	held := it.big().heap.Held()
	if !db.Delete([]byte("h")) || db.s.LazyPending() != 1 {
		t.Fatal("not deleted, or not later")
	}
	if going := db.s.Going(); going < held/2 || going > held {
		t.Errorf("%d bytes are going of %d", going, held)
	}
	slices := 0
	for before := db.s.arena.Stats().InUse; db.s.LazyPending() > 0; slices++ {
		for i := range db.s.shards {
			db.s.Housekeep(i, db.v.NowMillis, 10)
		}
		now := db.s.arena.Stats().InUse
		if before-now > 20*60<<10 {
			t.Fatalf("%d bytes at one go", before-now)
		}
		before = now
	}
	if slices < 10 || slices > 200 || db.s.Used() != live(db) || db.s.Going() != 0 || db.s.LazyFreed() != 1 {
		t.Errorf("%d slices; used %d, live %d, going %d", slices, db.s.Used(), live(db), db.s.Going())
	}
}

func TestUsageOfBigValues(t *testing.T) {
	db := newHashDB(t, 1<<30)
	it := fillHash(t, db, "h", 60_000)
	n, err := it.Usage(0, neverTick(t))
	if took := db.s.arena.Stats().InUse - it.t.heap.Held(); err != nil || n < took || n > took+2000 {
		t.Errorf("usage %d, %d bytes are in use; %v", n, took, err)
	}
}

// TestViewsShareAMoment as long as the value does not change.
func TestViewsShareAMoment(t *testing.T) {
	db := newHashDB(t, 1<<30)
	it := fillHash(t, db, "h", 20_000)
	h := db.HashOf(&it)
	a, b := db.Freeze(&it), db.Freeze(&it)
	h.SetOne([]byte("7"), []byte("seven"), NoExpiry)
	c := db.Freeze(&it)
	h.Delete([]byte("7"))
	d := db.Freeze(&it)
	if a.at != b.at || a.at == c.at || c.at == d.at || it.big().moments != 3 {
		t.Fatal("not the moments that they should be")
	}
	used := it.big().heap.Live()
	for _, f := range []*Frozen{a, d, b, c} {
		f.Release()
		keepHouse(db, 100)
	}
	if b := it.big(); b.moments != 0 || b.heap.Freezing() || b.heap.Live() >= used || db.s.FrozenViews() != 0 {
		t.Errorf("%d moments, %d bytes after %d", b.moments, b.heap.Live(), used)
	}
}

// TestViewsOutliveTheirKeys: what a view sees stays and counts as used until it is released, whatever became of its key.
func TestViewsOutliveTheirKeys(t *testing.T) {
	for what, lose := range map[string]func(db *DB){
		"deleted":     func(db *DB) { db.Delete([]byte("h")) },
		"overwritten": func(db *DB) { db.SetString([]byte("h"), []byte("v"), NoExpiry) },
		"flushed":     func(db *DB) { db.s.Flush(-1) },
		"renamed away and deleted": func(db *DB) {
			other := []byte(elsewhere(db, "h"))
			if db.Move([]byte("h"), db, other, nil) != nil || !db.Delete(other) {
				panic("not moved, or not deleted")
			}
		},
		"expired": func(db *DB) {
			it, _ := db.Peek([]byte("h"))
			db.SetExpiry(&it, db.v.NowMillis+5)
			db.v.NowMillis += 10
			db.Exists([]byte("h"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			db := newHashDB(t, 1<<30)
			it := fillHash(t, db, "h", 20_000)
			f := db.Freeze(&it)
			lose(db)
			keepHouse(db, 100)
			if db.s.Used() < 500_000 {
				t.Errorf("used %d while a view is open", db.s.Used())
			}
			n, fields := 0, f.Fields()
			for p, ok := fields.Next(); ok; p, ok = fields.Next() {
				if string(p.Value.Bytes) != "a value of some bytes" {
					t.Fatalf("field %q is %q", p.Field.Bytes, p.Value.Bytes)
				}
				n++
			}
			if n != 20_000 {
				t.Errorf("the view has %d fields", n)
			}
			f.Release()
			keepHouse(db, 100)
			if db.s.LazyPending() != 0 || db.s.Used() != live(db) {
				t.Errorf("%d values wait; used %d, live %d", db.s.LazyPending(), db.s.Used(), live(db))
			}
		})
	}
}

// hall is a store that several goroutines work in, each with a View of its own, taking shards as the engine does.
type hall struct {
	t *testing.T
	s *Store
}

// hold runs fn with the shards of the keys held.
func (h *hall) hold(db *DB, fn func(), keys ...string) {
	var shards [1024]bool
	for _, key := range keys {
		shards[db.shardOf([]byte(key)).number] = true
	}
	for i := range h.s.shards {
		for shards[i] && !h.s.Lock(i) {
			runtime.Gosched()
		}
	}
	defer func() {
		for i := range h.s.shards {
			if shards[i] {
				h.s.Settle(i)
				h.s.Unlock(i)
			}
		}
	}()
	fn()
}

// work changes hashes of generations of fields, moves, deletes and freezes them; each hash always has every field with the
// same value. It has views read elsewhere.
func (h *hall) work(seed uint64, steps int, readers *sync.WaitGroup) {
	const fields = 300
	db := h.s.NewView().DB(0)
	db.v.NowMillis = someTime
	rnd := rand.New(rand.NewPCG(seed, 12))
	for i := range steps {
		key, other := fmt.Sprint("k", rnd.IntN(6)), fmt.Sprint("k", rnd.IntN(6))
		h.hold(db, func() {
			it, ok := db.Peek([]byte(key))
			switch k := rnd.IntN(10); {
			case ok && k == 0:
				db.Delete([]byte(key))
			case ok && k < 3 && !db.Exists([]byte(other)):
				if err := db.Move([]byte(key), db, []byte(other), nil); err != nil {
					h.t.Error(err)
				}
			case ok && k < 6 && it.IsBig():
				f := db.Freeze(&it)
				readers.Go(func() { h.read(f, fields) })
			default:
				hash := hashForWrite(h.t, db, key)
				value := fmt.Appendf(nil, "%d of %d with some more behind it", i, seed)
				for j := range fields {
					hash.SetOne(strconv.AppendInt(nil, int64(j), 10), value, NoExpiry)
				}
			}
		}, key, other)
		h.hold(db, func() {
			h.s.Housekeep(db.shardOf([]byte(key)).number, db.v.NowMillis, 50)
		}, key)
	}
}

// read looks whether a view is of one generation, and releases it.
func (h *hall) read(f *Frozen, fields int) {
	defer f.Release()
	walk, n, value := f.Fields(), 0, ""
	for p, ok := walk.Next(); ok; p, ok = walk.Next() {
		if n++; n == 1 {
			value = string(p.Value.Bytes)
		}
		if string(p.Value.Bytes) != value {
			h.t.Errorf("field %q is %q, another %q", p.Field.Bytes, p.Value.Bytes, value)
			return
		}
	}
	if n != fields {
		h.t.Errorf("a view of %d fields has shown %d", fields, n)
	}
}

// TestViewsAreReadWhileAllElseGoesOn on other goroutines, without a lock.
func TestViewsAreReadWhileAllElseGoesOn(t *testing.T) {
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	h := &hall{t: t, s: New(Options{Arena: arena, Shards: 4, Databases: 1, BigTable: 12_000})}
	var workers, readers sync.WaitGroup
	for seed := range uint64(3) {
		workers.Go(func() { h.work(seed, steps(600), &readers) })
	}
	workers.Wait()
	readers.Wait()
	db := h.s.NewView().DB(0)
	db.v.NowMillis = someTime
	h.s.Flush(-1)
	keepHouse(db, 1000)
	if h.s.FrozenViews() != 0 || h.s.LazyPending() != 0 || h.s.Used() != 0 || arena.Stats().InUse != 0 {
		t.Errorf("%d views, %d values wait, used %d, %+v", h.s.FrozenViews(), h.s.LazyPending(), h.s.Used(), arena.Stats())
	}
}

// TestViewHasNoDeadFields, though the hash has: they are kept, or not found yet.
func TestViewHasNoDeadFields(t *testing.T) {
	db := newHashDB(t, 1<<30)
	fillHash(t, db, "h", 20_000)
	h := hashForWrite(t, db, "h")
	for i := range 100 {
		h.SetExpiry(strconv.AppendInt(nil, int64(i), 10), db.Now()+5+int64(i))
	}
	db.v.NowMillis += 50
	db.v.KeepDead = true
	it, _ := db.Peek([]byte("h"))
	f := db.Freeze(&it)
	db.v.NowMillis += 50 // what dies now is in the view
	n, fields := 0, f.Fields()
	for _, ok := fields.Next(); ok; _, ok = fields.Next() {
		n++
	}
	if n != 20_000-45 {
		t.Errorf("the view has %d fields", n)
	}
	f.Release()
}
