// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/mem"
)

// modelEntry is an entry as the model knows it.
type modelEntry struct {
	id    StreamID
	pairs []string
}

// modelNode is what Redis has in the place of a leaf.
type modelNode struct {
	master  StreamID
	entries []modelEntry // tombstones too
	dead    []bool
	size    int // bytes of the listpack; it is not worked out here, but compared with what the leaf says
}

// streamModel is a stream beside slices.
type streamModel struct {
	t          testing.TB
	rng        *rand.Rand
	db         *DB
	key        string
	nodes      []modelNode
	last       StreamID
	maxDeleted StreamID
	added      uint64
	exists     bool
	views      []streamView
	many       int // entries that it has about
}

// streamView is a frozen stream and what must be in it.
type streamView struct {
	f    *Frozen
	want []modelEntry
}

func (n *modelNode) live() (live int) {
	for _, dead := range n.dead {
		if !dead {
			live++
		}
	}
	return live
}

// entries gives those that are live.
func (m *streamModel) entries() (all []modelEntry) {
	for _, n := range m.nodes {
		for i, e := range n.entries {
			if !n.dead[i] {
				all = append(all, e)
			}
		}
	}
	return all
}

func (m *streamModel) stream() *Stream {
	m.t.Helper()
	s, err := m.db.FindStreamWrite([]byte(m.key))
	if err != nil {
		m.t.Fatal(err)
	}
	return &s
}

func readEntry(e *StreamEntry) modelEntry {
	got := modelEntry{id: e.ID()}
	e.Each(func(field, value Value) bool {
		got.pairs = append(got.pairs, string(Text(field, nil)), string(Text(value, nil)))
		return true
	})
	return got
}

func sameEntries(a, b []modelEntry) bool {
	return slices.EqualFunc(a, b, func(a, b modelEntry) bool { return a.id == b.id && slices.Equal(a.pairs, b.pairs) })
}

func readStream(s *Stream, from, to StreamID, reverse bool) (all []modelEntry) {
	s.Each(from, to, reverse, func(e *StreamEntry) bool {
		all = append(all, readEntry(e))
		return true
	})
	return all
}

// between gives the entries of a range.
func between(all []modelEntry, from, to StreamID, reverse bool) (some []modelEntry) {
	for _, e := range all {
		if !e.id.Less(from) && !to.Less(e.id) {
			some = append(some, e)
		}
	}
	if reverse {
		slices.Reverse(some)
	}
	return some
}

// near gives an ID that is there, or beside one.
func (m *streamModel) near(all []modelEntry) StreamID {
	if len(all) == 0 || m.rng.IntN(20) == 0 {
		return StreamID{Ms: m.rng.Uint64N(m.last.Ms + 2)}
	}
	id := all[m.rng.IntN(len(all))].id
	switch m.rng.IntN(4) {
	case 0:
		id, _ = id.Next()
	case 1:
		id, _ = id.Prev()
	}
	return id
}

// pairs gives fields and values.
func (m *streamModel) pairs() (pairs []string) {
	text := func() string {
		switch m.rng.IntN(6) {
		case 0:
			return strconv.Itoa(m.rng.IntN(100_000))
		case 1:
			if m.rng.IntN(30) == 0 {
				return strings.Repeat("long", m.rng.IntN(3000))
			}
			return ""
		}
		return strings.Repeat("v", m.rng.IntN(30))
	}
	pairs = []string{"field", text(), "other", text()}
	if m.rng.IntN(4) == 0 {
		pairs = append(pairs, text(), text())
	}
	return pairs[:2*(1+m.rng.IntN(len(pairs)/2))]
}

func (m *streamModel) add() {
	id := m.last
	switch m.rng.IntN(5) {
	case 0:
		id.Seq += 1 + m.rng.Uint64N(3)
	case 1:
		id.Seq++
	case 2:
		id = StreamID{Ms: id.Ms + m.rng.Uint64N(1000), Seq: m.rng.Uint64N(3)}
	default:
		id = StreamID{Ms: id.Ms + m.rng.Uint64N(60), Seq: 0}
	}
	if !m.last.Less(id) {
		id, _ = m.last.Next()
	}
	pairs := m.pairs()
	s := m.stream()
	s.Append(id, textsOf(pairs...))
	total := 0
	for _, text := range pairs {
		total += len(text)
	}
	maxBytes, maxEntries := m.db.nodeLimit()
	n := len(m.nodes) - 1
	if n < 0 || m.nodes[n].size+total >= maxBytes || len(m.nodes[n].entries) >= maxEntries {
		m.nodes = append(m.nodes, modelNode{master: id})
		n++
	}
	node := &m.nodes[n]
	node.entries = append(slices.Clip(node.entries), modelEntry{id, pairs})
	node.dead = append(node.dead, false)
	m.last, m.exists = id, true
	m.added++
	m.measure(n)
}

// measure notes the bytes of a node's listpack, which its leaf gives.
func (m *streamModel) measure(n int) {
	v := m.stream().body()
	i := 0
	v.leaves().Each(func(leaf mem.Ref, _ int) bool {
		if i == n {
			m.nodes[n].size = len(entries.AppendListpack(nil, entryBlock(v.heap, leaf)))
		}
		i++
		return i <= n
	})
}

func (m *streamModel) delete() {
	all := m.entries()
	id := m.near(all)
	if m.rng.IntN(4) == 0 && len(all) > 0 {
		id = all[0].id
	}
	found := slices.ContainsFunc(all, func(e modelEntry) bool { return e.id == id })
	s := m.stream()
	if s.Has(id) != found {
		m.t.Fatalf("Has(%v) is not %v", id, found)
	}
	if s.Delete(id) != found {
		m.t.Fatalf("Delete(%v) is not %v", id, found)
	}
	if !found {
		return
	}
	if m.maxDeleted.Less(id) {
		m.maxDeleted = id
	}
	for i := range m.nodes {
		n := &m.nodes[i]
		for j, e := range n.entries {
			if e.id == id {
				n.dead = slices.Clone(n.dead)
				n.dead[j] = true
			}
		}
		if n.live() == 0 && slices.ContainsFunc(n.entries, func(e modelEntry) bool { return e.id == id }) {
			m.nodes = slices.Delete(slices.Clone(m.nodes), i, i+1)
			return
		}
		m.measure(i)
	}
}

// trim is as Redis does it.
func (m *streamModel) trim() {
	all := m.entries()
	t := StreamTrim{ByID: m.rng.IntN(2) == 0, Approx: m.rng.IntN(3) == 0}
	if t.MaxLen = max(len(all)-m.rng.IntN(len(all)/4+5), 0); m.rng.IntN(4) == 0 {
		t.MaxLen = m.rng.IntN(m.many)
	}
	t.MinID = m.near(all[:min(len(all), m.rng.IntN(len(all)/4+5))])
	if t.Approx && m.rng.IntN(2) == 0 {
		t.Limit = m.rng.IntN(200)
	}
	keep := m.rng.Uint64N(5)
	if m.rng.IntN(3) == 0 {
		t.Keep = func(id StreamID) bool {
			s := m.stream()
			s.SetLast(s.Info().Last) // it may change the stream's other parts, and its heap
			return (id.Ms+id.Seq)%5 < keep
		}
	}
	nodes, removed := m.trimmed(t, len(all))
	if got := m.stream().Trim(t, neverEnds); got != removed {
		m.t.Fatalf("%+v removes %d of %d entries, want %d", t, got, len(all), removed)
	}
	m.nodes = nodes
	for i := range nodes {
		m.measure(i)
	}
}

// trimmed gives the nodes that stay, and how many of so many entries go.
func (m *streamModel) trimmed(t StreamTrim, live int) (nodes []modelNode, removed int) {
	nodes = slices.Clone(m.nodes)
	for i := 0; i < len(nodes) && (t.ByID || live > t.MaxLen); {
		n := &nodes[i]
		has := n.live()
		if t.Limit > 0 && removed+has > t.Limit {
			break
		}
		whole := t.ByID && n.entries[len(n.entries)-1].id.Less(t.MinID) || !t.ByID && live-has >= t.MaxLen
		if !whole && t.Approx && t.Keep == nil {
			break
		}
		n.dead = slices.Clone(n.dead)
		for i, e := range n.entries {
			if t.ByID && !e.id.Less(t.MinID) || !t.ByID && live <= t.MaxLen {
				break
			}
			if !n.dead[i] && (t.Keep == nil || !t.Keep(e.id)) {
				n.dead[i] = true
				live--
				removed++
			}
		}
		switch {
		case whole && n.live() == 0:
			nodes = slices.Delete(nodes, i, i+1)
		case whole:
			i++
		default:
			return nodes, removed
		}
	}
	return nodes, removed
}

// step changes the stream somehow.
func (m *streamModel) step() {
	n := 0
	for _, node := range m.nodes {
		n += len(node.entries)
	}
	k := m.rng.IntN(20)
	switch {
	case !m.exists && k == 0:
		m.db.CreateStream([]byte(m.key))
		m.exists = true
	case !m.exists || k < 12 && n < m.many || k < 6:
		m.add()
	case k < 17:
		m.delete()
	case k == 17 && m.rng.IntN(max(m.many/50, 1)) == 0:
		m.trim()
	case k == 18:
		id := m.last
		id.Seq += m.rng.Uint64N(3)
		m.stream().SetLast(id)
		m.last = id
	}
}

// check compares everything.
func (m *streamModel) check() {
	m.t.Helper()
	s, err := m.db.FindStream([]byte(m.key))
	if err != nil {
		m.t.Fatal(err)
	}
	all := m.entries()
	first := StreamID{}
	if len(all) > 0 {
		first = all[0].id
	}
	want := StreamInfo{Last: m.last, First: first, MaxDeleted: m.maxDeleted, Added: m.added, Leaves: len(m.nodes)}
	if s.Exists() != m.exists || s.Len() != len(all) || s.Info() != want {
		m.t.Fatalf("%d entries, %+v; want %d, %+v", s.Len(), s.Info(), len(all), want)
	}
	if got := readStream(&s, StreamID{}, entries.MaxID(), false); !sameEntries(got, all) {
		m.t.Fatalf("got  %.200v\nwant %.200v", got, all)
	}
	from, to := m.near(all), m.near(all)
	for _, reverse := range []bool{false, true} {
		if got, want := readStream(&s, from, to, reverse), between(all, from, to, reverse); !sameEntries(got, want) {
			m.t.Fatalf("from %v to %v, reverse %v: got  %.200v\nwant %.200v", from, to, reverse, got, want)
		}
	}
	if !m.exists {
		return
	}
	v := s.body()
	if err := v.leaves().Check(); err != nil {
		m.t.Fatal(err)
	}
	i := 0
	v.leaves().Each(func(leaf mem.Ref, n int) bool {
		b, want := entryBlock(v.heap, leaf), m.nodes[i]
		if b.Master() != want.master || b.Len() != len(want.entries) || n != b.Len() || b.Live() != want.live() || b.PackedSize() != want.size {
			m.t.Fatalf("leaf %d has %d of %d entries from %v on, listpack of %d bytes; want %d of %d from %v on, %d", i,
				b.Live(), b.Len(), b.Master(), b.PackedSize(), want.live(), len(want.entries), want.master, want.size)
		}
		i++
		return true
	})
}

// walkStream reads a frozen stream.
func walkStream(f *Frozen, from, to StreamID, reverse bool) (got []modelEntry) {
	walk := f.Entries(from, to, reverse)
	for e, ok := walk.Next(); ok; e, ok = walk.Next() {
		got = append(got, readEntry(e))
	}
	return got
}

// view freezes the stream if it is big, or looks at a view that there is, and may end it.
func (m *streamModel) view() {
	m.t.Helper()
	if it, ok := m.db.Peek([]byte(m.key)); ok && it.IsBig() && len(m.views) < 4 {
		m.views = append(m.views, streamView{m.db.Freeze(&it), m.entries()})
	}
	if len(m.views) == 0 {
		return
	}
	i := m.rng.IntN(len(m.views))
	v := m.views[i]
	from, to := m.near(v.want), m.near(v.want)
	for _, reverse := range []bool{false, true} {
		if got, want := walkStream(v.f, from, to, reverse), between(v.want, from, to, reverse); !sameEntries(got, want) {
			m.t.Fatalf("a view from %v to %v, reverse %v: got  %.200v\nwant %.200v", from, to, reverse, got, want)
		}
	}
	if m.rng.IntN(2) == 0 {
		v.f.Release()
		m.views = slices.Delete(m.views, i, i+1)
	}
}

func (m *streamModel) end() {
	m.t.Helper()
	m.check()
	for _, v := range m.views {
		v.f.Release()
	}
	m.db.Delete([]byte(m.key))
	keepHouse(m.db, 50)
	if n := live(m.db); n != 0 {
		m.t.Errorf("%d bytes are used by nothing", n)
	}
}

func newStreamModel(t testing.TB, db *DB, seed uint64, many int) *streamModel {
	return &streamModel{t: t, rng: rand.New(rand.NewPCG(seed, 7)), db: db, key: "s", many: many}
}

// TestStreamIsWhatSlicesAre with nodes of all kinds, small and big.
func TestStreamIsWhatSlicesAre(t *testing.T) {
	for i, lim := range [][2]int64{{4096, 100}, {200, 0}, {0, 7}, {0, 0}, {1, 1}, {4096, 0}} {
		t.Run(fmt.Sprint(lim), func(t *testing.T) {
			db := newHashDB(t, 1<<30)
			db.s.Settings.StreamNodeMaxBytes.Store(lim[0])
			db.s.Settings.StreamNodeMaxEntries.Store(lim[1])
			db.s.bigTable = 20_000
			m := newStreamModel(t, db, uint64(i), []int{30, 1000}[i%2])
			for i := range steps(3000) {
				m.step()
				if i%10 == 0 {
					m.check()
				}
				if i%20 == 0 {
					m.view()
					keepHouse(db, 50)
				}
			}
			m.end()
		})
	}
}

// TestStreamOutOfMemory: whatever allocation is refused, its operation has changed nothing.
func TestStreamOutOfMemory(t *testing.T) {
	const refusals = 100 // how soon they come depends on the run
	denied := 0
	for seed := range uint64(10) {
		db := newHashDB(t, 2<<20)
		db.s.bigTable = 40_000
		for ballast := db.s.arena.NewHeap(); db.s.arena.Headroom(192 << 10); {
			ballast.Alloc(16 << 10)
		}
		m := newStreamModel(t, db, seed, 2000)
		for i := 0; i < steps(3000) || denied < refusals && i < 20_000; i++ {
			func() {
				defer func() {
					if e := recover(); e != nil {
						if e != error(mem.ErrNoMemory) {
							panic(e)
						}
						denied++
						m.check()
					}
				}()
				m.step()
				if i%20 == 0 {
					m.view()
				}
			}()
			if i%20 == 0 {
				keepHouse(db, 50)
				m.check()
			}
		}
		m.end()
	}
	if denied < refusals {
		t.Errorf("only %d operations were refused", denied)
	}
}

// TestStreamsAllocateNothing on the Go heap by what commands do most.
func TestStreamsAllocateNothing(t *testing.T) {
	db := newHashDB(t, 1<<30)
	key, pairs := []byte("s"), textsOf("field", "value")
	id := StreamID{Ms: 1}
	add := func() {
		s, _ := db.FindStreamWrite(key)
		id, _ = id.Next()
		s.Append(id, pairs)
	}
	for range 1000 {
		add()
	}
	n := 0
	if allocs := testing.AllocsPerRun(100, func() {
		add()
		s, _ := db.FindStream(key)
		for _, reverse := range []bool{false, true} {
			s.Each(StreamID{}, id, reverse, func(e *StreamEntry) bool {
				e.Each(func(field, value Value) bool {
					n += field.Len() + value.Len()
					return true
				})
				return true
			})
		}
		s.Delete(StreamID{Ms: 1, Seq: 500})
		s.Trim(StreamTrim{MaxLen: s.Len() - 1}, neverEnds)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n == 0 {
		t.Error("nothing was read")
	}
}
