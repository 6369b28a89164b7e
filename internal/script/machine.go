// SPDX-License-Identifier: BSD-3-Clause

// Package script has the commands that run Lua: EVAL and its like, and functions. It knows the Lua machine (lua, lua/lib) and what the
// engine offers to who runs scripts (command.ScriptHost); it knows nothing of locks, sockets or files.
//
// Terms:
//
//   - A script is a text that was given to EVAL or SCRIPT LOAD, known by the SHA-1 of its bytes. It is compiled once, for all workers.
//   - A sandbox is a Lua state of one worker with what scripts may use in it: the globals, all of them readonly, and the tables redis and
//     server. A worker has one for scripts and one for functions, made when first needed. Nothing of a script's outlives its run there, but
//     for the settings of cjson and the state of math.random.
//   - A run is one call of a script or a function: see run.go.
//
// One Machine a server holds what all workers share. It takes no locks while scripts run, but for the moment in which a new script is
// added to the cache.
package script

import (
	"log/slog"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/lua/lib"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// Options are what a Machine is told of its server.
type Options struct {
	Log *slog.Logger // takes what redis.log writes; not nil
	// MemoryLimit gives how many bytes the values of one sandbox may take (lua-memory-limit).
	MemoryLimit func() int64
	// DeprecatedAPI leaves getfenv, setfenv and newproxy to scripts (lua-enable-deprecated-api).
	DeprecatedAPI bool
	Version       func() string // of Redis, as redis.REDIS_VERSION
	Clock         *clock.Clock  // what os.clock reads
	Codec         *rdb.Codec    // of FUNCTION DUMP and RESTORE
	Account       *mem.Account  // counts what libraries take
}

// Machine is what the commands that run Lua have in common. One that was not made by New has families that must not be called.
type Machine struct {
	options   Options
	scripts   cache
	libraries libraries
	settings  lib.Settings // of cjson, as the scripts that have run left them
	// epoch is that of the sandboxes of scripts: one of an earlier epoch is dropped at its next use.
	epoch  atomic.Uint64
	memory [kinds]atomic.Int64 // bytes of the Lua values of all sandboxes of a kind, as of the ends of runs
}

// New makes a Machine.
func New(o Options) *Machine { return &Machine{options: o} }

// Stats is what INFO tells of scripts and functions.
type Stats struct {
	Scripts     int   // that are cached
	ScriptBytes int64 // that these take
	Evicted     int64 // scripts that were dropped for newer ones, since the server's start
	EvalBytes   int64 // of Lua values in the sandboxes of scripts

	Libraries, Functions int
	LibraryBytes         int64 // that the libraries take
	FunctionBytes        int64 // of Lua values in the sandboxes of functions
}

// Stats gives figures. Any goroutine may call it.
func (m *Machine) Stats() Stats {
	set := m.libraries.set()
	return Stats{
		Scripts: int(m.scripts.count.Load()), ScriptBytes: m.scripts.bytes.Load(), Evicted: m.scripts.evicted.Load(),
		EvalBytes: m.memory[forScripts].Load(),
		Libraries: len(set.all()), Functions: set.count(), LibraryBytes: set.bytes(), FunctionBytes: m.memory[forFunctions].Load(),
	}
}
