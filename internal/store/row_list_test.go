// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

// rowModel is a row list beside a slice.
type rowModel struct {
	rowList
	root   tree.Root
	tb     testing.TB
	rnd    *rand.Rand
	want   []rows.Row
	views  []rowView
	denied int
}

// rowView is a row list as it was, beside what was in it.
type rowView struct {
	root   tree.Root
	freeze *mem.Freeze
	want   []rows.Row
}

func testArena(tb testing.TB, reserve int64) *mem.Arena {
	arena, err := mem.NewArena(mem.Options{Reserve: reserve})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := arena.Close(); err != nil {
			tb.Error(err)
		}
	})
	return arena
}

func newRowModel(tb testing.TB, seed uint64, k rows.Kind, heap *mem.Heap) *rowModel {
	m := &rowModel{tb: tb, rnd: rand.New(rand.NewPCG(seed, uint64(k.Columns)))}
	m.rowList = rowList{Tree: tree.Tree{Heap: heap, Root: &m.root}, kind: k}
	return m
}

// place tells how many rows are before the one with a key, and whether that is there.
func (m *rowModel) place(r rows.Row) (i int, ok bool) {
	return slices.BinarySearchFunc(m.want, r, func(a, b rows.Row) int { return slices.Compare(a[:m.kind.Keys], b[:m.kind.Keys]) })
}

// try runs a change, of which nothing has happened when memory is refused.
func (m *rowModel) try(change func()) {
	defer func() {
		if e := recover(); e != nil {
			if e != mem.ErrNoMemory {
				panic(e)
			}
			m.denied++
			m.compare(m.rowList, m.want)
		}
	}()
	change()
}

// row gives a row: at the end mostly if ordered is set, with values of any size if wild is.
func (m *rowModel) row(ordered, wild bool) (r rows.Row) {
	spread := uint64(2000)
	for c := range m.kind.Columns {
		r[c] = m.rnd.Uint64N(spread)
		if wild && m.rnd.IntN(50) == 0 {
			r[c] = m.rnd.Uint64() >> (8 * m.rnd.UintN(8))
		}
		spread = 1 << (2 + 3*uint(c))
	}
	if n := len(m.want); ordered && n > 0 && m.rnd.IntN(20) > 0 {
		r[0] = m.want[n-1][0] + m.rnd.Uint64N(3)
	}
	return r
}

func (m *rowModel) put(r rows.Row) {
	m.try(func() {
		m.rowList.put(&r)
		i, ok := m.place(r)
		if !ok {
			m.want = slices.Insert(m.want, i, r)
		}
		m.want[i] = r
	})
}

func (m *rowModel) cut(i int) {
	m.try(func() {
		key := m.want[i]
		if m.rnd.IntN(2) == 0 {
			m.own(&key)
		}
		if got, ok := m.remove(&key); !ok || got != key {
			m.tb.Fatalf("of row %v %v is removed, %v", key, got, ok)
		}
		m.want = slices.Delete(m.want, i, i+1)
	})
}

func (m *rowModel) compare(l rowList, want []rows.Row) {
	m.tb.Helper()
	if err := l.Check(); err != nil {
		m.tb.Fatal(err)
	}
	if l.Len() != len(want) {
		m.tb.Fatalf("%d rows, want %d", l.Len(), len(want))
	}
	i := 0
	l.each(&rows.Row{}, func(r *rows.Row) bool {
		if *r != want[i] {
			m.tb.Fatalf("row %d is %v, want %v", i, *r, want[i])
		}
		i++
		return true
	})
	if i != len(want) {
		m.tb.Fatalf("%d rows are shown, want %d", i, len(want))
	}
	if i == 0 {
		return
	}
	if l.first() != want[0] || l.last() != want[i-1] {
		m.tb.Fatalf("from %v to %v, want %v and %v", l.first(), l.last(), want[0], want[i-1])
	}
	key := want[m.rnd.IntN(len(want))]
	if got, ok := l.get(&key); !ok || got != key {
		m.tb.Fatalf("the row of %v is %v, %v", key, got, ok)
	}
	if key = m.row(false, true); m.kind.Keys == m.kind.Columns {
		_, has := slices.BinarySearchFunc(want, key, func(a, b rows.Row) int { return slices.Compare(a[:m.kind.Keys], b[:m.kind.Keys]) })
		if _, ok := l.get(&key); ok != has {
			m.tb.Fatalf("there is %v: %v, want %v", key, ok, has)
		}
	}
}

func (m *rowModel) thaw(i int) {
	v := &m.views[i]
	m.compare(rowList{tree.Tree{Heap: m.Heap, Root: &v.root}, m.kind}, v.want)
	m.Heap.Thaw(v.freeze)
	m.views = slices.Delete(m.views, i, i+1)
}

// run changes a list that grows and shrinks by turns, while views come and go.
func (m *rowModel) run(steps int) {
	for i := range steps {
		phase := i / 4000
		growing := m.rnd.IntN(10) < 7
		if phase%2 == 1 {
			growing = !growing
		}
		switch n := len(m.want); {
		case growing || n == 0:
			m.put(m.row(phase/2%2 == 0, phase/4%2 == 1))
		case m.rnd.IntN(8) == 0: // what is behind the key changes
			r, other := m.want[m.rnd.IntN(n)], m.row(false, phase/4%2 == 1)
			copy(r[m.kind.Keys:m.kind.Columns], other[m.kind.Keys:m.kind.Columns])
			m.put(r)
		case phase/2%2 == 0:
			m.cut(m.rnd.IntN(min(n, 20)))
		default:
			m.cut(m.rnd.IntN(n))
		}
		switch k := m.rnd.IntN(max(steps/100, 16)); {
		case k == 0 && len(m.views) < 4:
			m.try(func() { m.views = append(m.views, rowView{m.root, m.Heap.Freeze(), slices.Clone(m.want)}) })
		case k == 1 && len(m.views) > 0:
			m.thaw(m.rnd.IntN(len(m.views)))
		case k < 8:
			m.Heap.Sweep(1 + m.rnd.IntN(1000))
		case k == 8:
			m.compare(m.rowList, m.want)
		}
	}
}

// end looks whether a copy is the same, and whether all memory comes back.
func (m *rowModel) end() {
	for len(m.views) > 0 {
		m.thaw(m.rnd.IntN(len(m.views)))
	}
	for m.Heap.Sweep(1000) {
	}
	m.compare(m.rowList, m.want)
	if got := m.bytes(); got != m.Heap.Live() {
		m.tb.Fatalf("the list says it takes %d bytes of %d", got, m.Heap.Live())
	}
	drop := func(l rowList) {
		for !l.drain(1+m.rnd.IntN(20), l.Heap.Free) {
		}
	}
	var root tree.Root
	other := rowList{tree.Tree{Heap: m.Heap, Root: &root}, m.kind}
	m.try(func() {
		if err := m.copyTo(other, neverEnds); err != nil {
			m.tb.Fatal(err)
		}
		m.compare(other, m.want)
	})
	drop(other)
	drop(m.rowList)
	if n := m.Heap.Live(); n != 0 {
		m.tb.Fatalf("%d bytes are left", n)
	}
}

func rowSteps(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 4
	}
	return n
}

func TestRowListIsWhatASliceIs(t *testing.T) {
	arena := testArena(t, 1<<30)
	for seed, k := range []rows.Kind{{Columns: 2, Keys: 2}, {Columns: 5, Keys: 2}, {Columns: 3, Keys: 3}, {Columns: 1, Keys: 1}} {
		m := newRowModel(t, uint64(seed), k, arena.NewHeap())
		m.run(rowSteps(40_000))
		m.end()
	}
}

// TestRowListWithoutMemory: what is refused changes neither the list nor its views.
func TestRowListWithoutMemory(t *testing.T) {
	denied := 0
	for seed := range uint64(6) {
		arena := testArena(t, 3<<20)
		ballast := arena.NewHeap()
		for arena.Headroom(96 << 10) {
			ballast.Alloc(16 << 10)
		}
		m := newRowModel(t, seed, rows.Kind{Columns: 5, Keys: 2}, arena.NewHeap())
		m.run(rowSteps(20_000))
		m.end()
		denied += m.denied
	}
	if denied < 10 {
		t.Errorf("only %d changes were refused", denied)
	}
}

// TestRowListIsDense when rows come in order, and when most of them have gone.
func TestRowListIsDense(t *testing.T) {
	const n = 100_000
	m := newRowModel(t, 1, rows.Kind{Columns: 5, Keys: 2}, testArena(t, 1<<30).NewHeap())
	for i := range uint64(n) {
		m.rowList.put(&rows.Row{1_790_000_000_000 + i/3, i % 3, 1_790_000_000_500 + i/100, 1, i % 7})
	}
	if per := float64(m.bytes()) / n; per > 6 {
		t.Errorf("a row takes %.1f bytes", per)
	}
	for i := range uint64(n) {
		if i%50 != 0 {
			m.remove(&rows.Row{1_790_000_000_000 + i/3, i % 3})
		}
	}
	if per := float64(m.bytes()) / (n / 50); per > 24 {
		t.Errorf("of a sparse list a row takes %.1f bytes", per)
	}
}

func BenchmarkRowListAppend(b *testing.B) {
	m := newRowModel(b, 1, rows.Kind{Columns: 5, Keys: 2}, testArena(b, 4<<30).NewHeap())
	for i := range uint64(b.N) {
		m.rowList.put(&rows.Row{1_790_000_000_000 + i/3, i % 3, 1_790_000_000_500 + i/100, 1, i % 7})
	}
}

func BenchmarkRowListRemoveFirst(b *testing.B) {
	m := newRowModel(b, 1, rows.Kind{Columns: 5, Keys: 2}, testArena(b, 4<<30).NewHeap())
	for i := range uint64(b.N) {
		m.rowList.put(&rows.Row{1_790_000_000_000 + i/3, i % 3, 1_790_000_000_500 + i/100, 1, i % 7})
	}
	b.ResetTimer()
	for i := range uint64(b.N) {
		m.remove(&rows.Row{1_790_000_000_000 + i/3, i % 3})
	}
}
