// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"fmt"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// Check goes through the whole table, and through the keys of all records, and gives an error that says which invariant is
// broken. It is for tests and debug commands.
func (t *Table) Check() error {
	r := t.Root
	if r.word == 0 {
		if r.n != 0 || r.bytes != 0 || r.deep != 0 {
			return fmt.Errorf("dict: empty table with %d entries, %d bytes, %d deep segments", r.n, r.bytes, r.deep)
		}
		return nil
	}
	d := t.depth()
	var sum census
	for slot := uint32(0); slot < 1<<d; {
		w := *t.at(slot)
		if err := t.checkSegment(slot, &sum); err != nil {
			return err
		}
		slot += t.width(w)
	}
	if d > 0 {
		sum.bytes += int64(mem.Usable(unit << d))
	}
	if sum.entries != r.n || sum.bytes != r.bytes || sum.deep != r.deep || r.n == 0 {
		return fmt.Errorf("dict: root says %d entries, %d bytes, %d deep segments; there are %d, %d, %d",
			r.n, r.bytes, r.deep, sum.entries, sum.bytes, sum.deep)
	}
	return nil
}

// census is what Check adds up.
type census struct {
	entries, bytes int64
	deep           uint32
}

// checkSegment checks the segment whose head is in a slot, with all its chains.
func (t *Table) checkSegment(slot uint32, sum *census) error {
	head, d := *t.at(slot), t.depth()
	if head.ref() == 0 || head.depth() > d || head.log() > maxLog || d > 0 && head.log() != maxLog {
		return fmt.Errorf("dict: slot %d of depth %d: bad word %#x", slot, d, uint64(head))
	}
	width := t.width(head)
	if slot%width != 0 {
		return fmt.Errorf("dict: slot %d: segment of %d slots not aligned", slot, width)
	}
	for i := uint32(1); i < width; i++ {
		if w := *t.at(slot + i); w != head&^countMask {
			return fmt.Errorf("dict: slot %d: word %#x differs from its head's %#x", slot+i, uint64(w), uint64(head))
		}
	}
	before := sum.entries
	for i := range uint64(1) << head.log() {
		if err := t.checkChain(slot, head, i, sum); err != nil {
			return err
		}
	}
	n := int(sum.entries - before)
	if head.count() != min(n, full) && head.count() != full {
		return fmt.Errorf("dict: slot %d: head says %d entries, there are %d", slot, head.count(), n)
	}
	sum.bytes += int64(mem.Usable(segmentSize(head.log())))
	if d > 0 && head.depth() == d {
		sum.deep++
	}
	return nil
}

func (t *Table) checkChain(slot uint32, w word, index uint64, sum *census) error {
	total, buckets := 0, 0
	for r := w.ref() + mem.Ref(index*bucketSize/unit); r != 0; buckets++ {
		b := t.bucket(r)
		for s := b.taken(); s != 0; s &= s - 1 {
			i := s.first()
			h := hash.Bytes(t.Key(t.Heap, b.entry(i)))
			if b.tags[i] != tagOf(h) || w.index(h) != index {
				return fmt.Errorf("dict: slot %d bucket %d: entry %#x does not belong there", slot, index, b.entry(i))
			}
			if d := t.depth(); d > 0 && t.firstSlot(dirSlot(h, d), w) != slot {
				return fmt.Errorf("dict: slot %d: entry %#x belongs to slot %d", slot, b.entry(i), dirSlot(h, d))
			}
		}
		if b.linked != 0 && b.count() != linkSlot || buckets > 0 && b.count() < 2 {
			return fmt.Errorf("dict: slot %d bucket %d: bucket %d of its chain has %d entries", slot, index, buckets, b.count())
		}
		total += b.count()
		r = b.next()
	}
	if buckets-1 != overflowing(total) {
		return fmt.Errorf("dict: slot %d bucket %d: chain of %d buckets for %d entries", slot, index, buckets, total)
	}
	sum.entries += int64(total)
	sum.bytes += int64(buckets-1) * int64(mem.Usable(bucketSize))
	return nil
}

// mustHold panics when the segment at a slot breaks an invariant.
func (t *Table) mustHold(slot uint32) {
	var sum census
	if err := t.checkSegment(t.firstSlot(slot, *t.at(slot)), &sum); err != nil {
		panic(err)
	}
}
