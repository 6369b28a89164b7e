// SPDX-License-Identifier: BSD-3-Clause

package entries

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/num"
)

// Redis's listpack of a block is: the number of entries, that of tombstones, that of the master's fields, these fields, and a 0. Then
// for each entry or tombstone: flags, the differences of Ms and of Seq from the master ID, the number of its fields and fields and values
// by turns, or the values alone if the fields are the master's, and the number of pieces that it has consisted of till here.

// ErrCorrupt is the error for bytes that are no block's listpack.
var ErrCorrupt = errors.New("entries: corrupt")

// AppendListpack appends the listpack that Redis has in the place of a block to dst.
func AppendListpack(dst []byte, b Block) []byte {
	p := packer{b: dst, from: len(dst)}
	p.b = append(p.b, make([]byte, listpack.HeaderSize)...)
	fields, at := b.fields()
	p.int(int64(b.word(atLive)))
	p.int(int64(b.word(atDead)))
	p.int(int64(fields))
	for range fields {
		var v listpack.Entry
		v, at = readValue(b, at)
		p.put(v.Value())
	}
	p.int(0)
	master := b.Master()
	var e Entry
	for w := b.Walk(); w.Next(&e); {
		p.entry(&e, master)
	}
	p.b = append(p.b, 0)
	listpack.Seal(p.b[p.from:], p.n)
	return p.b
}

// packer writes a listpack.
type packer struct {
	b    []byte
	from int // where the listpack begins
	n    int // pieces
}

func (p *packer) put(v listpack.Value) {
	at, size := len(p.b), v.Size()
	p.b = slices.Grow(p.b, size)[:at+size]
	v.Put(p.b[at:])
	p.n++
}

func (p *packer) int(n int64) { p.put(listpack.Int(n)) }

func (p *packer) entry(e *Entry, master ID) {
	flags := int64(sameFields)
	if e.own() {
		flags = 0
	}
	if e.Deleted() {
		flags |= isDeleted
	}
	from := p.n
	p.int(flags)
	p.int(int64(e.id.Ms - master.Ms))
	p.int(int64(e.id.Seq - master.Seq))
	if e.own() {
		p.int(int64(e.n))
	}
	for pairs := e.Pairs(); ; {
		field, value, ok := pairs.Next()
		if !ok {
			break
		}
		if e.own() {
			p.put(field.Value())
		}
		p.put(value.Value())
	}
	p.int(int64(p.n - from))
}

// FromListpack makes a block of a listpack that Redis files under a master ID. It may come from anywhere; the error is ErrCorrupt if it
// is not one of a stream, or IDs are not in their order. The block is as long as it is in use and lies on the Go heap, in room if that
// has the capacity.
func FromListpack(room Block, master ID, lp []byte) (Block, error) {
	if listpack.Validate(lp) != nil {
		return nil, ErrCorrupt
	}
	u := unpacker{lp: lp, at: listpack.First(lp)}
	all := u.count() // entries,
	all += u.count() // and tombstones
	fields := u.count()
	if u.bad || all < 1 || all > len(lp) || fields > len(lp) {
		return nil, ErrCorrupt
	}
	u.b = append(room[:0], make(Block, headerSize)...)
	u.b.setID(atMaster, master)
	u.b = binary.AppendUvarint(u.b, uint64(fields))
	u.texts(fields)
	if u.int() != 0 {
		return nil, ErrCorrupt
	}
	last := before(master)
	for i := range all {
		id := u.entry(fields, master, last)
		if u.bad || id == (ID{}) || i == 0 && id.Less(master) || i > 0 && !last.Less(id) {
			return nil, ErrCorrupt
		}
		last = id
	}
	if u.at != 0 || uint64(len(u.b)) > math.MaxUint32 {
		return nil, ErrCorrupt
	}
	end := len(u.b)
	b := append(u.b, make([]byte, trailerSize(master, last))...)
	putTrailer(b[end:], master, last)
	b.setWord(atLive, u.live)
	b.setWord(atDead, all-u.live)
	b.setWord(atEnd, end)
	b.setWord(atRoom, len(b))
	b.setWord(atPacked, b.packedSize())
	return b, nil
}

// unpacker reads a listpack, and writes a block.
type unpacker struct {
	lp   []byte
	at   int // 0: at the end
	b    Block
	live int
	bad  bool
}

// next gives the next piece.
func (u *unpacker) next() (e listpack.Entry) {
	if u.at == 0 {
		u.bad = true
		return e
	}
	e, u.at = listpack.Read(u.lp, u.at)
	return e
}

// int gives the next piece, which is a number, if it is one as a text.
func (u *unpacker) int() int64 {
	e := u.next()
	if e.Bytes == nil {
		return e.Int
	}
	n, ok := num.ParseInt(e.Bytes)
	u.bad = u.bad || !ok
	return n
}

// count gives the next piece, which is a number of things that are in the listpack.
func (u *unpacker) count() int {
	n := u.int()
	if n < 0 || n > int64(len(u.lp)) {
		u.bad = true
		return 0
	}
	return int(n)
}

// texts takes n texts over.
func (u *unpacker) texts(n int) {
	for ; n > 0 && !u.bad; n-- {
		v := valueOfEntry(u.next())
		at := len(u.b)
		u.b = append(u.b, make([]byte, v.size())...)
		v.put(u.b[at:])
	}
}

// entry takes an entry over that follows another and gives its ID.
func (u *unpacker) entry(fields int, master, before ID) ID {
	flags := u.int()
	id := ID{master.Ms + uint64(u.int()), master.Seq + uint64(u.int())}
	tag, texts, pieces := byte(0), fields, fields+fixedPieces
	if flags&sameFields == 0 {
		n := u.count()
		tag, texts, pieces, fields = ownFields, 2*n, 2*n+1+fixedPieces, n
	}
	if flags&isDeleted != 0 {
		tag |= deleted
	} else {
		u.live++
	}
	var room [maxHead]byte
	u.b = append(u.b, room[:putHead(room[:], tag, before, id)]...)
	if tag&ownFields != 0 {
		u.b = binary.AppendUvarint(u.b, uint64(fields))
	}
	u.texts(texts)
	u.bad = u.bad || u.int() != int64(pieces)
	return id
}

// packedSize works out the size of the block's listpack but for the two counts, of which Begin and Plan keep an account.
func (b Block) packedSize() int {
	fields, at := b.fields()
	n := listpack.EmptySize + intSize(fields) + intSize(0) + packedTexts(b, at, fields)
	var e Entry
	for w := b.Walk(); w.Next(&e); {
		a := Addition{id: e.id, tag: b[e.at] &^ stepBits}
		a.plan(b.Master(), e.n)
		texts := e.n
		if e.own() {
			texts *= 2
		}
		n += a.packed + packedTexts(b, e.values, texts)
	}
	return n
}

// packedTexts gives the bytes that n texts take in a listpack.
func packedTexts(b []byte, at, n int) (size int) {
	for range n {
		var v listpack.Entry
		v, at = readValue(b, at)
		size += v.Value().Size()
	}
	return size
}
