// SPDX-License-Identifier: BSD-3-Clause

package tree

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"testing"
	"unsafe"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

// leaf is a leaf as the model knows it. Its block has the number, by which leaves of one key are sorted.
type leaf struct {
	key    uint64
	number uint64
	n      int
}

func (a leaf) before(b leaf) bool { return a.key < b.key || a.key == b.key && a.number < b.number }

// view is a tree as it was, beside what was in it.
type view struct {
	root   Root
	freeze *mem.Freeze
	want   []leaf
}

// model is a tree beside a slice.
type model struct {
	Tree
	root   Root
	tb     testing.TB
	rnd    *rand.Rand
	leaves []leaf
	keys   uint64 // different keys that leaves get; 1: the tree is used by position
	views  []view
	denied int
}

func newModel(tb testing.TB, seed, keys uint64) *model {
	arena, err := mem.NewArena(mem.Options{Reserve: 4 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := arena.Close(); err != nil {
			tb.Error(err)
		}
	})
	m := &model{tb: tb, rnd: rand.New(rand.NewPCG(seed, keys)), keys: keys}
	m.Tree = Tree{Heap: arena.NewHeap(), Root: &m.root}
	return m
}

const leafSize = 16

func (m *model) block(number uint64) mem.Ref {
	r := m.Heap.Alloc(leafSize)
	binary.LittleEndian.PutUint64(m.Heap.Bytes(r, leafSize), number)
	return r
}

func (t Tree) number(leaf mem.Ref) uint64 {
	return binary.LittleEndian.Uint64(t.Heap.Bytes(leaf, leafSize))
}

// try runs a change; when memory is refused the tree has the leaves that it had.
func (m *model) try(change func()) (done bool) {
	defer func() {
		if e := recover(); e != nil {
			if e != mem.ErrNoMemory {
				panic(e)
			}
			m.denied++
			m.compare(m.Tree, m.leaves)
		}
	}()
	change()
	return true
}

// add inserts a leaf: at a position, or where it belongs by its key.
func (m *model) add(pos int) {
	l := leaf{key: m.rnd.Uint64N(m.keys), number: m.rnd.Uint64(), n: 1 + m.rnd.IntN(100)}
	var c Cursor
	behind := true
	if m.keys > 1 {
		pos = sort.Search(len(m.leaves), func(i int) bool { return !m.leaves[i].before(l) })
		if m.Search(&c, l.key, func(other mem.Ref) bool { return m.number(other) < l.number }) {
			behind = pos > 0
			if want := m.leaves[max(pos-1, 0)]; c.Key() != want.key || m.number(c.Leaf()) != want.number {
				m.tb.Fatalf("a search for %+v gives leaf %d of key %d, want %+v", l, m.number(c.Leaf()), c.Key(), want)
			}
		}
	} else if len(m.leaves) > 0 {
		behind = pos == len(m.leaves) || pos > 0 && m.rnd.IntN(2) == 0
		m.seekLeaf(&c, pos, behind)
	}
	m.try(func() {
		r := m.block(l.number)
		placed := false
		defer func() {
			if !placed {
				m.Heap.Free(r, leafSize)
			}
		}()
		m.Insert(&c, r, l.n, l.key, behind)
		placed = true
		m.leaves = slices.Insert(m.leaves, pos, l)
		m.at(&c, pos)
	})
}

// seekLeaf puts a cursor at the leaf of a number, or the one before.
func (m *model) seekLeaf(c *Cursor, pos int, before bool) {
	if before {
		pos--
	}
	entry := 0
	for _, l := range m.leaves[:pos] {
		entry += l.n
	}
	within := m.rnd.IntN(m.leaves[pos].n)
	if got := m.Seek(c, entry+within); got != within {
		m.tb.Fatalf("entry %d is the %d. of its leaf, want the %d.", entry+within, got, within)
	}
}

// at looks whether a cursor is at the leaf of a number.
func (m *model) at(c *Cursor, i int) {
	m.tb.Helper()
	before := 0
	for _, l := range m.leaves[:i] {
		before += l.n
	}
	if l := m.leaves[i]; c.Key() != l.key || c.Count() != l.n || m.number(c.Leaf()) != l.number || c.Before() != before {
		m.tb.Fatalf("the cursor is at leaf %d of key %d, %d entries, behind %d; want %+v, behind %d",
			m.number(c.Leaf()), c.Key(), c.Count(), c.Before(), l, before)
	}
}

func (m *model) remove(i int) {
	var c Cursor
	m.seekLeaf(&c, i, false)
	m.at(&c, i)
	m.try(func() {
		r := c.Leaf()
		m.Remove(&c)
		m.Heap.Free(r, leafSize)
		m.leaves = slices.Delete(m.leaves, i, i+1)
	})
}

// change gives a leaf another number of entries, another block, or another key that belongs between those around.
func (m *model) change(i int) {
	var c Cursor
	m.seekLeaf(&c, i, false)
	m.try(func() {
		l := m.leaves[i]
		l.n = 1 + m.rnd.IntN(100)
		low, high := uint64(0), m.keys-1
		if i > 0 {
			low = m.leaves[i-1].key + 1
		}
		if i+1 < len(m.leaves) {
			high = m.leaves[i+1].key
		}
		if low < high {
			l.key = low + m.rnd.Uint64N(high-low)
		}
		m.Own(&c)
		old := c.Leaf()
		r := m.block(l.number)
		m.Heap.Free(old, leafSize)
		m.Set(&c, r, l.n, l.key)
		m.leaves[i] = l
		m.at(&c, i)
	})
}

// compare looks whether a tree has the leaves that are wanted, from both ends.
func (m *model) compare(t Tree, want []leaf) {
	m.tb.Helper()
	if err := t.Check(); err != nil {
		m.tb.Fatal(err)
	}
	if t.Leaves() != len(want) {
		m.tb.Fatalf("%d leaves, want %d", t.Leaves(), len(want))
	}
	i, n := 0, 0
	same := func(ref mem.Ref, count int, l leaf) {
		if number := t.number(ref); number != l.number || count != l.n {
			m.tb.Fatalf("leaf %d of %d is %d with %d entries, want %+v", i, len(want), number, count, l)
		}
	}
	t.Each(func(ref mem.Ref, count int) bool {
		same(ref, count, want[i])
		i++
		n += count
		return true
	})
	if n != t.Len() {
		m.tb.Fatalf("%d entries, want %d", t.Len(), n)
	}
	var c Cursor
	for ok := t.Last(&c); ok; ok = c.Prev() {
		i--
		same(c.Leaf(), c.Count(), want[i])
		if n -= c.Count(); c.Before() != n {
			m.tb.Fatalf("%d entries before leaf %d, want %d", c.Before(), i, n)
		}
	}
	if i != 0 || t.Root.node != 0 && c.Prev() {
		m.tb.Fatalf("%d leaves are not met on the way back", i)
	}
}

func (m *model) freeze() {
	m.views = append(m.views, view{*m.Root, m.Heap.Freeze(), slices.Clone(m.leaves)})
}

func (m *model) thaw(i int) {
	v := &m.views[i]
	m.compare(Tree{Heap: m.Heap, Root: &v.root}, v.want)
	m.Heap.Thaw(v.freeze)
	m.views = slices.Delete(m.views, i, i+1)
}

func (m *model) compact() {
	for cursor, seen := uint64(0), 0; ; {
		cursor = m.Compact(cursor, func(ref mem.Ref, n int) mem.Ref {
			if l := m.leaves[seen]; n != l.n || m.number(ref) != l.number {
				m.tb.Fatalf("compacting meets leaf %d of %d entries, want %+v", m.number(ref), n, l)
			}
			seen++
			if moved := m.Heap.Relocate(ref, leafSize); moved != 0 {
				return moved
			}
			return ref
		})
		if cursor == 0 {
			if seen != len(m.leaves) {
				m.tb.Fatalf("compacting has met %d of %d leaves", seen, len(m.leaves))
			}
			return
		}
	}
}

// step changes the tree somewhere, so that it grows or shrinks in the long run. where says at which end, or that anywhere.
func (m *model) step(growing bool, where uint64) {
	n := len(m.leaves)
	pos := func(n int) int {
		switch where {
		case 0:
			return 0
		case 1:
			return max(n-1, 0)
		}
		return m.rnd.IntN(max(n, 1))
	}
	switch k := m.rnd.IntN(8); {
	case n == 0 || growing && k < 5 || !growing && k == 0:
		m.add(pos(n + 1))
	case k < 6:
		m.remove(pos(n))
	default:
		m.change(pos(n))
	}
}

// run changes a tree of up to about so many leaves, that grows and shrinks by turns, while views come and go.
func (m *model) run(steps, leaves int) {
	for i := range steps {
		phase := i / (2 * leaves)
		m.step(phase%2 == 0, uint64(phase/2%3))
		switch k := m.rnd.IntN(max(steps/100, 16)); {
		case k == 0 && len(m.views) < 4:
			m.try(m.freeze)
		case k == 1 && len(m.views) > 0:
			m.thaw(m.rnd.IntN(len(m.views)))
		case k < 8:
			m.Heap.Sweep(1 + m.rnd.IntN(1000))
		case k == 8:
			m.compact()
			m.compare(m.Tree, m.leaves)
		}
	}
}

// end empties the tree and looks whether all memory came back.
func (m *model) end() {
	for len(m.views) > 0 {
		m.thaw(m.rnd.IntN(len(m.views)))
	}
	for m.Heap.Sweep(1000) {
	}
	m.compare(m.Tree, m.leaves)
	for !m.Drain(1+m.rnd.IntN(100), func(r mem.Ref) {
		last := len(m.leaves) - 1
		if number := m.number(r); number != m.leaves[last].number {
			m.tb.Fatalf("drained leaf %d is %d", last, number)
		}
		m.Heap.Free(r, leafSize)
		m.leaves = m.leaves[:last]
	}) {
		if n := m.Leaves(); n != len(m.leaves) {
			m.tb.Fatalf("%d leaves are left, want %d", n, len(m.leaves))
		}
	}
	if m.Heap.Live() != 0 || *m.Root != (Root{}) {
		m.tb.Fatalf("%d bytes are left", m.Heap.Live())
	}
}

func steps(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 5
	}
	return n
}

func TestLayout(t *testing.T) {
	if n := nodeSize(fanout); mem.Usable(n) != n {
		t.Errorf("a node of %d bytes takes %d", n, mem.Usable(n))
	}
	if n := unsafe.Sizeof(Root{}); n != 32 {
		t.Errorf("a Root has %d bytes, want 32", n)
	}
}

// TestTreeIsWhatASliceIs by position and by key, with few and with many leaves of one key, up to three levels of nodes.
func TestTreeIsWhatASliceIs(t *testing.T) {
	for seed, leaves := range []int{3, 40, 400, 6000} {
		for _, keys := range []uint64{1, 2, 100, 1 << 63} {
			m := newModel(t, uint64(seed), keys)
			m.run(steps(max(2000, 14*leaves)), leaves)
			m.end()
		}
	}
}

// TestRefusedMemoryChangesNothing: neither the leaves nor those of a view.
func TestRefusedMemoryChangesNothing(t *testing.T) {
	denied := 0
	for seed := range uint64(6) {
		arena, err := mem.NewArena(mem.Options{Reserve: 3 << 20})
		if err != nil {
			t.Fatal(err)
		}
		m := newModel(t, seed, []uint64{1, 50}[seed%2])
		m.Heap = arena.NewHeap()
		ballast := arena.NewHeap()
		for arena.Headroom(256 << 10) {
			ballast.Alloc(32 << 10)
		}
		m.run(steps(12_000), 3000)
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

// TestViewsAreReadWhileTheTreeChanges on other goroutines, which take no lock.
func TestViewsAreReadWhileTheTreeChanges(t *testing.T) {
	m := newModel(t, 1, 1000)
	for range 4000 {
		m.step(true, 2)
	}
	for round := range 8 {
		m.freeze()
		var readers sync.WaitGroup
		for _, v := range m.views {
			readers.Go(func() {
				n, last := 0, uint64(0)
				var c Cursor
				tree := Tree{Heap: m.Heap, Root: &v.root}
				for ok := tree.First(&c); ok; ok = c.Next() {
					if c.Key() < last || m.number(c.Leaf()) != v.want[n].number {
						t.Error("a view has changed")
						return
					}
					last = c.Key()
					n++
				}
				if n != len(v.want) {
					t.Errorf("a view has %d leaves, want %d", n, len(v.want))
				}
			})
		}
		for range 1000 {
			m.step(round%2 == 1, 2)
			m.Heap.Sweep(2)
		}
		readers.Wait()
		for len(m.views) > 3 {
			m.thaw(m.rnd.IntN(len(m.views)))
		}
	}
	m.end()
}

// TestNodesFilledInOrderAreFull from the front and from the back.
func TestNodesFilledInOrderAreFull(t *testing.T) {
	const leaves = 20_000
	for _, behind := range []bool{true, false} {
		m := newModel(t, 1, 1)
		var c Cursor
		for range leaves {
			m.Insert(&c, 1, 1, 0, behind)
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		if most := int64(leaves*childSize) * 107 / 100; m.Bytes() > most || m.Bytes() != m.Heap.Live() {
			t.Errorf("behind %v: %d bytes, %d live; want %d at most", behind, m.Bytes(), m.Heap.Live(), most)
		}
	}
}

// TestSparseNodesBecomeOne: a tree that has lost most of its leaves, in any order, keeps few nodes.
func TestSparseNodesBecomeOne(t *testing.T) {
	m := newModel(t, 2, 1)
	const leaves = 20_000
	var c Cursor
	for range leaves {
		m.Insert(&c, 1, 1, 0, true)
	}
	for m.Leaves() > leaves/100 {
		m.Seek(&c, m.rnd.IntN(m.Len()))
		m.Remove(&c)
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	if most := int64(leaves/100*childSize) * 5; m.Bytes() > most {
		t.Errorf("%d bytes for %d leaves", m.Bytes(), m.Leaves())
	}
}

// TestCompactMovesNodes off sparse pages.
func TestCompactMovesNodes(t *testing.T) {
	m := newModel(t, 3, 1)
	for range 20_000 {
		m.step(true, 2)
	}
	for len(m.leaves) > 1000 {
		m.remove(m.rnd.IntN(len(m.leaves)))
	}
	before := m.Heap.Held()
	m.compact()
	m.compact()
	m.Heap.Trim()
	if m.Heap.Held() > before/2 {
		t.Errorf("%d bytes are held for %d, before compacting %d", m.Heap.Held(), m.Heap.Live(), before)
	}
	m.end()
}

// TestNothingIsAllocatedOnTheGoHeap by what commands do most.
func TestNothingIsAllocatedOnTheGoHeap(t *testing.T) {
	m := newModel(t, 4, 1)
	var end Cursor
	for i := range uint64(1000) {
		m.Insert(&end, m.block(i), 1, i, true)
	}
	if n := testing.AllocsPerRun(100, func() {
		var c Cursor
		m.Search(&c, m.rnd.Uint64N(1000), func(leaf mem.Ref) bool { return m.number(leaf) < 500 })
		m.Set(&c, c.Leaf(), c.Count()+1, c.Key())
		m.Seek(&c, m.rnd.IntN(m.Len()))
		c.Next()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDiscardLeavesAViewWhole: what a view sees stays until the thaw, and then nothing is left.
func TestDiscardLeavesAViewWhole(t *testing.T) {
	for _, leaves := range []int{0, 1, 50, 5000} {
		m := newModel(t, 5, 1000)
		for range leaves {
			m.add(len(m.leaves))
		}
		m.freeze()
		n := 0
		m.Discard(func(r mem.Ref) {
			m.Heap.Free(r, leafSize)
			n++
		})
		if n != leaves || *m.Root != (Root{}) {
			t.Errorf("%d of %d leaves were freed, and the root is %+v", n, leaves, *m.Root)
		}
		m.leaves = nil
		m.end()
	}
}

// FuzzChanges makes the changes that the bytes name.
func FuzzChanges(f *testing.F) {
	f.Add(uint8(1), []byte("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbcdefghiklmnop"))
	f.Add(uint8(9), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 2, 2, 2, 9, 9, 9, 9, 9, 9})
	f.Fuzz(func(t *testing.T, keys uint8, ops []byte) {
		m := newModel(t, 1, max(uint64(keys), 1))
		for _, op := range ops {
			n, at := len(m.leaves), int(op>>3)
			switch {
			case op%8 == 7 && len(m.views) < 3:
				m.freeze()
			case op%8 == 6 && len(m.views) > 0:
				m.thaw(at % len(m.views))
			case op%8 == 5 && n > 0:
				m.change(at % n)
			case op%8 == 4:
				m.compact()
				m.Heap.Sweep(at)
			case op%8 == 3:
				for range 40 { // nodes are filled and emptied
					m.add(min(at, len(m.leaves)))
				}
			case op%8 == 2:
				for range min(n, 40) {
					m.remove(at % len(m.leaves))
				}
			default:
				m.add(at % (n + 1))
			}
		}
		m.compare(m.Tree, m.leaves)
		m.end()
	})
}
