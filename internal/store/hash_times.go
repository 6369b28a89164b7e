// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/expiry"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Fields of a hash expire as keys do, one level down. A hash some of whose fields expire is called timed.
//
//   - A packed hash becomes a timed blob (ds/pairs) with its first expiry and stays one. Its fields are sorted by their times.
//   - In a table the elements of such fields have their time in front (see field.go), and the record has fieldTimes behind
//     the table's root. Fields that are due are found by looking at all elements of a small table, by an index of its own in
//     a large one.
//
// Invariants: the index of keys has an entry for a timed hash at its least time or earlier, made before the time is set; see
// expire.go. A field's index has an entry for every field at its time or earlier, likewise; an index that memory was
// refused for is dropped whole, and made again when the hash is next reaped or gets a field.

const (
	// FieldExpirySize is what an expiration of a field takes at most, in bytes, but for rounding.
	FieldExpirySize = fieldTimeSize + indexedBytes

	indexFrom    = 512 // elements of a table past which it has an index of their times
	indexSlack   = 512 // entries beyond twice the fields that expire, and a share of all fields, that an index may have
	indexedBytes = 9   // what an entry of an index takes, about
)

// fieldTimes is what a table keeps about its fields that expire. It lies in the record, aligned, and has no Go pointers.
type fieldTimes struct {
	n      int64   // fields that expire
	least  int64   // no field's time is earlier; undefined when n is 0
	latest int64   // no field's time is later; undefined when n is 0
	index  mem.Ref // of an expiry.Index, 0 when there is none
}

const (
	timesSize = int(unsafe.Sizeof(fieldTimes{}))
	indexSize = int(unsafe.Sizeof(expiry.Index{}))
)

// times gives a record's fieldTimes in place, nil when it has none.
func (r record) times() *fieldTimes {
	if r.encoding() != EncTable || r.valLen() == rootSize {
		return nil
	}
	return (*fieldTimes)(unsafe.Pointer(&r.value()[rootSize]))
}

// count notes that a field's time was one and now is another, 0 being none.
func (ft *fieldTimes) count(was, at int64) {
	if was != 0 {
		ft.n--
	}
	switch {
	case at == 0:
		return
	case ft.n == 0:
		ft.least, ft.latest = at, at
	default:
		ft.least, ft.latest = min(ft.least, at), max(ft.latest, at)
	}
	ft.n++
}

// fieldIndex gives the index of a table's fields, nil when there is none.
func (ft *fieldTimes) fieldIndex(h *mem.Heap) *expiry.Index {
	if ft.index == 0 {
		return nil
	}
	return (*expiry.Index)(h.Pointer(ft.index))
}

// dropIndex frees the index of a table's fields.
func (ft *fieldTimes) dropIndex(h *mem.Heap) {
	if x := ft.fieldIndex(h); x != nil {
		x.Reset(h)
		h.Free(ft.index, indexSize)
		ft.index = 0
	}
}

// leastTime gives the time (Unix ms) before which no field of the record's value expires, 0 when none ever will.
func (t *table) leastTime(rec record) int64 {
	switch rec.encoding() {
	case EncListpackEx:
		if rec.has(inBlock) && readBlock(rec.value()).ref == 0 {
			return 0 // it was taken over by another key
		}
		it := Item{t: t, rec: rec}
		return pairs.Least(it.Blob())
	case EncTable:
		if ft := rec.times(); ft != nil && ft.n > 0 {
			return ft.least
		}
	}
	return 0
}

// LeastTime gives the time (Unix ms) before which no field of the value expires, 0 when none ever will.
func (it *Item) LeastTime() int64 { return it.t.leastTime(it.rec) }

// timed tells whether a field of the value expires.
func (it *Item) timed() bool { return it.t.leastTime(it.rec) != 0 }

// countTimed counts the key as one of a timed hash, or no longer, after its value has changed; had tells whether it was one.
func (it *Item) countTimed(had bool) {
	switch has := it.timed(); {
	case has && !had:
		it.t.timed++
	case had && !has:
		it.t.timed--
	}
}

// recount is fieldTimes.count for the field of a table.
func (it *Item) recount(was, at int64) {
	ft := it.rec.times()
	had := ft.n > 0
	ft.count(was, at)
	it.countTimed(had)
	if ft.n == 0 {
		ft.dropIndex(it.base())
	}
}

// expect puts a hash that is about to be made into the index of keys, for its fields that will expire at that time.
func (db *DB) expect(key []byte, at int64) {
	h := db.v.hashOf(key)
	sh := &db.s.shards[h&db.s.mask]
	db.s.schedule(sh, db.place(key), h, at)
}

// expectField makes room for a time that a field of a table is about to get, and has the entries made. The record may move.
func (h *Hash) expectField(hashed uint64, at, was int64) {
	ft := h.it.rec.times()
	if ft == nil {
		shape := h.it.shape()
		shape.valLen += timesSize
		h.it.reshape(shape)
		ft = h.it.rec.times()
		*ft = fieldTimes{}
	}
	if ft.n == 0 || at < ft.least {
		h.db.s.schedule(h.it.sh, h.it.t, h.it.hash, at)
	}
	heap := h.it.base()
	x := ft.fieldIndex(heap)
	if x == nil || was != 0 && at >= was {
		return
	}
	if x.Len() > 2*int(ft.n)+h.tableLen()/reindexShare+indexSlack {
		ft.dropIndex(heap)
		h.it.indexFields(h.db.Now())
		if x = ft.fieldIndex(heap); x == nil {
			return
		}
	}
	x.Add(heap, hashed, at)
}

// indexFields makes the index of a table's fields if it is to have one and has none. There is none when memory is refused.
func (it *Item) indexFields(now int64) {
	ft := it.rec.times()
	if ft.index != 0 || ft.n == 0 {
		return
	}
	t, heap := it.elements(), it.base()
	if t.Len() <= indexFrom {
		return
	}
	whole := false
	defer func() {
		if !whole {
			ft.dropIndex(heap)
		}
	}()
	defer ignoreNoMemory()
	ft.index = heap.Alloc(indexSize)
	x := ft.fieldIndex(heap)
	*x = expiry.NewExact(min(now, ft.least))
	t.Each(func(e mem.Ref) bool {
		if at := fieldTime(t.Heap, e); at != 0 {
			x.Add(heap, hash.Bytes(fieldKey(t.Heap, e)), at)
		}
		return true
	})
	whole = true
}

// dead tells whether a table's element is that of a field past its time.
func (c *collection) dead(heap *mem.Heap, e mem.Ref) bool {
	at := fieldTime(heap, e)
	return at != 0 && c.db.v.past(at)
}

// setTable is set for a table.
func (h *Hash) setTable(field, value []byte, at int64) (created bool) {
	t := h.it.elements()
	before := t.Heap.Live()
	hashed := hash.Bytes(field)
	e, pos := t.Find(hashed, field)
	was := NoExpiry
	if e != 0 {
		was = fieldTime(t.Heap, e)
	}
	created = e == 0 || h.dead(t.Heap, e)
	if at == KeepExpiry {
		at = NoExpiry
		if !created {
			at = was
		}
	}
	if at != NoExpiry && at != was {
		h.expectField(hashed, at, was)
		t = h.it.elements()
	}
	if e == 0 {
		addField(&t, hashed, field, value, at)
	} else {
		replaceField(&t, pos, e, value, at)
	}
	if was != at {
		h.it.recount(was, at)
	}
	if e == 0 && h.it.rec.times() != nil {
		h.it.indexFields(h.db.Now())
	}
	h.it.weigh(t.Heap.Live() - before)
	h.fit()
	return created
}

// becomeTimed makes a packed hash a timed blob.
func (h *Hash) becomeTimed() {
	b := h.it.splice(gap{at: pairs.HeaderSize, n: pairs.TimedHeader - pairs.HeaderSize}, pairs.Filler)
	pairs.SetTimed(b, pairs.TimedHeader)
	h.it.rec.setKind(TypeHash, EncListpackEx)
}

// setTimed is set for a timed blob.
func (h *Hash) setTimed(field, value []byte, at int64) (created bool) {
	b := h.it.Blob()
	var p pairs.Pair
	p.Encode(field, value)
	n := p.Size()
	off, end := p.FindTimed(b)
	was := 0
	if off != 0 {
		before := pairs.TimeAt(b, off)
		if before != 0 {
			was = end - off
		}
		if at == KeepExpiry {
			at = before
		}
	}
	at = max(at, NoExpiry)
	least := pairs.Least(b)
	skip := 0
	if at != NoExpiry {
		skip = pairs.TimeSize
		if least == 0 || at < least {
			h.db.s.schedule(h.it.sh, h.it.t, h.it.hash, at)
		}
	}
	switch {
	case off == 0:
		b = h.it.splice(gap{at: end, cut: len(b) - end, n: skip + n}, pairs.Filler)
		pairs.AddCount(b, 1)
		off, created = end, true
	case end-off != skip+n:
		b = h.it.splice(gap{at: off, cut: end - off, n: skip + n}, pairs.Filler)
	}
	if at != NoExpiry {
		pairs.PutTime(b, off, at)
	}
	p.Put(b, off+skip)
	pairs.Arrange(b, off, skip+n, at, was)
	h.it.countTimed(least != 0)
	return created
}

// getTimed is Get for a timed blob.
func (h *Hash) getTimed(b, field []byte) (v Value, ok bool) {
	off, _ := pairs.FindTimed(b, field)
	if off == 0 {
		return v, false
	}
	_, value, at, _ := pairs.ReadTimed(b, off)
	return Value(value), at == 0 || !h.db.v.past(at)
}

// Expiry gives the Unix milliseconds at which a field expires, 0 when it does not; false when there is no such field.
func (h *Hash) Expiry(field []byte) (at int64, ok bool) {
	switch {
	case h.it.ref == 0:
		return 0, false
	case h.isTable():
		t := h.it.elements()
		e, _ := t.Find(hash.Bytes(field), field)
		if e == 0 || h.dead(t.Heap, e) {
			return 0, false
		}
		return fieldTime(t.Heap, e), true
	case h.it.Encoding() == EncListpackEx:
		b := h.it.Blob()
		off, _ := pairs.FindTimed(b, field)
		if off == 0 {
			return 0, false
		}
		at = pairs.TimeAt(b, off)
		return at, at == 0 || !h.db.v.past(at)
	}
	off, _ := pairs.Find(h.it.Blob(), field)
	return 0, off != 0
}

// SetExpiry has a field expire at that time (Unix ms, in the future), or never with NoExpiry; false when there is no such
// field.
func (h *Hash) SetExpiry(field []byte, at int64) bool {
	switch {
	case h.it.ref == 0:
		return false
	case h.isTable():
		return h.setTableExpiry(field, at)
	case h.it.Encoding() != EncListpackEx:
		if off, _ := pairs.Find(h.it.Blob(), field); off == 0 || at == NoExpiry {
			return off != 0
		}
		h.becomeTimed()
	}
	b := h.it.Blob()
	off, end := pairs.FindTimed(b, field)
	if off == 0 {
		return false
	}
	was, least := pairs.TimeAt(b, off), pairs.Least(b)
	if at != NoExpiry && (least == 0 || at < least) {
		h.db.s.schedule(h.it.sh, h.it.t, h.it.hash, at)
	}
	n, before := end-off, 0
	if was != 0 {
		before = n
	}
	switch {
	case was == 0 && at != NoExpiry:
		b = h.it.splice(gap{at: off, n: pairs.TimeSize}, pairs.Filler)
		n += pairs.TimeSize
	case was != 0 && at == NoExpiry:
		b = h.it.splice(gap{at: off, cut: pairs.TimeSize}, pairs.Filler)
		n -= pairs.TimeSize
	}
	if at != NoExpiry {
		pairs.PutTime(b, off, at)
	}
	pairs.Arrange(b, off, n, at, before)
	h.it.countTimed(least != 0)
	return true
}

// Expire removes a field as one whose time has come, and the key with the last one; false when there is no such field.
func (h *Hash) Expire(field []byte) bool {
	if !h.Delete(field) {
		return false
	}
	h.db.s.expiredFields.Add(1)
	return true
}

func (h *Hash) setTableExpiry(field []byte, at int64) bool {
	t := h.it.elements()
	hashed := hash.Bytes(field)
	e, pos := t.Find(hashed, field)
	if e == 0 || h.dead(t.Heap, e) {
		return false
	}
	was := fieldTime(t.Heap, e)
	if was == at {
		return true
	}
	if at != NoExpiry {
		h.expectField(hashed, at, was)
		t = h.it.elements()
	}
	before := t.Heap.Live()
	replaceField(&t, pos, e, fieldValue(t.Heap, e), at)
	h.it.recount(was, at)
	h.it.indexFields(h.db.Now())
	h.it.weigh(t.Heap.Live() - before)
	h.fit()
	return true
}
