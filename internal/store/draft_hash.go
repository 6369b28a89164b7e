// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"

	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/num"
)

// HashDraft is a hash in the making. It is packed until Spread makes it a table, or it has come to more bytes than can be packed.
type HashDraft struct {
	bodyDraft
	n     int        // fields of a packed draft
	blob  []byte     // of such a one; not a count
	names names      // of such a one
	last  int64      // the latest time in a packed draft with times
	times fieldTimes // of a table
	timed bool       // fields may have times
	texts [2][num.MaxIntLen]byte
}

// MaxFieldTime is the latest time (Unix ms) at which a field can expire.
const MaxFieldTime = pairs.MaxTime

// Begin begins a hash, whose fields may have times if timed is set.
func (d *HashDraft) Begin(db *DB, timed bool) {
	d.db, d.timed, d.n, d.last, d.times = db, timed, 0, 0, fieldTimes{}
	d.names.reset()
	if cap(d.blob) > keptBlob {
		d.blob = nil
	}
	d.enc, d.blob = EncListpack, append(d.blob[:0], make([]byte, pairs.HeaderSize)...)
	if timed {
		d.enc, d.blob = EncListpackEx, append(d.blob[:0], make([]byte, pairs.TimedHeader)...)
		pairs.SetTimed(d.blob, pairs.TimedHeader)
	}
}

// Type gives TypeHash.
func (d *HashDraft) Type() Type { return TypeHash }

// Len tells how many fields there are.
func (d *HashDraft) Len() int {
	if d.enc == EncTable {
		t := d.table()
		return t.Len()
	}
	return d.n
}

// Add adds a field with its value, which are copied, and the time at which it expires (Unix ms, up to MaxFieldTime), or NoExpiry; false
// when there is such a field already.
func (d *HashDraft) Add(field, value Value, at int64) (added bool) {
	name, text := Text(field, d.texts[0][:0]), Text(value, d.texts[1][:0])
	if d.enc != EncTable {
		if len(d.blob)+len(name)+len(text) < maxPacked {
			return d.addPacked(name, text, at)
		}
		d.Spread()
	}
	return d.addTable(name, text, at)
}

func (d *HashDraft) addPacked(field, value []byte, at int64) (added bool) {
	var p pairs.Pair
	p.Encode(field, value)
	timed := d.enc == EncListpackEx
	if d.names.add(field) {
		off := 0
		if timed {
			off, _ = p.FindTimed(d.blob)
		} else {
			off, _ = p.Find(d.blob)
		}
		if off != 0 {
			return false
		}
	}
	d.n++
	if !timed {
		d.blob = appendPair(d.blob, &p)
		return true
	}
	off, size := len(d.blob), p.Size()
	if at != NoExpiry {
		size += pairs.TimeSize
	}
	d.blob = slices.Grow(d.blob, size)[:off+size]
	p.Put(d.blob, off+size-p.Size())
	if at == NoExpiry {
		return true
	}
	pairs.PutTime(d.blob, off, at)
	if pairs.TimedEnd(d.blob) == off && at >= d.last {
		pairs.SetTimed(d.blob, off+size)
	} else {
		pairs.Arrange(d.blob, off, size, at, 0)
	}
	d.last = max(d.last, at)
	return true
}

func (d *HashDraft) addTable(field, value []byte, at int64) (added bool) {
	t := d.table()
	hashed := hash.Bytes(field)
	if e, _ := t.Find(hashed, field); e != 0 {
		return false
	}
	addField(&t, hashed, field, value, at)
	d.times.count(0, at)
	return true
}

// Spread makes the draft a table, if it is none.
func (d *HashDraft) Spread() {
	if d.enc == EncTable {
		return
	}
	blob, enc := d.blob, d.enc
	d.open(EncTable)
	eachPacked(blob, enc, func(p Pair) bool {
		return d.addTable(Text(p.Field, d.texts[0][:0]), Text(p.Value, d.texts[1][:0]), p.Expiry)
	})
	d.blob = blob[:0]
}

// Attach makes the draft the value of a key; see Draft.
func (d *HashDraft) Attach(key []byte, at int64) {
	if d.enc != EncTable {
		pairs.SetCount(d.blob, d.n)
		if d.enc == EncListpackEx && pairs.Least(d.blob) != 0 {
			d.db.expect(key, pairs.Least(d.blob))
		}
		d.db.putBlob(key, TypeHash, d.enc, d.blob, at)
		return
	}
	if d.times.n == 0 {
		d.attach(key, TypeHash, at, 0)
		return
	}
	d.db.expect(key, d.times.least)
	it := d.attach(key, TypeHash, at, timesSize)
	*it.rec.times() = d.times
	it.countTimed(false)
	it.indexFields(d.db.Now())
}
