// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/stats"
)

// memoryFields declares INFO memory. All of it comes from one reading, so that its figures fit each other.
func (s *Server) memoryFields(sec *stats.Section) {
	fields := []stats.Field{
		{Name: "used_memory*", Help: "bytes that the data and clients take"},
		{Name: "allocator_*", Help: "memory off the Go heap: live blocks, pages of heaps, pages that are resident"},
		{Name: "total_system_memory*", Help: "memory of the machine"},
		{Name: "number_of_*", Help: "scripts that are cached, functions and their libraries"},
		{Name: "maxmemory*", Help: "directives maxmemory and maxmemory-policy"},
		{Name: "rss_overhead_*", Help: "resident memory beside the allocator's"},
		{Name: "mem_*", Help: "memory by purpose"},
		{Name: "active_defrag_running", Help: "per cent of the loops' time that moving data off sparse pages takes at present"},
		{Name: "lazyfree_pending_objects", Help: "values that wait to be freed"},
		{Name: "lazyfreed_objects", Kind: stats.Counter, Help: "values that were freed after their keys were gone"},
		{Name: "redpoll_go_memory", Help: "bytes that the Go runtime has in use"},
		{Name: "redpoll_memory_*", Help: "what the system lets the process have, 0 for no limit, and pages past which writes are refused for it"},
		{Name: "redpoll_arena_*", Help: "address space of the data: reserved, usable, resident without use"},
	}
	sec.Group(func(v *stats.Values) {
		m, arena := s.memory(), s.arena.Stats()
		usedFields(v, &m, s.tableBytes())
		s.allocatorFields(v, &m, &arena)
		v.Int("redpoll_go_memory", goMemory())
		limit := int64(0)
		if s.container != nil {
			limit = s.container.limit
		}
		v.Int("redpoll_memory_limit", limit)
		v.Int("redpoll_memory_budget", s.budget.Load())
		v.Int("redpoll_arena_reserved", arena.Reserved)
		v.Int("redpoll_arena_opened", arena.Opened)
		v.Int("redpoll_arena_cached", arena.Cached)
	}, fields...)
}

// sized gives a number of bytes and, where Redis has it, the same for people.
func sized(v *stats.Values, name string, n int64) {
	v.Int(name, n)
	v.Text(name+"_human", stats.Human(n))
}

func percent(v *stats.Values, name string, part, whole int64) {
	v.Text(name, strconv.FormatFloat(share(part, whole), 'f', 2, 64)+"%")
}

// tableBytes gives the bytes of the tables of all databases and their expiry indexes.
func (s *Server) tableBytes() (n int64) {
	for _, db := range s.counts() {
		n += db.TableBytes + db.IndexBytes
	}
	return n
}

func usedFields(v *stats.Values, m *memory, tables int64) {
	overhead := m.clients + tables
	sized(v, "used_memory", m.used)
	sized(v, "used_memory_rss", m.rss)
	sized(v, "used_memory_peak", m.peak)
	percent(v, "used_memory_peak_perc", m.used, m.peak)
	v.Int("used_memory_overhead", overhead)
	v.Int("used_memory_startup", 0) // the Go runtime is counted by redpoll_go_memory
	v.Int("used_memory_dataset", m.used-overhead)
	percent(v, "used_memory_dataset_perc", m.used-overhead, m.used)
}

// scriptFields tells what scripts take.
func (s *Server) scriptFields(v *stats.Values) {
	scripts := s.scripts.Stats()
	v.Int("used_memory_lua", scripts.EvalBytes)
	v.Int("used_memory_vm_eval", scripts.EvalBytes)
	v.Text("used_memory_lua_human", stats.Human(scripts.EvalBytes))
	v.Int("used_memory_scripts_eval", scripts.ScriptBytes)
	v.Int("number_of_cached_scripts", int64(scripts.Scripts))
	v.Int("number_of_functions", int64(scripts.Functions))
	v.Int("number_of_libraries", int64(scripts.Libraries))
	v.Int("used_memory_vm_functions", scripts.FunctionBytes)
	sized(v, "used_memory_vm_total", scripts.EvalBytes+scripts.FunctionBytes)
	v.Int("used_memory_functions", scripts.LibraryBytes)
	sized(v, "used_memory_scripts", scripts.ScriptBytes+scripts.LibraryBytes)
}

func (s *Server) allocatorFields(v *stats.Values, m *memory, arena *mem.Stats) {
	live, resident := s.engine.Store.Used(), m.resident(arena)
	v.Int("allocator_allocated", live)
	v.Int("allocator_active", arena.InUse)
	v.Int("allocator_resident", resident)
	v.Int("allocator_muzzy", 0)
	sized(v, "total_system_memory", totalMemory())
	s.scriptFields(v)
	sized(v, "maxmemory", s.config.Int("maxmemory").Load())
	v.Text("maxmemory_policy", s.config.Enum("maxmemory-policy").Load())
	ratio(v, "allocator_frag", arena.InUse, live)
	ratio(v, "allocator_rss", resident, arena.InUse)
	ratio(v, "rss_overhead", m.rss, resident)
	inUse := m.inUse()
	v.Float("mem_fragmentation_ratio", quotient(m.rss, inUse), 2)
	v.Int("mem_fragmentation_bytes", m.rss-inUse)
	for _, name := range []string{"mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers",
		"mem_clients_slaves"} {
		v.Int(name, 0)
	}
	v.Int("mem_clients_normal", m.clients)
	v.Int("mem_cluster_links", 0)
	v.Int("mem_aof_buffer", s.aofBuffer())
	v.Text("mem_allocator", "redpoll")
	v.Int("mem_overhead_db_hashtable_rehashing", 0)
	v.Int("active_defrag_running", s.engine.Compacting())
	v.Int("lazyfree_pending_objects", s.engine.Store.LazyPending())
	v.Int("lazyfreed_objects", s.engine.Store.LazyFreed())
}

// ratio gives how many times as much the one is as the other, and the difference.
func ratio(v *stats.Values, name string, more, less int64) {
	v.Float(name+"_ratio", quotient(more, less), 2)
	v.Int(name+"_bytes", more-less)
}

// quotient is a division whose result for nothing by nothing is one.
func quotient(a, b int64) float64 {
	if b <= 0 {
		return 1
	}
	return float64(a) / float64(b)
}
