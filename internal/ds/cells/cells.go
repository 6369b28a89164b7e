// SPDX-License-Identifier: BSD-3-Clause

// Package cells is a block of an array: texts that are found by a number, in the order of their numbers. It lies off the Go heap, in
// memory of its owner's, and moves by a copy.
//
// Terms:
//
//   - A cell is a text and its number, the index. A text that reads as an integer, and prints as it was written, is kept as one.
//   - The block's room is the memory that it has, its size what it uses of that.
//   - A Change is a cell to be written or taken away: worked out first, so that its owner can see to it that there is room.
//
// The cells follow a header, in ascending order, each as the distance of its index from the one before (0 for the first), a number that
// says what follows, and the text's bytes:
//
//	n<<1    a text of n bytes
//	z<<1|1  nothing: it is the integer whose zigzag code is z
//
// Invariants: a block has one cell at least; no two have the same index.
package cells

import (
	"encoding/binary"
	"unsafe"

	"github.com/redpoll/redpoll/internal/num"
)

// Block is a block with all of its room.
type Block []byte

// header is what a block begins with.
type header struct {
	room, size  int64
	first, last uint64 // indices
	n           int64
}

// HeaderSize is the bytes of a block that are not cells.
const HeaderSize = int(unsafe.Sizeof(header{}))

func (b Block) header() *header { return (*header)(unsafe.Pointer(unsafe.SliceData(b))) }

// RoomAt gives the room of the block at an address.
func RoomAt(p unsafe.Pointer) int { return int((*header)(p).room) }

// Room, Size and Len tell the block's bytes, those of them in use, and its number of cells.
func (b Block) Room() int { return int(b.header().room) }

// Size tells how many bytes are in use; see Room.
func (b Block) Size() int { return int(b.header().size) }

// Len tells how many cells there are.
func (b Block) Len() int { return int(b.header().n) }

// SetRoom says how much room there is, for a block that was copied.
func (b Block) SetRoom(room int) { b.header().room = int64(room) }

// First gives the least index.
func (b Block) First() uint64 { return b.header().first }

// Last gives the greatest index.
func (b Block) Last() uint64 { return b.header().last }

// Cell is a cell in place, valid until the block changes.
type Cell struct {
	Index uint64
	Bytes []byte // the text; nil for an integer, never nil for a text
	Int   int64  // the integer when Bytes is nil

	at, text, end int // where the cell begins, what follows the distance, and where the next cell begins
}

// Walk goes through the cells of a block.
type Walk struct {
	b     Block
	at    int
	index uint64
}

// Walk begins to go through the cells.
func (b Block) Walk() Walk { return Walk{b: b[:b.Size()], at: HeaderSize, index: b.First()} }

// Next makes c the next cell; false at the end, where c is behind the last one.
func (w *Walk) Next(c *Cell) bool {
	c.at = w.at
	if w.at == len(w.b) {
		c.end = w.at
		return false
	}
	distance, at := number(w.b, w.at)
	w.index += distance
	c.Index, c.text = w.index, at
	code, at := number(w.b, at)
	if code&1 != 0 {
		z := code >> 1
		c.Bytes, c.Int = nil, int64(z>>1)^-int64(z&1)
	} else {
		n := int(code >> 1)
		c.Bytes = w.b[at : at+n : at+n]
		at += n
	}
	c.end, w.at = at, at
	return true
}

// number reads a number, and tells where it ends. Most are of one byte.
func number(b []byte, at int) (v uint64, end int) {
	if v := b[at]; v < 0x80 {
		return uint64(v), at + 1
	}
	v, n := binary.Uvarint(b[at:])
	return v, at + n
}

// Find makes c the first cell whose index is not below the given one, and tells whether that is its index. before is the index of the
// cell before it. If there is no such cell, c is behind the last one.
func (b Block) Find(index uint64, c *Cell) (before uint64, found bool) {
	w := b.Walk()
	before = b.First()
	for w.Next(c) {
		if c.Index >= index {
			return before, c.Index == index
		}
		before = c.Index
	}
	return before, false
}

// maxIntCode is beyond what an integer may have as its zigzag code, for which there are 63 bits.
const maxIntCode = 1 << 63

// Change is a change of a block: what lies in a part of it is replaced. It refers to the text, which must not be part of the block.
type Change struct {
	at, cut     int // the part
	lead        [2 * binary.MaxVarintLen64]byte
	text        []byte // behind the lead
	tail        [binary.MaxVarintLen64]byte
	nLead       int
	nTail       int
	first, last uint64
	n           int // cells more
}

// Size tells by how many bytes the block becomes longer.
func (c *Change) Size() int { return c.nLead + len(c.text) + c.nTail - c.cut }

// putText has the change write what a cell has besides its distance.
func (c *Change) putText(text []byte) {
	if v, ok := num.ParseInt(text); ok {
		if z := uint64(v<<1) ^ uint64(v>>63); z < maxIntCode {
			c.nLead += binary.PutUvarint(c.lead[c.nLead:], z<<1|1)
			return
		}
	}
	c.nLead += binary.PutUvarint(c.lead[c.nLead:], uint64(len(text))<<1)
	c.text = text
}

// FirstSize gives the bytes of a block with one cell of that text.
func FirstSize(text []byte) int {
	var c Change
	c.nLead = 1
	c.putText(text)
	return HeaderSize + c.Size()
}

// Begin makes a block of one cell, all of whose bytes are its room; see FirstSize.
func Begin(b Block, index uint64, text []byte) {
	*b.header() = header{room: int64(len(b)), size: int64(HeaderSize), first: index, last: index}
	c := Change{at: HeaderSize, nLead: 1, first: index, last: index, n: 1}
	c.putText(text)
	b.Make(&c)
}

// Put works out how a cell is written, in place of the one with the same index if there is one; added tells that there is none.
func (b Block) Put(index uint64, text []byte) (c Change, added bool) {
	h := b.header()
	c.first, c.last = min(h.first, index), max(h.last, index)
	if index > h.last {
		c.at = int(h.size)
		c.nLead = binary.PutUvarint(c.lead[:], index-h.last)
		c.putText(text)
		c.n = 1
		return c, true
	}
	var cell Cell
	before, found := b.Find(index, &cell)
	if found {
		c.at, c.cut = cell.text, cell.end-cell.text
		c.putText(text)
		return c, false
	}
	c.at, c.cut, c.n = cell.at, cell.text-cell.at, 1
	if cell.at == HeaderSize {
		before = index
	}
	c.nLead = binary.PutUvarint(c.lead[:], index-before)
	c.putText(text)
	c.nTail = binary.PutUvarint(c.tail[:], cell.Index-index)
	return c, true
}

// Delete works out how cells are taken away: those from one index up to another, of which there is one at least, but not all cells.
func (b Block) Delete(from, to uint64) (c Change) {
	h := b.header()
	c.first, c.last = h.first, h.last
	var cell Cell
	before, _ := b.Find(from, &cell)
	c.at = cell.at
	w := Walk{b: b[:b.Size()], at: cell.at, index: before}
	for w.Next(&cell) {
		if cell.Index > to {
			c.cut = cell.text - c.at
			distance := cell.Index - before
			if c.at == HeaderSize {
				distance, c.first = 0, cell.Index
			}
			c.nTail = binary.PutUvarint(c.tail[:], distance)
			return c
		}
		c.n--
	}
	c.cut, c.last = b.Size()-c.at, before
	return c
}

// Make makes a change that was worked out for the block as it is, which has the room.
func (b Block) Make(c *Change) {
	size := b.Size()
	copy(b[c.at+c.cut+c.Size():size+c.Size()], b[c.at+c.cut:size])
	c.write(b)
}

// MakeIn makes the change of a copy of the block in to, all of whose bytes are its room.
func (b Block) MakeIn(to Block, c *Change) {
	copy(to, b[:c.at])
	copy(to[c.at+c.cut+c.Size():], b[c.at+c.cut:b.Size()])
	to.SetRoom(len(to))
	c.write(to)
}

// write writes what stands where the part was, and the header anew.
func (c *Change) write(b Block) {
	at := c.at + copy(b[c.at:], c.lead[:c.nLead])
	at += copy(b[at:], c.text)
	copy(b[at:], c.tail[:c.nTail])
	h := b.header()
	h.size, h.n = h.size+int64(c.Size()), h.n+int64(c.n)
	h.first, h.last = c.first, c.last
}

// Split tells where a block of two cells at least is halved, and how many bytes the second half takes as a block of its own.
func (b Block) Split() (at uint64, size int) {
	w, middle := b.Walk(), (HeaderSize+b.Size())/2
	var c Cell
	for w.Next(&c) && (c.at < middle || c.at == HeaderSize) && c.Index != b.Last() {
	}
	return c.Index, HeaderSize + 1 + b.Size() - c.text
}

// MoveTail makes to, all of whose bytes are its room, a block of the cells from an index on, which is not the first one; they stay in b, too.
func (b Block) MoveTail(to Block, from uint64) {
	var c Cell
	b.Find(from, &c)
	*to.header() = header{room: int64(len(to)), first: c.Index, last: b.Last()}
	to[HeaderSize] = 0
	size := HeaderSize + 1 + copy(to[HeaderSize+1:], b[c.text:b.Size()])
	to.header().size = int64(size)
	w := Walk{b: to[:size], at: HeaderSize}
	for w.Next(&c) {
		to.header().n++
	}
}

// Cells tells how many cells more there are after the change.
func (c *Change) Cells() int { return c.n }

// Back goes through the cells of a block from the last to the first. It is large, and to be used again.
type Back struct {
	b      Block
	places []place
}

// place tells where a cell begins, and the index of the one before it.
type place struct {
	at     int
	before uint64
}

// Begin begins at the last cell of a block.
func (w *Back) Begin(b Block) {
	w.b, w.places = b, w.places[:0]
	forth, before := b.Walk(), b.First()
	var c Cell
	for forth.Next(&c) {
		w.places = append(w.places, place{c.at, before})
		before = c.Index
	}
}

// Next makes c the cell before; false at the beginning.
func (w *Back) Next(c *Cell) bool {
	n := len(w.places) - 1
	if n < 0 {
		return false
	}
	at := w.places[n]
	w.places = w.places[:n]
	forth := Walk{b: w.b[:w.b.Size()], at: at.at, index: at.before}
	return forth.Next(c)
}
