// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/store"
)

func streamKind(version int) Kind {
	switch {
	case version >= KindStream3.Version():
		return KindStream3
	case version >= KindStream2.Version():
		return KindStream2
	}
	return KindStream
}

// stream appends a stream: its blocks of entries, and what there is to know of it as a whole.
func (w *Writer) stream(s store.Stream, kind Kind) {
	var end streamEnd
	end.note(&s, kind)
	w.len(end.info.Leaves)
	s.EachBlock(w.block)
	end.write(w)
}

// block appends a block of entries: the ID that Redis files it under, and its listpack.
func (w *Writer) block(b entries.Block) {
	w.id(b.Master())
	w.room = entries.AppendListpack(w.room[:0], b)
	w.text(w.room)
}

// id appends an ID as a text, whose order is that of IDs.
func (w *Writer) id(id store.StreamID) {
	w.len(16)
	w.rawID(id)
}

// rawID appends an ID as 16 bytes, big-endian.
func (w *Writer) rawID(id store.StreamID) {
	w.buf = binary.BigEndian.AppendUint64(w.buf, id.Ms)
	w.buf = binary.BigEndian.AppendUint64(w.buf, id.Seq)
}

// lenID appends an ID as two lengths.
func (w *Writer) lenID(id store.StreamID) {
	w.buf = appendLen(w.buf, id.Ms)
	w.buf = appendLen(w.buf, id.Seq)
}

// streamEnd is what follows the blocks of a stream.
type streamEnd struct {
	kind    Kind
	entries int
	info    store.StreamInfo
}

func (e *streamEnd) note(s *store.Stream, kind Kind) {
	*e = streamEnd{kind: kind, entries: s.Len(), info: s.Info()}
}

func (e *streamEnd) write(w *Writer) {
	w.len(e.entries)
	w.lenID(e.info.Last)
	if e.kind != KindStream {
		w.lenID(e.info.First)
		w.lenID(e.info.MaxDeleted)
		w.buf = appendLen(w.buf, e.info.Added)
	}
	w.len(0)
}

// blockParts are the blocks of a stream, and what follows them.
type blockParts struct {
	walk  *store.BlockWalk
	end   streamEnd
	ended bool
}

func (p *blockParts) next(w *Writer) bool {
	if p.ended {
		return false
	}
	b, ok := p.walk.Next()
	if ok {
		w.block(b)
		return true
	}
	p.ended = true
	p.end.write(w)
	return true
}
