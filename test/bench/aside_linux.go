// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// aside is a program that uses a server as a cache beside its database: it asks for a key, and when that is not there it
// sets it. One goroutine uses it. As the generator it lets requests lie encoded and cuts replies without parsing them, which
// are values of one length, "no such key" and OK.
type aside struct {
	clock  *clock.Clock
	cpus   []int
	zipf   *zipf
	pick   picker
	get    command
	set    command
	epoll  int
	conns  []*asideConn
	events []syscall.EpollEvent
	buf    []byte
	tally  asideTally
}

// asideTally is what came of a run.
type asideTally struct {
	gets, hits, sets int
	elapsed          time.Duration
	latencies        latencies // of paced GETs from when they were due, of SETs from their write
}

// asideConn is one connection.
type asideConn struct {
	fd     int
	out    []byte
	in     []byte   // what came of an incomplete reply
	flying []uint32 // keys whose replies are waited for, in order; with isSet, of a SET
	missed []uint32 // keys to be set
	start  int64    // when the oldest request was due or written
	due    int      // paced: requests that are due
	sent   int
}

const (
	isSet       = 1 << 31
	asideValue  = 32
	asideConns  = 50
	floodDepth  = 64
	missReply   = "$-1\r\n"
	storedReply = "+OK\r\n"
)

// openAside connects to a server.
func openAside(clk *clock.Clock, port int, z *zipf, cpus []int) (*aside, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	a := &aside{clock: clk, cpus: cpus, zipf: z, get: newCommand("GET", cacheKey), set: newCommand("SET", cacheKey, payload(asideValue)),
		epoll: epoll, events: make([]syscall.EpollEvent, asideConns), buf: make([]byte, 64<<10)}
	for i := range asideConns {
		fd, err := dialRaw(port)
		if err != nil {
			a.close()
			return nil, fmt.Errorf("connection %d: %w", i+1, err)
		}
		a.conns = append(a.conns, &asideConn{fd: fd})
		ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &ev); err != nil {
			a.close()
			return nil, err
		}
	}
	return a, nil
}

func (a *aside) close() {
	for _, c := range a.conns {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(a.epoll)
}

// onCore runs fn on a thread of the load generator's core and gives what it tallied. The same seed draws the same keys.
func (a *aside) onCore(seed int, fn func() error) (asideTally, error) {
	a.tally, a.pick = asideTally{}, newPicker(seed)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its affinity with it
		err := pin(0, a.cpus)
		start := a.clock.Mono()
		if err == nil {
			err = fn()
		}
		a.tally.elapsed = time.Duration(a.clock.Mono() - start)
		done <- err
	}()
	err := <-done
	return a.tally, err
}

// flood sends requests in pipelines of floodDepth, as fast as the server answers.
func (a *aside) flood(ctx context.Context, requests int) error {
	busy := 0
	send := func(c *asideConn) error {
		n := min(floodDepth, requests)
		if n == 0 {
			return nil
		}
		requests -= n
		busy++
		return a.send(c, n)
	}
	for _, c := range a.conns {
		if err := send(c); err != nil {
			return err
		}
	}
	for busy > 0 {
		err := a.wait(ctx, 1000, func(c *asideConn, _ int64) error {
			if len(c.flying) > 0 {
				return nil
			}
			busy--
			return send(c)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// paced sends so many requests a second for d, spread evenly over the connections, each when it is due or the connection is
// free again. What is missed is set at once, beside the rate.
func (a *aside) paced(ctx context.Context, d time.Duration, rate int) error {
	start, step := a.clock.Mono(), float64(time.Second)/float64(rate)
	dueAt := func(tick int) int64 { return start + int64(float64(tick)*step) }
	busy, tick, last := 0, 0, int(d.Seconds()*float64(rate))
	next := func(i int, now int64) error {
		c := a.conns[i]
		switch {
		case len(c.flying) > 0 || len(c.missed) == 0 && c.sent == c.due:
			return nil
		case len(c.missed) > 0:
			c.start = now
			busy++
			return a.send(c, 0)
		}
		c.start = dueAt(c.sent*len(a.conns) + i)
		c.sent++
		busy++
		return a.send(c, 1)
	}
	for _, c := range a.conns {
		c.due, c.sent, c.missed = 0, 0, nil
	}
	for tick < last || busy > 0 {
		now := a.clock.Mono()
		if now > start+int64(d)+int64(ioTimeout) {
			return fmt.Errorf("no reply for %v", ioTimeout)
		}
		for ; tick < last && dueAt(tick) <= now; tick++ {
			i := tick % len(a.conns)
			a.conns[i].due++
			if err := next(i, now); err != nil {
				return err
			}
		}
		err := a.waitEach(ctx, 0, func(i int, now int64) error {
			c := a.conns[i]
			if len(c.flying) > 0 {
				return nil
			}
			busy--
			a.tally.latencies = append(a.tally.latencies, now-c.start)
			return next(i, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// send writes SETs of what the connection missed, and GETs of n keys.
func (a *aside) send(c *asideConn, n int) error {
	c.out, c.flying = c.out[:0], c.flying[:0]
	add := func(cmd *command, key uint32) {
		at := len(c.out)
		c.out = append(c.out, cmd.text...)
		putNumber(c.out[at+cmd.holes[0]:], key)
	}
	for _, key := range c.missed {
		add(&a.set, key)
		c.flying = append(c.flying, key|isSet)
	}
	a.tally.sets += len(c.missed)
	c.missed = c.missed[:0]
	for range n {
		key := uint32(a.zipf.rank(a.pick.share()))
		add(&a.get, key)
		c.flying = append(c.flying, key)
	}
	a.tally.gets += n
	return writeAll(c.fd, c.out)
}

func (a *aside) wait(ctx context.Context, millis int, fn func(c *asideConn, now int64) error) error {
	return a.waitEach(ctx, millis, func(i int, now int64) error { return fn(a.conns[i], now) })
}

// waitEach reads what has come and calls fn with each connection that something came for.
func (a *aside) waitEach(ctx context.Context, millis int, fn func(i int, now int64) error) error {
	n, err := syscall.EpollWait(a.epoll, a.events, millis)
	switch {
	case err == syscall.EINTR:
		return nil
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	for _, ev := range a.events[:n] {
		if err := a.receive(a.conns[ev.Fd]); err != nil {
			return err
		}
		if err := fn(int(ev.Fd), a.clock.Mono()); err != nil {
			return err
		}
	}
	return nil
}

// receive reads replies and takes their keys from flying.
func (a *aside) receive(c *asideConn) error {
	n, err := readSome(c.fd, a.buf)
	if err != nil {
		return err
	}
	c.in = append(c.in, a.buf[:n]...)
	at, answered := 0, 0
	for answered < len(c.flying) {
		key, rest := c.flying[answered], c.in[at:]
		size, hit := len(storedReply), false
		if key&isSet == 0 {
			if size, hit = len(missReply), !bytes.HasPrefix(rest, []byte("$-")); hit {
				size = len("$32\r\n") + asideValue + len("\r\n")
			}
		}
		if len(rest) < size || len(rest) < 2 {
			break
		}
		if rest[0] != '$' && rest[0] != '+' {
			return fmt.Errorf("error reply: %.100s", rest)
		}
		switch {
		case hit:
			a.tally.hits++
		case key&isSet == 0:
			c.missed = append(c.missed, key)
		}
		at += size
		answered++
	}
	c.in = append(c.in[:0], c.in[at:]...)
	c.flying = c.flying[:copy(c.flying, c.flying[answered:])]
	return nil
}
