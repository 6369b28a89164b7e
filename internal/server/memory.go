// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"runtime/metrics"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/mem"
)

// memoryUsage replies with what a key takes. With SAMPLES 0 all elements are looked at.
func memoryUsage(c *command.Ctx) error {
	a := c.Args()
	key, samples := a.Key(), int64(5)
	for a.More() {
		if !a.Keyword("SAMPLES") || !a.More() {
			return command.ErrSyntax
		}
		if samples = a.Int(); a.Err() == nil && samples < 0 {
			return command.ErrSyntax
		}
	}
	if err := a.Done(); err != nil {
		return err
	}
	it, ok := c.DB.Peek(key)
	if !ok {
		c.Reply.Null()
		return nil
	}
	n, err := it.Usage(int(samples), c.Tick)
	if err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}

// memory is the server's memory in bytes. What is used is what the data takes off the Go heap and what clients make the
// server hold: that rises and falls with both and not with the collector's mood, so it is what maxmemory bounds.
type memory struct {
	used    int64
	clients int64
	rss     int64
	peak    int64
}

// inUse gives all bytes that somebody uses: used and the Go runtime, in whose heap what clients make the server hold lies.
// Resident memory is held against it: against used alone every small server would seem to be nothing but fragments.
func (m *memory) inUse() int64 { return m.used + max(goMemory()-m.clients, 0) }

// resident gives the resident bytes of the data's pages.
func (m *memory) resident(arena *mem.Stats) int64 {
	resident := arena.InUse + arena.Cached
	if m.rss > 0 {
		resident = min(resident, m.rss) // pages that were never touched are not there
	}
	return resident
}

// openClients tells how many connections there are.
func (s *Server) openClients() int {
	open, _, _ := s.hub.Counts()
	return open
}

// memory reads the server's memory.
func (s *Server) memory() memory {
	m := memory{rss: residentBytes()}
	m.used, m.clients = s.usedMemory()
	m.peak = s.peak.Load()
	return m
}

// usedMemory gives the bytes in use and of them those for clients, and notes the peak.
func (s *Server) usedMemory() (used, clients int64) {
	clients = s.account.Total() - s.account.Get(mem.Programs)
	used = s.account.Total() + s.engine.Store.Used()
	for {
		peak := s.peak.Load()
		if used <= peak || s.peak.CompareAndSwap(peak, used) {
			return used, clients
		}
	}
}

// goMemory gives the bytes that the Go runtime has in use: objects, stacks and its own books. In a process with several
// servers it is that of all.
func goMemory() int64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/metadata/mcache/inuse:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"},
		{Name: "/memory/classes/other:bytes"},
	}
	metrics.Read(samples)
	n := int64(0)
	for _, sample := range samples {
		n += int64(sample.Value.Uint64())
	}
	return n
}

// collector is what the Go garbage collector has done since the process began.
type collector struct {
	cycles   int64
	fraction float64 // of the CPU time that the process could have had; without what was done on cores that had nothing else to do
}

func readCollector() collector {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
	}
	metrics.Read(samples)
	c := collector{cycles: int64(samples[0].Value.Uint64())}
	if total := samples[3].Value.Float64(); total > 0 {
		c.fraction = (samples[1].Value.Float64() - samples[2].Value.Float64()) / total
	}
	return c
}
