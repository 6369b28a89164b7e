// SPDX-License-Identifier: BSD-3-Clause

package store

import "github.com/redpoll/redpoll/internal/ds/rope"

// A string past Options.BigString bytes is a big value (see big.go), and a rope in its heap. It stays one, since strings never
// get shorter but by another one in their place.

// bigNumberSize is what the record of a big string has of it.
const bigNumberSize = 8

func (b *big) rope() rope.Rope { return rope.Rope{Heap: b.heap, Root: &b.text} }

// rope gives a string that isBig.
func (it *Item) rope() rope.Rope { return rope.Rope{Heap: it.heap(), Root: &it.big().text} }

// ticking gives a rope whose long changes tick.
func (db *DB) ticking(r rope.Rope) rope.Rope {
	r.Tick = db.v.Tick
	return r
}

// sliceRope is Item.Slice for a rope.
func sliceRope(r rope.Rope, off, n int, scratch []byte) []byte {
	off = min(off, r.Len())
	n = min(n, r.Len()-off)
	if b := r.Piece(off, n); len(b) == n {
		return b
	}
	scratch = scratch[:0]
	r.Pieces(off, n, func(piece []byte) bool {
		scratch = append(scratch, piece...)
		return true
	})
	return scratch
}

// tickBytes is how many bytes of a string are copied between two calls of tick.
const tickBytes = 1 << 20

// setBig gives key a string that is big, in place of whatever it held.
func (db *DB) setBig(key, value []byte, at int64) {
	_ = db.buildText(key, len(value), at, func(off int, piece []byte) error { // fails with memory only
		copy(piece, value[off:])
		if off%tickBytes == 0 {
			db.v.tick()
		}
		return nil
	})
}

// buildText gives key a big string of n bytes, which fill writes as rope.Fill has it, in place of whatever the key held. Nothing
// has changed when fill gives an error, which is returned, or memory is refused.
func (db *DB) buildText(key []byte, n int, at int64, fill func(off int, piece []byte) error) error {
	b := db.shardOf(key).newBig()
	defer b.dropUnowned()
	if err := b.rope().Fill(n, fill); err != nil {
		return err
	}
	it, ok := db.lookup(key)
	if !ok {
		db.createBig(key, b, max(at, NoExpiry))
		return nil
	}
	if at == KeepExpiry {
		at = it.Expiry()
	}
	db.displace(&it)
	db.replaceBig(&it, b, at)
	db.use(&it)
	return nil
}

// textShape is the layout of a record with a big string.
func textShape(at int64) recordShape {
	return recordShape{typ: TypeString, enc: EncRaw, valLen: bigNumberSize, flags: isBig, expiry: at}
}

// createBig makes a key that is not there, with a big string.
func (db *DB) createBig(key []byte, b *big, at int64) Item {
	it := db.create(key, textShape(at))
	putBigNumber(it.rec.value(), it.t.adopt(b))
	return it
}

// replaceBig makes a big string the value of a key that is there, its old value freed.
func (db *DB) replaceBig(it *Item, b *big, at int64) {
	db.announce(it, at)
	shape := textShape(at)
	_, shape.keyLen = it.rec.keyAt()
	var number [bigNumberSize]byte
	db.replace(it, shape, number[:])
	putBigNumber(it.rec.value(), it.t.adopt(b))
}

// outgrow makes a string that is not big one that is. write is given the rope with the string's bytes in it.
func (db *DB) outgrow(it *Item, write func(r rope.Rope)) {
	b := it.sh.newBig()
	defer b.dropUnowned()
	var text [maxIntText + 4]byte
	b.rope().Write(0, it.Slice(0, it.TextLen(), text[:0]))
	write(db.ticking(b.rope()))
	db.replaceBig(it, b, it.Expiry())
}

// copyBig makes a key that is not there, with a copy of a big string.
func (it *Item) copyBig(target *DB, to []byte, at int64, tick func() error) (Item, error) {
	b := target.shardOf(to).newBig()
	defer b.dropUnowned()
	src := it.rope()
	err := b.rope().Fill(src.Len(), func(off int, piece []byte) error {
		copy(piece, src.Piece(off, len(piece)))
		if off%tickBytes == 0 {
			return tick()
		}
		return nil
	})
	if err != nil {
		return Item{}, err
	}
	return target.createBig(to, b, at), nil
}

// TextStream gives a part of a big string as it was at one moment, piece by piece. Any goroutine may use it, one at a time.
type TextStream struct {
	view     *Frozen
	off, end int
}

// StreamText gives a string's bytes from off up to end as they are now, wherever they are read: see TextStream. The string
// IsBig, and the place lies within it. The caller must Close what he gets.
func (db *DB) StreamText(it *Item, off, end int) *TextStream { return db.Freeze(it).Text(off, end) }

// Text is StreamText of a string that is frozen. To Close what it gives releases the view.
func (f *Frozen) Text(off, end int) *TextStream { return &TextStream{view: f, off: off, end: end} }

// Next gives the next bytes, valid until Close; none at the end.
func (s *TextStream) Next() []byte {
	b := s.view.rope().Piece(s.off, s.end-s.off)
	s.off += len(b)
	return b
}

// Close ends the reading.
func (s *TextStream) Close() { s.view.Release() }

// rope gives a frozen string.
func (f *Frozen) rope() rope.Rope {
	return rope.Rope{Heap: f.at.b.heap, Root: &f.at.root.text}
}
