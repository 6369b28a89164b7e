// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/mem"
)

// Each calls fn with every field until fn gives false; a packed hash's fields come in the order in which they were set first.
// The hash must not change meanwhile.
func (h *Hash) Each(fn func(p Pair) bool) {
	switch {
	case h.it.ref == 0:
	case h.Overdue():
		now := h.db.Now()
		h.each(func(p Pair) bool { return p.Expiry != 0 && p.Expiry < now || fn(p) })
	default:
		h.each(fn)
	}
}

// each is Each with the fields past their time that wait to be removed.
func (h *Hash) each(fn func(p Pair) bool) {
	switch {
	case h.isTable():
		t := h.it.elements()
		t.Each(func(e mem.Ref) bool { return fn(pairOf(t.Heap, e)) })
	default:
		eachPacked(h.it.Blob(), h.it.Encoding(), fn)
	}
}

// pairOf gives what an element holds.
func pairOf(heap *mem.Heap, e mem.Ref) (p Pair) {
	p.Field.Bytes, p.Value.Bytes = fieldPair(heap, e)
	p.Expiry = fieldTime(heap, e)
	return p
}

func eachPacked(b []byte, enc Encoding, fn func(p Pair) bool) {
	if enc == EncListpackEx {
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
func (h *Hash) living() (all []Pair) {
	h.Each(func(p Pair) bool {
		all = append(all, p)
		return true
	})
	return all
}

// Scan calls fn with about count fields from cursor on (0 begins) and gives the cursor to go on from, 0 at the end. A field
// that is there from a scan's begin to its end is shown at least once. A packed hash is shown whole, whatever cursor and count
// are.
func (h *Hash) Scan(cursor uint64, count int, fn func(p Pair)) (next uint64) {
	if h.it.ref == 0 || !h.isTable() {
		h.Each(func(p Pair) bool {
			fn(p)
			return true
		})
		return 0
	}
	t := h.it.elements()
	seen, overdue := 0, h.Overdue()
	for steps := 0; seen < count && steps/10 < count; steps++ {
		cursor = t.Scan(cursor, func(e mem.Ref) {
			if !overdue || !h.dead(t.Heap, e) {
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

// Random gives some field, each as likely. The hash must not be empty.
func (h *Hash) Random() Pair {
	if h.Overdue() {
		all := h.living()
		return all[h.db.Rand()%uint64(len(all))]
	}
	if h.isTable() {
		t := h.it.elements()
		return pairOf(t.Heap, t.Random(h.db.Rand()))
	}
	var some Pair
	before := int(h.db.Rand() % uint64(h.Len()))
	eachPacked(h.it.Blob(), h.it.Encoding(), func(p Pair) bool {
		some = p
		before--
		return before >= 0
	})
	return some
}

// Draw calls fn n times, or until it gives false, with some field, which may have been shown before. The hash must not be
// empty unless n is 0.
func (h *Hash) Draw(n int, fn func(p Pair) bool) {
	if n == 0 {
		return
	}
	if h.isTable() && !h.Overdue() {
		for more := true; more && n > 0; n-- {
			more = fn(h.Random())
		}
		return
	}
	var room [128]Pair
	list := room[:0]
	h.Each(func(p Pair) bool {
		list = append(list, p)
		return true
	})
	for more := true; more && n > 0; n-- {
		more = fn(list[h.db.Rand()%uint64(len(list))])
	}
}

// Sample calls fn with n different fields, or until it gives false: any n of them are as likely as any others. A packed
// hash's come in its order. n is at most Len, the hash having been purged.
func (h *Hash) Sample(n int, fn func(p Pair) bool) {
	length := h.Len()
	switch {
	case n == 0:
	case n == length:
		h.Each(fn)
	case !h.isTable() || h.Overdue():
		left := length
		h.Each(func(p Pair) bool {
			if h.db.Rand()%uint64(left) < uint64(n) { // Knuth's selection sampling
				n--
				if !fn(p) {
					return false
				}
			}
			left--
			return n > 0
		})
	case n <= length/3:
		h.sampleFew(n, fn)
	default:
		h.sampleMany(n, fn)
	}
}

// sampleFew draws until n different elements of a table have come.
func (h *Hash) sampleFew(n int, fn func(p Pair) bool) {
	t := h.it.elements()
	shown := make(map[mem.Ref]struct{}, n)
	for len(shown) < n {
		e := t.Random(h.db.Rand())
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
func (h *Hash) sampleMany(n int, fn func(p Pair) bool) {
	t := h.it.elements()
	all := make([]mem.Ref, 0, t.Len())
	t.Each(func(e mem.Ref) bool {
		all = append(all, e)
		return true
	})
	for i := range n {
		j := i + int(h.db.Rand()%uint64(len(all)-i))
		all[i], all[j] = all[j], all[i]
		if !fn(pairOf(t.Heap, all[i])) {
			return
		}
	}
}
