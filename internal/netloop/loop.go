// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A loop that does not block lets other goroutines run that often. Each time costs a few microseconds: the runtime wakes a
	// second thread to share the work. With a processor more than loops nobody depends on it.
	yieldAfter   = int64(2 * time.Millisecond)
	yieldSpins   = 1000
	publishEvery = int64(time.Millisecond)      // Stats of a loop that does not block are that old at most
	loadWindow   = int64(50 * time.Millisecond) // over which a loop's load is measured
	loadMemory   = 8                            // windows that the load is averaged over
	fullLoad     = 1 << 10                      // the load of a loop that is busy all the time
)

// Loop is an event loop: a core that one runner at a time drives.
type Loop struct {
	id    int    // immutable
	group *Group // immutable

	// What other goroutines touch.
	mu       sync.Mutex
	in       []mail      // guarded by mu
	idle     []*Runner   // guarded by mu
	away     int         // detached runners not yet ended; guarded by mu
	ended    bool        // no mail is taken any more; guarded by mu
	mailed   atomic.Bool // in is not empty; written under mu
	sleeping atomic.Bool // blocks, or is about to; set under mu
	assigned atomic.Int64
	stats    published
	_        [64]byte // the core's fields are written all the time: not on the line of those above

	// The core: belongs to the runner that drives it.
	poll    poller
	table   []*Conn // by slot; nil: free
	free    []int32 // free slots
	lastGen uint32

	events      []pollEvent // ready events
	eventCursor int
	mail        []mail
	mailCursor  int
	again       []*Conn // to be read again in the next iteration
	reading     []*Conn // to be read again in this one
	readCursor  int
	dirty       []*Conn // to be flushed, gathered in this iteration
	flushing    []*Conn // being flushed
	flushCursor int
	closing     []closure // to be closed
	ending      []closure // being closed; no cursor, since Closed cannot be detached

	current   *Conn // whom the callback that runs is about; nil: nobody
	pinned    bool  // the callback that runs cannot be detached
	stopping  bool
	farewells int // iterations since everything was closed

	listeners []*listener // by slot; those closed stay until the next is added
	resting   []*listener // taken out of the poller until acceptAt
	acceptAt  int64

	counts     counts
	mark       int64 // end of the time accounted for, as busy or idle
	yielded    int64 // last time that the loop gave way
	spins      int   // iterations since, as a clock may stand still
	publishing int64 // last time that counts were published
	windowAt   int64 // begin of the load's window
	windowBusy uint64
}

func newLoop(g *Group, id int) (*Loop, error) {
	l := &Loop{id: id, group: g}
	if err := l.poll.open(); err != nil {
		return nil, err
	}
	now := g.opts.Mono()
	l.mark, l.yielded, l.publishing, l.windowAt = now, now, now, now
	l.stats.loadAt.Store(now)
	return l, nil
}

// ID returns the loop's number in its group, from 0. Any goroutine may call it.
func (l *Loop) ID() int { return l.id }

// Conns returns how many connections the loop has, those just given to it included. Any goroutine may call it.
func (l *Loop) Conns() int { return int(l.assigned.Load()) }

// iterate runs one iteration, or what is left of one that another runner has begun. False ends the runner: it has
// detached, or the loop has ended.
func (l *Loop) iterate(r *Runner) bool {
	if !l.readAgain(r) || !l.dispatch(r) || !l.readMail(r) || !l.gather(r) || !l.flush(r) {
		return false
	}
	l.endConns(r)
	if l.stopping && l.finished() {
		return false
	}
	l.rest(r)
	return true
}

// readAgain reads the connections that called ReadAgain; false means that the runner has detached.
func (l *Loop) readAgain(r *Runner) bool {
	if l.readCursor == len(l.reading) {
		if len(l.again) == 0 {
			return true
		}
		clear(l.reading)
		l.reading, l.again = l.again, l.reading[:0]
		l.readCursor = 0
	}
	for l.readCursor < len(l.reading) {
		c := l.reading[l.readCursor]
		l.readCursor++
		c.flags &^= flagAgain
		// One that is lent is watched again when it comes back, which finds the bytes too.
		if c.flags&(flagsGone|flagLent|flagPaused) == 0 && !l.read(r, c) {
			return false
		}
	}
	return true
}

// dispatch deals with the ready events; false means that the runner has detached.
func (l *Loop) dispatch(r *Runner) bool {
	for l.eventCursor < len(l.events) {
		event := &l.events[l.eventCursor]
		l.eventCursor++
		slot, gen := eventTarget(event)
		switch {
		case slot >= 0:
			// The generation guards against an event for an earlier connection of the slot, as a forked child that
			// still shares its descriptor can bring.
			if c := l.table[slot]; c != nil && c.gen == gen && !l.ready(r, c, eventReady(event)) {
				return false
			}
		case slot != wakeSlot:
			if i := listenerIndex(slot); i < len(l.listeners) {
				l.accept(l.listeners[i])
			}
		}
		if len(l.dirty) >= maxDirty && !l.flush(r) {
			return false
		}
	}
	return true
}

// gather deals with further events before connections are flushed, as long as the handler wants it; false means that the runner has detached.
func (l *Loop) gather(r *Runner) bool {
	for idle := false; len(l.dirty) > 0; idle = len(l.events) == 0 {
		l.pinned = true
		more := l.group.opts.Handler.Gather(r, idle)
		l.pinned = false
		if !more {
			break
		}
		l.events, l.eventCursor = l.poll.peek(), 0
		if !l.dispatch(r) {
			return false
		}
	}
	return true
}

// maxDirty bounds how many connections wait for their Flush while others are read: with a thousand ready at once, their
// replies would outgrow the cache, and the sessions' pools of buffers, before the first is sent.
const maxDirty = 64

// flush calls Flush for the dirty connections; false means that the runner has detached.
func (l *Loop) flush(r *Runner) bool {
	if l.flushCursor == len(l.flushing) {
		if len(l.dirty) == 0 {
			return true
		}
		clear(l.flushing)
		l.flushing, l.dirty = l.dirty, l.flushing[:0]
		l.flushCursor = 0
	}
	for l.flushCursor < len(l.flushing) {
		c := l.flushing[l.flushCursor]
		l.flushCursor++
		if c.flags&flagLent != 0 {
			c.absent.dirty = true
			continue
		}
		c.flags &^= flagDirty
		if c.flags&flagsGone != 0 {
			continue
		}
		l.current = c
		c.session.Flush(r)
		if r.detached {
			return false
		}
		l.current = nil
	}
	return true
}

// endConns closes the connections on the closing list.
func (l *Loop) endConns(r *Runner) {
	if len(l.closing) == 0 {
		return
	}
	l.ending, l.closing = l.closing, l.ending[:0]
	for i := range l.ending {
		c, err := l.ending[i].conn, l.ending[i].err
		l.ending[i] = closure{}
		switch {
		case c.flags&flagClosed != 0: // closed in Accept, which refused it
		case c.flags&flagLent != 0:
			c.absent.ending, c.absent.err = true, err
		default:
			l.drop(c)
			l.pinned = true
			c.session.Closed(r, err)
			l.pinned = false
		}
	}
}

// adopt makes a new connection the loop's own.
func (l *Loop) adopt(r *Runner, c *Conn) {
	if l.stopping {
		l.drop(c)
		return
	}
	l.pinned = true
	s := l.group.opts.Handler.Accept(r, c)
	l.pinned = false
	if s == nil {
		l.drop(c)
		return
	}
	c.session = s
	if n := len(l.free); n > 0 {
		c.slot = l.free[n-1]
		l.free = l.free[:n-1]
		l.table[c.slot] = c
	} else {
		c.slot = int32(len(l.table))
		l.table = append(l.table, c)
	}
	l.lastGen++
	c.gen = l.lastGen
	c.rearm(false)
}

// drop closes a connection's descriptor and takes it out of the table.
func (l *Loop) drop(c *Conn) {
	c.flags = c.flags&^flagEnding | flagClosed
	c.sock.close()
	c.sock = noSocket()
	if c.slot >= 0 {
		l.table[c.slot] = nil
		l.free = append(l.free, c.slot)
		c.slot = -1
	}
	l.assigned.Add(-1)
}

// rest does the housekeeping and waits for events, if there is nothing to do.
func (l *Loop) rest(r *Runner) {
	now := l.group.opts.Mono()
	l.account(now)
	limit := int64(-1)
	if !l.stopping {
		l.pinned = true
		limit = l.group.opts.Handler.Tick(r, now)
		l.pinned = false
	}
	if len(l.resting) > 0 {
		limit = l.resumeAccept(now, limit)
	}
	if len(l.again) > 0 || len(l.dirty) > 0 || len(l.closing) > 0 || l.mailed.Load() {
		limit = 0
	}
	l.eventCursor = 0
	if limit == 0 || !l.fallAsleep() {
		l.events = l.poll.peek()
		l.yield(now)
		return
	}
	short := limit >= 0 && limit <= dozeTime
	if l.group.opts.Doze {
		l.events = l.poll.doze()
	} else if l.events = l.poll.peek(); len(l.events) == 0 {
		short = false
	}
	if len(l.events) == 0 && !short {
		l.block(now, limit)
		return
	}
	l.sleeping.Store(false)
	if len(l.events) == 0 {
		l.counts.waits++
	}
	woken := l.group.opts.Mono()
	l.counts.idle += uint64(woken - now)
	l.mark = woken
	l.measure(woken)
	l.yield(woken)
}

// dozeTime is how long, in ns, a loop waits for events with its processor in hand before it lets the scheduler know.
const dozeTime = 1_000_000

// block waits for events as long as it takes: nothing has come for a while.
func (l *Loop) block(now, limit int64) {
	l.publish(now)
	l.stats.blocked.Store(true)
	l.events = l.poll.wait(limit)
	l.sleeping.Store(false)
	l.counts.waits++
	woken := l.group.opts.Mono()
	l.counts.idle += uint64(woken - now)
	l.mark, l.yielded, l.spins = woken, woken, 0
	l.measure(woken)
	l.stats.blocked.Store(false)
}

// yield lets the scheduler have a look now and then: a loop that never blocks is never seen by it, and the collector and
// others would starve.
func (l *Loop) yield(now int64) {
	if now-l.yielded < yieldAfter && l.spins < yieldSpins {
		l.spins++
		return
	}
	if now-l.publishing >= publishEvery {
		l.publish(now)
	}
	l.yielded, l.spins = now, 0
	if !l.group.opts.Doze { // else there is a processor for them, and the runtime preempts the loop at last
		runtime.Gosched()
	}
}

// beginStop closes all connections; the loop ends when they are gone.
func (l *Loop) beginStop(*Runner) {
	l.stopping = true
	l.listeners, l.resting = nil, nil
	for _, c := range l.table {
		if c != nil {
			c.fail(nil)
		}
	}
}

// finished tells whether a stopping loop can end, and if so refuses mail from now on.
func (l *Loop) finished() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away > 0 || len(l.closing) > 0 {
		return false
	}
	// Functions that post themselves again must not keep the loop alive.
	if l.farewells++; len(l.in) > 0 && l.farewells < 100 {
		return false
	}
	for _, c := range l.table {
		if c != nil { // lent by a callback that has ended without returning it
			c.flags = c.flags&^flagLent | flagEnding
			l.closing = append(l.closing, closure{conn: c})
		}
	}
	l.ended = len(l.closing) == 0
	return l.ended
}

// release gives back the loop's descriptors, and those of connections that it was given too late.
func (l *Loop) release() {
	l.mu.Lock()
	l.ended = true
	in := l.in
	l.in, l.idle = nil, nil
	l.mu.Unlock()
	for _, m := range in {
		if m.kind == mailAdopt {
			l.drop(m.conn)
		}
	}
	l.publish(l.mark)
	l.poll.close()
}
