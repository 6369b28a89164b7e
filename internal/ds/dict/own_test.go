// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

// view is a table as it was, beside what was in it.
type view struct {
	root   Root
	freeze *mem.Freeze
	want   map[string]uint32
}

// frozenModel is a table in a heap with freezes, beside a map. A record is a key, with a number behind it that it is replaced
// to change.
type frozenModel struct {
	*fixture
	rnd    *rand.Rand
	model  map[string]uint32
	views  []view
	denied int
}

func numberedKey(h *mem.Heap, e mem.Ref) []byte {
	n := int(binary.LittleEndian.Uint16(h.Bytes(e, 2)))
	return h.Bytes(e, 6+n)[6:]
}

func numberOf(h *mem.Heap, e mem.Ref) uint32 { return binary.LittleEndian.Uint32(h.Bytes(e, 6)[2:]) }

func (m *frozenModel) record(key []byte, number uint32) mem.Ref {
	r := m.Heap.Alloc(6 + len(key))
	b := m.Heap.Bytes(r, 6+len(key))
	binary.LittleEndian.PutUint16(b, uint16(len(key)))
	binary.LittleEndian.PutUint32(b[2:], number)
	copy(b[6:], key)
	return r
}

func (m *frozenModel) drop(e mem.Ref) { m.Heap.Free(e, 6+len(numberedKey(m.Heap, e))) }

// compare looks whether a table has exactly what is wanted, by a walk and by looking it up.
func compare(tb testing.TB, t *Table, want map[string]uint32) {
	tb.Helper()
	w, seen := t.Walk(), 0
	for e := w.Next(); e != 0; e = w.Next() {
		key := numberedKey(t.Heap, e)
		if n, ok := want[string(key)]; !ok || n != numberOf(t.Heap, e) {
			tb.Fatalf("%q is %d, want %d, there: %v", key, numberOf(t.Heap, e), n, ok)
		}
		seen++
	}
	if seen != len(want) || t.Len() != len(want) || w.Next() != 0 {
		tb.Fatalf("the walk has shown %d of %d entries; Len is %d", seen, len(want), t.Len())
	}
	for key := range want {
		if e, _ := t.Find(hash.Bytes([]byte(key)), []byte(key)); e == 0 {
			tb.Fatalf("%q is not found", key)
		}
		if seen--; seen < len(want)-20 {
			break
		}
	}
}

func (v *view) table(h *mem.Heap) *Table { return &Table{Heap: h, Root: &v.root, Key: numberedKey} }

func (m *frozenModel) freeze() {
	m.views = append(m.views, view{*m.Root, m.Heap.Freeze(), maps.Clone(m.model)})
}

func (m *frozenModel) thaw(i int) {
	compare(m.tb, m.views[i].table(m.Heap), m.views[i].want)
	m.Heap.Thaw(m.views[i].freeze)
	m.views = append(m.views[:i], m.views[i+1:]...)
}

// try runs a change; when memory is refused the table is as it was.
func (m *frozenModel) try(change func()) (done bool) {
	defer func() {
		if e := recover(); e != nil {
			if e != mem.ErrNoMemory {
				panic(e)
			}
			if m.denied++; m.denied%16 == 0 {
				m.check()
			}
		}
	}()
	change()
	return true
}

// change inserts, replaces or removes some key.
func (m *frozenModel) change(keys int, growing bool) {
	name := string(key(m.rnd.IntN(keys)))
	e, p := m.Find(hash.Bytes([]byte(name)), []byte(name))
	if _, there := m.model[name]; there != (e != 0) {
		m.tb.Fatalf("%q is there: %v", name, e != 0)
	}
	number := m.rnd.Uint32()
	switch {
	case e == 0 && (growing || m.rnd.IntN(4) == 0):
		if m.try(func() {
			e = m.record([]byte(name), number)
			inserted := false
			defer func() {
				if !inserted {
					m.drop(e)
				}
			}()
			m.Insert(hash.Bytes([]byte(name)), e)
			inserted = true
		}) {
			m.model[name] = number
		}
	case e != 0 && m.rnd.IntN(3) == 0:
		if m.try(func() {
			moved := m.record([]byte(name), number)
			set := false
			defer func() {
				if !set {
					m.drop(moved)
				}
			}()
			m.Set(p, moved)
			set = true
			m.drop(e)
		}) {
			m.model[name] = number
		}
	case e != 0 && !growing:
		if m.try(func() { m.Remove(p) }) {
			m.drop(e)
			delete(m.model, name)
		}
	}
}

// run changes a table of up to so many keys, that grows and shrinks by turns, while views come and go.
func (m *frozenModel) run(steps, keys int) {
	for i := range steps {
		m.change(keys, i/(3*keys)%2 == 0)
		switch k := m.rnd.IntN(steps / 100); {
		case k == 0 && len(m.views) < 5:
			m.try(m.freeze)
		case k == 1 && len(m.views) > 0:
			m.thaw(m.rnd.IntN(len(m.views)))
		case k < 8:
			m.Heap.Sweep(1 + m.rnd.IntN(2000))
		case k == 8:
			m.check()
			compare(m.tb, &m.Table, m.model)
			for i := range m.views {
				if err := m.views[i].table(m.Heap).Check(); err != nil {
					m.tb.Fatal(err)
				}
			}
		}
	}
}

// end empties the table and looks whether all memory came back.
func (m *frozenModel) end() {
	for len(m.views) > 0 {
		m.thaw(m.rnd.IntN(len(m.views)))
	}
	for m.Heap.Sweep(1000) {
	}
	compare(m.tb, &m.Table, m.model)
	for name := range m.model {
		e, p := m.Find(hash.Bytes([]byte(name)), []byte(name))
		m.Remove(p)
		m.drop(e)
	}
	m.check()
	if m.Heap.Live() != 0 {
		m.tb.Fatalf("%d bytes are left", m.Heap.Live())
	}
}

func newFrozenModel(tb testing.TB, seed uint64) *frozenModel {
	m := &frozenModel{fixture: newFixture(tb), rnd: rand.New(rand.NewPCG(seed, 9)), model: map[string]uint32{}}
	m.Key = numberedKey
	return m
}

// steps gives the length of a test, shorter where each step takes long.
func steps(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 5
	}
	return n
}

// TestViewsStayWhatTheyWere for tables of one bucket up to many segments.
func TestViewsStayWhatTheyWere(t *testing.T) {
	for seed, keys := range []int{8, 60, 500, 3000, 12_000} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			m := newFrozenModel(t, uint64(seed))
			m.run(steps(40_000), keys)
			m.end()
		})
	}
}

// TestRefusedMemoryLeavesFrozenTables: a change that memory is refused for has changed neither the table nor a view.
func TestRefusedMemoryLeavesFrozenTables(t *testing.T) {
	denied := 0
	for seed := range uint64(4) {
		arena, err := mem.NewArena(mem.Options{Reserve: 4 << 20})
		if err != nil {
			t.Fatal(err)
		}
		m := newFrozenModel(t, seed)
		m.Heap = arena.NewHeap()
		ballast := arena.NewHeap()
		for arena.Headroom(1 << 20) {
			ballast.Alloc(64 << 10)
		}
		m.run(steps(20_000), 6000)
		m.end()
		denied += m.denied
		if err := arena.Close(); err != nil {
			t.Error(err)
		}
	}
	if denied < 10 {
		t.Errorf("only %d changes were refused", denied)
	}
}

// TestViewsAreReadWhileTheTableChanges on other goroutines, which take no lock.
func TestViewsAreReadWhileTheTableChanges(t *testing.T) {
	m := newFrozenModel(t, 7)
	const keys = 2500
	for range 4 * keys {
		m.change(keys, true)
	}
	for round := range 12 {
		m.freeze()
		var readers sync.WaitGroup
		for i := range m.views {
			v := m.views[i]
			readers.Go(func() { compare(t, v.table(m.Heap), v.want) })
		}
		for range keys {
			m.change(keys, round%2 == 1)
			m.Heap.Sweep(2)
		}
		readers.Wait()
		for len(m.views) > 3 {
			m.thaw(m.rnd.IntN(len(m.views)))
		}
	}
	m.end()
}

// TestWalk shows every entry once.
func TestWalk(t *testing.T) {
	m := newFrozenModel(t, 1)
	compare(t, &m.Table, m.model)
	for range 2000 {
		m.change(5000, true)
		if len(m.model)%97 < 2 {
			compare(t, &m.Table, m.model)
		}
	}
	m.end()
}
