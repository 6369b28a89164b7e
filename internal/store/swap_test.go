// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"testing"
)

// TestSwapTouchesWatched watches a key of database 0 while 0 and 1 change places.
func TestSwapTouchesWatched(t *testing.T) {
	const gone, later = someTime - 1, someTime + 1000
	for _, c := range []struct {
		here, there int64 // expiry of the key in databases 0 and 1; -1: it is not there
		a, b        int
		dirty       bool
	}{
		{-1, -1, 0, 1, false},
		{NoExpiry, -1, 0, 1, true},
		{-1, NoExpiry, 0, 1, true},
		{NoExpiry, NoExpiry, 1, 0, true},
		{later, -1, 0, 1, true},
		{-1, gone, 0, 1, false},
		{NoExpiry, NoExpiry, 0, 0, false},
		{NoExpiry, NoExpiry, 1, 1, false},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			s := newStore(t, 4)
			v := s.NewView()
			v.NowMillis = someTime
			key := []byte("k")
			for db, at := range []int64{c.here, c.there} {
				if at >= 0 {
					v.DB(db).SetString(key, []byte("v"), at)
				}
			}
			var w Watch
			v.DB(0).Watch(&w, key)
			s.Swap(c.a, c.b, v.NowMillis)
			if w.Dirty() != c.dirty {
				t.Errorf("dirty: %v", w.Dirty())
			}
			s.Unwatch(&w)
		})
	}
}

// TestSwap has keys, expiries and values that wait to be freed go over to the other database.
func TestSwap(t *testing.T) {
	s := newStore(t, 8)
	v := s.NewView()
	v.NowMillis = someTime
	key := func(i int) []byte { return fmt.Append(nil, "key:", i) }
	for i := range 100 {
		v.DB(0).SetString(key(i), []byte("v"), someTime+50)
	}
	if n := s.Swap(0, 1, someTime); n != 100 {
		t.Errorf("%d keys have moved", n)
	}
	if n := s.Swap(1, 1, someTime); n != 0 {
		t.Errorf("%d keys have moved to where they were", n)
	}
	here, there := 0, 0
	for i := range 100 {
		if v.DB(0).Exists(key(i)) {
			here++
		}
		if v.DB(1).Exists(key(i)) {
			there++
		}
	}
	if here != 0 || there != 100 {
		t.Errorf("%d keys are in the one, %d in the other", here, there)
	}
	v.NowMillis += 60
	housekeepAll(v)
	if n := s.Expired(); n != 100 {
		t.Errorf("%d keys have died in their new database", n)
	}
	for i := range s.shards {
		s.Settle(i)
	}
	s.Flush(-1)
	if s.Used() != 0 {
		t.Errorf("%d bytes are left", s.Used())
	}
}
