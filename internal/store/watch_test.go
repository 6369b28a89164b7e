// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// watching counts what is left in the shards.
func watching(s *Store) (n int) {
	for i := range s.shards {
		for _, list := range s.shards[i].watched {
			n += len(list)
		}
	}
	return n
}

func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(v *View)
		dirty  bool
	}{
		{"nothing", func(*View) {}, false},
		{"touch", func(v *View) { v.DB(0).Touch([]byte("a")) }, true},
		{"touch of another key", func(v *View) { v.DB(0).Touch([]byte("b")) }, false},
		{"touch in another database", func(v *View) { v.DB(1).Touch([]byte("a")) }, false},
		{"flush", func(v *View) { v.s.Flush(0) }, true},
		{"flush of all", func(v *View) { v.s.Flush(-1) }, true},
		{"flush of another database", func(v *View) { v.s.Flush(1) }, false},
		{"dead, not met", func(v *View) { v.NowMillis += 200 }, true},
		{"dead, met by a read", func(v *View) { v.NowMillis += 200; v.DB(0).Exists([]byte("a")) }, true},
		{"dead by housekeeping", func(v *View) { v.NowMillis += 200; housekeepAll(v) }, true},
		{"time", func(v *View) { v.NowMillis += 100 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t, 4)
			v := s.NewView()
			v.NowMillis = someTime
			v.DB(0).SetString([]byte("a"), []byte("1"), someTime+100)
			var w Watch
			for range 2 {
				v.DB(0).Watch(&w, []byte("a"))
				v.DB(0).Watch(&w, []byte("absent"))
			}
			if w.Len() != 2 || watching(s) != 2 {
				t.Fatalf("%d keys are watched, %d in shards", w.Len(), watching(s))
			}
			c.change(v)
			v.ExpireWatched(&w)
			if w.Dirty() != c.dirty {
				t.Errorf("dirty: %v", w.Dirty())
			}
			s.Unwatch(&w)
			if w.Dirty() || w.Len() != 0 || watching(s) != 0 {
				t.Error("Unwatch leaves something")
			}
		})
	}
}

// TestWatchOfTheDead: a key that is dead when it is watched is absent, and stays so.
func TestWatchOfTheDead(t *testing.T) {
	s := newStore(t, 1)
	v := s.NewView()
	v.NowMillis = someTime
	v.DB(0).SetString([]byte("a"), []byte("1"), someTime+100)
	v.NowMillis += 200
	var w Watch
	v.DB(0).Watch(&w, []byte("a"))
	v.s.Flush(-1)
	if v.ExpireWatched(&w); w.Dirty() {
		t.Error("an absent key has changed")
	}
}

// TestAbandon: what is left where a shard was busy is swept away by the next who watches, or by housekeeping.
func TestAbandon(t *testing.T) {
	for _, later := range []bool{false, true} {
		s := newStore(t, 2)
		v := s.NewView()
		v.NowMillis = someTime
		var gone, stays Watch
		for i := range 20 {
			key := []byte(strconv.Itoa(i))
			v.DB(0).Watch(&gone, key)
			v.DB(0).Watch(&stays, key)
		}
		if later {
			s.AbandonLater(&gone)
		} else {
			s.TryLock(1)
			testutil.Aside(func() { s.Abandon(&gone) })
			s.Unlock(1)
		}
		if n := watching(s); n <= 20 || later && n != 40 {
			t.Errorf("%d are left: the test tests nothing", n)
		}
		s.Housekeep(1, someTime, 10)
		s.Housekeep(0, someTime, 10)
		if n := watching(s); n != 20 {
			t.Errorf("%d are left", n)
		}
		v.DB(0).Touch([]byte("3"))
		if !stays.Dirty() {
			t.Error("not dirty")
		}
		if s.Abandon(&stays); watching(s) != 0 {
			t.Error("something is left")
		}
	}
}
