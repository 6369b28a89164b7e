// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"encoding/binary"
	"strings"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

// A record is one allocation:
//
//	0  kind     low four bits the type, high four the encoding
//	1  flags    see below
//	2  keyLen   the key's length; with longKey 255 and the length is the word after the expiry
//	3  access   3 bytes: idle clock in seconds (LRU), or minutes and a counter (LFU), little-endian
//	6  valLen   2 bytes, little-endian: bytes of the value's part that lies in the record
//	8  [expiry] 8 bytes with hasExpiry: Unix milliseconds
//	   [keyLen] 4 bytes with longKey
//	   key
//	   value    the value itself; an int's 8 bytes; the root of a value of many blocks (see body.go), fieldTimes behind that of
//	         a hash if fields of it expire; or with inBlock a block's address, length and capacity; or with isBig the value's
//	         number (see big.go)
//
// Invariants: the size of the allocation follows from the header alone (Record.size); the value's part starts anywhere,
// so it is read with encoding/binary or copied, never through a typed pointer, but for a root, which is aligned by padding
// the key (see pad).
const (
	headerSize = 8
	expirySize = 8
	longSize   = 4
	blockSize  = 24 // address, length, capacity of a value that lies outside

	maxShortKey = 254
)

// MaxKey is the most bytes that a key can have.
const MaxKey = 512 << 20

// Flags of a record.
const (
	hasExpiry = 1 << iota
	parity    // of the last walk that has seen the record; see walk.go
	longKey
	inBlock // the value lies in a block of its own, kept as address, length and capacity
	isBig   // the value has a heap of its own, kept as a number; see big.go
)

// maxInline is the largest value (with its key) that lies in the record itself; larger ones get a block, so that growing
// them does not copy the key and a rename need not copy the value.
const maxInline = 8 << 10

// Type is a value's type as TYPE names it.
type Type uint8

// Types in the order of the RDB format's object types.
const (
	TypeString Type = iota
	TypeList
	TypeSet
	TypeZSet
	TypeHash
	TypeStream
	TypeArray
	numTypes
)

// String gives the name that TYPE replies.
func (t Type) String() string {
	return [numTypes]string{"string", "list", "set", "zset", "hash", "stream", "array"}[t]
}

// TypeNamed gives the type that TYPE calls so, in any case; false when there is none.
func TypeNamed(name string) (Type, bool) {
	for t := range numTypes {
		if strings.EqualFold(name, t.String()) {
			return t, true
		}
	}
	return 0, false
}

// Encoding is how a value is laid out, as OBJECT ENCODING names it.
type Encoding uint8

// Encodings; EncTable is a dict whose root lies in the record. A hash with fields that expire, or that once had some, is of
// EncListpackEx (see ds/pairs, timed blobs) or EncTable. Those from EncTable on may have elements that expire.
const (
	EncRaw Encoding = iota
	EncEmbstr
	EncInt
	EncListpack
	EncIntset    // a set
	EncArray     // an array
	EncStream    // a stream
	EncQuicklist // a list of several blocks
	EncSkiplist  // a large sorted set
	EncTable
	EncListpackEx
	numEncodings
)

// String gives the name that OBJECT ENCODING replies.
func (e Encoding) String() string {
	return [numEncodings]string{
		"raw", "embstr", "int", "listpack", "intset", "sliced-array", "stream", "quicklist", "skiplist", "hashtable", "listpackex",
	}[e]
}

// record reads a record in place. It is a pointer into off-heap memory.
type record struct{ p unsafe.Pointer }

func (r record) byteAt(off int) *byte       { return (*byte)(unsafe.Add(r.p, off)) }
func (r record) bytes(off, n int) []byte    { return unsafe.Slice((*byte)(unsafe.Add(r.p, off)), n) }
func (r record) typ() Type                  { return Type(*r.byteAt(0) & 15) }
func (r record) encoding() Encoding         { return Encoding(*r.byteAt(0) >> 4) }
func (r record) setKind(t Type, e Encoding) { *r.byteAt(0) = byte(t) | byte(e)<<4 }
func (r record) flags() byte                { return *r.byteAt(1) }
func (r record) has(flag byte) bool         { return *r.byteAt(1)&flag != 0 }
func (r record) valLen() int                { return int(binary.LittleEndian.Uint16(r.bytes(6, 2))) }
func (r record) setValLen(n int)            { binary.LittleEndian.PutUint16(r.bytes(6, 2), uint16(n)) }

func (r record) access() uint32 {
	b := r.bytes(3, 3)
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
}

func (r record) setAccess(v uint32) {
	b := r.bytes(3, 3)
	b[0], b[1], b[2] = byte(v), byte(v>>8), byte(v>>16)
}

// expiry gives the Unix milliseconds at which the key dies, 0 when it does not.
func (r record) expiry() int64 {
	if !r.has(hasExpiry) {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(r.bytes(headerSize, expirySize)))
}

func (r record) setExpiry(at int64) {
	binary.LittleEndian.PutUint64(r.bytes(headerSize, expirySize), uint64(at))
}

// keyAt gives the key's place and length.
func (r record) keyAt() (off, n int) {
	off, n = headerSize, int(*r.byteAt(2))
	f := r.flags()
	if f&hasExpiry != 0 {
		off += expirySize
	}
	if f&longKey != 0 {
		n = int(binary.LittleEndian.Uint32(r.bytes(off, longSize)))
		off += longSize
	}
	return off, n
}

func (r record) key() []byte {
	off, n := r.keyAt()
	return r.bytes(off, n)
}

// value gives the part of the value that lies in the record.
func (r record) value() []byte {
	off, n := r.keyAt()
	return r.bytes(off+n+r.pad(off+n), r.valLen())
}

// pad gives the bytes between key and value: a root is aligned, all else follows at once.
func (r record) pad(end int) int {
	if r.encoding().rooted() {
		return -end & 7
	}
	return 0
}

// size gives the bytes that the record was allocated with.
func (r record) size() int {
	off, n := r.keyAt()
	end := off + n
	return end + r.pad(end) + r.valLen()
}

// recordShape is what decides a record's layout, before it exists.
type recordShape struct {
	typ    Type
	enc    Encoding
	keyLen int
	valLen int
	expiry int64
	flags  byte // of inBlock, isBig and parity
}

func (s recordShape) size() int {
	n := headerSize + s.keyLen
	if s.expiry != 0 {
		n += expirySize
	}
	if s.keyLen > maxShortKey {
		n += longSize
	}
	if s.enc.rooted() {
		n += -n & 7
	}
	return n + s.valLen
}

// write lays the header and the key out at p; the value's part is the caller's to fill.
func (s recordShape) write(p unsafe.Pointer, key []byte, access uint32) record {
	r := record{p}
	r.setKind(s.typ, s.enc)
	flags := s.flags &^ (hasExpiry | longKey)
	off := headerSize
	if s.expiry != 0 {
		flags |= hasExpiry
		r.setExpiry(s.expiry)
		off += expirySize
	}
	*r.byteAt(2) = byte(s.keyLen)
	if s.keyLen > maxShortKey {
		flags |= longKey
		*r.byteAt(2) = 255
		binary.LittleEndian.PutUint32(r.bytes(off, longSize), uint32(s.keyLen))
		off += longSize
	}
	*r.byteAt(1) = flags
	r.setAccess(access)
	r.setValLen(s.valLen)
	copy(r.bytes(off, s.keyLen), key)
	return r
}

// recordKey is the dict's way to a record's key.
func recordKey(h *mem.Heap, e mem.Ref) []byte { return record{h.Pointer(e)}.key() }

// block is a value that lies outside of its record.
type block struct {
	ref    mem.Ref
	length int
	size   int // as allocated
}

func readBlock(v []byte) block {
	return block{
		ref:    mem.Ref(binary.LittleEndian.Uint64(v)),
		length: int(binary.LittleEndian.Uint64(v[8:])),
		size:   int(binary.LittleEndian.Uint64(v[16:])),
	}
}

func (b block) write(v []byte) {
	binary.LittleEndian.PutUint64(v, uint64(b.ref))
	binary.LittleEndian.PutUint64(v[8:], uint64(b.length))
	binary.LittleEndian.PutUint64(v[16:], uint64(b.size))
}
