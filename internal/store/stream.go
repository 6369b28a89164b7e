// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// Stream is the stream under a key, or one without entries when there is no such key: adding an entry makes the key. It is
// valid until its table changes by anything but the Stream itself.
type Stream struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key
	v   body // of no use while there is no key

	draft *StreamDraft // of a stream that has no key yet; nil else
}

// FindStream finds a stream for reading; see Find. The error is ErrWrongType.
func (db *DB) FindStream(key []byte) (s Stream, err error) {
	var ok bool
	s.db, s.key = db, key
	if s.it, ok, err = db.FindType(key, TypeStream); ok {
		s.v = s.it.body()
	}
	return s, err
}

// FindStreamWrite finds a stream to be changed; see FindWrite. The error is ErrWrongType. Even to remove something takes memory
// while the stream is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindStreamWrite(key []byte) (s Stream, err error) {
	var ok bool
	s.db, s.key = db, key
	if s.it, ok, err = db.FindTypeWrite(key, TypeStream); ok {
		s.v = s.it.body()
		s.v.leaves().Prefetch()
		s.Write()
	}
	return s, err
}

// Write makes a stream that FindStream has found one that FindStreamWrite has. If there is no key it does nothing.
func (s *Stream) Write() {
	if !s.Exists() {
		return
	}
	s.fit() // what its groups have come to is not known before
	if s.v.heap.Freezing() {
		s.db.Reserve(0)
	}
}

// StreamOf gives the stream of a key that was found and is one.
func (db *DB) StreamOf(it *Item) Stream { return Stream{db: db, key: it.Key(), it: *it, v: it.body()} }

// CreateStream makes a key, which is not there, with a stream without entries.
func (db *DB) CreateStream(key []byte) Stream {
	s := Stream{db: db, key: key}
	s.create(0, func(body) {})
	return s
}

// create makes the key, with a stream of about size bytes that fill has filled. There is no key when memory is refused.
func (s *Stream) create(size int, fill func(v body)) {
	s.it, _ = s.db.createBody(s.key, TypeStream, EncStream, NoExpiry, size, func(v body) error {
		v.state.changes++
		fill(v)
		return nil
	})
	s.v = s.it.body()
}

// Exists tells whether there is the key. A draft's stream always exists.
func (s *Stream) Exists() bool { return s.it.ref != 0 || s.draft != nil }

func (s *Stream) body() body { return s.v }

// state gives the state of a stream that exists, in place.
func (s *Stream) state() *streamState { return s.v.state }

// change has a stream that exists changed: all that changes anything of it goes this way. Afterwards it has the heap that it should have
// by its size, so places in the old one are not good any more.
func (s *Stream) change(fn func(v body)) {
	before := s.v.heap.Live()
	s.v.state.changes++
	fn(s.v)
	if s.draft == nil {
		s.it.weigh(s.v.heap.Live() - before)
		s.fit()
	}
}

// fit gives the stream, which is that of a key, the heap that it should have by its size.
func (s *Stream) fit() {
	if s.it.isBig() && s.v.heap.Live() > int64(s.db.s.bigTable)/bigShrink {
		return // as nearly always; fitBody would find it out again
	}
	if s.it.fitBody() {
		s.v = s.it.body()
	}
}

// Len tells how many entries there are.
func (s *Stream) Len() int {
	if !s.Exists() {
		return 0
	}
	return int(s.state().live)
}

// StreamInfo is what there is to know of a stream as a whole.
type StreamInfo struct {
	Last       StreamID // the greatest ID that there has been, or that XSETID has set
	First      StreamID // of the first entry, the zero ID if there is none
	MaxDeleted StreamID // the greatest ID that was deleted but for trimming
	Added      uint64   // entries that there have ever been
	Leaves     int      // blocks of entries, of which there are as many as Redis would have
}

// Info gives what there is to know of a stream as a whole, zeros if there is no key.
func (s *Stream) Info() StreamInfo {
	if !s.Exists() {
		return StreamInfo{}
	}
	st := s.state()
	return StreamInfo{Last: st.last, First: st.first, MaxDeleted: st.maxDeleted, Added: st.added, Leaves: s.body().leaves().Leaves()}
}

// SetLast, SetMaxDeleted and SetAdded change what Info gives of a stream that exists (XSETID). Last must not become less than the ID of
// any entry.
func (s *Stream) SetLast(id StreamID) {
	if id.Less(s.state().last) {
		s.forgetPlaces()
	}
	s.change(func(v body) { v.state.last = id })
}

// SetMaxDeleted says which is the greatest ID that was deleted; see SetLast.
func (s *Stream) SetMaxDeleted(id StreamID) { s.change(func(v body) { v.state.maxDeleted = id }) }

// SetAdded says how many entries there have been; see SetLast.
func (s *Stream) SetAdded(n uint64) { s.change(func(v body) { v.state.added = n }) }

// MaxEntry is the bytes that the fields and values of an entry may have together.
const MaxEntry = 1 << 30

// nodeLimit gives how many bytes and entries go into one block, as Redis's listpack and settings have it.
func (db *DB) nodeLimit() (bytes, entries int) {
	bytes, entries = int(db.s.Settings.StreamNodeMaxBytes.Load()), int(db.s.Settings.StreamNodeMaxEntries.Load())
	if bytes == 0 || bytes > MaxEntry {
		bytes = MaxEntry
	}
	if entries == 0 {
		entries = math.MaxInt
	}
	return bytes, entries
}

// Reserve makes it all but certain that n entries of so many bytes in all can be added, and others removed; see DB.Reserve. It is for
// commands that make several changes.
func (s *Stream) Reserve(n, bytes int) {
	const (
		overhead = 32       // of an entry
		grown    = 16 << 10 // a block that gets more room, and nodes
	)
	bytes += n*overhead + grown
	if s.Exists() {
		bytes += s.body().copySize()
	}
	s.db.Reserve(bytes)
}

// copySize gives about how many bytes changes take at both ends of a stream, for copies of what is frozen.
func (v body) copySize() (n int) {
	if !v.heap.Freezing() {
		return 0
	}
	n = int(v.leaves().Bytes())
	var c tree.Cursor
	if v.leaves().First(&c) {
		n += v.block(&c).Room()
		v.leaves().Last(&c)
		n += v.block(&c).Room()
	}
	return n
}

// Append adds an entry, whose ID is greater than Last, and the key if it is not there. pairs are fields and values by turns, one of each at
// least and MaxEntry bytes at most. They are copied and must not be part of the stream. Nothing has changed when memory is refused.
func (s *Stream) Append(id StreamID, pairs [][]byte) {
	maxBytes, maxEntries := s.db.nodeLimit()
	if !s.Exists() {
		s.create(entries.FirstSize(id, pairs), func(v body) { v.begin(&tree.Cursor{}, id, pairs, 0) })
		return
	}
	s.change(func(v body) { v.append(id, pairs, maxBytes, maxEntries) })
}

// append is Append for a stream that exists.
func (v body) append(id StreamID, pairs [][]byte, maxBytes, maxEntries int) {
	var c tree.Cursor
	if !v.leaves().Last(&c) {
		v.begin(&c, id, pairs, 0)
		return
	}
	if b := v.block(&c); b.PackedSize()+sizeOf(pairs) >= maxBytes || b.Len() >= maxEntries {
		v.begin(&c, id, pairs, min(b.Size(), maxBytes))
		if c.Prev() {
			v.cutBlock(&c)
		}
		return
	}
	v.put(&c, id, pairs)
}

// begin adds an entry in a block of its own behind the cursor's, which is at the new one then. hint is the bytes that the block may come to.
func (v body) begin(c *tree.Cursor, id StreamID, pairs [][]byte, hint int) {
	const mostHint = 16 << 10
	room := mem.Usable(max(entries.FirstSize(id, pairs), min(hint, mostHint)))
	leaf := v.heap.Alloc(room)
	b := entries.Block(v.heap.Bytes(leaf, room))
	entries.Begin(b, id, pairs)
	insertLeaf(v.leaves(), c, leaf, room, 1, id.Ms)
	v.added(id)
}

// added notes an entry that was added.
func (v body) added(id StreamID) {
	st := v.state
	st.last = id
	st.added++
	if st.live++; st.live == 1 {
		st.first = id
	}
}

// put adds an entry to the leaf at the cursor, the last one.
func (v body) put(c *tree.Cursor, id StreamID, pairs [][]byte) {
	b := v.block(c)
	a := b.Plan(id, pairs)
	v.leaves().Own(c)
	if size := b.Size() + a.Size(); size > b.Room() {
		b = v.resizeBlock(c, roomForEntries(size))
	} else if v.heap.Freezing() && v.heap.Frozen(c.Leaf()) {
		b = v.resizeBlock(c, b.Room())
	}
	b.Add(&a)
	v.leaves().Set(c, c.Leaf(), c.Count()+1, c.Key())
	v.added(id)
}

// roomForEntries gives the room for a block that is to have so many bytes and may grow: the longer it is the less.
func roomForEntries(size int) int {
	const large = 4 << 10
	if size < large {
		return size + size/2
	}
	return size + size/8
}

// cutBlock takes the room from the leaf at the cursor that it does not need, if there is memory.
func (v body) cutBlock(c *tree.Cursor) {
	b := v.block(c)
	if mem.Usable(b.Size()) == b.Room() {
		return
	}
	defer ignoreNoMemory()
	v.leaves().Own(c)
	v.resizeBlock(c, b.Size())
}

// Has tells whether there is an entry with an ID.
func (s *Stream) Has(id StreamID) bool {
	if !s.Exists() {
		return false
	}
	var c tree.Cursor
	var e entries.Entry
	return s.body().find(&c, &e, id)
}

// find puts the cursor at the leaf with an entry, and makes e that; false when there is none.
func (v body) find(c *tree.Cursor, e *entries.Entry, id StreamID) bool {
	if st := v.state; id.Less(st.first) || st.last.Less(id) || !v.findBlock(c, id) {
		return false
	}
	w := v.block(c).From(id)
	return w.Next(e) && e.ID() == id && !e.Deleted()
}

// Delete removes an entry; false when there is none with that ID. The stream stays when it is empty then. Nothing has changed when
// memory is refused.
func (s *Stream) Delete(id StreamID) bool {
	if !s.Exists() {
		return false
	}
	var c tree.Cursor
	var e entries.Entry
	if !s.body().find(&c, &e, id) {
		return false
	}
	s.change(func(v body) {
		if b := v.block(&c); b.Live() == 1 {
			v.dropBlock(&c)
		} else {
			b = v.ownBlock(&c)
			b.Delete(&e)
			v.state.live--
		}
		if st := v.state; st.maxDeleted.Less(id) {
			st.maxDeleted = id
		}
		if v.state.first == id {
			v.findFirst()
		}
	})
	return true
}

// dropBlock removes the leaf at the cursor, with its entries. The cursor is no longer good then.
func (v body) dropBlock(c *tree.Cursor) {
	leaf, b := c.Leaf(), v.block(c)
	live, room := b.Live(), b.Room()
	v.leaves().Remove(c)
	v.heap.Free(leaf, room)
	v.state.live -= int64(live)
}
