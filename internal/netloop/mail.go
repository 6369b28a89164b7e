// SPDX-License-Identifier: BSD-3-Clause

package netloop

import "github.com/redpoll/redpoll/internal/invariants"

// mail is one message to a loop.
type mail struct {
	kind mailKind
	conn *Conn // nil for mailRun
	run  func(r *Runner)
}

type mailKind uint8

const (
	mailRun    mailKind = iota // run a function
	mailConn                   // run a function about conn, which is not run any more once conn closes
	mailReturn                 // conn, which was lent, comes back; then run the function
	mailAdopt                  // conn is new
)

// Post has fn run by the loop, in the order of posting, and may be called from any goroutine. It returns false, and fn is
// never run, when the loop has ended. Mail is dealt with in batches: what fn posts to its own loop runs an iteration later.
func (l *Loop) Post(fn func(r *Runner)) bool {
	return l.post(mail{kind: mailRun, run: fn})
}

// Post is Loop.Post for a function about this connection: it counts as a callback of its session (Detach lends the
// connection), waits while the connection is lent, and is dropped once the connection closes. Any goroutine may call it.
func (c *Conn) Post(fn func(r *Runner)) bool {
	return c.loop.post(mail{kind: mailConn, conn: c, run: fn})
}

// Return gives a lent connection back to its loop, which runs fn (unless the connection closes, as when the group stops)
// before anything else of the connection's; then the events and the mail that came meanwhile are dealt with. Any
// goroutine may call it, once for each time that the connection was lent. From the call on, the session belongs to the loop
// again: it is the last thing that the callback does. False means that the loop has ended.
func (c *Conn) Return(fn func(r *Runner)) bool {
	return c.loop.post(mail{kind: mailReturn, conn: c, run: fn})
}

// post queues a message, and wakes the loop when it sleeps. The wake-up is written under the lock since the descriptor is
// closed once the loop has ended.
func (l *Loop) post(m mail) bool {
	invariants.Waits(invariants.RankLeaf, 0)
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	l.in = append(l.in, m)
	l.mailed.Store(true)
	l.wakeLocked()
	l.mu.Unlock()
	return true
}

// wakeLocked wakes the loop if it sleeps or is about to. l.mu is held.
func (l *Loop) wakeLocked() {
	if l.sleeping.Load() {
		l.sleeping.Store(false)
		l.poll.wake()
	}
}

// fallAsleep announces that the loop is going to block; it returns false when mail has come, which must be read first, or
// when the last detached runner that a stopping loop waits for has ended.
// Whoever posts after it sees the loop sleeping and wakes it: no wake-up is lost.
func (l *Loop) fallAsleep() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.in) > 0 || l.stopping && l.away == 0 {
		return false
	}
	l.sleeping.Store(true)
	return true
}

// readMail deals with the mail; false means that the runner has detached.
func (l *Loop) readMail(r *Runner) bool {
	if l.mailCursor == len(l.mail) {
		if !l.mailed.Load() {
			return true
		}
		l.mu.Lock()
		l.mail, l.in = l.in, l.mail[:0]
		l.mailed.Store(false)
		l.mu.Unlock()
		l.mailCursor = 0
	}
	for l.mailCursor < len(l.mail) {
		m := l.mail[l.mailCursor]
		l.mail[l.mailCursor] = mail{}
		l.mailCursor++
		if !l.deliver(r, m) {
			return false
		}
	}
	if cap(l.mail) > maxKeptMail {
		l.mail, l.mailCursor = nil, 0
	}
	return true
}

// maxKeptMail is the capacity beyond which a mail list is given to the collector instead of being used again.
const maxKeptMail = 16 << 10

// deliver deals with one message; false means that the runner has detached.
func (l *Loop) deliver(r *Runner, m mail) bool {
	switch c := m.conn; m.kind {
	case mailAdopt:
		l.adopt(r, c)
		return true
	case mailReturn:
		return l.takeBack(r, c, m.run)
	case mailConn:
		if c.flags&flagLent != 0 {
			c.absent.mail = append(c.absent.mail, m)
			return true
		}
		return l.runFor(r, c, m.run)
	default:
		m.run(r)
		return !r.detached
	}
}

// runFor runs a function about a connection, unless that closes; false means that the runner has detached.
func (l *Loop) runFor(r *Runner, c *Conn, fn func(r *Runner)) bool {
	if fn == nil || c.flags&flagsGone != 0 {
		return true
	}
	l.current = c
	fn(r)
	if r.detached {
		return false
	}
	l.current = nil
	return true
}
