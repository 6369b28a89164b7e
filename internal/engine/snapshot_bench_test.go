// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// nowhere is a sink that keeps nothing.
type nowhere struct{ bytes int64 }

func (s *nowhere) Write(p []byte) error {
	s.bytes += int64(len(p))
	return nil
}

func (s *nowhere) End(error) {}

// BenchmarkSnapshot saves a million small keys, while nobody else is there.
func BenchmarkSnapshot(b *testing.B) {
	const keys = 1 << 20
	arena, err := mem.NewArena(mem.Options{Reserve: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer arena.Close()
	e := newBench(&testing.T{}, clock.Real(), Options{Shards: 64, Arena: arena})
	c := e.connect()
	value := strings.Repeat("v", 32)
	for i := range keys {
		c.do(fmt.Sprintf("SET key:%012d %s", i, value))
	}
	o := rdb.FileOptions{Version: 11}
	for b.Loop() {
		sink := &nowhere{}
		s := e.Snapshot(SnapshotRequest{Encoder: o.Encoder(), Sink: sink})
		<-s.Done()
		b.SetBytes(sink.bytes)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/key")
}
