// SPDX-License-Identifier: BSD-3-Clause

package netloop

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

func TestEchoOverManyConnections(t *testing.T) {
	g := start(t, 2, &server{accept: newEcho})
	addrs := []net.Addr{listen(t, g, "tcp", "127.0.0.1:0"), listenUnix(t, g)}
	var clients sync.WaitGroup
	for i := range 40 {
		c := dial(t, addrs[i%2])
		clients.Add(1)
		go func() {
			defer clients.Done()
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			want := make([]byte, 100_000)
			for i := range want {
				want[i] = byte(rnd.Uint32())
			}
			go func() {
				for rest := want; len(rest) > 0; {
					n := min(1+rnd.IntN(1+rnd.IntN(30_000)), len(rest))
					if _, err := c.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			}()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("connection %d: wrong echo (%v)", i, err)
			}
		}()
	}
	clients.Wait()
	var total Stats
	for _, l := range g.Loops() {
		await(t, "published statistics", func() bool { return l.Stats().ReadBytes == l.Stats().WrittenBytes })
		total.ReadBytes += l.Stats().ReadBytes
	}
	await(t, "all bytes counted", func() bool {
		return g.Loops()[0].Stats().ReadBytes+g.Loops()[1].Stats().ReadBytes == 4_000_000
	})
	if n := g.Accepted(); n != 40 {
		t.Errorf("accepted %d connections, want 40", n)
	}
}

// TestBufferOfTheSession reads into a session's own buffer, a bigger one than an event may fill, then into the shared one.
func TestBufferOfTheSession(t *testing.T) {
	const size = 3*MaxRead + 17
	big, filled := make([]byte, size), 0
	done := make(chan string, 1)
	g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
		return &funcs{
			buffer: func(*Runner) []byte { return big[filled:] },
			data: func(r *Runner, n int) {
				if n > MaxRead {
					t.Errorf("%d bytes read in one event", n)
				}
				if filled < size {
					filled += n
					return
				}
				done <- string(r.Buf[:n])
			},
		}
	}})
	c := dial(t, listenUnix(t, g))
	want := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
	send(t, c, string(want))
	await(t, "the big buffer is full", func() bool {
		full := make(chan bool, 1)
		g.Loops()[0].Post(func(*Runner) { full <- filled == size })
		return <-full
	})
	send(t, c, "tail")
	if got := receive(t, "shared buffer", done); got != "tail" || !bytes.Equal(big, want) {
		t.Errorf("tail %q, big equal: %v", got, bytes.Equal(big, want))
	}
}

// TestSlowReader makes megabytes for a client that reads them late: the session is told when the socket drains.
func TestSlowReader(t *testing.T) {
	const size = 8 << 20
	payload := bytes.Repeat([]byte("redpoll!"), size/8)
	for _, gather := range []bool{false, true} {
		var full atomic.Int64
		g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
			rest := payload
			write := func(*Runner) {
				var n int
				var err error
				if gather {
					n, err = c.Writev([][]byte{nil, rest[:min(len(rest), 1000)], rest[min(len(rest), 1000):]})
				} else {
					n, err = c.Write(rest)
				}
				if err != nil || n > MaxWrite {
					t.Errorf("wrote %d, %v", n, err)
				}
				if n < min(len(rest), MaxWrite) {
					full.Add(1)
				}
				rest = rest[n:]
				c.WantWrite(len(rest) > 0)
			}
			return &funcs{data: func(*Runner, int) { c.Dirty() }, flush: write, writable: write}
		}})
		slow, other := dial(t, listenUnix(t, g)), dial(t, listenUnix(t, g))
		send(t, slow, "x")
		await(t, "a full socket", func() bool { return full.Load() > 0 })
		send(t, other, "x") // is served meanwhile
		expect(t, other, string(payload))
		expect(t, slow, string(payload))
	}
}

func TestPauseRead(t *testing.T) {
	for _, direction := range []string{"lazily", "after an event", "with ReadAgain"} {
		t.Run(direction, func(t *testing.T) {
			conns := make(chan *Conn, 1)
			got := make(chan string, 100)
			g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
				conns <- c
				return &funcs{data: func(r *Runner, n int) {
					got <- string(r.Buf[:n])
					c.PauseRead(true)
				}}
			}})
			client := dial(t, listenUnix(t, g))
			c := receive(t, "connection", conns)
			send(t, client, "a")
			if s := receive(t, "a", got); s != "a" {
				t.Fatalf("got %q", s)
			}
			if direction != "lazily" {
				send(t, client, "b")
				await(t, "the event that disarms", func() bool {
					armed := make(chan uint32, 1)
					c.Post(func(*Runner) { armed <- c.armed })
					return <-armed == 0
				})
				if len(got) != 0 {
					t.Fatal("read while paused")
				}
			}
			c.Post(func(*Runner) {
				c.PauseRead(false)
				if direction == "with ReadAgain" {
					c.ReadAgain()
					c.ReadAgain()
				}
			})
			if direction == "lazily" {
				send(t, client, "b")
			}
			if s := receive(t, "b", got); s != "b" {
				t.Fatalf("got %q", s)
			}
		})
	}
}

// TestHangupWhilePaused: it is seen at once when watched for, else when reading goes on, after what was sent before it.
func TestHangupWhilePaused(t *testing.T) {
	for _, watch := range []bool{false, true} {
		conns := make(chan *Conn, 1)
		events := make(chan string, 100)
		g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
			c.PauseRead(true)
			c.WatchHangup(watch)
			conns <- c
			return &funcs{
				data:   func(r *Runner, n int) { events <- string(r.Buf[:n]) },
				closed: func(_ *Runner, err error) { events <- err.Error() },
			}
		}})
		client := dial(t, listen(t, g, "tcp", "127.0.0.1:0"))
		c := receive(t, "connection", conns)
		send(t, client, "last words")
		client.Close()
		if !watch {
			await(t, "the pause is in force", func() bool {
				armed := make(chan uint32, 1)
				c.Post(func(*Runner) { armed <- c.armed })
				return <-armed == 0
			})
			before := c.Loop().Stats().Iterations
			if len(events) > 0 {
				t.Fatalf("seen while paused: %s", <-events)
			}
			c.Post(func(*Runner) { c.PauseRead(false) })
			if s := receive(t, "data", events); s != "last words" {
				t.Errorf("got %q", s)
			}
			if n := c.Loop().Stats().Iterations - before; n > 100 {
				t.Errorf("%d iterations: the loop spins on the dead connection", n)
			}
		}
		if s := receive(t, "end", events); s != "EOF" {
			t.Errorf("end: %s", s)
		}
	}
}

// TestResetWhileWriting: a peer that dies while the session waits for its socket ends the connection.
func TestResetWhileWriting(t *testing.T) {
	closed := make(chan error, 1)
	full := make(chan bool, 1)
	g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
		return &funcs{
			data: func(*Runner, int) {
				c.PauseRead(true)
				for junk := make([]byte, MaxWrite); ; {
					if n, _ := c.Write(junk); n < len(junk) {
						break
					}
				}
				c.WantWrite(true)
				full <- true
			},
			closed: func(_ *Runner, err error) { closed <- err },
		}
	}})
	client := dial(t, listen(t, g, "tcp", "127.0.0.1:0"))
	send(t, client, "x")
	receive(t, "full socket", full)
	if err := client.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close()
	receive(t, "Closed", closed)
}

// TestCloseFromCallbacks: Closed follows exactly once, nothing else is called after Close, and the peer sees the end.
func TestCloseFromCallbacks(t *testing.T) {
	for _, from := range []string{"accept", "data", "flush", "writable", "post", "elsewhere"} {
		t.Run(from, func(t *testing.T) {
			conns := make(chan *Conn, 1)
			closed := make(chan error, 2)
			g := start(t, 1, &server{accept: func(r *Runner, c *Conn) Session {
				ended := false
				end := func() {
					if ended {
						t.Error("called after Close")
					}
					ended = true
					c.Dirty()
					c.ReadAgain()
					c.Close()
					c.Close()
					c.Dirty()
					c.ReadAgain()
					c.WantWrite(true)
					if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
						t.Errorf("Write after Close: %v", err)
					}
				}
				s := &funcs{closed: func(_ *Runner, err error) {
					if c.FD() != -1 {
						t.Error("Closed with an open descriptor")
					}
					c.Close()
					closed <- err
				}}
				switch from {
				case "accept":
					end()
				case "data":
					s.data = func(*Runner, int) { end() }
				case "flush":
					s.data = func(*Runner, int) { c.Dirty() }
					s.flush = func(*Runner) { end() }
				case "writable":
					s.data = func(*Runner, int) { c.WantWrite(true) }
					s.writable = func(*Runner) { end() }
				case "post":
					c.Post(func(*Runner) { end() })
					c.Post(func(*Runner) { t.Error("mail after Close") })
				}
				conns <- c
				return s
			}})
			client := dial(t, listenUnix(t, g))
			if _, err := client.Write([]byte("hello")); err != nil && from != "accept" && from != "post" {
				t.Fatal(err)
			}
			c := receive(t, "connection", conns)
			if from == "elsewhere" {
				c.Post(func(*Runner) { c.Close() })
			}
			if err := receive(t, "Closed", closed); err != nil {
				t.Errorf("Closed with %v", err)
			}
			expectEnd(t, client)
			if n := g.Loops()[0].Conns(); n != 0 {
				t.Errorf("%d connections left", n)
			}
			g.Stop()
			if len(closed) != 0 {
				t.Error("Closed twice")
			}
		})
	}
}

// TestPeerCloses: bytes sent before the end arrive before it.
func TestPeerCloses(t *testing.T) {
	events := make(chan string, 10)
	g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
		return &funcs{
			data:   func(r *Runner, n int) { events <- string(r.Buf[:n]) },
			closed: func(_ *Runner, err error) { events <- err.Error() },
		}
	}})
	client := dial(t, listenUnix(t, g))
	send(t, client, "bye")
	client.Close()
	if a, b := receive(t, "data", events), receive(t, "end", events); a != "bye" || b != "EOF" {
		t.Errorf("got %q, %q", a, b)
	}
}

func TestRefusedConnectionGetsItsError(t *testing.T) {
	g := start(t, 2, &server{accept: func(_ *Runner, c *Conn) Session {
		if _, err := c.Write([]byte("-ERR max number of clients reached\r\n")); err != nil {
			t.Error(err)
		}
		c.Dirty()
		c.Close()
		return nil
	}})
	addr := listenUnix(t, g)
	for range 20 {
		c := dial(t, addr)
		expect(t, c, "-ERR max number of clients reached\r\n")
		expectEnd(t, c)
	}
	await(t, "no connection counted", func() bool { return g.Loops()[0].Conns()+g.Loops()[1].Conns() == 0 })
}

// TestReadAgainIsFair: a session that asks again and again does not keep others out.
func TestReadAgainIsFair(t *testing.T) {
	g := start(t, 1, &server{accept: func(_ *Runner, c *Conn) Session {
		e := &echo{c: c}
		return &funcs{
			data: func(r *Runner, n int) {
				if string(r.Buf[:n]) != "spin" {
					e.Data(r, n)
					return
				}
				var again func(*Runner)
				again = func(*Runner) {
					c.ReadAgain()
					c.Post(again)
				}
				again(r)
			},
			flush: e.Flush,
		}
	}})
	addr := listenUnix(t, g)
	spinner, other := dial(t, addr), dial(t, addr)
	send(t, spinner, "spin")
	for range 100 {
		ask(t, other, "hello")
	}
}
