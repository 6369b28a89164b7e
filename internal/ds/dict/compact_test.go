// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"math/rand/v2"
	"testing"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// compactAll walks through the whole table and gives how many entries were shown. between is called after each step.
func (f *fixture) compactAll(between func()) (shown int) {
	for cursor := uint32(0); ; {
		cursor = f.Compact(cursor, func(e mem.Ref) mem.Ref {
			shown++
			if to := f.Heap.Relocate(e, 2+len(recordKey(f.Heap, e))); to != 0 {
				return to
			}
			return e
		})
		if between(); cursor == 0 {
			return shown
		}
	}
}

// TestCompact: tables of all sizes keep their entries, are shown once and whole, and end with less memory held.
func TestCompact(t *testing.T) {
	for _, n := range []int{0, 1, 5, 11, 40, 300, 3000, 40_000} {
		f := newFixture(t)
		for i := range 4 * n {
			f.add(key(i))
		}
		for i := range 4 * n {
			if i%4 != 0 {
				f.remove(key(i))
			}
		}
		held := f.Heap.Held()
		for pass := range 3 {
			if shown := f.compactAll(func() {}); shown != n {
				t.Fatalf("%d entries, pass %d: %d were shown", n, pass, shown)
			}
			f.check()
		}
		for i := range n {
			if e, _ := f.Find(hash.Bytes(key(4*i)), key(4*i)); e == 0 {
				t.Fatalf("%d entries: %q is lost", n, key(4*i))
			}
		}
		if n >= 40_000 && (f.Heap.Held() > held/2 || f.Heap.Held() > f.Heap.Live()*13/10) {
			t.Errorf("%d entries: held %d before, %d afterwards, live %d", n, held, f.Heap.Held(), f.Heap.Live())
		}
	}
}

// TestCompactWhileTableChanges: a walk does no harm while entries come and go, whether the table grows or shrinks by it; when it
// grows, what is there from the walk's begin to its end is shown.
func TestCompactWhileTableChanges(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 3))
		f := newFixture(t)
		const stay = 2000
		for i := range stay {
			f.add(key(i))
		}
		next := stay
		var others []int
		for range 20_000 * int(seed%2) {
			f.add(key(next))
			others = append(others, next)
			next++
		}
		shown := map[string]bool{}
		for cursor := uint32(0); ; {
			cursor = f.Compact(cursor, func(e mem.Ref) mem.Ref {
				shown[string(recordKey(f.Heap, e))] = true
				if to := f.Heap.Relocate(e, 2+len(recordKey(f.Heap, e))); to != 0 {
					return to
				}
				return e
			})
			if cursor == 0 {
				break
			}
			for range rng.IntN(60) {
				if next == 60_000 {
					break
				}
				if grows := seed%2 == 0; rng.IntN(8) > 0 == grows {
					f.add(key(next))
					others = append(others, next)
					next++
				} else if len(others) > 0 {
					i := rng.IntN(len(others))
					f.remove(key(others[i]))
					others[i] = others[len(others)-1]
					others = others[:len(others)-1]
				}
			}
		}
		f.check()
		for i := range stay {
			if e, _ := f.Find(hash.Bytes(key(i)), key(i)); e == 0 {
				t.Fatalf("seed %d: %q is lost", seed, key(i))
			}
			if seed%2 == 0 && !shown[string(key(i))] {
				t.Fatalf("seed %d: %q was passed over", seed, key(i))
			}
		}
	}
}
