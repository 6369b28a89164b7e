// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/ds/entries"
	"github.com/redpoll/redpoll/internal/store"
)

// streamKind is KindOf for a stream. What is known of producers takes KindStream4, pending entries that are nobody's KindStream5.
func streamKind(s store.Stream, version int) (kind Kind) {
	kind = KindStream
	for _, k := range []Kind{KindStream2, KindStream3, KindStream4, KindStream5} {
		if version >= k.Version() {
			kind = k
		}
	}
	if s.HasIdmp() {
		kind = max(kind, KindStream4)
	}
	if kind < KindStream5 {
		s.EachGroup(func(g store.Group) bool {
			if g.Unowned() > 0 {
				kind = KindStream5
			}
			return kind < KindStream5
		})
	}
	return kind
}

// stream appends a stream: its blocks of entries, and what follows them.
func (w *Writer) stream(s store.Stream, kind Kind) {
	var t streamTail
	t.note(&s, kind)
	if s.HasIdmp() {
		t.producers = s.Producers()
	}
	t.begin()
	w.len(t.info.Leaves)
	s.EachLeaf(func(b entries.Block) bool {
		w.block(b)
		return true
	})
	for t.next(w) {
	}
}

// block appends a block of entries: the ID that Redis files it under, and its listpack.
func (w *Writer) block(b entries.Block) {
	w.len(rawIDSize)
	w.rawID(b.Master())
	w.room = entries.AppendListpack(w.room[:0], b)
	w.text(w.room)
}

// rawID appends an ID as 16 bytes, big-endian, so that their order is that of IDs.
func (w *Writer) rawID(id store.StreamID) {
	w.buf = binary.BigEndian.AppendUint64(w.buf, id.Ms)
	w.buf = binary.BigEndian.AppendUint64(w.buf, id.Seq)
}

// lenID appends an ID as two lengths.
func (w *Writer) lenID(id store.StreamID) {
	w.buf = appendLen(w.buf, id.Ms)
	w.buf = appendLen(w.buf, id.Seq)
}

// tailPart is how many pending entries are appended at a time.
const tailPart = 1000

// streamTail is what follows the blocks of a stream: what there is to know of it as a whole, its groups, and its producers.
type streamTail struct {
	kind      Kind
	entries   int
	info      store.StreamInfo
	groups    []store.Group // that are still to be written
	idmp      store.StreamIdmp
	producers store.Producers // of a stream that has some

	step      tailStep
	group     store.Group      // that is being written
	consumers []store.Consumer // of it, that are still to be written
	consumer  store.Consumer   // that is being written
	from      store.StreamID   // of the next of its pending entries, or the group's
}

// tailStep appends something and gives the step that follows it; nil is the end.
type tailStep func(w *Writer) tailStep

// note notes what is to be written of a stream but for its producers.
func (t *streamTail) note(s *store.Stream, kind Kind) {
	*t = streamTail{kind: kind, entries: s.Len(), info: s.Info()}
	s.EachGroup(func(g store.Group) bool {
		t.groups = append(t.groups, g)
		return true
	})
	if kind >= KindStream4 {
		t.idmp, _ = s.Idmp(func() error { return nil })
	}
}

// begin begins to write what was noted. The tail must not be copied then.
func (t *streamTail) begin() { t.step = t.whole }

// next implements parts.
func (t *streamTail) next(w *Writer) bool {
	if t.step == nil {
		return false
	}
	t.step = t.step(w)
	return true
}

func (t *streamTail) whole(w *Writer) tailStep {
	w.len(t.entries)
	w.lenID(t.info.Last)
	if t.kind > KindStream {
		w.lenID(t.info.First)
		w.lenID(t.info.MaxDeleted)
		w.buf = appendLen(w.buf, t.info.Added)
	}
	w.len(len(t.groups))
	return t.nextGroup
}

func (t *streamTail) nextGroup(w *Writer) tailStep {
	if len(t.groups) == 0 {
		return t.allProducers
	}
	g := t.groups[0]
	t.group, t.groups, t.from = g, t.groups[1:], store.StreamID{}
	w.text(g.Name())
	w.lenID(g.Last())
	if t.kind > KindStream {
		w.buf = appendLen(w.buf, uint64(g.Read()))
	}
	w.len(g.Pending())
	return t.pending
}

func (t *streamTail) pending(w *Writer) tailStep {
	n := 0
	t.group.Each(t.from, entries.MaxID(), func(p store.Pending) bool {
		w.rawID(p.ID)
		w.time(p.Delivered)
		w.buf = appendLen(w.buf, p.Count)
		n++
		return t.more(p.ID, n)
	})
	if t.goesOn(n) {
		return t.pending
	}
	w.len(t.group.Consumers())
	t.group.EachConsumer(func(c store.Consumer) bool {
		t.consumers = append(t.consumers, c)
		return true
	})
	return t.nextConsumer
}

// more notes that an ID is the n-th that is appended, and tells whether another may follow at once.
func (t *streamTail) more(id store.StreamID, n int) bool {
	t.from, _ = id.Next()
	return n < tailPart
}

// goesOn tells whether there may be IDs behind the n that were appended.
func (t *streamTail) goesOn(n int) bool { return n == tailPart && t.from != store.StreamID{} }

func (t *streamTail) nextConsumer(w *Writer) tailStep {
	if len(t.consumers) == 0 {
		if t.kind >= KindStream5 {
			w.len(t.group.Unowned())
			t.group.EachUnowned(func(p store.Pending) bool {
				w.rawID(p.ID)
				return true
			})
		}
		return t.nextGroup
	}
	c := t.consumers[0]
	t.consumer, t.consumers, t.from = c, t.consumers[1:], store.StreamID{}
	w.text(c.Name())
	w.time(c.Seen())
	if t.kind >= KindStream3 {
		w.time(c.Active())
	}
	w.len(c.Pending())
	return t.owned
}

func (t *streamTail) owned(w *Writer) tailStep {
	n := 0
	t.consumer.EachID(t.from, func(id store.StreamID) bool {
		w.rawID(id)
		n++
		return t.more(id, n)
	})
	if t.goesOn(n) {
		return t.owned
	}
	return t.nextConsumer
}

func (t *streamTail) allProducers(w *Writer) tailStep {
	if t.kind < KindStream4 {
		return nil
	}
	w.len(t.idmp.Duration)
	w.len(t.idmp.MaxSize)
	w.len(t.producers.Len())
	return t.producer
}

func (t *streamTail) producer(w *Writer) tailStep {
	if t.producers.Len() > 0 {
		p, _ := t.producers.Next()
		w.text(p.Name())
		w.len(p.Len())
		p.Each(func(iid []byte, id store.StreamID) {
			w.text(iid)
			w.lenID(id)
		})
		return t.producer
	}
	w.buf = appendLen(w.buf, t.idmp.Added)
	w.buf = appendLen(w.buf, t.idmp.Duplicates)
	return nil
}

// blockParts are the blocks of a stream, and what follows them.
type blockParts struct {
	walk *store.BlockWalk
	tail streamTail
}

func (p *blockParts) next(w *Writer) bool {
	if b, ok := p.walk.Next(); ok {
		w.block(b)
		return true
	}
	return p.tail.next(w)
}
