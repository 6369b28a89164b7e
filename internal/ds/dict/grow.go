// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/mem"
)

const (
	// A segment of 64 buckets splits at between minSplit and minSplit+splitSpread entries (of 640 slots), a number of its
	// own, so that the many segments of many equal tables do not all split at the same time. Over a doubling of the table
	// this takes 11.1 bytes an entry and puts 3.9 % of the entries into overflow buckets; 64 entries fewer, 12.1 bytes and
	// 2.3 %; 64 more, 10.4 and 6.0.
	minSplit    = 512
	splitSpread = 128

	// A smaller segment doubles when it is 13/16 full, one of a single bucket when it is full.
	doubleNum   = 13
	doubleDenom = 16

	// minPerSlot is how many entries a table has for each slot of its directory at least when that doubles: a hash that
	// does not part the keys must not take all memory.
	minPerSlot = 16

	lookahead = 2 // buckets whose records are asked for ahead of their hashing
)

// limit tells how many entries the segment may have.
func (w word) limit() int {
	if log := w.log(); log > 0 && log < maxLog {
		return slots << log * doubleNum / doubleDenom
	} else if log == 0 {
		return slots
	}
	const odd = 0x9e3779b97f4a7c15
	return minSplit + int(uint64(w.ref())*odd>>32*splitSpread>>32)
}

// Insert puts e in, whose key has this hash and is not in the table, and gives its place. It panics with mem.ErrNoMemory,
// having put in nothing, when there is no memory.
func (t *Table) Insert(hash uint64, e mem.Ref) Pos {
	if t.Root.word == 0 {
		t.begin()
	}
	w, dir := t.segment(hash)
	if t.Heap.Freezing() {
		w = t.own(dir)
	}
	head := t.head(dir)
	for head.count() >= w.limit() && t.grow(dir, w) {
		w, dir = t.segment(hash)
		head = t.head(dir)
	}
	p := t.add(w, dir, hash, e)
	if head.count() < full {
		*head += 1 << countShift
	}
	t.Root.n++
	return p
}

func (t *Table) begin() {
	r := t.alloc(bucketSize)
	*t.bucket(r) = bucket{}
	t.publish(makeWord(r, 0, 0, 0))
}

// add puts e into its chain.
func (t *Table) add(w word, dir uint32, hash uint64, e mem.Ref) Pos {
	r := w.bucketRef(hash)
	b := t.bucket(r)
	for next := b.next(); next != 0; next = b.next() {
		r, b = next, t.bucket(next)
	}
	p := Pos{bucket: r, dir: dir, index: uint8(w.index(hash))}
	if free := b.vacant(); free != 0 {
		p.slot = uint8(free.first())
		b.put(int(p.slot), tagOf(hash), e)
		return p
	}
	p.bucket, p.slot = t.alloc(bucketSize), 1
	over := t.bucket(p.bucket)
	*over = bucket{}
	over.put(0, b.tags[linkSlot], b.entry(linkSlot))
	over.put(1, tagOf(hash), e)
	b.link(p.bucket)
	return p
}

// grow makes room in the segment at a slot of the directory; false when it cannot and the chains have to get longer.
func (t *Table) grow(slot uint32, w word) bool {
	if w.log() < maxLog {
		t.double(w)
		return true
	}
	if w.depth() == t.depth() {
		if w.depth() == maxDepth || t.Root.n>>(t.depth()+1) < minPerSlot {
			return false
		}
		t.doubleDirectory()
		slot *= 2
	}
	t.split(slot, w)
	return true
}

// double gives the only segment twice its buckets.
func (t *Table) double(w word) {
	log := w.log()
	r := t.alloc(segmentSize(log + 1))
	bit := 16 + fieldBits - 1 - log
	for i := range mem.Ref(1) << log {
		from := t.bucket(w.ref() + i*bucketSize/unit)
		to := r + 2*i*bucketSize/unit
		t.divide(from, t.bucket(to), t.bucket(to+bucketSize/unit), bit)
	}
	t.publish(makeWord(r, int(log+1), 0, int(t.Root.n)))
	t.free(w.ref(), segmentSize(log))
	if invariants.Enabled {
		t.mustHold(0)
	}
}

// doubleDirectory makes the directory one bit deeper; no segment is as deep as it then.
func (t *Table) doubleDirectory() {
	d := t.depth()
	r := t.alloc(unit << (d + 1))
	for i := range uint32(1) << d {
		w := *t.at(i)
		*t.dirWord(r, 2*i), *t.dirWord(r, 2*i+1) = w, w&^countMask
	}
	old := word(t.Root.word).ref()
	t.publishDir(r, d+1)
	if d > 0 {
		t.free(old, unit<<d)
	}
	t.Root.deep = 0
}

// split halves a segment that is less deep than the directory: the keys whose next bit is one move to a new segment.
func (t *Table) split(slot uint32, w word) {
	r := t.alloc(segmentSize(maxLog))
	first, width := t.firstSlot(slot, w), t.width(w)
	total := t.at(first).count()
	bit := 55 - w.depth()
	moved := 0
	for i := range mem.Ref(maxBuckets) {
		if ahead := i + lookahead; ahead < maxBuckets {
			t.prefetch(t.bucket(w.ref() + ahead*bucketSize/unit))
		}
		b := t.bucket(w.ref() + i*bucketSize/unit)
		moved += t.divide(b, b, t.bucket(r+i*bucketSize/unit), bit)
	}
	if total == full {
		total = t.countSegment(w) + moved
	}
	depth := int(w.depth() + 1)
	t.setWords(first, width/2, makeWord(w.ref(), maxLog, depth, total-moved))
	t.setWords(first+width/2, width/2, makeWord(r, maxLog, depth, moved))
	if uint(depth) == t.depth() {
		t.Root.deep += 2
	}
	if invariants.Enabled {
		t.mustHold(first)
		t.mustHold(first + width/2)
	}
}

// setWords gives n slots from first on to the segment of a head's word.
func (t *Table) setWords(first, n uint32, head word) {
	*t.at(first) = head
	for i := uint32(1); i < n; i++ {
		*t.at(first + i) = head &^ countMask
	}
}

// countSegment counts a segment's entries.
func (t *Table) countSegment(w word) (n int) {
	for i := range mem.Ref(1) << w.log() {
		n += t.chainLen(t.bucket(w.ref() + i*bucketSize/unit))
	}
	return n
}
