// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// SetDraft is a set in the making, laid out as one of its kind. It belongs to no key until it is stored: it lies on the Go heap, and
// as a table in a heap of its own. Whatever is done with it no key changes before that, so it can be made of sets that it will
// replace. It must be dropped.
type SetDraft struct {
	db   *DB
	enc  Encoding
	n    int                 // members of a draft that is no table
	blob []byte              // of such a one
	heap *mem.Heap           // of a table; nil once it is the heap of a key's value, or released
	root dict.Root           // of a table
	text [num.MaxIntLen]byte // of an integer that is being looked up
	room [128]byte           // where the blob begins
}

// DraftSet begins a set. As long as it has integers alone it is an intset if ints says so, else packed.
func (db *DB) DraftSet(ints bool) *SetDraft {
	d := &SetDraft{db: db, enc: EncListpack}
	d.blob = d.room[:pairs.HeaderSize]
	if ints {
		d.enc, d.blob = EncIntset, d.room[:intset.HeaderSize]
		intset.Init(d.blob, intset.Width(0))
	}
	return d
}

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
	if d.enc == EncTable {
		t := d.table()
		return t.Len()
	}
	return d.n
}

// integer gives a member as an integer, if it can be one.
func (v Value) integer() (n int64, ok bool) {
	if v.IsInt() {
		return v.Int, true
	}
	return num.ParseInt(v.Bytes)
}

// Add adds a member, which is copied; false when it is there already.
func (d *SetDraft) Add(member Value) (added bool) {
	switch d.enc {
	case EncIntset:
		n, ok := member.integer()
		if ok {
			return d.addInt(n)
		}
		if !d.packs(member.Len(), d.widest()) {
			d.spread()
			return d.Add(member)
		}
		d.pack()
		fallthrough
	case EncListpack:
		text := Text(member, d.text[:0])
		if off, _ := pairs.Find(d.blob, text); off != 0 {
			return false
		}
		if d.packs(len(text), 0) {
			d.blob = appendMember(d.blob, text)
			d.n++
			return true
		}
		d.spread()
	}
	t := d.table()
	return addMember(&t, Text(member, d.text[:0]))
}

// addInt is Add for an intset.
func (d *SetDraft) addInt(n int64) (added bool) {
	i, ok := intset.Find(d.blob, n)
	if ok {
		return false
	}
	grown := intset.Grown(d.blob, n)
	if d.n >= int(min(d.db.s.Settings.SetMaxIntsetEntries.Load(), intset.MaxLen)) || grown > maxPacked {
		d.spread()
		return d.Add(Value{Int: n})
	}
	d.blob = append(d.blob, make([]byte, grown-len(d.blob))...)
	intset.Insert(d.blob, i, n)
	d.n++
	return true
}

// widest gives the length of the longest text of an intset's members.
func (d *SetDraft) widest() int {
	if d.n == 0 {
		return 0
	}
	return max(num.IntLen(intset.At(d.blob, 0)), num.IntLen(intset.At(d.blob, d.n-1)))
}

// packs tells whether the draft can be packed with a text of that length more, its own being no longer than widest, if it is not
// packed already.
func (d *SetDraft) packs(length, widest int) bool {
	return d.db.s.Settings.packsMember(d.n, max(length, widest), len(d.blob)+length+d.n*widest)
}

// pack makes an intset packed.
func (d *SetDraft) pack() {
	ints := d.blob
	d.enc, d.blob = EncListpack, packInts(ints, pairs.HeaderSize)
}

// spread makes the draft a table.
func (d *SetDraft) spread() {
	blob, enc := d.blob, d.enc
	d.enc, d.heap, d.blob = EncTable, d.db.s.arena.NewHeap(), nil
	eachPacked(blob, enc, func(p Pair) bool { return d.Add(p.Field) })
}

// Has tells whether a member is there.
func (d *SetDraft) Has(member Value) bool {
	switch d.enc {
	case EncIntset:
		n, ok := member.integer()
		if ok {
			_, ok = intset.Find(d.blob, n)
		}
		return ok
	case EncListpack:
		off, _ := pairs.Find(d.blob, Text(member, d.text[:0]))
		return off != 0
	}
	text, t := Text(member, d.text[:0]), d.table()
	e, _ := t.Find(hash.Bytes(text), text)
	return e != 0
}

// Delete takes a member out; false when it is not there.
func (d *SetDraft) Delete(member Value) bool {
	switch d.enc {
	case EncIntset:
		n, _ := member.integer()
		if !d.Has(member) {
			return false
		}
		i, _ := intset.Find(d.blob, n)
		d.blob = d.blob[:len(d.blob)-intset.Remove(d.blob, i)]
		d.n--
		return true
	case EncListpack:
		off, end := pairs.Find(d.blob, Text(member, d.text[:0]))
		if off == 0 {
			return false
		}
		d.blob = append(d.blob[:off], d.blob[end:]...)
		d.n--
		return true
	}
	text, t := Text(member, d.text[:0]), d.table()
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
	if d.enc != EncTable {
		eachPacked(d.blob, d.enc, func(p Pair) bool { return fn(p.Field) })
		return
	}
	t := d.table()
	t.Each(func(e mem.Ref) bool { return fn(Value{Bytes: fieldKey(d.heap, e)}) })
}

// Store makes the draft, which has members, the set under a key, in place of whatever that held, with the expiry at (Unix ms, or
// NoExpiry, or KeepExpiry), and drops it. Nothing has changed when memory is refused.
func (d *SetDraft) Store(key []byte, at int64) {
	switch d.enc {
	case EncTable:
		d.storeTable(key, at)
	case EncListpack:
		pairs.SetCount(d.blob, d.n)
		fallthrough
	default:
		d.storeBlob(key, at)
	}
	d.Drop()
}

// storeBlob is Store for a set in one blob.
func (d *SetDraft) storeBlob(key []byte, at int64) {
	it, ok := d.db.lookup(key)
	if !ok {
		d.db.createBlob(key, TypeSet, d.enc, d.blob, max(at, NoExpiry))
		return
	}
	if at == KeepExpiry {
		at = it.Expiry()
	}
	d.db.displace(&it)
	d.db.replaceBlob(&it, TypeSet, d.enc, d.blob, at)
	d.db.use(&it)
}

// storeTable is Store for a table. A large one has the heap that it should have.
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
	d.db.displace(&it)
	d.db.replace(&it, shape, none[:])
	d.db.use(&it)
	return it
}
