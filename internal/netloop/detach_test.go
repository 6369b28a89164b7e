// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// sleeper echoes, but on "sleep" it detaches, waits until it is released, and goes on afterwards. It stands for a session
// with a long handler.
type sleeper struct {
	echo
	t        testing.TB
	asleep   chan<- *sleeper
	release  chan bool
	lent     bool // between Detach and Return: nobody may call
	detached atomic.Int64
}

func (s *sleeper) Data(r *Runner, n int) {
	s.called()
	if r.Detached() {
		s.t.Error("callback with a detached runner")
	}
	if !strings.HasPrefix(string(r.Buf[:n]), "sleep") {
		s.echo.Data(r, n)
		return
	}
	text := string(r.Buf[:n])
	if !r.Detach() || !r.Detached() || !r.Detach() {
		s.t.Error("cannot detach")
	}
	s.lent = true
	s.detached.Add(1)
	s.asleep <- s
	<-s.release
	if string(r.Buf[:n]) != text {
		s.t.Errorf("buffer changed to %q", r.Buf[:n])
	}
	s.lent = false
	s.c.Return(func(r *Runner) {
		if r.Detached() || r.Loop() != s.c.Loop() {
			s.t.Error("Return's function with a wrong runner")
		}
		s.out = append(s.out, "awake:"+text...)
		s.c.Dirty()
	})
}

func (s *sleeper) Flush(r *Runner) {
	s.called()
	s.echo.Flush(r)
}

func (s *sleeper) Closed(r *Runner, err error) {
	s.called()
	s.echo.Closed(r, err)
}

func (s *sleeper) called() {
	if s.lent {
		s.t.Error("the session of a lent connection was called")
	}
}

func sleepers(t testing.TB) (*server, <-chan *sleeper) {
	asleep := make(chan *sleeper, 100)
	return &server{accept: func(_ *Runner, c *Conn) Session {
		return &sleeper{echo: echo{c: c}, t: t, asleep: asleep, release: make(chan bool)}
	}}, asleep
}

// TestDetach: while a callback is detached the loop serves others, and its own connection's bytes and mail wait for it.
func TestDetach(t *testing.T) {
	s, asleep := sleepers(t)
	g := start(t, 1, s)
	addr := listenUnix(t, g)
	long, other := dial(t, addr), dial(t, addr)
	for range 3 {
		ask(t, long, "before")
		send(t, long, "sleep")
		session := receive(t, "detached callback", asleep)
		var order []string
		session.c.Post(func(*Runner) { order = append(order, "first") })
		session.c.Post(func(r *Runner) { order = append(order, "second") })
		send(t, long, "+meanwhile")
		for range 100 {
			ask(t, other, "hello")
		}
		ask(t, dial(t, addr), "new connection")
		done := make(chan bool, 1)
		g.Loops()[0].Post(func(*Runner) { done <- session.c.Lent() && len(order) == 0 })
		if !receive(t, "mail of the loop", done) {
			t.Error("not lent, or its mail was not kept")
		}
		session.release <- true
		expect(t, long, "awake:sleep+meanwhile")
		g.Loops()[0].Post(func(*Runner) { done <- !session.c.Lent() && slices.Equal(order, []string{"first", "second"}) })
		if !receive(t, "mail of the loop", done) {
			t.Errorf("still lent, or mail out of order: %v", order)
		}
		await(t, "the runner is back", func() bool {
			l := g.Loops()[0]
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.away == 0
		})
	}
	if n := s.workers.Load(); n > 2 {
		t.Errorf("%d workers were made; runners should be used again", n)
	}
	if n := g.Loops()[0].Stats().Detached; n != 3 {
		t.Errorf("%d detached callbacks counted", n)
	}
}

// TestDetachSeveral has callbacks of many connections detached at once, taken from one batch of events, and released in
// another order.
func TestDetachSeveral(t *testing.T) {
	const n = 20
	s, asleep := sleepers(t)
	g := start(t, 1, s)
	addr := listenUnix(t, g)
	var conns []net.Conn
	for i := range n {
		c := dial(t, addr)
		ask(t, c, "hello")
		conns = append(conns, c)
		defer func() { ask(t, c, fmt.Sprint("bye", i)) }()
	}
	gate := make(chan bool)
	g.Loops()[0].Post(func(*Runner) { <-gate }) // so that they are all ready in one batch
	for i, c := range conns {
		send(t, c, fmt.Sprint("sleep", i))
	}
	close(gate)
	sessions := make([]*sleeper, n)
	for i := range sessions {
		sessions[i] = receive(t, "detached callback", asleep)
	}
	last := dial(t, addr)
	ask(t, last, "served meanwhile")
	for i := range sessions {
		sessions[(i*7+3)%n].release <- true
		ask(t, last, "and now")
	}
	for i, c := range conns {
		expect(t, c, fmt.Sprint("awake:sleep", i))
	}
}

// TestDetachKeepsTheCursors detaches in every kind of callback, in the middle of lists whose rest must not be lost.
func TestDetachKeepsTheCursors(t *testing.T) {
	const n = 10
	for _, where := range []string{"data", "again", "flush", "writable", "post", "return"} {
		t.Run(where, func(t *testing.T) {
			var done atomic.Int64
			release := make(chan bool)
			var blocked atomic.Int64
			conns := make(chan *Conn, n)
			g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
				long := func(r *Runner) {
					c.Dirty() // remembered while lent
					r.Detach()
					blocked.Add(1)
					<-release
					c.Return(func(*Runner) { done.Add(1) })
				}
				s := &funcs{}
				switch where {
				case "data":
					s.data = func(r *Runner, _ int) { long(r) }
				case "again":
					s.data = func(r *Runner, n int) {
						if string(r.Buf[:n]) == "x" {
							c.PauseRead(true)
							c.Post(func(*Runner) {
								c.PauseRead(false)
								c.ReadAgain()
							})
							return
						}
						long(r)
					}
				case "flush":
					first := true
					s.data = func(*Runner, int) { c.Dirty() }
					s.flush = func(r *Runner) {
						if first {
							first = false
							long(r)
						}
					}
				case "writable":
					s.data = func(*Runner, int) { c.WantWrite(true) }
					s.writable = func(r *Runner) {
						c.WantWrite(false)
						long(r)
					}
				case "post":
					s.data = func(*Runner, int) { c.Post(long) }
				case "return":
					s.data = func(r *Runner, _ int) {
						r.Detach()
						c.Post(func(*Runner) { done.Add(1) })
						c.Return(long)
						runtime.Gosched()
					}
				}
				conns <- c
				return s
			}})
			addr := listenUnix(t, g)
			var clients []net.Conn
			for range n {
				clients = append(clients, dial(t, addr))
				receive(t, "connection", conns)
			}
			gate := make(chan bool)
			g.Loops()[0].Post(func(*Runner) { <-gate })
			for _, c := range clients {
				send(t, c, "x")
			}
			close(gate)
			if where == "again" {
				for _, c := range clients {
					send(t, c, "y")
				}
			}
			await(t, "all callbacks detached", func() bool { return blocked.Load() == n })
			close(release)
			want := int64(n)
			if where == "return" {
				want = 2 * n
			}
			await(t, "all sessions back", func() bool { return done.Load() == want })
		})
	}
}

// TestHangupWhileLent is noticed after the return, and does not make the loop spin before.
func TestHangupWhileLent(t *testing.T) {
	s, asleep := sleepers(t)
	closed := make(chan error, 1)
	accept := s.accept
	s.accept = func(r *Runner, c *Conn) Session {
		session := accept(r, c).(*sleeper)
		session.closed = func(err error) { closed <- err }
		return session
	}
	g := start(t, 1, s)
	client := dial(t, listenUnix(t, g))
	send(t, client, "sleep")
	session := receive(t, "detached callback", asleep)
	client.Close()
	l := g.Loops()[0]
	await(t, "the event is put away", func() bool {
		armed := make(chan uint32, 1)
		l.Post(func(*Runner) { armed <- session.c.armed })
		return <-armed == 0
	})
	session.release <- true
	receive(t, "Closed", closed)
}

func TestWhatCannotDetach(t *testing.T) {
	var ticks, tried atomic.Int64
	try := func(r *Runner) {
		tried.Add(1)
		if r.Detach() || r.Detached() {
			t.Error("detached")
		}
	}
	s := &server{
		accept: func(r *Runner, c *Conn) Session {
			try(r)
			return &funcs{closed: func(r *Runner, _ error) { try(r) }}
		},
		tick: func(r *Runner, _ int64) int64 {
			if ticks.Add(1) == 1 {
				try(r)
			}
			return -1
		},
	}
	g := start(t, 1, s)
	dial(t, listenUnix(t, g)).Close()
	await(t, "all three tried", func() bool { return tried.Load() == 3 })
	// A function that is about no connection can.
	done := make(chan bool)
	g.Loops()[0].Post(func(r *Runner) {
		if !r.Detach() {
			t.Error("cannot detach")
		}
		<-done
	})
	other := make(chan bool, 1)
	g.Loops()[0].Post(func(*Runner) { other <- true })
	receive(t, "the loop goes on", other)
	close(done)
}

// TestKillWhileLent: a Close that is posted to a lent connection takes effect once it is back.
func TestKillWhileLent(t *testing.T) {
	s, asleep := sleepers(t)
	g := start(t, 1, s)
	client := dial(t, listenUnix(t, g))
	send(t, client, "sleep")
	session := receive(t, "detached callback", asleep)
	session.c.Post(func(*Runner) { session.c.Close() })
	session.release <- true
	expectEnd(t, client)
}

// TestStopWithEverythingInFlight stops loops under traffic, mail and detached callbacks, some of which never return their
// connection.
func TestStopWithEverythingInFlight(t *testing.T) {
	for range 5 {
		s, asleep := sleepers(t)
		var accepted, closed atomic.Int64
		accept := s.accept
		s.accept = func(r *Runner, c *Conn) Session {
			accepted.Add(1)
			session := accept(r, c).(*sleeper)
			session.closed = func(error) { closed.Add(1) }
			return session
		}
		g := start(t, 2, s)
		addr := listenUnix(t, g)
		var busy sync.WaitGroup
		for range 8 {
			c := dial(t, addr)
			busy.Add(1)
			go func() {
				defer busy.Done()
				for buf := make([]byte, 100); ; {
					if _, err := c.Write(buf); err != nil {
						return
					}
					if _, err := c.Read(buf); err != nil {
						return
					}
				}
			}()
		}
		for _, l := range g.Loops() {
			busy.Add(1)
			go func() {
				defer busy.Done()
				for l.Post(func(*Runner) {}) {
					runtime.Gosched()
				}
			}()
			var forever func(r *Runner)
			forever = func(*Runner) { l.Post(forever) }
			l.Post(forever)
		}
		var sleeping []*sleeper
		for range 4 {
			c := dial(t, addr)
			send(t, c, "sleep")
			sleeping = append(sleeping, receive(t, "detached callback", asleep))
		}
		lost := make(chan bool)
		lostConn := sleeping[0].c
		lostConn.Loop().Post(func(r *Runner) { // a callback that forgets to return what it has lent
			r.Detach()
			<-lost
		})
		busy.Add(1)
		go func() { // connections come until nobody accepts them
			defer busy.Done()
			for {
				c, err := net.Dial(addr.Network(), addr.String())
				switch {
				case err == nil:
					c.Close()
				case !errors.Is(err, syscall.EAGAIN): // more than the listener's queue holds
					return
				}
			}
		}()
		stopped := make(chan bool)
		go func() {
			g.Stop()
			close(stopped)
		}()
		for _, session := range sleeping {
			session.release <- true
		}
		close(lost)
		receive(t, "Stop", stopped)
		busy.Wait()
		if a, c := accepted.Load(), closed.Load(); a != c {
			t.Errorf("%d connections accepted, %d closed", a, c)
		}
		if g.Loops()[0].Post(func(*Runner) {}) || g.Loops()[0].Conns()+g.Loops()[1].Conns() != 0 {
			t.Error("a stopped loop takes mail or has connections")
		}
	}
}

// TestStopWithoutReturn: a connection that its callback never gave back is closed all the same.
func TestStopWithoutReturn(t *testing.T) {
	closed := make(chan bool, 1)
	detached := make(chan bool, 1)
	g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
		return &funcs{
			data: func(r *Runner, _ int) {
				r.Detach()
				detached <- true
			},
			closed: func(*Runner, error) { closed <- true },
		}
	}})
	c := dial(t, listenUnix(t, g))
	send(t, c, "x")
	receive(t, "detached callback", detached)
	g.Stop()
	receive(t, "Closed", closed)
	expectEnd(t, c)
}
