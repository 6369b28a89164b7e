// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// A Stream writes a value that IsBig as it is at one moment, piece by piece, without a lock. It must be closed. One goroutine at a time
// may use it.
type Stream struct {
	w       Writer
	kind    Kind
	view    *store.Frozen
	parts   parts
	count   int        // of what the value consists of, or of a string its bytes
	tail    streamTail // of a stream
	cursor  uint64     // of an array
	least   int64      // of a hash: the time before which no field expires, in Unix ms, 0 if none does
	begun   bool       // what stands before the parts was made
	recount bool       // of a hash: some fields are past their time, so that count is wrong
}

// parts goes through what a value consists of.
type parts interface {
	// next appends the next part; false at the end, when it appends nothing.
	next(w *Writer) bool
}

// NewStream freezes a value, which IsBig, to be written as Value would write it for that version, but that strings of more than 1 MB
// are not packed. It panics with mem.ErrNoMemory when the value is frozen at too many moments already.
func NewStream(db *store.DB, it *store.Item, version int, packs bool) *Stream {
	s := &Stream{kind: KindOf(db, it, version)}
	s.w.Begin(version, packs)
	s.w.lends = true
	switch it.Type() {
	case store.TypeString:
		s.count = it.TextLen()
		s.view = db.Freeze(it)
	case store.TypeList:
		l := db.ListOf(it)
		s.view = l.Freeze()
		if s.count = l.CountLeaves(); s.kind == KindList {
			s.count = l.Len()
		}
	case store.TypeZSet:
		z := db.ZSetOf(it)
		s.count, s.view = z.Len(), z.Freeze()
	case store.TypeSet:
		set := db.SetOf(it)
		s.count, s.view = set.Len(), set.Freeze()
	case store.TypeHash:
		h := db.HashOf(it)
		s.count, s.view, s.least = h.Len(), h.Freeze(), it.LeastTime()
		s.recount = h.Overdue()
	case store.TypeArray:
		a := db.ArrayOf(it)
		s.count, s.cursor, s.view = a.Count(), a.Next(), a.Freeze()
	case store.TypeStream:
		stream := db.StreamOf(it)
		s.tail.note(&stream, s.kind)
		s.count, s.view = s.tail.info.Leaves, stream.Freeze()
	}
	s.parts = s.begin()
	return s
}

// countFields tells how many fields a hash has that are not past their time.
func countFields(view *store.Frozen) (n int) {
	w := view.Fields()
	for _, ok := w.Next(); ok; _, ok = w.Next() {
		n++
	}
	return n
}

// Kind gives how the value is written.
func (s *Stream) Kind() Kind { return s.kind }

// begin begins to go through the value.
func (s *Stream) begin() parts {
	switch s.kind {
	case KindString:
		text := s.view.Text(0, s.count)
		if s.w.packs && s.count <= maxPackText {
			s.begun = true // its length is written with it
			return &packParts{text: text}
		}
		return &textParts{text: text}
	case KindList:
		return &elementParts{walk: s.view.Elements(0, s.count, false)}
	case KindListQuicklist2:
		return &leafParts{walk: s.view.Leaves()}
	case KindSet:
		return &memberParts{walk: s.view.Fields()}
	case KindStream, KindStream2, KindStream3, KindStream4, KindStream5:
		return s.beginBlocks()
	case KindArray:
		return &cellParts{walk: s.view.Cells(0, store.MaxIndex, false), cursor: s.cursor}
	case KindZSet, KindZSet2:
		return &scoredParts{walk: s.view.Members(s.count-1, true), kind: s.kind}
	default:
		return &fieldParts{walk: s.view.Fields(), least: s.least}
	}
}

// beginBlocks is begin for a stream.
func (s *Stream) beginBlocks() parts {
	p := &blockParts{walk: s.view.Blocks(), tail: s.tail}
	if s.view.HasIdmp() {
		p.tail.producers = s.view.Producers()
	}
	p.tail.begin()
	return p
}

// Size tells how many bytes the Stream, of which nothing has been asked for, is going to give. It makes all of them, and what it takes
// is the same. tick is called every so often and ends the counting when it gives an error, which is returned.
func (s *Stream) Size(tick func() error) (n int, err error) {
	if s.kind == KindString && !s.begun {
		return lenSize(uint64(s.count)) + s.count, nil
	}
	for b := s.Next(); len(b) > 0; b = s.Next() {
		n += len(b)
		if err = tick(); err != nil {
			return 0, err
		}
	}
	s.begun = false
	s.parts = s.begin()
	return n, nil
}

// Next gives the next bytes, valid until the following call of Next or Close; none at the end.
func (s *Stream) Next() []byte {
	w := &s.w
	b := w.loans.Next(w.buf)
	if len(b) == 0 {
		s.fill()
		b = w.loans.Next(w.buf)
	}
	return b
}

// fill makes the next piece.
func (s *Stream) fill() {
	w := &s.w
	w.buf = w.buf[:0]
	w.loans.Reset()
	if !s.begun {
		s.begun = true
		if s.recount { // it takes long, so not when the value was frozen
			s.count, s.recount = countFields(s.view), false
		}
		if s.kind == KindHashTimed {
			w.time(s.least)
		}
		w.len(s.count)
	}
	for len(w.buf) < resp.PieceSize && !w.loans.Any() && s.parts.next(w) {
	}
}

// Close ends the writing.
func (s *Stream) Close() { s.view.Release() }

// textParts are the pieces of a string.
type textParts struct{ text *store.TextStream }

func (p *textParts) next(w *Writer) bool {
	b := p.text.Next()
	w.put(b)
	return len(b) > 0
}

// packParts are the one piece of a string that is packed.
type packParts struct{ text *store.TextStream }

func (p *packParts) next(w *Writer) bool {
	b := p.text.Next()
	if len(b) == 0 {
		return false
	}
	for w.room = w.room[:0]; len(b) > 0; b = p.text.Next() {
		w.room = append(w.room, b...)
	}
	w.text(w.room)
	return true
}

// elementParts are the elements of a list.
type elementParts struct{ walk *store.Elements }

func (p *elementParts) next(w *Writer) bool {
	v, ok := p.walk.Next()
	if ok {
		w.element(v)
	}
	return ok
}

// leafParts are the nodes of a list.
type leafParts struct{ walk *store.LeafWalk }

func (p *leafParts) next(w *Writer) bool {
	leaf, ok := p.walk.Next()
	if ok {
		w.leaf(leaf)
	}
	return ok
}

// memberParts are the members of a set.
type memberParts struct{ walk store.Fields }

func (p *memberParts) next(w *Writer) bool {
	member, ok := p.walk.Next()
	if ok {
		w.element(member.Field)
	}
	return ok
}

// scoredParts are the members of a sorted set.
type scoredParts struct {
	walk store.Members
	kind Kind
}

func (p *scoredParts) next(w *Writer) bool {
	member, score, ok := p.walk.Next()
	if ok {
		w.scored(member, score, p.kind)
	}
	return ok
}

// fieldParts are the fields of a hash.
type fieldParts struct {
	walk  store.Fields
	least int64
}

func (p *fieldParts) next(w *Writer) bool {
	f, ok := p.walk.Next()
	if ok {
		w.field(f, p.least)
	}
	return ok
}
