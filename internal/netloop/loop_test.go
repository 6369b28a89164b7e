// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// TestPostLosesNoWakeUp has goroutines post and wait for the answer, so that loops fall asleep and wake all the time: one
// lost wake-up stops the test.
func TestPostLosesNoWakeUp(t *testing.T) {
	g := start(t, 2, &server{})
	var total atomic.Int64
	var posters sync.WaitGroup
	const goroutines, rounds = 6, 1500
	for i := range goroutines {
		posters.Add(1)
		go func() {
			defer posters.Done()
			back := make(chan bool, 1)
			for j := range rounds {
				here, there := g.Loops()[(i+j)%2], g.Loops()[(i+j+1)%2]
				here.Post(func(r *Runner) {
					if r.Loop() != here {
						t.Error("run by another loop")
					}
					total.Add(1)
					there.Post(func(*Runner) { back <- true })
				})
				select {
				case <-back:
				case <-time.After(patience):
					t.Error("lost wake-up")
					return
				}
			}
		}()
	}
	posters.Wait()
	if n := total.Load(); n != goroutines*rounds {
		t.Errorf("%d functions run", n)
	}
}

func TestPostKeepsTheOrder(t *testing.T) {
	g := start(t, 1, &server{})
	l := g.Loops()[0]
	const n = 50_000 // more than a mail list keeps
	next, done := 0, make(chan bool)
	gate := make(chan bool)
	l.Post(func(*Runner) { <-gate })
	for i := range n {
		l.Post(func(*Runner) {
			if next != i {
				t.Errorf("%d ran when %d was due", i, next)
			}
			next++
		})
	}
	l.Post(func(*Runner) { close(done) })
	close(gate)
	receive(t, "the last", done)
}

// TestTickDecidesHowLongToSleep: no limit lets the loop sleep, a limit wakes it, 0 keeps it going.
func TestTickDecidesHowLongToSleep(t *testing.T) {
	var limit, ticks atomic.Int64
	limit.Store(-1)
	g := start(t, 1, &server{tick: func(_ *Runner, now int64) int64 {
		ticks.Add(1)
		return limit.Load()
	}})
	l := g.Loops()[0]
	await(t, "sleep", l.sleeping.Load)
	if n := ticks.Load(); n > 3 {
		t.Errorf("%d iterations with nothing to do", n)
	}
	limit.Store(int64(time.Millisecond))
	l.Post(func(*Runner) {})
	start := ticks.Load()
	await(t, "ticks with a limit", func() bool { return ticks.Load() > start+5 })
	waits := l.Stats().Waits
	if waits < 4 {
		t.Errorf("%d waits", waits)
	}
	limit.Store(0)
	start = ticks.Load()
	await(t, "ticks without sleep", func() bool { return ticks.Load() > start+10_000 })
	if s := l.Stats(); s.BusyNs == 0 || s.IdleNs == 0 {
		t.Errorf("busy %d ns, idle %d ns", s.BusyNs, s.IdleNs)
	}
}

// TestGather: while the handler wants more, what becomes ready is dealt with before anything is flushed, and it learns when nothing has.
func TestGather(t *testing.T) {
	var read, flushed, flushedEarly, idle int // the loop's own until it has ended
	first, done := make(chan int), make(chan int)
	g := start(t, 1, &server{
		accept: func(_ *Runner, c *Conn) Session {
			return &funcs{
				data: func(*Runner, int) {
					if read++; read == 1 {
						close(first)
					}
					c.Dirty()
				},
				flush: func(*Runner) {
					if flushed++; read < 2 {
						flushedEarly++
					}
					if flushed == 2 {
						close(done)
					}
				},
			}
		},
		gather: func(isIdle bool) bool {
			if isIdle {
				idle++
			}
			return read < 2 || idle == 0
		},
	})
	addr := listen(t, g, "tcp", "127.0.0.1:0")
	one, two := dial(t, addr), dial(t, addr)
	for _, c := range []net.Conn{one, two} {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		receive(t, "the first", first)
	}
	receive(t, "both replies", done)
	g.Stop()
	if flushedEarly > 0 || idle == 0 {
		t.Errorf("%d connections were flushed too early, %d times there was nothing", flushedEarly, idle)
	}
}

// TestBusyLoopLeavesRoom: a loop that never blocks, under a clock that stands still, does not starve other goroutines.
func TestBusyLoopLeavesRoom(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	checkLeaks(t)
	s := &server{tick: func(*Runner, int64) int64 { return 0 }}
	g, err := New(Options{Loops: 1, Handler: s, Mono: clock.NewFake(0).Mono, LockOSThread: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	g.Start()
	ch := make(chan int)
	go func() {
		for range 100 {
			ch <- 1
		}
	}()
	for range 100 {
		receive(t, "another goroutine", ch)
	}
	runtime.GC()
}

func TestConnectionsAreBalanced(t *testing.T) {
	g := startAt(t, 4, &server{accept: newEcho}, clock.NewFake(0).Mono) // no loop is busier than the others
	addr := listenUnix(t, g)
	for range 40 {
		dial(t, addr)
	}
	await(t, "40 connections", func() bool { return g.Accepted() == 40 })
	for _, l := range g.Loops() {
		if n := l.Conns(); n < 9 || n > 11 {
			t.Errorf("loop %d has %d of 40 connections", l.ID(), n)
		}
	}
}

// TestBusyLoopGetsFewer: a loop that works all the time is spared although it has no more connections than the other.
func TestBusyLoopGetsFewer(t *testing.T) {
	var busy, rests atomic.Pointer[Loop] // time passes while the one works and the other rests
	fake := clock.NewFake(0)
	s := &server{accept: newEcho, tick: func(r *Runner, _ int64) int64 {
		if busy.Load() != r.Loop() {
			return -1
		}
		if other := rests.Load(); other != nil && other.sleeping.Load() {
			fake.Advance(time.Duration(loadWindow / 10))
		}
		return 0
	}}
	g := startAt(t, 2, s, fake.Mono)
	addr := listenUnix(t, g)
	for which, l := range g.Loops() {
		other := g.Loops()[1-which]
		busy.Store(l)
		rests.Store(other)
		l.Post(func(*Runner) {})
		await(t, "load is measured", func() bool {
			other.Post(func(*Runner) {})
			return l.stats.load.Load() > 700 && other.stats.load.Load() < 200 && g.opts.Mono()-other.stats.loadAt.Load() < 2*loadWindow
		})
		rests.Store(nil)
		before, accepted := l.Conns(), g.Accepted()
		for range 8 {
			dial(t, addr)
		}
		await(t, "8 connections", func() bool { return g.Accepted() == accepted+8 })
		if n := l.Conns() - before; n > 2 {
			t.Errorf("the busy loop %d got %d of 8 connections", which, n)
		}
	}
}

// TestIdleConnectionsAreCheap measures the heap that connections of ours take, without their sessions' buffers.
// TestOutOfDescriptors: accepting rests, without spinning, and goes on when descriptors are free again.
func TestAddresses(t *testing.T) {
	type ends struct{ remote, local string }
	seen := make(chan ends, 1)
	g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
		seen <- ends{c.RemoteAddr(), c.LocalAddr()}
		return &funcs{}
	}})
	for _, network := range []string{"tcp", "tcp4", "tcp6"} {
		address := "127.0.0.1:0"
		if network == "tcp6" {
			address = "[::1]:0"
		}
		addr, err := g.Listen(network, address, ListenOptions{})
		if network == "tcp6" && errors.Is(err, syscall.EADDRNOTAVAIL) {
			continue // no IPv6 here
		}
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, addr)
		if got := receive(t, network, seen); got.remote != c.LocalAddr().String() || got.local != c.RemoteAddr().String() {
			t.Errorf("%s: %v, want %v and %v", network, got, c.LocalAddr(), c.RemoteAddr())
		}
	}
	addr := listenUnix(t, g)
	dial(t, addr)
	if got := receive(t, "unix", seen); got.remote != addr.String()+":0" || got.local != got.remote {
		t.Errorf("unix: %v", got)
	}
}

func TestListenTwiceOnOnePort(t *testing.T) {
	g := start(t, 1, &server{accept: newEcho})
	addr := listen(t, g, "tcp4", "0.0.0.0:0")
	_, port, _ := net.SplitHostPort(addr.String())
	var op *net.OpError
	if _, err := g.Listen("tcp4", "0.0.0.0:"+port, ListenOptions{}); !errors.As(err, &op) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second listener: %v", err)
	}
	if _, err := g.Listen("tcp", "127.0.0.1:99999", ListenOptions{}); err == nil {
		t.Error("a port that does not exist")
	}
	// IPv6 alone, so that both families can have the port.
	if _, err := g.Listen("tcp6", "[::]:"+port, ListenOptions{}); err != nil && !errors.Is(err, syscall.EAFNOSUPPORT) &&
		!strings.Contains(err.Error(), "no suitable address") {
		t.Errorf("IPv6: %v", err)
	}
}

func TestUnixSocketFile(t *testing.T) {
	g := start(t, 1, &server{accept: newEcho})
	path := filepath.Join(t.TempDir(), "s")
	if _, err := g.Listen("unix", path, ListenOptions{Mode: 0o700}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := g.Listen("unix", path, ListenOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second listener: %v", err)
	}
	g.CloseListeners()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	// A file that is left behind by a crash.
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	addr, err := g.Listen("unix", path, ListenOptions{Unlink: true})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, dial(t, addr), "hello")
	// No other file is removed.
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Listen("unix", file, ListenOptions{Unlink: true}); err == nil {
		t.Error("listens in place of a file")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// TestCloseListeners: connections stay, new ones are refused, and listening again works.
func TestCloseListeners(t *testing.T) {
	g := start(t, 2, &server{accept: newEcho})
	for range 3 {
		addr := listen(t, g, "tcp", "127.0.0.1:0")
		c := dial(t, addr)
		ask(t, c, "before")
		g.CloseListeners()
		if _, err := net.Dial("tcp", addr.String()); err == nil {
			t.Error("accepted after CloseListeners")
		}
		ask(t, c, "after")
	}
}

func TestGroupThatNeverStarts(t *testing.T) {
	checkLeaks(t)
	g, err := New(Options{Loops: 3, Handler: &server{}, Mono: clock.Real().Mono})
	if err != nil {
		t.Fatal(err)
	}
	addr := listenUnix(t, g)
	dial(t, addr)
	g.Stop()
	g.Stop()
	g.Start()
	if _, err := g.Listen("tcp", "127.0.0.1:0", ListenOptions{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Listen after Stop: %v", err)
	}
	if g.Loops()[0].Post(func(*Runner) {}) {
		t.Error("Post after Stop")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string]Options{
		"loops":   {Handler: &server{}, Mono: clock.Real().Mono},
		"handler": {Loops: 1, Mono: clock.Real().Mono},
		"clock":   {Loops: 1, Handler: &server{}},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
