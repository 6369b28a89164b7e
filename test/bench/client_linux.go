// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// The load generator. It must be cheaper than the servers it measures, else it measures itself: requests lie encoded in the
// connection's buffer and only the digits of their keys are written anew, replies are counted and not parsed, one thread with
// an epoll descriptor of its own serves many connections by direct system calls.

// load describes what a generator sends.
type load struct {
	conns    int
	pipeline int    // commands a connection sends before it waits for their replies
	parts    []part // what the commands are drawn from
	keys     int    // key numbers are drawn evenly from [0, keys)
	threads  int    // loops that share the connections; 0 means 1
	cpus     []int  // where the loops may run
	rate     int    // commands a second over all connections, each sent when it is due; 0: as fast as replies come. Needs pipeline 1
	rests    bool   // of a rate: the loops sleep a millisecond when nothing is to be done, and leave the processor to the server
}

// part is one kind of command and its share.
type part struct {
	command
	weight int
}

// only is a load of a single command.
func only(args ...string) []part { return []part{{newCommand(args...), 1}} }

// outcome is what a run of a generator gave.
type outcome struct {
	commands  int
	elapsed   time.Duration
	cpu       time.Duration // of the generator's loops
	latencies latencies     // a batch each, from its write (a paced one: from when it was due) until its last reply
}

// generator is a set of open connections to one server. One goroutine uses it.
type generator struct {
	clock *clock.Clock
	load  load
	loops []*loop
}

// loop is one thread of a generator; it alone touches its fields while a run lasts.
type loop struct {
	clock  *clock.Clock
	load   *load
	conns  []*conn
	epoll  int
	pick   picker
	total  int // sum of the weights
	buf    []byte
	events []syscall.EpollEvent
	took   latencies
	ended  int64 // clock time of the last reply
}

// conn is one connection of a generator.
type conn struct {
	fd    int
	out   []byte // the next batch; for a load of one command only its holes change
	want  int    // replies that complete the batch in flight
	start int64  // when that batch was sent, or was due
	busy  bool
	count counter
	due   int // paced loads: commands due so far
	sent  int // paced loads: commands sent so far
}

// ioTimeout ends a run whose server has stopped answering.
const ioTimeout = 20 * time.Second

// openGenerator connects to the server at a port of 127.0.0.1.
func openGenerator(clk *clock.Clock, port int, l load) (*generator, error) {
	l.threads = max(l.threads, 1)
	g := &generator{clock: clk, load: l}
	for i := range l.threads {
		epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
		if err != nil {
			g.close()
			return nil, err
		}
		lp := &loop{clock: clk, load: &g.load, epoll: epoll, pick: newPicker(i), buf: make([]byte, 64<<10)}
		for _, p := range l.parts {
			lp.total += p.weight
		}
		g.loops = append(g.loops, lp)
	}
	for i := range l.conns {
		if err := g.loops[i%l.threads].connect(port); err != nil {
			g.close()
			return nil, fmt.Errorf("connection %d of %d: %w", i+1, l.conns, err)
		}
	}
	for _, lp := range g.loops {
		lp.events = make([]syscall.EpollEvent, len(lp.conns))
	}
	return g, nil
}

func (lp *loop) connect(port int) error {
	fd, err := dialRaw(port)
	if err != nil {
		return err
	}
	c := &conn{fd: fd}
	lp.conns = append(lp.conns, c)
	if len(lp.load.parts) == 1 {
		for range lp.load.pipeline {
			c.out = append(c.out, lp.load.parts[0].text...)
		}
	}
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(len(lp.conns) - 1)}
	return syscall.EpollCtl(lp.epoll, syscall.EPOLL_CTL_ADD, fd, &ev)
}

// dialRaw opens a blocking socket that sends small writes at once, gives up after ioTimeout and leaves no TIME_WAIT behind when
// closed: runs with thousands of connections would use up the local ports.
func dialRaw(port int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	tv := syscall.NsecToTimeval(int64(ioTimeout))
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &tv),
		connectRaw(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}),
	)
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// connectRaw connects a blocking socket; a connect that a signal interrupted goes on by itself and is asked for again.
func connectRaw(fd int, to syscall.Sockaddr) error {
	for {
		switch err := syscall.Connect(fd, to); err {
		case syscall.EINTR, syscall.EALREADY:
		case syscall.EISCONN:
			return nil
		default:
			return err
		}
	}
}

func (g *generator) close() {
	for _, lp := range g.loops {
		for _, c := range lp.conns {
			_ = syscall.Close(c.fd)
		}
		_ = syscall.Close(lp.epoll)
	}
}

// run sends for d, waits for what is in flight and says what came of it. An error reply, a lost connection or the end of the
// context make it fail.
func (g *generator) run(ctx context.Context, d time.Duration) (outcome, error) {
	var (
		wg   sync.WaitGroup
		cpu  = make([]time.Duration, len(g.loops))
		errs = make([]error, len(g.loops))
		done = g.commands()
	)
	start := g.clock.Mono()
	for i, lp := range g.loops {
		wg.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its affinity with it
			if err := pin(0, g.load.cpus); err != nil {
				errs[i] = err
				return
			}
			before := threadCPU()
			if g.load.rate > 0 {
				errs[i] = lp.paced(ctx, start, d, g.load.rate/len(g.loops))
			} else {
				errs[i] = lp.closed(ctx, start+int64(d))
			}
			cpu[i] = threadCPU() - before
		})
	}
	wg.Wait()
	out := outcome{commands: g.commands() - done}
	var ended int64
	for i, lp := range g.loops {
		out.cpu += cpu[i]
		out.latencies = append(out.latencies, lp.took...)
		lp.took = lp.took[:0]
		ended = max(ended, lp.ended)
	}
	out.elapsed = time.Duration(ended - start)
	return out, errors.Join(append(errs, g.refused())...)
}

func (g *generator) commands() int {
	n := 0
	for _, lp := range g.loops {
		for _, c := range lp.conns {
			n += c.count.replies
		}
	}
	return n
}

// refused returns the first error reply, if any.
func (g *generator) refused() error {
	for _, lp := range g.loops {
		for _, c := range lp.conns {
			if c.count.errors > 0 {
				return fmt.Errorf("error reply: %s", c.count.first)
			}
		}
	}
	return nil
}

// closed sends the next batch of a connection when the last one is answered, until the clock says until.
func (lp *loop) closed(ctx context.Context, until int64) error {
	flying := 0
	for _, c := range lp.conns {
		if err := lp.send(c, lp.clock.Mono()); err != nil {
			return err
		}
		flying++
	}
	for flying > 0 {
		n, err := lp.wait(1000)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n == 0 && lp.clock.Mono() > until+int64(ioTimeout) {
			return fmt.Errorf("no reply for %v", ioTimeout)
		}
		for _, ev := range lp.events[:n] {
			c := lp.conns[ev.Fd]
			now, err := lp.receive(c)
			if err != nil {
				return err
			}
			switch {
			case c.busy:
			case now < until:
				if err := lp.send(c, now); err != nil {
					return err
				}
			default:
				flying--
			}
		}
	}
	return nil
}

// paced sends rate commands a second for d, spread evenly over time and connections. A command whose connection still waits
// for a reply when it is due is sent when that comes; its latency counts from when it was due, so a stall of the server is
// charged to every command it held up. The loop never sleeps: a sleeping one would add its own wake-up to each latency.
func (lp *loop) paced(ctx context.Context, start int64, d time.Duration, rate int) error {
	conns := len(lp.conns)
	step := float64(time.Second) / float64(rate)
	dueAt := func(tick int) int64 { return start + int64(float64(tick)*step) }
	for _, c := range lp.conns {
		c.due, c.sent = 0, 0
	}
	flying, tick, last := 0, 0, int(d.Seconds()*float64(rate))
	sendDue := func(i int) error {
		c := lp.conns[i]
		if c.busy || c.sent == c.due {
			return nil
		}
		c.sent++
		flying++
		return lp.send(c, dueAt((c.sent-1)*conns+i))
	}
	for tick < last || flying > 0 {
		now := lp.clock.Mono()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if now > start+int64(d)+int64(ioTimeout) {
			return fmt.Errorf("no reply for %v", ioTimeout)
		}
		for ; tick < last && dueAt(tick) <= now; tick++ {
			lp.conns[tick%conns].due++
			if err := sendDue(tick % conns); err != nil {
				return err
			}
		}
		n, err := lp.wait(lp.rest())
		if err != nil {
			return err
		}
		for _, ev := range lp.events[:n] {
			c := lp.conns[ev.Fd]
			if _, err := lp.receive(c); err != nil {
				return err
			}
			if c.busy {
				continue
			}
			flying--
			if err := sendDue(int(ev.Fd)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rest gives the milliseconds that a paced loop waits for replies at most.
func (lp *loop) rest() int {
	if lp.load.rests {
		return 1
	}
	return 0
}

func (lp *loop) wait(millis int) (int, error) {
	n, err := syscall.EpollWait(lp.epoll, lp.events, millis)
	if err == syscall.EINTR {
		return 0, nil
	}
	return n, err
}

// send writes the connection's next batch. The socket blocks when it is full, which only a server that stopped reading brings
// about.
func (lp *loop) send(c *conn, start int64) error {
	if len(lp.load.parts) == 1 {
		lp.renumber(c.out, &lp.load.parts[0])
	} else {
		lp.mix(c)
	}
	c.want = c.count.replies + lp.load.pipeline
	c.start, c.busy = start, true
	return writeAll(c.fd, c.out)
}

// renumber draws new keys for a buffer that holds one command many times.
func (lp *loop) renumber(out []byte, p *part) {
	keys := uint32(lp.load.keys)
	for at := 0; at < len(out); at += len(p.text) {
		for _, h := range p.holes {
			putNumber(out[at+h:], lp.pick.below(keys))
		}
	}
}

// mix builds a batch of commands drawn by weight.
func (lp *loop) mix(c *conn) {
	c.out = c.out[:0]
	for range lp.load.pipeline {
		draw := int(lp.pick.below(uint32(lp.total)))
		i := 0
		for draw >= lp.load.parts[i].weight {
			draw -= lp.load.parts[i].weight
			i++
		}
		p := &lp.load.parts[i]
		at := len(c.out)
		c.out = append(c.out, p.text...)
		lp.renumber(c.out[at:], p)
	}
}

// receive reads what has come. When that completes the batch it notes the latency and returns the time.
func (lp *loop) receive(c *conn) (now int64, err error) {
	n, err := readSome(c.fd, lp.buf)
	if err != nil {
		return 0, err
	}
	c.count.feed(lp.buf[:n])
	if !c.busy || c.count.replies < c.want {
		return 0, nil
	}
	c.busy = false
	now = lp.clock.Mono()
	lp.ended = now
	lp.took = append(lp.took, now-c.start)
	return now, nil
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		b = b[n:]
	}
	return nil
}

// socket is a descriptor that is read like a file.
type socket int

// Read reads at least one byte, or fails.
func (s socket) Read(b []byte) (int, error) { return readSome(int(s), b) }

// readSome reads at least one byte; the end of the stream is an error.
func readSome(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, fmt.Errorf("read: %w", err)
		case n == 0:
			return 0, fmt.Errorf("read: %w (the server closed the connection)", io.ErrUnexpectedEOF)
		default:
			return n, nil
		}
	}
}
