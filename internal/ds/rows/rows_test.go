// SPDX-License-Identifier: BSD-3-Clause

package rows

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

func newHeap(tb testing.TB) *mem.Heap {
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := arena.Close(); err != nil {
			tb.Error(err)
		}
	})
	return arena.NewHeap()
}

// random gives a value of any width.
func random(rnd *rand.Rand) uint64 { return rnd.Uint64() >> (8 * rnd.UintN(9)) }

// TestLeafIsWhatASliceIs whatever the columns' widths are.
func TestLeafIsWhatASliceIs(t *testing.T) {
	heap := newHeap(t)
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		k := Kind{Columns: uint8(1 + rnd.IntN(Columns))}
		k.Keys = 1 + uint8(rnd.IntN(int(k.Columns)))
		spread, base := random(rnd), random(rnd)
		value := func() uint64 {
			if spread == math.MaxUint64 {
				return rnd.Uint64()
			}
			return max(base, base+rnd.Uint64N(spread+1)) // or it has wrapped round
		}
		var list []Row
		for range 1 + rnd.IntN(Max) {
			var r Row
			for c := range k.Columns {
				r[c] = value()
			}
			if i, ok := slices.BinarySearchFunc(list, r, func(a, b Row) int { return slices.Compare(a[:k.Keys], b[:k.Keys]) }); !ok {
				list = slices.Insert(list, i, r)
			}
		}
		layout := LayoutOf(k, list)
		size := mem.Usable(layout.Size(len(list)))
		ref := heap.Alloc(size)
		l := New(heap.Bytes(ref, size), layout)
		for _, i := range rnd.Perm(len(list)) {
			if !l.Fits(&list[i]) {
				t.Fatalf("seed %d: %v does not fit in the layout of all rows", seed, list[i])
			}
			at, ok := l.Find(&list[i])
			if ok {
				t.Fatalf("seed %d: %v is there before it was inserted", seed, list[i])
			}
			l.Insert(at, &list[i])
		}
		compare(t, heap, ref, k, list)
		for len(list) > 1 {
			i := rnd.IntN(len(list))
			if rnd.IntN(3) == 0 { // the values behind the key change
				var r Row
				copy(r[:k.Keys], list[i][:k.Keys])
				for c := k.Keys; c < k.Columns; c++ {
					r[c] = value()
				}
				if l.Fits(&r) {
					l.Set(i, &r)
					list[i] = r
				}
				continue
			}
			l.Remove(i)
			list = slices.Delete(list, i, i+1)
		}
		compare(t, heap, ref, k, list)
		heap.Free(ref, Size(heap, ref))
	}
	if n := heap.Live(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func compare(t *testing.T, heap *mem.Heap, ref mem.Ref, k Kind, list []Row) {
	t.Helper()
	l := At(heap, ref)
	if l.Len() != len(list) || l.Used() > Size(heap, ref) || l.Room() < len(list) {
		t.Fatalf("%d rows in %d of %d bytes, room for %d; want %d", l.Len(), l.Used(), Size(heap, ref), l.Room(), len(list))
	}
	for i := range list {
		if got := l.Row(i); got != list[i] {
			t.Fatalf("row %d is %v, want %v", i, got, list[i])
		}
		if at, ok := l.Find(&list[i]); !ok || at != i {
			t.Fatalf("row %d is found at %d, %v", i, at, ok)
		}
		below := list[i]
		if c := k.Keys - 1; below[c] > 0 {
			below[c]--
			if i > 0 && slices.Compare(below[:k.Keys], list[i-1][:k.Keys]) <= 0 {
				continue
			}
			if at, ok := l.Find(&below); ok || at != i {
				t.Fatalf("what belongs before row %d is found at %d, %v", i, at, ok)
			}
		}
	}
}

// TestLayoutIsNarrow: a column takes as much as its values differ, and a little less still fits.
func TestLayoutIsNarrow(t *testing.T) {
	const now = 1_790_000_000_000
	list := []Row{{now, 0, now + 5, 1, 7}, {now + 1, 0, now + 5, 1, 9}, {now + 200, 0, now + 300, 1, 200}}
	l := LayoutOf(Kind{Columns: 5, Keys: 2}, list)
	if got := l.stride(); got != 4 {
		t.Errorf("a row takes %d bytes, want 4: of the id 1, of the time 2, of the consumer 1", got)
	}
	leaf := New(make([]byte, l.Size(1)), l)
	for _, c := range []struct {
		row  Row
		fits bool
	}{
		{Row{now + 255, 0, now + 1, 1, 0}, false}, // the time is below its base
		{Row{now + 255, 0, now + 6, 1, 0}, true},
		{Row{now + 256, 0, now + 6, 1, 0}, false},
		{Row{now + 1, 1, now + 6, 1, 0}, false},
		{Row{now + 1, 0, now + 6, 2, 0}, false},
		{Row{now - 1, 0, now + 6, 1, 0}, false},
	} {
		if got := leaf.Fits(&c.row); got != c.fits {
			t.Errorf("%v fits: %v, want %v", c.row, got, c.fits)
		}
	}
	next := l.For(&Row{now + 900, 3, now + 950, 1, 300})
	leaf = New(make([]byte, next.Size(1)), next)
	if leaf.Layout() != next || !leaf.Fits(&Row{now + 1000, 3, now + 1000, 1, 301}) || next.stride() != 4 {
		t.Errorf("a layout for what follows is %+v", next)
	}
}
