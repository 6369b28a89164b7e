// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/redpoll/redpoll/internal/invariants"
)

const never = math.MaxInt64

const (
	dutySlice   = 200_000 // ns of housekeeping at one go
	dutyEntries = 64      // entries looked at with a shard held, some 20 µs
	dutyLimit   = 60_000  // ms that a loop sleeps at most when something is due later
)

// hurry notes that a shard wants housekeeping earlier than it did; called with the shard held.
func (e *Engine) hurry(shard int) {
	loop := shard % len(e.loops)
	if e.loops[loop].lower(e.Store.Due(shard)) && e.wake != nil {
		e.wake(loop)
	}
}

// lower makes the loop's due time no later than at, and tells whether it was later.
func (l *loopDuty) lower(at int64) bool {
	for {
		old := l.due.Load()
		if at >= old {
			return false
		}
		if l.due.CompareAndSwap(old, at) {
			return true
		}
	}
}

// Housekeep does what is due in the shards of the worker's loop, for at most some 200 µs: dead keys are removed, large
// values freed, sparse heaps compacted; and keys are evicted if a command has left that to it. It gives the ns until it wants to
// be called again: 0 when there is more to do, negative for no limit.
// The worker must be outside of its gate.
func (w *Worker) Housekeep(loop int) (sleep int64) {
	e := w.e
	due := e.loops[loop].due.Load()
	if due == never || e.loading.Load() {
		return -1
	}
	now := e.clock.WallMillis()
	if due > now {
		return e.untilDue(loop, now)
	}
	if e.Channels.Full() && e.events.Load() != 0 || !w.enter() {
		return 1_000_000
	}
	defer w.leave()
	e.loops[loop].begun.Add(1)
	defer e.loops[loop].ended.Add(1)
	e.loops[loop].due.Store(never)
	began := e.clock.Mono()
	w.guarded(func() { w.evictDuty(now) })
	evicted := e.clock.Mono()
	e.Stats.Spikes.Note("eviction-cycle", evicted-began, now)
	n := e.shardsOf(loop)
	next, first := int64(never), w.dutyCursor
	for i := range n {
		turn := (first + i) % n
		shard := loop + turn*len(e.loops)
		at := e.Store.Due(shard)
		switch {
		case at > now:
		case e.clock.Mono()-began >= dutySlice:
			at = now
		case e.Store.TryLock(shard):
			if !w.guarded(func() { e.Store.Housekeep(shard, now, dutyEntries) }) {
				e.Store.Postpone(shard, now+failedRest)
			}
			if e.Store.HasLost(shard) {
				w.serveLost(shard, now)
			}
			at = e.Store.Due(shard)
			e.Store.Unlock(shard)
			w.dutyCursor = turn + 1
		default:
			at = now + 1 // to come back at once would be to wait for whoever has it
		}
		next = min(next, at)
	}
	expired := e.clock.Mono()
	e.Stats.Spikes.Note("expire-cycle", expired-evicted, now)
	e.loops[loop].lower(min(next, w.compact(loop, now, began)))
	e.Stats.Spikes.Note("active-defrag-cycle", e.clock.Mono()-expired, now)
	return e.untilDue(loop, now)
}

// failedRest is how many ms a shard's housekeeping rests after it has failed.
const failedRest = 1000

// guarded runs a piece of housekeeping. When it fails by a bug, that is logged and counted, and the server goes on, as it does
// when a handler fails; the result is false then. The debug build is to notice, and ends.
func (w *Worker) guarded(work func()) (fine bool) {
	defer func() {
		if fine || invariants.Enabled {
			return
		}
		if p := recover(); p != nil {
			w.e.Stats.Panics.Add(1)
			w.e.log.Error(fmt.Sprintf("housekeeping failed, it is tried again later: %v\n%s", p, debug.Stack()))
		}
	}()
	work()
	return true
}

// Overdue tells whether some shard's housekeeping should have been done by now.
func (e *Engine) Overdue() bool {
	now := e.clock.WallMillis()
	for i := range e.loops {
		l := &e.loops[i]
		ended, begun := l.ended.Load(), l.begun.Load()
		if ended != begun || l.due.Load() <= now || l.begun.Load() != begun {
			return true
		}
	}
	return false
}

func (e *Engine) untilDue(loop int, now int64) int64 {
	switch due := e.loops[loop].due.Load(); {
	case due == never:
		return -1
	case due <= now:
		return 0
	default:
		return min(due-now, dutyLimit) * 1_000_000
	}
}
