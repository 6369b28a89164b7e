// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"math/bits"

	"github.com/redpoll/redpoll/internal/mem"
)

// A scan goes through the hashes in one order that does not depend on the table's shape: by the six bits that choose the
// bucket, and within them by the 26 that choose the segment. A bucket holds a row of neighbours in that order, in a table
// of any shape: a lone segment of fewer buckets goes by the first of the six bits, any other by all six and the first of
// the 26. A cursor is a place in the order, before which all that stayed was shown; the call shows the whole bucket that
// the place lies in and gives the end of the bucket's row. Turned round, so that its first bit is the lowest, it is a
// small number: the bits of a place that count are as many as choose a bucket.

const (
	orderBits   = fieldBits + maxDepth
	cursorReach = 1<<orderBits - 1
)

// Scan shows the entries of one bucket and gives the cursor for the next call; the cursor 0 begins and is given at the end.
// An entry that is there from the begin to the end is shown at least once, whatever is inserted and removed between the
// calls; one may be shown again after the table has shrunk. A cursor is less than 64 or less than the greatest number of
// entries that the table had during the scan, whichever is more, and never longer than 32 bits. Any number is a valid
// cursor, of which the low 32 bits count. fn must not change the table.
func (t *Table) Scan(cursor uint64, fn func(e mem.Ref)) (next uint64) {
	if t.Root.word == 0 {
		return 0
	}
	place := uint64(bits.Reverse32(uint32(cursor)))
	d := t.depth()
	slot := uint32(place & (1<<maxDepth - 1) >> (maxDepth - d))
	w := *t.at(slot)
	index := place >> maxDepth >> (maxLog - w.log())
	t.show(t.bucket(w.ref()+mem.Ref(index*bucketSize/unit)), fn)

	row := uint64(1) << (orderBits - w.log() - w.depth())
	place = place&^(row-1) + row
	return uint64(bits.Reverse32(uint32(place & cursorReach)))
}

// show calls fn with a chain's entries, whose records it asks for first.
func (t *Table) show(b *bucket, fn func(e mem.Ref)) {
	for {
		t.prefetch(b)
		next := b.next()
		for s := b.taken(); s != 0; s &= s - 1 {
			fn(b.entry(s.first()))
		}
		if next == 0 {
			return
		}
		b = t.bucket(next)
	}
}

// Each calls fn with every entry until fn gives false. fn must not change the table.
func (t *Table) Each(fn func(e mem.Ref) bool) {
	if t.Root.word == 0 {
		return
	}
	for slot := uint32(0); slot < 1<<t.depth(); {
		w := *t.at(slot)
		for i := range mem.Ref(1) << w.log() {
			if ahead := i + lookahead; ahead < 1<<w.log() {
				t.prefetch(t.bucket(w.ref() + ahead*bucketSize/unit))
			}
			if !t.eachOf(t.bucket(w.ref()+i*bucketSize/unit), fn) {
				return
			}
		}
		slot += t.width(w)
	}
}

func (t *Table) eachOf(b *bucket, fn func(e mem.Ref) bool) bool {
	for {
		for s := b.taken(); s != 0; s &= s - 1 {
			if !fn(b.entry(s.first())) {
				return false
			}
		}
		r := b.next()
		if r == 0 {
			return true
		}
		b = t.bucket(r)
	}
}

// Random gives an entry, each as likely as any other but for those in chains of more than 20 entries, which hardly occur;
// 0 when there is none. rnd is a random number.
func (t *Table) Random(rnd uint64) mem.Ref {
	if t.Root.n == 0 {
		return 0
	}
	const (
		fair  = 20
		tries = 256
	)
	slots := uint64(1) << t.depth()
	for range tries {
		rnd = mix(rnd)
		slot := uint32(rnd >> 32 & (slots - 1))
		w := *t.at(slot)
		if t.firstSlot(slot, w) != slot {
			continue // else a segment would be the likelier the more slots it has
		}
		b := t.bucket(w.bucketRef(rnd))
		n := t.chainLen(b)
		if pick := int(rnd & 0xffff % uint64(max(n, fair))); pick < n {
			return t.nth(b, pick)
		}
	}
	return t.anyFrom(rnd)
}

// Sample shows the entries of one bucket with its chain, each bucket as likely as any other; there may be none. rnd is a
// random number. fn must not change the table.
func (t *Table) Sample(rnd uint64, fn func(e mem.Ref)) {
	if t.Root.n == 0 {
		return
	}
	slots := uint64(1) << t.depth()
	for {
		rnd = mix(rnd)
		slot := uint32(rnd >> 32 & (slots - 1))
		if w := *t.at(slot); t.firstSlot(slot, w) == slot {
			t.show(t.bucket(w.bucketRef(rnd)), fn)
			return
		}
	}
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// nth gives an entry of a chain that has more than n.
func (t *Table) nth(b *bucket, n int) mem.Ref {
	for {
		for s := b.taken(); s != 0; s &= s - 1 {
			if n == 0 {
				return b.entry(s.first())
			}
			n--
		}
		b = t.bucket(b.next())
	}
}

// anyFrom gives an entry of the first chain that has any, from a random place on. Tables as empty as that are rare: the
// merging of segments waits for a buddy to shrink too.
func (t *Table) anyFrom(rnd uint64) (found mem.Ref) {
	for cursor := rnd & cursorReach; ; {
		cursor = t.Scan(cursor, func(e mem.Ref) {
			if found == 0 {
				found = e
			}
		})
		if found != 0 {
			return found
		}
	}
}

// draining is the number of deep segments of a table that is being drained.
const draining = 1<<32 - 1

// Drain takes entries out until about max of them are, calls fn with each, which may free its record, and at the end frees
// the table and gives true. From its first call on nothing but Len and Bytes may be done with the table until then.
func (t *Table) Drain(max int, fn func(e mem.Ref)) (done bool) {
	r := t.Root
	if r.word == 0 {
		return true
	}
	if r.deep != draining {
		r.deep, r.turn = draining, 0
	}
	d := t.depth()
	for slot := r.turn >> fieldBits; slot < 1<<d; {
		w := *t.at(slot)
		i := r.turn & (maxBuckets - 1)
		for ; i < 1<<w.log(); i++ {
			if max <= 0 {
				r.turn = slot<<fieldBits | i
				return false
			}
			max -= t.drainChain(t.bucket(w.ref()+mem.Ref(i*bucketSize/unit)), fn)
		}
		t.free(w.ref(), segmentSize(w.log()))
		slot += t.width(w)
		r.turn = slot << fieldBits
	}
	if d > 0 {
		t.free(word(r.word).ref(), unit<<d)
	}
	t.publish(0)
	r.deep, r.turn = 0, 0
	return true
}

// drainChain empties a chain and gives the number of its entries.
func (t *Table) drainChain(b *bucket, fn func(e mem.Ref)) (n int) {
	for r := mem.Ref(0); ; {
		t.prefetch(b)
		for s := b.taken(); s != 0; s &= s - 1 {
			fn(b.entry(s.first()))
			n++
		}
		next := b.next()
		if r != 0 {
			t.free(r, bucketSize)
		}
		if next == 0 {
			break
		}
		r, b = next, t.bucket(next)
	}
	t.Root.n -= int64(n)
	return n
}
