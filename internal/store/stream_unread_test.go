// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
)

// unread gives up to n IDs of what a group has not delivered, by any of the two ways.
func unread(n int, walk func(fn func(e *StreamEntry) bool)) (ids []StreamID) {
	walk(func(e *StreamEntry) bool {
		ids = append(ids, e.ID())
		return len(ids) < n
	})
	return ids
}

// TestEachUnread: a group gets what is behind the last one that it has delivered, whatever has become of the stream since, and is faster only
// by what it has noted.
func TestEachUnread(t *testing.T) {
	for _, big := range []int{1 << 30, 20_000} {
		t.Run(fmt.Sprint(big), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(big), 5))
			db := newHashDB(t, 1<<30)
			db.s.bigTable = big
			s := db.CreateStream([]byte("s"))
			names := []string{"a", "b", "c"}
			for _, name := range names {
				s.CreateGroup([]byte(name), StreamID{}, 0)
			}
			var view *Frozen
			for range 30_000 {
				s, _ = db.FindStreamWrite([]byte("s"))
				if changeUnread(&s, rng); view == nil && s.IsBig() && rng.IntN(50) == 0 {
					view = s.Freeze()
				} else if view != nil && rng.IntN(50) == 0 {
					view.Release()
					view = nil
				}
				g, _ := s.GroupWrite([]byte(names[rng.IntN(len(names))]))
				readUnread(t, &s, g, rng)
			}
			if view != nil {
				view.Release()
			}
		})
	}
}

// changeUnread does one thing to a stream.
func changeUnread(s *Stream, rng *rand.Rand) {
	info := s.Info()
	switch op := rng.IntN(200); {
	case op < 150:
		id := StreamID{Ms: info.Last.Ms, Seq: info.Last.Seq + 1 + uint64(rng.IntN(3))}
		if rng.IntN(2) == 0 {
			id = StreamID{Ms: info.Last.Ms + uint64(rng.IntN(100)) + 1}
		}
		pairs := []string{"field", fmt.Sprint(rng.IntN(1000)), "other", "some more text"}
		s.Append(id, textsOf(pairs[:2+2*rng.IntN(2)]...))
	case op < 190:
		s.Delete(StreamID{Ms: info.First.Ms + uint64(rng.IntN(200)), Seq: uint64(rng.IntN(2))})
	case op < 195:
		s.Trim(StreamTrim{MaxLen: s.Len() / 2}, neverEnds)
	case op < 197 && s.Len() > 0: // there is a block that begins as one before
		var master StreamID
		s.EachLeaf(func(b entries.Block) bool {
			master = b.Master()
			return false
		})
		s.Trim(StreamTrim{}, neverEnds)
		before, _ := master.Prev()
		s.SetLast(before)
		s.Append(master, textsOf("a field with a long name", "value", "another", "value"))
	}
}

// readUnread has a group read some entries, and deliver them or not.
func readUnread(t *testing.T, s *Stream, g Group, rng *rand.Rand) {
	t.Helper()
	n := 1 + rng.IntN(8)
	if rng.IntN(20) == 0 {
		n = 500
	}
	from, _ := g.Last().Next()
	want := unread(n, func(fn func(e *StreamEntry) bool) { s.Each(from, MaxStreamID(), false, fn) })
	got := unread(n, func(fn func(e *StreamEntry) bool) { s.EachUnread(g, fn) })
	if !slices.Equal(got, want) {
		t.Fatalf("behind %v there are %v, want %v", g.Last(), got, want)
	}
	if last := rng.IntN(len(got) + 1); last < len(got) {
		g.Advance(got[last])
	} else if rng.IntN(50) == 0 {
		g.SetLast(StreamID{Ms: from.Ms / 2}, NoCount)
	}
}
