// SPDX-License-Identifier: BSD-3-Clause

package rdb

import "github.com/redpoll/redpoll/internal/store"

// readGroup reads a group of a stream: its name, what it has delivered, its pending entries, and its consumers with the IDs of theirs;
// from KindStream5 on then the IDs of those that are nobody's.
func (r *Reader) readGroup(db *store.DB, s *store.Stream, kind Kind) {
	r.name = append(r.name[:0], r.bytes(db)...)
	last := r.lenID()
	read := s.CountUpTo(last)
	if kind != KindStream {
		read = max(int64(r.number()), store.NoCount)
	}
	if r.err != nil {
		return
	}
	g, created := s.CreateGroup(r.name, last, read)
	if !created {
		r.fail("Duplicate consumer group of a stream")
	}
	r.eachID(db, func(id store.StreamID) {
		if at, count := int64(r.uint64()), r.number(); r.err == nil && !g.Load(id, at, count) {
			r.fail("Duplicate pending entry of a stream's group")
		}
	})
	for n := r.length(); n > 0 && r.err == nil; n-- {
		r.readConsumer(db, g, kind)
	}
	if kind >= KindStream5 {
		r.eachID(db, func(id store.StreamID) {
			if !g.LoadUnowned(id) {
				r.fail("An entry of a stream's group that is not pending, or not without an owner")
			}
		})
	}
	if r.err == nil && g.Loading() > 0 {
		r.fail("A pending entry of a stream's group without an owner")
	}
}

// readConsumer reads a consumer of a group: its name, when it was seen, from KindStream3 on when it was active, and the IDs of its
// pending entries.
func (r *Reader) readConsumer(db *store.DB, g store.Group, kind Kind) {
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
		r.fail("Duplicate stream consumer detected")
		return
	}
	c := g.CreateConsumer(r.name, seen)
	c.SetActive(active)
	r.eachID(db, func(id store.StreamID) {
		if !g.LoadOwner(id, c) {
			r.fail("An entry of a stream's consumer that is not pending, or another's")
		}
	})
}

// eachID reads a number of IDs and calls fn with each, which may read what belongs to it.
func (r *Reader) eachID(db *store.DB, fn func(id store.StreamID)) {
	for n := r.length(); n > 0; n-- {
		id := r.nextID()
		if r.err != nil {
			return
		}
		fn(id)
		r.step(db)
	}
}
