// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

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
	target.lookup(to) // a dead key would be in the way
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
	target.lookup(to)
	src, _ := db.lookup(from)
	_, err := db.transfer(&src, target, to, src.Expiry(), false, tick)
	return err
}

// transfer makes a key with the value of src, taking over what src owns where that is possible if take is set: src is
// then left with nothing to free. All memory is allocated before src changes.
func (db *DB) transfer(src *Item, target *DB, to []byte, at int64, take bool, tick func() error) (Item, error) {
	least := src.t.leastTime(src.rec)
	if least != 0 {
		target.expect(to, least)
	}
	dst, err := db.transferValue(src, target, to, at, take, tick)
	if err == nil && least != 0 {
		dst.countTimed(false)
		src.countTimed(true)
	}
	return dst, err
}

// transferValue is transfer but for what has to do with fields that expire.
func (db *DB) transferValue(src *Item, target *DB, to []byte, at int64, take bool, tick func() error) (Item, error) {
	shape := src.shape()
	shape.expiry = at
	switch {
	case take && shape.flags&isBig != 0:
		dst := src.transferBig(target, to, shape)
		db.v.handOver(src, &dst)
		return dst, nil
	case shape.typ == TypeString && shape.flags&isBig != 0:
		return src.copyBig(target, to, at, tick)
	case shape.enc.rooted() && take && target.place(to) == src.t:
		dst := target.create(to, shape)
		copy(dst.rec.value(), src.rec.value())
		clear(src.rec.value())
		db.v.handOver(src, &dst)
		return dst, nil
	case shape.enc == EncTable:
		return db.copyTable(src, target, to, shape, tick)
	case shape.enc.rooted():
		return db.copyBody(src, target, to, at, tick)
	case shape.flags&inBlock == 0:
		return target.createBlob(to, shape.typ, shape.enc, src.Blob(), at), nil
	}
	b := readBlock(src.rec.value())
	t := target.place(to)
	if !take || src.journal != nil || t != src.t && b.size <= mem.MaxSmall {
		return target.createLarge(to, shape, src.Blob()), nil
	}
	shape.valLen, shape.flags = blockSize, inBlock
	dst := target.create(to, shape)
	if t != src.t && !t.heap.Adopt(src.t.heap, b.ref, b.size) {
		panic("store: a block that owns its pages cannot change heaps")
	}
	b.write(dst.rec.value())
	block{}.write(src.rec.value())
	return dst, nil
}

// place gives the table that a key belongs into.
func (db *DB) place(key []byte) *table {
	return db.table(db.shardOf(key))
}

// transferBig makes a key that has src's big value, and leaves src an empty one.
func (src *Item) transferBig(target *DB, to []byte, shape recordShape) Item {
	b := src.big()
	dst := target.create(to, shape)
	copy(dst.rec.value(), src.rec.value())
	*src.rec.byteAt(1) &^= isBig
	clear(src.rec.value())
	b.rehome(dst.sh)
	dst.t.adopt(b)
	return dst
}

// copyBody is transfer for a value with a tree that is to be copied.
func (db *DB) copyBody(src *Item, target *DB, to []byte, at int64, tick func() error) (Item, error) {
	size, from := 0, src.body()
	if src.isBig() {
		size = db.s.bigTable
	}
	return target.createBody(to, src.Type(), from.enc, at, size, func(v body) error {
		return from.enc.leafKind().copy(v, from, math.MaxInt, tick)
	})
}

// copyTable is transfer for a table that is to be copied.
func (db *DB) copyTable(src *Item, target *DB, to []byte, shape recordShape, tick func() error) (dst Item, err error) {
	size := 0
	if src.isBig() {
		size = db.s.bigTable
	}
	var times fieldTimes
	dst, err = target.createTable(to, shape, size, func(copied *dict.Table) error {
		times, err = copyFields(copied, src.elements(), tick)
		return err
	})
	if err != nil {
		return Item{}, err
	}
	if ft := dst.rec.times(); ft != nil {
		*ft = times
		dst.indexFields(target.Now())
	}
	return dst, nil
}

// copyFields copies a table of hash elements into another, which may be of another heap, and says what there is about those
// that expire.
func copyFields(to *dict.Table, from dict.Table, tick func() error) (times fieldTimes, err error) {
	n := 0
	from.Each(func(e mem.Ref) bool {
		field, value := fieldPair(from.Heap, e)
		at := fieldTime(from.Heap, e)
		addField(to, hash.Bytes(field), field, value, at)
		times.count(0, at)
		if n++; n%tickEvery == 0 {
			err = tick()
		}
		return err == nil
	})
	return times, err
}
