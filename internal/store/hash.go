// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// A small hash is packed (see ds/pairs), its fields in the order in which they came. Clients are told that it is a listpack,
// which is what it is in Redis and in files. One with too many fields, or once given too long a field or value, is a table
// for the rest of its life.

// maxPacked is the number of bytes past which no value stays packed, as in Redis.
const maxPacked = 1 << 30

// tableRoot is what a record with EncTable keeps of its table. That of a big value has the big's number in its first word, and
// is nothing else.
type tableRoot struct {
	dict.Root
	weight int64 // bytes that the table and its elements take, about
}

// rootSize is the part of a record that a table's root takes.
const rootSize = int(unsafe.Sizeof(tableRoot{}))

// Pair is a field of a hash and its value, in place, and the Unix milliseconds at which the field expires, 0 when it does not.
type Pair struct {
	Field, Value Value
	Expiry       int64
}

// Hash is the hash under a key, or one without fields when there is no such key: setting a field makes the key, and
// deleting the last one removes it. It is valid until its table changes by anything but the Hash itself. A field past its
// expiry is not there, whether it has been removed or not, but for Len and what Purge says.
type Hash struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key
}

// FindHash finds a hash for reading; see Find. The error is ErrWrongType.
func (db *DB) FindHash(key []byte) (Hash, error) {
	it, _, err := db.FindType(key, TypeHash)
	return Hash{db: db, key: key, it: it}, err
}

// FindHashWrite finds a hash to be changed; see FindWrite. The error is ErrWrongType. Even to delete fields takes memory while
// the hash is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindHashWrite(key []byte) (Hash, error) {
	it, ok, err := db.FindTypeWrite(key, TypeHash)
	if ok && err == nil && it.isBig() && it.big().heap.Freezing() {
		db.Reserve(0)
	}
	return Hash{db: db, key: key, it: it}, err
}

// HashOf gives the hash of a key that was found and is one.
func (db *DB) HashOf(it *Item) Hash { return Hash{db: db, key: it.Key(), it: *it} }

// elements gives a view of the table of a value with EncTable.
func (it *Item) elements() dict.Table {
	if it.isBig() {
		b := it.big()
		return dict.Table{Heap: b.heap, Root: &b.table, Key: fieldKey}
	}
	return dict.Table{Heap: it.t.heap, Root: it.root(), Key: fieldKey}
}

func (h *Hash) isTable() bool { return h.it.Encoding() == EncTable }

func (h *Hash) tableLen() int {
	t := h.it.elements()
	return t.Len()
}

// Len tells how many fields there are; see Purge.
func (h *Hash) Len() int {
	switch {
	case h.it.ref == 0:
		return 0
	case h.db.v.KeepDead && h.Overdue():
		return len(h.living())
	case h.isTable():
		return h.tableLen()
	case h.it.Encoding() == EncListpackEx:
		return pairs.CountTimed(h.it.Blob())
	}
	return pairs.Count(h.it.Blob())
}

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
	n := 0
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

// trySpread is spread if there is memory. The command that found the hash too long has done its work.
func (h *Hash) trySpread() {
	defer ignoreNoMemory()
	h.spread()
}

// spread makes a packed hash a table.
func (h *Hash) spread() {
	heap, rec := h.it.t.heap, h.it.rec
	timed := h.it.timed()
	packed, enc := h.it.Blob(), h.it.Encoding()
	shape := h.it.shape()
	shape.enc, shape.valLen, shape.flags = EncTable, rootSize, 0
	if timed {
		shape.valLen += timesSize
	}
	var b block
	if rec.has(inBlock) {
		b = readBlock(rec.value())
	}
	var times fieldTimes
	before := heap.Live()
	root, _ := buildTable(heap, func(t *dict.Table) error {
		var fieldText, valueText [num.MaxIntLen]byte
		eachPacked(packed, enc, func(p Pair) bool {
			field := Text(p.Field, fieldText[:0])
			addField(t, hash.Bytes(field), field, Text(p.Value, valueText[:0]), p.Expiry)
			times.count(0, p.Expiry)
			return true
		})
		h.it.reshape(shape)
		return nil
	})
	*h.it.tableRoot() = tableRoot{root, heap.Live() - before}
	if timed {
		*h.it.rec.times() = times
		h.it.indexFields(h.db.Now())
	}
	if b.ref != 0 {
		heap.Free(b.ref, b.size)
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

// createTable makes a key, which is not there, of a shape with EncTable, with a table of about size bytes that fill has filled.
// What the shape has room for behind the root is the caller's to fill. Nothing stays of it when fill gives an error, which is
// returned, or memory is refused.
func (db *DB) createTable(key []byte, shape recordShape, size int, fill func(t *dict.Table) error) (it Item, err error) {
	shape.flags = 0
	heap := db.place(key).heap
	whole := func(t *dict.Table) error {
		if err := fill(t); err != nil {
			return err
		}
		it = db.create(key, shape)
		return nil
	}
	if size >= db.s.bigTable {
		b, err := buildBig(db.shardOf(key), whole)
		if err == nil {
			it.setBig(b)
		}
		return it, err
	}
	before := heap.Live()
	root, err := buildTable(heap, whole)
	if err == nil {
		*it.tableRoot() = tableRoot{root, heap.Live() - before}
	}
	return it, err
}

// buildTable gives the root of a table that fill has filled. Nothing stays of it when fill gives an error or panics.
func buildTable(heap *mem.Heap, fill func(t *dict.Table) error) (root dict.Root, err error) {
	t := dict.Table{Heap: heap, Root: &root, Key: fieldKey}
	whole := false
	defer func() {
		for !whole {
			whole = t.Drain(lazyFrom, func(e mem.Ref) { freeField(heap, e) })
		}
	}()
	err = fill(&t)
	whole = err == nil
	return root, err
}

// Delete removes a field, and the key with the last one; false when there is no such field.
func (h *Hash) Delete(field []byte) bool {
	switch {
	case h.it.ref == 0:
		return false
	case h.isTable():
		return h.deleteTable(field)
	}
	b := h.it.Blob()
	timed := h.it.Encoding() == EncListpackEx
	var off, end int
	if timed {
		off, end = pairs.FindTimed(b, field)
	} else {
		off, end = pairs.Find(b, field)
	}
	if off == 0 {
		return false
	}
	if h.Len() == 1 {
		h.db.Remove(&h.it)
		return true
	}
	was := h.it.timed()
	b = h.it.splice(gap{at: off, cut: end - off}, pairs.Filler)
	if timed {
		pairs.Removed(b, off, end)
		h.it.countTimed(was)
	}
	pairs.AddCount(b, -1)
	return true
}

func (h *Hash) deleteTable(field []byte) bool {
	t := h.it.elements()
	e, pos := t.Find(hash.Bytes(field), field)
	if e == 0 {
		return false
	}
	at := fieldTime(t.Heap, e)
	if at != 0 && at < h.db.Now() {
		return false
	}
	if t.Len() == 1 {
		h.db.Remove(&h.it)
		return true
	}
	before := t.Heap.Live()
	t.Remove(pos)
	freeField(t.Heap, e)
	if at != 0 {
		h.it.recount(at, 0)
	}
	h.it.weigh(t.Heap.Live() - before)
	h.fit()
	return true
}
