// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/invariants"
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

// runs gives what runs a script of one command, sixteen times in a batch.
func (b *bench) runs(argv [][]byte) func() {
	b.inside = func(c *command.Ctx) { _, _ = c.Script().CallScript(argv, 2) }
	c := b.connect()
	line := append([][]byte{[]byte("RUNINSIDE"), []byte("1")}, argv[1])
	calls := make([]Call, 16)
	return func() {
		for i := range calls {
			c.w.Prepare(c.cl, &calls[i], line, false)
		}
		for i := range calls {
			c.w.PrepareRecord(&calls[i])
		}
		c.w.Run(nil, c.cl, calls)
		c.cl.Reply.Reset()
	}
}

// TestScriptAllocates: scripts, and commands that they call, take no memory of the Go heap.
func TestScriptAllocates(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 8})
	for name, argv := range nested() {
		b.inScript(func(c *command.Ctx) {
			n := testing.AllocsPerRun(1000, func() {
				if _, err := c.Script().CallScript(argv, 2); err != nil {
					t.Error(err)
				}
			})
			if n > 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		})
		if n := testing.AllocsPerRun(1000, b.runs(argv)); n > 0 && !invariants.Enabled { // that keeps lists of locks
			t.Errorf("sixteen scripts with %s: %v allocations", name, n)
		}
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
			run := newBench(&testing.T{}, clock.Real(), Options{Shards: 64}).runs(argv)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
