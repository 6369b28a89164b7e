// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
)

// StreamTrim says which entries are to be removed from the beginning of a stream.
type StreamTrim struct {
	ByID   bool     // those with IDs less than MinID; else all but the last MaxLen
	MaxLen int      //
	MinID  StreamID //
	Approx bool     // only as many as are whole blocks
	Limit  int      // no block with which more than so many would be removed; 0: no limit

	// Keep, if it is there, is asked of each entry that would be removed, and gives true for one that is to stay. It may change
	// everything about the stream but its entries. Then Approx is of no consequence, as in Redis.
	Keep func(id StreamID) bool

	Reserved bool // the memory that it takes, see TrimSize, has been reserved
}

// Trim removes entries from the beginning of a stream, and tells how many. It goes as far as Redis does, by the same blocks. The stream
// stays when it is empty then. tick is called every so often; its error is of no consequence, since a command is not to be done by
// halves. Nothing has changed when memory is refused, but for what Keep has done.
func (s *Stream) Trim(t StreamTrim, tick func() error) (removed int) {
	if !s.Exists() || s.Len() == 0 && !t.ByID {
		return 0
	}
	if n := s.TrimSize(t); n > 0 && !t.Reserved {
		s.db.Reserve(n)
	}
	if t.Keep != nil {
		removed = s.trimSome(t, tick)
	} else {
		s.change(func(v body) { removed = v.trim(t, tick) })
	}
	if removed > 0 {
		s.change(func(v body) { v.findFirst() })
	}
	return removed
}

// TrimSize gives the bytes that Trim takes at most, but for what Keep does: copies of nodes, and of the leaves of which some stay, if they
// are frozen.
func (s *Stream) TrimSize(t StreamTrim) int {
	if !s.Exists() || !s.v.heap.Freezing() {
		return 0
	}
	v, rooms, live := s.v, 0, s.v.state.live
	v.eachBlock(func(b entries.Block) bool {
		whole := t.takes(live, b)
		if !whole || t.Keep != nil {
			rooms += b.Room()
		}
		if t.Keep == nil {
			live -= int64(b.Live())
		}
		return whole
	})
	return int(v.leaves().Bytes()) + rooms
}

// trimSome is Stream.Trim with Keep. Since that may give the stream another heap, a leaf is found anew when it has been asked of its
// entries.
func (s *Stream) trimSome(t StreamTrim, tick func() error) (removed int) {
	const leavesATick = 16
	var c tree.Cursor
	var ids []StreamID
	for leaves, after := 1, (StreamID{}); s.body().blockAfter(&c, after); leaves++ {
		v := s.body()
		b, left := v.block(&c), v.state.live
		live, master := b.Live(), b.Master()
		if !t.ByID && left <= int64(t.MaxLen) || t.Limit > 0 && removed+live > t.Limit {
			break
		}
		whole := t.takes(left, b)
		after, ids = b.Last(), liveIDs(b, ids[:0])
		ids = t.ask(ids, left)
		removed += len(ids)
		s.change(func(v body) { v.deleteSome(master, ids, whole) })
		if !whole {
			break
		}
		if leaves%leavesATick == 0 {
			_ = tick()
		}
	}
	return removed
}

// blockAfter puts the cursor at the first leaf that begins behind an ID; false when there is none.
func (v body) blockAfter(c *tree.Cursor, id StreamID) bool {
	return v.findBlock(c, id) && (id.Less(v.block(c).Master()) || c.Next())
}

// liveIDs appends the IDs of a block's entries to ids.
func liveIDs(b entries.Block, ids []StreamID) []StreamID {
	var e entries.Entry
	for w := b.Walk(); w.Next(&e); {
		if !e.Deleted() {
			ids = append(ids, e.ID())
		}
	}
	return ids
}

// ask gives those of IDs, of the first entries of a stream of so many, which are to be removed, in the place of all.
func (t *StreamTrim) ask(ids []StreamID, live int64) (some []StreamID) {
	some = ids[:0]
	for _, id := range ids {
		if t.ByID && !id.Less(t.MinID) || !t.ByID && live <= int64(t.MaxLen) {
			break
		}
		if !t.Keep(id) {
			some = append(some, id)
			live--
		}
	}
	return some
}

// deleteSome removes entries, whose IDs are in their order, from a leaf, and the leaf with the last if that is asked for.
func (v body) deleteSome(master StreamID, ids []StreamID, whole bool) {
	var c tree.Cursor
	v.findBlock(&c, master)
	if b := v.block(&c); whole && len(ids) == b.Live() {
		v.dropBlock(&c)
		return
	}
	if len(ids) == 0 {
		return
	}
	b := v.ownBlock(&c)
	v.state.live -= int64(len(ids))
	var e entries.Entry
	for w := b.Walk(); len(ids) > 0 && w.Next(&e); {
		if e.ID() == ids[0] {
			b.Delete(&e)
			ids = ids[1:]
		}
	}
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
