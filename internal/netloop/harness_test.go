// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/testutil"
)

const patience = testutil.Patience

// server is a Handler made of functions.
type server struct {
	accept  func(r *Runner, c *Conn) Session
	tick    func(r *Runner, now int64) int64
	gather  func(idle bool) bool
	workers atomic.Int64
}

func (s *server) Accept(r *Runner, c *Conn) Session { return s.accept(r, c) }

func (s *server) NewWorker(*Loop) any { return s.workers.Add(1) }

func (s *server) Tick(r *Runner, now int64) int64 {
	if s.tick == nil {
		return -1
	}
	return s.tick(r, now)
}

func (s *server) Gather(_ *Runner, idle bool) bool { return s.gather != nil && s.gather(idle) }

// funcs is a Session made of functions; those left out do nothing.
type funcs struct {
	buffer   func(r *Runner) []byte
	data     func(r *Runner, n int)
	flush    func(r *Runner)
	writable func(r *Runner)
	closed   func(r *Runner, err error)
}

func (f *funcs) Buffer(r *Runner) []byte {
	if f.buffer == nil {
		return nil
	}
	return f.buffer(r)
}

func (f *funcs) Data(r *Runner, n int) {
	if f.data != nil {
		f.data(r, n)
	}
}

func (f *funcs) Flush(r *Runner) {
	if f.flush != nil {
		f.flush(r)
	}
}

func (f *funcs) Writable(r *Runner) {
	if f.writable != nil {
		f.writable(r)
	}
}

func (f *funcs) Closed(r *Runner, err error) {
	if f.closed != nil {
		f.closed(r, err)
	}
}

// echo sends back what it gets, in one write an iteration, and stops reading while more than echoLimit bytes wait.
type echo struct {
	c      *Conn
	out    []byte
	closed func(err error)
}

const echoLimit = 32 << 10

func newEcho(_ *Runner, c *Conn) Session { return &echo{c: c} }

func (e *echo) Buffer(*Runner) []byte { return nil }

func (e *echo) Data(r *Runner, n int) {
	e.out = append(e.out, r.Buf[:n]...)
	e.c.PauseRead(len(e.out) > echoLimit)
	e.c.Dirty()
}

func (e *echo) Flush(r *Runner) { e.Writable(r) }

func (e *echo) Writable(*Runner) {
	n, err := e.c.Write(e.out)
	if err != nil {
		e.c.Close()
		return
	}
	e.out = append(e.out[:0], e.out[n:]...)
	e.c.WantWrite(len(e.out) > 0)
	e.c.PauseRead(len(e.out) > echoLimit)
}

func (e *echo) Closed(_ *Runner, err error) {
	if e.closed != nil {
		e.closed(err)
	}
}

// start runs a group for the test, which ends with a check that neither descriptors nor goroutines are left.
func start(t testing.TB, loops int, s *server) *Group {
	t.Helper()
	return startAt(t, loops, s, clock.Real().Mono)
}

// startAt is start with another clock.
func startAt(t testing.TB, loops int, s *server, mono func() int64) *Group {
	t.Helper()
	checkLeaks(t)
	g, err := New(Options{Loops: loops, Handler: s, Mono: mono})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	g.Start()
	return g
}

// checkLeaks compares descriptors and goroutines at the end of the test with those at this moment.
func checkLeaks(t testing.TB) {
	t.Helper()
	warmUp()
	fds, goroutines := countFDs(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		ok := poll(func() bool { return countFDs(t) <= fds && runtime.NumGoroutine() <= goroutines })
		if !ok {
			stacks := make([]byte, 1<<16)
			t.Errorf("left over: %d descriptors, %d goroutines\n%s", countFDs(t)-fds, runtime.NumGoroutine()-goroutines,
				stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// warmUp makes the runtime open the descriptors of its own poller.
var warmUp = sync.OnceFunc(func() {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
})

func countFDs(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// poll waits until cond holds; false when it does not in time.
func poll(cond func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if cond() {
			return true
		}
		runtime.Gosched()
	}
	return cond()
}

func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if !poll(cond) {
		t.Fatalf("waited in vain: %s", what)
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}

func listen(t testing.TB, g *Group, network, address string) net.Addr {
	t.Helper()
	addr, err := g.Listen(network, address, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// listenUnix listens on a socket in a directory of the test's.
func listenUnix(t testing.TB, g *Group) net.Addr {
	t.Helper()
	return listen(t, g, "unix", filepath.Join(t.TempDir(), "s"))
}

func dial(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// expectEnd wants the peer to have closed, gracefully or not.
func expectEnd(t testing.TB, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	if e, ok := err.(net.Error); n != 0 || err == nil || ok && e.Timeout() {
		t.Fatalf("read %d, %v; want the end", n, err)
	}
}

// ask sends s to an echoing peer and reads it back.
func ask(t testing.TB, c net.Conn, s string) {
	t.Helper()
	send(t, c, s)
	expect(t, c, s)
}
