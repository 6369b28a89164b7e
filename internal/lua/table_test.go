// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func newState(t testing.TB) *State {
	t.Helper()
	return New(Options{})
}

func set(t testing.TB, s *State, tab *Table, k, v Value) {
	t.Helper()
	if err := s.Set(tab, k, v); err != nil {
		t.Fatalf("t[%s] = %s: %v", show(k), show(v), err)
	}
}

// show returns a value as a test's message has it.
func show(v Value) string {
	switch v.Type() {
	case TypeNil:
		return "nil"
	case TypeBoolean:
		return fmt.Sprint(v.Bool())
	case TypeNumber:
		return FormatNumber(v.Num())
	case TypeString:
		return fmt.Sprintf("%q", v.Str())
	}
	return TypeName(v)
}

// A random history of a table must read like that of a Go map, traversal and length included.
func TestTableAgainstMap(t *testing.T) {
	s := newState(t)
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		tab := &Table{}
		model := map[any]float64{}
		key := func() (Value, any) {
			switch n := rnd.IntN(40); rnd.IntN(5) {
			case 0:
				v, _ := s.NewString(fmt.Sprint("k", n))
				return v, fmt.Sprint("k", n)
			case 1:
				return Number(float64(n) / 2), float64(n) / 2
			case 2:
				return Bool(n%2 == 0), n%2 == 0
			default:
				return Int(n), float64(n)
			}
		}
		for range 3000 {
			k, m := key()
			if rnd.IntN(3) == 0 {
				set(t, s, tab, k, Nil)
				delete(model, m)
			} else {
				f := rnd.Float64()
				set(t, s, tab, k, Number(f))
				model[m] = f
			}
			if k, m := key(); show(tab.Get(k)) != showModel(model, m) {
				t.Fatalf("seed %d: t[%s] = %s, want %s", seed, show(k), show(tab.Get(k)), showModel(model, m))
			}
			if rnd.IntN(20) == 0 {
				checkTable(t, tab, model)
			}
		}
	}
}

func showModel(model map[any]float64, k any) string {
	if f, ok := model[k]; ok {
		return FormatNumber(f)
	}
	return "nil"
}

func checkTable(t *testing.T, tab *Table, model map[any]float64) {
	t.Helper()
	n := 0
	for k, v, err := tab.Next(Nil); !k.IsNil(); k, v, err = tab.Next(k) {
		if err != nil {
			t.Fatal(err)
		}
		var m any = k.Bool()
		switch {
		case k.IsNumber():
			m = k.Num()
		case k.IsString():
			m = k.Str()
		}
		if showModel(model, m) != show(v) {
			t.Fatalf("Next gives %s = %s, want %s", show(k), show(v), showModel(model, m))
		}
		n++
	}
	if n != len(model) {
		t.Fatalf("Next gives %d entries, want %d", n, len(model))
	}
	if l := tab.Len(); l > 0 && tab.GetInt(l).IsNil() || !tab.GetInt(l+1).IsNil() {
		t.Fatalf("length %d is no border", l)
	}
}

func TestTableKeys(t *testing.T) {
	s := newState(t)
	tab := &Table{}
	for _, k := range []Value{Nil, Number(math.NaN())} {
		if err := s.Set(tab, k, True); err == nil {
			t.Errorf("key %s is accepted", show(k))
		}
	}
	set(t, s, tab, Number(math.Copysign(0, -1)), Int(1))
	if v := tab.Get(Int(0)); show(v) != "1" {
		t.Errorf("0 and -0 are different keys: %s", show(v))
	}
	set(t, s, tab, Number(math.Inf(1)), Int(2))
	set(t, s, tab, Number(1<<53), Int(3))
	if show(tab.Get(Number(math.Inf(1)))) != "2" || show(tab.Get(Number(1<<53))) != "3" {
		t.Error("large keys are not found")
	}
	tab.Readonly = true
	if err := s.Set(tab, Int(0), Nil); err == nil || err.Error() != errReadonly {
		t.Errorf("a readonly table: %v", err)
	}
}

// Removing while traversing must reach every entry, even if a mark comes when the removed key is only in the traverser's hands.
func TestRemoveWhileTraversing(t *testing.T) {
	s := newState(t)
	tab := &Table{}
	for i := range 100 {
		set(t, s, tab, Int(i+1), True)
		set(t, s, tab, TableValue(&Table{}), True)
	}
	n := 0
	for k, _, err := tab.Next(Nil); !k.IsNil(); k, _, err = tab.Next(k) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		set(t, s, tab, k, Nil)
		if n%7 == 0 {
			s.globals, s.kept = tab, []Value{k}
			if err := s.Collect(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 200 {
		t.Errorf("%d entries were met, want 200", n)
	}
}

// Keys of every kind must spread over the chains.
func TestChainsAreShort(t *testing.T) {
	const n = 1 << 12
	for name, key := range map[string]func(s *State, i int) Value{
		"whole numbers far apart": func(s *State, i int) Value { return Int(1e6 + i*1000) },
		"negative numbers":        func(s *State, i int) Value { return Int(-i - 1) },
		"halves":                  func(s *State, i int) Value { return Number(float64(i) + 0.5) },
		"powers of two":           func(s *State, i int) Value { return Number(math.Ldexp(1, i%2000-1000) * float64(1+i/2000)) },
		"tables":                  func(s *State, i int) Value { tab, _ := s.NewTable(0, 0); return TableValue(tab) },
		"strings":                 func(s *State, i int) Value { v, _ := s.NewString(fmt.Sprint("key:", i)); return v },
	} {
		s := newState(t)
		tab := &Table{}
		for i := range n {
			set(t, s, tab, key(s, i), True)
		}
		longest := 0
		for i := range tab.nodes {
			length := 0
			for j := tab.nodes[i].head; j != 0; j = tab.nodes[j-1].next {
				length++
			}
			longest = max(longest, length)
		}
		if longest > 16 {
			t.Errorf("%s: a chain of %d in %d nodes", name, longest, len(tab.nodes))
		}
	}
}

// TestNewArray fills arrays with room and without in the same order, with holes: their lengths must be the same all the time.
func TestNewArray(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	s := New(Options{})
	for range 300 {
		plain, err := s.NewTable(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		roomy, err := s.NewArray(rnd.IntN(70))
		if err != nil {
			t.Fatal(err)
		}
		holes := rnd.IntN(4)
		for i := 1; i < 100; i++ {
			v := Int(i)
			if rnd.IntN(10) < holes {
				v = Nil
			}
			for _, table := range []*Table{plain, roomy} {
				if err := s.SetInt(table, i, v); err != nil {
					t.Fatal(err)
				}
			}
			if plain.Len() != roomy.Len() || len(plain.arr) != len(roomy.arr) {
				t.Fatalf("after %d elements the lengths are %d and %d", i, plain.Len(), roomy.Len())
			}
		}
	}
}
