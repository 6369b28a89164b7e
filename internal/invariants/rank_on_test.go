// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants

package invariants

import "testing"

// panics tells whether fn does.
func panics(fn func()) (did bool) {
	defer func() { did = recover() != nil }()
	fn()
	return false
}

// TestRanks takes locks in and out of order.
func TestRanks(t *testing.T) {
	Acquired(RankGate, 0)
	Acquired(RankShard, 5)
	for _, c := range []struct {
		rank   Rank
		number uintptr
		wrong  bool
	}{
		{RankGate, 0, true}, {RankShard, 4, true}, {RankShard, 5, true}, {RankShard, 6, false}, {RankLog, 0, false}, {RankLeaf, 0, false},
	} {
		if got := panics(func() { Waits(c.rank, c.number) }); got != c.wrong {
			t.Errorf("waiting for %d, %d panics: %v", c.rank, c.number, got)
		}
	}
	done := make(chan bool)
	go func() { done <- panics(func() { Waits(RankGate, 0) }) }()
	if <-done {
		t.Error("another goroutine's locks count")
	}
	Released(RankShard, 5)
	Released(RankGate, 0)
	if !panics(func() { Released(RankGate, 0) }) {
		t.Error("what is not held can be freed")
	}
	Waits(RankGate, 0)
	if _, any := held.Load(goroutine()); any {
		t.Error("a goroutine without locks is still known")
	}
}
