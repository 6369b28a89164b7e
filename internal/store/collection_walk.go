// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/mem"
)

// Each calls fn with every field until fn gives false; those of a packed value come in its order. The value must not change
// meanwhile.
func (c *collection) Each(fn func(p Pair) bool) {
	switch {
	case c.it.ref == 0:
	case c.Overdue():
		now := c.db.Now()
		c.each(func(p Pair) bool { return p.Expiry != 0 && p.Expiry < now || fn(p) })
	default:
		c.each(fn)
	}
}

// each is Each with the fields past their time that wait to be removed.
func (c *collection) each(fn func(p Pair) bool) {
	switch {
	case c.isTable():
		t := c.it.elements()
		t.Each(func(e mem.Ref) bool { return fn(pairOf(t.Heap, e)) })
	default:
		eachPacked(c.it.Blob(), c.it.Encoding(), fn)
	}
}

// pairOf gives what an element holds.
func pairOf(heap *mem.Heap, e mem.Ref) (p Pair) {
	p.Field.Bytes, p.Value.Bytes = fieldPair(heap, e)
	p.Expiry = fieldTime(heap, e)
	return p
}

// eachPacked is each for a value in one blob.
func eachPacked(b []byte, enc Encoding, fn func(p Pair) bool) {
	switch enc {
	case EncIntset:
		for i := range intset.Len(b) {
			if !fn(Pair{Field: Value{Int: intset.At(b, i)}}) {
				return
			}
		}
		return
	case EncListpackEx:
		for off := pairs.FirstTimed(b); off != 0; {
			var p Pair
			var f, v pairs.Value
			f, v, p.Expiry, off = pairs.ReadTimed(b, off)
			if p.Field, p.Value = Value(f), Value(v); !fn(p) {
				return
			}
		}
		return
	}
	for off := pairs.First(b); off != 0; {
		var f, v pairs.Value
		if f, v, off = pairs.Read(b, off); !fn(Pair{Field: Value(f), Value: Value(v)}) {
			return
		}
	}
}

// living gives all fields but those past their time.
func (c *collection) living() (all []Pair) {
	c.Each(func(p Pair) bool {
		all = append(all, p)
		return true
	})
	return all
}

// Scan calls fn with about count fields from cursor on (0 begins) and gives the cursor to go on from, 0 at the end. A field
// that is there from a scan's begin to its end is shown at least once. A packed value is shown whole, whatever cursor and count
// are.
func (c *collection) Scan(cursor uint64, count int, fn func(p Pair)) (next uint64) {
	if c.it.ref == 0 || !c.isTable() {
		c.Each(func(p Pair) bool {
			fn(p)
			return true
		})
		return 0
	}
	t := c.it.elements()
	seen, overdue := 0, c.Overdue()
	for steps := 0; seen < count && steps/10 < count; steps++ {
		cursor = t.Scan(cursor, func(e mem.Ref) {
			if !overdue || !c.dead(t.Heap, e) {
				seen++
				fn(pairOf(t.Heap, e))
			}
		})
		if cursor == 0 {
			break
		}
	}
	return cursor
}

// Random gives some field, each as likely. The value must not be empty.
func (c *collection) Random() Pair {
	if c.Overdue() {
		all := c.living()
		return all[c.db.Rand()%uint64(len(all))]
	}
	if c.isTable() {
		t := c.it.elements()
		return pairOf(t.Heap, t.Random(c.db.Rand()))
	}
	before := int(c.db.Rand() % uint64(c.Len()))
	if c.it.Encoding() == EncIntset {
		return Pair{Field: Value{Int: intset.At(c.it.Blob(), before)}}
	}
	var some Pair
	eachPacked(c.it.Blob(), c.it.Encoding(), func(p Pair) bool {
		some = p
		before--
		return before >= 0
	})
	return some
}

// Draw calls fn n times, or until it gives false, with some field, which may have been shown before. The hash must not be
// empty unless n is 0.
func (c *collection) Draw(n int, fn func(p Pair) bool) {
	if n == 0 {
		return
	}
	if c.it.Encoding() == EncIntset || c.isTable() && !c.Overdue() {
		for more := true; more && n > 0; n-- {
			more = fn(c.Random())
		}
		return
	}
	var room [128]Pair
	list := room[:0]
	c.Each(func(p Pair) bool {
		list = append(list, p)
		return true
	})
	for more := true; more && n > 0; n-- {
		more = fn(list[c.db.Rand()%uint64(len(list))])
	}
}

// Sample calls fn with n different fields, or until it gives false: any n of them are as likely as any others. Those of a packed
// value come in its order. n is at most Len, a hash having been purged.
func (c *collection) Sample(n int, fn func(p Pair) bool) {
	length := c.Len()
	switch {
	case n == 0:
	case n == length:
		c.Each(fn)
	case !c.isTable() || c.Overdue():
		left := length
		c.Each(func(p Pair) bool {
			if c.db.Rand()%uint64(left) < uint64(n) { // Knuth's selection sampling
				n--
				if !fn(p) {
					return false
				}
			}
			left--
			return n > 0
		})
	case n <= length/3:
		c.sampleFew(n, fn)
	default:
		c.sampleMany(n, fn)
	}
}

// sampleFew draws until n different elements of a table have come.
func (c *collection) sampleFew(n int, fn func(p Pair) bool) {
	t := c.it.elements()
	shown := make(map[mem.Ref]struct{}, n)
	for len(shown) < n {
		e := t.Random(c.db.Rand())
		if _, again := shown[e]; again {
			continue
		}
		shown[e] = struct{}{}
		if !fn(pairOf(t.Heap, e)) {
			return
		}
	}
}

// sampleMany shuffles all elements of a table as far as n.
func (c *collection) sampleMany(n int, fn func(p Pair) bool) {
	const listedATick = 32 * tickEvery
	t := c.it.elements()
	all := make([]mem.Ref, 0, t.Len())
	t.Each(func(e mem.Ref) bool {
		if all = append(all, e); len(all)%listedATick == 0 {
			c.db.v.tick()
		}
		return true
	})
	for i := range n {
		j := i + int(c.db.Rand()%uint64(len(all)-i))
		all[i], all[j] = all[j], all[i]
		if !fn(pairOf(t.Heap, all[i])) {
			return
		}
	}
}
