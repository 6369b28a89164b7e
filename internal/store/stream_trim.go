// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// StreamTrim says which entries are to be removed from the beginning of a stream.
type StreamTrim struct {
	ByID   bool     // those with IDs less than MinID; else all but the last MaxLen
	MaxLen int      //
	MinID  StreamID //
	Approx bool     // only as many as are whole blocks
	Limit  int      // no block with which more than so many would be removed; 0: no limit

	// Keep, if it is there, is asked of each entry that would be removed, and gives true for one that is to stay. It may change
	// everything about the stream but its entries. The stream must not be part of what it uses.
	Keep func(id StreamID) bool
}

// Trim removes entries from the beginning of a stream, and tells how many. It goes as far as Redis does, by the same blocks. The stream
// stays when it is empty then. tick is called every so often; its error is of no consequence, since a command is not to be done by
// halves. Nothing has changed when memory is refused, but for what Keep has done.
func (s *Stream) Trim(t StreamTrim, tick func() error) (removed int) {
	if !s.Exists() || s.Len() == 0 && !t.ByID {
		return 0
	}
	if n := s.body().trimSize(t); n > 0 {
		s.db.Reserve(n)
	}
	s.change(func(v body) {
		if removed = v.trim(t, tick); removed > 0 {
			v.findFirst()
		}
	})
	return removed
}

// trimSize gives the bytes that removing entries takes at most: copies of nodes, and of the leaf of which some stay, if they are frozen.
func (v body) trimSize(t StreamTrim) int {
	if !v.heap.Freezing() {
		return 0
	}
	room, live := 0, v.state.live
	v.leaves().Each(func(leaf mem.Ref, _ int) bool {
		b := entryBlock(v.heap, leaf)
		room = b.Room()
		more := t.takes(live, b)
		live -= int64(b.Live())
		return more
	})
	return int(v.leaves().Bytes()) + room
}

// trim is Stream.Trim without Keep.
func (v body) trim(t StreamTrim, tick func() error) (removed int) {
	const leavesATick = 256
	var c tree.Cursor
	for leaves := 1; v.leaves().First(&c); leaves++ {
		if !t.ByID && v.state.live <= int64(t.MaxLen) {
			break
		}
		b := v.block(&c)
		live := b.Live()
		if t.Limit > 0 && removed+live > t.Limit {
			break
		}
		if !t.takes(v.state.live, b) {
			if !t.Approx {
				removed += v.trimBlock(&c, t)
			}
			break
		}
		v.dropBlock(&c)
		removed += live
		if leaves%leavesATick == 0 {
			_ = tick()
		}
	}
	return removed
}

// takes tells whether a whole block, the first of a stream of so many entries, is to be removed.
func (t *StreamTrim) takes(live int64, b entries.Block) bool {
	if t.ByID {
		return b.Last().Less(t.MinID)
	}
	return live-int64(b.Live()) >= int64(t.MaxLen)
}

// trimBlock removes entries from the leaf at the cursor, the first one, which stays.
func (v body) trimBlock(c *tree.Cursor, t StreamTrim) (removed int) {
	b := v.ownBlock(c)
	var e entries.Entry
	for w := b.Walk(); w.Next(&e); {
		if t.ByID && !e.ID().Less(t.MinID) || !t.ByID && v.state.live <= int64(t.MaxLen) {
			break
		}
		if !e.Deleted() {
			b.Delete(&e)
			v.state.live--
			removed++
		}
	}
	return removed
}
