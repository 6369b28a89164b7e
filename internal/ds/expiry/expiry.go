// SPDX-License-Identifier: BSD-3-Clause

// Package expiry is an index of hashes in the order of the times at which they come due: a hierarchical timing wheel off
// the Go heap (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987), eight bytes an entry.
//
// Terms:
//
//   - A tick is four milliseconds of Unix time, or one in an index that is to be exact.
//   - The base is the tick up to which everything has been handed out.
//   - A slot holds the entries of 64^level ticks. An entry's level is that of the highest six-bit digit in which its tick
//     differs from the base, its slot that digit: so all occupied slots of a level lie ahead of the base, and those of a
//     lower level come before those of a higher one.
//   - An entry is 40 bits of a hash and the low 24 bits of its tick, which are enough to sort the entries of a slot into
//     lower levels when its time begins. For the slots of the top levels, longer than that, the entry is handed out at
//     the beginning of its slot and its owner, who knows the time, adds it again.
//
// The index never forgets an entry and never takes one out on request: what it hands out is a hint to look at.
package expiry

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

const (
	digit    = 6
	slots    = 1 << digit
	levels   = 7 // 42 bits of ticks: 557 years of 4 ms, 139 of 1 ms
	sortable = 4 // the highest level whose slots are no longer than 24 bits of ticks

	tickBits = 24
	maxTick  = 1<<(digit*levels) - 1

	headBytes  = levels * slots * 8
	smallChunk = 7  // entries of a slot's first chunk, 64 bytes with its link
	largeChunk = 63 // of all others
)

// A slot's head: the reference of its newest chunk in the low 40 bits and, above, the entries in it.
// A chunk: a word with the reference of the next one in the low 40 bits and, above, that chunk's entries (it is full
// unless it was the newest when the head changed); then the entries.
const (
	refMask  = 1<<40 - 1
	numShift = 40
)

// Index is an index of hashes by time. The zero value is empty and exact. It belongs to whoever holds its heap, and its
// memory is taken from the heap that every call gets; giving back the heap whole (mem.Heap.ReleaseAll) empties it together
// with setting it to its zero value. It has no Go pointers and may lie off the Go heap itself.
type Index struct {
	shift    uint  // a tick is 1<<shift ms
	base     int64 // tick
	n        int
	bytes    int64
	heads    mem.Ref
	occupied [levels]uint64 // a bit for each slot that has entries
}

// New gives an empty index for times from now (Unix milliseconds) on, with ticks of 4 ms: entries are handed out up to
// 3 ms late.
func New(now int64) Index { return Index{shift: 2, base: now >> 2} }

// NewExact gives an empty index for times from now (Unix milliseconds) on, with ticks of 1 ms: it hands out all that has
// come due. It saves the zero value, which begins with the epoch, from handing out its first entries early.
func NewExact(now int64) Index { return Index{base: now} }

// Len tells how many entries there are.
func (x *Index) Len() int { return x.n }

// Bytes tells how much memory the index holds.
func (x *Index) Bytes() int64 { return x.bytes }

// compact keeps of a hash what an entry keeps: the bits that choose a bucket and a tag in package dict, 16..21 and 30..63.
func compact(hash uint64) uint64 { return hash>>30<<digit | hash>>16&(slots-1) }

// expand gives a hash with the bits that compact kept.
func expand(c uint64) uint64 { return c>>digit<<30 | c&(slots-1)<<16 }

// Same tells whether the full hash is what was added, judged by what the index handed out for it.
func (x *Index) Same(full, handedOut uint64) bool { return compact(full) == compact(handedOut) }

// Ahead tells whether the index has got past now (Unix milliseconds) by more than a second, the clock having been set back:
// what is added for a time before that is handed out late.
func (x *Index) Ahead(now int64) bool { return x.base > (now+1000)>>x.shift }

// Add puts a hash in that comes due at the given time in Unix milliseconds; one in the past comes due at once. It panics
// with mem.ErrNoMemory, having changed nothing, when there is no memory.
func (x *Index) Add(h *mem.Heap, hash uint64, at int64) {
	if x.heads == 0 {
		x.heads = h.Alloc(headBytes)
		clear(h.Bytes(x.heads, headBytes))
		x.bytes += int64(mem.Usable(headBytes))
	}
	x.add(h, compact(hash), min(max(at, 0)>>x.shift+min(max(at, 0)&(1<<x.shift-1), 1), maxTick))
	x.n++
}

func (x *Index) add(h *mem.Heap, c uint64, tick int64) {
	tick = max(tick, x.base)
	level := (bits.Len64(uint64(tick^x.base)|1) - 1) / digit
	slot := int(tick>>(digit*level)) & (slots - 1)
	head := x.head(h, level, slot)
	ref, n := mem.Ref(*head&refMask), int(*head>>numShift)
	capacity := largeChunk
	if ref != 0 && word(h, ref, 0)&refMask == 0 {
		capacity = smallChunk
	}
	if ref == 0 || n == capacity {
		room := largeChunk
		if ref == 0 {
			room = smallChunk
		}
		chunk := h.Alloc(8 * (room + 1))
		x.bytes += int64(mem.Usable(8 * (room + 1)))
		setWord(h, chunk, 0, *head)
		ref, n = chunk, 0
	}
	setWord(h, ref, 1+n, c<<tickBits|uint64(tick)&(1<<tickBits-1))
	*head = uint64(ref) | uint64(n+1)<<numShift
	x.occupied[level] |= 1 << slot
}

func (x *Index) head(h *mem.Heap, level, slot int) *uint64 {
	return (*uint64)(unsafe.Add(h.Pointer(x.heads), 8*(level*slots+slot)))
}

func word(h *mem.Heap, ref mem.Ref, i int) uint64 { return *(*uint64)(unsafe.Add(h.Pointer(ref), 8*i)) }
func setWord(h *mem.Heap, ref mem.Ref, i int, v uint64) {
	*(*uint64)(unsafe.Add(h.Pointer(ref), 8*i)) = v
}

// first gives the earliest occupied slot and the tick at which it begins. A slot whose sorting was interrupted, seen by
// the base lying in it, comes before all others: the base must not leave it.
func (x *Index) first() (level, slot int, tick int64) {
	for level = levels - 1; level > 0; level-- {
		at := x.base >> (digit * level)
		if x.occupied[level]>>(at&(slots-1))&1 != 0 {
			return level, int(at & (slots - 1)), at << (digit * level)
		}
	}
	for level = range levels {
		if x.occupied[level] != 0 {
			slot = bits.TrailingZeros64(x.occupied[level])
			above := x.base >> (digit * (level + 1)) << (digit * (level + 1))
			return level, slot, above | int64(slot)<<(digit*level)
		}
	}
	return 0, 0, math.MaxInt64 >> x.shift
}

// Next gives a time in Unix milliseconds before which Pop has nothing to do, math.MaxInt64 when the index is empty.
func (x *Index) Next() int64 {
	if x.n == 0 {
		return math.MaxInt64
	}
	_, _, tick := x.first()
	return tick << x.shift
}

// Pop hands out the hashes that have come due by now (Unix milliseconds), and some that may have, in about the order of
// their times, and drops them. It stops after about most entries were handed out or sorted and gives their number; Next
// then tells whether more are due. Of each hash those bits are given that choose its bucket and tag in package dict. fn
// may call Add.
func (x *Index) Pop(h *mem.Heap, now int64, most int, fn func(hash uint64)) (done int) {
	limit := now >> x.shift
	for x.n > 0 {
		level, slot, tick := x.first()
		if tick > limit || done >= most {
			break
		}
		x.base = max(x.base, tick)
		done += x.popChunk(h, level, slot, tick, fn)
	}
	if done < most && limit > x.base {
		x.base = limit
	}
	return done
}

// popChunk empties the newest chunk of a slot whose time has begun.
func (x *Index) popChunk(h *mem.Heap, level, slot int, tick int64, fn func(hash uint64)) int {
	head := x.head(h, level, slot)
	ref, n := mem.Ref(*head&refMask), int(*head>>numShift)
	var entries [largeChunk]uint64
	for i := range n {
		entries[i] = word(h, ref, 1+i)
	}
	next := word(h, ref, 0)
	room := largeChunk
	if next&refMask == 0 {
		room = smallChunk
		x.occupied[level] &^= 1 << slot
	}
	*head = next
	h.Free(ref, 8*(room+1))
	x.bytes -= int64(mem.Usable(8 * (room + 1)))
	if level == 0 || level > sortable {
		x.n -= n
		for _, e := range entries[:n] {
			fn(expand(e >> tickBits))
		}
		return n
	}
	within := int64(1)<<(digit*level) - 1
	for _, e := range entries[:n] {
		x.add(h, e>>tickBits, tick|int64(e)&within)
	}
	return n
}

// Sample hands out up to about most entries that lie together in some slot, all slots being equally likely and those of a
// long one nearly so, and gives their number, 0 only when there are none. The index stays as it is. rnd is a random number;
// fn must not change the index.
func (x *Index) Sample(h *mem.Heap, rnd uint64, most int, fn func(hash uint64)) (n int) {
	const farthest = 64 // chunks that are passed by
	occupied := 0
	for _, set := range x.occupied {
		occupied += bits.OnesCount64(set)
	}
	if occupied == 0 {
		return 0
	}
	level, skip := 0, int(rnd%uint64(occupied))
	for ; skip >= bits.OnesCount64(x.occupied[level]); level++ {
		skip -= bits.OnesCount64(x.occupied[level])
	}
	set := x.occupied[level]
	for range skip {
		set &= set - 1
	}
	head := *x.head(h, level, bits.TrailingZeros64(set))
	for i := rnd >> 16 % farthest; i > 0 && word(h, mem.Ref(head&refMask), 0)&refMask != 0; i-- {
		head = word(h, mem.Ref(head&refMask), 0)
	}
	ref, length := mem.Ref(head&refMask), int(head>>numShift)
	n = min(most, length)
	first := int(rnd >> 32 % uint64(length-n+1))
	for i := range n {
		fn(expand(word(h, ref, 1+first+i) >> tickBits))
	}
	return n
}

// Reset drops all entries and gives the memory back.
func (x *Index) Reset(h *mem.Heap) {
	if x.heads == 0 {
		return
	}
	for level := range levels {
		for occ := x.occupied[level]; occ != 0; occ &= occ - 1 {
			head := *x.head(h, level, bits.TrailingZeros64(occ))
			for ref := mem.Ref(head & refMask); ref != 0; {
				next := mem.Ref(word(h, ref, 0) & refMask)
				room := largeChunk
				if next == 0 {
					room = smallChunk
				}
				h.Free(ref, 8*(room+1))
				ref = next
			}
		}
	}
	h.Free(x.heads, headBytes)
	*x = Index{shift: x.shift, base: x.base}
}
