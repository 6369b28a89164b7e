// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"slices"

	"github.com/redpoll/redpoll/internal/store"
)

// pending is a pending entry of a group that is being read.
type pending struct {
	id    store.StreamID
	at    int64
	count uint64
	owner int // the number of its consumer, from 1 on; 0 while it is not known, nobody if it has none
}

const nobody = -1

// groupRoom is what is known of a group while it is being read.
type groupRoom struct {
	pending   []pending // in the order of their IDs
	consumers []store.Consumer
	unowned   []int // pending entries that are nobody's, in the order in which they became so
}

// begin begins with a group.
func (g *groupRoom) begin() {
	const kept = 1 << 10
	if cap(g.pending) > kept || cap(g.consumers) > kept || cap(g.unowned) > kept {
		*g = groupRoom{}
	}
	g.pending, g.consumers, g.unowned = g.pending[:0], g.consumers[:0], g.unowned[:0]
}

// readGroup reads a group of a stream: its name, what it has delivered, its pending entries, and its consumers with the IDs of theirs;
// from KindStream5 on then the IDs of those that are nobody's.
func (r *Reader) readGroup(db *store.DB, s *store.Stream, kind Kind) {
	room := &r.group
	room.begin()
	r.name = append(r.name[:0], r.bytes(db)...)
	last := r.lenID()
	read := s.CountUpTo(last)
	if kind != KindStream {
		read = max(int64(r.number()), store.NoCount)
	}
	r.readPending(db)
	if r.err != nil {
		return
	}
	g, created := s.CreateGroup(r.name, last, read)
	if !created {
		r.fail("a group that is there twice")
	}
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.readConsumer(db, g, kind)
	}
	if kind >= KindStream5 {
		for n := r.length(); n > 0 && r.err == nil; n-- {
			if i := r.owned(nobody); i >= 0 {
				room.unowned = append(room.unowned, i)
			}
			r.step(db)
		}
	}
	r.deliver(db, g)
}

// readPending reads the pending entries of a group, which nobody owns yet.
func (r *Reader) readPending(db *store.DB) {
	room, sorted := &r.group, true
	for n := r.length(); n > 0 && r.err == nil; n-- {
		p := pending{id: r.nextID()}
		p.at, p.count = int64(r.uint64()), r.number()
		if have := len(room.pending); have > 0 && !room.pending[have-1].id.Less(p.id) {
			sorted = false
		}
		room.pending = append(room.pending, p)
		r.step(db)
	}
	if sorted {
		return
	}
	byID := func(a, b pending) int { return a.id.Compare(b.id) }
	slices.SortFunc(room.pending, byID)
	for i := 1; i < len(room.pending); i++ {
		if room.pending[i-1].id == room.pending[i].id {
			r.fail("an entry that is pending twice")
		}
	}
}

// readConsumer reads a consumer of a group: its name, when it was seen, from KindStream3 on when it was active, and the IDs of its
// pending entries.
func (r *Reader) readConsumer(db *store.DB, g store.Group, kind Kind) {
	room := &r.group
	r.name = append(r.name[:0], r.bytes(db)...)
	seen := int64(r.uint64())
	active := seen
	if kind >= KindStream3 {
		active = int64(r.uint64())
	}
	if r.err != nil {
		return
	}
	if _, is := g.Consumer(r.name); is {
		r.fail("a consumer that is there twice")
		return
	}
	c := g.CreateConsumer(r.name, seen)
	c.SetActive(active)
	room.consumers = append(room.consumers, c)
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.owned(len(room.consumers))
		r.step(db)
	}
}

// owned reads the ID of a pending entry, which gets an owner; its place among them, or -1.
func (r *Reader) owned(owner int) (i int) {
	id := r.nextID()
	i, is := slices.BinarySearchFunc(r.group.pending, id, func(p pending, id store.StreamID) int { return p.id.Compare(id) })
	switch {
	case r.err != nil:
	case !is:
		r.fail("an entry of a consumer that is not pending")
	case r.group.pending[i].owner != 0:
		r.fail("a pending entry of two owners")
	default:
		r.group.pending[i].owner = owner
		return i
	}
	return -1
}

// deliver gives the pending entries to the group and its consumers.
func (r *Reader) deliver(db *store.DB, g store.Group) {
	room := &r.group
	for i := range room.pending {
		if room.pending[i].owner == 0 {
			r.fail("a pending entry without an owner")
		}
	}
	if r.err != nil {
		return
	}
	for i := range room.pending {
		if p := &room.pending[i]; p.owner > 0 {
			g.Deliver(p.id, room.consumers[p.owner-1], p.at, p.count)
		}
		r.step(db)
	}
	for _, i := range room.unowned {
		g.Disown(room.pending[i].id, room.pending[i].count)
		r.step(db)
	}
}
