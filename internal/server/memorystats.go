// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/stats"
	"github.com/redpoll/redpoll/internal/store"
)

// counts gives what all databases have now.
func (s *Server) counts() []store.Counts {
	s.censusMu.Lock()
	defer s.censusMu.Unlock()
	return s.census.Take(s.engine.Store, s.clock.WallMillis())
}

// memoryStats replies with names and figures in the order of redis-server 7.0, newer names in the places that they have in
// newer servers.
func (s *Server) memoryStats(c *command.Ctx) error {
	m, arena, databases := s.memory(), s.arena.Stats(), s.counts()
	live, resident := s.engine.Store.Used(), m.resident(&arena)
	r := reportMap{w: c.Reply, length: c.Reply.DeferLen()}
	r.int("peak.allocated", m.peak)
	r.int("total.allocated", m.used)
	r.int("startup.allocated", 0) // the Go runtime is not in what is used
	r.int("replication.backlog", 0)
	r.int("clients.slaves", 0)
	r.int("clients.normal", m.clients)
	r.int("cluster.links", 0)
	r.int("aof.buffer", s.aofBuffer())
	r.int("lua.caches", 0)
	r.int("functions.caches", s.scripts.Stats().LibraryBytes)
	keys, tables := int64(0), int64(0)
	for i, n := range databases {
		keys += n.Keys
		tables += n.TableBytes + n.IndexBytes
		if n.Keys > 0 {
			r.name(fmt.Sprintf("db.%d", i))
			c.Reply.Map(3)
			inner := reportMap{w: c.Reply}
			inner.int("overhead.hashtable.main", n.TableBytes)
			inner.int("overhead.hashtable.expires", n.IndexBytes)
			inner.int("overhead.hashtable.slot-to-keys", 0)
		}
	}
	overhead := m.clients + tables
	r.int("overhead.db.hashtable.lut", tables)
	r.int("overhead.db.hashtable.rehashing", 0)
	r.int("overhead.total", overhead)
	r.int("keys.count", keys)
	each := int64(0)
	if keys > 0 {
		each = m.used / keys
	}
	r.int("keys.bytes-per-key", each)
	r.int("dataset.bytes", m.used-overhead)
	r.double("dataset.percentage", share(m.used-overhead, m.used))
	r.double("peak.percentage", share(m.used, m.peak))
	r.int("allocator.allocated", live)
	r.int("allocator.active", arena.InUse)
	r.int("allocator.resident", resident)
	r.int("allocator.muzzy", 0)
	r.ratio("allocator-fragmentation", arena.InUse, live)
	r.ratio("allocator-rss", resident, arena.InUse)
	r.ratio("rss-overhead", m.rss, resident)
	inUse := m.inUse()
	r.double("fragmentation", quotient(m.rss, inUse))
	r.int("fragmentation.bytes", m.rss-inUse)
	c.Reply.SetMapLen(r.length, r.n)
	return nil
}

// reportMap writes a map of names and figures.
type reportMap struct {
	w      *resp.Writer
	length resp.Deferred
	n      int
}

func (r *reportMap) name(name string) {
	r.n++
	r.w.BulkString(name)
}

func (r *reportMap) int(name string, v int64) {
	r.name(name)
	r.w.Int(v)
}

func (r *reportMap) double(name string, v float64) {
	r.name(name)
	r.w.Double(v)
}

// ratio gives how many times as much the one is as the other, and the difference.
func (r *reportMap) ratio(name string, more, less int64) {
	r.double(name+".ratio", quotient(more, less))
	r.int(name+".bytes", more-less)
}

// share gives how many per cent of the whole a part is.
func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) * 100 / float64(whole)
}

// The limits past which MEMORY DOCTOR has something to say.
const (
	tooSmall     = 5 << 20 // bytes in use below which ratios say nothing
	highPeak     = 1.5     // times what is in use now
	highSparse   = 1.4     // times what lives: pages of the data
	highOverhead = 1.4     // times the data's pages: the whole process
	enough       = 10 << 20
	bigClient    = 200 << 10
)

// memoryDoctor replies with what is remarkable about the server's memory, for people.
func (s *Server) memoryDoctor(c *command.Ctx) error {
	m, arena := s.memory(), s.arena.Stats()
	c.Reply.Verbatim("txt", diagnose(&m, m.resident(&arena), arena.InUse, s.engine.Store.Used(), s.openClients()))
	return nil
}

// diagnose words what MEMORY DOCTOR finds. resident, pages and live are of the data's allocator, in bytes.
func diagnose(m *memory, resident, pages, live int64, clients int) string {
	if m.used < tooSmall {
		return "This server holds little or no data: there is nothing to look into yet."
	}
	var found []string
	note := func(format string, args ...any) { found = append(found, fmt.Sprintf(" * "+format, args...)) }
	if float64(m.peak) > highPeak*float64(m.used) {
		note("Peak: at some time %s were in use, now it is %s. Free pages go back to the system within seconds, so that "+
			"this costs nothing.", stats.Human(m.peak), stats.Human(m.used))
	}
	if quotient(pages, live) > highSparse && pages-live > enough {
		note("Sparse pages: the data takes %s of pages for %s that live. Deleting many keys leaves holes; the records that are "+
			"left are moved together in the background.", stats.Human(pages), stats.Human(live))
	}
	if quotient(m.rss, resident) > highOverhead && m.rss-resident > enough {
		note("Memory beside the data: the process has %s resident, %s of it for the data. See redpoll_go_memory in INFO memory: "+
			"connections, transactions and pending replies live there.", stats.Human(m.rss), stats.Human(resident))
	}
	if clients > 0 && m.clients/int64(clients) > bigClient {
		note("Big clients: %d clients take %s. CLIENT LIST shows which send faster than they are served or leave replies "+
			"unread (qbuf, omem).", clients, stats.Human(m.clients))
	}
	if len(found) == 0 {
		return "No problem found: the memory in use is what the data and the clients take."
	}
	return "This was found:\n\n" + strings.Join(found, "\n\n") + "\n"
}

// memoryMallocStats replies with the allocator's figures.
func (s *Server) memoryMallocStats(c *command.Ctx) error {
	arena, live := s.arena.Stats(), s.engine.Store.Used()
	var b strings.Builder
	line := func(name string, n int64) { fmt.Fprintf(&b, "%-28s %15d (%s)\n", name, n, stats.Human(n)) }
	b.WriteString("Data, off the Go heap\n")
	line("  address space reserved", arena.Reserved)
	line("  opened", arena.Opened)
	line("  pages of heaps", arena.InUse)
	line("  free pages, resident", arena.Cached)
	line("  live blocks", live)
	b.WriteString("Go runtime\n")
	line("  in use", goMemory())
	gc := readCollector()
	fmt.Fprintf(&b, "%-28s %15d\n%-28s %15.4f\n", "  collections", gc.cycles, "  share of CPU time", gc.fraction)
	c.Reply.Verbatim("txt", b.String())
	return nil
}

// memoryPurge gives all free pages back to the system, the Go runtime's too.
func (s *Server) memoryPurge(c *command.Ctx) error {
	err := s.aside(c, func() {
		s.arena.Scavenge(s.arena.Stats().Cached)
		debug.FreeOSMemory()
	})
	if err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}
