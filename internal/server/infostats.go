// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/stats"
	"github.com/redpoll/redpoll/internal/store"
)

// rates are figures of the last second and a half, which cron samples.
type rates struct {
	commands, input, output, cycles, busy stats.Rate
}

// sample notes what the rates are of. Only cron calls it.
func (s *Server) sample() {
	now := s.machine.Mono() / 1_000_000
	s.rates.commands.Sample(now, s.engine.Stats.Total.Load())
	s.rates.input.Sample(now, s.overLoops(func(l netloop.Stats) uint64 { return l.ReadBytes }))
	s.rates.output.Sample(now, s.overLoops(func(l netloop.Stats) uint64 { return l.WrittenBytes }))
	s.rates.cycles.Sample(now, s.overLoops(func(l netloop.Stats) uint64 { return l.Iterations }))
	s.rates.busy.Sample(now, s.overLoops(func(l netloop.Stats) uint64 { return l.BusyNs }))
	s.usedMemory()
}

// overLoops adds up a figure of all loops.
func (s *Server) overLoops(figure func(netloop.Stats) uint64) (sum int64) {
	for _, l := range s.loops.Loops() {
		sum += int64(figure(l.Stats()))
	}
	return sum
}

// loopCounter is overLoops as a counter that CONFIG RESETSTAT resets.
func (s *Server) loopCounter(figure func(netloop.Stats) uint64) func() int64 {
	return s.since(func() int64 { return s.overLoops(figure) })
}

func (s *Server) activityStats(sec *stats.Section) {
	engine := s.engine
	kbps := func(r *stats.Rate) func() float64 { return func() float64 { return float64(r.PerSecond()) / 1024 } }
	zero := func(names ...string) {
		constants(sec, stats.Counter, "this version has nothing that it counts", 0, names...)
	}
	none := func() float64 { return 0 }
	sec.Counter("total_connections_received", "connections accepted", s.since(func() int64 {
		_, accepted, _ := s.hub.Counts()
		return accepted
	}))
	sec.Counter("total_commands_processed", "commands run", engine.Stats.Total.Load)
	sec.Gauge("instantaneous_ops_per_sec", "commands a second", s.rates.commands.PerSecond)
	sec.Counter("total_net_input_bytes", "bytes read", s.loopCounter(func(l netloop.Stats) uint64 { return l.ReadBytes }))
	sec.Counter("total_net_output_bytes", "bytes written", s.loopCounter(func(l netloop.Stats) uint64 { return l.WrittenBytes }))
	zero("total_net_repl_input_bytes", "total_net_repl_output_bytes")
	float(sec, "instantaneous_input_kbps", "kB a second read", 2, kbps(&s.rates.input))
	float(sec, "instantaneous_output_kbps", "kB a second written", 2, kbps(&s.rates.output))
	float(sec, "instantaneous_input_repl_kbps", "this version does not replicate", 2, none)
	float(sec, "instantaneous_output_repl_kbps", "this version does not replicate", 2, none)
	sec.Counter("rejected_connections", "connections refused", s.since(func() int64 {
		_, _, rejected := s.hub.Counts()
		return rejected
	}))
	zero("sync_full", "sync_partial_ok", "sync_partial_err")
	sec.Counter("expired_subkeys", "fields of hashes that died of their expiry", engine.Store.ExpiredFields)
	sec.Counter("expired_keys", "keys that died of their expiry", engine.Store.Expired)
	float(sec, "expired_stale_perc", "dead keys not yet removed: they are removed at their time", 2, none)
	zero("expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds")
	sec.Counter("evicted_keys", "keys that were evicted", engine.Store.Evicted)
	sec.Counter("evicted_clients", "clients closed for maxmemory-clients", s.since(s.hub.Evicted))
	sec.Counter("evicted_scripts", "scripts of EVAL that were dropped for newer ones", s.since(func() int64 { return s.scripts.Stats().Evicted }))
	sec.Counter("total_eviction_exceeded_time", "ms for which more memory was used than maxmemory", func() int64 {
		total, _ := engine.Exceeded()
		return total / 1e6
	})
	sec.Gauge("current_eviction_exceeded_time", "ms since when more memory is used than maxmemory, 0 if it is not", func() int64 {
		_, current := engine.Exceeded()
		return current / 1e6
	})
	sec.Counter("keyspace_hits", "reads that found their key", engine.Stats.Hits.Load)
	sec.Counter("keyspace_misses", "reads that did not", engine.Stats.Misses.Load)
	topics := func(name, help string, kind pubsub.Kind) {
		sec.Gauge(name, help, func() int64 { return engine.Channels.Topics(kind) })
	}
	topics("pubsub_channels", "channels that somebody listens to", pubsub.Channel)
	topics("pubsub_patterns", "patterns that somebody listens to", pubsub.Pattern)
	topics("pubsubshard_channels", "shard channels that somebody listens to", pubsub.Shard)
	zero("latest_fork_usec", "total_forks",
		"migrate_cached_sockets", "slave_expires_tracked_keys")
	s.compactionStats(sec)
	zero("tracking_total_keys", "tracking_total_items", "tracking_total_prefixes", "unexpected_error_replies")
	sec.Counter("total_error_replies", "error replies", engine.Stats.Errors.Load)
	zero("dump_payload_sanitizations")
	reads := func(l netloop.Stats) uint64 { return l.Reads }
	writes := func(l netloop.Stats) uint64 { return l.Writes }
	sec.Counter("total_reads_processed", "reads from sockets", s.loopCounter(reads))
	sec.Counter("total_writes_processed", "writes to sockets", s.loopCounter(writes))
	sec.Counter("io_threaded_reads_processed", "reads by other loops than the first", s.since(func() int64 {
		return s.overLoops(reads) - int64(s.loops.Loops()[0].Stats().Reads)
	}))
	sec.Counter("io_threaded_writes_processed", "writes by other loops than the first", s.since(func() int64 {
		return s.overLoops(writes) - int64(s.loops.Loops()[0].Stats().Writes)
	}))
	sec.Counter("client_query_buffer_limit_disconnections", "clients closed for client-query-buffer-limit", s.since(func() int64 {
		query, _ := s.hub.Disconnected()
		return query
	}))
	sec.Counter("client_output_buffer_limit_disconnections", "clients closed for client-output-buffer-limit", s.since(func() int64 {
		_, output := s.hub.Disconnected()
		return output
	}))
	zero("reply_buffer_shrinks", "reply_buffer_expands")
	s.loopStats(sec)
	sec.Counter("acl_access_denied_auth", "failed authentications", s.since(s.hub.Denied))
	zero("acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel")
	sec.Counter("redpoll_parked_commands", "times that a command found busy what it needed", engine.Stats.Parked.Load)
	sec.Counter("redpoll_detached_handlers", "commands that were overtaken", engine.Stats.Detached.Load)
	sec.Gauge("redpoll_frozen_views", "long values that are kept as they were for somebody who reads them", engine.Store.FrozenViews)
	sec.Counter("redpoll_handler_panics", "commands that failed by a bug", engine.Stats.Panics.Load)
}

// loopStats tells what the event loops do, all of them together.
func (s *Server) loopStats(sec *stats.Section) {
	micros := func(figure func(netloop.Stats) uint64) func() int64 {
		read := s.loopCounter(figure)
		return func() int64 { return read() / 1000 }
	}
	sec.Counter("eventloop_cycles", "turns of the event loops", s.loopCounter(func(l netloop.Stats) uint64 { return l.Iterations }))
	sec.Counter("eventloop_duration_sum", "microseconds that the event loops were at work", micros(func(l netloop.Stats) uint64 { return l.BusyNs }))
	sec.Counter("eventloop_duration_cmd_sum", "microseconds that commands took", func() (sum int64) {
		for i := range s.engine.Stats.Commands {
			sum += s.engine.Stats.Commands[i].Nanos.Load()
		}
		return sum / 1000
	})
	sec.Gauge("instantaneous_eventloop_cycles_per_sec", "turns of the event loops a second", s.rates.cycles.PerSecond)
	sec.Gauge("instantaneous_eventloop_duration_usec", "microseconds that a turn takes", func() int64 {
		return s.rates.busy.PerSecond() / max(s.rates.cycles.PerSecond(), 1) / 1000
	})
}

// debugStats tells what developers of the server look at.
func (s *Server) debugStats(sec *stats.Section) {
	sec.Hide()
	sec.Counter("eventloop_duration_aof_sum", "microseconds that it took to write to the append-only file", s.since(func() int64 {
		return s.aof.spent.Load() / 1000
	}))
	sec.Gauge("eventloop_duration_max", "microseconds that the longest batch of commands took", func() int64 { return s.engine.Stats.MaxBusy.Load() / 1000 })
	sec.Gauge("eventloop_cmd_per_cycle_max", "commands of the largest batch", s.engine.Stats.MaxBatch.Load)
	sec.Counter("eventloop_duration_cron_sum", "microseconds that the server's housekeeping took", func() int64 { return s.cron.spent.Load() / 1000 })
}

// compactionStats declares what was moved off sparse pages; see engine.Engine.Compact.
func (s *Server) compactionStats(sec *stats.Section) {
	count := func(name, help string, part func(store.Compactions) int64) {
		sec.Counter(name, help, func() int64 { return part(s.engine.Store.Compactions()) })
	}
	count("active_defrag_hits", "blocks moved off sparse pages", func(c store.Compactions) int64 { return c.Moved })
	count("active_defrag_misses", "blocks looked at that lay well", func(c store.Compactions) int64 { return c.Left })
	count("active_defrag_key_hits", "keys of which something was moved", func(c store.Compactions) int64 { return c.Keys })
	count("active_defrag_key_misses", "keys looked at that lay well", func(c store.Compactions) int64 { return c.KeysLeft })
	sec.Counter("total_active_defrag_time", "milliseconds during which data was being moved", func() int64 {
		return s.engine.Stats.CompactNanos.Load() / 1_000_000
	})
	sec.Gauge("current_active_defrag_time", "milliseconds since that has begun, if it goes on", func() int64 {
		since := s.engine.Stats.CompactSince.Load()
		if since == 0 {
			return 0
		}
		return (s.machine.Mono() - since) / 1_000_000
	})
}

// cpuStats tells of the process. There is no main thread whose share could be told: the loops are the server.
func cpuStats(sec *stats.Section) {
	fields := []stats.Field{
		{Name: "used_cpu_*", Kind: stats.Counter, Help: "seconds of CPU time, in the kernel and outside"},
		{Name: "redpoll_gc_cycles", Kind: stats.Counter, Help: "runs of the Go garbage collector"},
		{Name: "redpoll_gc_cpu_fraction", Kind: stats.Gauge, Help: "share of the usable CPU time that it took"},
	}
	sec.Group(func(v *stats.Values) {
		system, user := cpuTimes(false)
		childSystem, childUser := cpuTimes(true)
		seconds := func(name string, d time.Duration) { v.Float(name, d.Seconds(), 6) }
		seconds("used_cpu_sys", system)
		seconds("used_cpu_user", user)
		seconds("used_cpu_sys_children", childSystem)
		seconds("used_cpu_user_children", childUser)
		gc := readCollector()
		v.Int("redpoll_gc_cycles", gc.cycles)
		v.Float("redpoll_gc_cpu_fraction", gc.fraction, 6)
	}, fields...)
}

func (s *Server) commandStats(sec *stats.Section) {
	sec.Group(func(v *stats.Values) {
		for spec := range s.registry.All() {
			c := &s.engine.Stats.Commands[spec.ID()]
			calls, rejected, failed := c.Calls.Load(), c.Rejected.Load(), c.Failed.Load()
			if calls+rejected+failed == 0 {
				continue
			}
			micros, each := c.Nanos.Load()/1000, 0.0
			if calls > 0 {
				each = float64(micros) / float64(calls)
			}
			v.Text("cmdstat_"+spec.FullName(), fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
				calls, micros, each, rejected, failed))
		}
	}, stats.Field{Name: "cmdstat_*", Kind: stats.Text, Help: "what a command was called and took"})
}

// strayScripts is how many scripts INFO scriptstats tells of.
const strayScripts = 10

// scriptStats tells of the scripts that use keys which their calls do not declare: they hold up others.
func (s *Server) scriptStats(sec *stats.Section) {
	sec.Hide()
	sec.Group(func(v *stats.Values) {
		for _, u := range s.scripts.Strays(strayScripts) {
			v.Text("script_"+u.Name, fmt.Sprintf("runs=%d,undeclared_keys=%d,undone=%d,alone=%d", u.Runs, u.Undeclared, u.Undone, u.Still))
		}
	}, stats.Field{Name: "script_*", Kind: stats.Text,
		Help: "runs of a script, of them those that used undeclared keys, those undone for that and begun again, and those that nothing ran beside"})
}

// latencyStats tells the percentiles of each command's durations that latency-tracking-info-percentiles asks for.
func (s *Server) latencyStats(sec *stats.Section) {
	percentiles := s.config.Percentiles()
	sec.Group(func(v *stats.Values) {
		for spec := range s.registry.All() {
			h := s.engine.Stats.Latency.Of(spec.ID())
			if h == nil {
				continue
			}
			var words []string
			for _, p := range percentiles.Load() {
				words = append(words, fmt.Sprintf("p%s=%.3f", config.FormatPercentile(p), float64(h.Bound(p))/1000))
			}
			v.Text("latency_percentiles_usec_"+spec.FullName(), strings.Join(words, ","))
		}
	}, stats.Field{Name: "latency_percentiles_usec_*", Kind: stats.Text, Help: "percentiles of what a command took, in microseconds"})
}

func (s *Server) errorStats(sec *stats.Section) {
	safe := strings.NewReplacer("#", "_", ":", "_", "\r", "_", "\n", "_") // a client may have made the code up
	sec.Group(func(v *stats.Values) {
		for _, e := range s.engine.Stats.ByCode() {
			v.Text("errorstat_"+safe.Replace(e.Code), fmt.Sprintf("count=%d", e.Count))
		}
	}, stats.Field{Name: "errorstat_*", Kind: stats.Text, Help: "error replies by their code"})
}

func (s *Server) keyspaceStats(sec *stats.Section) {
	sec.Group(func(v *stats.Values) {
		for i, n := range s.counts() {
			if n.Keys > 0 {
				v.Text(fmt.Sprintf("db%d", i), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d,subexpiry=%d", n.Keys, n.Expires, n.TTL, n.Timed))
			}
		}
	}, stats.Field{Name: "db*", Kind: stats.Text, Help: "keys of a database, of them those with an expiry, and hashes with fields that expire"})
}
