// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

// change is what a run keeps of a key that it may have changed.
type change struct {
	t      *table
	hash   uint64
	image  []byte   // aligned as a record is; the key if it was absent
	had    *journal // of the value that the key had; nil if that is in the image
	has    *journal // of the value that it has, unless that is gone; nil if it is the run's own
	absent bool     // there was no such key
}

// changeSize is about what a change takes beside its image.
const changeSize = int(unsafe.Sizeof(change{})) + 8

// journal is what a run keeps of a value of many blocks, or of a string in a block, beside its image.
type journal struct {
	heap *mem.Heap // a journal; of no use for a string that is not big
	t    *table
	sh   *Shard
	big  *big    // nil: it is none
	root bigRoot // of a big one, as it was
	gone bool    // no key has the value any more

	begun bool  // heap has a base
	left  owned // what is to be freed of one that is gone
}

const (
	imageChunk = 16 << 10 // bytes of memory for images that is taken at one go
	maxShared  = 2 << 10  // bytes up to which an image lies in such memory
)

// key gives the key's bytes.
func (c *change) key() []byte {
	if c.absent {
		return c.image
	}
	return c.record().key()
}

// record gives the record of one that was there, as it was.
func (c *change) record() record { return record{unsafe.Pointer(unsafe.SliceData(c.image))} }

// is tells whether it is that of a key.
func (c *change) is(t *table, hash uint64, key []byte) bool {
	return c.hash == hash && c.t == t && string(c.key()) == string(key)
}

// journal gives the journal of the value that the key has, nil if that has none.
func (c *change) journal() *journal {
	if c.has == nil || c.has.gone {
		return nil
	}
	return c.has
}

// newImage gives memory for an image, aligned.
func (u *undo) newImage(n int) []byte {
	u.bytes += n
	if n > maxShared {
		return make([]byte, n)
	}
	if n > len(u.room) {
		u.room = make([]byte, imageChunk)
		u.chunk = u.room
	}
	image := u.room[:n:n]
	u.room = u.room[min((n+7)&^7, len(u.room)):]
	return image
}

// noteFound notes a key that was found, and tells the item its value's journal.
func (v *View) noteFound(it *Item) {
	u := &v.undo
	c := u.change(it.t, it.hash, it.rec.key())
	if c == nil {
		c = u.add(change{t: it.t, hash: it.hash, image: u.imageOf(it)})
		if it.isBig() || it.Encoding().rooted() || it.inBlock() {
			c.had = u.begin(it)
			c.has = c.had
		}
	}
	it.journal = c.journal()
}

// noteAbsent notes a key that is not there and is about to be made.
func (v *View) noteAbsent(t *table, hash uint64, key []byte) {
	u := &v.undo
	if u.change(t, hash, key) == nil {
		image := u.newImage(len(key))
		copy(image, key)
		u.add(change{t: t, hash: hash, image: image, absent: true})
	}
}

// imageOf gives the image of a key that was found.
func (u *undo) imageOf(it *Item) []byte {
	n, rest := it.rec.size(), []byte(nil)
	if it.rec.has(inBlock) && !it.inBlock() {
		rest = it.Blob()
	}
	image := u.newImage(n + len(rest))
	copy(image, it.rec.bytes(0, n))
	copy(image[n:], rest)
	return image
}

// begin begins the journal of a value of many blocks.
func (u *undo) begin(it *Item) (j *journal) {
	if n := len(u.spare); n > 0 {
		j, u.spare = u.spare[n-1], u.spare[:n-1]
	} else {
		j = &journal{}
	}
	j.t, j.sh = it.t, it.sh
	u.journals = append(u.journals, j)
	if it.inBlock() {
		return j
	}
	if it.isBig() {
		j.big = it.big()
		j.root = j.big.bigRoot
	}
	if j.heap == nil {
		j.heap = it.sh.store.arena.NewJournal()
	}
	j.heap.Begin(it.base())
	j.begun = true
	return j
}

// inBlock tells whether the value is a string that lies in a block.
func (it *Item) inBlock() bool { return it.rec.has(inBlock) && it.Type() == TypeString }

// base gives the heap that the blocks of an item's value lie in, if they are many.
func (it *Item) base() *mem.Heap {
	if it.isBig() {
		return it.big().heap
	}
	return it.t.heap
}

// heap gives the heap through which these blocks are changed.
func (it *Item) heap() *mem.Heap {
	if it.journal != nil {
		return it.journal.heap
	}
	return it.base()
}

// freezing tells whether blocks of the item's value may be frozen.
func (it *Item) freezing() bool { return it.journal != nil || it.isBig() && it.big().heap.Freezing() }

// handOver says that a value has gone from one key to another, which has just been made.
func (v *View) handOver(from, to *Item) {
	j := from.journal
	if j == nil {
		return
	}
	v.undo.change(from.t, from.hash, from.rec.key()).has = nil
	v.undo.change(to.t, to.hash, to.rec.key()).has = j
	from.journal, to.journal = nil, j
}

// forsake takes a value with a journal from its key, whose record is about to be removed, and leaves that one with nothing to free.
func (it *Item) forsake() {
	if it.journal == nil {
		return
	}
	it.journal.leave(it.t.owns(it.rec))
	it.journal = nil
	timed := it.timed()
	*it.rec.byteAt(1) &^= isBig
	clear(it.rec.value())
	it.countTimed(timed)
}

// leave notes what is to be freed of a value that no key has any more.
func (j *journal) leave(rest owned) { j.gone, j.left = true, rest }

// keep ends the journal of a value that stays what it has become.
func (j *journal) keep(s *Store) {
	if j.begun {
		j.heap.Keep()
	}
	switch {
	case j.gone:
		s.freeOwned(j.sh, j.t, j.left)
	case j.big != nil:
		j.big.touch()
	}
}

// undo makes the blocks of the value what they were; no key has it.
func (j *journal) undo() {
	if !j.begun {
		return
	}
	heap := j.t.heap
	if j.big != nil {
		heap = j.big.heap
		j.big.bigRoot = j.root
		j.big.touch()
	}
	j.left.times.dropIndex(heap)
	j.heap.Undo()
}

// fit gives the value of a key the heap that it should have by its size, which could not be while it had a journal.
func (c *change) fit(db *DB) {
	it, ok := c.item(db.s)
	switch {
	case !ok:
	case it.Encoding() == EncTable:
		(&collection{db: db, it: it}).fit()
	case it.Encoding().rooted():
		it.fitBody()
	}
}

// item gives the key as it is now; false when it is not there.
func (c *change) item(s *Store) (it Item, ok bool) {
	it = Item{sh: &s.shards[c.hash&s.mask], t: c.t, hash: c.hash}
	if it.ref, it.pos = c.t.keys.Find(c.hash, c.key()); it.ref == 0 {
		return it, false
	}
	it.rec = record{c.t.heap.Pointer(it.ref)}
	return it, true
}

// takeBack removes the key as it is now.
func (s *Store) takeBack(c *change) {
	it, ok := c.item(s)
	if !ok {
		return
	}
	it.journal = c.journal()
	it.forsake()
	s.remove(it.sh, it.t, it.pos, it.rec)
}

// bringBack makes the key what it was, if it was there. None of the run's keys is.
func (s *Store) bringBack(c *change, now int64) {
	if c.absent {
		return
	}
	rec, t := c.record(), c.t
	it := Item{sh: &s.shards[c.hash&s.mask], t: t, hash: c.hash}
	size := rec.size()
	if rec.has(inBlock) && c.had == nil {
		b := readBlock(rec.value())
		b.ref = t.heap.Alloc(b.size)
		copy(t.heap.Bytes(b.ref, b.length), c.image[size:])
		b.write(rec.value())
	}
	it.ref = t.heap.Alloc(size)
	copy(t.heap.Bytes(it.ref, size), c.image)
	it.rec = record{t.heap.Pointer(it.ref)}
	*it.rec.byteAt(1) = it.rec.flags()&^parity | s.parity
	if c.had != nil && c.had.big != nil {
		c.had.big.comeBack(t, it.sh)
	}
	it.pos = t.keys.Insert(c.hash, it.ref)
	if ft := it.rec.times(); ft != nil {
		ft.index = 0
		it.indexFields(now)
	}
	it.countExpiry(false)
	it.countTimed(false)
	s.scheduleAgain(&it)
}

// comeBack makes a big that is still some record's one of a record of this table again.
func (b *big) comeBack(t *table, sh *Shard) {
	if b.owner != t {
		t.adopt(b)
	}
	b.rehome(sh)
}

// scheduleAgain puts a key's times into the index, which is incomplete if memory is refused.
func (s *Store) scheduleAgain(it *Item) {
	whole := false
	defer func() {
		if !whole {
			it.t.incomplete = true
			s.hurry(it.sh, 0)
		}
	}()
	defer ignoreNoMemory()
	if at := it.Expiry(); at != NoExpiry {
		s.schedule(it.sh, it.t, it.hash, at)
	}
	if least := it.LeastTime(); least != 0 {
		s.schedule(it.sh, it.t, it.hash, least)
	}
	whole = true
}
