// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/ds/listpack"
)

// An entry begins with a tag: two flags, and in the other bits by how much its ID is greater than that of the one before it.
const (
	deleted   = 0x80 // it is a tombstone
	ownFields = 0x40 // it has its fields, and how many, instead of the master's

	stepBits = 0x3f
	nextSeq  = 0    // Ms is the same and Seq one greater
	mostMs   = 0x3c // up to it: Ms is greater by so much and Seq 0
	someSeq  = 0x3d // Ms is the same; by how much more than one Seq is greater follows
	someMs   = 0x3e // Seq is 0; by how much more than mostMs Ms is greater follows
	someBoth = 0x3f // by how much more than one Ms is greater follows, and Seq

	tagSize = 1
	maxHead = tagSize + 2*binary.MaxVarintLen64
)

// Redis's flags of an entry, and the pieces that one has in a listpack besides its fields and values: flags, two differences of IDs, and
// how many pieces there are.
const (
	isDeleted   = 1
	sameFields  = 2
	fixedPieces = 3
)

// putHead writes an entry's tag and ID and gives their size.
func putHead(b []byte, tag byte, before, id ID) int {
	ms := id.Ms - before.Ms
	switch {
	case ms == 0 && id.Seq == before.Seq+1:
		b[0] = tag | nextSeq
		return 1
	case ms == 0:
		b[0] = tag | someSeq
		return 1 + binary.PutUvarint(b[1:], id.Seq-before.Seq-2)
	case id.Seq == 0 && ms <= mostMs:
		b[0] = tag | byte(ms)
		return 1
	case id.Seq == 0:
		b[0] = tag | someMs
		return 1 + binary.PutUvarint(b[1:], ms-mostMs-1)
	default:
		b[0] = tag | someBoth
		n := 1 + binary.PutUvarint(b[1:], ms-1)
		return n + binary.PutUvarint(b[n:], id.Seq)
	}
}

// readHead gives the ID of an entry and the place behind it.
func readHead(b []byte, at int, before ID) (id ID, next int) {
	step := uint64(b[at] & stepBits)
	at++
	switch step {
	case nextSeq:
		return ID{before.Ms, before.Seq + 1}, at
	case someSeq:
		more, n := uvarint(b, at)
		return ID{before.Ms, before.Seq + 2 + more}, at + n
	case someMs:
		more, n := uvarint(b, at)
		return ID{before.Ms + mostMs + 1 + more, 0}, at + n
	case someBoth:
		more, n := uvarint(b, at)
		seq, m := uvarint(b, at+n)
		return ID{before.Ms + 1 + more, seq}, at + n + m
	default:
		return ID{before.Ms + step, 0}, at
	}
}

// Entry is an entry, or a tombstone, in place.
type Entry struct {
	b      Block
	id     ID
	at     int // of the tag
	values int // where its values, or its own fields and values, begin
	n      int // pairs
}

// ID names the entry.
func (e *Entry) ID() ID { return e.id }

// Len tells how many fields it has.
func (e *Entry) Len() int { return e.n }

// Deleted tells whether it is a tombstone.
func (e *Entry) Deleted() bool { return e.b[e.at]&deleted != 0 }

func (e *Entry) own() bool { return e.b[e.at]&ownFields != 0 }

// read makes it the entry at a place, of a block whose master has so many fields.
func (e *Entry) read(b Block, at int, id ID, behind, fields int) {
	e.b, e.id, e.at, e.values, e.n = b, id, at, behind, fields
	if b[at]&ownFields != 0 {
		n, w := uvarint(b, behind)
		e.n, e.values = int(n), behind+w
	}
}

// Pairs goes through an entry's fields and values.
type Pairs struct {
	b     Block
	field int // the place of the next field of the master; 0: fields and values take turns
	at    int
	left  int
}

// Pairs begins to go through the fields and values.
func (e *Entry) Pairs() Pairs {
	p := Pairs{b: e.b, at: e.values, left: e.n}
	if !e.own() {
		p.field = headerSize + uvarintSize(uint64(e.n))
	}
	return p
}

// Next gives the next field and its value, in place; false at the end.
func (p *Pairs) Next() (field, value listpack.Entry, ok bool) {
	if p.left == 0 {
		return field, value, false
	}
	p.left--
	if p.field != 0 {
		field, p.field = readValue(p.b, p.field)
	} else {
		field, p.at = readValue(p.b, p.at)
	}
	value, p.at = readValue(p.b, p.at)
	return field, value, true
}

// Walk goes through a block's entries and tombstones.
type Walk struct {
	b      Block
	fields int // of the master
	at     int // of the next one, if behind is 0
	id     ID  // of the one before it

	behind, values int // of the one at hand: where its values begin, and how many there are; or 0
}

// Walk begins at the first.
func (b Block) Walk() Walk {
	n, at := b.fields()
	return Walk{b: b[:b.word(atEnd)], fields: n, at: skipValues(b, at, n), id: before(b.Master())}
}

// From begins at the first with an ID that is not less than the given one.
func (b Block) From(id ID) Walk {
	w := b.Walk()
	if last := b.Last(); last.Less(id) {
		w.at, w.id = len(w.b), last
	}
	w.skipTo(id)
	return w
}

// skipTo goes on to the first with an ID that is not less than the given one. Nothing was given yet.
func (w *Walk) skipTo(id ID) {
	for w.at < len(w.b) {
		next, at := readHead(w.b, w.at, w.id)
		if !next.Less(id) {
			return
		}
		n := w.fields
		if w.b[w.at]&ownFields != 0 {
			own, size := uvarint(w.b, at)
			at, n = at+size, 2*int(own)
		}
		w.at, w.id = skipValues(w.b, at, n), next
	}
}

// Place is where a walk has come to in a block. It is good for that block as long as there is one, whatever is added or deleted, and for
// copies of it. The zero Place is nowhere.
type Place struct {
	master ID // of the block
	id     ID // of the entry before it
	at     int
}

// Place gives where the walk has come to.
func (w *Walk) Place() Place {
	w.leave()
	return Place{master: w.b.Master(), id: w.id, at: w.at}
}

// FromPlace is From, which need not look at what is before a place if that is before the ID.
func (b Block) FromPlace(id ID, p Place) Walk {
	if p.master != b.Master() || !p.id.Less(id) {
		return b.From(id)
	}
	n, _ := b.fields()
	w := Walk{b: b[:b.word(atEnd)], fields: n, at: p.at, id: p.id}
	w.skipTo(id)
	return w
}

// leave goes on behind the one at hand.
func (w *Walk) leave() {
	if w.behind != 0 {
		w.at, w.behind = skipValues(w.b, w.behind, w.values), 0
	}
}

// Next makes e the next one; false at the end.
func (w *Walk) Next(e *Entry) bool {
	w.leave()
	if w.at == len(w.b) {
		return false
	}
	id, behind := readHead(w.b, w.at, w.id)
	e.read(w.b, w.at, id, behind, w.fields)
	w.id, w.behind, w.values = id, e.values, e.n
	if e.own() {
		w.values *= 2
	}
	return true
}
