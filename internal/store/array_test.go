// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// modelOf gives an array's elements, forth or back.
func modelOf(a *Array, from, to uint64, reverse bool) (list []string) {
	a.Each(from, to, reverse, func(index uint64, v Value) bool {
		list = append(list, fmt.Sprint(index, " ", string(Text(v, nil))))
		return true
	})
	return list
}

// TestArray: arrays behave as maps do, small and big ones, frozen or not, whatever is done with them.
func TestArray(t *testing.T) {
	for seed := range uint64(6) {
		arena, err := mem.NewArena(mem.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { arena.Close() })
		rng := rand.New(rand.NewPCG(rand.Uint64(), seed))
		k := keyspace{t: t, rng: rng, s: New(Options{Arena: arena, Shards: 1, Databases: 1, BigTable: []int{0, 4096}[seed%2]})}
		db := k.s.NewView().DB(0)
		spread := []uint64{300, 1 << 20, math.MaxUint64 - 1}[seed/2]
		model, key := map[uint64]string{}, []byte("a")
		var view *Frozen
		var seen []string
		for step := range 6000 {
			a, err := db.FindArrayWrite(key)
			if err != nil {
				t.Fatal(err)
			}
			index := rng.Uint64N(spread)
			switch n := rng.IntN(1000); {
			case n < 5 && view == nil && a.IsBig():
				view, seen = a.Freeze(), modelOf(&a, 0, MaxIndex, false)
			case n < 15 && view != nil:
				sameView(t, view, seen)
				view.Release()
				view = nil
			case n < 25:
				k.compact(0)
			case n < 30:
				to := index + rng.Uint64N(spread/10+1)
				want := 0
				for k := range model {
					if index <= k && k <= to {
						delete(model, k)
						want++
					}
				}
				if got := a.Delete(index, to, neverEnds); got != want {
					t.Fatalf("step %d: %d elements taken away, not %d", step, got, want)
				}
			case n < 35 && a.Exists():
				a.SetNext(index)
				if a.Next() != index {
					t.Fatalf("the cursor is at %d, not %d", a.Next(), index)
				}
			default:
				text := strconv.FormatUint(rng.Uint64(), 10)
				if rng.IntN(4) == 0 {
					text = strings.Repeat("x", rng.IntN(1+rng.IntN(700)))
				}
				_, there := model[index]
				if a.Set(index, []byte(text)) == there {
					t.Fatalf("step %d: %d is there: %v", step, index, there)
				}
				model[index] = text
			}
			if v, ok := a.Get(index); ok != contains(model, index) || string(Text(v, nil)) != model[index] && ok {
				t.Fatalf("step %d: %d is %q, not %q", step, index, Text(v, nil), model[index])
			}
			if step%500 == 499 {
				sameArray(t, db, key, model, rng.Uint64N(spread))
			}
		}
		if view != nil {
			sameView(t, view, seen)
			view.Release()
		}
	}
}

func contains(model map[uint64]string, index uint64) bool { _, ok := model[index]; return ok }

// sameArray holds an array, and a copy of it, against a model.
func sameArray(t *testing.T, db *DB, key []byte, model map[uint64]string, middle uint64) {
	t.Helper()
	var keys []uint64
	for k := range model {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	list := func(from, to uint64) (list []string) {
		for _, k := range keys {
			if from <= k && k <= to {
				list = append(list, fmt.Sprint(k, " ", model[k]))
			}
		}
		return list
	}
	copied := []byte("copy")
	db.Delete(copied)
	if len(model) > 0 {
		if err := db.Copy(key, db, copied, neverEnds); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range [][]byte{key, copied} {
		a, _ := db.FindArray(k)
		if a.Count() != len(keys) || len(keys) > 0 && a.Len() != keys[len(keys)-1]+1 {
			t.Fatalf("%s has %d elements up to %d, not %d", k, a.Count(), a.Len(), len(keys))
		}
		for _, ends := range [][2]uint64{{0, MaxIndex}, {middle, MaxIndex}, {0, middle}} {
			want := list(ends[0], ends[1])
			if got := modelOf(&a, ends[0], ends[1], false); !slices.Equal(got, want) {
				t.Fatalf("%s has other elements", k)
			}
			slices.Reverse(want)
			if got := modelOf(&a, ends[0], ends[1], true); !slices.Equal(got, want) {
				t.Fatalf("%s has other elements from the last on", k)
			}
		}
	}
}

// sameView holds a frozen array against what it was.
func sameView(t *testing.T, view *Frozen, want []string) {
	t.Helper()
	var got []string
	w := view.Cells(0, MaxIndex, false)
	for index, v, ok := w.Next(); ok; index, v, ok = w.Next() {
		got = append(got, fmt.Sprint(index, " ", string(Text(v, nil))))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the view has %d elements, not %d", len(got), len(want))
	}
}

// TestLongCell: the room of a long element is given back when a short one takes its place, of a frozen array as of any other.
func TestLongCell(t *testing.T) {
	k := newKeyspace(t, 1, 1, 1<<30)
	db, key := k.v.DB(0), []byte("a")
	a, _ := db.FindArrayWrite(key)
	for i := range uint64(3) {
		a.Set(i, []byte(strings.Repeat("long ", 20_000)))
	}
	if !a.IsBig() {
		t.Fatal("the array is not big")
	}
	a.Set(0, []byte("short"))
	view := a.Freeze()
	before := k.s.Used()
	if a.Set(1, []byte("short")); k.s.Used() > before+5000 {
		t.Errorf("a short element takes %d bytes in a frozen array", k.s.Used()-before)
	}
	view.Release()
	k.housekeep()
	if k.s.Used() > 120_000 {
		t.Errorf("%d bytes are used for a long element and two short ones", k.s.Used())
	}
}
