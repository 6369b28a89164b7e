// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"log/slog"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/store"
)

// Options are a new engine's parameters.
type Options struct {
	Arena     *mem.Arena
	Clock     *clock.Clock
	Log       *slog.Logger
	Registry  *command.Registry
	Databases int
	Shards    int // a power of two
	Loops     int // loops that see to the shards' housekeeping
	BigValues int // bytes from which a value gets a heap of its own; 0: as store has it
	// Account counts the memory that clients make the server hold; nil for one that nobody else sees.
	Account *mem.Account
	// Preimages is the bytes of pre-images that a snapshot has in memory past which who writes has to wait; 0: as store has it.
	Preimages int64
	// Spill gives an empty file for more pre-images than are to be in memory while a big value is written; it is closed when the
	// snapshot ends, and nobody else uses it. nil: there is none.
	Spill func() (SpillFile, error)
	// WakeLoop is called, from any goroutine, when a loop has housekeeping to do earlier than it knew.
	WakeLoop func(loop int)
	// Protect tells why a client may not use a command with the flag Protected; nil if it may. Without it everybody may.
	Protect func(command.Client, *command.Spec) error
}

// Engine executes commands on one store. Its methods are safe for any goroutine.
type Engine struct {
	Store    *store.Store
	Registry *command.Registry
	Effects  *Log
	Stats    *Stats
	Channels *pubsub.Registry

	events atomic.Uint32 // config.Events: the keyspace events that are published

	arena *mem.Arena
	clock *clock.Clock
	log   *slog.Logger
	loops []loopDuty
	wake  func(loop int)

	protect func(command.Client, *command.Spec) error // nil: everybody may use protected commands

	maxPending int64 // bytes of replies that a client may have waiting while a command makes more; Immutable

	execID int // of EXEC, which needs what its queued commands need; -1 without it
	pingID int // of PING; -1 without it

	account  *mem.Account
	pause    pause
	pressure pressure
	runs     runs
	refusal  writeRefusal

	logged  int64 // where the last effect ends of a command that has run with the world still; written with it still, read inside a gate
	swapped []int // see noteSwap; nil: there is no such transaction

	compaction  atomic.Pointer[Compaction] // nil: nothing is compacted
	effort      atomic.Int64               // per cent of the loops' time that compacting may take at present
	lastExcess  int64                      // what Compact last saw; belongs to its caller, as does the next
	lastCompact int64                      // monotonic time of its last call

	snapshots snapshots
	openSpill func() (SpillFile, error) // nil: there is no file for pre-images

	hideData     atomic.Bool // keys and values are kept out of the log
	scriptsDebug atomic.Bool // scripts may call protected commands
	loading      atomic.Bool // see SetLoading
	closing      atomic.Bool
}

// loopDuty is what a loop has to look after: the shards whose number is the loop's, modulo the loops.
type loopDuty struct {
	due   atomic.Int64  // Unix ms at which the earliest of its shards wants housekeeping; not known while one is at work
	begun atomic.Uint32 // how often housekeeping has begun to work
	ended atomic.Uint32

	sparse     atomic.Bool  // its shards are to be looked at for sparse heaps
	compacting atomic.Int32 // shards that are still to be compacted; written by the loop
	// These belong to the loop:
	compactTurn int   // the shard whose turn it is, among the loop's
	compactAt   int64 // monotonic time until which compacting rests
	_           [24]byte
}

// maxPending bounds the replies of one command together with those that wait before it, in bytes.
const maxPending = 4 << 30

// New makes an engine with an empty store.
func New(o Options) *Engine {
	e := &Engine{
		Registry: o.Registry, Effects: newLog(), Stats: newStats(o.Registry.Size()),
		arena: o.Arena, clock: o.Clock, log: o.Log, loops: make([]loopDuty, max(o.Loops, 1)), wake: o.WakeLoop,
		protect: o.Protect, account: o.Account, openSpill: o.Spill,
	}
	e.Channels = pubsub.New(len(e.loops))
	if e.account == nil {
		e.account = &mem.Account{}
	}
	e.maxPending = maxPending
	e.snapshots.quit, e.snapshots.woke = make(chan struct{}), make(chan struct{}, 1)
	e.execID, e.pingID = e.idOf("exec"), e.idOf("ping")
	for i := range e.loops {
		e.loops[i].due.Store(never)
	}
	e.Store = store.New(store.Options{
		Arena: o.Arena, Shards: o.Shards, Databases: o.Databases, BigTable: o.BigValues, BigString: o.BigValues,
		Preimages: o.Preimages,
		OnExpire:  e.expired, OnExpireField: e.expiredField, OnReap: e.reaped, OnEvict: e.evicted, OnDue: e.hurry,
	})
	e.SetTenacity(10)
	return e
}

// idOf gives the number of a command, -1 when there is none of that name.
func (e *Engine) idOf(name string) int {
	if spec := e.Registry.Lookup([]byte(name)); spec != nil {
		return spec.ID()
	}
	return -1
}

// Close makes long commands end at their next tick and cancels all snapshots, whose ends it waits for: the server is going down.
func (e *Engine) Close() {
	e.closing.Store(true)
	e.snapshots.close()
}

// LetScriptsDebug lets scripts call protected commands, of which there is DEBUG, though they are none for scripts: for tests.
func (e *Engine) LetScriptsDebug(on bool) { e.scriptsDebug.Store(on) }

// HideData keeps the arguments of commands out of the log (hide-user-data-from-log), or lets them in.
func (e *Engine) HideData(hide bool) { e.hideData.Store(hide) }

// Clock gives the engine's clock.
func (e *Engine) Clock() *clock.Clock { return e.clock }

// Account gives what clients make the server hold.
func (e *Engine) Account() *mem.Account { return e.account }

// Arena gives the memory that the store lies in.
func (e *Engine) Arena() *mem.Arena { return e.arena }

// noteSwap notes that a transaction which has the world still has swapped two databases. Its effects go to the log at its end, behind those
// of the deaths that it meets: so what dies in a database is logged for that which it lay in when the transaction began.
func (e *Engine) noteSwap(a, b int) {
	if e.swapped == nil {
		for db := range e.Store.Databases() {
			e.swapped = append(e.swapped, db)
		}
	}
	e.swapped[a], e.swapped[b] = e.swapped[b], e.swapped[a]
}

// loggedDB gives the database of the log in which something dies.
func (e *Engine) loggedDB(db int) int {
	if e.swapped != nil {
		return e.swapped[db]
	}
	return db
}

// expired writes the death of a key to the effect log, as a DEL; the key's shard is held. fields tells that it was that of all its
// fields.
func (e *Engine) expired(db int, key []byte, fields bool) {
	if !fields {
		e.notify(config.EventExpired, db, "expired", key, nil)
	}
	if e.Effects.Active() {
		e.Effects.Append(e.loggedDB(db), []byte("DEL"), key)
	}
}

// expiredField writes the death of a field to the effect log, as an HDEL; the key's shard is held.
func (e *Engine) expiredField(db int, key, field []byte) {
	if e.Effects.Active() {
		e.Effects.Append(e.loggedDB(db), []byte("HDEL"), key, field)
	}
}
