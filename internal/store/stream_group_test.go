// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// modelPending is a pending entry as the model knows it; with turn it is nobody's.
type modelPending struct {
	at    int64
	count uint64
	owner string
	turn  uint64
}

type modelConsumer struct{ seen, active int64 }

type modelGroup struct {
	last      StreamID
	read      int64
	consumers map[string]modelConsumer
	pending   map[StreamID]modelPending
	turns     uint64
}

// groupModel is a stream's groups beside maps.
type groupModel struct {
	t      testing.TB
	rng    *rand.Rand
	db     *DB
	key    []byte
	groups map[string]*modelGroup
	names  []string
	many   int // pending entries that a group has about
	now    int64
	views  []groupView
	tight  bool // memory is short
	denied int
}

// groupView is a frozen stream and what its groups must be.
type groupView struct {
	f    *Frozen
	want string
}

func newGroupModel(t testing.TB, db *DB, seed uint64, many int) *groupModel {
	db.CreateStream([]byte("s"))
	return newGroupModelOf(t, db, seed, many)
}

// newGroupModelOf is newGroupModel for a stream that there is.
func newGroupModelOf(t testing.TB, db *DB, seed uint64, many int) *groupModel {
	m := &groupModel{
		t: t, rng: rand.New(rand.NewPCG(seed, 3)), db: db, key: []byte("s"), many: many, now: 1_790_000_000_000,
		groups: map[string]*modelGroup{}, names: []string{"", "a", "b", "b\x00", "\xff", "worker:1", "worker:2", strings.Repeat("w", 300)},
	}
	for i := range 40 {
		m.names = append(m.names, fmt.Sprintf("consumer-%03d", i))
	}
	return m
}

// inOrder gives the IDs of a group's pending entries in their order.
func (g *modelGroup) inOrder() []StreamID {
	return slices.SortedFunc(maps.Keys(g.pending), StreamID.Compare)
}

// text tells all there is of the groups.
func (m *groupModel) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		fmt.Fprintf(&b, "group %q last %v read %d\n", name, g.last, g.read)
		ids := g.inOrder()
		for _, id := range ids {
			p := g.pending[id]
			fmt.Fprintf(&b, " %v at %d count %d of %q, owned %v\n", id, p.at, p.count, p.owner, p.turn == 0)
		}
		for _, name := range slices.Sorted(maps.Keys(g.consumers)) {
			c := g.consumers[name]
			fmt.Fprintf(&b, " consumer %q seen %d active %d:", name, c.seen, c.active)
			for _, id := range ids {
				if p := g.pending[id]; p.turn == 0 && p.owner == name {
					fmt.Fprintf(&b, " %v", id)
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// textOfGroups tells the same of what each shows.
func textOfGroups(each func(fn func(g Group) bool)) string {
	var b strings.Builder
	each(func(g Group) bool {
		fmt.Fprintf(&b, "group %q last %v read %d\n", g.Name(), g.Last(), g.Read())
		g.Each(StreamID{}, entries.MaxID(), func(p Pending) bool {
			c, ok := g.Owner(p)
			name := ""
			if ok {
				name = string(c.Name())
			}
			fmt.Fprintf(&b, " %v at %d count %d of %q, owned %v\n", p.ID, p.Delivered, p.Count, name, ok)
			return true
		})
		g.EachConsumer(func(c Consumer) bool {
			fmt.Fprintf(&b, " consumer %q seen %d active %d:", c.Name(), c.Seen(), c.Active())
			c.Each(StreamID{}, entries.MaxID(), func(p Pending) bool {
				fmt.Fprintf(&b, " %v", p.ID)
				return true
			})
			b.WriteByte('\n')
			return true
		})
		return true
	})
	return b.String()
}

func (m *groupModel) stream() *Stream {
	m.t.Helper()
	s, err := m.db.FindStreamWrite(m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return &s
}

// try runs a change, of which nothing has happened when memory is refused.
func (m *groupModel) try(change func()) {
	m.t.Helper()
	defer func() {
		m.db.s.arena.SetLimit(0)
		if e := recover(); e != nil {
			if e != mem.ErrNoMemory {
				panic(e)
			}
			m.denied++
			m.check()
		}
	}()
	change()
}

// squeeze has memory refused soon, if it is short.
func (m *groupModel) squeeze() {
	if m.tight && m.rng.IntN(2) == 0 {
		m.db.s.arena.SetLimit(m.db.s.arena.Stats().InUse + m.rng.Int64N(3)<<12)
	}
}

// same looks whether two texts are, and else shows the first line that is not.
func (m *groupModel) same(got, want string) {
	m.t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			m.t.Fatalf("line %d of %d:\ngot  %.300s\nwant %.300s", i, len(w), g[i], w[i])
		}
	}
	m.t.Fatalf("%d lines, want %d", len(g), len(w))
}

func (m *groupModel) check() {
	m.t.Helper()
	s, err := m.db.FindStream(m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	if s.Groups() != len(m.groups) {
		m.t.Fatalf("%d groups, want %d", s.Groups(), len(m.groups))
	}
	m.same(textOfGroups(s.EachGroup), m.text())
	s.EachGroup(func(g Group) bool {
		want, unowned := m.groups[string(g.Name())], 0
		for _, p := range want.pending {
			unowned += int(min(p.turn, 1))
		}
		if g.Pending() != len(want.pending) || g.Unowned() != unowned || g.Consumers() != len(want.consumers) {
			m.t.Fatalf("%d pending, %d unowned, %d consumers, want %d, %d, %d",
				g.Pending(), g.Unowned(), g.Consumers(), len(want.pending), unowned, len(want.consumers))
		}
		m.checkBlocks(g)
		return true
	})
}

// checkBlocks looks whether the parts of a group agree.
func (m *groupModel) checkBlocks(g Group) {
	m.t.Helper()
	numbers, names := g.numbers(), g.names()
	if err := numbers.Check(); err != nil {
		m.t.Fatal(err)
	}
	if err := names.Check(); err != nil {
		m.t.Fatal(err)
	}
	names.Each(func(r mem.Ref) bool {
		if other, _ := g.find(consumerAt(g.heap, r).number); other != r {
			m.t.Fatalf("%q lies at %#x, by its number at %#x", consumerName(g.heap, r), r, other)
		}
		return true
	})
	if numbers.Len() != names.Len() {
		m.t.Fatalf("%d numbers for %d names", numbers.Len(), names.Len())
	}
	idle := g.idle()
	if !g.head().indexed {
		if idle.Len() != 0 {
			m.t.Fatalf("%d entries in an idle list that there is not", idle.Len())
		}
		return
	}
	if idle.Len() != g.Pending() {
		m.t.Fatalf("%d entries in the idle list, want %d", idle.Len(), g.Pending())
	}
	g.pending().each(&rows.Row{}, func(r *rows.Row) bool {
		row := idleRow(r)
		if _, ok := idle.get(&row); !ok {
			m.t.Fatalf("%v is not in the idle list", *r)
		}
		return true
	})
}

// id gives an ID at the end of a group's pending entries, or one of them, or any.
func (m *groupModel) id(g *modelGroup) StreamID {
	if n := len(g.pending); n > 0 && m.rng.IntN(3) > 0 {
		skip := m.rng.IntN(min(n, 20))
		for id := range g.pending {
			if skip--; skip < 0 {
				return id
			}
		}
	}
	return StreamID{Ms: m.rng.Uint64N(uint64(m.many)), Seq: m.rng.Uint64N(3)}
}

func (m *groupModel) name() string { return m.names[m.rng.IntN(len(m.names))] }

// step changes something.
func (m *groupModel) step() {
	m.now += m.rng.Int64N(40)
	name := m.names[m.rng.IntN(7)]
	want, there := m.groups[name]
	var s *Stream
	m.try(func() { s = m.stream() })
	if s == nil {
		return // it is frozen: to change it would take memory
	}
	k := m.rng.IntN(400)
	if !there {
		if k < 100 {
			m.create(s, name)
		}
		return
	}
	if k == 0 {
		m.try(func() {
			if !s.DestroyGroup([]byte(name), neverEnds) {
				m.t.Fatal("there is no group to be destroyed")
			}
			delete(m.groups, name)
		})
		return
	}
	m.try(func() {
		g, ok := s.GroupWrite([]byte(name))
		if !ok {
			m.t.Fatalf("there is no group %q", name)
		}
		m.squeeze()
		switch {
		case k < 40:
			m.consumer(g, want)
		case k < 50:
			id := StreamID{Ms: m.rng.Uint64(), Seq: m.rng.Uint64()}
			g.SetLast(id, int64(k))
			want.last, want.read = id, int64(k)
		case k < 52:
			m.claimable(g, want)
		case k < 70:
			id, count := m.id(want), m.rng.Uint64N(5)
			g.Disown(id, count)
			want.turns++
			want.pending[id] = modelPending{count: count, turn: want.turns}
		case k < 220 || len(want.pending) > m.many && k < 300:
			id := m.id(want)
			_, has := want.pending[id]
			if _, ok := g.Find(id); ok != has {
				m.t.Fatalf("%v is pending: %v", id, ok)
			}
			if ok := g.Ack(id); ok != has {
				m.t.Fatalf("acknowledging %v gives %v", id, ok)
			}
			delete(want.pending, id)
		default:
			m.deliver(g, want)
		}
	})
}

func (m *groupModel) create(s *Stream, name string) {
	m.try(func() {
		m.squeeze()
		last := StreamID{Ms: m.rng.Uint64N(1000)}
		g, created := s.CreateGroup([]byte(name), last, NoCount)
		if !created || string(g.Name()) != name {
			m.t.Fatalf("group %q is not created", name)
		}
		m.groups[name] = &modelGroup{last, NoCount, map[string]modelConsumer{}, map[StreamID]modelPending{}, 0}
		if _, created := s.CreateGroup([]byte(name), last, 0); created {
			m.t.Fatalf("group %q is created twice", name)
		}
	})
}

// consumer makes a consumer, changes or removes it.
func (m *groupModel) consumer(g Group, want *modelGroup) {
	name := m.name()
	c, ok := g.Consumer([]byte(name))
	old, has := want.consumers[name]
	switch {
	case ok != has:
		m.t.Fatalf("there is a consumer %q: %v", name, ok)
	case !ok:
		g.CreateConsumer([]byte(name), m.now)
		want.consumers[name] = modelConsumer{m.now, Never}
	case m.rng.IntN(8) == 0:
		n := 0
		for _, p := range want.pending {
			if p.turn == 0 && p.owner == name {
				n++
			}
		}
		if got := g.DeleteConsumer(c, neverEnds); got != n {
			m.t.Fatalf("consumer %q had %d pending entries, want %d", name, got, n)
		}
		maps.DeleteFunc(want.pending, func(_ StreamID, p modelPending) bool { return p.turn == 0 && p.owner == name })
		delete(want.consumers, name)
	default:
		c.SetSeen(m.now)
		c.SetActive(m.now - 1)
		old.seen, old.active = m.now, m.now-1
		want.consumers[name] = old
	}
}

// deliver delivers several entries to a consumer.
func (m *groupModel) deliver(g Group, want *modelGroup) {
	name := m.name()
	c, ok := g.Consumer([]byte(name))
	if !ok {
		return
	}
	at := m.now
	if m.rng.IntN(10) == 0 {
		at -= m.rng.Int64N(100_000)
	}
	for range 1 + m.rng.IntN(10) {
		id, count := m.id(want), 1+m.rng.Uint64N(3)
		if m.rng.IntN(3) > 0 && g.Pending() > 0 {
			id = g.LastPending().ID
			id.Ms++
		}
		g.Deliver(id, c, at, count)
		want.pending[id] = modelPending{at: at, count: count, owner: name}
		if p, ok := g.Find(id); !ok || p.owner != c.head().number || !p.Owned() {
			m.t.Fatalf("what was delivered is %+v, %v", p, ok)
		}
	}
}

// claimable looks at what may be claimed.
func (m *groupModel) claimable(g Group, want *modelGroup) {
	before := m.now - m.rng.Int64N(3000)
	var list, free []StreamID
	for id, p := range want.pending {
		if p.turn > 0 {
			free = append(free, id)
		}
		if p.turn > 0 || p.at <= before {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b StreamID) int {
		p, q := want.pending[a], want.pending[b]
		return cmp.Or(-cmp.Compare(min(p.turn, 1), min(q.turn, 1)), cmp.Compare(p.turn, q.turn), cmp.Compare(p.at, q.at), a.Compare(b))
	})
	slices.SortFunc(free, func(a, b StreamID) int { return cmp.Compare(want.pending[a].turn, want.pending[b].turn) })
	collect := func(to *[]StreamID) func(p Pending) bool {
		return func(p Pending) bool {
			*to = append(*to, p.ID)
			return true
		}
	}
	var got []StreamID
	if g.EachIdle(before, neverEnds, collect(&got)); !slices.Equal(got, list) {
		m.t.Fatalf("to be claimed: got  %.200v\nwant %.200v", got, list)
	}
	got = nil
	if g.EachUnowned(collect(&got)); !slices.Equal(got, free) {
		m.t.Fatalf("unowned: got  %.200v\nwant %.200v", got, free)
	}
}

// view freezes the stream if it is big, or looks at a view that there is and may end it.
func (m *groupModel) view() {
	m.t.Helper()
	if it, ok := m.db.Peek(m.key); ok && it.IsBig() && len(m.views) < 4 {
		m.views = append(m.views, groupView{m.db.Freeze(&it), m.text()})
	}
	if len(m.views) == 0 {
		return
	}
	i := m.rng.IntN(len(m.views))
	m.same(textOfGroups(m.views[i].f.EachGroup), m.views[i].want)
	if m.rng.IntN(2) == 0 {
		m.views[i].f.Release()
		m.views = slices.Delete(m.views, i, i+1)
	}
}

func (m *groupModel) run(n int) {
	m.t.Helper()
	for i := range n {
		m.step()
		switch k := m.rng.IntN(200); {
		case k < 2:
			m.check()
		case k < 5:
			m.view()
		case k < 20:
			keepHouse(m.db, 20)
		case k == 20:
			for m.db.s.Compact(m.db.s.ShardOf(hash.Bytes(m.key)), 50) {
			}
		}
		if i%(n/4+1) == 0 {
			m.usage()
		}
	}
}

// usage holds what the groups are said to take against what their heap has.
func (m *groupModel) usage() {
	m.t.Helper()
	s := m.stream()
	if got, err := s.body().size(0, neverEnds); err != nil || got != s.body().heap.Live() && s.it.isBig() && !s.body().heap.Freezing() && s.body().heap.Relocates() {
		m.t.Fatalf("the stream is said to take %d of %d bytes, %v", got, s.body().heap.Live(), err)
	}
}

func (m *groupModel) end() {
	m.t.Helper()
	m.check()
	for _, v := range m.views {
		v.f.Release()
	}
	m.db.Delete(m.key)
	keepHouse(m.db, 50)
	if n := live(m.db); n != 0 {
		m.t.Errorf("%d bytes are used by nothing", n)
	}
}

// TestGroupsAreWhatMapsAre small and big.
func TestGroupsAreWhatMapsAre(t *testing.T) {
	for seed, many := range []int{5, 200, 1500} {
		db := newHashDB(t, 1<<30)
		db.s.bigTable = 8000
		m := newGroupModel(t, db, uint64(seed), many)
		m.run(rowSteps(5000))
		m.end()
	}
}

// TestGroupsAreLoaded in the order of an RDB file: pending entries, then consumers. What does not fit together is refused.
func TestGroupsAreLoaded(t *testing.T) {
	db := newHashDB(t, 1<<30)
	var d StreamDraft
	d.Begin(db)
	defer d.Drop()
	s := d.Stream()
	g, created := s.CreateGroup([]byte("g"), StreamID{Ms: 9}, 3)
	if !created {
		t.Fatal("the group is not created")
	}
	one, two, three := StreamID{Ms: 1}, StreamID{Ms: 2}, StreamID{Ms: 3}
	for _, id := range []StreamID{three, one, two} {
		if !g.Load(id, 1000+int64(id.Ms), 4) || g.Load(id, 1, 1) {
			t.Fatalf("%v is not loaded, or twice", id)
		}
	}
	a, b := g.CreateConsumer([]byte("a"), 5), g.CreateConsumer([]byte("b"), 6)
	b.SetActive(7)
	if !g.LoadOwner(two, a) || g.LoadOwner(two, a) || g.LoadOwner(two, b) || g.LoadOwner(StreamID{Ms: 8}, a) || g.LoadUnowned(two) {
		t.Error("an entry gets an owner twice, or one that is not there does")
	}
	if n := g.Loading(); n != 2 {
		t.Errorf("%d entries are yet to get an owner, want 2", n)
	}
	if !g.LoadUnowned(three) || g.LoadUnowned(three) || g.LoadOwner(three, a) || !g.LoadUnowned(one) || g.Loading() != 0 {
		t.Error("entries do not become nobody's once")
	}
	d.Attach([]byte("s"), NoExpiry)
	m := newGroupModelOf(t, db, 1, 50)
	m.groups["g"] = &modelGroup{StreamID{Ms: 9}, 3, map[string]modelConsumer{"a": {5, Never}, "b": {6, 7}}, map[StreamID]modelPending{
		one: {count: 4, turn: 2}, two: {at: 1002, count: 4, owner: "a"}, three: {count: 4, turn: 1},
	}, 2}
	m.check()
	m.now = 2000
	g, _ = m.stream().GroupWrite([]byte("g"))
	m.claimable(g, m.groups["g"])
	m.run(300)
	m.end()
}

// TestGroupsWithoutMemory: what is refused has not been done by halves.
func TestGroupsWithoutMemory(t *testing.T) {
	denied := 0
	for seed := range uint64(5) {
		db := newHashDB(t, 64<<20)
		db.s.bigTable = 8000
		m := newGroupModel(t, db, seed, 600)
		m.tight = true
		m.run(2000)
		m.end()
		denied += m.denied
	}
	if denied < 50 {
		t.Errorf("only %d changes were refused", denied)
	}
}

// TestGroupsAreCopied with their stream, whatever its size.
func TestGroupsAreCopied(t *testing.T) {
	for seed, many := range []int{5, 400} {
		db := newHashDB(t, 1<<30)
		db.s.bigTable = 8000
		m := newGroupModel(t, db, uint64(seed), many)
		m.run(2000)
		if err := db.Copy(m.key, db, []byte("copy"), neverEnds); err != nil {
			t.Fatal(err)
		}
		other := *m
		other.key, other.views = []byte("copy"), nil
		other.check()
		m.run(100)
		other.groups = map[string]*modelGroup{}
		db.Delete(other.key)
		m.end()
	}
}

// TestLag holds what is told of groups' progress against what redis-server 8 tells.
func TestLag(t *testing.T) {
	id := func(ms int) StreamID { return StreamID{Ms: uint64(ms)} }
	db := newHashDB(t, 1<<30)
	s := db.CreateStream([]byte("s"))
	lag := func(last StreamID, read int64) string {
		g, created := s.CreateGroup([]byte("g"), last, read)
		if !created {
			g.SetLast(last, read)
		}
		if n, ok := s.Lag(g); ok {
			return fmt.Sprint(n)
		}
		return "unknown"
	}
	count := func(last StreamID) int64 { return s.CountUpTo(last) }
	if got := lag(id(0), NoCount) + lag(id(7), 3); got != "00" {
		t.Errorf("lags of a stream that never had anything: %s", got)
	}
	for ms := 1; ms <= 10; ms++ {
		s.Append(id(10*ms), textsOf("f", "v"))
	}
	for _, c := range []struct {
		last  int
		read  int64
		lag   string
		count int64
	}{
		{0, NoCount, "10", 0}, {5, NoCount, "10", 0}, {10, NoCount, "9", 1}, {20, NoCount, "unknown", NoCount}, {20, 2, "8", NoCount},
		{100, NoCount, "0", 10}, {101, NoCount, "unknown", NoCount},
	} {
		if got := lag(id(c.last), c.read); got != c.lag || count(id(c.last)) != c.count {
			t.Errorf("up to %d, read %d: lag %s, count %d; want %s, %d", c.last, c.read, got, count(id(c.last)), c.lag, c.count)
		}
	}
	s.Delete(id(50))
	for _, c := range []struct {
		last  int
		read  int64
		lag   string
		count int64
	}{
		{0, NoCount, "unknown", NoCount}, {0, 0, "unknown", NoCount}, {40, 4, "unknown", NoCount}, {50, 5, "unknown", NoCount},
		{60, 6, "4", NoCount}, {60, NoCount, "unknown", NoCount}, {100, NoCount, "0", 10},
	} {
		if got := lag(id(c.last), c.read); got != c.lag || c.last > 0 && count(id(c.last)) != c.count {
			t.Errorf("50 deleted, up to %d, read %d: lag %s, count %d; want %s, %d", c.last, c.read, got, count(id(c.last)), c.lag, c.count)
		}
	}
	for _, ms := range []int{10, 20, 30, 40} {
		s.Delete(id(ms))
	}
	if got := lag(id(0), NoCount); got != "5" {
		t.Errorf("before all entries, nothing deleted behind the first: lag %s, want 5", got)
	}
	for ms := 60; ms <= 100; ms += 10 {
		s.Delete(id(ms))
	}
	if got := lag(id(0), NoCount); got != "0" || count(id(30)) != 10 {
		t.Errorf("all deleted: lag %s, count %d, want 0, 10", got, count(id(30)))
	}
}

// TestAdvance counts what a group reads, as far as that can be told.
func TestAdvance(t *testing.T) {
	db := newHashDB(t, 1<<30)
	s := db.CreateStream([]byte("s"))
	for ms := range uint64(6) {
		s.Append(StreamID{Ms: ms + 1}, textsOf("f", "v"))
	}
	s.Delete(StreamID{Ms: 3})
	g, _ := s.CreateGroup([]byte("g"), StreamID{}, 0)
	for _, c := range []struct {
		ms   uint64
		read int64
	}{{1, NoCount}, {2, NoCount}, {4, NoCount}, {5, NoCount}, {6, 6}} {
		if g.Advance(StreamID{Ms: c.ms}); g.Read() != c.read || g.Last() != (StreamID{Ms: c.ms}) {
			t.Errorf("behind %d: read %d up to %v, want %d", c.ms, g.Read(), g.Last(), c.read)
		}
	}
	s.Append(StreamID{Ms: 7}, textsOf("f", "v"))
	g, _ = s.GroupWrite([]byte("g"))
	if g.Advance(StreamID{Ms: 7}); g.Read() != 7 {
		t.Errorf("read %d, want 7", g.Read())
	}
}

// TestReferenced: pending in a group, or not delivered to it yet.
func TestReferenced(t *testing.T) {
	db := newHashDB(t, 1<<30)
	s := db.CreateStream([]byte("s"))
	id := StreamID{Ms: 5}
	if s.Referenced(id) {
		t.Error("an entry is referenced without groups")
	}
	var groups []Group
	for _, name := range []string{"a", "b"} {
		g, _ := s.CreateGroup([]byte(name), StreamID{Ms: 5}, NoCount)
		groups = append(groups, g)
	}
	if s.Referenced(id) || !s.Referenced(StreamID{Ms: 5, Seq: 1}) {
		t.Error("what was delivered is referenced, or what was not is not")
	}
	c := groups[1].CreateConsumer([]byte("c"), 1)
	groups[1].Deliver(id, c, 1, 1)
	groups[0].Disown(id, 1)
	if !s.Referenced(id) {
		t.Error("a pending entry is not referenced")
	}
	s.Forget(id)
	if s.Referenced(id) || groups[0].Pending()+groups[1].Pending()+c.Pending()+groups[0].Unowned() != 0 {
		t.Error("a forgotten entry is still pending")
	}
}

// TestDeliveriesAllocateNothing on the Go heap.
func TestDeliveriesAllocateNothing(t *testing.T) {
	db := newHashDB(t, 1<<30)
	key, group, name, id := []byte("s"), []byte("g"), []byte("consumer"), StreamID{}
	stream := db.CreateStream(key)
	stream.CreateGroup(group, StreamID{}, 0)
	if n := testing.AllocsPerRun(1000, func() {
		s, err := db.FindStreamWrite(key)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := s.GroupWrite(group)
		c, ok := g.Consumer(name)
		if !ok {
			c = g.CreateConsumer(name, 1)
		}
		id.Ms++
		g.Deliver(id, c, 5, 1)
		g.Advance(id)
		if id.Ms%2 == 0 {
			g.Ack(StreamID{Ms: id.Ms / 2})
		}
		if p, ok := g.Find(id); !ok || p.owner != c.head().number {
			t.Fatalf("%v is %+v, %v", id, p, ok)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestGroupViewsAreReadMeanwhile on other goroutines, which take no lock.
func TestGroupViewsAreReadMeanwhile(t *testing.T) {
	db := newHashDB(t, 1<<30)
	db.s.bigTable = 8000
	m := newGroupModel(t, db, 7, 400)
	m.run(1500)
	for range 5 {
		it, ok := db.Peek(m.key)
		if !ok || !it.IsBig() {
			t.Fatal("the stream is not big")
		}
		f, want := db.Freeze(&it), m.text()
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				if textOfGroups(f.EachGroup) != want {
					t.Error("a view is not what the stream was")
				}
			})
		}
		for range 200 {
			m.step()
		}
		readers.Wait()
		f.Release()
		keepHouse(db, 50)
	}
	m.end()
}
