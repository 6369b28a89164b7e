// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
)

// Extent tells how many of up to count entries there are with IDs between two, these included, and about how many bytes they have.
// reverse says at which end count begins. It looks into no blocks but the first and the last. tick is called every so often; when it
// gives an error, that is returned.
func (s *Stream) Extent(from, to StreamID, reverse bool, count int, tick func() error) (n, bytes int, err error) {
	if !s.Exists() || to.Less(from) {
		return 0, 0, nil
	}
	start := from
	if reverse {
		start = to
	}
	v := s.body()
	var c tree.Cursor
	for ok := v.findBlock(&c, start); ok && n < count; {
		b := v.block(&c)
		if !reverse && to.Less(b.Master()) || reverse && b.Last().Less(from) {
			break
		}
		n += liveWithin(b, from, to)
		bytes += b.Size()
		if err = tick(); err != nil {
			return 0, 0, err
		}
		if ok = !reverse && c.Next() || reverse && c.Prev(); !ok {
			break
		}
	}
	return min(n, count), bytes, nil
}

// liveWithin tells how many entries of a block have IDs between two, these included.
func liveWithin(b entries.Block, from, to StreamID) (n int) {
	if !b.Master().Less(from) && !to.Less(b.Last()) {
		return b.Live()
	}
	var e entries.Entry
	for w := b.Walk(); w.Next(&e) && !to.Less(e.ID()); {
		if !e.Deleted() && !e.ID().Less(from) {
			n++
		}
	}
	return n
}

// DeleteSize gives the bytes that deleting n entries, and references to them, may take: of a frozen stream it has blocks copied.
func (s *Stream) DeleteSize(n int) int {
	if !s.Exists() || !s.v.heap.Freezing() {
		return 0
	}
	const block = 16 << 10 // bytes of a block, and of nodes
	parts := 1 + 2*s.Groups()
	return int(min(int64(n)*int64(parts)*block, s.v.heap.Live()))
}

// TrimLimit gives how many entries are removed at most by a command that trims by whole blocks and says no number.
func (db *DB) TrimLimit() int {
	n := db.s.Settings.StreamNodeMaxEntries.Load()
	if n <= 0 {
		return 10000
	}
	return int(min(n, 10000) * 100)
}

// EntryPairs goes through the fields and values of an entry.
type EntryPairs struct{ pairs entries.Pairs }

// Pairs begins a walk over the entry's fields and values, which is good as long as these are. The zero EntryPairs has come to its end.
func (e *StreamEntry) Pairs() EntryPairs { return EntryPairs{e.entry.Pairs()} }

// Next gives the next field with its value; false at the end.
func (p *EntryPairs) Next() (field, value Value, ok bool) {
	f, v, ok := p.pairs.Next()
	return Value(f), Value(v), ok
}
