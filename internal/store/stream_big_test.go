// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
)

// clockID gives IDs as a clock makes them, three a millisecond.
func clockID(i int) StreamID {
	return StreamID{Ms: 1_700_000_000_000 + uint64(i/3), Seq: uint64(i % 3)}
}

// TestStreamMemory: what entries of a large stream take, and what a stream of one.
func TestStreamMemory(t *testing.T) {
	db := newHashDB(t, 1<<30)
	const n = 100_000
	value := "fifteen bytes.."
	for i := range n {
		streamForWrite(t, db, "s").Append(clockID(i), textsOf("field", value))
	}
	s := streamForWrite(t, db, "s")
	if took := float64(s.body().heap.Live()) / n; took > float64(len(value))+5 {
		t.Errorf("an entry takes %.1f bytes", took)
	}
	streamForWrite(t, db, "one").Append(clockID(1), textsOf("field", value))
	it, _ := db.Peek([]byte("one"))
	if took, _ := it.Usage(0, neverEnds); took > 450 {
		t.Errorf("a stream of one entry takes %d bytes", took)
	}
}

func streamForWrite(t testing.TB, db *DB, key string) *Stream {
	t.Helper()
	s, err := db.FindStreamWrite([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// TestStreamBecomesBigAndSmallAgain with what is in it, an entry that owns its pages among it.
func TestStreamBecomesBigAndSmallAgain(t *testing.T) {
	db := newHashDB(t, 1<<30)
	m := newStreamModel(t, db, 5, 1<<30)
	m.check()
	for i := 0; !m.stream().IsBig(); i++ {
		m.add()
		if i == 100 {
			m.last.Ms++
			m.stream().Append(m.last, [][]byte{[]byte("long"), make([]byte, 100_000)})
			m.stream().Delete(m.last)
			m.maxDeleted = m.last
			m.added++
		}
		if i > 100_000 {
			t.Fatal("it does not become big")
		}
	}
	m.check()
	for m.stream().IsBig() {
		if len(m.nodes) == 0 {
			t.Fatal("it stays big")
		}
		m.trim()
	}
	m.check()
	m.add()
	m.end()
	if db.s.Used() != live(db) {
		t.Errorf("used %d, live %d", db.s.Used(), live(db))
	}
}

// TestStreamViewsAreNew when nothing but the state has changed, and shared when nothing has.
func TestStreamViewsAreNew(t *testing.T) {
	db := newHashDB(t, 1<<30)
	db.s.bigTable = 5000
	for i := range 2000 {
		streamForWrite(t, db, "s").Append(clockID(i), textsOf("f", "v"))
	}
	s := streamForWrite(t, db, "s")
	id := clockID(1000)
	a, b := s.Freeze(), s.Freeze()
	if a.at != b.at {
		t.Error("a stream that has not changed is frozen twice")
	}
	s.Delete(id)
	c := s.Freeze()
	s.Delete(clockID(1001)) // the leaf is not copied again
	s.SetAdded(5)
	d := s.Freeze()
	for i, f := range []*Frozen{a, b, c, d} {
		n := len(walkStream(f, StreamID{}, entries.MaxID(), false))
		state := f.stream().state
		if want := []int{2000, 2000, 1999, 1998}[i]; n != want || state.live != int64(want) || (state.added == 5) != (i == 3) {
			t.Errorf("view %d has %d entries, its state is %+v; want %d", i, n, state, want)
		}
		f.Release()
	}
}

// TestStreamViewsAreReadWhileItChanges on other goroutines, in both directions.
func TestStreamViewsAreReadWhileItChanges(t *testing.T) {
	db := newHashDB(t, 1<<30)
	db.s.bigTable = 20_000
	m := newStreamModel(t, db, 6, 2000)
	for range 3000 {
		m.add()
	}
	for range 20 {
		var readers sync.WaitGroup
		for _, reverse := range []bool{false, true} {
			f, all := m.stream().Freeze(), m.entries()
			readers.Go(func() {
				defer f.Release()
				if !sameEntries(walkStream(f, StreamID{}, entries.MaxID(), reverse), between(all, StreamID{}, entries.MaxID(), reverse)) {
					t.Error("a view is not what the stream was")
				}
			})
		}
		for range steps(100) {
			m.step()
		}
		readers.Wait()
		keepHouse(db, 50)
	}
	m.end()
}

// TestCompactStreams: of streams that have lost most of their blocks what they held is given back.
func TestCompactStreams(t *testing.T) {
	for name, many := range map[string]int{"large": 5000, "big": 50_000} {
		t.Run(name, func(t *testing.T) {
			a := newAttic(t, 1)
			keys := 300_000 / many
			for i := range keys {
				s, _ := a.FindStreamWrite(atticKey(i))
				for j := range many {
					s.Append(clockID(j), textsOf("field", fmt.Sprint("value", j)))
				}
				if s.IsBig() != (name == "big") {
					t.Fatalf("the stream of %d entries is big: %v", many, s.IsBig())
				}
			}
			a.s.SettleAll()
			full := a.s.arena.Stats().InUse
			for i := range keys {
				s, _ := a.FindStreamWrite(atticKey(i))
				for j := range many {
					if j/100%10 != 0 {
						s.Delete(clockID(j))
					}
				}
			}
			a.ratio()
			a.compact()
			a.ratio()
			if left := a.s.arena.Stats().InUse; left*4 > full {
				t.Errorf("%d of %d bytes are still held", left, full)
			}
			for i := range keys {
				s, _ := a.FindStreamWrite(atticKey(i))
				n := 0
				for _, e := range readStream(&s, StreamID{}, entries.MaxID(), false) {
					if want := fmt.Sprint("value", n); e.id != clockID(n) || e.pairs[1] != want {
						t.Fatalf("%v has %q, want %v, %q", e.id, e.pairs[1], clockID(n), want)
					}
					if n++; n%100 == 0 {
						n += 900
					}
				}
			}
		})
	}
}

// TestCopiesAndMovesOfStreams go by ticks when they are copied, and without them when nothing is.
func TestCopiesAndMovesOfStreams(t *testing.T) {
	db := newHashDB(t, 1<<30)
	for _, n := range []int{8000, 100_000} {
		for i := range n {
			streamForWrite(t, db, "s").Append(clockID(i), textsOf("field", "value"))
		}
		ticks := 0
		if err := db.Copy([]byte("s"), db, []byte("copy"), func() error { ticks++; return nil }); err != nil || ticks < n/10_000 {
			t.Fatalf("%v, %d ticks", err, ticks)
		}
		if err := db.Move([]byte("s"), db, []byte(sameShard(db, "s")), neverTick(t)); err != nil {
			t.Fatal(err)
		}
		c := streamForWrite(t, db, "copy")
		if c.Len() != n || c.Info().Last != clockID(n-1) || c.IsBig() != (n > 10_000) || db.Exists([]byte("s")) {
			t.Errorf("the copy has %d entries, %+v", c.Len(), c.Info())
		}
		stop := errors.New("stop")
		if err := db.Copy([]byte("copy"), db, []byte("s"), func() error { return stop }); err != stop || db.Exists([]byte("s")) {
			t.Errorf("a copy that was stopped: %v", err)
		}
		db.s.Flush(-1)
		if db.s.Used() != 0 {
			t.Errorf("%d bytes are used by nothing", db.s.Used())
		}
	}
}
