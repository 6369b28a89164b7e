// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
)

// clone gives a value of the model that shares nothing with this one that is ever changed in place.
func (e modelValue) clone() modelValue {
	e.fields, e.set, e.scored = maps.Clone(e.fields), maps.Clone(e.set), slices.Clone(e.scored)
	if e.stream != nil {
		e.stream = &modelStream{slices.Clone(e.stream.entries), e.stream.last}
	}
	if e.array != nil {
		e.array = &modelArray{maps.Clone(e.array.elements), e.array.next}
	}
	return e
}

// state is what there is to see of a key.
type state struct {
	key      modelKey
	enc      Encoding
	expiry   int64
	access   uint32
	big      bool
	elements int
	bytes    int64
}

// states gives what there is to see of all keys that are not dead.
func (k *keyspace) states() map[modelKey]state {
	all := map[modelKey]state{}
	for db := range k.s.databases {
		for i := range k.s.shards {
			t := k.s.shards[i].tables[db].Load()
			if t == nil {
				continue
			}
			t.keys.Each(func(e mem.Ref) bool {
				it := itemAt(&k.s.shards[i], t, e)
				if it.gone(k.v.NowMillis) {
					return true
				}
				st := state{key: modelKey{db, string(it.Key())}, enc: it.Encoding(), expiry: it.Expiry(), access: it.rec.access(), big: it.isBig()}
				st.bytes, st.elements, _ = it.TableSize()
				all[st.key] = st
				return true
			})
		}
	}
	return all
}

// operation draws one for step.
func (k *keyspace) operation() int {
	const evict, wait = 26, 53
	if op := k.rng.IntN(54); !k.inRun || op != evict && op != wait {
		return op
	}
	return 0
}

// run does things to keys that are undone, or stay.
func (k *keyspace) run(n int, stays bool) {
	k.t.Helper()
	model := map[modelKey]modelValue{}
	for key, e := range k.model {
		model[key] = e.clone()
	}
	before := k.states()
	k.v.BeginUndo()
	k.inRun = true
	for range n {
		k.step()
		if k.rng.IntN(20) == 0 {
			k.move()
		}
	}
	k.inRun = false
	if stays {
		k.v.ForgetUndo()
		return
	}
	k.v.RollBack()
	k.model = model
	for i := range k.s.shards {
		k.s.Settle(i)
	}
	after := k.states()
	for key, was := range before {
		if is := after[key]; is != was && n < 40 {
			k.t.Fatalf("a run is undone: %.20q is %+v, was %+v", key.key, is, was)
		}
	}
}

// move empties or swaps databases.
func (k *keyspace) move() {
	switch k.rng.IntN(6) {
	case 0:
		k.flush(-1)
	case 1, 2:
		k.flush(k.rng.IntN(k.s.databases))
	default:
		k.swap(k.rng.IntN(k.s.databases), k.rng.IntN(k.s.databases))
	}
}

func TestRunsAreUndone(t *testing.T) {
	for _, shards := range []int{1, 16} {
		t.Run(strconv.Itoa(shards), func(t *testing.T) {
			k := newKeyspace(t, 5, shards, 1<<30)
			for i := range steps(300) {
				for range 10 {
					k.step()
				}
				k.run(1+k.rng.IntN([]int{3, 10, 60}[i%3]), i%4 == 0)
				if i%5 == 0 {
					k.housekeep()
				}
				if i%20 == 0 {
					k.check()
				}
			}
			k.check()
			k.deleteAll()
			k.flush(-1)
			if inUse := k.s.arena.Stats().InUse; k.s.Used() != 0 || inUse != 0 {
				t.Errorf("%d bytes are used, %d held", k.s.Used(), inUse)
			}
		})
	}
}

// TestRunsAreUndoneWithoutMemory: that nothing is left to be had hinders no run from being undone.
func TestRunsAreUndoneWithoutMemory(t *testing.T) {
	for seed := range uint64(3) {
		k := newKeyspace(t, seed, 4, 1<<30)
		k.tight = true
		const refusals = 30
		for i := 0; i < steps(200) || k.denied < refusals && i < 20*steps(200); i++ {
			k.s.arena.SetLimit(max(k.s.arena.InUse(), 600<<10) + k.rng.Int64N(100<<10))
			for range 10 {
				k.step()
			}
			k.s.arena.SetLimit(max(k.s.arena.InUse(), 600<<10) + k.rng.Int64N(40<<10))
			k.run(1+k.rng.IntN(30), i%4 == 0)
			k.housekeep()
			if i%20 == 0 {
				k.check()
			}
		}
		if k.denied < refusals {
			t.Errorf("only %d operations were refused", k.denied)
		}
		k.s.arena.SetLimit(0)
		k.check()
		k.deleteAll()
	}
}

// witness is a walk's encoder that looks whether each key is what it was when the walk began.
type witness struct {
	k     *keyspace
	model map[modelKey]modelValue
	db    int
	seen  map[modelKey]int
}

func (w *witness) Database(dst []byte, db, _, _ int) []byte {
	w.db = db
	return append(dst, byte(db))
}

func (w *witness) Append(dst []byte, db *DB, it *Item) []byte {
	w.look(db, it)
	return append(dst, 'k')
}

func (w *witness) Stream(db *DB, it *Item) resp.Source {
	w.look(db, it)
	return nothing{}
}

// look looks at a key, whose database is not told for a value that is streamed or a pre-image.
func (w *witness) look(_ *DB, it *Item) {
	shown := *it
	shown.pos = dict.Pos{}
	for db := range w.k.s.databases {
		key := modelKey{db, string(it.Key())}
		if e, ok := w.model[key]; ok && it.t.part.db == db {
			w.seen[key]++
			w.k.compare(key, &shown, e)
			return
		}
	}
	w.k.t.Fatalf("%.20q was not there when the walk began", it.Key())
}

// nothing is a source of no bytes.
type nothing struct{}

func (nothing) Next() []byte { return nil }
func (nothing) Close()       {}

// TestRunAmidAWalk: what a walk saves is what was there when it began, whatever is undone meanwhile.
func TestRunAmidAWalk(t *testing.T) {
	k := newKeyspace(t, 9, 4, 1<<30)
	walker := k.s.NewView()
	for range steps(30) {
		for range 100 {
			k.step()
		}
		k.check()
		now := k.v.NowMillis
		w := &witness{k: k, model: map[modelKey]modelValue{}, seen: map[modelKey]int{}}
		for key := range k.model {
			if e, ok := k.live(key); ok {
				w.model[key] = e.clone()
			}
		}
		walk := k.s.BeginWalk(w)
		walker.NowMillis = now
		for more := true; more; {
			k.run(1+k.rng.IntN(20), k.rng.IntN(3) == 0)
			_, st, _ := walk.Slice(walker, nil)
			more = st == WalkMore
			for ok := true; ok; {
				_, _, ok = walk.TakeBig(nil)
			}
		}
		if err := walk.Err(); err != nil {
			t.Fatal(err)
		}
		walk.End()
		for key := range w.model {
			if w.seen[key] != 1 {
				t.Fatalf("the walk has saved %d/%.20q %d times", key.db, key.key, w.seen[key])
			}
		}
		k.v.NowMillis = now
	}
	k.check()
	k.deleteAll()
}

func TestRunTakesAValueElsewhere(t *testing.T) {
	db := newKeyspace(t, 1, 4, 1<<30).v.DB(0)
	for _, fields := range []int{3, 300, 3000} {
		for name, change := range map[string]func(){
			"moved": func() {
				mustMove(t, db, "a", db, "b")
			},
			"moved and changed": func() {
				mustMove(t, db, "a", db, "b")
				fillHash(t, db, "b", fields+10)
				mustMove(t, db, "b", db, "c")
				db.Delete([]byte("c"))
			},
			"moved and back": func() {
				mustMove(t, db, "a", db.Other(1), "a")
				db.SetString([]byte("a"), []byte("text"), NoExpiry)
				db.Delete([]byte("a"))
				mustMove(t, db.Other(1), "a", db, "a")
				hashForWrite(t, db, "a").Delete([]byte("1"))
			},
			"overwritten": func() {
				db.SetString([]byte("a"), []byte("text"), NoExpiry)
				db.SetString([]byte("a"), bytes.Repeat([]byte("text"), 9000), NoExpiry)
			},
			"moved, and given a block": func() {
				mustMove(t, db, "a", db, "b")
				db.SetString([]byte("a"), bytes.Repeat([]byte("text"), 5000), NoExpiry)
				mustMove(t, db, "a", db.Other(1), "b")
			},
			"copied": func() {
				if err := db.Copy([]byte("a"), db, []byte("b"), neverEnds); err != nil {
					t.Fatal(err)
				}
				hashForWrite(t, db, "a").Delete([]byte("2"))
			},
		} {
			fillHash(t, db, "a", fields)
			before := hashOf(t, db, "a")
			used := settled(db)
			db.v.BeginUndo()
			change()
			db.v.RollBack()
			if got := hashOf(t, db, "a"); !maps.Equal(got, before) {
				t.Errorf("%d fields, %s: %d fields are left", fields, name, len(got))
			}
			if n := keyCount(t, db.v); n != 1 {
				t.Errorf("%d fields, %s: %d keys", fields, name, n)
			}
			if now := settled(db); now != used {
				t.Errorf("%d fields, %s: %d bytes are used, were %d", fields, name, now, used)
			}
			db.Delete([]byte("a"))
			keepHouse(db, 1000)
		}
	}
}

func mustMove(t *testing.T, db *DB, from string, target *DB, to string) {
	t.Helper()
	if err := db.Move([]byte(from), target, []byte(to), neverEnds); err != nil {
		t.Fatal(err)
	}
}

// settled gives the bytes that are used when housekeeping has nothing to do.
func settled(db *DB) int64 {
	keepHouse(db, 1000)
	for i := range db.s.shards {
		db.s.Settle(i)
	}
	return db.s.Used()
}

func hashOf(t *testing.T, db *DB, key string) map[string]string {
	t.Helper()
	all := map[string]string{}
	h, err := db.FindHash([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	h.Each(func(p Pair) bool {
		all[string(Text(p.Field, nil))] = string(Text(p.Value, nil))
		return true
	})
	return all
}

// TestRunOfStringsInBlocks: what is only looked at, moved or overwritten is not copied.
func TestRunOfStringsInBlocks(t *testing.T) {
	db := newKeyspace(t, 1, 4, 1<<30).v.DB(0)
	db.s.bigString = 200_000
	long := func(c byte) []byte { return bytes.Repeat([]byte{c}, 100_000) }
	for _, change := range []func(){
		func() { db.Exists([]byte("a")) },
		func() { db.Delete([]byte("a")) },
		func() { db.SetString([]byte("a"), long('y'), NoExpiry) },
		func() {
			it, _ := db.FindWrite([]byte("a"))
			db.WriteString(&it, 5, []byte("12345"))
			db.WriteString(&it, 99_000, long('z'))
		},
		func() {
			it, _ := db.FindWrite([]byte("a"))
			db.EditString(&it, 500, 10, func(b []byte) { b[0] = 'e' })
			mustMove(t, db, "a", db.Other(1), "a")
		},
		func() {
			mustMove(t, db, "a", db, "b")
			it, _ := db.FindWrite([]byte("b"))
			db.EditString(&it, 500, 10, func(b []byte) { b[0] = 'e' })
			mustMove(t, db, "b", db, "a")
		},
	} {
		db.SetString([]byte("a"), long('x'), NoExpiry)
		used := settled(db)
		db.v.BeginUndo()
		if change(); db.v.UndoBytes() > 3000 {
			t.Errorf("%d bytes on the Go heap", db.v.UndoBytes())
		}
		db.v.RollBack()
		if it, ok := db.Peek([]byte("a")); !ok || !bytes.Equal(it.Blob(), long('x')) || it.Expiry() != NoExpiry || keyCount(t, db.v) != 1 {
			t.Errorf("it is there: %v; %d keys", ok, keyCount(t, db.v))
		}
		if now := settled(db); now != used {
			t.Errorf("%d bytes are used, were %d", now, used)
		}
		db.v.BeginUndo()
		change()
		db.v.ForgetUndo()
		for _, db := range []*DB{db, db.Other(1)} {
			db.Delete([]byte("a"))
		}
		if n := keyCount(t, db.v); n != 0 {
			t.Errorf("%d keys", n)
		}
		keepHouse(db, 1000)
	}
}

// TestRunOfManyChanges: as many keys as are looked up are found again.
func TestRunOfManyChanges(t *testing.T) {
	db := newHashDB(t, 1<<30)
	set := func(from, to int, value string) {
		for i := from; i < to; i++ {
			db.SetString([]byte(fmt.Sprint("key:", i)), []byte(value), NoExpiry)
		}
	}
	set(0, 5000, "old")
	for range 3 {
		db.v.BeginUndo()
		set(2500, 10_000, "new")
		set(2500, 10_000, "newer, and longer than that")
		db.v.RollBack()
		if n := keyCount(t, db.v); n != 5000 {
			t.Fatalf("%d keys", n)
		}
		for i := range 5000 {
			if it, ok := db.Peek([]byte(fmt.Sprint("key:", i))); !ok || string(it.Blob()) != "old" {
				t.Fatalf("key %d: %v", i, ok)
			}
		}
	}
}

// TestRunOfDatabases: what a run has put aside counts as used, and is found again as it was, expiries and all; a run that empties a database
// time and again takes no more memory for that.
func TestRunOfDatabases(t *testing.T) {
	db := newKeyspace(t, 1, 4, 1<<30).v.DB(0)
	db.s.bigTable = 20_000
	v := db.v
	fillHash(t, db, "a", 3000)
	mustMove(t, db, "a", db, "big")
	fillHash(t, db.Other(1), "b", 300)
	for i := range 1000 {
		db.SetString([]byte(fmt.Sprint("key:", i)), []byte("value"), v.NowMillis+100)
	}
	used, before := settled(db), v.s.arena.Stats().InUse
	for _, undone := range []bool{true, false} {
		v.BeginUndo()
		db.Delete([]byte("key:7"))
		mustMove(t, db, "big", db.Other(1), "big") // into a table that the run has not made
		if n := v.Flush(0); n != 999 || !v.PutsAside() || keyCount(t, v) != 2 {
			t.Fatalf("%d keys are gone, %d are left", n, keyCount(t, v))
		}
		v.Swap(0, 1)
		for i := range 1000 {
			mustMove(t, db, "big", db.Other(1), "big") // into one that it has
			db.Other(1).SetString([]byte("new"), bytes.Repeat([]byte("x"), 5000), NoExpiry)
			switch {
			case i < 999:
				mustMove(t, db.Other(1), "big", db, "big")
			case undone:
				db.Other(1).Delete([]byte("big"))
			}
			v.Flush(1)
		}
		db.SetString([]byte("other"), []byte("value"), NoExpiry)
		if got := settled(db); got < used-1000 { // one key is gone
			t.Errorf("%d bytes are used, were %d", got, used)
		}
		if held := v.s.arena.Stats().InUse; held > before+1<<20 {
			t.Errorf("%d bytes are held, were %d", held, before)
		}
		if !undone {
			v.ForgetUndo()
			break
		}
		v.RollBack()
		if v.PutsAside() || keyCount(t, v) != 1002 || len(hashOf(t, db, "big")) != 3000 || len(hashOf(t, db.Other(1), "b")) != 300 {
			t.Errorf("%d keys are back", keyCount(t, v))
		}
		if got := settled(db); got != used {
			t.Errorf("%d bytes are used, were %d", got, used)
		}
	}
	if got := settled(db); keyCount(t, v) != 2 || got >= used/2 {
		t.Errorf("%d keys, %d bytes are used", keyCount(t, v), got)
	}
	v.s.Flush(-1)
	if got := settled(db); got != 0 || v.s.arena.Stats().InUse != 0 {
		t.Errorf("%d bytes are used, %d held", got, v.s.arena.Stats().InUse)
	}
}

// TestSpoiledRun: what was done before Flush stays done, and what comes after is not noted.
func TestSpoiledRun(t *testing.T) {
	db := newHashDB(t, 1<<30)
	db.s.bigTable = 20_000
	fillHash(t, db, "a", 3000)
	db.v.BeginUndo()
	hashForWrite(t, db, "a").Delete([]byte("1"))
	db.v.SpoilUndo()
	if db.v.Undoes() || len(db.v.undo.changes) > 0 {
		t.Error("it can be undone")
	}
	db.s.Flush(-1)
	fillHash(t, db, "b", 3000)
	db.v.ForgetUndo()
	if keyCount(t, db.v) != 1 || len(hashOf(t, db, "b")) != 3000 {
		t.Error("a run that was spoiled")
	}
	db.v.BeginUndo()
	if !db.v.Undoes() {
		t.Error("the next run is spoiled too")
	}
	db.Delete([]byte("b"))
	db.v.RollBack()
	if len(hashOf(t, db, "b")) != 3000 {
		t.Error("not undone")
	}
}

// TestRunThatMeetsDeadKeys: what was dead is none of the run's, but for fields.
func TestRunThatMeetsDeadKeys(t *testing.T) {
	db := newHashDB(t, 1<<30)
	names := [][]byte{[]byte("packed"), []byte("table"), []byte("big")}
	for i, key := range names {
		fillHash(t, db, string(key), []int{2, 300, 9000}[i])
		it, _ := db.FindWrite(key)
		db.SetExpiry(&it, db.v.NowMillis+10)
	}
	timed := hashForWrite(t, db, "timed")
	for i := range 2000 {
		timed.SetOne([]byte(fmt.Sprint(i)), []byte("value"), db.v.NowMillis+10+int64(i))
	}
	db.v.NowMillis += 1000
	db.v.BeginUndo()
	for _, key := range names {
		if db.Exists(key) {
			t.Error("not dead")
		}
		db.SetString(key, []byte("text"), NoExpiry)
	}
	timed = hashForWrite(t, db, "timed")
	timed.SetOne([]byte("1900"), []byte("another"), KeepExpiry)
	timed.SetOne([]byte("1901"), []byte("another"), NoExpiry)
	db.v.RollBack()
	for _, key := range names {
		if db.Exists(key) {
			t.Error("a dead key has come back")
		}
	}
	it, _ := db.Peek([]byte("timed"))
	if h := db.HashOf(&it); h.Purge(neverEnds) != nil || h.Len() != 1010 {
		t.Errorf("%d fields", h.Len())
	} else if at, _ := h.Expiry([]byte("1901")); at == NoExpiry {
		t.Error("a field does not expire")
	}
	db.v.NowMillis += 10_000
	settled(db)
	if n := keyCount(t, db.v); n != 0 {
		t.Errorf("%d keys have not died", n)
	}
}

func BenchmarkUndo(b *testing.B) {
	db := newHashDB(b, 1<<30)
	var keys [][]byte
	for i := range 1024 {
		keys = append(keys, []byte(fmt.Sprint("key:", i)))
		db.SetString(keys[i], []byte("0123456789abcdef"), NoExpiry)
	}
	set := func(i int) { db.SetString(keys[i%1024], []byte("0123456789abcdef"), NoExpiry) }
	b.Run("none", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			set(i)
		}
	})
	b.Run("kept", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			db.v.BeginUndo()
			set(i)
			db.v.ForgetUndo()
		}
	})
	b.Run("kept of four", func(b *testing.B) {
		for i := 0; b.Loop(); i += 4 {
			db.v.BeginUndo()
			for j := range 4 {
				set(i + j)
			}
			db.v.ForgetUndo()
		}
	})
	b.Run("undone", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			db.v.BeginUndo()
			set(i)
			db.v.RollBack()
		}
	})
	fillHash(b, db, "hash", 5000)
	b.Run("field of a table", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			db.v.BeginUndo()
			hashForWrite(b, db, "hash").Set([][]byte{[]byte("7"), keys[i%1024]}, NoExpiry)
			db.v.ForgetUndo()
		}
	})
}

// TestRunMeetsDeadFieldsAmidAWalk: a run that only reads a hash reaps its dead fields all the same; that it is undone does not take the
// hash from the walk.
func TestRunMeetsDeadFieldsAmidAWalk(t *testing.T) {
	for _, fields := range []int{3, 300} {
		k := newKeyspace(t, 1, 4, 1<<30)
		db := k.v.DB(0)
		h := hashForWrite(t, db, "a")
		for i := range fields {
			h.SetOne([]byte(fmt.Sprint(i)), []byte("value"), db.v.NowMillis+10)
		}
		h.SetOne([]byte("alive"), []byte("value"), NoExpiry)
		db.v.NowMillis += 1000
		saved := &counter{}
		walk := k.s.BeginWalk(saved)
		db.v.BeginUndo()
		db.v.Reading = true
		it, _, err := db.FindType([]byte("a"), TypeHash)
		if err != nil {
			t.Fatal(err)
		}
		if h := db.HashOf(&it); h.Purge(neverEnds) != nil || h.Len() != 1 {
			t.Fatalf("%d fields", h.Len())
		}
		db.v.Reading = false
		db.v.RollBack()
		walker := k.s.NewView()
		walker.NowMillis = db.v.NowMillis
		for st := WalkMore; st == WalkMore; {
			_, st, _ = walk.Slice(walker, nil)
		}
		walk.End()
		if saved.records != 1 {
			t.Errorf("%d fields: the walk has saved %d records", fields, saved.records)
		}
	}
}

// counter is a walk's encoder that counts records.
type counter struct{ records int }

func (c *counter) Database(dst []byte, _, _, _ int) []byte { return dst }

func (c *counter) Append(dst []byte, _ *DB, _ *Item) []byte {
	c.records++
	return append(dst, 'k')
}

func (c *counter) Stream(*DB, *Item) resp.Source {
	c.records++
	return nothing{}
}
