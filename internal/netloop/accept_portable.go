// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || portable

package netloop

import (
	"errors"
	"net"
	"sync"
)

// acceptor is a listener of package net; nil once it is closed.
type acceptor = *portableListener

// portableListener accepts one connection ahead of the loop, so that the others wait in the system's queue.
type portableListener struct {
	std       net.Listener
	keepAlive int // of accepted connections, in seconds

	mu     sync.Mutex // a leaf, after the poller's
	conn   net.Conn   // accepted and not yet taken
	failed bool       // the last try to accept failed, and the loop has not been told yet
	ended  bool

	next chan struct{} // tells the goroutine to accept another, or that the listener is closed

	poll *poller // both guarded by mu
	slot int32
}

func noAcceptor() acceptor { return nil }

func (a *portableListener) open() bool { return a != nil }

// takeListener has a listener's connections accepted for the loop.
func takeListener(std net.Listener, group *Options) (acceptor, error) {
	a := &portableListener{std: std, keepAlive: group.TCPKeepAlive, next: make(chan struct{}, 1)}
	go a.run()
	return a, nil
}

// run accepts a connection whenever the one before has been taken.
func (a *portableListener) run() {
	for {
		conn, err := a.std.Accept()
		a.mu.Lock()
		ended := a.ended || errors.Is(err, net.ErrClosed)
		if !ended {
			a.conn, a.failed = conn, err != nil
			if a.poll != nil {
				tell(a.poll.signal)
			}
		}
		a.mu.Unlock()
		if ended {
			if conn != nil {
				_ = conn.Close() // nobody is there for it
			}
			return
		}
		<-a.next
	}
}

// watchedBy tells where the listener is to say that a connection waits.
func (a *portableListener) watchedBy(p *poller, slot int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.poll, a.slot = p, slot
	tell(p.signal)
}

// waiting tells whether accept has something to give.
func (a *portableListener) waiting() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn != nil || a.failed
}

// over tells whether the listener is closed.
func (a *portableListener) over() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// accept takes the connection that waits and gives its peer's address. That accepting failed is taken for a lack of
// descriptors or memory.
func (a *portableListener) accept() (socket, string, acceptResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	conn, failed := a.conn, a.failed
	if conn == nil && !failed {
		return noSocket(), "", acceptNone
	}
	a.conn, a.failed = nil, false
	tell(a.next)
	if failed {
		return noSocket(), "", acceptExhausted
	}
	s := newStream(conn)
	if err := s.setKeepAlive(a.keepAlive); err != nil {
		_ = conn.Close() // it has failed already
		return noSocket(), "", acceptFailed
	}
	return s, s.remote, acceptOne
}

func (a *portableListener) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	_ = a.std.Close() // whatever it says, nothing is accepted any more
	if a.conn != nil {
		_ = a.conn.Close() // as if it had still waited in the system's queue
		a.conn = nil
	}
	tell(a.next)
}
