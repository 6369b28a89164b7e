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
	atSize   = 4  // 4 bytes: those of them that are in use
	atLive   = 8  // 4 bytes: entries
	atDead   = 12 // 4 bytes: tombstones
	atPacked = 16 // 4 bytes: see Block.PackedSize; without those of the two counts
	atStart  = 20 // 4 bytes: where the entries begin
	atFields = 24 // 4 bytes: the master's fields
	atMaster = 28 // 16 bytes: the master ID
	atLast   = 44 // 16 bytes: the ID of the last entry or tombstone

	headerSize = 60 // the master's fields follow
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
func (b Block) Size() int { return b.word(atSize) }

// Live tells how many entries there are.
func (b Block) Live() int { return b.word(atLive) }

// Len tells how many entries and tombstones there are.
func (b Block) Len() int { return b.word(atLive) + b.word(atDead) }

// Master gives the ID that Redis would file the block under: that of the first entry or tombstone there was.
func (b Block) Master() ID { return b.id(atMaster) }

// Last gives the ID of the last entry or tombstone.
func (b Block) Last() ID { return b.id(atLast) }

// PackedSize gives the bytes that Redis's listpack of the same entries has.
func (b Block) PackedSize() int {
	return b.word(atPacked) + intSize(b.word(atLive)) + intSize(b.word(atDead))
}

// intSize gives the bytes that a number takes in a listpack.
func intSize(n int) int { return listpack.Int(int64(n)).Size() }

// Begin makes b, which is as long as FirstSize says at least, a block without entries that begins with an entry of that ID and those
// fields and values by turns, which is yet to be added.
func Begin(b Block, id ID, pairs [][]byte) {
	b.setWord(atRoom, len(b))
	b.setWord(atLive, 0)
	b.setWord(atDead, 0)
	b.setWord(atFields, len(pairs)/2)
	b.setID(atMaster, id)
	id.Seq-- // what the first entry follows
	b.setID(atLast, id)
	at, packed := headerSize, listpack.EmptySize+intSize(len(pairs)/2)+intSize(0)
	for i := 0; i < len(pairs); i += 2 {
		v := valueOf(pairs[i])
		at += v.put(b[at:])
		packed += v.packed()
	}
	b.setWord(atStart, at)
	b.setWord(atSize, at)
	b.setWord(atPacked, packed)
}

// FirstSize gives the bytes that a block takes with one entry.
func FirstSize(pairs [][]byte) int {
	n := headerSize + tagSize
	for _, text := range pairs {
		v := valueOf(text)
		n += v.size()
	}
	return n
}

// Addition is what there is to know of an entry before it is added to a block.
type Addition struct {
	id     ID
	pairs  [][]byte
	tag    byte
	size   int
	packed int
}

// Size gives the bytes that the entry takes.
func (a *Addition) Size() int { return a.size }

// Plan works out what adding an entry to the block takes. Its ID is greater than Last. pairs are fields and values by turns, and are
// kept until it is added.
func (b Block) Plan(id ID, pairs [][]byte) Addition {
	a := Addition{id: id, pairs: pairs}
	n := len(pairs) / 2
	if !b.masters(pairs) {
		a.tag = ownFields
	}
	a.plan(b, n)
	for i, text := range pairs {
		if i%2 == 0 && a.tag&ownFields == 0 {
			continue
		}
		v := valueOf(text)
		a.size += v.size()
		a.packed += v.packed()
	}
	return a
}

// plan works out what an entry of n pairs takes besides them.
func (a *Addition) plan(b Block, n int) {
	var room [maxHead]byte
	head, master := putHead(room[:], a.tag, b.Last(), a.id), b.Master()
	a.size += head
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

// masters tells whether the fields are the master's.
func (b Block) masters(pairs [][]byte) bool {
	if b.word(atFields) != len(pairs)/2 {
		return false
	}
	at := headerSize
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
	at := b.Size()
	at += putHead(b[at:], a.tag, b.Last(), a.id)
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
	b.setWord(atSize, at)
	b.setWord(atPacked, b.word(atPacked)+a.packed)
	b.setWord(atLive, b.word(atLive)+1)
	b.setID(atLast, a.id)
}

// Delete makes the entry a tombstone.
func (b Block) Delete(e *Entry) {
	b[e.at] |= deleted
	b.setWord(atLive, b.word(atLive)-1)
	b.setWord(atDead, b.word(atDead)+1)
}
