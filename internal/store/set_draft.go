// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// SetDraft is a set in the making: a table in a heap of its own, which belongs to no key until it is stored. Whatever is
// done with it no key changes before that, so it can be made of sets that it will replace. It must be dropped.
type SetDraft struct {
	db      *DB
	heap    *mem.Heap // nil once it is the heap of a key's value, or released
	root    dict.Root
	texts   bool // something that is no integer was added
	longest int  // length of the longest member that was added, in bytes
}

// DraftSet begins a set.
func (db *DB) DraftSet() *SetDraft { return &SetDraft{db: db, heap: db.s.arena.NewHeap()} }

// Drop gives back what memory the draft has. It may be called again.
func (d *SetDraft) Drop() {
	if d.heap != nil {
		d.heap.ReleaseAll()
		d.heap = nil
	}
}

func (d *SetDraft) table() dict.Table {
	return dict.Table{Heap: d.heap, Root: &d.root, Key: fieldKey}
}

// Len tells how many members there are.
func (d *SetDraft) Len() int {
	t := d.table()
	return t.Len()
}

// Add adds a member, which is copied; false when it is there already.
func (d *SetDraft) Add(member Value) (added bool) {
	var room [num.MaxIntLen]byte
	text, t := Text(member, room[:0]), d.table()
	if !addMember(&t, text) {
		return false
	}
	d.longest = max(d.longest, len(text))
	if !d.texts && !member.IsInt() {
		_, isInt := num.ParseInt(text)
		d.texts = !isInt
	}
	return true
}

// Has tells whether a member is there.
func (d *SetDraft) Has(member Value) bool {
	var room [num.MaxIntLen]byte
	text, t := Text(member, room[:0]), d.table()
	e, _ := t.Find(hash.Bytes(text), text)
	return e != 0
}

// Delete takes a member out; false when it is not there. A draft that had something else than integers, or long members, is laid
// out as if it still had.
func (d *SetDraft) Delete(member Value) bool {
	var room [num.MaxIntLen]byte
	text, t := Text(member, room[:0]), d.table()
	e, pos := t.Find(hash.Bytes(text), text)
	if e == 0 {
		return false
	}
	t.Remove(pos)
	freeField(d.heap, e)
	return true
}

// Each calls fn with every member until fn gives false. The draft must not change meanwhile.
func (d *SetDraft) Each(fn func(member Value) bool) {
	t := d.table()
	t.Each(func(e mem.Ref) bool { return fn(Value{Bytes: fieldKey(d.heap, e)}) })
}

// Store makes the draft, which has members, the set under a key, in place of whatever that held, with the expiry at (Unix ms, or
// NoExpiry, or KeepExpiry). Integers alone become an intset if ints says so. It drops the draft. Nothing has changed when
// memory is refused.
func (d *SetDraft) Store(key []byte, at int64, ints bool) {
	n, settings := d.Len(), &d.db.s.Settings
	switch {
	case ints && !d.texts && n <= int(settings.SetMaxIntsetEntries.Load()) && intset.SizeFor(n, 8) <= maxPacked:
		d.storeBlob(key, EncIntset, d.intset(), at)
	case n <= int(settings.SetMaxListpackEntries.Load()) && d.longest <= int(settings.SetMaxListpackValue.Load()) &&
		n*d.longest < maxPacked:
		d.storeBlob(key, EncListpack, d.packed(), at)
	default:
		d.storeTable(key, at)
	}
	d.Drop()
}

// intset gives the members, which are integers, as an intset.
func (d *SetDraft) intset() []byte {
	all, width := make([]int64, 0, d.Len()), 0
	d.Each(func(member Value) bool {
		n, _ := num.ParseInt(member.Bytes)
		all, width = append(all, n), max(width, intset.Width(n))
		return true
	})
	slices.Sort(all)
	b := make([]byte, intset.SizeFor(len(all), width))
	intset.Init(b, width)
	for _, n := range all {
		intset.Append(b, n)
	}
	return b
}

// packed gives the members as a packed set.
func (d *SetDraft) packed() []byte {
	b := make([]byte, pairs.HeaderSize)
	d.Each(func(member Value) bool {
		b = appendMember(b, member.Bytes)
		return true
	})
	pairs.SetCount(b, d.Len())
	return b
}

// storeBlob is Store for a set in one blob.
func (d *SetDraft) storeBlob(key []byte, enc Encoding, b []byte, at int64) {
	it, ok := d.db.lookup(key)
	if !ok {
		d.db.createBlob(key, TypeSet, enc, b, max(at, NoExpiry))
		return
	}
	if at == KeepExpiry {
		at = it.Expiry()
	}
	d.db.replaceBlob(&it, TypeSet, enc, b, at)
	d.db.use(&it)
}

// storeTable is Store for a table, which has a heap of its own as it is.
func (d *SetDraft) storeTable(key []byte, at int64) {
	if sh := d.db.shardOf(key); d.heap.Live() >= int64(d.db.s.bigTable) {
		b := sh.newBigIn(d.heap)
		b.table = d.root
		it := d.place(key, at)
		it.setBig(b)
		d.heap = nil
		return
	}
	heap := d.db.place(key).heap
	before, weight := heap.Live(), int64(0)
	var it Item
	root, _ := buildTable(heap, func(t *dict.Table) error {
		moveFields(t, d.table(), maxKey)
		weight = heap.Live() - before
		it = d.place(key, at)
		return nil
	})
	*it.tableRoot() = tableRoot{root, weight}
}

// place gives the key a record for a table, which it is yet to get.
func (d *SetDraft) place(key []byte, at int64) Item {
	shape := recordShape{typ: TypeSet, enc: EncTable, valLen: rootSize, expiry: max(at, NoExpiry)}
	it, ok := d.db.lookup(key)
	if !ok {
		it = d.db.create(key, shape)
		*it.tableRoot() = tableRoot{}
		return it
	}
	if at == KeepExpiry {
		shape.expiry = it.Expiry()
	}
	d.db.announce(&it, shape.expiry)
	_, shape.keyLen = it.rec.keyAt()
	var none [rootSize]byte
	d.db.replace(&it, shape, none[:])
	d.db.use(&it)
	return it
}
