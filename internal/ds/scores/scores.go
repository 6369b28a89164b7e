// SPDX-License-Identifier: BSD-3-Clause

// Package scores is the leaf of a large sorted set: a block of up to Room entries, each the score of a member and where the
// member lies, in their order. See ds/tree for what holds the leaves together.
//
// A score is kept as its key, a number that sorts as the score does, so that a search compares whole numbers that lie side by
// side. What a score exactly is the owner of the members knows: 0 and -0, which are equal, have one key.
//
// Nothing here allocates or looks at members. Whoever changes a leaf sees to it that it is not frozen and has room.
package scores

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

const (
	// Room is how many entries a leaf has room for.
	Room = 82
	// Size is the bytes of a leaf.
	Size = int(unsafe.Sizeof(Leaf{}))

	refSize = 5
	refMask = 1<<(8*refSize) - 1
)

// Leaf is the block. Its references take five bytes each; the last of them is read and written with three more.
type Leaf struct {
	n    uint16
	keys [Room]uint64
	refs [Room*refSize + 3]byte
}

// At gives the leaf at r in place.
func At(h *mem.Heap, r mem.Ref) *Leaf { return (*Leaf)(h.Pointer(r)) }

// Key gives the key of a score, which is not NaN.
func Key(score float64) uint64 {
	if score == 0 {
		score = 0 // and not -0
	}
	b := math.Float64bits(score)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// Score gives the score of a key, 0 for that of 0 and -0.
func Score(key uint64) float64 {
	if key>>63 != 0 {
		return math.Float64frombits(key &^ (1 << 63))
	}
	return math.Float64frombits(^key)
}

// Reset makes what may be anything a leaf without entries.
func (l *Leaf) Reset() { l.n = 0 }

// Len tells how many entries there are.
func (l *Leaf) Len() int { return int(l.n) }

// Keys gives the keys of all entries in place.
func (l *Leaf) Keys() []uint64 { return l.keys[:l.n] }

// ref gives the eight bytes that begin with a reference.
func (l *Leaf) ref(i int) []byte { return l.refs[i*refSize:][:8] }

// Ref gives where the member of an entry lies.
func (l *Leaf) Ref(i int) mem.Ref {
	return mem.Ref(binary.LittleEndian.Uint64(l.ref(i)) & refMask)
}

// SetRef says where the member of an entry lies now.
func (l *Leaf) SetRef(i int, r mem.Ref) {
	b := l.ref(i)
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)&^refMask|uint64(r))
}

// Below tells how many entries have a key below the given one.
func (l *Leaf) Below(key uint64) int {
	first, n := 0, int(l.n)
	for n > 0 {
		half := (n + 1) / 2
		if l.keys[first+half-1] < key {
			first += half
		}
		n -= half
	}
	return first
}

// UpTo tells how many entries have a key that is not above the given one.
func (l *Leaf) UpTo(key uint64) int {
	if key == math.MaxUint64 {
		return int(l.n)
	}
	return l.Below(key + 1)
}

// Insert makes an entry the i-th, from 0.
func (l *Leaf) Insert(i int, key uint64, r mem.Ref) {
	l.open(i, 1)
	l.put(i, key, r)
}

func (l *Leaf) put(i int, key uint64, r mem.Ref) {
	l.keys[i] = key
	l.SetRef(i, r)
}

// open makes room for n entries in front of the i-th.
func (l *Leaf) open(i, n int) {
	end := int(l.n)
	copy(l.keys[i+n:], l.keys[i:end])
	copy(l.refs[(i+n)*refSize:], l.refs[i*refSize:end*refSize])
	l.n += uint16(n)
}

// Remove takes n entries out, from the i-th on.
func (l *Leaf) Remove(i, n int) {
	end := int(l.n)
	copy(l.keys[i:], l.keys[i+n:end])
	copy(l.refs[i*refSize:], l.refs[(i+n)*refSize:end*refSize])
	l.n -= uint16(n)
}

// Move makes the i-th entry the j-th of all, with another key and reference.
func (l *Leaf) Move(i, j int, key uint64, r mem.Ref) {
	if i < j {
		copy(l.keys[i:j], l.keys[i+1:])
		copy(l.refs[i*refSize:j*refSize], l.refs[(i+1)*refSize:])
	} else {
		copy(l.keys[j+1:i+1], l.keys[j:])
		copy(l.refs[(j+1)*refSize:(i+1)*refSize], l.refs[j*refSize:])
	}
	l.put(j, key, r)
}

// Take inserts n entries of another leaf, from its i-th on, in front of the leaf's own at-th. They stay in the other one too.
func (l *Leaf) Take(at int, from *Leaf, i, n int) {
	l.open(at, n)
	copy(l.keys[at:at+n], from.keys[i:])
	copy(l.refs[at*refSize:(at+n)*refSize], from.refs[i*refSize:])
}
