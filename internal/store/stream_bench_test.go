// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"testing"
)

// benchGroup makes a group with consumers.
func benchGroup(b *testing.B, consumers int) (g Group, list []Consumer, s *Stream) {
	db := newHashDB(b, 16<<30)
	db.CreateStream([]byte("s"))
	stream, err := db.FindStreamWrite([]byte("s"))
	if err != nil {
		b.Fatal(err)
	}
	g, _ = stream.CreateGroup([]byte("g"), StreamID{}, 0)
	for i := range consumers {
		list = append(list, g.CreateConsumer(fmt.Appendf(nil, "consumer-%06d", i), 1))
	}
	return g, list, &stream
}

const benchTime = 1_790_000_000_000

// BenchmarkDeliver: an entry a ms, to each consumer in turn, acknowledged when 1000 others have been delivered, or never.
func BenchmarkDeliver(b *testing.B) {
	for _, consumers := range []int{1, 10, 100_000} {
		for _, lag := range []int{0, 1000} {
			b.Run(fmt.Sprintf("consumers=%d/acked-after=%d", consumers, lag), func(b *testing.B) {
				g, list, _ := benchGroup(b, consumers)
				before := g.heap.Live()
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					at := uint64(benchTime + i)
					g.Deliver(StreamID{Ms: at}, list[i%consumers], int64(at)+5, 1)
					if lag > 0 && i >= lag {
						g.Ack(StreamID{Ms: at - uint64(lag)})
					}
				}
				b.ReportMetric(float64(g.heap.Live()-before)/float64(g.Pending()), "bytes/pending")
			})
		}
	}
}
