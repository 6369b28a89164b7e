// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// readHash reads a hash of texts.
func (r *Reader) readHash(db *store.DB) {
	r.hash.Begin(db, false)
	n := r.count()
	if n > uint64(db.Settings().HashMaxListpackEntries.Load()) {
		r.hash.Spread()
	}
	for ; n > 0 && r.err == nil; n-- {
		field := r.earlier(db)
		r.addField(db, field, r.Text(db), store.NoExpiry)
	}
}

// addField adds a field to the hash, which becomes a table if it is too long to be packed.
func (r *Reader) addField(db *store.DB, field, value store.Value, at int64) {
	if r.err != nil {
		return
	}
	if int64(max(field.Len(), value.Len())) > db.Settings().HashMaxListpackValue.Load() {
		r.hash.Spread()
	}
	if !r.hash.Add(field, value, at) {
		r.fail(twice)
	}
	r.step(db)
}

const noTime = "A time of a field that there cannot be"

// readTimedHash reads a hash of times and texts. A time is 0 if there is none, otherwise less by least than it should be, and more by 1.
func (r *Reader) readTimedHash(db *store.DB, least uint64) {
	r.hash.Begin(db, true)
	n := r.count()
	if n > uint64(db.Settings().HashMaxListpackEntries.Load()) {
		r.hash.Spread()
	}
	for ; n > 0 && r.err == nil; n-- {
		at := r.length()
		if at != 0 {
			at += least - 1
		}
		if at > store.MaxFieldTime {
			r.fail(noTime)
			return
		}
		field := r.earlier(db)
		r.addField(db, field, r.Text(db), int64(at))
	}
}

// readValkeyHash reads a hash of texts and times as Valkey writes it: eight bytes, -1 if there is none.
func (r *Reader) readValkeyHash(db *store.DB) {
	r.hash.Begin(db, true)
	n := r.count()
	r.hash.Spread()
	for ; n > 0 && r.err == nil; n-- {
		field := r.earlier(db)
		value := r.keep(r.Text(db), 0)
		at := max(int64(r.uint64()), store.NoExpiry)
		if at > store.MaxFieldTime {
			r.fail(noTime)
		}
		r.addField(db, field, value, at)
	}
}

// readHashCells reads a hash in one blob: fields and values by turns, with timed set and times.
func (r *Reader) readHashCells(db *store.DB, c *cells, timed bool) {
	r.hash.Begin(db, timed)
	most := db.Settings().HashMaxListpackEntries.Load()
	last := int64(-1)
	for field, ok := c.next(); ok && r.err == nil; field, ok = c.next() {
		value, whole := c.next()
		at := store.NoExpiry
		if whole && timed {
			at, whole = nextTime(c, last)
			last = at
		}
		if !whole {
			r.corrupt(c.what)
			return
		}
		if int64(r.hash.Len()) == most {
			r.hash.Spread()
		}
		if !r.hash.Add(field, value, at) {
			r.corrupt(c.what)
		}
		r.step(db)
	}
	r.endCells(c, r.hash.Len())
}

// nextTime reads a field's time, 0 being none. They are in order, those without one at the end; last is the one before, -1 at the begin.
func nextTime(c *cells, last int64) (at int64, ok bool) {
	v, ok := c.next()
	if at = v.Int; ok && !v.IsInt() {
		at, ok = num.ParseInt(v.Bytes)
	}
	return at, ok && at >= 0 && at <= store.MaxFieldTime && (at == 0 || last != 0 && at >= last)
}

// A zipmap is what Redis packed small hashes into up to version 2.4:
//
//	1 byte  number of fields; 254 when there are so many or more
//	fields  a length, the field, a length, the value; between the latter the number of bytes behind the value that are free
//	1 byte  0xff
//
// and a length is one byte, or with 254 the four after that, little-endian.
const (
	zipmapLong = 254
	zipmapEnd  = 255
)

// zipmap is what is still to be read of one, without its end.
type zipmap struct{ b []byte }

// text takes a length, so many bytes, and if spare is set free ones behind them; false when they are not there.
func (z *zipmap) text(spare bool) (text []byte, ok bool) {
	if len(z.b) == 0 {
		return nil, false
	}
	n, head := uint64(z.b[0]), 1
	if n >= zipmapLong {
		if head = 5; len(z.b) < head {
			return nil, false
		}
		if n = uint64(binary.LittleEndian.Uint32(z.b[1:])); n < zipmapLong {
			return nil, false
		}
	}
	free := uint64(0)
	if spare {
		if len(z.b) == head {
			return nil, false
		}
		free = uint64(z.b[head])
		head++
	}
	if n+free > uint64(len(z.b)-head) {
		return nil, false
	}
	end := head + int(n)
	text = z.b[head:end:end]
	z.b = z.b[end+int(free):]
	return text, true
}

// readZipmap reads a hash in a zipmap.
func (r *Reader) readZipmap(db *store.DB) {
	r.hash.Begin(db, false)
	b := r.bytes(db)
	if len(b) < 2 || b[len(b)-1] != zipmapEnd {
		r.corrupt("Zipmap")
		return
	}
	z := zipmap{b[1 : len(b)-1]}
	set := db.Settings()
	for len(z.b) > 0 && z.b[0] != zipmapEnd && r.err == nil {
		field, ok := z.text(false)
		value, also := z.text(true)
		if !ok || !also {
			r.corrupt("Zipmap")
			return
		}
		if int64(r.hash.Len()) == set.HashMaxListpackEntries.Load() {
			r.hash.Spread()
		}
		r.addField(db, store.Value{Bytes: field}, store.Value{Bytes: value}, store.NoExpiry)
	}
	if n := r.hash.Len(); n == 0 || b[0] != zipmapLong && int(b[0]) != n {
		r.corrupt("Zipmap")
	}
}
