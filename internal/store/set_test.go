// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"
	"strconv"
)

// changeSet adds and removes members.
func (k *keyspace) changeSet(key modelKey, db *DB, e modelValue) {
	many, ints := 200, len(key.key)%2 == 0 || k.rng.IntN(4) == 0
	if len(key.key)%4 == 0 {
		many = 1000 // some sets are to be big
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
