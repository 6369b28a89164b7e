// SPDX-License-Identifier: BSD-3-Clause

package netloop

import "runtime"

// Runner is what belongs to the goroutine that drives a loop's core, or that finishes a callback which detached from it.
// It is good until the callback that it was passed to returns; a session must not keep it.
type Runner struct {
	Buf    []byte // the read buffer, MaxRead bytes
	Worker any    // what Handler.NewWorker made for this runner

	loop     *Loop
	detached bool // touched only by the runner's own goroutine while it runs
}

// Loop returns the loop that the runner belongs to.
func (r *Runner) Loop() *Loop { return r.loop }

// Detached tells whether the runner has given its core away: the callback must then touch nothing of the loop, nor any
// connection beside its own, on which it may call Return, Post and what may be called from any goroutine.
func (r *Runner) Detached() bool { return r.detached }

// Detach hands the core to a fresh runner on another goroutine, so that the other connections of the loop do not wait for
// the callback that calls it. The connection that the callback is about becomes lent: its session belongs to the callback,
// which gives it back with Conn.Return as its last act. Events and mail for the connection wait until then; that the peer
// hung up is noticed then.
//
// It returns false, and changes nothing, in a callback that cannot be detached (Accept, Tick, Closed); true also when the
// runner is detached already.
func (r *Runner) Detach() bool {
	l := r.loop
	if r.detached {
		return true
	}
	if l.pinned {
		return false
	}
	if c := l.current; c != nil {
		c.lend()
		l.current = nil
	}
	l.mu.Lock()
	l.away++
	l.mu.Unlock()
	l.counts.detached++
	next := l.takeRunner()
	r.detached = true
	l.group.runners.Add(1)
	go l.drive(next)
	return true
}

// takeRunner returns an idle runner of the loop's, or a new one.
func (l *Loop) takeRunner() *Runner {
	l.mu.Lock()
	var r *Runner
	if n := len(l.idle); n > 0 {
		r = l.idle[n-1]
		l.idle[n-1] = nil
		l.idle = l.idle[:n-1]
	}
	l.mu.Unlock()
	if r == nil {
		r = &Runner{loop: l, Worker: l.group.opts.Handler.NewWorker(l)}
	}
	if r.Buf == nil {
		r.Buf = make([]byte, MaxRead)
	}
	r.detached = false
	return r
}

// retire ends a detached runner: it becomes idle. One idle runner keeps its buffer, the others cost only their worker.
func (l *Loop) retire(r *Runner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle) > 0 {
		r.Buf = nil
	}
	l.idle = append(l.idle, r)
	l.away--
	l.wakeLocked()
}

// drive is the body of a runner's goroutine.
func (l *Loop) drive(r *Runner) {
	defer l.group.runners.Done()
	if l.group.opts.LockOSThread {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	for l.iterate(r) {
	}
	if r.detached {
		l.retire(r)
		return
	}
	l.release()
}
