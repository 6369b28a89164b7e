// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"encoding/binary"
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/num"
)

// Block is a block's bytes: those in use at least, all that it was allocated with where something is to be added.
type Block []byte

// Places of the header's parts.
const (
	atRoom   = 0  // 4 bytes: what the block was allocated with
	atEnd    = 4  // 4 bytes: where the entries end
	atLive   = 8  // 4 bytes: entries
	atDead   = 12 // 4 bytes: tombstones
	atPacked = 16 // 4 bytes: see Block.PackedSize; without those of the two counts
	atMaster = 20 // 16 bytes: the master ID

	headerSize = 36 // the number of the master's fields follows, and these
)

func (b Block) word(at int) int   { return int(binary.LittleEndian.Uint32(b[at:])) }
func (b Block) setWord(at, n int) { binary.LittleEndian.PutUint32(b[at:], uint32(n)) }
func (b Block) id(at int) ID {
	return ID{binary.LittleEndian.Uint64(b[at:]), binary.LittleEndian.Uint64(b[at+8:])}
}
func (b Block) setID(at int, id ID) {
	binary.LittleEndian.PutUint64(b[at:], id.Ms)
	binary.LittleEndian.PutUint64(b[at+8:], id.Seq)
}

// RoomAt gives the bytes that the block at an address was allocated with.
func RoomAt(p unsafe.Pointer) int { return int(binary.LittleEndian.Uint32((*[4]byte)(p)[:])) }

// Room gives the bytes that the block was allocated with.
func (b Block) Room() int { return b.word(atRoom) }

// SetRoom notes what a block is allocated with, to which it has been copied.
func (b Block) SetRoom(n int) { b.setWord(atRoom, n) }

// Size gives the bytes in use.
func (b Block) Size() int { return b.word(atEnd) + trailerSize(b.Master(), b.Last()) }

// Live tells how many entries there are.
func (b Block) Live() int { return b.word(atLive) }

// Len tells how many entries and tombstones there are.
func (b Block) Len() int { return b.word(atLive) + b.word(atDead) }

// Master gives the ID that Redis would file the block under: that of the first entry or tombstone there was.
func (b Block) Master() ID { return b.id(atMaster) }

// Last gives the ID of the last entry or tombstone.
func (b Block) Last() ID {
	at, id := b.word(atEnd), b.Master()
	ms, n := uvarint(b, at)
	seq, _ := uvarint(b, at+n)
	return ID{id.Ms + ms, seq}
}

// putTrailer writes the ID of the last entry behind it, and gives the size of that.
func putTrailer(b []byte, master, last ID) int {
	n := binary.PutUvarint(b, last.Ms-master.Ms)
	return n + binary.PutUvarint(b[n:], last.Seq)
}

func trailerSize(master, last ID) int { return uvarintSize(last.Ms-master.Ms) + uvarintSize(last.Seq) }

// fields tells how many fields the master has, and where they begin.
func (b Block) fields() (n, at int) {
	count, w := uvarint(b, headerSize)
	return int(count), headerSize + w
}

// PackedSize gives the bytes that Redis's listpack of the same entries has.
func (b Block) PackedSize() int {
	return b.word(atPacked) + intSize(b.word(atLive)) + intSize(b.word(atDead))
}

// intSize gives the bytes that a number takes in a listpack.
func intSize(n int) int { return listpack.Int(int64(n)).Size() }

// Begin makes b, which is as long as FirstSize says at least, a block with one entry, of those fields and values by turns.
func Begin(b Block, id ID, pairs [][]byte) {
	n := len(pairs) / 2
	b.setWord(atRoom, len(b))
	b.setWord(atLive, 0)
	b.setWord(atDead, 0)
	b.setID(atMaster, id)
	at, packed := headerSize, listpack.EmptySize+intSize(n)+intSize(0)
	at += binary.PutUvarint(b[at:], uint64(n))
	for i := 0; i < len(pairs); i += 2 {
		v := valueOf(pairs[i])
		at += v.put(b[at:])
		packed += v.packed()
	}
	b.setWord(atEnd, at)
	b.setWord(atPacked, packed)
	a := Addition{id: id, before: before(id), pairs: pairs}
	a.plan(id, n)
	a.measure()
	b.Add(&a)
}

// before gives the ID that the entry with the master ID counts as following.
func before(master ID) ID { return ID{master.Ms, master.Seq - 1} }

// FirstSize gives the bytes that a block takes with one entry.
func FirstSize(id ID, pairs [][]byte) int {
	n := headerSize + uvarintSize(uint64(len(pairs)/2)) + tagSize + trailerSize(id, id)
	for _, text := range pairs {
		v := valueOf(text)
		n += v.size()
	}
	return n
}

// Addition is what there is to know of an entry before it is added to a block.
type Addition struct {
	id     ID
	before ID // that of the entry before it
	pairs  [][]byte
	tag    byte
	size   int // bytes in the block
	packed int // bytes in the listpack
}

// Size gives the bytes by which the block grows.
func (a *Addition) Size() int { return a.size }

// Plan works out what adding an entry to the block takes. Its ID is greater than Last. pairs are fields and values by turns, and are
// kept until it is added.
func (b Block) Plan(id ID, pairs [][]byte) Addition {
	a := Addition{id: id, before: b.Last(), pairs: pairs}
	if !b.masters(pairs) {
		a.tag = ownFields
	}
	master := b.Master()
	a.size = trailerSize(master, id) - trailerSize(master, a.before)
	a.plan(master, len(pairs)/2)
	a.measure()
	return a
}

// plan adds what an entry of n pairs takes besides them.
func (a *Addition) plan(master ID, n int) {
	var room [maxHead]byte
	a.size += putHead(room[:], a.tag, a.before, a.id)
	flags, pieces := sameFields, n+fixedPieces
	if a.tag&ownFields != 0 {
		a.size += uvarintSize(uint64(n))
		a.packed += intSize(n)
		flags, pieces = 0, 2*n+1+fixedPieces
	}
	if a.tag&deleted != 0 {
		flags |= isDeleted
	}
	a.packed += intSize(flags) + intSize(int(a.id.Ms-master.Ms)) + intSize(int(a.id.Seq-master.Seq)) + intSize(pieces)
}

// measure adds what its texts take.
func (a *Addition) measure() {
	for i, text := range a.pairs {
		if i%2 == 0 && a.tag&ownFields == 0 {
			continue
		}
		v := valueOf(text)
		a.size += v.size()
		a.packed += v.packed()
	}
}

// masters tells whether the fields are the master's.
func (b Block) masters(pairs [][]byte) bool {
	n, at := b.fields()
	if n != len(pairs)/2 {
		return false
	}
	for i := 0; i < len(pairs); i += 2 {
		v, next := readValue(b, at)
		if !equal(v, pairs[i]) {
			return false
		}
		at = next
	}
	return true
}

func equal(v listpack.Entry, text []byte) bool {
	if v.Bytes != nil {
		return string(v.Bytes) == string(text)
	}
	n, ok := num.ParseInt(text)
	return ok && n == v.Int
}

// Add adds an entry, for which there is room. It was planned for this block, or one that this is a copy of.
func (b Block) Add(a *Addition) {
	at := b.word(atEnd)
	at += putHead(b[at:], a.tag, a.before, a.id)
	if a.tag&ownFields != 0 {
		at += binary.PutUvarint(b[at:], uint64(len(a.pairs)/2))
	}
	for i, text := range a.pairs {
		if i%2 == 0 && a.tag&ownFields == 0 {
			continue
		}
		v := valueOf(text)
		at += v.put(b[at:])
	}
	b.setWord(atEnd, at)
	b.setWord(atPacked, b.word(atPacked)+a.packed)
	b.setWord(atLive, b.word(atLive)+1)
	putTrailer(b[at:], b.Master(), a.id)
}

// Delete makes the entry a tombstone.
func (b Block) Delete(e *Entry) {
	b[e.at] |= deleted
	b.setWord(atLive, b.word(atLive)-1)
	b.setWord(atDead, b.word(atDead)+1)
}
