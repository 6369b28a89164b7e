// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// StreamDraft is a stream in the making, of whole blocks. It may be attached without entries.
type StreamDraft struct {
	bodyDraft
	room entries.Block // where a block is made before it is copied
}

var _ Draft = (*StreamDraft)(nil)

// Begin begins a stream without entries.
func (d *StreamDraft) Begin(db *DB) {
	d.db = db
	d.open(EncStream)
	if cap(d.room) > keptBlob {
		d.room = nil
	}
}

// Type gives TypeStream.
func (d *StreamDraft) Type() Type { return TypeStream }

// Stream gives the draft as a stream that can be read and changed. It is good until the draft is attached or dropped.
func (d *StreamDraft) Stream() Stream { return Stream{db: d.db, draft: d, v: d.body()} }

// AddLeaf adds a block at the end, made of a listpack that Redis files under a master ID; see entries.FromListpack, of which the errors
// are. Its IDs are greater than those before, or the error is entries.ErrCorrupt. What Info tells changes as if the entries were added one
// after the other.
func (d *StreamDraft) AddLeaf(master StreamID, lp []byte) error {
	b, err := entries.FromListpack(d.room[:0], master, lp)
	if err != nil {
		return err
	}
	d.room = b
	v := d.body()
	var c tree.Cursor
	if v.leaves().Last(&c) && !v.block(&c).Last().Less(master) {
		return entries.ErrCorrupt
	}
	room := mem.Usable(len(b))
	leaf := v.heap.Alloc(room)
	copied := entries.Block(v.heap.Bytes(leaf, room))
	copy(copied, b)
	copied.SetRoom(room)
	insertLeaf(v.leaves(), &c, leaf, room, b.Len(), master.Ms)
	st := v.state
	st.last = b.Last()
	st.added += uint64(b.Live())
	if st.live += int64(b.Live()); st.first == (StreamID{}) {
		v.findFirst()
	}
	return nil
}

// Attach is Draft.Attach; the stream may be empty.
func (d *StreamDraft) Attach(key []byte, at int64) {
	d.roots.state.changes++
	d.attach(key, TypeStream, at, 0)
}
