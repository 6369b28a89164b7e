// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"sync/atomic"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

const (
	fieldBits  = 6 // of a hash, that choose a bucket
	maxLog     = fieldBits
	maxDepth   = 26
	maxBuckets = 1 << maxLog
)

// word says where buckets are. A segment's word holds its reference (bits 0..39), the logarithm of its number of buckets
// (40..42), its depth (43..47) and, in its head only, its number of entries (48..63; see full). The root's word is that of
// the only segment, or, with a depth other than 0, the directory's: reference, depth, and in bits 48..63 a number that
// changes with every new directory. 0 is an empty table.
type word uint64

const (
	logShift   = 40
	depthShift = 43
	countShift = 48
	countMask  = 0xffff << countShift

	// full is the greatest number of entries that a word can tell. It then stays: only keys that no split can part, which
	// a seeded hash does not produce, come to that.
	full = 0xffff
)

func makeWord(r mem.Ref, log, depth, count int) word {
	return word(r) | word(log)<<logShift | word(depth)<<depthShift | word(min(count, full))<<countShift
}

func (w word) ref() mem.Ref { return mem.Ref(w & refMask) }
func (w word) log() uint    { return uint(w>>logShift) & 7 }
func (w word) depth() uint  { return uint(w>>depthShift) & 31 }
func (w word) count() int   { return int(w >> countShift) }

// bucketRef gives the reference of the bucket that a hash chooses in the segment.
func (w word) bucketRef(hash uint64) mem.Ref {
	return w.ref() + mem.Ref(w.index(hash)*bucketSize/unit)
}

func (w word) index(hash uint64) uint64 {
	return hash >> 16 & (maxBuckets - 1) >> (maxLog - w.log())
}

// segmentSize gives the bytes of a segment with 1<<log buckets.
func segmentSize(log uint) int { return bucketSize << log }

// Root is a table's state. It has no Go pointers and may lie anywhere that is aligned to 8 bytes, and be moved by copying
// while nobody uses it. The zero value is an empty table.
type Root struct {
	word  uint64 // see word; read by the Prefetch functions without the lock
	n     int64  // entries
	bytes int64  // usable bytes of segments, overflow buckets and directory
	deep  uint32 // segments as deep as the directory; 0 without one; draining once Drain has begun
	turn  uint32 // directories there have been; once Drain has begun, how far it got: directory slot and bucket
}

// Table is a view of a table, cheap to make. Its fields must not change while it is in use.
type Table struct {
	Heap *mem.Heap // where the table lies, and its records
	Root *Root
	// Key gives a record's key in place. Its hash.Bytes is the hash under which the record was inserted.
	Key func(h *mem.Heap, e mem.Ref) []byte
}

// Pos says where an entry sits. It is valid until the next Insert, Remove or Drain, and see Set. The zero value is no place.
type Pos struct {
	bucket mem.Ref
	dir    uint32 // slot in the directory
	index  uint8  // of the chain in its segment
	slot   uint8
}

// Len tells how many entries there are.
func (t *Table) Len() int { return int(t.Root.n) }

// Bytes tells how much memory the table takes, without its records and its Root.
func (t *Table) Bytes() int64 { return t.Root.bytes }

// segment gives the word of the segment that a hash belongs to, and the slot of the directory that it was found in.
func (t *Table) segment(hash uint64) (w word, slot uint32) {
	w = word(t.Root.word)
	d := w.depth()
	if d == 0 {
		return w, 0
	}
	slot = dirSlot(hash, d)
	return *t.dirWord(w.ref(), slot), slot
}

// dirSlot gives a hash's slot in a directory of depth d, which is 1 at least.
func dirSlot(hash uint64, d uint) uint32 { return uint32(hash << 8 >> ((64 - d) & 63)) }

func (t *Table) dirWord(dir mem.Ref, slot uint32) *word {
	return (*word)(t.Heap.Pointer(dir + mem.Ref(slot)))
}

// depth gives the directory's depth, 0 when there is none.
func (t *Table) depth() uint { return word(t.Root.word).depth() }

// at gives the word in a slot of the directory, or the root's when there is none.
func (t *Table) at(slot uint32) *word {
	if w := word(t.Root.word); w.depth() != 0 {
		return t.dirWord(w.ref(), slot)
	}
	return (*word)(unsafe.Pointer(&t.Root.word))
}

// firstSlot gives the slot of the head of the segment whose word w is in the given slot.
func (t *Table) firstSlot(slot uint32, w word) uint32 {
	return slot &^ (t.width(w) - 1)
}

// width tells how many slots the segment has.
func (t *Table) width(w word) uint32 {
	return 1 << (t.depth() - w.depth())
}

// head gives the word that has the segment's number of entries.
func (t *Table) head(slot uint32) *word {
	p := t.at(slot)
	if first := t.firstSlot(slot, *p); first != slot {
		return t.at(first)
	}
	return p
}

// Find gives the entry with this key and its place, 0 when there is none. hash is hash.Bytes(key).
func (t *Table) Find(hash uint64, key []byte) (mem.Ref, Pos) {
	w, dir := t.segment(hash)
	if w == 0 {
		return 0, Pos{}
	}
	tags := pattern(hash)
	for r := w.bucketRef(hash); ; {
		b := t.bucket(r)
		for s := b.match(tags); s != 0; s &= s - 1 {
			i := s.first()
			e := b.entry(i)
			if string(t.Key(t.Heap, e)) == string(key) {
				return e, Pos{bucket: r, dir: dir, index: uint8(w.index(hash)), slot: uint8(i)}
			}
		}
		if r = b.next(); r == 0 {
			return 0, Pos{}
		}
	}
}

// Candidates calls fn with all entries that have this hash's tag in its bucket, until fn gives false: all entries with the
// hash are among them. Of the hash only bits 16..21 and 30..63 count. fn must not change the table.
func (t *Table) Candidates(hash uint64, fn func(e mem.Ref, p Pos) bool) {
	w, dir := t.segment(hash)
	if w == 0 {
		return
	}
	for r := w.bucketRef(hash); r != 0; {
		b := t.bucket(r)
		for s := b.match(pattern(hash)); s != 0; s &= s - 1 {
			i := s.first()
			if !fn(b.entry(i), Pos{bucket: r, dir: dir, index: uint8(w.index(hash)), slot: uint8(i)}) {
				return
			}
		}
		r = b.next()
	}
}

// At gives the entry at a place.
func (t *Table) At(p Pos) mem.Ref { return t.bucket(p.bucket).entry(int(p.slot)) }

// Set replaces the entry at a place by one with the same key: the record has moved. While the heap is frozen it may panic with
// mem.ErrNoMemory, having changed nothing; otherwise places are no longer valid then.
func (t *Table) Set(p Pos, e mem.Ref) {
	if t.Heap.Freezing() {
		p = t.ownPlace(p)
	}
	t.bucket(p.bucket).setEntry(int(p.slot), e)
}

// Forget makes the table empty without freeing anything. It is for a heap that is about to be given back whole
// (mem.Heap.ReleaseAll): somebody who is just prefetching must not take what comes after for the directory.
func (t *Table) Forget() {
	t.publish(0)
	*t.Root = Root{}
}

func (t *Table) alloc(n int) mem.Ref {
	r := t.Heap.Alloc(n)
	t.Root.bytes += int64(mem.Usable(n))
	return r
}

// tryAlloc is alloc for what is good to have only: 0 when there is no memory.
func (t *Table) tryAlloc(n int) (r mem.Ref) {
	defer func() {
		if e := recover(); e != nil && e != mem.ErrNoMemory {
			panic(e)
		}
	}()
	return t.alloc(n)
}

func (t *Table) free(r mem.Ref, n int) {
	t.Heap.Free(r, n)
	t.Root.bytes -= int64(mem.Usable(n))
}

// publish makes w the root's word. A reader without the lock that sees the old one sees the old directory unchanged, so
// what was there is freed only afterwards.
func (t *Table) publish(w word) { atomic.StoreUint64(&t.Root.word, uint64(w)) }

// publishDir makes a new directory the root's.
func (t *Table) publishDir(r mem.Ref, depth uint) {
	t.Root.turn++
	t.publish(makeWord(r, 0, int(depth), 0) | word(t.Root.turn)<<countShift)
}
