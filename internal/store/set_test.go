// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// changeSet adds and removes members.
func (k *keyspace) changeSet(key modelKey, db *DB, e modelValue) {
	many, ints := 200, len(key.key)%2 == 0 || k.rng.IntN(4) == 0
	if len(key.key)%4 == 0 {
		many = 1000 // some sets are to be big
	}
	switch k.rng.IntN(8) {
	case 0:
		k.popSet(key, db, e)
		return
	case 1:
		k.storeSet(key, db, e, many, ints)
		return
	}
	adding := k.rng.IntN(3) > 0
	for range 1 + k.rng.IntN(many/15) {
		var s Set
		var err error
		if !k.try(func() { s, err = db.FindSetWrite([]byte(key.key)) }) {
			return // it is frozen: changing it would take memory
		}
		if err != nil {
			k.t.Fatal(err)
		}
		member := k.member(many, ints)
		there := e.set[member]
		if s.Has([]byte(member)) != there {
			k.t.Fatalf("%d/%.20q has %.20q: %v", key.db, key.key, member, !there)
		}
		if adding == (k.rng.IntN(6) > 0) {
			if !k.try(func() {
				if s.Add([]byte(member)) == there {
					k.t.Fatalf("Add of %.20q, there: %v", member, there)
				}
			}) {
				continue
			}
			if e.set == nil {
				e.set = map[string]bool{}
			}
			e.set[member] = true
			k.model[key] = e
			continue
		}
		if !k.try(func() { // it takes memory if the set is frozen
			if s.Delete([]byte(member)) != there {
				k.t.Fatalf("Delete of %.20q, there: %v", member, there)
			}
		}) {
			continue
		}
		if delete(e.set, member); len(e.set) == 0 {
			delete(k.model, key)
			return
		}
	}
}

// popSet removes random members.
func (k *keyspace) popSet(key modelKey, db *DB, e modelValue) {
	if len(e.set) == 0 {
		return
	}
	n := 1 + k.rng.IntN(len(e.set))
	if k.rng.IntN(2) == 0 {
		n = len(e.set) - n
	}
	var popped []string
	if !k.try(func() {
		s, err := db.FindSetWrite([]byte(key.key))
		if err != nil {
			k.t.Fatal(err)
		}
		s.Pop(n, func(member Value) { popped = append(popped, string(Text(member, nil))) })
		if s.Len() != len(e.set)-n {
			k.t.Fatalf("%d of %d members were popped, %d are left", n, len(e.set), s.Len())
		}
	}) {
		return
	}
	for _, member := range popped {
		if !e.set[member] {
			k.t.Fatalf("%.20q was popped, and is not there", member)
		}
		delete(e.set, member)
	}
	if len(e.set) == 0 {
		delete(k.model, key)
	}
}

// storeSet makes the set anew: of what it had, without some of that, and with others.
func (k *keyspace) storeSet(key modelKey, db *DB, e modelValue, many int, ints bool) {
	set := map[string]bool{}
	at := []int64{KeepExpiry, NoExpiry, k.v.NowMillis + 1 + k.rng.Int64N(1000)}[k.rng.IntN(3)]
	if !k.try(func() {
		d := db.DraftSet(k.rng.IntN(2) == 0)
		defer d.Drop()
		s, err := db.FindSet([]byte(key.key))
		if err != nil {
			k.t.Fatal(err)
		}
		s.Each(func(member Value) bool {
			d.Add(member)
			set[string(Text(member, nil))] = true
			return true
		})
		for range k.rng.IntN(many) {
			member := k.member(many, ints)
			v := Value{Bytes: []byte(member)}
			if d.Has(v) != set[member] {
				k.t.Fatalf("a draft has %.20q: %v", member, !set[member])
			}
			if k.rng.IntN(3) == 0 {
				if d.Delete(v) != set[member] {
					k.t.Fatalf("Delete of %.20q, there: %v", member, set[member])
				}
				delete(set, member)
			} else if d.Add(v) == set[member] {
				k.t.Fatalf("Add of %.20q, there: %v", member, set[member])
			} else {
				set[member] = true
			}
		}
		if d.Len() == 0 {
			set = nil
			return
		}
		d.Attach([]byte(key.key), at)
	}) || len(set) == 0 {
		return
	}
	e.set = set
	if at != KeepExpiry {
		e.expiry = at
	}
	k.model[key] = e
}

// member gives one of about many members: integers of all widths, or short and long texts among them.
func (k *keyspace) member(many int, ints bool) string {
	n := k.rng.IntN(many)
	switch text := strconv.Itoa(n << (n % 50)); {
	case ints:
		return text
	case n%50 == 0:
		return text + k.keys[65] // too long to be packed
	default:
		return text + "x"
	}
}

// compareSet is compare for a set.
func (k *keyspace) compareSet(key modelKey, it *Item, want modelValue) {
	k.t.Helper()
	if it.Type() != TypeSet {
		k.t.Fatalf("%d/%.20q is a %v, want a set", key.db, key.key, it.Type())
	}
	s := k.v.DB(key.db).SetOf(it)
	var got []string
	s.Each(func(member Value) bool {
		got = append(got, string(Text(member, nil)))
		return true
	})
	slices.Sort(got)
	if len(slices.Compact(got)) != len(want.set) || s.Len() != len(want.set) {
		k.t.Fatalf("%d/%.20q shows %d members and has %d, want %d", key.db, key.key, len(got), s.Len(), len(want.set))
	}
	for _, member := range got {
		if !want.set[member] || !s.Has([]byte(member)) {
			k.t.Fatalf("%d/%.20q shows %.20q, which is there: %v", key.db, key.key, member, want.set[member])
		}
	}
	if it.Encoding() == EncIntset && len(got) > 16 || it.Encoding() == EncListpack && len(got) > 8 {
		k.t.Fatalf("%d/%.20q is %v with %d members", key.db, key.key, it.Encoding(), len(got))
	}
}

// newSet makes a store with one set of n members, "m0" and so on, or integers.
func newSet(t testing.TB, n int, ints bool) (*DB, Set) {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	v := New(Options{Arena: arena, Shards: 1, Databases: 1}).NewView()
	v.NowMillis = 1
	db := v.DB(0)
	s, _ := db.FindSetWrite([]byte("s"))
	for i := range n {
		s.Add(memberName(i, ints))
	}
	return db, s
}

func memberName(i int, ints bool) []byte {
	if ints {
		return strconv.AppendInt(nil, int64(i)*3, 10)
	}
	return strconv.AppendInt([]byte("m"), int64(i), 10)
}

// TestFairMembers: each member is drawn, sampled and popped as often as any other, whatever the set is laid out as, and in a table
// from which most members have gone.
func TestFairMembers(t *testing.T) {
	for _, c := range []struct {
		first, left int
		ints        bool
		enc         Encoding
	}{
		{100, 100, true, EncIntset}, {100, 100, false, EncListpack}, {500, 500, false, EncTable}, {500, 40, false, EncTable},
		{5000, 100, false, EncTable}, {60_000, 200, false, EncTable}, {60_000, 7, false, EncTable},
	} {
		t.Run(fmt.Sprint(c.enc, c.first, "to", c.left), func(t *testing.T) {
			_, s := newSet(t, c.first, c.ints)
			for i := c.left; i < c.first; i++ {
				s.Delete(memberName(i, c.ints))
			}
			if s.it.Encoding() != c.enc || s.Len() != c.left {
				t.Fatalf("%d members as %v", s.Len(), s.it.Encoding())
			}
			rounds := steps(300) * c.left
			count := func(name string, draw func(show func(member Value))) {
				times := map[string]int{}
				drawn := 0
				for drawn < rounds {
					draw(func(member Value) {
						times[string(Text(member, nil))]++
						drawn++
					})
				}
				fair(t, name, times, c.left, drawn)
			}
			count("Draw", func(show func(Value)) {
				s.Draw(100, func(m Value) bool { show(m); return true })
			})
			for _, n := range []int{1, c.left / 3, c.left / 2, c.left * 9 / 10} {
				count(fmt.Sprint("Sample ", n), func(show func(Value)) {
					s.Sample(max(n, 1), func(m Value) bool { show(m); return true })
				})
			}
			if c.first > 1000 {
				return
			}
			for _, n := range []int{c.left / 10, c.left * 9 / 10} {
				count(fmt.Sprint("Pop ", n), func(show func(Value)) {
					s.Pop(n, show)
					for i := range c.left {
						s.Add(memberName(i, c.ints))
					}
				})
			}
		})
	}
}

// TestLongSample: others have their turn while a large set is sampled, or most of it is popped.
func TestLongSample(t *testing.T) {
	const times = 100
	db, s := newSet(t, times*tickEvery, false)
	ticks := 0
	db.v.Tick = func() error { ticks++; return nil }
	s.Sample(s.Len()/2, func(Value) bool { return false })
	if ticks < 3 {
		t.Errorf("%d ticks while half of the members are sampled", ticks)
	}
	ticks = 0
	s.Pop(times*tickEvery-2*tickEvery, func(Value) {})
	if ticks < 2 || s.Len() != 2*tickEvery {
		t.Errorf("%d ticks while the members that stay are taken out; %d stay", ticks, s.Len())
	}
}

// TestReserved: of very many small elements all are added, or memory is refused before the first.
func TestReserved(t *testing.T) {
	const n = 30_000
	fields := make([][]byte, 2*n) // as members of a set too
	for i := range fields {
		fields[i] = memberName(i, false)
	}
	for reserve := int64(512 << 10); reserve < 4<<20; reserve += 128 << 10 {
		db := newHashDB(t, reserve)
		ok := refusedNothing(func() {
			h, _ := db.FindHashWrite([]byte("h"))
			h.Set(fields, NoExpiry)
		})
		h, _ := db.FindHash([]byte("h"))
		if h.Len() != n && (ok || h.Len() > 0) {
			t.Errorf("in %d bytes a hash has %d of %d fields", reserve, h.Len(), n)
		}

		db = newHashDB(t, reserve)
		ok = refusedNothing(func() {
			s, _ := db.FindSetWrite([]byte("s"))
			s.Reserve(fields)
			for at := 0; at < len(fields); at += tickEvery {
				s.AddAll(fields[at:at+tickEvery], len(fields))
			}
		})
		s, _ := db.FindSet([]byte("s"))
		if s.Len() != len(fields) && (ok || s.Len() > 0) {
			t.Errorf("in %d bytes a set has %d of %d members", reserve, s.Len(), len(fields))
		}
	}
}

// refusedNothing tells whether fn got all the memory that it wanted.
func refusedNothing(fn func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil && p != error(mem.ErrNoMemory) {
			panic(p)
		}
	}()
	fn()
	return true
}

// fair tells whether times are those of drawing from n members with the same chances.
func fair(t *testing.T, name string, times map[string]int, n, drawn int) {
	t.Helper()
	expected, chi := float64(drawn)/float64(n), 0.0
	for _, got := range times {
		chi += (float64(got) - expected) * (float64(got) - expected) / expected
	}
	chi += float64(n-len(times)) * expected
	if free := float64(n - 1); chi > free+6*math.Sqrt(2*free)+6 { // six standard deviations
		t.Errorf("%s: chi square is %.0f for %d members", name, chi, n)
	}
}
