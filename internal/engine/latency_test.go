// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// recorded gives how many runs of a command have been timed.
func (b *bench) recorded(name string) uint64 {
	h := b.Stats.Latency.Of(b.Registry.Lookup([]byte(name)).ID())
	if h == nil {
		return 0
	}
	return h.Count()
}

// TestLatencies runs commands alone, together and in transactions: each run is in its histogram.
func TestLatencies(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	var gets []string
	for range 100 {
		gets = append(gets, "GET k")
	}
	c.do(gets...)
	c.do("SET k v", "GET k", "SET k w", "GET k", "MGET a b", "NOSUCH")
	c.do("MULTI", "SET k v", "SET k v", "SELECT 1", "SELECT 0", "EXEC")
	for name, want := range map[string]uint64{"get": 102, "set": 4, "mget": 1, "select": 2, "exec": 1, "dbsize": 0} {
		if n := b.recorded(name); n != want || int64(n) != b.Stats.Commands[b.Registry.Lookup([]byte(name)).ID()].Calls.Load() {
			t.Errorf("%s was timed %d times, want %d", name, n, want)
		}
	}
	b.Stats.Latency.SetTracking(false)
	c.do("GET k")
	if n := b.recorded("get"); n != 102 {
		t.Errorf("turned off, %d runs", n)
	}
	b.Stats.Reset()
	b.Stats.Latency.SetTracking(true)
	if n := b.recorded("get"); n != 0 {
		t.Errorf("after a reset, %d runs", n)
	}
	b.slow = func() bool { b.clock.Advance(30 * time.Millisecond); return false }
	c.do("SLOW k")
	h := b.Stats.Latency.Of(b.Registry.Lookup([]byte("slow")).ID())
	if p := h.Percentile(50); p < 29_000_000 || p > 31_000_000 {
		t.Errorf("a command of 30 ms took %d ns", p)
	}
}

// BenchmarkTimings notes what a batch of 64 commands of three kinds has, timed one by one, and adds it up.
func BenchmarkTimings(b *testing.B) {
	w := newBench(&testing.T{}, clock.NewFake(someTime), Options{}).NewWorker()
	w.timing = true
	b.ReportAllocs()
	for b.Loop() {
		for i := range 64 {
			w.time(&w.tallies[i%3], i%3, 300+int64(i*7), 1)
		}
		for id := range 3 {
			w.publishTiming(&w.tallies[id], id)
		}
	}
}
