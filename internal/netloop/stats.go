// SPDX-License-Identifier: BSD-3-Clause

package netloop

import "sync/atomic"

// Stats are a loop's totals since its start.
type Stats struct {
	Iterations   uint64
	Waits        uint64 // iterations that blocked
	BusyNs       uint64 // time not spent blocked; detached callbacks are not in it
	IdleNs       uint64 // time spent blocked
	Reads        uint64 // calls of read
	ReadBytes    uint64
	Writes       uint64 // calls of write
	WrittenBytes uint64
	Detached     uint64 // callbacks that detached
}

// counts are the core's own counters, copied to published now and then: an atomic add a call would cost more than the rest
// of the loop's bookkeeping.
type counts struct {
	iterations, waits, busy, idle, reads, read, writes, written, detached uint64
}

// published is what other goroutines read.
type published struct {
	iterations, waits, busy, idle, reads, read, writes, written, detached atomic.Uint64

	load    atomic.Int64 // share of the last window that the loop was busy, in fullLoad
	loadAt  atomic.Int64 // when load was measured
	blocked atomic.Bool  // the loop waits for events; unlike Loop.sleeping, until it has really woken
}

// Stats returns the loop's totals. Any goroutine may call it; those of a busy loop are up to a millisecond old.
func (l *Loop) Stats() Stats {
	p := &l.stats
	return Stats{
		Iterations:   p.iterations.Load(),
		Waits:        p.waits.Load(),
		BusyNs:       p.busy.Load(),
		IdleNs:       p.idle.Load(),
		Reads:        p.reads.Load(),
		ReadBytes:    p.read.Load(),
		Writes:       p.writes.Load(),
		WrittenBytes: p.written.Load(),
		Detached:     p.detached.Load(),
	}
}

func (l *Loop) publish(now int64) {
	l.publishing = now
	p, c := &l.stats, &l.counts
	p.iterations.Store(c.iterations)
	p.waits.Store(c.waits)
	p.busy.Store(c.busy)
	p.idle.Store(c.idle)
	p.reads.Store(c.reads)
	p.read.Store(c.read)
	p.writes.Store(c.writes)
	p.written.Store(c.written)
	p.detached.Store(c.detached)
}

// account adds the iteration that ends to the loop's busy time, and measures its load.
func (l *Loop) account(now int64) {
	l.counts.iterations++
	l.counts.busy += uint64(now - l.mark)
	l.mark = now
	l.measure(now)
}

// measure ends the window over which the load is measured, if it is old enough. One that was long, as when the loop slept,
// leaves little of the loads before.
func (l *Loop) measure(now int64) {
	span := now - l.windowAt
	if span < loadWindow {
		return
	}
	load := int64(l.counts.busy-l.windowBusy) * fullLoad / span
	weight := min(span/loadWindow, loadMemory)
	l.stats.load.Store((l.stats.load.Load()*(loadMemory-weight) + load*weight) / loadMemory)
	l.stats.loadAt.Store(now)
	l.windowAt, l.windowBusy = now, l.counts.busy
}

// load returns how busy the loop has been of late, from 0 to fullLoad. A loop that has measured nothing for a while is
// asleep, or stuck in a callback. Any goroutine may call it.
func (l *Loop) load(now int64) int64 {
	if now-l.stats.loadAt.Load() <= 4*loadWindow {
		return l.stats.load.Load()
	}
	if l.stats.blocked.Load() {
		return 0
	}
	return fullLoad
}
