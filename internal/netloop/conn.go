// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"io"
	"net"

	"github.com/redpoll/redpoll/internal/invariants"
)

// Conn is an accepted connection. Its methods belong to the runner that holds the core of its loop, but for those that say
// that any goroutine may call them; none but Post, Return, Loop, FD and the addresses may be called while it is lent.
type Conn struct {
	loop    *Loop   // immutable
	session Session // set once, when adopted
	absent  *absent // kept while lent

	sock  socket
	slot  int32 // index in the loop's table; -1: not in it
	gen   uint32
	armed uint32 // what the poller watches for; 0: it does not know the connection
	flags connFlags

	unix   bool   // immutable
	remote string // immutable
	local  string // made when first asked for
}

// absent is what has come for a connection while it was lent.
type absent struct {
	mail   []mail
	dirty  bool // it was on the dirty list
	ending bool // it was on the closing list, with err
	err    error
}

// closure is a connection that is to be closed at the end of the iteration, and the reason for Session.Closed.
type closure struct {
	conn *Conn
	err  error
}

type connFlags uint16

const (
	flagDirty  connFlags = 1 << iota // on the dirty list
	flagAgain                        // on the list of those to be read again
	flagPaused                       // PauseRead(true)
	flagWrite                        // WantWrite(true)
	flagHangup                       // WatchHangup(true)
	flagLent                         // a detached callback has it
	flagEnding                       // on the closing list
	flagClosed                       // Closed was called, or Accept refused

	flagsGone = flagEnding | flagClosed
)

// Loop returns the connection's loop. Any goroutine may call it.
func (c *Conn) Loop() *Loop { return c.loop }

// FD returns the descriptor (on Windows the handle), or -1 once it is closed.
func (c *Conn) FD() int { return c.sock.number() }

// RemoteAddr returns the peer's address as CLIENT LIST prints it: "ip:port", "[ip6]:port", or "/path:0" with the path of
// our socket for a unix socket. Any goroutine may call it.
func (c *Conn) RemoteAddr() string { return c.remote }

// Lent tells whether a detached callback has the connection, so that its session must not be touched. It may be called
// while it is.
func (c *Conn) Lent() bool { return c.flags&flagLent != 0 }

// LocalAddr returns our end's address in the same form.
func (c *Conn) LocalAddr() string {
	switch {
	case c.unix:
		return c.remote
	case c.local == "" && c.sock.open():
		c.local = c.sock.localAddr()
	}
	return c.local
}

// Write gives bytes to the socket without blocking, at most MaxWrite of them, and returns how many it took. Fewer than
// that, with no error, means that the socket is full: WantWrite(true) tells when it takes more. The error is the system's
// (EPIPE, ECONNRESET), or net.ErrClosed after Close.
func (c *Conn) Write(b []byte) (int, error) {
	c.check()
	if c.flags&flagsGone != 0 {
		return 0, net.ErrClosed
	}
	if len(b) > MaxWrite {
		b = b[:MaxWrite]
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.sock.write(b)
	l := c.loop
	l.counts.writes++
	l.counts.written += uint64(n)
	return n, err
}

// Writev is Write for several buffers, of which the kernel is given those (and that part of the last) which fit in MaxWrite
// bytes and in 64 buffers; n counts from the first buffer's first byte. A return of n < MaxWrite bytes that leaves some of
// the first 64 buffers unwritten means that the socket is full.
func (c *Conn) Writev(bufs [][]byte) (n int, err error) {
	c.check()
	if c.flags&flagsGone != 0 {
		return 0, net.ErrClosed
	}
	l := c.loop
	n, err = l.poll.writev(c.sock, bufs)
	l.counts.writes++
	l.counts.written += uint64(n)
	return n, err
}

// WantWrite asks for Session.Writable whenever the socket takes bytes, until called with false.
func (c *Conn) WantWrite(on bool) { c.set(flagWrite, on) }

// PauseRead stops the reading of the socket until called with false; bytes then wait in the kernel, and at last at the
// peer. While paused, the peer's hanging up is not noticed, but by a failing Write, or after WatchHangup.
func (c *Conn) PauseRead(on bool) { c.set(flagPaused, on) }

// WatchHangup makes a paused connection end with io.EOF when the peer closes, or ends its sending, although bytes may be
// unread then. It has no effect while reading goes on.
func (c *Conn) WatchHangup(on bool) { c.set(flagHangup, on) }

func (c *Conn) set(flag connFlags, on bool) {
	c.check()
	old := c.flags
	if on {
		c.flags |= flag
	} else {
		c.flags &^= flag
	}
	if c.flags != old {
		c.rearm(false)
	}
}

// Dirty asks for one Session.Flush at the end of the iteration.
func (c *Conn) Dirty() {
	c.check()
	if c.flags&(flagDirty|flagsGone) == 0 {
		c.flags |= flagDirty
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// ReadAgain asks for one more read in the next iteration, without waiting for an event: bytes may be waiting in the socket.
func (c *Conn) ReadAgain() {
	c.check()
	if c.flags&(flagAgain|flagsGone) == 0 {
		c.flags |= flagAgain
		c.loop.again = append(c.loop.again, c)
	}
}

// Close ends the connection: Session.Closed follows at the end of the iteration, and nothing else is called for it before.
// It may be called inside every callback, and more than once.
func (c *Conn) Close() {
	c.check()
	c.fail(nil)
}

func (c *Conn) fail(err error) {
	if c.flags&flagsGone != 0 {
		return
	}
	c.flags |= flagEnding
	c.loop.closing = append(c.loop.closing, closure{conn: c, err: err})
}

// SetNoDelay turns Nagle's algorithm off (true, as it is for accepted TCP connections) or on. No effect on unix sockets.
func (c *Conn) SetNoDelay(on bool) error {
	if c.unix || !c.sock.open() {
		return nil
	}
	return c.sock.setNoDelay(on)
}

// SetKeepAlive has the peer probed after so many seconds of silence, thrice at a third of that; 0 turns it off. No effect
// on unix sockets.
func (c *Conn) SetKeepAlive(seconds int) error {
	if c.unix || !c.sock.open() {
		return nil
	}
	return c.sock.setKeepAlive(seconds)
}

// check finds, in debug builds, sessions that use a connection which is lent.
func (c *Conn) check() {
	if invariants.Enabled && c.flags&flagLent != 0 {
		panic("netloop: a lent connection is used")
	}
}

// interest is what the poller should watch for.
func (c *Conn) interest() uint32 {
	var want uint32
	switch {
	case c.flags&flagPaused == 0:
		want = pollRead
	case c.flags&flagHangup != 0:
		want = pollHangup
	}
	if c.flags&flagWrite != 0 {
		want |= pollWrite
	}
	return want
}

// rearm makes the poller watch for what the connection wants. Reading that is paused is not disarmed before an event comes
// (exact), since most pauses are shorter than that. A connection that wants nothing leaves the poller: it would report a
// dead peer over and over.
func (c *Conn) rearm(exact bool) {
	if c.slot < 0 || c.flags&(flagLent|flagsGone) != 0 {
		return
	}
	want := c.interest()
	if !exact {
		want |= c.armed & pollRead
	}
	if want == c.armed {
		return
	}
	if err := c.loop.poll.watch(c, want); err != nil {
		c.fail(err)
		return
	}
	c.armed = want
}

// lend takes the connection out of the core's hands. The caller's runner holds the core.
func (c *Conn) lend() {
	c.flags |= flagLent
	if c.absent == nil {
		c.absent = new(absent)
	}
}

// takeBack ends the loan of a connection: runs the session's function, then what has come meanwhile. False means that the
// runner has detached, and then the connection is lent anew.
func (l *Loop) takeBack(r *Runner, c *Conn, fn func(r *Runner)) bool {
	if c.flags&flagLent == 0 {
		return l.runFor(r, c, fn)
	}
	// What came meanwhile stays in c.absent: when fn detaches in turn, it is still there for the next Return, and this
	// runner must not touch it any more.
	a := c.absent
	c.flags &^= flagLent
	if a.dirty {
		a.dirty = false
		l.dirty = append(l.dirty, c)
	}
	if a.ending {
		l.closing = append(l.closing, closure{conn: c, err: a.err})
		c.absent = nil
		return true
	}
	c.rearm(false)
	if !l.runFor(r, c, fn) {
		return false
	}
	for len(a.mail) > 0 {
		m := a.mail[0]
		a.mail = a.mail[1:]
		if !l.runFor(r, c, m.run) {
			return false
		}
	}
	c.absent = nil
	return true
}

// ready deals with an event of the connection; false means that the runner has detached.
func (l *Loop) ready(r *Runner, c *Conn, events uint32) bool {
	if c.flags&flagsGone != 0 {
		return true
	}
	if c.flags&flagLent != 0 {
		l.poll.forget(c)
		c.armed = 0
		return true
	}
	if c.flags&flagWrite != 0 && events&(pollWrite|pollDead) != 0 {
		l.current = c
		c.session.Writable(r)
		if r.detached {
			return false
		}
		l.current = nil
	}
	if events&^pollWrite == 0 || c.flags&flagsGone != 0 {
		return true
	}
	if c.flags&flagPaused == 0 {
		return l.read(r, c)
	}
	dead := events&pollDead != 0
	if c.flags&flagHangup != 0 && (dead || events&pollHangup != 0) || c.flags&flagWrite != 0 && dead {
		c.fail(io.EOF)
		return true
	}
	c.rearm(true)
	return true
}

// read reads the socket once; false means that the runner has detached.
func (l *Loop) read(r *Runner, c *Conn) bool {
	l.current = c
	buf := c.session.Buffer(r)
	if r.detached {
		return false
	}
	switch {
	case len(buf) == 0:
		buf = r.Buf
	case len(buf) > MaxRead:
		buf = buf[:MaxRead]
	}
	n, err := c.sock.read(buf)
	l.counts.reads++
	switch {
	case n > 0:
		l.counts.read += uint64(n)
		c.session.Data(r, n)
		if r.detached {
			return false
		}
	case err != nil:
		c.fail(err)
	}
	l.current = nil
	return true
}
