// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || portable

package netloop

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// On systems without a poller of their own here, package net waits for the sockets: each connection has a goroutine that
// reads ahead and one that writes behind, as far as its two buffers go. To the loop it looks like a non-blocking socket.
const (
	minAhead  = 1 << 10
	maxAhead  = 16 << 10
	maxBehind = 64 << 10
	// lingering is how long a connection that was closed has to take what was written before.
	lingering = 5 * time.Second
)

// socket is a connection of package net; nil once it is closed.
type socket = *stream

// stream is the state of a connection between the loop and its two goroutines, guarded by the poller's mutex once the poller
// knows it. Before that, and for the immutable fields, nothing is needed.
type stream struct {
	conn   net.Conn
	remote string

	poll *poller // set once, by the loop, before the goroutines start
	slot int32
	gen  uint32
	want uint32 // what the poller watches for

	in       []byte // read and not yet taken by the loop: in[taken:]
	taken    int
	readErr  error  // behind in: how the stream ended
	out      []byte // given by the loop and not yet taken by the writer
	writing  int    // bytes that the writer is at
	spare    []byte // the writer's last buffer, if it is small
	writeErr error
	closed   bool // by the loop
	listed   bool // in poller.active

	roomIn  chan struct{} // tells the reader that in has room again, or that the stream is closed
	moreOut chan struct{} // tells the writer that out has bytes, or that the stream is closed
}

func noSocket() socket { return nil }

func (s *stream) open() bool { return s != nil }

func newStream(conn net.Conn) *stream {
	return &stream{
		conn: conn, remote: formatAddr(conn.RemoteAddr()), slot: -1,
		roomIn: make(chan struct{}, 1), moreOut: make(chan struct{}, 1),
	}
}

// number gives the descriptor or handle, for CLIENT LIST; -1 when there is none.
func (s *stream) number() int {
	if s == nil {
		return -1
	}
	fd := -1
	if c, ok := s.conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(n uintptr) { fd = int(n) }) // a closed one has no number
		}
	}
	return fd
}

// begin starts the goroutines of a stream that the poller has just come to know.
func (s *stream) begin() {
	go s.readAhead()
	go s.writeBehind()
}

// tell wakes a goroutine that waits at ch, or is about to.
func tell(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// readAhead reads as long as there is room, with a buffer that grows while it is filled: most connections are idle, or read
// little.
func (s *stream) readAhead() {
	p := s.poll
	buf := make([]byte, minAhead)
	for s.awaitRoom() {
		n, err := s.conn.Read(buf)
		p.mu.Lock()
		s.in = append(s.in, buf[:n]...)
		if err != nil {
			s.readErr = err
		}
		p.changed(s)
		p.mu.Unlock()
		switch {
		case err != nil:
			return
		case n == len(buf) && n < maxAhead:
			buf = make([]byte, 4*n)
		case n < len(buf)/8 && len(buf) > minAhead:
			buf = make([]byte, minAhead)
		}
	}
}

// awaitRoom waits until the loop has taken what was read, as far as that is much; false when the stream is closed.
func (s *stream) awaitRoom() bool {
	p := s.poll
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(s.in)-s.taken >= maxAhead && !s.closed {
		p.mu.Unlock()
		<-s.roomIn
		p.mu.Lock()
	}
	return !s.closed
}

// writeBehind writes what the loop has given, and closes the connection at last.
func (s *stream) writeBehind() {
	p := s.poll
	for {
		b := s.awaitOut()
		if len(b) == 0 {
			_ = s.conn.Close() // whatever it says, the connection is gone
			return
		}
		_, err := s.conn.Write(b)
		p.mu.Lock()
		if s.writing = 0; cap(b) <= minAhead {
			s.spare = b[:0]
		}
		if err != nil {
			s.writeErr, s.out = err, nil
		}
		p.changed(s)
		p.mu.Unlock()
	}
}

// awaitOut waits for bytes to write and takes them; none means that the stream is closed and all is written.
func (s *stream) awaitOut() (b []byte) {
	p := s.poll
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(s.out) == 0 && !s.closed {
		p.mu.Unlock()
		<-s.moreOut
		p.mu.Lock()
	}
	b, s.out, s.spare = s.out, s.spare, nil
	s.writing = len(b)
	return b
}

// unwritten tells how many bytes the loop has given that the connection has not taken. p.mu is held.
func (s *stream) unwritten() int { return s.writing + len(s.out) }

// events tells what the stream is ready for. p.mu is held.
func (s *stream) events() (ready uint32) {
	if s.taken < len(s.in) || s.readErr != nil {
		ready |= pollRead
	}
	if s.readErr != nil {
		ready |= pollHangup
		if !errors.Is(s.readErr, io.EOF) {
			ready |= pollDead
		}
	}
	if s.unwritten() < maxBehind || s.writeErr != nil {
		ready |= pollWrite
	}
	if s.writeErr != nil {
		ready |= pollDead
	}
	return ready
}

// read gives what was read ahead. No bytes and no error: there is nothing. The end of the stream is io.EOF.
func (s *stream) read(b []byte) (int, error) {
	p := s.poll
	p.mu.Lock()
	defer p.mu.Unlock()
	n := copy(b, s.in[s.taken:])
	if n == 0 {
		return 0, s.readErr
	}
	switch s.taken += n; {
	case s.taken == len(s.in):
		s.taken = 0
		if s.in = s.in[:0]; cap(s.in) > minAhead {
			s.in = nil
		}
	case s.taken > len(s.in)/2:
		s.in = s.in[:copy(s.in, s.in[s.taken:])]
		s.taken = 0
	}
	tell(s.roomIn)
	return n, nil
}

// write takes what there is room for; 0 and no error means that there is none.
func (s *stream) write(b []byte) (int, error) {
	p := s.poll
	if p == nil { // an error for a client that is refused: Accept has not returned yet
		return s.conn.Write(b[:min(len(b), minAhead)]) // no more than what a new connection takes at once
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.writeErr != nil {
		return 0, s.writeErr
	}
	n := min(len(b), maxBehind-s.unwritten())
	s.out = append(s.out, b[:n]...)
	tell(s.moreOut)
	return n, nil
}

// close ends the stream for the loop; the writer closes the connection when it has written what it was given.
func (s *stream) close() {
	p := s.poll
	if p == nil {
		_ = s.conn.Close() // whatever it says, the connection is gone
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.closed, s.want = true, 0
	if s.unwritten() > 0 {
		time.AfterFunc(lingering, func() { _ = s.conn.Close() }) // it may be closed by then
	}
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // ends the reader's wait; one that fails has ended
	tell(s.roomIn)
	tell(s.moreOut)
}

func (s *stream) setNoDelay(on bool) error {
	if c, ok := s.conn.(*net.TCPConn); ok {
		return c.SetNoDelay(on)
	}
	return nil
}

func (s *stream) setKeepAlive(seconds int) error {
	c, ok := s.conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if seconds <= 0 {
		return c.SetKeepAlive(false)
	}
	return c.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: time.Duration(seconds) * time.Second, Interval: time.Duration(max(seconds/3, 1)) * time.Second, Count: 3,
	})
}

func (s *stream) localAddr() string { return formatAddr(s.conn.LocalAddr()) }

// formatAddr prints a TCP address as Redis does.
func formatAddr(addr net.Addr) string {
	if a, ok := addr.(*net.TCPAddr); ok {
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()).String()
	}
	return "?:0"
}
