// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
)

// nested is what a script calls over and over: what it reads, what it changes for the first time and then again.
func nested() map[string][][]byte {
	return map[string][][]byte{
		"LLEN": {[]byte("LLEN"), []byte("l")}, "SET": {[]byte("SET"), []byte("k"), []byte("v")},
		"INCRBY": {[]byte("INCRBY"), []byte("n"), []byte("1")}, "DEL": {[]byte("DEL"), []byte("k"), []byte("other")},
	}
}

// inScript runs fn within a script.
func (b *bench) inScript(fn func(c *command.Ctx)) {
	b.inside = fn
	b.connect().do("RUN 0 | !inside")
}

// TestScriptAllocates: commands that a script calls take no memory of the Go heap.
func TestScriptAllocates(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 8})
	for name, argv := range nested() {
		b.inScript(func(c *command.Ctx) {
			host := c.Script()
			n := testing.AllocsPerRun(1000, func() {
				if _, err := host.CallScript(argv, 2); err != nil {
					t.Error(err)
				}
			})
			if n > 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		})
	}
}

// BenchmarkNested runs commands for a script.
func BenchmarkNested(b *testing.B) {
	for name, argv := range nested() {
		b.Run(name, func(b *testing.B) {
			e := newBench(&testing.T{}, clock.Real(), Options{Shards: 64})
			e.inScript(func(c *command.Ctx) {
				for b.Loop() {
					_, _ = c.Script().CallScript(argv, 2)
				}
			})
		})
	}
}

// BenchmarkRun runs scripts of one command, sixteen in a batch.
func BenchmarkRun(b *testing.B) {
	for name, argv := range nested() {
		b.Run(name, func(b *testing.B) {
			e := newBench(&testing.T{}, clock.Real(), Options{Shards: 64})
			e.inside = func(c *command.Ctx) { _, _ = c.Script().CallScript(argv, 2) }
			c := e.connect()
			call := append([][]byte{[]byte("RUN"), []byte("1")}, argv[1], []byte("|"), []byte("!inside"))
			calls := make([]Call, 16)
			b.ReportAllocs()
			for b.Loop() {
				for i := range calls {
					c.w.Prepare(c.cl, &calls[i], call, false)
				}
				c.w.Run(nil, c.cl, calls)
				c.cl.Reply.Reset()
			}
		})
	}
}
