// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// A producer that is not sure whether an entry of his was added may add it again: a stream remembers for some time who has added
// what.
//
// Terms:
//
//   - An IID is what a producer calls an entry by that he adds; to another producer the same IID is another one.
//   - A mark says which entry was added by an IID. It is past its time when that entry's Ms is so many seconds ago as the stream
//     remembers IIDs, and it makes room for another when its producer has as many as there may be.
//   - The ledger has a stream's settings of these, its counts, and a tree of its producers. The tree's keys are hashes of the
//     producers' names; its entries are marks.
//
// Invariants:
//
//   - A stream that was never added to by an IID, nor set so, has no ledger. A producer has a mark at least.
//   - A producer's marks are in the order in which they were made, which is that of their entries but for those of XIDMPRECORD.
//   - Whoever makes a mark looks at some other producers too, and drops what is past its time. So the ledger does not grow for ever,
//     whatever its producers are called.
//   - Memory is allocated before anything changes, and what is frozen is copied before it is written to, as everywhere in a body.

// Bounds of a stream's settings.
const (
	MaxIdmpDuration = 86400 // seconds
	MaxIdmpSize     = 10000 // marks of a producer
)

// sweptAMark is how many producers are looked at when a mark is made.
const sweptAMark = 4

// idmpLedger is what a stream knows of its producers. It has no Go pointers.
type idmpLedger struct {
	duration   uint32 // seconds that a mark is good for
	max        uint32 // marks of a producer
	added      uint64 // entries that were added by an IID, ever
	duplicates uint64 // and those that were not, since they had been
	turn       uint64 // the mark whose producer is looked at next
	producers  tree.Root
}

const idmpLedgerSize = int(unsafe.Sizeof(idmpLedger{}))

// StreamIdmp is what there is to know of a stream's producers as a whole.
type StreamIdmp struct {
	Duration   int    // seconds that an IID is remembered for
	MaxSize    int    // IIDs of a producer that are remembered at most
	Producers  int    // that have an IID which is remembered
	IIDs       int    // that are remembered
	Added      uint64 // entries that were added by an IID, ever
	Duplicates uint64 // entries that were not, since they had been
}

// idmp gives the ledger of a stream that exists.
func (v body) idmp() idmp { return idmp{v.heap, &v.state.idmp} }

// idmpSettings gives the settings of streams that have none of their own.
func (db *DB) idmpSettings() (duration, max int) {
	set := &db.s.Settings
	return int(set.StreamIdmpDuration.Load()), int(set.StreamIdmpMaxSize.Load())
}

// Idmp gives what there is to know of the producers as a whole. tick is called every so often; when it gives an error, that is returned.
func (s *Stream) Idmp(tick func() error) (sum StreamIdmp, err error) {
	sum.Duration, sum.MaxSize = s.db.idmpSettings()
	if !s.Exists() || s.state().idmp == 0 {
		return sum, nil
	}
	return s.body().idmp().sum(s.db.Now(), tick)
}

// sum is Stream.Idmp at now (Unix ms), if there is a ledger.
func (d idmp) sum(now int64, tick func() error) (sum StreamIdmp, err error) {
	l := d.ledger()
	sum = StreamIdmp{Duration: int(l.duration), MaxSize: int(l.max), Added: l.added, Duplicates: l.duplicates}
	seen := 0
	d.tree().Each(func(leaf mem.Ref, n int) bool {
		if n -= l.dead(d.producer(leaf), now); n > 0 {
			sum.Producers++
			sum.IIDs += n
		}
		if seen++; seen%tickEvery == 0 {
			err = tick()
		}
		return err == nil
	})
	return sum, err
}

// SetIdmp changes the settings of a stream that exists, 0 leaving one as it is, and tells whether that has changed anything. If so all
// IIDs are forgotten; tick is called every so often then. There are at most MaxIdmpDuration seconds and MaxIdmpSize IIDs of a producer.
func (s *Stream) SetIdmp(duration, max int, tick func() error) (changed bool) {
	s.change(func(v body) {
		l := v.idmp().own(s.db.idmpSettings())
		if duration == 0 {
			duration = int(l.duration)
		}
		if max == 0 {
			max = int(l.max)
		}
		if int(l.duration) != duration || int(l.max) != max {
			changed = true
			l.duration, l.max = uint32(duration), uint32(max)
			v.idmp().forget(tick)
		}
	})
	return changed
}

// LoadIdmp gives a stream that is being made, and has no IIDs yet, the settings and counts that another has.
func (s *Stream) LoadIdmp(sum StreamIdmp) {
	s.change(func(v body) {
		l := v.idmp().own(sum.Duration, sum.MaxSize)
		l.duration, l.max, l.added, l.duplicates = uint32(sum.Duration), uint32(sum.MaxSize), sum.Added, sum.Duplicates
	})
}

// LoadIID is RecordIID for a stream that is being made. It does not count.
func (s *Stream) LoadIID(name, iid []byte, id StreamID) {
	s.change(func(v body) {
		v.idmp().own(s.db.idmpSettings())
		v.idmp().record(name, iid, id, s.db.Now())
	})
}

// FindIID gives the entry that a producer has added by an IID; false when there is none that is remembered. The entry itself may be gone.
func (s *Stream) FindIID(name, iid []byte) (id StreamID, ok bool) {
	if !s.Exists() {
		return id, false
	}
	return s.body().idmp().find(name, iid, s.db.Now())
}

// IIDCost gives the bytes that RecordIID may take, for Reserve.
func (s *Stream) IIDCost(name, iid []byte) int {
	if !s.Exists() {
		var none mem.Ref
		return idmp{ref: &none}.cost(name, iid)
	}
	return s.body().idmp().cost(name, iid)
}

// RecordIID notes which entry of a stream that exists a producer has added by an IID that FindIID does not find. Both texts are copied.
func (s *Stream) RecordIID(name, iid []byte, id StreamID) {
	s.change(func(v body) {
		l := v.idmp().own(s.db.idmpSettings())
		v.idmp().record(name, iid, id, s.db.Now())
		l.added++
	})
}

// CountDuplicate notes that an entry was not added, since FindIID has found its IID.
func (s *Stream) CountDuplicate() {
	s.change(func(v body) { v.idmp().own(0, 0).duplicates++ })
}

// idmp is a stream's ledger, where it may have one.
type idmp struct {
	heap *mem.Heap
	ref  *mem.Ref // 0: there is none
}

// ledger gives the ledger that there is.
func (d idmp) ledger() *idmpLedger { return (*idmpLedger)(d.heap.Pointer(*d.ref)) }

// tree gives the tree of producers, if there is a ledger.
func (d idmp) tree() tree.Tree { return tree.Tree{Heap: d.heap, Root: &d.ledger().producers} }

func (d idmp) producer(leaf mem.Ref) producer { return producer{d.heap, leaf} }

// own gives a ledger that may be written to, which is made with the settings given if there is none.
func (d idmp) own(duration, max int) *idmpLedger {
	old := *d.ref
	switch {
	case old == 0:
		*d.ref = d.heap.Alloc(idmpLedgerSize)
		*d.ledger() = idmpLedger{duration: uint32(duration), max: uint32(max)}
	case d.heap.Freezing() && d.heap.Frozen(old):
		*d.ref = copyBlock(d.heap, d.heap, old, idmpLedgerSize)
		d.heap.Free(old, idmpLedgerSize)
	}
	return d.ledger()
}

// search puts the cursor at a producer, and tells whether there is one of that name. If not, and there are others, it is at one
// beside the place where it would be.
func (d idmp) search(c *tree.Cursor, name []byte, key uint64) bool {
	if !d.tree().Search(c, key, nil) {
		return false
	}
	for c.Key() <= key {
		if c.Key() == key && bytes.Equal(d.producer(c.Leaf()).name(), name) {
			return true
		}
		if !c.Next() {
			return false
		}
	}
	return false
}

// pastTime tells whether a mark is past its time at now (Unix ms).
func (l *idmpLedger) pastTime(m *iidMark, now int64) bool {
	at := now - int64(l.duration)*1000
	return at >= 0 && m.id.Ms <= uint64(at)
}

// dead tells how many of a producer's marks are past their time, in front of the first that is not.
func (l *idmpLedger) dead(p producer, now int64) int {
	h, marks := p.head(), p.marks()
	for i := range h.n {
		if !l.pastTime(&marks[(h.first+i)%h.room], now) {
			return int(i)
		}
	}
	return int(h.n)
}

// find gives the entry that a producer has added by an IID, if that is remembered at now (Unix ms).
func (d idmp) find(name, iid []byte, now int64) (id StreamID, ok bool) {
	if *d.ref == 0 {
		return id, false
	}
	var c tree.Cursor
	if !d.search(&c, name, hash.Bytes(name)) {
		return id, false
	}
	m := d.producer(c.Leaf()).find(iid, uint32(hash.Bytes(iid)))
	if m == nil || d.ledger().pastTime(m, now) {
		return id, false
	}
	return m.id, true
}

// cost gives the bytes that record may take, and more.
func (d idmp) cost(name, iid []byte) int {
	n := idmpLedgerSize + producerSize(firstMarks, len(name)) + len(iid)
	if *d.ref == 0 {
		return n
	}
	var c tree.Cursor
	if d.search(&c, name, hash.Bytes(name)) {
		n += 2 * d.producer(c.Leaf()).size()
	}
	if d.heap.Freezing() {
		n += (1 + sweptAMark) * producerSize(MaxIdmpSize, len(name))
	}
	return n
}

// record notes which entry a producer has added by an IID, which is not remembered. The ledger is owned.
func (d idmp) record(name, iid []byte, id StreamID, now int64) {
	for range sweptAMark {
		d.sweep(now)
	}
	l, t, key := d.ledger(), d.tree(), hash.Bytes(name)
	mark := newMark(d.heap, iid, uint32(hash.Bytes(iid)), id)
	made := false
	defer func() {
		if !made {
			mark.freeText(d.heap)
		}
	}()
	var c tree.Cursor
	if d.search(&c, name, key) {
		p := d.room(&c)
		made = true
		for n := l.dead(p, now); n > 0; n-- {
			p.shift()
		}
		if p.len() == int(l.max) {
			p.shift()
		}
		p.push(mark)
		t.Set(&c, p.ref, p.len(), key)
		return
	}
	p := newProducer(d.heap, name, min(firstMarks, int(l.max)))
	defer func() {
		if !made {
			d.heap.Free(p.ref, p.size())
		}
	}()
	p.push(mark)
	t.Insert(&c, p.ref, 1, key, t.Leaves() > 0 && c.Key() <= key)
	made = true
}

// room gives the cursor's producer, which may be written to and has room for another mark, or has as many as there may be.
func (d idmp) room(c *tree.Cursor) producer {
	d.tree().Own(c)
	p, most := d.producer(c.Leaf()), int(d.ledger().max)
	room := int(p.head().room)
	full := p.len() == room && room < most
	if !full && !(d.heap.Freezing() && d.heap.Frozen(p.ref)) {
		return p
	}
	if full {
		room = min(2*room, most)
	}
	return d.replace(c, p.resized(room))
}

// replace puts a copy of a producer in its place, the nodes above which are not frozen.
func (d idmp) replace(c *tree.Cursor, p producer) producer {
	old := d.producer(c.Leaf())
	d.tree().Set(c, p.ref, c.Count(), c.Key())
	d.heap.Free(old.ref, old.size())
	return p
}

// sweep drops what is past its time of the producer whose turn it is.
func (d idmp) sweep(now int64) {
	l, t := d.ledger(), d.tree()
	if l.turn >= uint64(t.Len()) {
		l.turn = 0
	}
	if t.Len() == 0 {
		return
	}
	var c tree.Cursor
	l.turn -= uint64(t.Seek(&c, int(l.turn)))
	p := d.producer(c.Leaf())
	switch n := l.dead(p, now); {
	case n == p.len():
		t.Remove(&c)
		d.drop(p, d.heap.Free)
		return
	case n > 0:
		t.Own(&c)
		if d.heap.Freezing() && d.heap.Frozen(p.ref) {
			p = d.replace(&c, p.resized(int(p.head().room)))
		}
		for ; n > 0; n-- {
			p.shift()
		}
		t.Set(&c, p.ref, p.len(), c.Key())
	}
	l.turn += uint64(p.len())
}

// drop frees a producer, and its texts by free. It tells how many blocks these were.
func (d idmp) drop(p producer, free func(r mem.Ref, size int)) (blocks int) {
	p.each(func(m *iidMark) {
		if r, ok := m.block(); ok {
			free(r, int(m.length))
			blocks++
		}
	})
	d.heap.Free(p.ref, p.size())
	return blocks + 1
}

// forget drops all marks. The ledger is owned.
func (d idmp) forget(tick func() error) {
	t := d.tree()
	for n := 1; t.Leaves() > 0; n++ {
		var c tree.Cursor
		t.First(&c)
		p := d.producer(c.Leaf())
		t.Remove(&c)
		d.drop(p, d.heap.Free)
		if n%tickEvery == 0 {
			_ = tick()
		}
	}
	d.ledger().turn = 0
}

// idmpPart is what body has to know of a ledger.
func idmpPart() streamPart {
	return streamPart{
		ref:    func(s *streamState) *mem.Ref { return &s.idmp },
		blocks: func(v body) int { return v.idmp().tree().Len() },
		size:   func(v body, _ int, tick func() error) (int64, error) { return v.idmp().size(tick) },
		drain: func(v body, max int, free func(r mem.Ref, size int)) bool {
			return v.idmp().drain(max, free)
		},
		copy: func(to, from body, limit int, tick func() error) error {
			return to.idmp().copy(from.idmp(), limit, tick)
		},
		compact: func(v body, at *partCursor, move func(r mem.Ref, size int) mem.Ref) bool {
			at.at = v.idmp().compact(at.at, move)
			return at.at != 0
		},
	}
}

// drain frees up to about max blocks, long texts by free, and tells whether there are none any more.
func (d idmp) drain(max int, free func(r mem.Ref, size int)) (done bool) {
	for max > 0 && d.tree().Leaves() > 0 {
		d.tree().Drain(1, func(leaf mem.Ref) { max -= d.drop(d.producer(leaf), free) })
	}
	if d.tree().Leaves() > 0 {
		return false
	}
	d.heap.Free(*d.ref, idmpLedgerSize)
	*d.ref = 0
	return true
}

// copy gives an empty place a copy of a ledger, which may lie in another heap. Blocks of more than limit bytes are not copied: see
// leafKind.copy.
func (d idmp) copy(from idmp, limit int, tick func() error) error {
	*d.ref = copyBlock(d.heap, from.heap, *from.ref, idmpLedgerSize)
	l := d.ledger()
	l.producers, l.turn = tree.Root{}, 0
	var at, end tree.Cursor
	n := 0
	for ok := from.tree().First(&at); ok; ok = at.Next() {
		d.copyProducer(&end, from.producer(at.Leaf()), at.Key(), limit)
		if n++; n%tickEvery == 0 {
			if err := tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyProducer puts a copy of a producer behind the cursor's. What it has copied stays when memory is refused.
func (d idmp) copyProducer(c *tree.Cursor, from producer, key uint64, limit int) {
	to := newProducer(d.heap, from.name(), int(from.head().room))
	insertLeaf(d.tree(), c, to.ref, to.size(), 1, key)
	from.each(func(m *iidMark) {
		copied := *m
		if r, ok := m.block(); ok && int(m.length) <= limit {
			copied.setBlock(copyBlock(d.heap, from.heap, r, int(m.length)))
		}
		to.push(copied)
	})
	d.tree().Set(c, to.ref, to.len(), key)
}

// size gives the bytes that a ledger takes, about.
func (d idmp) size(tick func() error) (n int64, err error) {
	t := d.tree()
	n = int64(mem.Usable(idmpLedgerSize)) + t.Bytes()
	seen := 0
	t.Each(func(leaf mem.Ref, _ int) bool {
		p := d.producer(leaf)
		n += int64(mem.Usable(p.size()))
		p.each(func(m *iidMark) {
			if _, ok := m.block(); ok {
				n += int64(mem.Usable(int(m.length)))
			}
		})
		if seen++; seen%tickEvery == 0 {
			err = tick()
		}
		return err == nil
	})
	return n, err
}

// compact moves what lies on sparse pages, a producer a call; move gives where a block lies then. See tree.Compact for the cursor.
func (d idmp) compact(cursor uint64, move func(r mem.Ref, size int) mem.Ref) (next uint64) {
	if cursor == 0 {
		*d.ref = move(*d.ref, idmpLedgerSize)
	}
	return d.tree().Compact(cursor, func(leaf mem.Ref, _ int) mem.Ref {
		p := d.producer(leaf)
		p = d.producer(move(leaf, p.size()))
		p.each(func(m *iidMark) {
			if r, ok := m.block(); ok {
				m.setBlock(move(r, int(m.length)))
			}
		})
		return p.ref
	})
}
