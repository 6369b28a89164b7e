// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// tableRoot is what a record with EncTable keeps of its table. That of a big value has the big's number in its first word, and
// is nothing else.
type tableRoot struct {
	dict.Root
	weight int64 // bytes that the table and its elements take, about
}

// rootSize is the part of a record that a table's root takes.
const rootSize = int(unsafe.Sizeof(tableRoot{}))

// collection is what hashes and sets have in common: elements found by a text, their field, packed in one blob or in a table. To it
// a set is a hash whose members are fields with empty values, none of which expires.
type collection struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key
}

// findCollection finds a hash, set, list or sorted set to be changed; see FindTypeWrite. Even to remove elements takes memory while it
// is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) findCollection(key []byte, typ Type) (Item, error) {
	it, ok, err := db.FindTypeWrite(key, typ)
	if ok && err == nil && it.freezing() {
		db.Reserve(0)
	}
	return it, err
}

// elements gives a view of the table of a value with EncTable.
func (it *Item) elements() dict.Table {
	if it.isBig() {
		b := it.big()
		return dict.Table{Heap: it.heap(), Root: &b.table, Key: fieldKey}
	}
	return dict.Table{Heap: it.heap(), Root: it.root(), Key: fieldKey}
}

func (c *collection) isTable() bool { return c.it.Encoding() == EncTable }

func (c *collection) tableLen() int {
	t := c.it.elements()
	return t.Len()
}

// Len tells how many elements there are; of a hash see Purge.
func (c *collection) Len() int {
	switch {
	case c.it.ref == 0:
		return 0
	case c.db.v.KeepDead && c.Overdue():
		return len(c.living())
	case c.isTable():
		return c.tableLen()
	}
	b := c.it.Blob()
	switch c.it.Encoding() {
	case EncListpackEx:
		return pairs.CountTimed(b)
	case EncIntset:
		return intset.Len(b)
	}
	return pairs.Count(b)
}

// trySpread is spread if there is memory. The command that found the value too long has done its work.
func (c *collection) trySpread() {
	defer ignoreNoMemory()
	c.spread()
}

// spread makes a packed value a table.
func (c *collection) spread() {
	heap, rec := c.it.t.heap, c.it.rec
	timed := c.it.timed()
	packed, enc := c.it.Blob(), c.it.Encoding()
	shape := c.it.shape()
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
		c.it.reshape(shape)
		return nil
	})
	*c.it.tableRoot() = tableRoot{root, heap.Live() - before}
	if timed {
		*c.it.rec.times() = times
		c.it.indexFields(c.db.Now())
	}
	if b.ref != 0 {
		heap.Free(b.ref, b.size)
	}
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

// Delete removes an element, and the key with the last one; false when there is no such element.
func (c *collection) Delete(field []byte) bool {
	switch {
	case c.it.ref == 0:
		return false
	case c.isTable():
		return c.deleteTable(field)
	case c.it.Encoding() == EncIntset:
		n, ok := num.ParseInt(field)
		return ok && c.deleteInt(n)
	}
	b := c.it.Blob()
	timed := c.it.Encoding() == EncListpackEx
	var off, end int
	if timed {
		off, end = pairs.FindTimed(b, field)
	} else {
		off, end = pairs.Find(b, field)
	}
	if off == 0 {
		return false
	}
	if c.Len() == 1 {
		c.db.Remove(&c.it)
		return true
	}
	was := c.it.timed()
	b = c.it.splice(gap{at: off, cut: end - off}, pairs.Filler)
	if timed {
		pairs.Removed(b, off, end)
		c.it.countTimed(was)
	}
	pairs.AddCount(b, -1)
	return true
}

func (c *collection) deleteTable(field []byte) bool {
	t := c.it.elements()
	e, pos := t.Find(hash.Bytes(field), field)
	if e == 0 {
		return false
	}
	at := fieldTime(t.Heap, e)
	if at != 0 && c.db.v.past(at) {
		return false
	}
	if t.Len() == 1 {
		c.db.Remove(&c.it)
		return true
	}
	before := t.Heap.Live()
	t.Remove(pos)
	freeField(t.Heap, e)
	if at != 0 {
		c.it.recount(at, 0)
	}
	c.it.weigh(t.Heap.Live() - before)
	c.fit()
	return true
}

// ReserveDelete is DB.Reserve for what the deletion of n elements may take: of a frozen table it has parts copied.
func (c *collection) ReserveDelete(n int) {
	const part = 4200 // bytes of a segment and an overflow bucket
	if c.it.ref != 0 && c.it.freezing() {
		t := c.it.elements()
		c.db.Reserve(min(n*part, int(t.Bytes())))
	}
}

// deleteInt is Delete for an intset.
func (c *collection) deleteInt(n int64) bool {
	b := c.it.Blob()
	i, ok := intset.Find(b, n)
	if !ok {
		return false
	}
	if intset.Len(b) == 1 {
		c.db.Remove(&c.it)
		return true
	}
	intset.Remove(b, i)
	size := intset.Size(b)
	c.it.splice(gap{at: size, cut: len(b) - size}, 0)
	return true
}
