// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// SetDraft is a set in the making, laid out as one of its kind.
type SetDraft struct {
	bodyDraft
	n     int                 // members of a draft that is no table
	blob  []byte              // of such a one
	given bool                // the blob is what SetInts was given
	names names               // of one that is packed
	text  [num.MaxIntLen]byte // of an integer that is being looked up
	own   []byte              // where the blob of the draft before lay, if it got too long for room
	room  [128]byte           // where the blob begins
}

// DraftSet begins a set. As long as it has integers alone it is an intset if ints says so, else packed.
func (db *DB) DraftSet(ints bool) *SetDraft {
	d := &SetDraft{}
	d.Begin(db, ints)
	return d
}

// Begin is DraftSet for a draft that there is.
func (d *SetDraft) Begin(db *DB, ints bool) {
	d.db, d.enc, d.n = db, EncListpack, 0
	d.names.reset()
	d.given = false
	room := d.room[:]
	if cap(d.own) > len(room) {
		room = d.own[:cap(d.own)]
	}
	d.blob = room[:pairs.HeaderSize]
	if ints {
		d.enc, d.blob = EncIntset, room[:intset.HeaderSize]
		intset.Init(d.blob, intset.Width(0))
	}
}

// Type gives TypeSet.
func (d *SetDraft) Type() Type { return TypeSet }

// AddPacked is Add for a draft that is packed, or a table, and stays the former however many members it has and however long they are,
// up to what can be packed at all.
func (d *SetDraft) AddPacked(member Value) (added bool) {
	text := Text(member, d.text[:0])
	if d.enc != EncTable && len(d.blob)+len(text) >= maxPacked {
		d.Spread()
	}
	if d.enc == EncTable {
		return d.addTable(text)
	}
	if d.has(text) {
		return false
	}
	d.blob = appendMember(d.blob, text)
	d.n++
	return true
}

// has tells whether a packed draft has a member, which will be added if not.
func (d *SetDraft) has(text []byte) bool {
	if !d.names.add(text) {
		return false
	}
	off, _ := pairs.Find(d.blob, text)
	return off != 0
}

// SetInts makes an empty draft an intset of these members, a valid blob that must stay what it is until the draft is attached.
func (d *SetDraft) SetInts(blob []byte) {
	d.enc, d.blob, d.n, d.given = EncIntset, blob, intset.Len(blob), true
}

// addTable is Add for a table.
func (d *SetDraft) addTable(text []byte) (added bool) {
	t := d.table()
	return addMember(&t, text)
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
			d.Spread()
			return d.Add(member)
		}
		d.pack()
		fallthrough
	case EncListpack:
		text := Text(member, d.text[:0])
		if d.has(text) {
			return false
		}
		if d.packs(len(text), 0) {
			d.blob = appendMember(d.blob, text)
			d.n++
			return true
		}
		d.Spread()
	}
	return d.addTable(Text(member, d.text[:0]))
}

// addInt is Add for an intset.
func (d *SetDraft) addInt(n int64) (added bool) {
	i, ok := intset.Find(d.blob, n)
	if ok {
		return false
	}
	grown := intset.Grown(d.blob, n)
	if d.n >= int(min(d.db.s.Settings.SetMaxIntsetEntries.Load(), intset.MaxLen)) || grown > maxPacked {
		d.Spread()
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
	for i := range d.n {
		d.names.add(num.AppendInt(d.text[:0], intset.At(ints, i)))
	}
}

// Spread makes the draft a table, if it is none.
func (d *SetDraft) Spread() {
	if d.enc == EncTable {
		return
	}
	blob, enc := d.blob, d.enc
	d.open(EncTable)
	d.blob = nil
	n := 0
	eachPacked(blob, enc, func(p Pair) bool {
		if n++; n%tickEvery == 0 {
			d.db.v.tick()
		}
		return d.Add(p.Field)
	})
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

// Attach makes the draft the value of a key; see Draft.
func (d *SetDraft) Attach(key []byte, at int64) {
	if d.enc == EncTable {
		d.attach(key, TypeSet, at, 0)
		return
	}
	if d.enc == EncListpack {
		pairs.SetCount(d.blob, d.n)
	}
	d.db.putBlob(key, TypeSet, d.enc, d.blob, at)
}

// Drop is Draft.Drop.
func (d *SetDraft) Drop() {
	d.bodyDraft.Drop()
	if d.given {
		d.blob = nil
	}
	if cap(d.blob) > len(d.room) && cap(d.blob) <= keptBlob {
		d.own = d.blob
	}
}
