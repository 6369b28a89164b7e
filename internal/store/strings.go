// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"

	"github.com/redpoll/redpoll/internal/ds/rope"
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
	db.setBlob(key, enc, value, at)
}

// SetInt is SetString for a number.
func (db *DB) SetInt(key []byte, n int64, at int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	db.setBlob(key, EncInt, b[:], at)
}

// Reserve makes it all but certain that a command which changes several things can have n bytes for them, so that it is not
// refused memory half-way: what it had changed by then would not be in the log. It panics with mem.ErrNoMemory, as an
// allocation does. It is for the command to call before its first change.
func (db *DB) Reserve(n int) {
	const spare = 128 << 10 // growth of tables
	if !db.s.arena.Headroom(int64(n) + int64(n)/8 + spare) {
		panic(mem.ErrNoMemory)
	}
}

// setBlob gives key a string, whose bytes are kept as they are, in place of whatever it held.
func (db *DB) setBlob(key []byte, enc Encoding, value []byte, at int64) {
	it, ok := db.present(key)
	if len(value) > db.s.bigString {
		db.setBig(key, value, at)
		return
	}
	if !ok {
		db.createBlob(key, TypeString, enc, value, max(at, NoExpiry))
		return
	}
	if at == KeepExpiry {
		at = it.Expiry()
	}
	db.displace(&it)
	db.replaceBlob(&it, TypeString, enc, value, at)
	db.use(&it)
}

// inline tells whether a value of n bytes lies in the record of a key. One no longer than a block's address does in any
// case: so a number is never in a block.
func inline(keyLen, n int) bool { return n <= blockSize || keyLen+n <= maxInline }

// createBlob makes a key that is not there.
func (db *DB) createBlob(key []byte, typ Type, enc Encoding, value []byte, at int64) Item {
	shape := recordShape{typ: typ, enc: enc, valLen: len(value), expiry: at}
	if !inline(len(key), len(value)) {
		return db.createLarge(key, shape, value)
	}
	it := db.create(key, shape)
	copy(it.rec.value(), value)
	return it
}

// createLarge is createBlob for a value with a block of its own.
func (db *DB) createLarge(key []byte, shape recordShape, value []byte) Item {
	heap := db.place(key).heap
	b := newBlock(heap, len(value))
	created := false
	defer func() {
		if !created {
			heap.Free(b.ref, b.size)
		}
	}()
	copy(heap.Bytes(b.ref, b.length), value)
	shape.valLen, shape.flags = blockSize, inBlock
	it := db.create(key, shape)
	b.write(it.rec.value())
	created = true
	return it
}

// replaceBlob changes type, value and expiry of a key that is there, its old value freed. Memory is allocated before
// anything changes. The new value may be a part of the old one.
func (db *DB) replaceBlob(it *Item, typ Type, enc Encoding, value []byte, at int64) {
	shape := recordShape{typ: typ, enc: enc, valLen: len(value), expiry: at}
	_, shape.keyLen = it.rec.keyAt()
	db.announce(it, at)
	if !inline(shape.keyLen, len(value)) {
		db.replaceLarge(it, shape, value)
		return
	}
	db.replace(it, shape, value)
}

// replaceLarge is replaceBlob for a value with a block of its own.
func (db *DB) replaceLarge(it *Item, shape recordShape, value []byte) {
	heap := it.t.heap
	b := newBlock(heap, len(value))
	replaced := false
	defer func() {
		if !replaced {
			heap.Free(b.ref, b.size)
		}
	}()
	copy(heap.Bytes(b.ref, b.length), value)
	shape.valLen, shape.flags = blockSize, inBlock
	var address [blockSize]byte
	b.write(address[:])
	db.replace(it, shape, address[:])
	replaced = true
}

// replace gives the record another layout, with value as the part of the value that lies in it, and frees what the old
// value owned.
func (db *DB) replace(it *Item, shape recordShape, value []byte) {
	old, oldSize, had, timed := it.rec, it.rec.size(), it.rec.has(hasExpiry), it.timed()
	var rest owned
	if old.hasMore() {
		rest = it.t.owns(old)
	}
	shape.flags |= old.flags() & parity
	if it.fits(shape) {
		it.relabel(shape)
		copy(it.rec.value(), value)
	} else {
		heap, oldRef := it.t.heap, it.ref
		ref := heap.Alloc(shape.size())
		it.ref, it.rec = ref, shape.write(heap.Pointer(ref), old.key(), old.access())
		copy(it.rec.value(), value)
		it.t.keys.Set(it.pos, ref)
		heap.Free(oldRef, oldSize)
	}
	if it.journal != nil {
		it.journal.leave(rest)
		it.journal = nil
	} else {
		db.s.freeOwned(it.sh, it.t, rest)
	}
	it.countExpiry(had)
	it.countTimed(timed)
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
	it.Pieces(0, it.TextLen(), func(piece []byte) bool {
		dst = append(dst, piece...)
		return true
	})
	return dst
}

// TextLen gives a string's length in bytes.
func (it *Item) TextLen() int {
	if n, ok := it.Int(); ok {
		return num.IntLen(n)
	}
	if it.isBig() {
		return it.rope().Len()
	}
	return len(it.Blob())
}

// Slice gives n of a string's bytes from off on, as many as there are: in place, or, where they do not lie in one piece,
// copied to scratch, which grows as it has to. off and n are not negative.
func (it *Item) Slice(off, n int, scratch []byte) []byte {
	if it.isBig() {
		return sliceRope(it.rope(), off, n, scratch)
	}
	b := it.Blob()
	if v, ok := it.Int(); ok {
		b = num.AppendInt(scratch[:0], v)
	}
	off = min(off, len(b))
	return b[off : off+min(n, len(b)-off)]
}

// Pieces calls fn with n of a string's bytes from off on, as many as there are, piece by piece and in place, until fn gives
// false. off and n are not negative. A piece is valid within fn only.
func (it *Item) Pieces(off, n int, fn func(piece []byte) bool) {
	if it.isBig() {
		it.rope().Pieces(off, n, fn)
		return
	}
	var text [maxIntText + 4]byte
	if b := it.Slice(off, n, text[:0]); len(b) > 0 {
		fn(b)
	}
}

// WriteString makes data the bytes of a string from off on. The string grows as it has to, by zero bytes up to off; it is
// encoded as raw from then on, and its expiry stays. data is copied.
func (db *DB) WriteString(it *Item, off int, data []byte) {
	if it.isBig() {
		db.ticking(it.rope()).Write(off, data)
		return
	}
	if off+len(data) > db.s.bigString {
		db.outgrow(it, func(r rope.Rope) { r.Write(off, data) })
		return
	}
	copy(db.grow(it, off+len(data))[off:], data)
}

// EditString calls fn with n bytes of a string from off on, piece by piece and in place, for it to change. The string grows
// as it has to, by zero bytes, before the first call; it is encoded as raw from then on, and its expiry stays.
func (db *DB) EditString(it *Item, off, n int, fn func(piece []byte)) {
	if !it.isBig() && off+n > db.s.bigString {
		db.outgrow(it, func(r rope.Rope) { r.Edit(off, n, func([]byte) {}) })
	}
	if it.isBig() {
		db.ticking(it.rope()).Edit(off, n, fn)
		return
	}
	if b := db.grow(it, off+n); n > 0 {
		fn(b[off : off+n])
	}
}

// grow makes a string that is not big raw and n bytes long at least, and gives it in place.
func (db *DB) grow(it *Item, n int) []byte {
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
		if kept := it.journal != nil; kept || n > b.size || n < b.size/4 {
			grown := newBlock(it.t.heap, blockRoom(n, n > b.size))
			copy(it.t.heap.Bytes(grown.ref, grown.length), it.t.heap.Bytes(b.ref, min(b.length, n)))
			if kept {
				it.journal.leave(owned{block: b})
				it.journal = nil
			} else {
				it.t.heap.Free(b.ref, b.size)
			}
			b = grown
		}
		b.length = n
		b.write(v)
		it.rec.setKind(shape.typ, enc)
		return it.t.heap.Bytes(b.ref, n)
	}
	if inline(shape.keyLen, n) {
		shape.valLen = n
		it.reshape(shape)
		return it.rec.value()
	}
	return it.moveOut(shape, n)
}

// moveOut gives a value that lies in its record a block of its own, with n bytes; it becomes one of the shape's encoding.
func (it *Item) moveOut(shape recordShape, n int) []byte {
	heap := it.t.heap
	b := newBlock(heap, blockRoom(n, true))
	moved := false
	defer func() {
		if !moved {
			heap.Free(b.ref, b.size)
		}
	}()
	b.length = n
	copy(heap.Bytes(b.ref, n), it.rec.value())
	shape.valLen, shape.flags = blockSize, shape.flags|inBlock
	it.reshape(shape)
	b.write(it.rec.value())
	moved = true
	return heap.Bytes(b.ref, n)
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
	db.setBlob(key, enc, value, at)
}

// NewString makes an empty string under a key that is not there.
func (db *DB) NewString(key []byte) Item {
	return db.createBlob(key, TypeString, EncRaw, nil, NoExpiry)
}

// PutRaw gives key, which holds the string it, or nothing if it is nil, a string encoded as raw, whose bytes are copied and may be a
// part of it. An expiry stays. it is not to be used afterwards.
func (db *DB) PutRaw(key []byte, it *Item, value []byte) {
	switch {
	case it != nil && len(value) == it.TextLen():
		db.WriteString(it, 0, value)
	case len(value) > db.s.bigString || it != nil && it.isBig():
		b := db.shardOf(key).newBig()
		defer b.dropUnowned()
		b.rope().Write(0, value)
		if it == nil {
			db.createBig(key, b, NoExpiry)
		} else {
			db.replaceBig(it, b, it.Expiry())
		}
	case it == nil:
		db.createBlob(key, TypeString, EncRaw, value, NoExpiry)
	default:
		db.replaceBlob(it, TypeString, EncRaw, value, it.Expiry())
	}
}

// buildStep is how many bytes of a string BuildString has written at a time: few enough for a processor's nearest cache.
const buildStep = 32 << 10

// BuildString gives key a string of n bytes in place of whatever it held, encoded as raw and with no expiry. fill writes them: it is called with
// one piece after the other, in place, and with where in the string it begins. Until it has written the last one nothing has
// changed, and items found before, the key's own value among them, can be read; afterwards they are not to be used. An error of
// fill's ends the building and is returned.
func (db *DB) BuildString(key []byte, n int, fill func(off int, piece []byte) error) error {
	if inline(len(key), n) {
		value := make([]byte, n)
		if err := fill(0, value); err != nil {
			return err
		}
		db.setBlob(key, EncRaw, value, NoExpiry)
		return nil
	}
	db.lookup(key) // a dead key goes before memory is taken
	if n > db.s.bigString {
		return db.buildText(key, n, NoExpiry, inSteps(fill))
	}
	heap := db.place(key).heap
	b := newBlock(heap, n)
	built := false
	defer func() {
		if !built {
			heap.Free(b.ref, b.size)
		}
	}()
	value := heap.Bytes(b.ref, n)
	for off := 0; off < n; off += buildStep {
		if err := fill(off, value[off:min(off+buildStep, n)]); err != nil {
			return err
		}
	}
	db.setBlock(key, b)
	built = true
	return nil
}

// inSteps has fill called with pieces of up to buildStep bytes.
func inSteps(fill func(off int, piece []byte) error) func(off int, piece []byte) error {
	return func(off int, piece []byte) error {
		for ; len(piece) > buildStep; off, piece = off+buildStep, piece[buildStep:] {
			if err := fill(off, piece[:buildStep]); err != nil {
				return err
			}
		}
		return fill(off, piece)
	}
}

// setBlock gives key a string that lies in a block, in place of whatever it held.
func (db *DB) setBlock(key []byte, b block) {
	shape := recordShape{typ: TypeString, enc: EncRaw, valLen: blockSize, flags: inBlock}
	var address [blockSize]byte
	b.write(address[:])
	it, ok := db.lookup(key)
	if !ok {
		it = db.create(key, shape)
		copy(it.rec.value(), address[:])
		return
	}
	_, shape.keyLen = it.rec.keyAt()
	db.displace(&it)
	db.replace(&it, shape, address[:])
	it.rec.setAccess(db.freshAccess())
}
