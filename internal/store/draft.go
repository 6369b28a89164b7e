// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Draft is a value in the making. It belongs to no key until it is attached to one, so whatever is done with it no key changes
// before that; it is dropped without a trace. A value in one blob lies on the Go heap meanwhile, or where the bytes do that it was
// made of, one of many blocks in a heap of its own, which a big one keeps.
//
// A draft may be begun anew when it was attached or dropped, and keeps the memory on the Go heap that it can use again.
type Draft interface {
	// Type gives the type of the value.
	Type() Type
	// Attach makes the draft, which is not empty, the value of a key, in place of whatever that held, with the expiry at (Unix ms, or
	// NoExpiry, or KeepExpiry), and drops it. Nothing has changed when it panics with mem.ErrNoMemory; the draft is to be dropped then.
	Attach(key []byte, at int64)
	// Drop gives back what memory the draft has. It may be called again.
	Drop()
}

var (
	_ Draft = (*StringDraft)(nil)
	_ Draft = (*ListDraft)(nil)
	_ Draft = (*SetDraft)(nil)
	_ Draft = (*ZSetDraft)(nil)
	_ Draft = (*HashDraft)(nil)
)

// keptBlob is the bytes up to which a draft keeps what it had of the Go heap.
const keptBlob = 64 << 10

// put gives a key a record of a shape, with value as the part of the value that lies in it, in place of whatever the key held, with
// the expiry at, as for Draft.Attach. Nothing has changed when memory is refused.
func (db *DB) put(key []byte, shape recordShape, value []byte, at int64) Item {
	shape.expiry = max(at, NoExpiry)
	it, ok := db.present(key)
	if !ok {
		it = db.create(key, shape)
		copy(it.rec.value(), value)
		return it
	}
	if at == KeepExpiry {
		shape.expiry = it.Expiry()
	}
	db.announce(&it, shape.expiry)
	_, shape.keyLen = it.rec.keyAt()
	db.displace(&it)
	db.replace(&it, shape, value)
	db.use(&it)
	return it
}

// putBlob is put for a value in one blob, which is copied: in a block of its own if it is large.
func (db *DB) putBlob(key []byte, typ Type, enc Encoding, blob []byte, at int64) Item {
	it, ok := db.present(key)
	if !ok {
		it = db.createBlob(key, typ, enc, blob, max(at, NoExpiry))
		it.countTimed(false)
		return it
	}
	if at == KeepExpiry {
		at = it.Expiry()
	}
	db.displace(&it)
	db.replaceBlob(&it, typ, enc, blob, at)
	db.use(&it)
	return it
}

// bodyDraft is what a draft of many blocks lies in.
type bodyDraft struct {
	db   *DB
	enc  Encoding
	heap *mem.Heap // nil while there is none, and once it is the heap of a key's value
	roots
}

// open begins a body of an encoding in a heap of its own.
func (d *bodyDraft) open(enc Encoding) {
	d.enc, d.heap, d.roots = enc, d.db.s.arena.NewHeap(), roots{}
}

// Drop gives back what memory the draft has. It may be called again.
func (d *bodyDraft) Drop() {
	if d.heap != nil {
		d.heap.ReleaseAll()
		d.heap = nil
	}
}

func (d *bodyDraft) body() body { return d.roots.body(d.enc, d.heap) }

func (d *bodyDraft) table() dict.Table {
	return dict.Table{Heap: d.heap, Root: &d.roots.table, Key: fieldKey}
}

// attach makes the body the value of a key, see Draft.Attach, with room for so many bytes behind the root in the record. A large
// body takes its heap with it.
func (d *bodyDraft) attach(key []byte, typ Type, at int64, behind int) (it Item) {
	shape := recordShape{typ: typ, enc: d.enc, valLen: rootSize + behind}
	if d.enc != EncTable {
		shape = rootedShape(typ, d.enc, NoExpiry)
	}
	none := make([]byte, shape.valLen)
	if d.heap.Live() >= int64(d.db.s.bigTable) {
		b := d.db.shardOf(key).newBigIn(d.heap)
		b.enc, b.roots = d.enc, d.roots
		it = d.db.put(key, shape, none, at)
		it.setBig(b)
		d.heap = nil
		return it
	}
	heap := d.db.place(key).heap
	before, weight := heap.Live(), int64(0)
	attach := func() {
		weight = heap.Live() - before
		it = d.db.put(key, shape, none, at)
	}
	if d.enc == EncTable {
		root, _ := buildTable(heap, func(t *dict.Table) error {
			moveFields(t, d.table(), MaxKey)
			attach()
			return nil
		})
		*it.tableRoot() = tableRoot{root, weight}
	} else {
		r, _ := build(heap, d.enc, func(v body) error {
			_ = d.enc.leafKind().copy(v, d.body(), MaxKey, neverEnds)
			attach()
			return nil
		})
		it.setRoots(r, weight)
	}
	d.Drop()
	return it
}

// names finds out whether a packed draft has a text already. It knows the hashes of all: the first few in a row, which are simply
// compared, and when there are more in a table, so that it takes no longer the more there are.
type names struct {
	few   [16]uint64
	slots []uint64 // hashes, 0 where there is none; a power of two of them, or none while few is enough
	n     int
}

// add notes a name, and tells whether there may be one like it; there is none for sure if it gives false.
func (s *names) add(name []byte) (maybe bool) {
	h := max(hash.Bytes(name), 1)
	switch few := s.few[:]; {
	case s.n < len(few):
		if slices.Contains(few[:s.n], h) {
			return true
		}
		few[s.n] = h
		s.n++
		return false
	case s.n == len(few):
		s.enlarge(16 * len(few))
		s.enterAll(few)
	case 2*s.n > len(s.slots):
		old := s.slots
		s.enlarge(4 * len(old))
		s.enterAll(old)
	}
	s.n++
	return s.enter(h)
}

// enterAll puts hashes into the table, but for 0.
func (s *names) enterAll(hashes []uint64) {
	for _, h := range hashes {
		if h != 0 {
			s.enter(h)
		}
	}
}

// enlarge makes an empty table of n slots.
func (s *names) enlarge(n int) {
	if cap(s.slots) >= n && len(s.slots) == 0 {
		s.slots = s.slots[:n]
		clear(s.slots)
		return
	}
	s.slots = make([]uint64, n)
}

// enter puts a hash into the table, and tells whether it was there.
func (s *names) enter(h uint64) bool {
	mask := uint64(len(s.slots) - 1)
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case h:
			return true
		case 0:
			s.slots[i] = h
			return false
		}
	}
}

// reset begins anew.
func (s *names) reset() {
	s.n = 0
	if s.slots = s.slots[:0]; cap(s.slots) > keptBlob/8 {
		s.slots = nil
	}
}

// appendPair adds a pair to the end of a plain blob, whose count it does not change.
func appendPair(b []byte, p *pairs.Pair) []byte {
	end := len(b)
	b = append(b, make([]byte, p.Size())...)
	p.Put(b, end)
	return b
}
