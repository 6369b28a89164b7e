// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// A small hash is a listpack, field and value by turns in the order in which the fields came. One with too many fields, or
// once given too long a field or value, is a table for the rest of its life.

// rootSize is the part of a record that a table's root takes.
const rootSize = int(unsafe.Sizeof(dict.Root{}))

// Pair is a field of a hash and its value, in place.
type Pair struct{ Field, Value Value }

// Hash is the hash under a key, or one without fields when there is no such key: setting a field makes the key, and
// deleting the last one removes it. It is valid until its table changes by anything but the Hash itself.
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

// FindHashWrite finds a hash to be changed; see FindWrite. The error is ErrWrongType.
func (db *DB) FindHashWrite(key []byte) (Hash, error) {
	it, _, err := db.FindTypeWrite(key, TypeHash)
	return Hash{db: db, key: key, it: it}, err
}

// HashOf gives the hash of a key that was found and is one.
func (db *DB) HashOf(it *Item) Hash { return Hash{db: db, key: it.Key(), it: *it} }

// elements gives a view of the table of a value with EncTable.
func (it *Item) elements() dict.Table {
	return dict.Table{Heap: it.t.heap, Root: it.root(), Key: fieldKey}
}

func (h *Hash) isTable() bool { return h.it.Encoding() == EncTable }

func (h *Hash) tableLen() int {
	t := h.it.elements()
	return t.Len()
}

// Len tells how many fields there are.
func (h *Hash) Len() int {
	switch {
	case h.it.ref == 0:
		return 0
	case h.isTable():
		return h.tableLen()
	}
	return listpack.Count(h.it.Blob()) / 2
}

// Get gives a field's value; false when there is no such field.
func (h *Hash) Get(field []byte) (v Value, ok bool) {
	if h.it.ref == 0 {
		return v, false
	}
	if h.isTable() {
		t := h.it.elements()
		e, _ := t.Find(hash.Bytes(field), field)
		if e == 0 {
			return v, false
		}
		return Value{Bytes: fieldValue(t.Heap, e)}, true
	}
	lp := h.it.Blob()
	off := packedField(lp, field)
	if off == 0 {
		return v, false
	}
	return listpack.Get(lp, listpack.Next(lp, off)), true
}

// packedField gives a field in a listpack, 0 when it is not there.
func packedField(lp, field []byte) int { return listpack.Find(lp, listpack.First(lp), field, 1) }

// SetOne gives a field a value and tells whether the field is new. Both slices are copied.
func (h *Hash) SetOne(field, value []byte) (created bool) {
	return h.Set([][]byte{field, value}) > 0
}

// Set gives fields values, named by turns, and tells how many of the fields are new. The slices are copied.
func (h *Hash) Set(pairs [][]byte) (created int) {
	packed := h.it.ref == 0 || !h.isTable()
	if packed && h.needsTable(pairs) {
		if h.it.ref == 0 {
			return h.createTable(pairs)
		}
		h.spread()
	}
	if len(pairs) > 2 {
		h.reserve(pairs)
	}
	if h.it.ref == 0 {
		n := h.createPacked(pairs)
		created, pairs = n/2, pairs[n:]
		h.limit()
	}
	for ; len(pairs) > 0; pairs = pairs[2:] {
		if h.set(pairs[0], pairs[1]) {
			created++
		}
	}
	return created
}

// needsTable tells whether a text is too long for a listpack, or they all are.
func (h *Hash) needsTable(texts [][]byte) bool {
	longest := int(h.db.s.Settings.HashMaxListpackValue.Load())
	size, sum := 0, 0
	for _, text := range texts {
		if len(text) > longest {
			return true
		}
		sum += len(text)
	}
	if h.it.ref != 0 {
		size = len(h.it.Blob())
	}
	return !listpack.Fits(size, sum)
}

// reserve makes it all but certain that several pairs can be set without memory being refused half-way: what a command
// has changed by then would not be in the log.
func (h *Hash) reserve(pairs [][]byte) {
	const spare = 128 << 10 // growth of tables
	n := int64(spare)
	for _, text := range pairs {
		n += int64(len(text))
	}
	if !h.db.s.arena.Headroom(n) {
		panic(mem.ErrNoMemory)
	}
}

// createPacked makes the key, with a listpack of as many of the pairs as can be written without looking for repeated
// fields, and gives their number of texts.
func (h *Hash) createPacked(pairs [][]byte) (n int) {
	if repeats(pairs) {
		pairs = pairs[:2]
	}
	var room [24]listpack.Value
	values := room[:0]
	size := listpack.EmptySize
	for _, text := range pairs {
		v := listpack.Bytes(text)
		values = append(values, v)
		size += v.Size()
	}
	h.it = h.db.createPacked(h.key, TypeHash, size, values)
	return len(pairs)
}

// repeats tells whether a field is named more than once, or there are too many to find out soon.
func repeats(pairs [][]byte) bool {
	const many = 128
	if len(pairs) > 2*many {
		return true
	}
	for i := 2; i < len(pairs); i += 2 {
		a := pairs[i]
		for j := 0; j < i; j += 2 {
			b := pairs[j]
			if len(a) == len(b) && (len(a) == 0 || a[len(a)-1] == b[len(a)-1] && string(a) == string(b)) {
				return true
			}
		}
	}
	return false
}

// set is Set for one pair, neither text of which is too long for a listpack if the hash is one.
func (h *Hash) set(field, value []byte) (created bool) {
	if !h.isTable() {
		created = h.setPacked(field, value)
		h.limit()
		return created
	}
	t := h.it.elements()
	hashed := hash.Bytes(field)
	e, pos := t.Find(hashed, field)
	if e == 0 {
		addField(&t, hashed, field, value)
		return true
	}
	if moved := setField(t.Heap, e, value); moved != e {
		t.Set(pos, moved)
	}
	return false
}

// setPacked is set for a listpack. A value as long as the one it replaces is written over it.
func (h *Hash) setPacked(field, value []byte) (created bool) {
	lp := h.it.Blob()
	if off := packedField(lp, field); off != 0 {
		h.db.splice(&h.it, listpack.Next(lp, off), 1, listpack.Bytes(value))
		return false
	}
	h.db.splice(&h.it, len(lp)-1, 0, listpack.Bytes(field), listpack.Bytes(value))
	return true
}

// limit makes a listpack of too many fields a table.
func (h *Hash) limit() {
	if h.Len() > int(h.db.s.Settings.HashMaxListpackEntries.Load()) {
		h.spread()
	}
}

// spread makes a listpack a table.
func (h *Hash) spread() {
	heap, rec := h.it.t.heap, h.it.rec
	lp := h.it.Blob()
	shape := h.it.shape()
	shape.enc, shape.valLen, shape.flags = EncTable, rootSize, 0
	var b block
	if rec.has(inBlock) {
		b = readBlock(rec.value())
	}
	root := buildTable(heap, func(t *dict.Table) {
		var fieldText, valueText [num.MaxIntLen]byte
		eachPacked(lp, func(p Pair) bool {
			field := Text(p.Field, fieldText[:0])
			addField(t, hash.Bytes(field), field, Text(p.Value, valueText[:0]))
			return true
		})
		h.it.reshape(shape)
	})
	*h.it.root() = root
	if b.ref != 0 {
		heap.Free(b.ref, b.size)
	}
}

// createTable makes the key, with a table of the pairs, and gives the number of fields.
func (h *Hash) createTable(pairs [][]byte) (created int) {
	root := buildTable(h.db.place(h.key).heap, func(t *dict.Table) {
		for ; len(pairs) > 0; pairs = pairs[2:] {
			hashed := hash.Bytes(pairs[0])
			if e, pos := t.Find(hashed, pairs[0]); e != 0 {
				t.Set(pos, setField(t.Heap, e, pairs[1]))
			} else {
				addField(t, hashed, pairs[0], pairs[1])
			}
		}
		h.it = h.db.create(h.key, recordShape{typ: TypeHash, enc: EncTable, valLen: rootSize})
	})
	*h.it.root() = root
	return h.Len()
}

// buildTable gives the root of a table that fill has filled. Nothing stays of it when fill panics.
func buildTable(heap *mem.Heap, fill func(t *dict.Table)) (root dict.Root) {
	t := dict.Table{Heap: heap, Root: &root, Key: fieldKey}
	whole := false
	defer func() {
		for !whole {
			whole = t.Drain(lazyFrom, func(e mem.Ref) { freeField(heap, e) })
		}
	}()
	fill(&t)
	whole = true
	return root
}

// Delete removes a field, and the key with the last one; false when there is no such field.
func (h *Hash) Delete(field []byte) bool {
	switch {
	case h.it.ref == 0:
		return false
	case h.isTable():
		t := h.it.elements()
		e, pos := t.Find(hash.Bytes(field), field)
		if e == 0 {
			return false
		}
		if t.Len() == 1 {
			h.db.Remove(&h.it)
			return true
		}
		t.Remove(pos)
		freeField(t.Heap, e)
		return true
	}
	lp := h.it.Blob()
	off := packedField(lp, field)
	switch {
	case off == 0:
		return false
	case listpack.Count(lp) == 2:
		h.db.Remove(&h.it)
	default:
		h.db.splice(&h.it, off, 2)
	}
	return true
}
