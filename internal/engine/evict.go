// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"math"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/store"
)

// What counts against maxmemory is the live bytes of the store and what clients make the server hold. Past it every command
// first evicts keys, before it takes any lock, until enough is free; when there is nothing to evict, those that may take
// memory are refused. A command gives eviction a bounded time only: what is left is done by the loops' housekeeping, and
// nobody is refused meanwhile.

// pressure is what the engine knows of memory being short.
type pressure struct {
	patience atomic.Int64                  // ns that eviction may take from one command
	unlink   atomic.Bool                   // what is evicted goes to the log as UNLINK
	evicting atomic.Bool                   // housekeeping is to evict
	since    atomic.Int64                  // mono ns since when more is used than may be; 0: it is not
	total    atomic.Int64                  // ns of such times that are over
	relief   func(now int64) (sleep int64) // has clients closed that take too much, before keys go for them; nil: nobody does
	budget   atomic.Int64                  // bytes of pages that the data may have; 0: no bound
}

const (
	evictSlice = 100_000   // ns of eviction in one round of housekeeping
	evictCheck = 16        // keys that are evicted between two looks at the clock
	mostEvict  = 5_000_000 // ns: the others of a loop wait while a command evicts
)

// SetMaxMemory sets maxmemory in bytes, 0 for no limit. What is too much is evicted at once.
func (e *Engine) SetMaxMemory(n int64) {
	e.Store.Settings.MaxMemory.Store(n)
	if n == 0 {
		e.noteExcess(false)
	}
	if n > 0 && e.excess() > 0 {
		e.evictLater(0, 0)
	}
}

// SetTenacity sets how much time a command gives eviction, as maxmemory-eviction-tenacity: 0.5 ms at 10, less below, 15 per
// cent more with every step above, but never more than 5 ms.
func (e *Engine) SetTenacity(n int64) {
	limit := float64(50_000 * n)
	if n > 10 {
		limit = 500_000 * math.Pow(1.15, float64(n-10))
	}
	e.pressure.patience.Store(int64(min(limit, mostEvict)))
}

// SetUnlink has evicted keys written to the effect log as UNLINK instead of DEL (lazyfree-lazy-eviction).
func (e *Engine) SetUnlink(on bool) { e.pressure.unlink.Store(on) }

// OnPressure has relief called, with the mono ns, before keys are evicted: it may give back what clients make the server
// hold. To be called before the first command runs.
func (e *Engine) OnPressure(relief func(now int64) (sleep int64)) { e.pressure.relief = relief }

// SetBudget bounds the bytes of pages that the data has, for a server whose memory the system limits: past budget commands
// that may take memory are refused, past most no page is given to any. 0 for no bound.
func (e *Engine) SetBudget(budget, most int64) {
	e.pressure.budget.Store(budget)
	e.arena.SetLimit(most)
}

// Used gives the bytes that count against maxmemory.
func (e *Engine) Used() int64 { return e.Store.Used() + e.account.Total() }

// Exceeded tells for how long, in ns, more was used than maxmemory allows: in all, and in the time that has not ended yet.
func (e *Engine) Exceeded() (total, current int64) {
	if since := e.pressure.since.Load(); since != 0 {
		current = e.clock.Mono() - since
	}
	return e.pressure.total.Load() + current, current
}

// ResetStats sets the counters back to zero that CONFIG RESETSTAT resets.
func (e *Engine) ResetStats() {
	e.Stats.Reset()
	e.Store.ResetStats()
	e.pressure.since.Store(0)
	e.pressure.total.Store(0)
}

// limited tells whether any bound of memory is set.
func (e *Engine) limited() bool {
	return e.Store.Settings.MaxMemory.Load() > 0 || e.pressure.budget.Load() > 0
}

// excess gives the bytes that have to go, at most 0 for none. What is being freed counts as gone: to evict for it once more
// would empty the keyspace while a big value is taken apart.
func (e *Engine) excess() int64 {
	return e.Used() - e.Store.Going() - e.Store.Settings.MaxMemory.Load()
}

// short tells whether more memory is used than may be and nothing can be done about it; before that it evicts.
func (w *Worker) short() bool {
	e := w.e
	if w.paused != PauseNone || w.loading { // nothing may change, or go for what was there before it, as in Redis
		return false
	}
	limit := e.Store.Settings.MaxMemory.Load()
	if limit == 0 {
		return e.arena.InUse() > e.pressure.budget.Load()
	}
	if e.Store.Used()+w.heldByClients <= limit && e.pressure.since.Load() == 0 {
		return false
	}
	if e.pressure.relief != nil {
		e.pressure.relief(w.mono)
	}
	return w.evict(w.mono, e.pressure.patience.Load()) == store.EvictionNone
}

// evict removes keys until no more memory is used than may be, or until patience ns after began. EvictionNone says that there
// is nothing to evict, EvictionBusy that the rest is left to housekeeping.
func (w *Worker) evict(began, patience int64) store.Eviction {
	e := w.e
	for n := 1; e.excess() > 0; n++ {
		if st := w.view.Evict(); st != store.Evicted {
			e.noteExcess(true)
			if st == store.EvictionBusy { // not at once: that would be to wait for whoever has the shards
				w.evictLater(w.view.NowMillis + 1)
				if e.runs.slow.Load() > 0 { // that may be a slow script: there is no end of it
					return store.EvictionNone
				}
			}
			return st
		}
		if n%evictCheck == 0 && e.clock.Mono()-began > patience && e.excess() > 0 {
			e.noteExcess(true)
			w.evictLater(0)
			return store.EvictionBusy
		}
	}
	e.noteExcess(false)
	return store.Evicted
}

// noteExcess keeps the time since when too much memory is used.
func (e *Engine) noteExcess(over bool) {
	p := &e.pressure
	switch since := p.since.Load(); {
	case over && since == 0:
		p.since.CompareAndSwap(0, max(e.clock.Mono(), 1))
	case !over && since != 0 && p.since.CompareAndSwap(since, 0):
		p.total.Add(e.clock.Mono() - since)
	}
}

// evictLater has a loop evict what is too much, at a time in Unix ms.
func (e *Engine) evictLater(loop int, at int64) {
	if e.pressure.evicting.Swap(true) {
		return
	}
	if e.loops[loop].lower(at) && e.wake != nil {
		e.wake(loop)
	}
}

// evictLater is the Engine's for one loop or another, so that none has all of it to do.
func (w *Worker) evictLater(at int64) {
	w.e.evictLater(int(w.view.Rand()%uint64(len(w.e.loops))), at)
}

// evictDuty is eviction as a part of housekeeping, gate inside, at now (Unix ms).
func (w *Worker) evictDuty(now int64) {
	if !w.e.pressure.evicting.Swap(false) || w.e.Store.Settings.MaxMemory.Load() == 0 || w.paused != PauseNone {
		return
	}
	w.view.NowMillis = now
	w.evict(w.e.clock.Mono(), evictSlice)
}

// evicted writes the eviction of a key to the effect log; the key's shard is held.
func (e *Engine) evicted(db int, key []byte) {
	e.notify(config.EventEvicted, db, "evicted", key, nil)
	if !e.Effects.Active() {
		return
	}
	verb := "DEL"
	if e.pressure.unlink.Load() {
		verb = "UNLINK"
	}
	e.Store.SetLogged(e.Store.ShardOf(hash.Bytes(key)), e.Effects.Append(db, []byte(verb), key))
}
