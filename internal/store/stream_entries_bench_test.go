// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"testing"

	"github.com/redpoll/redpoll/internal/ds/entries"
)

// benchStream adds n entries of one field, with IDs of a clock.
func benchStream(db *DB, key []byte, n int) (last StreamID) {
	pairs := textsOf("field", "some value here")
	s, _ := db.FindStreamWrite(key)
	for i := range n {
		last = StreamID{Ms: 1_700_000_000_000 + uint64(i/3), Seq: uint64(i % 3)}
		s.Append(last, pairs)
	}
	return last
}

// BenchmarkStreamAppend adds an entry to a stream of a million, found anew each time.
func BenchmarkStreamAppend(b *testing.B) {
	db, key := newHashDB(b, 8<<30), []byte("s")
	benchStream(db, key, 1_000_000)
	pairs := textsOf("field", "some value here")
	b.ResetTimer()
	for range b.N {
		s, _ := db.FindStreamWrite(key)
		id, _ := s.Info().Last.Next()
		s.Append(id, pairs)
	}
	b.StopTimer()
	it, _ := db.Peek(key)
	n, _ := it.Usage(0, neverEnds)
	s := db.StreamOf(&it)
	b.ReportMetric(float64(n)/float64(s.Len()), "bytes/entry")
}

// BenchmarkStreamRead reads entries from the middle of a stream of a million.
func BenchmarkStreamRead(b *testing.B) {
	db, key := newHashDB(b, 8<<30), []byte("s")
	last := benchStream(db, key, 1_000_000)
	for _, n := range []int{1, 10, 1000} {
		for _, reverse := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/%v", n, reverse), func(b *testing.B) {
				from, to := StreamID{Ms: last.Ms - 100_000}, entries.MaxID()
				if reverse {
					from, to = StreamID{}, from
				}
				for range b.N {
					s, _ := db.FindStream(key)
					left := n
					s.Each(from, to, reverse, func(e *StreamEntry) bool {
						left--
						return left > 0
					})
				}
			})
		}
	}
}
