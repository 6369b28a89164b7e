// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"context"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
)

// listener is a listening socket, which loop 0 watches.
type listener struct {
	addr net.Addr
	unix string // path of a unix socket
	file bool   // the path is a file of ours, to be removed

	mu   sync.Mutex
	sock acceptor // guarded by mu, so that no accept meets a descriptor that was closed and given to something else
}

// newListener binds with package net, for its address forms and errors.
func newListener(network, address string, opts ListenOptions, group *Options) (*listener, error) {
	if network == "unix" && opts.Unlink {
		if info, err := os.Lstat(address); err == nil && info.Mode().Type() == fs.ModeSocket {
			_ = os.Remove(address) // if it stays, the bind says so
		}
	}
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false) // dearer, and plain TCP is what clients speak
	std, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	ln := &listener{addr: std.Addr(), sock: noAcceptor()}
	fail := func(err error) (*listener, error) {
		ln.close()
		return nil, &net.OpError{Op: "listen", Net: network, Addr: ln.addr, Err: err}
	}
	if u, ok := std.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
		ln.unix = address
		ln.file = !strings.HasPrefix(address, "@")
	}
	if ln.sock, err = takeListener(std, group); err != nil {
		return fail(err)
	}
	if ln.file && opts.Mode != 0 {
		if err := os.Chmod(ln.unix, fs.FileMode(opts.Mode).Perm()); err != nil {
			return fail(err)
		}
	}
	return ln, nil
}

func (ln *listener) close() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.sock.open() {
		ln.sock.close()
		ln.sock = noAcceptor()
	}
	if ln.file {
		ln.file = false
		_ = os.Remove(ln.unix) // somebody else may have removed it
	}
}

// accept accepts one connection.
func (ln *listener) accept() (*Conn, acceptResult) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if !ln.sock.open() {
		return nil, acceptNone
	}
	sock, remote, result := ln.sock.accept()
	if result != acceptOne {
		return nil, result
	}
	c := &Conn{sock: sock, slot: -1, remote: remote}
	if ln.unix != "" {
		c.unix = true
		c.remote = ln.unix + ":0"
	}
	return c, acceptOne
}

// acceptBatch is how many connections one event of a listener accepts at most.
const acceptBatch = 64

// accept takes the connections that wait at a listener and gives them to the loops.
func (l *Loop) accept(ln *listener) {
	g := l.group
	now := g.opts.Mono()
	for range acceptBatch {
		c, result := ln.accept()
		switch result {
		case acceptNone:
			return
		case acceptExhausted:
			// The listener stays ready: out of the poller with it, for a while.
			l.unwatch(ln)
			l.resting = append(l.resting, ln)
			l.acceptAt = now + acceptPause
			return
		case acceptFailed:
			continue
		}
		g.accepted.Add(1)
		c.loop = g.pick(now)
		c.loop.assigned.Add(1)
		if !c.loop.post(mail{kind: mailAdopt, conn: c}) {
			c.loop.drop(c)
		}
	}
}

// addListener makes the loop watch a listener.
func (l *Loop) addListener(ln *listener) {
	if l.stopping {
		return
	}
	for i, old := range l.listeners {
		if old.closed() {
			l.listeners[i] = ln
			l.watch(ln, i)
			return
		}
	}
	l.listeners = append(l.listeners, ln)
	l.watch(ln, len(l.listeners)-1)
}

// watch makes the poller watch a listener, unless it is closed; when the system refuses, it is tried again later.
func (l *Loop) watch(ln *listener, index int) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if !ln.sock.open() {
		return
	}
	if err := l.poll.addListener(ln.sock, listenerSlot(index)); err != nil {
		l.resting = append(l.resting, ln)
		l.acceptAt = l.mark + acceptPause
	}
}

func (l *Loop) unwatch(ln *listener) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.sock.open() {
		l.poll.removeListener(ln.sock)
	}
}

// resumeAccept watches the resting listeners again when it is time; it returns how long the loop may sleep.
func (l *Loop) resumeAccept(now, limit int64) int64 {
	if left := l.acceptAt - now; left > 0 {
		if limit < 0 || left < limit {
			return left
		}
		return limit
	}
	resting := l.resting
	l.resting = nil
	for _, ln := range resting {
		for i, other := range l.listeners {
			if ln == other {
				l.watch(ln, i)
			}
		}
	}
	return limit
}

func (ln *listener) closed() bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return !ln.sock.open()
}

// acceptResult is what came of one try to accept a connection.
type acceptResult int

const (
	acceptOne       acceptResult = iota
	acceptNone                   // none waits, or the listener is closed
	acceptFailed                 // this one failed: try the next
	acceptExhausted              // no descriptors or memory left
)
