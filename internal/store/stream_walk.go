// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// StreamEntry is an entry of a stream in place. What it is got from says how long it is valid.
type StreamEntry struct {
	entry entries.Entry
}

// ID names the entry.
func (e *StreamEntry) ID() StreamID { return e.entry.ID() }

// Len tells how many fields it has.
func (e *StreamEntry) Len() int { return e.entry.Len() }

// Each calls fn with every field and its value, which are valid as long as the entry, until it gives false.
func (e *StreamEntry) Each(fn func(field, value Value) bool) {
	for p := e.entry.Pairs(); ; {
		field, value, ok := p.Next()
		if !ok || !fn(Value(field), Value(value)) {
			return
		}
	}
}

// Each calls fn with the entries with IDs between two, these included, in the order of their IDs or from the last to the first, until it
// gives false. An entry is valid until fn returns. fn must not change the stream.
func (s *Stream) Each(from, to StreamID, reverse bool, fn func(e *StreamEntry) bool) {
	if !s.Exists() || to.Less(from) {
		return
	}
	e := s.db.v.takeEntry()
	if reverse {
		s.body().eachBack(from, to, e, fn)
	} else {
		s.body().each(from, to, e, fn)
	}
	s.db.v.returnEntry(e)
}

// takeEntry gives an entry to walk with, which returnEntry takes back. Two may be in use at a time: what is called with one may look at another
// stream.
func (v *View) takeEntry() (e *StreamEntry) {
	if e, v.entry = v.entry, nil; e == nil {
		e = new(StreamEntry)
	}
	return e
}

func (v *View) returnEntry(e *StreamEntry) {
	*e = StreamEntry{}
	v.entry = e
}

// each is Stream.Each towards the end, with an entry to be used.
func (v body) each(from, to StreamID, e *StreamEntry, fn func(e *StreamEntry) bool) {
	var c tree.Cursor
	for ok := v.findBlock(&c, from); ok; ok = c.Next() {
		for w := v.block(&c).From(from); w.Next(&e.entry); {
			switch {
			case e.entry.Deleted():
			case to.Less(e.ID()) || !fn(e):
				return
			}
		}
	}
}

// EachUnread is Each, towards the end, for the entries that a group of the stream, which may be changed, has not delivered. The group notes where
// it ends: if it has delivered them, the next call begins there.
func (s *Stream) EachUnread(g Group, fn func(e *StreamEntry) bool) {
	from, ok := g.Last().Next()
	if !ok {
		return
	}
	e := s.db.v.takeEntry()
	h := g.head()
	h.place = s.body().eachBehind(from, h.place, e, fn)
	s.db.v.returnEntry(e)
}

// eachBehind is each for all entries from one on, which may be near a place. It gives the place where it ends.
func (v body) eachBehind(from StreamID, near entries.Place, e *StreamEntry, fn func(e *StreamEntry) bool) entries.Place {
	var c tree.Cursor
	for ok := v.findBlock(&c, from); ok; ok = c.Next() {
		w := v.block(&c).FromPlace(from, near)
		for w.Next(&e.entry) {
			if !e.entry.Deleted() && !fn(e) {
				return w.Place()
			}
		}
		near = w.Place()
	}
	return near
}

// eachBack is Stream.Each towards the beginning.
func (v body) eachBack(from, to StreamID, e *StreamEntry, fn func(e *StreamEntry) bool) {
	var c tree.Cursor
	var w entries.Back
	for ok := v.findBlock(&c, to); ok; ok = c.Prev() {
		for w.Begin(v.block(&c)); w.Next(&e.entry); {
			switch id := e.ID(); {
			case to.Less(id) || e.entry.Deleted():
			case id.Less(from) || !fn(e):
				return
			}
		}
	}
}

// EachLeaf calls fn with the blocks of entries in place, in their order, until it gives false. fn must not change the stream.
func (s *Stream) EachLeaf(fn func(b entries.Block) bool) {
	if s.Exists() {
		s.body().eachBlock(fn)
	}
}

func (v body) eachBlock(fn func(b entries.Block) bool) {
	v.leaves().Each(func(leaf mem.Ref, _ int) bool { return fn(entryBlock(v.heap, leaf)) })
}

// IsBig tells whether the stream can be frozen.
func (s *Stream) IsBig() bool { return s.it.ref != 0 && s.it.isBig() }

// Freeze gives the stream, which IsBig, as it is now; see DB.Freeze.
func (s *Stream) Freeze() *Frozen { return s.db.Freeze(&s.it) }

// stream gives a frozen stream.
func (f *Frozen) stream() body { return f.at.root.body(EncStream, f.at.b.heap) }

// Entries goes through the entries of a stream that is frozen.
type Entries struct {
	v        body
	c        tree.Cursor
	more     bool // the cursor's leaf has not been gone through
	from, to StreamID
	walk     entries.Walk
	back     *entries.Back // nil: it goes towards the end
	entry    StreamEntry
}

// Entries begins a walk over the entries with IDs between two, these included, towards the end or from there to the beginning. The
// value is a stream.
func (f *Frozen) Entries(from, to StreamID, reverse bool) *Entries {
	w := &Entries{v: f.stream(), from: from, to: to}
	start := from
	if reverse {
		w.back = new(entries.Back)
		start = to
	}
	if w.more = !to.Less(from) && w.v.findBlock(&w.c, start); w.more {
		w.enter()
	}
	return w
}

// enter begins with the leaf at the cursor.
func (w *Entries) enter() {
	if b := w.v.block(&w.c); w.back != nil {
		w.back.Begin(b)
	} else {
		w.walk = b.From(w.from)
	}
}

// Next gives the next entry, valid until the call after this one, its fields and values until the view is released; false at the end.
func (w *Entries) Next() (*StreamEntry, bool) {
	for w.more {
		if !w.step() {
			continue
		}
		id := w.entry.ID()
		past, before := w.to.Less(id), id.Less(w.from)
		if w.back != nil {
			past, before = before, past
		}
		if past {
			w.more = false
		} else if !before && !w.entry.entry.Deleted() {
			return &w.entry, true
		}
	}
	return nil, false
}

// step goes on to the next entry, or to the next leaf, when it is false.
func (w *Entries) step() bool {
	switch {
	case w.back != nil && w.back.Next(&w.entry.entry) || w.back == nil && w.walk.Next(&w.entry.entry):
		return true
	case w.back != nil:
		w.more = w.c.Prev()
	default:
		w.more = w.c.Next()
	}
	if w.more {
		w.enter()
	}
	return false
}
