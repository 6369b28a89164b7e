// SPDX-License-Identifier: BSD-3-Clause

package dict

import (
	"math"
	"testing"

	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// TestReserve says how many entries there are going to be when some have come: nothing is left to grow then, and the table takes what one
// takes that has grown.
func TestReserve(t *testing.T) {
	for _, n := range []int{100, 700, 5000, 33000, 40000} {
		grown, f := newFixture(t), newFixture(t)
		for i := range n {
			grown.add(key(i))
			if f.add(key(i)); i == 99 {
				f.Reserve(n)
				f.check()
			}
		}
		f.check()
		if d, want := f.depth(), grown.depth(); d != want {
			t.Errorf("%d entries: depth %d, want %d", n, d, want)
		}
		if b, want := f.Bytes(), grown.Bytes(); b > want+want/8 {
			t.Errorf("%d entries: %d bytes, a table that has grown has %d", n, b, want)
		}
		f.Fit()
		f.check()
	}
}

// TestReserveLied says that there are going to be more entries than come.
func TestReserveLied(t *testing.T) {
	const said = 50000
	for _, n := range []int{1, 40, 500, 3000, 12000, 20000} {
		f := newFixture(t)
		f.Reserve(said) // of an empty one: nothing
		if f.Bytes() != 0 {
			t.Fatal("an empty table has memory")
		}
		for i := range n {
			if f.add(key(i)); i == 0 {
				f.Reserve(said)
				f.check()
			}
			f.Reserve(said)
		}
		f.Fit()
		f.check()
		for i := range n {
			if e, _ := f.Find(hash.Bytes(key(i)), key(i)); e == 0 {
				t.Fatalf("%s is not there", key(i))
			}
		}
		if b := f.Bytes(); b > int64(64*n+segmentSize(2)) {
			t.Errorf("%d entries take %d bytes", n, b)
		}
		for i := range n {
			f.remove(key(i))
		}
		f.check()
	}
}

// TestReserveWithoutMemory has no memory for what is said: the table is good, with what there was.
func TestReserveWithoutMemory(t *testing.T) {
	arena, err := mem.NewArena(mem.Options{Reserve: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	f := &fixture{tb: t}
	f.Table = Table{Heap: arena.NewHeap(), Root: &f.root, Key: recordKey}
	f.add(key(0))
	f.Reserve(math.MaxInt)
	f.check()
	if f.Bytes() < 1<<20 {
		t.Errorf("%d bytes were reserved", f.Bytes())
	}
	f.Fit()
	f.check()
	f.add(key(1))
	f.check()
}
