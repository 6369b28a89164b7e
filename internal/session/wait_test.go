// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/testutil"
)

// waiting waits until so many clients wait for keys.
func (r *rig) waiting(n int64) {
	r.t.Helper()
	testutil.Poll(r.t, patience, func() bool { return r.engine.Store.Waiters() == n })
}

// nobodyWaits checks that nothing is left of those who waited.
func (r *rig) nobodyWaits() {
	r.t.Helper()
	r.waiting(0)
	var err error
	defer func() {
		if err != nil {
			r.t.Error(err)
		}
	}()
	testutil.Poll(r.t, patience, func() bool { // what was left to housekeeping is done by it
		if r.engine.Store.WaitedKeys() != 0 || r.hub.Timed() != 0 || !r.engine.Store.Still() {
			return false
		}
		defer r.engine.Store.Resume()
		err = r.engine.Store.CheckWaits()
		return err == nil
	})
}

// sendWaiting sends commands, one of which is to have the client wait, and returns when it does.
func (r *rig) sendWaiting(c *testutil.Client, cmds ...string) {
	r.t.Helper()
	n := r.engine.Store.Waiters()
	var b []byte
	for _, cmd := range cmds {
		b = append(b, line(strings.Fields(cmd)...)...)
	}
	if err := c.SendRaw(b); err != nil {
		r.t.Fatal(err)
	}
	r.waiting(n + 1)
	testutil.Poll(r.t, patience, func() bool { return r.hub.Blocked(c.LocalAddr()) }) // a moment later
}

// receive checks a client's next replies.
func receive(t *testing.T, c *testutil.Client, want ...string) {
	t.Helper()
	for _, w := range want {
		reply, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(string(reply.Raw), "\r\n", " "); got != w+" " {
			t.Errorf("reply %q, want %q", got, w)
		}
	}
}

// TestWaitInPipeline: what a client sends behind a command that waits is run after it, and only then.
func TestWaitInPipeline(t *testing.T) {
	for _, loops := range []int{1, 2} {
		r := start(t, options{loops: loops, shards: 16})
		control := r.dial()
		for range loops { // one on each loop
			c := r.dial()
			r.sendWaiting(c, "INCR n", "BLPOP k 0", "INCR n", "BLPOP l k 0", "QUIT")
			c.SendRaw(line("INCR", "n"))
			receive(t, c, ":1")
			if v := control.Must(t, "GET", "n"); v.Str != "1" {
				t.Errorf("n is %q", v.Str)
			}
			control.Must(t, "RPUSH", "k", "a", "b", "c")
			receive(t, c, "*2 $1 k $1 a", ":2", "*2 $1 k $1 b", "+OK")
			expectClosed(t, c)
			if v := control.Must(t, "DEL", "k", "n"); v.Int != 2 {
				t.Errorf("%d keys are left", v.Int)
			}
		}
		e := r.dial()
		r.sendWaiting(e, "BLPOP k 0") // with nothing behind it; what comes later waits too
		for range 3 {
			e.Send("INCR", "n")
			control.Must(t, "PING")
		}
		other := r.dial() // its bytes come later
		for range 10 {
			other.Must(t, "PING")
		}
		if v := control.Must(t, "EXISTS", "n"); v.Int != 0 {
			t.Error("a command behind one that waits was run")
		}
		control.Must(t, "RPUSH", "k", "a")
		receive(t, e, "*2 $1 k $1 a", ":1", ":2", ":3")

		d := r.dial()
		r.sendWaiting(d, "SET x 1", "BLPOP k 0", "RESET", "BLPOP k 0", "PING")
		control.Must(t, "RPUSH", "k", "a")
		receive(t, d, "+OK", "*2 $1 k $1 a", "+RESET")
		r.waiting(1)
		d.Close()
		r.nobodyWaits()
	}
}

// TestSentWhileWaiting: what comes in when a client waits already, and nothing of its input is left, is kept until the wait is over.
func TestSentWhileWaiting(t *testing.T) {
	r := start(t, options{loops: 2, shards: 16})
	control := r.dial()
	for range 10 {
		c := r.dial()
		r.sendWaiting(c, "BLPOP k 0")
		for range 3 {
			c.SendRaw(line("INCR", "n"))
			control.Must(t, "PING")
		}
		if v := control.Must(t, "EXISTS", "n"); v.Int != 0 {
			t.Fatal("a command was run while its client waits")
		}
		control.Must(t, "RPUSH", "k", "a")
		receive(t, c, "*2 $1 k $1 a", ":1", ":2", ":3")
		control.Must(t, "DEL", "n")
	}
	r.nobodyWaits()
}

// TestWaitTimeouts: a wait ends with its time, not before, and in the order of the times.
func TestWaitTimeouts(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{loops: 2, clock: fake})
	control := r.dial()
	var clients []*testutil.Client
	for i := range 20 {
		c := r.dial()
		c.Must(t, "CLIENT", "SETNAME", fmt.Sprint("w", i))
		r.sendWaiting(c, fmt.Sprintf("BLPOP k%d k %d.%03d", i, (i*7)%20+1, i%8*125)) // such fractions are exact
		clients = append(clients, c)
	}
	for range 4 { // who waits is not idle, and is not ended early
		fake.Advance(200 * time.Millisecond)
		control.Must(t, "PING")
	}
	if n := r.hub.Timed(); n != 20 || r.engine.Store.Waiters() != 20 {
		t.Errorf("%d have a time at which they end, %d wait", n, r.engine.Store.Waiters())
	}
	elapsed := 800
	for second := 1; second <= 20; second++ {
		i := (second - 1) * 3 % 20
		due := second*1000 + i%8*125
		fake.Advance(time.Duration(due-1-elapsed) * time.Millisecond)
		for range 4 {
			control.Must(t, "PING")
		}
		if n := r.engine.Store.Waiters(); n != int64(21-second) {
			t.Fatalf("%d wait before second %d is over", n, second)
		}
		fake.Advance(time.Millisecond)
		elapsed = due
		receive(t, clients[i], "*-1")
	}
	r.nobodyWaits()
}

// TestUnblock ends waits from another connection.
func TestUnblock(t *testing.T) {
	r := start(t, options{loops: 2})
	control, c := r.dial(), r.dial()
	id := fmt.Sprint(c.Must(t, "CLIENT", "ID").Int)
	unblock := func(want int64, reason ...string) {
		t.Helper()
		if v := control.Must(t, append([]string{"CLIENT", "UNBLOCK", id}, reason...)...); v.Int != want {
			t.Errorf("UNBLOCK: %v, want %d", v, want)
		}
	}
	unblock(0)
	for _, reason := range []struct{ word, reply string }{
		{"", "*-1"}, {"TIMEOUT", "*-1"}, {"error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"},
	} {
		r.sendWaiting(c, "BLPOP k 0", "PING")
		list := control.Must(t, "CLIENT", "LIST", "FLAGS", "b").Str
		if !strings.Contains(list, "id="+id+" ") || !strings.Contains(list, " cmd=blpop ") || strings.Contains(list, " argv-mem=0 ") {
			t.Errorf("the list is %q", list)
		}
		unblock(1, strings.Fields(reason.word)...)
		receive(t, c, reason.reply, "+PONG")
		unblock(0)
	}
	r.sendWaiting(c, "CLIENT REPLY SKIP", "BLPOP k 0", "PING")
	unblock(1, "ERROR")
	receive(t, c, "+PONG")
	if list := control.Must(t, "CLIENT", "LIST", "FLAGS", "b").Str; list != "" {
		t.Errorf("the list is %q", list)
	}
	r.nobodyWaits()
}

// TestWaitingClientGoes: nothing is popped for a client that has hung up or was killed, and nothing is left of it.
func TestWaitingClientGoes(t *testing.T) {
	r := start(t, options{loops: 2})
	control := r.dial()
	control.Must(t, "PING")
	before := r.engine.Account().Total()
	for round := range 20 {
		c := r.dial()
		id := fmt.Sprint(c.Must(t, "CLIENT", "ID").Int)
		r.sendWaiting(c, "BLPOP k "+strings.Repeat("x", 10_000)+" 100", "INCR never")
		testutil.Poll(t, patience, func() bool { return r.engine.Account().Get(mem.Other) > 10_000 })
		if round%2 == 0 {
			c.Close()
			r.waiting(0)
		} else if v := control.Must(t, "CLIENT", "KILL", "ID", id); v.Int != 1 {
			t.Error("not killed")
		}
		if v := control.Must(t, "RPUSH", "k", "v"); v.Int != 1 {
			t.Errorf("k has %d elements", v.Int)
		}
		if v := control.Must(t, "LPOP", "k"); v.Str != "v" {
			t.Errorf("k was popped for who is gone: %v", v)
		}
	}
	r.nobodyWaits()
	if v := control.Must(t, "EXISTS", "never"); v.Int != 0 {
		t.Error("a command behind it was run")
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Account().Total() == before })
}

// TestWaitWhilePaused: a pause holds back who pushes, not the end of a wait.
func TestWaitWhilePaused(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{loops: 2, clock: fake})
	control, pusher, x, y := r.dial(), r.dial(), r.dial(), r.dial()
	r.sendWaiting(x, "BLPOP k 1", "INCR n")
	r.sendWaiting(y, "BLPOP k 0")
	control.Must(t, "CLIENT", "PAUSE", "5000", "WRITE")
	pusher.Send("RPUSH", "k", "v")
	r.heldBack(1)
	fake.Advance(time.Second)
	receive(t, x, "*-1")
	r.heldBack(2) // x's INCR
	control.Must(t, "CLIENT", "UNPAUSE")
	receive(t, x, ":1")
	receive(t, y, "*2 $1 k $1 v")
	receive(t, pusher, ":1")
	r.nobodyWaits()
}

// TestWaitOvertaken: a command that takes long before it waits, and again while it is served, keeps nobody else of its loop.
func TestWaitOvertaken(t *testing.T) {
	for _, loops := range []int{1, 2} {
		r := start(t, options{loops: loops, shards: 64})
		control, pusher, x := r.dial(), r.dial(), r.dial()
		detached := int64(0)
		overtaken := func() { // as nothing else ever is
			t.Helper()
			<-r.began
			detached++
			testutil.Poll(t, patience, func() bool { return r.engine.Stats.Detached.Load() == detached })
			control.Must(t, "PING")
			r.release <- struct{}{}
		}
		send := func(c *testutil.Client, cmds ...[]string) {
			t.Helper()
			var b []byte
			for _, cmd := range cmds {
				b = append(b, line(cmd...)...)
			}
			if err := c.SendRaw(b); err != nil {
				t.Fatal(err)
			}
		}
		send(x, []string{"HOLDPOP", "k", "0"}, []string{"INCR", "n"})
		overtaken()
		r.waiting(1)
		send(pusher, []string{"RPUSH", "k", "v"}, []string{"INCR", "n"})
		overtaken()
		receive(t, pusher, ":1")
		receive(t, x, "+POPPED")
		n := []testutil.Value{}
		for _, c := range []*testutil.Client{pusher, x} {
			reply, err := c.Receive()
			if err != nil {
				t.Fatal(err)
			}
			n = append(n, reply.Value)
		}
		if n[0].Int+n[1].Int != 3 {
			t.Errorf("replies %v", n)
		}
		send(x, []string{"HOLDPOP", "k", "0.05"}, []string{"PING"}) // its time comes
		overtaken()
		receive(t, x, "*-1", "+PONG")
		send(x, []string{"HOLDPOP", "k", "0"})
		overtaken()
		r.waiting(1)
		send(pusher, []string{"RPUSH", "k", "v"})
		<-r.began
		x.Close() // while it is served
		control.Must(t, "PING")
		r.release <- struct{}{}
		receive(t, pusher, ":1")
		if v := control.Must(t, "EXISTS", "k"); v.Int != 0 {
			t.Error("k is there")
		}
		r.nobodyWaits()
	}
}

// TestWaitOfMany: thousands wait, and cost nothing but memory; one push of many elements serves them in order.
func TestWaitOfMany(t *testing.T) {
	const n = 500
	r := start(t, options{loops: 2})
	control := r.dial()
	var clients []*testutil.Client
	push := []string{"RPUSH", "k"}
	for i := range n {
		c := r.dial()
		r.sendWaiting(c, "BLPOP k 0")
		clients = append(clients, c)
		push = append(push, strconv.Itoa(i))
	}
	calls := r.engine.Stats.Total.Load()
	if v := control.Must(t, push...); v.Int != n {
		t.Errorf("%d pushed", v.Int)
	}
	if v := control.Must(t, "EXISTS", "k"); v.Int != 0 {
		t.Error("k is there")
	}
	for i, c := range clients {
		receive(t, c, fmt.Sprintf("*2 $1 k $%d %d", len(push[i+2]), i))
	}
	if got := r.engine.Stats.Total.Load() - calls; got != n+2 {
		t.Errorf("%d commands were run", got)
	}
	r.nobodyWaits()
}

// TestWaitChaos: random clients wait for several keys, pass elements on, time out, are unblocked, killed and cut off, while others
// push: no element is lost but those that were given to a client which was cut off, and none is seen twice.
func TestWaitChaos(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	r := start(t, options{loops: 2, shards: 16})
	const pushers, poppers, movers = 2, 6, 4
	var pushed, popped sync.Map
	var wg, moving sync.WaitGroup
	stop := make(chan struct{})
	key := func(rnd *rand.Rand) string { return "k" + strconv.Itoa(rnd.Intn(4)) }
	for p := range poppers + movers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rnd := rand.New(rand.NewSource(int64(p)))
			c := r.dial()
			for {
				select {
				case <-stop:
					return
				default:
				}
				var v testutil.Value
				var err error
				switch {
				case p >= poppers:
					v, err = c.Do("BLMOVE", key(rnd), key(rnd), "LEFT", "RIGHT", fmt.Sprint(0.001*float64(1+rnd.Intn(5))))
				case rnd.Intn(20) == 0: // cut off while it waits, or is served
					c.Send("BLPOP", "gone", key(rnd), "0")
					c.Close()
					c = r.dial()
					continue
				default:
					v, err = c.Do("BLPOP", key(rnd), key(rnd), key(rnd), fmt.Sprint(0.001*float64(1+rnd.Intn(5))))
				}
				if err != nil {
					t.Error(err)
					return
				}
				if p < poppers && len(v.Elems) == 2 {
					if _, twice := popped.LoadOrStore(v.Elems[1].Str, true); twice {
						t.Errorf("%s was popped twice", v.Elems[1].Str)
					}
				}
			}
		}()
	}
	for p := range pushers {
		moving.Add(1)
		go func() {
			defer moving.Done()
			rnd := rand.New(rand.NewSource(int64(100 + p)))
			c := r.dial()
			for i := range rounds {
				name := fmt.Sprintf("%d.%d", p, i)
				pushed.Store(name, true)
				if i%3 == 0 {
					c.Pipeline([]string{"MULTI"}, []string{"RPUSH", key(rnd), name}, []string{"LPUSH", key(rnd), name + "b"}, []string{"EXEC"})
					pushed.Store(name+"b", true)
				} else if _, err := c.Do("LPUSH", key(rnd), name); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	moving.Wait()
	control := r.dial()
	testutil.Poll(t, patience, func() bool { return control.Must(t, "EXISTS", "k0", "k1", "k2", "k3").Int == 0 })
	close(stop)
	wg.Wait()
	lost := 0
	popped.Range(func(name, _ any) bool {
		if _, ok := pushed.Load(name); !ok {
			t.Errorf("%v was popped and never pushed", name)
		}
		return true
	})
	pushed.Range(func(name, _ any) bool {
		if _, ok := popped.Load(name); !ok {
			lost++
		}
		return true
	})
	t.Logf("%d elements went to clients that were cut off", lost)
	r.nobodyWaits()
}
