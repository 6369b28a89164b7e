// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/rlog"
	"github.com/redpoll/redpoll/internal/script"
	"github.com/redpoll/redpoll/internal/session"
	"github.com/redpoll/redpoll/internal/stats"
	"github.com/redpoll/redpoll/internal/store"
)

// Options are a server's parameters beyond its configuration.
type Options struct {
	Config *config.Config
	Clock  *clock.Clock // nil: the machine's
	Log    *slog.Logger // nil: no log
	Shards int          // 0: by the configuration (shards)
	Loops  int          // 0: by the configuration (io-threads)
	// BigValues is the bytes from which a value gets a heap of its own; 0: as store has it.
	BigValues int
	// System has the machine's files, where the limits of a container's memory are read; nil: the machine's.
	System fs.FS
	// Disk is where the data is kept; nil: the machine's.
	Disk disk.FS
	// Listening is called with the number of loops when the sockets are open, before connections are accepted and the data is read from its
	// file; it may be nil.
	Listening func(loops int)
	// PortZeroIsNone gives the port 0 the meaning that it has in redis.conf, no TCP, instead of any free port.
	PortZeroIsNone bool
}

// Server is a running server.
type Server struct {
	config   *config.Config
	clock    *clock.Clock
	log      *slog.Logger
	arena    *mem.Arena
	account  mem.Account // of the Go memory that clients make the server hold
	engine   *engine.Engine
	hub      *session.Hub
	registry *command.Registry
	codec    rdb.Codec // of DUMP and RESTORE
	scripts  *script.Machine
	disk     disk.FS // Immutable
	loops    *netloop.Group
	numLoops int
	// zeroIsNone says that port 0 is no TCP; Immutable.
	zeroIsNone bool

	started     time.Time
	startedMono int64
	peak        atomic.Int64 // the most bytes that were ever in use
	replID      atomic.Pointer[string]
	machine     *clock.Clock // the machine's time, also when the server has a fake one
	stats       *stats.Registry
	resets      []*resettable // filled with stats; Immutable afterwards
	rates       rates

	censusMu sync.Mutex
	census   store.Census // guarded by censusMu

	listenMu sync.Mutex
	addrs    []net.Addr // guarded by listenMu

	container *container   // what limits the process's memory; nil: nothing. Immutable
	budget    atomic.Int64 // bytes of pages that the data may have for that; 0: no bound

	snapshots    snapshots
	backups      backups
	scheduled    scheduledBackups
	aof          appendOnly
	broken       atomic.Bool // what was promised of the disk cannot be kept: see fail
	loading      loading
	keyLoadDelay *config.IntValue // see delayLoad
	loadedKeys   int64            // of delayLoad

	cron     cron
	ending   ending
	unfollow func() // ends the following of a fake clock; nil with a real one

	works     sync.WaitGroup // of aside
	stopOnce  sync.Once
	closeOnce sync.Once
	closeErr  error         // guarded by closeOnce
	stopped   chan struct{} // closed when SHUTDOWN was called and everything may go
}

// Start makes a server and has it listen; when it returns without error the server takes connections, and loads its data: see AwaitData.
func Start(o Options) (*Server, error) {
	s := &Server{config: o.Config, clock: o.Clock, log: o.Log, disk: o.Disk, zeroIsNone: o.PortZeroIsNone, stopped: make(chan struct{})}
	s.loading.over, s.keyLoadDelay = make(chan struct{}), s.config.Int("key-load-delay")
	if s.clock == nil {
		s.clock = clock.Real()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.disk == nil {
		s.disk = disk.OS{}
	}
	s.started, s.startedMono, s.machine = s.clock.Now(), s.clock.Mono(), clock.Real()
	id := randomID()
	s.replID.Store(&id)
	s.numLoops = o.Loops
	if s.numLoops == 0 {
		s.numLoops = int(s.config.Int("io-threads").Load())
	}
	s.chooseCores()
	if o.Shards == 0 {
		o.Shards = int(s.config.Int("shards").Load())
	}
	s.scripts = script.New(script.Options{
		Log: s.log, Clock: s.machine, Codec: &s.codec, Account: &s.account, MemoryLimit: s.config.Int("lua-memory-limit").Load,
		DeprecatedAPI: s.config.Bool("lua-enable-deprecated-api").Load(), Version: s.config.Version,
	})
	var err error
	if s.registry, err = command.NewRegistry(s.families()...); err != nil {
		return nil, err
	}
	if err := s.renameCommands(); err != nil {
		return nil, err
	}
	if err := s.takeUsers(); err != nil {
		return nil, err
	}
	if err := s.limitClients(); err != nil {
		return nil, err
	}
	s.log.Info("monotonic clock: " + monotonicClock)
	if s.arena, err = mem.NewArena(mem.Options{}); err != nil {
		return nil, err
	}
	s.engine = engine.New(engine.Options{
		Arena: s.arena, Clock: s.clock, Log: s.log, Registry: s.registry,
		Databases: int(s.config.Int("databases").Load()), Shards: o.Shards, Loops: s.numLoops, WakeLoop: s.wakeLoop,
		Protect: s.protect, Account: &s.account, BigValues: o.BigValues, Spill: s.openSpill,
	})
	s.hub = session.NewHub(session.Options{
		Engine: s.engine, Log: s.log, Password: s.config.Str("requirepass").Load, Version: s.config.Version,
		Protected: s.config.Bool("protected-mode").Load, KeepAlive: int(s.config.Int("tcp-keepalive").Load()),
		Proto: int(s.config.Int("client-default-resp").Load()),
	})
	s.follow()
	if o.System == nil {
		o.System = os.DirFS("/")
	}
	s.watchContainer(o.System)
	if err := s.serve(o.Listening); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// serve opens the sockets, of which listening is told, and begins to answer clients and to take the data from its files.
func (s *Server) serve(listening func(loops int)) error {
	if err := s.makeLoops(); err != nil {
		return err
	}
	s.registerStats()
	if err := s.listen(); err != nil {
		return err
	}
	if len(s.Addrs()) == 0 {
		return &StartError{"Configured to not listen anywhere, exiting.", errors.New("neither port nor unixsocket is set")}
	}
	s.followAddress()
	if listening != nil {
		listening(s.numLoops)
	}
	from, err := s.loadAtStart()
	if err != nil {
		return err
	}
	s.loops.Start()
	if s.clock.Fake() {
		s.unfollow = s.clock.OnAdvance(s.catchUp)
	}
	s.cron.start(s)
	if from == nil {
		close(s.loading.over)
	} else {
		s.works.Go(func() { s.loadFrom(from) })
	}
	return nil
}

// wakeLoop has a loop look at its housekeeping.
func (s *Server) wakeLoop(loop int) {
	if s.loops != nil {
		s.loops.Loops()[loop].Post(func(*netloop.Runner) {})
	}
}

// maxTurns bounds how long catchUp waits for a shard that a long command holds.
const maxTurns = 1000

// catchUp has the loops do what came due when a fake clock was advanced, and waits until it is done: whoever advances the
// clock sees the keys gone.
func (s *Server) catchUp() {
	for range maxTurns {
		for _, loop := range s.loops.Loops() {
			if !s.turn(loop) {
				return
			}
		}
		if !s.engine.Overdue() {
			return
		}
	}
}

// turn waits until a loop has gone through its housekeeping once; false when the server ends.
func (s *Server) turn(loop *netloop.Loop) bool {
	done := make(chan bool, 1)
	posted := loop.Post(func(*netloop.Runner) {
		if !loop.Post(func(*netloop.Runner) { done <- true }) { // runs an iteration later, after the housekeeping
			done <- false
		}
	})
	if !posted {
		return false
	}
	select {
	case ok := <-done:
		return ok
	case <-s.stopped:
		return false
	}
}

// renameCommands applies the configuration's rename-command lines.
func (s *Server) renameCommands() error {
	for _, line := range s.config.Renames() {
		if err := s.registry.Rename(line.Args[0], line.Args[1]); err != nil {
			return s.config.LineError(line, err.Error())
		}
	}
	return nil
}

// follow applies settings that the parts keep copies of, now and whenever they change.
func (s *Server) follow() {
	cfg, settings := s.config, &s.engine.Store.Settings
	entries, value := cfg.Int("hash-max-listpack-entries"), cfg.Int("hash-max-listpack-value")
	members, member := cfg.Int("zset-max-listpack-entries"), cfg.Int("zset-max-listpack-value")
	listSize, depth := cfg.Int("list-max-listpack-size"), cfg.Int("list-compress-depth")
	setInts, setEntries := cfg.Int("set-max-intset-entries"), cfg.Int("set-max-listpack-entries")
	setValue, sparse := cfg.Int("set-max-listpack-value"), cfg.Int("hll-sparse-max-bytes")
	nodeBytes, nodeEntries := cfg.Int("stream-node-max-bytes"), cfg.Int("stream-node-max-entries")
	idmpDuration, idmpSize := cfg.Int("stream-idmp-duration"), cfg.Int("stream-idmp-maxsize")
	bulk, factor, decay := cfg.Int("proto-max-bulk-len"), cfg.Int("lfu-log-factor"), cfg.Int("lfu-decay-time")
	clients, query := cfg.Int("maxclients"), cfg.Int("client-query-buffer-limit")
	compaction := s.compactionSettings()
	output, timeout, keepAlive := cfg.BufferLimits(), cfg.Int("timeout"), cfg.Int("tcp-keepalive")
	memory, maxMemory := cfg.Int("maxmemory-clients"), cfg.Int("maxmemory")
	apply := func() error {
		settings.HashMaxListpackEntries.Store(entries.Load())
		settings.HashMaxListpackValue.Store(value.Load())
		settings.ZSetMaxListpackEntries.Store(members.Load())
		settings.ZSetMaxListpackValue.Store(member.Load())
		settings.ListMaxListpackSize.Store(listSize.Load())
		settings.ListCompressDepth.Store(depth.Load())
		settings.SetMaxIntsetEntries.Store(setInts.Load())
		settings.SetMaxListpackEntries.Store(setEntries.Load())
		settings.SetMaxListpackValue.Store(setValue.Load())
		settings.HLLSparseMaxBytes.Store(sparse.Load())
		settings.StreamNodeMaxBytes.Store(nodeBytes.Load())
		settings.StreamNodeMaxEntries.Store(nodeEntries.Load())
		settings.StreamIdmpDuration.Store(idmpDuration.Load())
		settings.StreamIdmpMaxSize.Store(idmpSize.Load())
		settings.MaxBulk.Store(bulk.Load())
		settings.LFULogFactor.Store(factor.Load())
		settings.LFUDecayTime.Store(decay.Load())
		s.engine.SetCompaction(compaction())
		limit := func(l config.BufferLimit) session.OutputLimit {
			return session.OutputLimit{Hard: l.Hard, Soft: l.Soft, Period: l.SoftSeconds * int64(time.Second)}
		}
		s.hub.SetLimits(session.Limits{
			MaxClients: clients.Load(), QueryBuffer: query.Load(), MaxBulk: bulk.Load(),
			Normal: limit(output.Load().Normal), PubSub: limit(output.Load().PubSub),
			Timeout: timeout.Load() * int64(time.Second), KeepAlive: keepAlive.Load(),
			Clients: shareOf(memory.Load(), maxMemory.Load()),
		})
		return nil
	}
	cfg.OnChange(apply, "hash-max-listpack-entries", "hash-max-listpack-value", "set-max-intset-entries", "set-max-listpack-entries",
		"set-max-listpack-value", "zset-max-listpack-entries", "zset-max-listpack-value", "list-max-listpack-size", "list-compress-depth",
		"hll-sparse-max-bytes", "stream-node-max-bytes", "stream-node-max-entries", "stream-idmp-duration", "stream-idmp-maxsize",
		"proto-max-bulk-len", "lfu-log-factor", "lfu-decay-time", "maxclients", "client-query-buffer-limit", "client-output-buffer-limit",
		"timeout", "tcp-keepalive", "maxmemory-clients", "maxmemory", "activedefrag", "active-defrag-ignore-bytes", "active-defrag-threshold-lower",
		"active-defrag-threshold-upper", "active-defrag-cycle-min", "active-defrag-cycle-max")
	apply()
	s.followCodec()
	s.followAppendOnly()
	tracking, hide := cfg.Bool("latency-tracking"), cfg.Bool("hide-user-data-from-log")
	spikes := cfg.Int("latency-monitor-threshold")
	events, slow := cfg.KeyspaceEvents(), cfg.Int("busy-reply-threshold")
	watch := func() error {
		s.engine.SetEvents(events.Load())
		s.engine.Stats.Latency.SetTracking(tracking.Load())
		s.engine.Stats.Spikes.SetThreshold(spikes.Load())
		s.engine.HideData(hide.Load())
		s.engine.SetBusyThreshold(slow.Load())
		return nil
	}
	cfg.OnChange(watch, "latency-tracking", "latency-monitor-threshold", "hide-user-data-from-log", "notify-keyspace-events",
		"busy-reply-threshold")
	watch()
	s.followMaxMemory()
	s.followBackupSchedule()
}

// followCodec is follow for the form in which values are written.
func (s *Server) followCodec() {
	version, pack := s.config.Int("rdb-version"), s.config.Bool("rdbcompression")
	apply := func() error {
		s.codec.Version.Store(version.Load())
		s.codec.Pack.Store(pack.Load())
		return nil
	}
	s.config.OnChange(apply, "rdb-version", "rdbcompression")
	apply()
	s.codec.Refused = func(err error) {
		s.log.Log(context.Background(), rlog.Verbose, "RESTORE refuses a value: "+err.Error())
	}
}

// compactionSettings gives a function that reads what the directives say of compacting.
func (s *Server) compactionSettings() func() engine.Compaction {
	on, ignore := s.config.Bool("activedefrag"), s.config.Int("active-defrag-ignore-bytes")
	lower, upper := s.config.Int("active-defrag-threshold-lower"), s.config.Int("active-defrag-threshold-upper")
	least, most := s.config.Int("active-defrag-cycle-min"), s.config.Int("active-defrag-cycle-max")
	return func() engine.Compaction {
		return engine.Compaction{
			Off: !on.Load(), Ignore: ignore.Load(), Lower: lower.Load(), Upper: upper.Load(),
			LeastCPU: least.Load(), MostCPU: most.Load(),
		}
	}
}

// shareOf gives a number of bytes, of which a negative one means so many per cent of the whole.
func shareOf(bytes, whole int64) int64 {
	if bytes < 0 {
		return whole / 100 * -bytes
	}
	return bytes
}

// Stopped is closed when a client's SHUTDOWN has asked for the end: the owner is to call Close.
func (s *Server) Stopped() <-chan struct{} { return s.stopped }

// Stop asks for the end of the server, as SHUTDOWN does.
func (s *Server) Stop() { s.stopOnce.Do(func() { close(s.stopped) }) }

// ErrBroken is the error of Close when the disk has failed: the append-only file lacks changes. With appendfsync always the server has ended for
// that, and no client was told of them.
var ErrBroken = errors.New("the append-only file could not be written")

// fail ends the server since it cannot keep what it has promised. It does not wait.
func (s *Server) fail() {
	s.broken.Store(true)
	s.Stop()
}

// Close ends the server: connections are closed, all memory is given back. It waits until that is done, whoever began it. What is logged is
// written and forced to the disk.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.Stop()
		s.engine.Close()
		s.cron.stop()
		s.endBackup()
		if s.unfollow != nil {
			s.unfollow()
		}
		if s.loops != nil {
			s.loops.Stop()
		}
		s.works.Wait()
		s.closeAppendOnly()
		if s.closeErr = s.arena.Close(); s.broken.Load() {
			s.closeErr = ErrBroken
		}
	})
	return s.closeErr
}
