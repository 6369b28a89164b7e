// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"cmp"
	"slices"

	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// Columns of the rows of pending entries. Those of a consumer have the first two; those of an idle list have idleRank before them.
const (
	pendingMs = iota
	pendingSeq
	pendingTime // Unix ms, or the turn of an unowned entry
	pendingCount
	pendingOwner // a consumer's number, 0 for nobody
)

// The kinds of rows that there are.
func pendingKind() rows.Kind { return rows.Kind{Columns: 5, Keys: 2} }
func idKind() rows.Kind      { return rows.Kind{Columns: 2, Keys: 2} }
func idleKind() rows.Kind    { return rows.Kind{Columns: 3, Keys: 3} }

// ownedRank is what the first column of an idle list has of entries with owners besides their time, so that they are behind the others.
const ownedRank = 1 << 62

// idleRow gives what an idle list has of a pending entry.
func idleRow(r *rows.Row) rows.Row {
	rank := r[pendingTime]
	if r[pendingOwner] != 0 {
		rank |= ownedRank
	}
	return rows.Row{rank, r[pendingMs], r[pendingSeq]}
}

func idRow(id StreamID) rows.Row { return rows.Row{id.Ms, id.Seq} }

func rowID(r *rows.Row) StreamID { return StreamID{Ms: r[pendingMs], Seq: r[pendingSeq]} }

// Pending is a pending entry of a group.
type Pending struct {
	ID        StreamID
	Delivered int64  // Unix ms, 0 if it is unowned
	Count     uint64 // of deliveries
	owner     uint32
}

// Owned tells whether the entry belongs to a consumer; see Group.Owner.
func (p Pending) Owned() bool { return p.owner != 0 }

func pendingOf(r *rows.Row) Pending {
	p := Pending{ID: rowID(r), Count: r[pendingCount], owner: uint32(r[pendingOwner])}
	if p.owner != 0 {
		p.Delivered = int64(r[pendingTime])
	}
	return p
}

func (g Group) pending() rowList {
	return rowList{tree.Tree{Heap: g.heap, Root: &g.head().pending}, pendingKind()}
}

func (g Group) idle() rowList {
	return rowList{tree.Tree{Heap: g.heap, Root: &g.head().idle}, idleKind()}
}

func (c Consumer) ids() rowList { return idsAt(c.g.heap, c.ref) }

func idsAt(h *mem.Heap, consumer mem.Ref) rowList {
	return rowList{tree.Tree{Heap: h, Root: &consumerAt(h, consumer).ids}, idKind()}
}

// Pending tells how many pending entries there are.
func (g Group) Pending() int { return g.pending().Len() }

// Unowned tells how many pending entries are nobody's.
func (g Group) Unowned() int { return int(g.head().unowned) }

// FirstPending gives the pending entry with the least ID; there is one.
func (g Group) FirstPending() Pending {
	r := g.pending().first()
	return pendingOf(&r)
}

// LastPending gives the pending entry with the greatest ID; there is one.
func (g Group) LastPending() Pending {
	r := g.pending().last()
	return pendingOf(&r)
}

// Find gives the pending entry with an ID; false when there is none.
func (g Group) Find(id StreamID) (p Pending, ok bool) {
	key := idRow(id)
	r, ok := g.pending().get(&key)
	return pendingOf(&r), ok
}

// Each calls fn with the pending entries with IDs from one to another, in their order, until it gives false. fn must not change the group.
func (g Group) Each(from, to StreamID, fn func(p Pending) bool) {
	key := idRow(from)
	g.pending().each(&key, func(r *rows.Row) bool { return !to.Less(rowID(r)) && fn(pendingOf(r)) })
}

// Pending tells how many pending entries the consumer has.
func (c Consumer) Pending() int { return c.ids().Len() }

// Each calls fn with the consumer's pending entries with IDs from one to another, in their order, until it gives false. fn must not change
// the group.
func (c Consumer) Each(from, to StreamID, fn func(p Pending) bool) {
	key, pel := idRow(from), c.g.pending()
	c.ids().each(&key, func(r *rows.Row) bool {
		if to.Less(rowID(r)) {
			return false
		}
		row, _ := pel.get(r)
		return fn(pendingOf(&row))
	})
}

// EachUnowned calls fn with the pending entries that are nobody's, in the order in which they became so, until it gives false. fn must not
// change the group.
func (g Group) EachUnowned(fn func(p Pending) bool) {
	if g.head().unowned == 0 {
		return
	}
	order := make([]rows.Row, 0, g.head().unowned)
	g.pending().each(&rows.Row{}, func(r *rows.Row) bool {
		if r[pendingOwner] == 0 {
			order = append(order, *r)
		}
		return len(order) < cap(order)
	})
	slices.SortFunc(order, func(a, b rows.Row) int { return cmp.Compare(a[pendingTime], b[pendingTime]) })
	for i := range order {
		if !fn(pendingOf(&order[i])) {
			return
		}
	}
}

// EachIdle calls fn with the pending entries that may be claimed, until it gives false: first those that are nobody's, in the order in which
// they became so, then those that were delivered at a time (Unix ms) or before, the longest ago first. fn must not change the group, which
// was got to be changed: the first time takes memory, when it may panic with mem.ErrNoMemory, with nothing changed. tick is as for
// Stream.DestroyGroup.
func (g Group) EachIdle(before int64, tick func() error, fn func(p Pending) bool) {
	if g.pending().Len() == 0 {
		return
	}
	if !g.head().indexed {
		g.index(tick)
	}
	least := ownedRank | uint64(max(before, 0))
	pel := g.pending()
	g.idle().each(&rows.Row{}, func(r *rows.Row) bool {
		if r[0] > least || r[0] >= ownedRank && before < 0 {
			return false
		}
		key := rows.Row{r[1], r[2]}
		row, _ := pel.get(&key)
		return fn(pendingOf(&row))
	})
}

// index makes the idle list.
func (g Group) index(tick func() error) {
	before, idle := g.heap.Live(), g.idle()
	whole := false
	defer func() {
		if !whole {
			idle.Discard(func(leaf mem.Ref) { g.heap.Free(leaf, rows.Size(g.heap, leaf)) })
		}
	}()
	n := 0
	g.pending().each(&rows.Row{}, func(r *rows.Row) bool {
		row := idleRow(r)
		idle.put(&row)
		if n++; n%tickEvery == 0 {
			_ = tick()
		}
		return true
	})
	whole = true
	g.head().indexed = true
	g.changed(before)
}

// Reserve makes it all but certain that n entries can be delivered; see DB.Reserve. It is for commands that deliver several.
func (g Group) Reserve(n int) { g.db.Reserve(g.DeliverySize(n)) }

// DeliverySize gives how many bytes the delivery of n entries may take, for commands that reserve for several groups at once.
func (g Group) DeliverySize(n int) int {
	const (
		perEntry = 16 // bytes
		spare    = 16 << 10
	)
	return n*perEntry + spare + g.removalSize(n)
}

// reserveRemoval is DB.Reserve for what the removal of n pending entries may take: memory only while the stream is frozen.
func (g Group) reserveRemoval(n int) {
	if size := g.removalSize(n); size > 0 {
		g.db.Reserve(size)
	}
}

// removalSize gives about how many bytes of frozen blocks may have to be copied for n pending entries to change.
func (g Group) removalSize(n int) int {
	if !g.heap.Freezing() {
		return 0
	}
	const (
		aLeaf = 2 << 10
		lists = 4 // that each is in, and what leads there
	)
	all := g.pending().Leaves() + g.idle().Leaves() + n
	return min(n*lists, all*lists) * aLeaf
}

// Deliver notes that an entry was delivered to a consumer at a time (Unix ms), the count-th time. It is pending then, whether it was before,
// and of whom, or not. Nothing has changed when memory is refused.
func (g Group) Deliver(id StreamID, to Consumer, at int64, count uint64) {
	r := rows.Row{id.Ms, id.Seq, uint64(max(at, 0)), count, uint64(to.head().number)}
	before := g.heap.Live()
	g.place(&r, to)
	g.changed(before)
}

// Disown makes an entry, which may be pending already, one that is pending and nobody's, and was delivered count times. Nothing has changed
// when memory is refused.
func (g Group) Disown(id StreamID, count uint64) {
	before, h := g.heap.Live(), g.head()
	r := rows.Row{id.Ms, id.Seq, h.turns + 1, count, 0}
	g.place(&r, Consumer{})
	h.turns++
	g.changed(before)
}

// place puts a row of pendingKind, of an owner to, in, whatever the group knew of its ID before.
func (g Group) place(r *rows.Row, to Consumer) {
	h, pel := g.head(), g.pending()
	old, had := pel.recent(r)
	p := placement{g: g, to: to, id: rows.Row{r[pendingMs], r[pendingSeq]}}
	var from Consumer
	moves := !had || old[pendingOwner] != r[pendingOwner]
	if had && moves && old[pendingOwner] != 0 {
		from = g.owner(uint32(old[pendingOwner]))
		from.ids().own(&p.id)
	}
	was := idleRow(&old)
	p.idle = idleRow(r)
	ranked := h.indexed && (!had || was != p.idle)
	if ranked && had {
		g.idle().own(&was)
	}
	defer p.end()
	if moves && to.ref != 0 {
		to.ids().put(&p.id)
		p.listed = true
	}
	if ranked {
		g.idle().put(&p.idle)
		p.ranked = true
	}
	pel.put(r)
	p.done = true

	if from.ref != 0 {
		from.ids().remove(&p.id)
	}
	if ranked && had {
		g.idle().remove(&was)
	}
	h.unowned += unowned(r)
	if had {
		h.unowned -= unowned(&old)
	}
}

// unowned gives 1 for a pending entry that is nobody's, 0 for others.
func unowned(r *rows.Row) int64 {
	if r[pendingOwner] == 0 {
		return 1
	}
	return 0
}

// recent is get, at once for what is behind all rows.
func (l rowList) recent(key *rows.Row) (r rows.Row, ok bool) {
	var c tree.Cursor
	if !l.Last(&c) {
		return r, false
	}
	if leaf := l.leaf(&c); leaf.Compare(leaf.Len()-1, key) < 0 {
		return r, false
	}
	return l.get(key)
}

// placement takes back what was done of a Group.place that is refused memory.
type placement struct {
	g      Group
	to     Consumer
	id     rows.Row // of idKind
	idle   rows.Row
	listed bool // the ID is in the consumer's list
	ranked bool // the row is in the idle list
	done   bool
}

func (p *placement) end() {
	if p.done {
		return
	}
	if p.listed {
		p.to.ids().remove(&p.id)
	}
	if p.ranked {
		p.g.idle().remove(&p.idle)
	}
}

// Ack removes a pending entry; false when there is none with that ID. Nothing has changed when memory is refused, which it may be only while
// the stream is frozen.
func (g Group) Ack(id StreamID) bool {
	key := idRow(id)
	if g.heap.Freezing() && !g.ownPending(&key) {
		return false
	}
	before := g.heap.Live()
	r, ok := g.drop(&key)
	if !ok {
		return false
	}
	if owner := uint32(r[pendingOwner]); owner != 0 {
		c, _ := g.find(owner)
		idsAt(g.heap, c).remove(&key)
	}
	g.changed(before)
	return true
}

// ownPending sees to it that to remove a pending entry needs no memory; false when there is none. It may panic with mem.ErrNoMemory.
func (g Group) ownPending(key *rows.Row) bool {
	pel := g.pending()
	r, ok := pel.get(key)
	if !ok {
		return false
	}
	if owner := uint32(r[pendingOwner]); owner != 0 {
		g.owner(owner).ids().own(key)
	}
	if g.head().indexed {
		row := idleRow(&r)
		g.idle().own(&row)
	}
	pel.own(key)
	return true
}

// drop removes the pending entry of a row of idKind from all lists but its owner's, and gives its row.
func (g Group) drop(id *rows.Row) (r rows.Row, ok bool) {
	h := g.head()
	if r, ok = g.pending().remove(id); !ok {
		return r, false
	}
	h.unowned -= unowned(&r)
	if h.indexed {
		row := idleRow(&r)
		g.idle().remove(&row)
		h.indexed = g.pending().Len() > 0
	}
	return r, true
}

// Referenced tells whether a group has an entry pending, or is yet to deliver it.
func (s *Stream) Referenced(id StreamID) (found bool) {
	key := idRow(id)
	s.body().eachGroup(func(g Group) bool {
		found = g.Last().Less(id) || g.has(&key)
		return !found
	})
	return found
}

// has tells whether an entry is pending.
func (g Group) has(key *rows.Row) bool {
	_, ok := g.pending().recent(key)
	return ok
}

// Forget removes an entry from the pending entries of all groups, and tells of how many. The stream was found to be changed. While it is
// frozen memory may be refused when some of them have done so.
func (s *Stream) Forget(id StreamID) (groups int) {
	if s.Groups() == 0 {
		return 0
	}
	key := idRow(id)
	var room [8]mem.Ref
	v := s.body()
	list := room[:0]
	v.eachGroup(func(g Group) bool {
		if g.has(&key) {
			list = append(list, g.ref)
		}
		return true
	})
	for _, r := range list {
		if g, ok := s.GroupWrite(groupName(v.heap, r)); ok {
			g.Ack(id)
		}
	}
	return len(list)
}
