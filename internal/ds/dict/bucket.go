// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

const (
	slots      = 10
	linkSlot   = slots - 1
	entrySize  = 5
	bucketSize = 64
	unit       = 8 // bytes that a mem.Ref counts in

	refMask  = 1<<40 - 1
	tagShift = 40 // of a packed entry: its tag above its reference

	ones  = 0x0101010101010101
	lows  = 0x7f * ones
	highs = 0x80 * ones
)

// bucket is one cache line. Under a linked bucket's last slot lies the reference of the next one, and its tag is 0.
type bucket struct {
	tags    [slots]byte
	entries [slots * entrySize]byte
	linked  byte
	_       [3]byte
}

// tagOf gives the tag of a hash, which is never 0.
func tagOf(hash uint64) byte {
	tag := byte(hash >> 56)
	if tag == 0 {
		return 1
	}
	return tag
}

// pattern gives the tag of a hash in all eight bytes.
func pattern(hash uint64) uint64 { return uint64(tagOf(hash)) * ones }

// slotSet is a set of slots: bit 8i for slot i below 8, bits 1 and 9 for slots 8 and 9.
type slotSet uint64

func (s slotSet) first() int {
	b := bits.TrailingZeros64(uint64(s))
	return b>>3 | b&1<<3
}

// match gives the slots whose tag is that of the pattern. It errs neither way.
func (b *bucket) match(pattern uint64) slotSet {
	x := binary.LittleEndian.Uint64(b.tags[:8]) ^ pattern
	y := uint64(binary.LittleEndian.Uint16(b.tags[8:])) ^ pattern
	x = ^((x&lows + lows) | x) & highs
	y = ^((y&lows + lows) | y) & 0x8080
	return slotSet(x>>7 | y>>6)
}

// vacant gives the empty slots.
func (b *bucket) vacant() slotSet {
	free := b.match(0)
	if b.linked != 0 {
		free &^= 1 << 9
	}
	return free
}

// taken gives the slots that have an entry.
func (b *bucket) taken() slotSet { return (ones | 1<<1 | 1<<9) &^ b.match(0) }

// count tells how many entries the bucket itself has.
func (b *bucket) count() int { return bits.OnesCount64(uint64(b.taken())) }

// place gives the eight bytes that begin with a slot's entry. They lie within the bucket.
func (b *bucket) place(slot int) []byte {
	p := (*[8]byte)(unsafe.Add(unsafe.Pointer(b), slots+entrySize*slot))
	return p[:]
}

func (b *bucket) entry(slot int) mem.Ref {
	return mem.Ref(binary.LittleEndian.Uint64(b.place(slot)) & refMask)
}

func (b *bucket) setEntry(slot int, e mem.Ref) {
	p := b.place(slot)
	binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)&^refMask|uint64(e))
}

func (b *bucket) put(slot int, tag byte, e mem.Ref) {
	b.setEntry(slot, e)
	b.tags[slot] = tag
}

// next gives the next bucket's reference, 0 for the last one of its chain.
func (b *bucket) next() mem.Ref {
	if b.linked == 0 {
		return 0
	}
	return b.entry(linkSlot)
}

// link makes the bucket, whose last slot is free, lead on to next.
func (b *bucket) link(next mem.Ref) {
	b.tags[linkSlot] = 0
	b.setEntry(linkSlot, next)
	b.linked = 1
}

func (t *Table) bucket(r mem.Ref) *bucket { return (*bucket)(t.Heap.Pointer(r)) }

// prefetch asks for the records of a bucket.
func (t *Table) prefetch(b *bucket) {
	for s := b.taken(); s != 0; s &= s - 1 {
		mem.Prefetch(t.Heap.Pointer(b.entry(s.first())))
	}
}

// gather appends a chain's entries, packed, and its overflow buckets; the chain stays as it is.
func (t *Table) gather(b *bucket, entries []uint64, spare []mem.Ref) ([]uint64, []mem.Ref) {
	for {
		for s := b.taken(); s != 0; s &= s - 1 {
			i := s.first()
			entries = append(entries, uint64(b.tags[i])<<tagShift|uint64(b.entry(i)))
		}
		r := b.next()
		if r == 0 {
			return entries, spare
		}
		spare = append(spare, r)
		b = t.bucket(r)
	}
}

// lay makes b the chain of the entries, with overflow buckets from spare, and gives what is left of them.
func (t *Table) lay(b *bucket, entries []uint64, spare []mem.Ref) []mem.Ref {
	*b = bucket{}
	for len(entries) > slots {
		for i, e := range entries[:linkSlot] {
			b.put(i, byte(e>>tagShift), mem.Ref(e&refMask))
		}
		b.link(spare[0])
		b = t.bucket(spare[0])
		*b = bucket{}
		entries, spare = entries[linkSlot:], spare[1:]
	}
	for i, e := range entries {
		b.put(i, byte(e>>tagShift), mem.Ref(e&refMask))
	}
	return spare
}

// overflowing tells how many overflow buckets a chain of n entries has. For any a and b, overflowing(a)+overflowing(b) is
// at most overflowing(a+b), and at least overflowing(a+b)-1: dividing a chain never needs another bucket.
func overflowing(n int) int {
	if n <= slots {
		return 0
	}
	return (n - 2) / linkSlot
}

// chainLen counts a chain's entries.
func (t *Table) chainLen(b *bucket) int {
	n := b.count()
	for r := b.next(); r != 0; r = b.next() {
		b = t.bucket(r)
		n += b.count()
	}
	return n
}

// divide lays the entries of the chain at from out at zero or one, by the given bit of their hashes, and tells how many
// went to one. Either may be from itself.
func (t *Table) divide(from, zero, one *bucket, bit uint) (moved int) {
	var entryRoom, zeros, others [32]uint64
	var spareRoom [4]mem.Ref
	entries, spare := t.gather(from, entryRoom[:0], spareRoom[:0])
	a, b := zeros[:0], others[:0]
	for _, e := range entries {
		if hash.Bytes(t.Key(t.Heap, mem.Ref(e&refMask)))>>bit&1 == 0 {
			a = append(a, e)
		} else {
			b = append(b, e)
		}
	}
	spare = t.lay(zero, a, spare)
	spare = t.lay(one, b, spare)
	t.freeBuckets(spare)
	return len(b)
}

// joins tells whether two chains can become one without another overflow bucket.
func (t *Table) joins(a, b *bucket) bool {
	m, n := t.chainLen(a), t.chainLen(b)
	return overflowing(m+n) <= overflowing(m)+overflowing(n)
}

// join lays the entries of two chains that join out at to, which may be one of them.
func (t *Table) join(a, b, to *bucket) {
	var entryRoom [32]uint64
	var spareRoom [4]mem.Ref
	entries, spare := t.gather(a, entryRoom[:0], spareRoom[:0])
	entries, spare = t.gather(b, entries, spare)
	t.freeBuckets(t.lay(to, entries, spare))
}

func (t *Table) freeBuckets(refs []mem.Ref) {
	for _, r := range refs {
		t.free(r, bucketSize)
	}
}
