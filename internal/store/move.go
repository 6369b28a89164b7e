// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// tickEvery is how many elements are copied between two calls of tick.
const tickEvery = 1000

// Move gives the value of key from, which is there, to the key to of another or the same database, where none is; its
// expiry and idle time go with it. Within one shard nothing is copied but what lies in the record; a value that owns its
// pages changes shards without a copy too. tick is called now and then while a large one is copied; its error ends the
// moving with nothing changed.
func (db *DB) Move(from []byte, target *DB, to []byte, tick func() error) error {
	src, _ := db.lookup(from)
	access := src.rec.access()
	dst, err := db.transfer(&src, target, to, src.Expiry(), true, tick)
	if err != nil {
		return err
	}
	dst.rec.setAccess(access)
	src, _ = db.lookup(from) // the new record may have moved its place
	db.Remove(&src)
	return nil
}

// Copy makes the key to, which is not there, hold a copy of the value of the key from, with its expiry. tick is as for
// Move.
func (db *DB) Copy(from []byte, target *DB, to []byte, tick func() error) error {
	src, _ := db.lookup(from)
	_, err := db.transfer(&src, target, to, src.Expiry(), false, tick)
	return err
}

// transfer makes a key with the value of src, taking over what src owns where that is possible if take is set: src is
// then left with nothing to free.
func (db *DB) transfer(src *Item, target *DB, to []byte, at int64, take bool, tick func() error) (Item, error) {
	shape := src.shape()
	switch {
	case shape.enc == EncTable:
		return db.transferTable(src, target, to, at, take, tick)
	case shape.flags&inBlock == 0 && len(to)+shape.valLen <= maxInline+blockSize:
		shape.expiry, shape.flags = at, 0
		value := src.rec.value()
		dst := target.create(to, shape)
		copy(dst.rec.value(), value)
		return dst, nil
	case shape.flags&inBlock == 0:
		return target.createBlob(to, shape.typ, shape.enc, src.Blob(), at), nil
	}
	b := readBlock(src.rec.value())
	record := src.rec
	t := target.place(to)
	if take && (t == src.t || t.heap.Adopt(src.t.heap, b.ref, b.size)) {
		block{}.write(record.value())
	} else {
		old := src.t.heap.Bytes(b.ref, b.length)
		b = newBlock(t.heap, b.length)
		copy(t.heap.Bytes(b.ref, b.length), old)
	}
	shape.expiry, shape.valLen, shape.flags = at, blockSize, inBlock
	dst := target.create(to, shape)
	b.write(dst.rec.value())
	return dst, nil
}

// place gives the table that a key belongs into.
func (db *DB) place(key []byte) *table {
	sh := &db.s.shards[db.v.hashOf(key)&db.s.mask]
	return db.s.table(sh, db.index, db.v.NowMillis)
}

// transferTable is transfer for a value of many elements.
func (db *DB) transferTable(src *Item, target *DB, to []byte, at int64, take bool, tick func() error) (Item, error) {
	shape := src.shape()
	shape.expiry, shape.flags = at, 0
	root := *src.root()
	t := target.place(to)
	if take && t == src.t {
		*src.root() = dict.Root{}
	} else {
		copied, err := copyFields(t.heap, dict.Table{Heap: src.t.heap, Root: &root, Key: fieldKey}, tick)
		if err != nil {
			return Item{}, err
		}
		root = copied
	}
	dst := target.create(to, shape)
	*dst.root() = root
	return dst, nil
}

// copyFields copies a table of hash elements into another heap.
func copyFields(h *mem.Heap, from dict.Table, tick func() error) (root dict.Root, err error) {
	to := dict.Table{Heap: h, Root: &root, Key: fieldKey}
	n := 0
	from.Each(func(e mem.Ref) bool {
		field := fieldKey(from.Heap, e)
		to.Insert(hash.Bytes(field), newField(h, field, fieldValue(from.Heap, e)))
		if n++; n%tickEvery == 0 {
			err = tick()
		}
		return err == nil
	})
	if err != nil {
		for !to.Drain(tickEvery, func(e mem.Ref) { freeField(h, e) }) {
		}
	}
	return root, err
}
