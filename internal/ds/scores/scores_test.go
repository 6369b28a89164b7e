// SPDX-License-Identifier: BSD-3-Clause

package scores

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

func TestLayout(t *testing.T) {
	if took := mem.Usable(Size); took < Size || took > Size+16 {
		t.Errorf("a leaf of %d bytes takes %d", Size, took)
	}
	if mem.Usable(Size+13) == mem.Usable(Size) {
		t.Error("there would be room for another entry")
	}
}

func TestKeysSortAsScoresDo(t *testing.T) {
	scores := []float64{
		math.Inf(-1), -math.MaxFloat64, -1e300, -2, -1.5, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 0.1,
		1, 1.5, 2, 1 << 53, 1<<53 + 2, math.MaxFloat64, math.Inf(1),
	}
	for i, a := range scores {
		if Score(Key(a)) != a {
			t.Errorf("the key of %v is that of %v", a, Score(Key(a)))
		}
		for _, b := range scores[i+1:] {
			if Key(a) >= Key(b) {
				t.Errorf("the key of %v is not below that of %v", a, b)
			}
		}
	}
	if minus := math.Copysign(0, -1); Key(minus) != Key(0) {
		t.Error("0 and -0 have different keys")
	}
}

type entry struct {
	key uint64
	ref mem.Ref
}

func compare(t *testing.T, l *Leaf, want []entry) {
	t.Helper()
	if l.Len() != len(want) || len(l.Keys()) != len(want) {
		t.Fatalf("%d entries, want %d", l.Len(), len(want))
	}
	for i, e := range want {
		if got := (entry{l.Keys()[i], l.Ref(i)}); got != e {
			t.Fatalf("entry %d is %+v, want %+v", i, got, e)
		}
	}
}

// TestLeafIsWhatASliceIs under random changes of two leaves, which give one another entries.
func TestLeafIsWhatASliceIs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var leaves [2]Leaf
	var want [2][]entry
	random := func() entry { return entry{rnd.Uint64N(40), mem.Ref(rnd.Uint64N(1 << 40))} }
	for range 100_000 {
		k := rnd.IntN(2)
		l, w := &leaves[k], want[k]
		switch op := rnd.IntN(10); {
		case op < 4 && len(w) < Room:
			i, e := rnd.IntN(len(w)+1), random()
			l.Insert(i, e.key, e.ref)
			w = slices.Insert(w, i, e)
		case op < 6 && len(w) > 0:
			i := rnd.IntN(len(w))
			n := 1 + rnd.IntN(min(3, len(w)-i))
			l.Remove(i, n)
			w = slices.Delete(w, i, i+n)
		case op == 6 && len(w) > 0:
			i, j, e := rnd.IntN(len(w)), rnd.IntN(len(w)), random()
			l.Move(i, j, e.key, e.ref)
			w = slices.Insert(slices.Delete(w, i, i+1), j, e)
		case op == 7 && len(w) > 0:
			i, r := rnd.IntN(len(w)), mem.Ref(rnd.Uint64N(1<<40))
			l.SetRef(i, r)
			w[i].ref = r
		case op == 8:
			other := want[1-k]
			if len(other) == 0 {
				break
			}
			from := rnd.IntN(len(other))
			n := min(rnd.IntN(len(other)-from+1), Room-len(w))
			at := rnd.IntN(len(w) + 1)
			l.Take(at, &leaves[1-k], from, n)
			w = slices.Insert(w, at, other[from:from+n]...)
		case op == 9 && rnd.IntN(200) == 0:
			l.Reset()
			w = nil
		}
		want[k] = w
		compare(t, l, w)
	}
}

func TestSearch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := range Room + 1 {
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = rnd.Uint64N(30)
		}
		if n > 5 {
			keys[0], keys[1] = 0, math.MaxUint64
		}
		slices.Sort(keys)
		var l Leaf
		for i, k := range keys {
			l.Insert(i, k, 1)
		}
		for _, key := range []uint64{0, 1, 2, 3, 7, 15, 28, 29, 30, math.MaxUint64 - 1, math.MaxUint64} {
			below, upTo := 0, 0
			for _, k := range keys {
				if k < key {
					below++
				}
				if k <= key {
					upTo++
				}
			}
			if l.Below(key) != below || l.UpTo(key) != upTo {
				t.Fatalf("%d of %v: %d below, %d up to it; want %d, %d", key, keys, l.Below(key), l.UpTo(key), below, upTo)
			}
		}
	}
}
