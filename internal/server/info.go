// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/stats"
)

// info renders the sections that the arguments name. No key is looked at and nobody is held up.
func (s *Server) info(c *command.Ctx) error {
	a := c.Args()
	sections := make([]string, 0, a.Len())
	for _, arg := range a.Rest() {
		sections = append(sections, string(arg))
	}
	c.Reply.Verbatim("txt", s.Info(sections...))
	return nil
}

// Info gives what INFO replies to these arguments. It is safe for any goroutine.
func (s *Server) Info(sections ...string) string { return string(s.stats.Render(nil, sections...)) }

// resettable is a counter that CONFIG RESETSTAT sets back, of an owner that counts on.
type resettable struct {
	read func() int64
	base atomic.Int64
}

func (r *resettable) load() int64 { return r.read() - r.base.Load() }

// since makes a counter resettable.
func (s *Server) since(read func() int64) func() int64 {
	r := &resettable{read: read}
	s.resets = append(s.resets, r)
	return r.load
}

// resetStats sets the counters back that CONFIG RESETSTAT is about.
func (s *Server) resetStats() {
	for _, r := range s.resets {
		r.base.Store(r.read())
	}
	s.engine.ResetStats()
}

// registerStats declares what INFO shows: sections and fields in the order of redis-server 7.0, our own last in each.
func (s *Server) registerStats() {
	s.stats = stats.New()
	s.serverStats(s.stats.Section("Server", false))
	s.clientStats(s.stats.Section("Clients", false))
	s.memoryFields(s.stats.Section("Memory", false))
	s.persistenceStats(s.stats.Section("Persistence", false))
	s.activityStats(s.stats.Section("Stats", false))
	s.replicationStats(s.stats.Section("Replication", false))
	cpuStats(s.stats.Section("CPU", false))
	s.stats.Section("Modules", false)
	s.commandStats(s.stats.Section("Commandstats", true))
	s.errorStats(s.stats.Section("Errorstats", false))
	s.latencyStats(s.stats.Section("Latencystats", true))
	constants(s.stats.Section("Cluster", false), stats.Gauge, "whether cluster mode is on", 0, "cluster_enabled")
	s.keyspaceStats(s.stats.Section("Keyspace", false))
	s.scriptStats(s.stats.Section("Scriptstats", false))
	s.debugStats(s.stats.Section("Debug", false))
}

// constants adds fields of one fixed value: of what this version has not, or what cannot happen to it.
func constants(sec *stats.Section, kind stats.Kind, help string, value int64, names ...string) {
	fields := make([]stats.Field, len(names))
	for i, name := range names {
		fields[i] = stats.Field{Name: name, Kind: kind, Help: help}
	}
	sec.Group(func(v *stats.Values) {
		for _, name := range names {
			v.Int(name, value)
		}
	}, fields...)
}

func text(sec *stats.Section, name, help, value string) {
	sec.Text(name, help, func() string { return value })
}

// float adds a number with decimals.
func float(sec *stats.Section, name, help string, decimals int, read func() float64) {
	sec.Group(func(v *stats.Values) { v.Float(name, read(), decimals) }, stats.Field{Name: name, Kind: stats.Gauge, Help: help})
}

func (s *Server) serverStats(sec *stats.Section) {
	build := config.ReadBuild()
	dirty := int64(0)
	if build.Modified {
		dirty = 1
	}
	sec.Text("redis_version", "version of Redis that the server says it is", s.config.Version)
	text(sec, "redis_git_sha1", "commit that the program was made from", build.Commit)
	constants(sec, stats.Gauge, "whether the source differed from the commit", dirty, "redis_git_dirty")
	text(sec, "redis_build_id", "digits that differ from build to build", build.ID)
	text(sec, "redis_mode", "standalone, cluster or sentinel", "standalone")
	text(sec, "os", "operating system", osName())
	constants(sec, stats.Gauge, "bits of a machine word", 64, "arch_bits")
	text(sec, "monotonic_clock", "source of monotonic time", monotonicClock)
	text(sec, "multiplexing_api", "how the loops wait for sockets", netloop.API)
	text(sec, "atomicvar_api", "what atomic variables are made of", "sync/atomic")
	text(sec, "gcc_version", "there is no C compiler: see redpoll_go_version", "0.0.0")
	constants(sec, stats.Gauge, "process id", int64(os.Getpid()), "process_id")
	sec.Text("process_supervised", "supervisor that is told about the server", s.supervised)
	text(sec, "run_id", "random name of this run of the server", randomID())
	sec.Gauge("tcp_port", "TCP port, 0 for none", s.tcpPort)
	sec.Gauge("server_time_usec", "the server's clock in Unix microseconds", s.clock.WallMicros)
	sec.Gauge("uptime_in_seconds", "time since the start", s.uptime)
	sec.Gauge("uptime_in_days", "time since the start", func() int64 { return s.uptime() / 86400 })
	hz := s.config.Int("hz")
	sec.Gauge("hz", "directive hz", hz.Load)
	sec.Gauge("configured_hz", "directive hz", hz.Load)
	sec.Gauge("lru_clock", "clock of idle times, in seconds", func() int64 { return s.seconds() & (1<<24 - 1) })
	executable, err := os.Executable()
	if err != nil {
		executable = ""
	}
	text(sec, "executable", "path of the program", executable)
	sec.Text("config_file", "path of the configuration file", s.config.File)
	constants(sec, stats.Gauge, "whether more loops than one serve clients", int64(min(s.numLoops-1, 1)), "io_threads_active")
	s.listenerStats(sec)
	text(sec, "redpoll_version", "version of Redpoll", config.Release)
	text(sec, "redpoll_go_version", "version of Go that the program was made with", runtime.Version())
	constants(sec, stats.Gauge, "event loops", int64(s.numLoops), "redpoll_loops")
	sec.Gauge("redpoll_shards", "parts of the keyspace", func() int64 { return int64(s.engine.Store.Shards()) })
}

// listenerStats tells where the server listens: a line for TCP, one for the Unix socket.
func (s *Server) listenerStats(sec *stats.Section) {
	sec.Group(func(v *stats.Values) {
		n := 0
		add := func(name, text string) {
			v.Text("listener"+strconv.Itoa(n), "name="+name+text)
			n++
		}
		if port := s.tcpPort(); port != 0 {
			text := ""
			for _, addr := range s.config.Bind().Load() {
				text += ",bind=" + addr
			}
			add("tcp", text+",port="+strconv.FormatInt(port, 10))
		}
		if path := s.config.Str("unixsocket").Load(); path != "" {
			add("unix", ",bind="+path)
		}
	}, stats.Field{Name: "listener*", Kind: stats.Text, Help: "where the server listens"})
}

// monotonicClock names the clock as redis-server does.
const monotonicClock = "POSIX clock_gettime"

func (s *Server) supervised() string {
	if s.config.Enum("supervised").Is("systemd") || s.config.Enum("supervised").Is("auto") && os.Getenv("NOTIFY_SOCKET") != "" {
		return "systemd"
	}
	return "no"
}

func (s *Server) uptime() int64 { return (s.clock.Mono() - s.startedMono) / 1_000_000_000 }

// tcpPort gives the port that the server really has, which a free one was asked for in the configuration.
func (s *Server) tcpPort() int64 {
	for _, addr := range s.Addrs() {
		if tcp, ok := addr.(*net.TCPAddr); ok {
			return int64(tcp.Port)
		}
	}
	return 0
}

// randomID gives 40 random hexadecimal digits.
func randomID() string {
	var b [20]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (s *Server) clientStats(sec *stats.Section) {
	sec.Gauge("connected_clients", "open connections", func() int64 {
		open, _, _ := s.hub.Counts()
		return int64(open)
	})
	constants(sec, stats.Gauge, "connections of the cluster bus: there is none", 0, "cluster_connections")
	sec.Gauge("maxclients", "directive maxclients", s.config.Int("maxclients").Load)
	sec.Group(func(v *stats.Values) {
		input, output := s.hub.LargestBuffers()
		v.Int("client_recent_max_input_buffer", input)
		v.Int("client_recent_max_output_buffer", output)
	}, stats.Field{Name: "client_recent_max_*", Kind: stats.Gauge, Help: "largest read buffer and unread replies of the last 8 seconds"})
	none := func(names ...string) {
		constants(sec, stats.Gauge, "this version has no command that it counts", 0, names...)
	}
	sec.Gauge("blocked_clients", "clients whose command waits", func() int64 {
		return int64(s.engine.HeldBack()) + s.engine.Store.Waiters()
	})
	none("tracking_clients")
	sec.Gauge("pubsub_clients", "clients that are subscribed to something", s.hub.Listeners)
	sec.Gauge("watching_clients", "clients that watch keys", s.engine.Store.Watchers)
	sec.Gauge("clients_in_timeout_table", "clients that wait for a key, and not for ever", s.hub.Timed)
	sec.Gauge("total_watched_keys", "keys that are watched", s.engine.Store.WatchedKeys)
	sec.Gauge("total_blocking_keys", "keys that clients wait for", s.engine.Store.WaitedKeys)
	sec.Gauge("total_blocking_keys_on_nokey", "those of them of which clients want to know when they are lost", s.engine.Store.GuardedKeys)
	sec.Group(func(v *stats.Values) {
		mode, left := s.engine.Paused()
		reason := "none"
		if mode != engine.PauseNone {
			reason = "client_pause"
		}
		v.Text("paused_reason", reason)
		v.Text("paused_actions", mode.String())
		v.Int("paused_timeout_milliseconds", left)
	}, stats.Field{Name: "paused_reason", Kind: stats.Text, Help: "why commands are held back"},
		stats.Field{Name: "paused_actions", Kind: stats.Text, Help: "which commands are held back: none, write or all"},
		stats.Field{Name: "paused_timeout_milliseconds", Kind: stats.Gauge, Help: "time for which they are still"})
}

func (s *Server) replicationStats(sec *stats.Section) {
	text(sec, "role", "master or slave", "master")
	constants(sec, stats.Gauge, "replicas", 0, "connected_slaves")
	text(sec, "master_failover_state", "state of a failover", "no-failover")
	sec.Text("master_replid", "name of the history of changes", func() string { return *s.replID.Load() })
	text(sec, "master_replid2", "name of the history before", "0000000000000000000000000000000000000000")
	constants(sec, stats.Counter, "this version does not replicate", 0, "master_repl_offset")
	constants(sec, stats.Gauge, "this version does not replicate", -1, "second_repl_offset")
	constants(sec, stats.Gauge, "this version does not replicate", 0, "repl_backlog_active")
	sec.Gauge("repl_backlog_size", "directive repl-backlog-size", s.config.Int("repl-backlog-size").Load)
	constants(sec, stats.Gauge, "this version does not replicate", 0, "repl_backlog_first_byte_offset", "repl_backlog_histlen")
}
