// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
)

// A small hash is packed (see ds/pairs), its fields in the order in which they came. Clients are told that it is a listpack,
// which is what it is in Redis and in files. One with too many fields, or once given too long a field or value, is a table
// for the rest of its life.

// maxPacked is the number of bytes past which no value stays packed, as in Redis.
const maxPacked = 1 << 30

// Pair is a field of a hash and its value, in place, and the Unix milliseconds at which the field expires, 0 when it does not.
type Pair struct {
	Field, Value Value
	Expiry       int64
}

// Hash is the hash under a key, or one without fields when there is no such key: setting a field makes the key, and
// deleting the last one removes it. It is valid until its table changes by anything but the Hash itself. A field past its
// expiry is not there, whether it has been removed or not, but for Len and what Purge says.
type Hash struct{ collection }

// FindHash finds a hash for reading; see Find. The error is ErrWrongType.
func (db *DB) FindHash(key []byte) (Hash, error) {
	it, _, err := db.FindType(key, TypeHash)
	return Hash{collection{db: db, key: key, it: it}}, err
}

// FindHashWrite finds a hash to be changed; see FindWrite. The error is ErrWrongType. Even to delete fields takes memory while
// the hash is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindHashWrite(key []byte) (Hash, error) {
	it, err := db.findCollection(key, TypeHash)
	return Hash{collection{db: db, key: key, it: it}}, err
}

// HashOf gives the hash of a key that was found and is one.
func (db *DB) HashOf(it *Item) Hash { return Hash{collection{db: db, key: it.Key(), it: *it}} }

// Get gives a field's value; false when there is no such field.
func (h *Hash) Get(field []byte) (v Value, ok bool) {
	if h.it.ref == 0 {
		return v, false
	}
	if h.isTable() {
		t := h.it.elements()
		e, _ := t.Find(hash.Bytes(field), field)
		if e == 0 || h.dead(t.Heap, e) {
			return v, false
		}
		return Value{Bytes: fieldValue(t.Heap, e)}, true
	}
	b := h.it.Blob()
	if h.it.Encoding() == EncListpackEx {
		return h.getTimed(b, field)
	}
	off, _ := pairs.Find(b, field)
	if off == 0 {
		return v, false
	}
	_, value, _ := pairs.Read(b, off)
	return Value(value), true
}

// SetOne gives a field a value, the field's expiry going or staying as at says (see Set), and tells whether the field is new.
// Both slices are copied.
func (h *Hash) SetOne(field, value []byte, at int64) (created bool) {
	return h.Set([][]byte{field, value}, at) > 0
}

// Set gives fields values, named by turns, and the expiry at (Unix ms, in the future): none with NoExpiry, with KeepExpiry the
// one that each has. It tells how many of the fields are new. The slices are copied.
func (h *Hash) Set(texts [][]byte, at int64) (created int) {
	if (h.it.ref == 0 || !h.isTable()) && h.needsTable(texts) {
		if h.it.ref == 0 {
			return h.createTable(texts, max(at, NoExpiry))
		}
		h.spread()
	}
	if len(texts) > 2 {
		h.reserve(texts, at)
	}
	if h.it.ref == 0 {
		n := h.createPacked(texts, max(at, NoExpiry))
		created, texts = n/2, texts[n:]
		h.limit()
	}
	for ; len(texts) > 0; texts = texts[2:] {
		if h.set(texts[0], texts[1], at) {
			created++
		}
	}
	return created
}

// needsTable tells whether one of the texts is too long to be packed, or they all are.
func (h *Hash) needsTable(texts [][]byte) bool {
	longest := int(h.db.s.Settings.HashMaxListpackValue.Load())
	sum := 0
	for _, text := range texts {
		if len(text) > longest {
			return true
		}
		sum += len(text)
	}
	if h.it.ref != 0 {
		sum += len(h.it.Blob())
	}
	return sum > maxPacked
}

// reserve is DB.Reserve for the texts of several pairs that may get an expiry.
func (h *Hash) reserve(texts [][]byte, at int64) {
	n := len(texts) / 2 * ElementCost
	for _, text := range texts {
		n += len(text)
	}
	if at > 0 {
		n += len(texts) / 2 * FieldExpirySize
	}
	h.db.Reserve(n)
}

// createPacked makes the key, with as many of the pairs as can be packed without looking for repeated fields, and gives
// their number of texts. They expire at that time, or never with 0.
func (h *Hash) createPacked(texts [][]byte, at int64) (n int) {
	if repeats(texts) {
		texts = texts[:2]
	}
	var room [16]pairs.Pair
	list := room[:0]
	enc, size, before := EncListpack, pairs.HeaderSize, 0
	if at != 0 {
		enc, size, before = EncListpackEx, pairs.TimedHeader, pairs.TimeSize
		h.db.expect(h.key, at)
	}
	end := size
	for i := 0; i < len(texts); i += 2 {
		list = append(list, pairs.Pair{})
		p := &list[len(list)-1]
		p.Encode(texts[i], texts[i+1])
		size += before + p.Size()
	}
	var b []byte
	h.it, b = h.db.createPacked(h.key, TypeHash, enc, size)
	for i := range list {
		if at != 0 {
			pairs.PutTime(b, end, at)
		}
		end = list[i].Put(b, end+before)
	}
	pairs.SetCount(b, len(list))
	if at != 0 {
		pairs.SetTimed(b, end)
		h.it.countTimed(false)
	}
	return len(texts)
}

// repeats tells whether a field is named more than once, or there are too many to find out soon.
func repeats(texts [][]byte) bool {
	const many = 128
	if len(texts) > 2*many {
		return true
	}
	for i := 2; i < len(texts); i += 2 {
		a := texts[i]
		for j := 0; j < i; j += 2 {
			b := texts[j]
			if len(a) == len(b) && (len(a) == 0 || a[len(a)-1] == b[len(a)-1] && string(a) == string(b)) {
				return true
			}
		}
	}
	return false
}

// set is Set for one pair, neither text of which is too long to be packed if the hash is.
func (h *Hash) set(field, value []byte, at int64) (created bool) {
	switch h.it.Encoding() {
	case EncTable:
		return h.setTable(field, value, at)
	case EncListpackEx:
		created = h.setTimed(field, value, at)
	default:
		if at > 0 {
			h.becomeTimed()
			created = h.setTimed(field, value, at)
		} else {
			created = h.setPacked(field, value)
		}
	}
	h.limit()
	return created
}

// setPacked is set for a packed hash without expiries. A value as long as the one it replaces is written over it.
func (h *Hash) setPacked(field, value []byte) (created bool) {
	b := h.it.Blob()
	var p pairs.Pair
	p.Encode(field, value)
	n := p.Size()
	off, end := p.Find(b)
	switch {
	case off == 0:
		b = h.it.splice(gap{at: end, cut: len(b) - end, n: n}, pairs.Filler)
		pairs.AddCount(b, 1)
		off, created = end, true
	case end-off != n:
		b = h.it.splice(gap{at: off, cut: end - off, n: n}, pairs.Filler)
	}
	p.Put(b, off)
	return created
}

// limit makes a packed hash of too many fields a table, if there is memory.
func (h *Hash) limit() {
	if h.Len() > int(h.db.s.Settings.HashMaxListpackEntries.Load()) {
		h.trySpread()
	}
}

// createTable makes the key, with a table of the pairs, and gives the number of fields. They expire at that time, or never
// with 0.
func (h *Hash) createTable(texts [][]byte, at int64) (created int) {
	shape := recordShape{typ: TypeHash, enc: EncTable, valLen: rootSize}
	if at != 0 {
		shape.valLen += timesSize
		h.db.expect(h.key, at)
	}
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	h.it, _ = h.db.createTable(h.key, shape, size, func(t *dict.Table) error {
		for ; len(texts) > 0; texts = texts[2:] {
			hashed := hash.Bytes(texts[0])
			if e, pos := t.Find(hashed, texts[0]); e != 0 {
				replaceField(t, pos, e, texts[1], at)
			} else {
				addField(t, hashed, texts[0], texts[1], at)
			}
		}
		created = t.Len()
		return nil
	})
	if at != 0 {
		*h.it.rec.times() = fieldTimes{n: int64(created), least: at, latest: at}
		h.it.countTimed(false)
		h.it.indexFields(h.db.Now())
	}
	return created
}
