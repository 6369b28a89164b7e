// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"maps"
	"slices"
)

// modelArray is an array as the model of the keyspace knows it; it is never changed in place.
type modelArray struct {
	elements map[uint64]string
	next     uint64
}

// changeArray does a few things to an array.
func (k *keyspace) changeArray(key modelKey, db *DB, e modelValue) {
	if e.array == nil {
		db.Exists([]byte(key.key)) // a dead key would be in the way
		e.array = &modelArray{}
	}
	for range 1 + k.rng.IntN(60) {
		m := modelArray{maps.Clone(e.array.elements), e.array.next}
		if !k.try(func() {
			a, err := db.FindArrayWrite([]byte(key.key))
			if err != nil {
				k.t.Fatal(err)
			}
			k.changeElements(&a, &m)
		}) {
			continue
		}
		if e.array = &m; len(m.elements) > 0 {
			k.model[key] = e
			continue
		}
		delete(k.model, key)
		e = modelValue{array: &modelArray{}}
	}
}

// changeElements sets elements, or takes some away, here and in the model.
func (k *keyspace) changeElements(a *Array, m *modelArray) {
	if m.elements == nil {
		m.elements = map[uint64]string{}
	}
	index := k.rng.Uint64N(300)
	if k.rng.IntN(8) == 0 {
		index = MaxIndex - index
	}
	switch op := k.rng.IntN(20); {
	case op == 0:
		to := index + k.rng.Uint64N(min(20, MaxIndex-index+1))
		n := len(m.elements)
		maps.DeleteFunc(m.elements, func(i uint64, _ string) bool { return index <= i && i <= to })
		a.ReserveDelete(1)
		if got := a.Delete(index, to, neverEnds); got != n-len(m.elements) {
			k.t.Fatalf("%d elements from %d to %d are taken away, want %d", got, index, to, n-len(m.elements))
		}
		if len(m.elements) == 0 {
			m.next = 0
		}
	case op == 1 && a.Exists():
		a.SetNext(index)
		m.next = index
	default:
		text := k.text()
		if k.rng.IntN(3) > 0 {
			text = fmt.Sprint(index)
		}
		_, there := m.elements[index]
		if a.Set(index, []byte(text)) == there {
			k.t.Fatalf("element %d is there: %v, want %v", index, !there, there)
		}
		m.elements[index] = text
	}
}

func (k *keyspace) compareArray(key modelKey, it *Item, want modelValue) {
	k.t.Helper()
	if it.Type() != TypeArray {
		k.t.Fatalf("%d/%.20q is a %v, want an array", key.db, key.key, it.Type())
	}
	a := k.v.DB(key.db).ArrayOf(it)
	var list []string
	for _, i := range slices.Sorted(maps.Keys(want.array.elements)) {
		list = append(list, fmt.Sprint(i, " ", want.array.elements[i]))
	}
	if got := modelOf(&a, 0, MaxIndex, false); !slices.Equal(got, list) || a.Count() != len(list) || a.Next() != want.array.next {
		k.t.Fatalf("%d/%.20q: %d elements, cursor at %d, got %.60v\nwant %d, %.60v", key.db, key.key, a.Count(), a.Next(), got, want.array.next, list)
	}
}
