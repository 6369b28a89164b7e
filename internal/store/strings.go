// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// Expiries that SetString understands beside a time in Unix milliseconds.
const (
	NoExpiry   int64 = 0  // the key shall live for ever
	KeepExpiry int64 = -1 // what the key had stays
)

// maxEmbstr is the longest string that OBJECT ENCODING calls embstr, as in Redis.
const maxEmbstr = 44

// maxIntText is the longest text that may be a 64-bit integer.
const maxIntText = 20

// SetString gives key a string value in place of whatever it held, and the expiry at. An integer's text is kept as a
// number. The value is copied.
func (db *DB) SetString(key, value []byte, at int64) {
	if len(value) <= maxIntText {
		if n, ok := num.ParseInt(value); ok {
			db.SetInt(key, n, at)
			return
		}
	}
	enc := EncRaw
	if len(value) <= maxEmbstr {
		enc = EncEmbstr
	}
	db.setBlob(key, TypeString, enc, value, at)
}

// SetInt is SetString for a number.
func (db *DB) SetInt(key []byte, n int64, at int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	db.setBlob(key, TypeString, EncInt, b[:], at)
}

// setBlob gives key a value of bytes in place of whatever it held.
func (db *DB) setBlob(key []byte, typ Type, enc Encoding, value []byte, at int64) {
	it, ok := db.lookup(key)
	if !ok {
		db.createBlob(key, typ, enc, value, max(at, NoExpiry))
		return
	}
	if at == KeepExpiry {
		at = it.Expiry()
	}
	db.replaceBlob(&it, typ, enc, value, at)
	it.rec.setAccess(db.freshAccess())
}

// createBlob makes a key that is not there.
func (db *DB) createBlob(key []byte, typ Type, enc Encoding, value []byte, at int64) Item {
	shape := recordShape{typ: typ, enc: enc, valLen: len(value), expiry: at}
	if len(key)+len(value) <= maxInline {
		it := db.create(key, shape)
		copy(it.rec.value(), value)
		return it
	}
	shape.valLen, shape.flags = blockSize, inBlock
	it := db.create(key, shape)
	block{}.write(it.rec.value()) // whole even if the block is refused
	b := newBlock(it.t.heap, len(value))
	copy(it.t.heap.Bytes(b.ref, b.length), value)
	b.write(it.rec.value())
	return it
}

// replaceBlob changes type, value and expiry of a key that is there, its old value freed.
func (db *DB) replaceBlob(it *Item, typ Type, enc Encoding, value []byte, at int64) {
	shape := recordShape{typ: typ, enc: enc, valLen: len(value), expiry: at}
	_, keyLen := it.rec.keyAt()
	var b block
	if keyLen+len(value) > maxInline {
		b = newBlock(it.t.heap, len(value))
		copy(it.t.heap.Bytes(b.ref, b.length), value)
		shape.valLen, shape.flags = blockSize, inBlock
	}
	hadExpiry, before := it.rec.has(hasExpiry), it.rec.expiry()
	if it.rec.has(inBlock) || it.Encoding() == EncTable {
		db.s.freeValue(it.sh, it.t, it.rec)
		it.rec.forget()
	}
	it.reshape(shape)
	if b.ref != 0 {
		b.write(it.rec.value())
	} else {
		copy(it.rec.value(), value)
	}
	db.expiryChanged(it, hadExpiry, before, at)
}

// forget makes the record one without a value, whose value has been freed. A root's padding stays part of the length, so
// that the size of the allocation still follows from the header.
func (r record) forget() {
	size := r.size()
	r.setKind(TypeString, EncRaw)
	*r.byteAt(1) &^= inBlock
	off, n := r.keyAt()
	r.setValLen(size - off - n)
}

// newBlock allocates a block for n bytes.
func newBlock(h *mem.Heap, n int) block {
	size := mem.Usable(max(n, 1))
	return block{ref: h.Alloc(size), length: n, size: size}
}

// Int gives a string's number when it is kept as one.
func (it *Item) Int() (int64, bool) {
	if it.Encoding() != EncInt {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(it.rec.value())), true
}

// PutInt changes a string that is kept as a number, in place.
func (it *Item) PutInt(n int64) {
	binary.LittleEndian.PutUint64(it.rec.value(), uint64(n))
}

// AppendText appends a string's bytes to dst.
func (it *Item) AppendText(dst []byte) []byte {
	if n, ok := it.Int(); ok {
		return num.AppendInt(dst, n)
	}
	return append(dst, it.Blob()...)
}

// TextLen gives a string's length in bytes.
func (it *Item) TextLen() int {
	if n, ok := it.Int(); ok {
		return num.IntLen(n)
	}
	return len(it.Blob())
}

// GrowString makes a string n bytes long at least (its bytes so far stay, new ones are zero), to be changed in place in
// the slice that it gives; from then on it is encoded as raw. Its expiry stays.
func (db *DB) GrowString(it *Item, n int) []byte {
	if v, ok := it.Int(); ok {
		var text [maxIntText + 4]byte
		db.replaceBlob(it, TypeString, EncRaw, num.AppendInt(text[:0], v), it.Expiry())
	}
	old := len(it.Blob())
	b := db.resize(it, EncRaw, max(n, old))
	if n > old {
		clear(b[old:])
	}
	return b
}

// resize gives a value of bytes another length and encoding. The bytes up to the shorter length stay; those behind are
// undefined. The slice is the value in place.
func (db *DB) resize(it *Item, enc Encoding, n int) []byte {
	shape := it.shape()
	shape.enc = enc
	if it.rec.has(inBlock) {
		v := it.rec.value()
		b := readBlock(v)
		if n > b.size || n < b.size/4 {
			grown := newBlock(it.t.heap, blockRoom(n, n > b.size))
			copy(it.t.heap.Bytes(grown.ref, grown.length), it.t.heap.Bytes(b.ref, min(b.length, n)))
			it.t.heap.Free(b.ref, b.size)
			b = grown
		}
		b.length = n
		b.write(v)
		it.rec.setKind(shape.typ, enc)
		return it.t.heap.Bytes(b.ref, n)
	}
	if shape.keyLen+n <= maxInline {
		shape.valLen = n
		it.reshape(shape)
		return it.rec.value()
	}
	b := newBlock(it.t.heap, blockRoom(n, true))
	b.length = n
	copy(it.t.heap.Bytes(b.ref, n), it.rec.value())
	shape.valLen, shape.flags = blockSize, shape.flags|inBlock
	it.reshape(shape)
	b.write(it.rec.value())
	return it.t.heap.Bytes(b.ref, n)
}

// blockRoom gives the bytes to allocate for n: a value that grows gets a quarter more, so that appending byte by byte
// copies each byte a bounded number of times.
func blockRoom(n int, growing bool) int {
	if growing {
		return n + n/4
	}
	return n
}

// SetText is SetString for a text that stays one even if it reads as a number, as what INCRBYFLOAT leaves does.
func (db *DB) SetText(key, value []byte, at int64) {
	enc := EncRaw
	if len(value) <= maxEmbstr {
		enc = EncEmbstr
	}
	db.setBlob(key, TypeString, enc, value, at)
}

// NewString makes an empty string under a key that is not there.
func (db *DB) NewString(key []byte) Item {
	return db.createBlob(key, TypeString, EncRaw, nil, NoExpiry)
}
