// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// attic is a store to fill and to thin out.
type attic struct {
	*DB
	t   *testing.T
	rng *rand.Rand
}

func newAttic(t *testing.T, shards int) *attic {
	arena, err := mem.NewArena(mem.Options{Reserve: 8 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	s := New(Options{Arena: arena, Shards: shards, Databases: 1})
	v := s.NewView()
	v.NowMillis = 1_700_000_000_000
	return &attic{DB: v.DB(0), t: t, rng: rand.New(rand.NewPCG(5, 6))}
}

func atticKey(i int) []byte { return fmt.Appendf(nil, "key:%012d", i) }

// compact runs until no shard wants more, and gives the number of slices that it took.
func (a *attic) compact() (slices int) {
	a.t.Helper()
	for shard := range a.s.shards {
		for more := true; more; slices++ {
			a.s.TryLock(shard)
			more = a.s.Compact(shard, 64)
			a.s.Settle(shard)
			a.s.Unlock(shard)
			if slices > 10_000_000 {
				a.t.Fatal("compacting does not come to rest")
			}
		}
	}
	return slices
}

// ratio gives how many times as much as lives is held.
func (a *attic) ratio() float64 {
	a.s.SettleAll()
	excess, live := a.s.Excess()
	a.t.Logf("live %d, held %d: %.3f", live, live+excess, float64(live+excess)/float64(live))
	return float64(live+excess) / float64(live)
}

// TestCompactAfterGrowingAndShrinking: values that grew in any order from 32 to 200 bytes and shrank to 60 end with little
// more held than lives.
func TestCompactAfterGrowingAndShrinking(t *testing.T) {
	a := newAttic(t, 4)
	n := steps(100_000)
	value := bytes.Repeat([]byte("v"), 200)
	for _, size := range []int{32, 200, 60} {
		for _, i := range a.rng.Perm(n) {
			a.SetString(atticKey(i), value[:size], NoExpiry)
		}
	}
	before := a.ratio()
	a.compact()
	if after := a.ratio(); after > 1.2 {
		t.Errorf("held %.2f times of what lives, before compacting %.2f", after, before)
	}
	if slices := a.compact(); slices != len(a.s.shards) {
		t.Errorf("a second round took %d slices", slices)
	}
	for i := range n {
		it, ok := a.Peek(atticKey(i))
		if !ok || string(it.Blob()) != string(value[:60]) {
			t.Fatalf("%q is lost or changed", atticKey(i))
		}
	}
}

// TestCompactAfterDeleting: of keys of any kind, with nine in ten deleted, most of what they held is given back.
func TestCompactAfterDeleting(t *testing.T) {
	for _, kind := range []string{"strings", "strings that expire", "strings in blocks", "packed hashes", "fields", "fields that expire"} {
		t.Run(kind, func(t *testing.T) {
			a := newAttic(t, 1)
			keys, fields := steps(100_000), 0
			switch kind {
			case "strings in blocks":
				keys /= 40
			case "fields", "fields that expire":
				keys, fields = 2, steps(50_000)
			}
			a.fill(kind, keys, fields)
			a.s.SettleAll()
			full := a.s.arena.Stats().InUse
			for i := range keys {
				if fields > 0 {
					h, _ := a.FindHashWrite(atticKey(i))
					for f := range fields {
						if f%10 != 0 {
							h.Delete(fmt.Appendf(nil, "field:%d", f))
						}
					}
				} else if i%10 != 0 {
					a.Delete(atticKey(i))
				}
			}
			a.ratio()
			a.compact()
			a.ratio()
			if left := a.s.arena.Stats().InUse; left*4 > full {
				t.Errorf("%d of %d bytes are still held", left, full)
			}
		})
	}
}

func (a *attic) fill(kind string, keys, fields int) {
	value := bytes.Repeat([]byte("v"), 100)
	for i := range keys {
		switch kind {
		case "strings":
			a.SetString(atticKey(i), value, NoExpiry)
		case "strings that expire":
			a.SetString(atticKey(i), value, a.v.NowMillis+1+a.rng.Int64N(1e9))
		case "strings in blocks":
			a.SetString(atticKey(i), bytes.Repeat(value, 90+a.rng.IntN(120)), NoExpiry)
		case "packed hashes":
			h, _ := a.FindHashWrite(atticKey(i))
			h.Set([][]byte{[]byte("name"), value[:20], []byte("mail"), value[:30], []byte("age"), []byte("42")}, NoExpiry)
		case "fields", "fields that expire":
			expiry := NoExpiry
			if kind != "fields" {
				expiry = a.v.NowMillis + 1e9
			}
			h, _ := a.FindHashWrite(atticKey(i))
			for f := range fields {
				h.SetOne(fmt.Appendf(nil, "field:%d", f), value, expiry)
			}
		}
	}
}

// TestCompactRests: a heap that has nothing to gain is looked at once, and again only when more is lost.
func TestCompactRests(t *testing.T) {
	a := newAttic(t, 1)
	n := steps(30_000)
	for i := range n {
		a.SetString(atticKey(i), bytes.Repeat([]byte("v"), 1+a.rng.IntN(8000)), NoExpiry)
	}
	for i := range n {
		if i%5 == 0 {
			a.Delete(atticKey(i))
		}
	}
	a.compact()
	a.ratio()
	for range 3 {
		if slices := a.compact(); slices != 1 {
			t.Fatalf("again %d slices", slices)
		}
	}
	for i := range n {
		if i%5 > 1 {
			a.Delete(atticKey(i))
		}
	}
	if slices := a.compact(); slices == 1 {
		t.Error("what was deleted since is not looked at")
	}
	a.ratio()
}

// TestCompactBigValues: hashes with heaps of their own are compacted one after the other, but for those that somebody has frozen.
func TestCompactBigValues(t *testing.T) {
	a := newAttic(t, 1)
	fields := steps(100_000)
	a.fill("fields", 3, fields)
	if n := len(a.s.shards[0].tables[0].Load().bigs); n != 3 {
		t.Fatalf("%d big values", n)
	}
	for i := range 3 {
		h, _ := a.FindHashWrite(atticKey(i))
		for f := range fields {
			if f%10 != 0 {
				h.Delete(fmt.Appendf(nil, "field:%d", f))
			}
		}
	}
	it, _ := a.Peek(atticKey(1))
	view := a.Freeze(&it)
	before := a.ratio()
	a.compact()
	held := a.ratio()
	if held > before/2 {
		t.Errorf("held %.1f times of what lives, before compacting %.1f", held, before)
	}
	view.Release()
	for a.s.Housekeep(0, a.v.NowMillis, 64) {
	}
	a.compact()
	if last := a.ratio(); last > held/1.3 || last > 1.5 {
		t.Errorf("with a value thawed held %.1f times of what lives, before that %.1f", last, held)
	}
	for i := range 3 {
		h, _ := a.FindHash(atticKey(i))
		for f := 0; f < fields; f += 10 {
			if v, ok := h.Get(fmt.Appendf(nil, "field:%d", f)); !ok || v.Len() != 100 {
				t.Fatalf("hash %d: field %d is lost", i, f)
			}
		}
	}
}

// TestCompactSlices: no slice looks at many more blocks than it is to, with a value of many elements either.
func TestCompactSlices(t *testing.T) {
	a := newAttic(t, 1)
	a.fill("fields", 3, steps(30_000))
	n := steps(30_000)
	a.fill("strings", n, 0)
	for i := range n {
		if i%3 != 0 || i < 3 {
			a.Delete(atticKey(i))
		}
	}
	a.fill("fields", 3, steps(30_000))
	last := Compactions{}
	for more := true; more; {
		a.s.TryLock(0)
		more = a.s.Compact(0, 64)
		a.s.Unlock(0)
		done := a.s.Compactions()
		if n := done.Moved + done.Left - last.Moved - last.Left; n > 64+40 {
			t.Fatalf("%d blocks in one slice", n)
		}
		last = done
	}
	if last.Moved == 0 || last.Keys == 0 || last.Keys+last.KeysLeft < int64(n/3) {
		t.Errorf("counted %+v", last)
	}
	a.s.ResetStats()
	if n := a.s.Compactions(); n != (Compactions{}) {
		t.Errorf("after ResetStats %+v", n)
	}
}
