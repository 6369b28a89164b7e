// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/scores"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// checkSorted goes through a large sorted set and looks whether its table and its tree agree.
func checkSorted(t testing.TB, v sorted) {
	t.Helper()
	if err := v.leaves().Check(); err != nil {
		t.Fatal(err)
	}
	if err := v.elements().Check(); err != nil {
		t.Fatal(err)
	}
	if v.leaves().Len() != v.elements().Len() {
		t.Fatalf("%d entries for %d members", v.leaves().Len(), v.elements().Len())
	}
	var c tree.Cursor
	var last []byte
	lastKey := uint64(0)
	for ok := v.leaves().First(&c); ok; ok = c.Next() {
		l := scores.At(v.heap, c.Leaf())
		if l.Len() != c.Count() || l.Keys()[0] != c.Key() {
			t.Fatalf("a leaf of %d entries from %x on is known to have %d from %x on", l.Len(), l.Keys()[0], c.Count(), c.Key())
		}
		for i, key := range l.Keys() {
			e := l.Ref(i)
			member := fieldKey(v.heap, e)
			if found, _ := v.elements().Find(hash.Bytes(member), member); found != e {
				t.Fatalf("%q lies at %#x, its entry says %#x", member, found, e)
			}
			if key != scores.Key(scoreAt(v.heap, e)) {
				t.Fatalf("%q has the score %v, its entry %v", member, scoreAt(v.heap, e), scores.Score(key))
			}
			if key < lastKey || key == lastKey && last != nil && bytes.Compare(last, member) >= 0 {
				t.Fatalf("%q comes behind %q", member, last)
			}
			last, lastKey = member, key
		}
	}
}

// zset puts members in and takes some out, in one of several ways.
func (k *keyspace) zset(key modelKey, db *DB, e modelValue) {
	rng := k.rng
	many := 60
	if len(key.key)%3 == 0 { // some sets are to become big
		many = 900
	}
	m := zsetModel(slices.Clone(e.scored))
	keep := func() {
		if len(m) == 0 {
			delete(k.model, key)
			return
		}
		e.scored = m
		k.model[key] = e
	}
	if len(m) == 0 && rng.IntN(4) == 0 {
		for range 1 + rng.IntN(many) {
			m.put(k.scoredMember(many), k.score())
		}
		members := make([]Scored, 0, len(m))
		for _, s := range m {
			members = append(members, Scored{[]byte(s.member), s.score})
		}
		db.Exists([]byte(key.key)) // a dead key would be in the way
		if k.try(func() { db.CreateZSet([]byte(key.key), members, neverEnds) }) {
			keep()
		}
		return
	}
	for range 1 + rng.IntN(many/5) {
		var z ZSet
		var err error
		if !k.try(func() { z, err = db.FindZSetWrite([]byte(key.key)) }) {
			return // it is frozen: changing it would take memory
		}
		if err != nil {
			k.t.Fatal(err)
		}
		switch op := rng.IntN(12); {
		case op < 2:
			member := k.scoredMember(many)
			i := m.find(member)
			if k.try(func() {
				if z.Remove([]byte(member)) != (i >= 0) {
					k.t.Fatalf("Remove of %q, at %d", member, i)
				}
			}) && i >= 0 {
				m = slices.Delete(m, i, i+1)
			}
		case op == 2 && len(m) > 0 && rng.IntN(5) == 0:
			from := rng.IntN(len(m))
			n := 1 + rng.IntN(min(len(m)-from, 1+many/10))
			if big := z.IsBig(); !k.tight || !big { // else some may go, and others not
				z.RemoveRange(from, n, nil)
				m = slices.Delete(m, from, from+n)
			}
		default:
			member, score := k.scoredMember(many), k.score()
			if op > 9 && len(m) > 0 { // hardly another score
				some := m[rng.IntN(len(m))]
				if member, score = some.member, some.score; !math.IsInf(score, 0) {
					score += float64(rng.IntN(3)) - 1
				}
			}
			k.try(func() {
				added, changed := z.Put([]byte(member), score)
				if a, c := m.put(member, score); a != added || c != changed {
					k.t.Fatalf("Put of %q: %v, %v, want %v, %v", member, added, changed, a, c)
				}
			})
		}
		if keep(); len(m) == 0 {
			return
		}
	}
}

func (k *keyspace) scoredMember(many int) string {
	n := k.rng.IntN(many)
	if n%97 == 5 {
		return strings.Repeat("m", 30_000+n*10) // some own their pages
	}
	return strings.Repeat("m", n%60) + strconv.Itoa(n)
}

// score gives scores many of which are equal.
func (k *keyspace) score() float64 {
	switch k.rng.IntN(4) {
	case 0:
		return someScore(k.rng)
	case 1:
		return float64(k.rng.IntN(10_000))
	}
	return float64(k.rng.IntN(5))
}

// compareZSet compares a sorted set with the model.
func (k *keyspace) compareZSet(key modelKey, it *Item, want zsetModel) {
	k.t.Helper()
	if it.Type() != TypeZSet {
		k.t.Fatalf("%d/%.20q is a %v, want a sorted set", key.db, key.key, it.Type())
	}
	z := k.v.DB(key.db).ZSetOf(it)
	if z.Len() != len(want) || !readZSet(&z, 0, len(want), false).same(want) {
		k.t.Fatalf("%d/%.20q has %d members, want %d", key.db, key.key, z.Len(), len(want))
	}
	e := want[k.rng.IntN(len(want))]
	if rank, score, ok := z.Rank([]byte(e.member)); !ok || score != e.score || want[rank].member != e.member {
		k.t.Fatalf("%d/%.20q: the rank of %q is %d", key.db, key.key, e.member, rank)
	}
}

// compareRanked looks whether a view of a sorted set still is what it was, in both directions.
func (k *keyspace) compareRanked(v modelView) {
	k.t.Helper()
	from := k.rng.IntN(len(v.scored))
	for i, w := from, v.f.Members(from, false); ; i++ {
		m, score, ok := w.Next()
		if ok != (i < len(v.scored)) {
			k.t.Fatalf("a view of %d members has a %d-th: %v", len(v.scored), i, ok)
		}
		if !ok {
			break
		}
		if e := v.scored[i]; string(m.Bytes) != e.member || score != e.score {
			k.t.Fatalf("a view's member %d is %q, %v, want %+v", i, m.Bytes, score, e)
		}
	}
	for i, w := from, v.f.Members(from, true); ; i-- {
		m, _, ok := w.Next()
		if ok != (i >= 0) || ok && string(m.Bytes) != v.scored[i].member {
			k.t.Fatalf("a view's member %d is %q, there: %v", i, m.Bytes, ok)
		}
		if !ok {
			return
		}
	}
}

// TestLargeZSet against a sorted slice, with ties and without, growing and shrinking in several orders.
func TestLargeZSet(t *testing.T) {
	for name, score := range map[string]func(rng *rand.Rand, i int) float64{
		"random":     func(rng *rand.Rand, _ int) float64 { return rng.Float64() },
		"ascending":  func(_ *rand.Rand, i int) float64 { return float64(i) },
		"descending": func(_ *rand.Rand, i int) float64 { return float64(-i) },
		"few":        func(rng *rand.Rand, _ int) float64 { return float64(rng.IntN(3)) },
		"equal":      func(*rand.Rand, int) float64 { return 7 },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 3))
			db := newHashDB(t, 1<<30)
			model := map[string]float64{}
			n := steps(20_000)
			for i := range n {
				z, member, s := zsetForWrite(t, db, "z"), fmt.Sprintf("member:%d", rng.IntN(n)), score(rng, i)
				old, there := model[member]
				if added, changed := z.Put([]byte(member), s); added == there || changed != (there && old != s) {
					t.Fatalf("Put of %q: %v, %v", member, added, changed)
				}
				model[member] = s
			}
			compareLarge(t, db, model, rng)
			for i, member := range slices.Sorted(mapsKeys(model)) {
				switch z := zsetForWrite(t, db, "z"); {
				case i%5 == 0:
				case i%7 == 1: // a little up or down
					s := model[member] + float64(rng.IntN(3)-1)*0.0001
					z.Put([]byte(member), s)
					model[member] = s
				default:
					if !z.Remove([]byte(member)) {
						t.Fatalf("%q is not there", member)
					}
					delete(model, member)
				}
			}
			compareLarge(t, db, model, rng)
			z := zsetForWrite(t, db, "z")
			from, length := z.Len()/3, z.Len()
			z.RemoveRange(from, length/3, func(m Value, score float64) {
				if model[string(m.Bytes)] != score {
					t.Fatalf("%q goes with the score %v", m.Bytes, score)
				}
				delete(model, string(m.Bytes))
			})
			compareLarge(t, db, model, rng)
			z.RemoveRange(0, z.Len(), nil)
			keepHouse(db, 100)
			if db.Exists([]byte("z")) || db.s.Used() != live(db) {
				t.Errorf("used %d, live %d", db.s.Used(), live(db))
			}
		})
	}
}

func mapsKeys(m map[string]float64) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// compareLarge compares the set z with what is in a map.
func compareLarge(t *testing.T, db *DB, model map[string]float64, rng *rand.Rand) {
	t.Helper()
	var m zsetModel
	for member, score := range model {
		m = append(m, modelScored{member, score})
	}
	slices.SortFunc(m, func(a, b modelScored) int {
		return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.member, b.member))
	})
	z, err := db.FindZSet([]byte("z"))
	if err != nil {
		t.Fatal(err)
	}
	if z.it.Encoding() != EncSkiplist {
		t.Fatalf("it is a %v", z.it.Encoding())
	}
	checkSorted(t, z.sorted())
	for range 3 {
		m.check(t, db, "z", rng)
	}
}

// TestZSetLeavesAreFull: random members leave some four fifths of the room filled, ascending ones hardly any of it empty.
func TestZSetLeavesAreFull(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	for name, c := range map[string]struct {
		score func(i int) float64
		least float64
	}{
		"random":     {func(int) float64 { return rng.Float64() }, 0.77},
		"ascending":  {func(i int) float64 { return float64(i) }, 0.98},
		"descending": {func(i int) float64 { return float64(-i) }, 0.98},
	} {
		db := newHashDB(t, 1<<30)
		z := zsetForWrite(t, db, "z")
		for i := range 50_000 {
			z.Put(strconv.AppendInt(nil, int64(i), 10), c.score(i))
		}
		if full := float64(z.Len()) / float64(z.sorted().leaves().Leaves()*scores.Room); full < c.least {
			t.Errorf("%s: leaves are filled to %.3f, want %.3f", name, full, c.least)
		}
	}
}

// TestLargeZSetMemory: a member of 16 bytes takes some 60 bytes with its score, its rank and its share of the table.
func TestLargeZSetMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, score := range map[string]func(i int) float64{
		"random": func(int) float64 { return rng.Float64() }, "ascending": func(i int) float64 { return float64(i) },
	} {
		db := newHashDB(t, 1<<30)
		z := zsetForWrite(t, db, "z")
		const members = 100_000
		for i := range members {
			z.Put(fmt.Appendf(nil, "member:%09d", i), score(i))
		}
		if took := float64(z.it.big().heap.Live()) / members; took > 66 {
			t.Errorf("%s: a member takes %.1f bytes", name, took)
		}
	}
}

// TestLargeZSetsAllocateNothing on the Go heap by what commands do most.
func TestLargeZSetsAllocateNothing(t *testing.T) {
	db := newHashDB(t, 1<<30)
	z := zsetForWrite(t, db, "z")
	for i := range 3000 {
		z.Put(strconv.AppendInt(nil, int64(i), 10), float64(i%100))
	}
	member, score := []byte("1234"), 0.0
	if n := testing.AllocsPerRun(100, func() {
		score++
		z.Put(member, score)
		z.Rank(member)
		z.Each(z.RankOfScore(score, false), 10, true, func(Value, float64) bool { return false })
		z.Remove(member)
		z.Put(member, score)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestZSetBecomesBigAndSmallAgain, the members and their order staying what they are.
func TestZSetBecomesBigAndSmallAgain(t *testing.T) {
	db := newHashDB(t, 1<<30)
	rng := rand.New(rand.NewPCG(6, 7))
	model := map[string]float64{}
	z := zsetForWrite(t, db, "z")
	for i := 0; !z.IsBig(); i++ {
		member, score := strings.Repeat("m", i%200)+strconv.Itoa(i), float64(rng.IntN(50))
		if i%500 == 499 {
			member = strings.Repeat("long", 12_000) + member
		}
		z.Put([]byte(member), score)
		model[member] = score
		if i > 20_000 {
			t.Fatal("it does not become big")
		}
	}
	compareLarge(t, db, model, rng)
	for member := range model {
		if z.Remove([]byte(member)); !z.IsBig() {
			break
		}
		delete(model, member)
	}
	for member := range model {
		if _, ok := z.Score([]byte(member)); !ok {
			delete(model, member)
		}
	}
	if z.IsBig() {
		t.Fatal("it stays big")
	}
	compareLarge(t, db, model, rng)
	db.Delete([]byte("z"))
	keepHouse(db, 100)
	if db.s.Used() != live(db) {
		t.Errorf("used %d, live %d", db.s.Used(), live(db))
	}
}

// TestCompactZSets: of sets that have lost most of their members, in any order, most of what they held is given back.
func TestCompactZSets(t *testing.T) {
	for name, members := range map[string]int{"large": 2000, "big": 20_000} {
		t.Run(name, func(t *testing.T) {
			a := newAttic(t, 1)
			keys := 60_000 / members
			for i := range keys {
				z, _ := a.FindZSetWrite(atticKey(i))
				for j := range members {
					z.Put(fmt.Appendf(nil, "member:%d", j), a.rng.Float64())
				}
				if z.IsBig() != (name == "big") {
					t.Fatalf("the set of %d members is big: %v", members, z.IsBig())
				}
			}
			a.s.SettleAll()
			full := a.s.arena.Stats().InUse
			for i := range keys {
				z, _ := a.FindZSetWrite(atticKey(i))
				for j := range members {
					if j%10 != 0 {
						z.Remove(fmt.Appendf(nil, "member:%d", j))
					}
				}
			}
			a.ratio()
			a.compact()
			a.ratio()
			if left := a.s.arena.Stats().InUse; left*4 > full {
				t.Errorf("%d of %d bytes are still held", left, full)
			}
			for i := range keys {
				z, _ := a.FindZSetWrite(atticKey(i))
				checkSorted(t, z.sorted())
			}
		})
	}
}

// TestCopiesAndMovesOfLargeZSets go by ticks when they are copied, and without them when nothing is.
func TestCopiesAndMovesOfLargeZSets(t *testing.T) {
	db := newHashDB(t, 1<<30)
	for _, n := range []int{3000, 20_000} {
		z := zsetForWrite(t, db, "z")
		for i := range n {
			z.Put(strconv.AppendInt(nil, int64(i), 10), float64(i%100))
		}
		ticks := 0
		if err := db.Copy([]byte("z"), db, []byte("copy"), func() error { ticks++; return nil }); err != nil || ticks < n/tickEvery {
			t.Fatalf("%v, %d ticks", err, ticks)
		}
		if err := db.Move([]byte("z"), db, []byte(sameShard(db, "z")), neverTick(t)); err != nil {
			t.Fatal(err)
		}
		c := zsetForWrite(t, db, "copy")
		checkSorted(t, c.sorted())
		if c.Len() != n || c.IsBig() != (n > 10_000) || db.Exists([]byte("z")) {
			t.Errorf("the copy has %d members", c.Len())
		}
		stop := fmt.Errorf("stop")
		if err := db.Copy([]byte("copy"), db, []byte("z"), func() error { return stop }); err != stop || db.Exists([]byte("z")) {
			t.Errorf("a copy that was stopped: %v", err)
		}
		db.s.Flush(-1)
		if db.s.Used() != 0 {
			t.Errorf("%d bytes are used by nothing", db.s.Used())
		}
	}
}

// sameShard gives another key of the same shard.
func sameShard(db *DB, key string) string {
	for i := 0; ; i++ {
		if other := fmt.Sprint(key, i); db.shardOf([]byte(other)) == db.shardOf([]byte(key)) {
			return other
		}
	}
}

// TestZSetViewsAreReadWhileItChanges on other goroutines, in both directions.
func TestZSetViewsAreReadWhileItChanges(t *testing.T) {
	db := newHashDB(t, 1<<30)
	rng := rand.New(rand.NewPCG(10, 11))
	z := zsetForWrite(t, db, "z")
	const members = 20_000
	for i := range members {
		z.Put(strconv.AppendInt(nil, int64(i), 10), float64(rng.IntN(1000)))
	}
	var readers sync.WaitGroup
	for round := range steps(20) {
		z = zsetForWrite(t, db, "z")
		f, n, reverse := z.Freeze(), z.Len(), round%2 == 0
		from := 0
		if reverse {
			from = n - 1
		}
		readers.Go(func() {
			defer f.Release()
			seen, last := 0, math.Inf(-1)
			w := f.Members(from, reverse)
			for _, score, ok := w.Next(); ok; _, score, ok = w.Next() {
				if reverse {
					score = -score
				}
				if score < last {
					t.Errorf("%v behind %v", score, last)
					return
				}
				last = score
				seen++
			}
			if seen != n {
				t.Errorf("a view of %d members has shown %d", n, seen)
			}
		})
		for range 1000 {
			member := strconv.AppendInt(nil, int64(rng.IntN(members)), 10)
			if rng.IntN(3) == 0 {
				z.Remove(member)
			} else {
				z.Put(member, float64(rng.IntN(1000)))
			}
		}
		z.RemoveRange(rng.IntN(z.Len()-50), 50, nil)
		keepHouse(db, 100)
	}
	readers.Wait()
	keepHouse(db, 1000)
	checkSorted(t, z.sorted())
	if db.s.FrozenViews() != 0 {
		t.Errorf("%d views", db.s.FrozenViews())
	}
}

// TestZSetRefusals: whatever allocation is refused while a big set is frozen, nothing has changed.
func TestZSetRefusals(t *testing.T) {
	arena, err := mem.NewArena(mem.Options{Reserve: 3 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	db := New(Options{Arena: arena, Shards: 1, Databases: 1, BigTable: 20_000}).NewView().DB(0)
	db.v.NowMillis = someTime
	rng := rand.New(rand.NewPCG(8, 9))
	model := map[string]float64{}
	try := func(change func(z *ZSet)) (done bool) {
		defer func() {
			if e := recover(); e != nil && e != mem.ErrNoMemory {
				panic(e)
			}
		}()
		z, _ := db.FindZSetWrite([]byte("z"))
		change(&z)
		return true
	}
	denied := 0
	var views []*Frozen
	for i := 0; i < steps(40_000) || denied < 50 && i < 60_000; i++ {
		member, score := strconv.Itoa(rng.IntN(20_000)), float64(rng.IntN(1000))
		if rng.IntN(3) > 0 || len(model) < 100 {
			if try(func(z *ZSet) { z.Put([]byte(member), score) }) {
				model[member] = score
			} else {
				denied++
			}
		} else if try(func(z *ZSet) { z.Remove([]byte(member)) }) {
			delete(model, member)
		} else {
			denied++
		}
		if i%500 == 499 {
			compareLarge(t, db, model, rng)
			if it, _ := db.Peek([]byte("z")); it.IsBig() {
				views = append(views, db.Freeze(&it))
			}
			if len(views) > 2 {
				views[0].Release()
				views = views[1:]
			}
			keepHouse(db, 1000)
		}
	}
	for _, f := range views {
		f.Release()
	}
	keepHouse(db, 1000)
	compareLarge(t, db, model, rng)
	if denied < 50 {
		t.Errorf("only %d changes were refused", denied)
	}
	db.s.Flush(-1)
	if db.s.Used() != 0 {
		t.Errorf("%d bytes are used by nothing", db.s.Used())
	}
}
