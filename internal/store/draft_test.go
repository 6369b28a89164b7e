// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/ds/listpack"
)

// attach makes a draft of some type the value of a key, in place of whatever it held.
func (k *keyspace) attach(key modelKey, db *DB, e modelValue) {
	at := []int64{KeepExpiry, NoExpiry, k.v.NowMillis + 1 + k.rng.Int64N(1000)}[k.rng.IntN(3)]
	var next modelValue
	if !k.try(func() {
		var d Draft
		switch k.rng.IntN(4) {
		case 0:
			d, next = k.draftList(db)
		case 1:
			d, next = k.draftZSet(db)
		case 2:
			d, next = k.draftHash(db)
		default:
			d, next = k.draftSet(db)
		}
		defer d.Drop()
		if k.rng.IntN(8) == 0 {
			next = e // dropped
			return
		}
		d.Attach([]byte(key.key), at)
		if at != KeepExpiry {
			next.expiry = at
		} else {
			next.expiry = e.expiry
		}
	}) {
		return
	}
	if next.isString() && next.text == "" && e.isString() { // there was no key, and is none
		return
	}
	k.model[key] = next
}

// dropped drops a draft when memory is refused while it is made.
func dropped(d Draft, make func()) {
	whole := false
	defer func() {
		if !whole {
			d.Drop()
		}
	}()
	make()
	whole = true
}

// many gives a number of elements: a few, some hundred now and then, and at times thousands.
func (k *keyspace) many() int { return 1 + k.rng.IntN([]int{6, 6, 40, 40, 300, 3000}[k.rng.IntN(6)]) }

func (k *keyspace) draftList(db *DB) (Draft, modelValue) {
	var d ListDraft
	var list []string
	dropped(&d, func() {
		d.Begin(db, k.rng.IntN(4) == 0)
		for n := k.many(); n > 0; n-- {
			text := k.member(1000, false)
			switch k.rng.IntN(20) {
			case 0:
				d.AddPacked(listpackOf("a", text, "12"), 3)
				list = append(list, "a", text, "12")
			case 1:
				d.AddPlain([]byte(text))
				list = append(list, text)
			default:
				d.Push([]byte(text))
				list = append(list, text)
			}
		}
	})
	if d.Len() != len(list) {
		k.t.Fatalf("a draft of %d elements has %d", len(list), d.Len())
	}
	return &d, modelValue{list: list}
}

// listpackOf makes a listpack.
func listpackOf(texts ...string) []byte {
	b := listpack.AppendEmpty(nil)
	for _, s := range texts {
		v := listpack.Bytes([]byte(s))
		b = listpack.Append(make([]byte, 0, listpack.SizeAfterInsert(b, v)), b, v)
	}
	return b
}

func (k *keyspace) draftSet(db *DB) (Draft, modelValue) {
	var d SetDraft
	set := map[string]bool{}
	dropped(&d, func() {
		packed := k.rng.IntN(2) == 0
		d.Begin(db, !packed)
		for n := k.many(); n > 0; n-- {
			if k.rng.IntN(500) == 0 || packed && d.Len() == int(db.s.Settings.SetMaxListpackEntries.Load()) {
				d.Spread()
			}
			member := k.member(2000, k.rng.IntN(3) > 0)
			add := d.Add
			if packed {
				add = d.AddPacked
			}
			if add(Value{Bytes: []byte(member)}) == set[member] {
				k.t.Fatalf("Add of %.20q, there: %v", member, set[member])
			}
			set[member] = true
		}
	})
	return &d, modelValue{set: set}
}

func (k *keyspace) draftZSet(db *DB) (Draft, modelValue) {
	var d ZSetDraft
	var all zsetModel
	dropped(&d, func() {
		d.Begin(db)
		way, there := k.rng.IntN(3), map[string]bool{}
		for n, i := k.many(), 0; i < n; i++ {
			if k.rng.IntN(500) == 0 {
				d.Spread()
			}
			e := modelScored{k.scoredMember(8000), k.score()}
			if way < 2 { // in order, or in the other
				e.score = float64(i * (1 - 2*way))
			}
			if d.Add(Value{Bytes: []byte(e.member)}, e.score) == there[e.member] {
				k.t.Fatalf("Add of %.20q, there: %v", e.member, there[e.member])
			}
			if !there[e.member] {
				all = append(all, e)
			}
			there[e.member] = true
		}
	})
	slices.SortFunc(all, func(a, b modelScored) int {
		if a.score != b.score {
			if a.score < b.score {
				return -1
			}
			return 1
		}
		return strings.Compare(a.member, b.member)
	})
	return &d, modelValue{scored: all}
}

func (k *keyspace) draftHash(db *DB) (Draft, modelValue) {
	var d HashDraft
	fields := map[string]modelField{}
	dropped(&d, func() {
		timed := k.rng.IntN(2) == 0
		d.Begin(db, timed)
		for n := k.many(); n > 0; n-- {
			if k.rng.IntN(300) == 0 {
				d.Spread()
			}
			field, f := strconv.Itoa(k.rng.IntN(3000)), modelField{value: "v" + k.member(50, false)}
			if timed {
				f.expiry = k.fieldExpiry()
			}
			_, there := fields[field]
			if d.Add(Value{Bytes: []byte(field)}, Value{Bytes: []byte(f.value)}, f.expiry) == there {
				k.t.Fatalf("Add of %.20q, there: %v", field, there)
			}
			if !there {
				fields[field] = f
			}
		}
	})
	return &d, modelValue{fields: fields}
}
