// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

func TestWatchFromTwoConnections(t *testing.T) {
	r := start(t, options{loops: 2, shards: 8})
	a, b := r.dial(), r.dial()
	for i := range 50 {
		key := fmt.Sprint("k", i)
		a.Must(t, "WATCH", key, "other")
		a.Must(t, "MULTI")
		a.Must(t, "SET", key, "a")
		if i%2 == 0 {
			b.Must(t, "SET", key, "b")
		}
		if v := a.Must(t, "EXEC"); v.Null != (i%2 == 0) {
			t.Fatalf("%d: EXEC: %+v", i, v)
		}
	}
	a.Must(t, "WATCH", "k1")
	a.Must(t, "UNWATCH")
	b.Must(t, "SET", "k1", "b")
	a.Must(t, "MULTI")
	a.Must(t, "PING")
	if v := a.Must(t, "EXEC"); v.Null {
		t.Error("EXEC after UNWATCH was refused")
	}
}

// TestWatchedCounter has clients on two loops raise a counter by WATCH, GET and SET: none may be lost.
func TestWatchedCounter(t *testing.T) {
	r := start(t, options{loops: 2})
	const clients, each = 8, 40
	var wg sync.WaitGroup
	for range clients {
		c := r.dial()
		wg.Go(func() {
			for done := 0; done < each; {
				if _, err := c.Do("WATCH", "n"); err != nil {
					t.Error(err)
					return
				}
				v, _ := c.Do("GET", "n")
				n := 0
				fmt.Sscan(v.Str, &n)
				replies, err := c.Pipeline([]string{"MULTI"}, []string{"SET", "n", fmt.Sprint(n + 1)}, []string{"EXEC"})
				if err != nil {
					t.Error(err)
					return
				}
				if !replies[2].Value.Null {
					done++
				}
			}
		})
	}
	wg.Wait()
	if v := r.dial().Must(t, "GET", "n"); v.Str != fmt.Sprint(clients*each) {
		t.Errorf("the counter is %s, not %d", v.Str, clients*each)
	}
}

// TestDetached proves that a long handler keeps neither its loop nor other keys, and that the rest of its pipeline follows.
func TestDetached(t *testing.T) {
	r := start(t, options{shards: 64})
	slow, other, third := r.dial(), r.dial(), r.dial()
	if err := slow.SendRaw(append(line("HOLD", "held"), bytes.Repeat(line("INCR", "n"), 1000)...)); err != nil {
		t.Fatal(err)
	}
	<-r.began
	for i := range 200 { // one of the keys may be in the shard that is held
		if key := fmt.Sprint("k", i); !r.sameShard(key, "held") {
			other.Must(t, "SET", key, "v")
		}
	}
	if err := third.SendRaw(append(line("GET", "held"), line("PING")...)); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Stats.Parked.Load() > 0 })
	if third.Buffered(0) {
		t.Error("a reply overtook the parked command before it")
	}
	if v := other.Must(t, "CLIENT", "LIST"); strings.Count(v.Str, "\n") != 3 {
		t.Errorf("CLIENT LIST: %q", v.Str)
	}
	r.release <- struct{}{}
	for i, c := range []*testutil.Client{slow, third} {
		if reply, err := c.Receive(); err != nil || reply.Value.Str != [...]string{"HELD", ""}[i] {
			t.Errorf("%q %v", reply.Raw, err)
		}
	}
	for i := range 1000 {
		if reply, err := slow.Receive(); err != nil || reply.Value.Int != int64(i+1) {
			t.Fatalf("INCR %d: %q %v", i+1, reply.Raw, err)
		}
	}
	if reply, err := third.Receive(); err != nil || reply.Value.Str != "PONG" {
		t.Errorf("%q %v", reply.Raw, err)
	}
	if n := r.engine.Stats.Detached.Load(); n != 1 {
		t.Errorf("%d handlers left their loop", n)
	}
}

// TestDetachedGoesAway closes connections whose commands run on or wait, in all ways.
func TestDetachedGoesAway(t *testing.T) {
	for _, how := range []string{"hang up", "kill", "quit"} {
		t.Run(how, func(t *testing.T) {
			r := start(t, options{loops: 2, shards: 1})
			slow, waiting, control := r.dial(), r.dial(), r.dial()
			ids := []string{fmt.Sprint(slow.Must(t, "CLIENT", "ID").Int), fmt.Sprint(waiting.Must(t, "CLIENT", "ID").Int)}
			rest := append(line("INCR", "after"), line("QUIT")...)
			if err := slow.SendRaw(append(line("HOLD", "k"), rest...)); err != nil {
				t.Fatal(err)
			}
			<-r.began
			if err := waiting.SendRaw(append(line("SET", "k", "v"), rest...)); err != nil {
				t.Fatal(err)
			}
			testutil.Poll(t, patience, func() bool { return r.engine.Stats.Parked.Load() > 0 })
			switch how {
			case "hang up":
				slow.Close()
				waiting.Close()
			case "kill":
				for _, id := range ids {
					control.Must(t, "CLIENT", "KILL", "ID", id)
				}
			}
			r.release <- struct{}{}
			testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 1 })
			if v := control.Must(t, "GET", "after"); how == "kill" && !v.Null || how == "quit" && v.Str != "2" {
				t.Errorf("after is %v", v)
			}
		})
	}
}

// TestStillWorld has commands of all kinds wait for one that keeps the world still.
func TestStillWorld(t *testing.T) {
	r := start(t, options{loops: 2})
	slow := r.dial()
	clients := make([]*testutil.Client, 10)
	for i := range clients {
		clients[i] = r.dial()
		clients[i].Must(t, "PING")
	}
	if err := slow.SendRaw(append(line("STILL"), line("SET", "k", "v")...)); err != nil {
		t.Fatal(err)
	}
	<-r.began
	for _, c := range clients {
		if err := c.SendRaw(append(line("INCR", "n"), line("STILL")...)); err != nil {
			t.Fatal(err)
		}
	}
	testutil.Poll(t, patience, func() bool { return r.engine.Stats.Parked.Load() > 0 })
	for range len(clients) + 1 {
		r.release <- struct{}{}
	}
	for _, c := range append(clients, slow) {
		for range 2 {
			if reply, err := c.Receive(); err != nil || reply.Value.IsError() {
				t.Fatalf("%q %v", reply.Raw, err)
			}
		}
	}
	if v := slow.Must(t, "GET", "n"); v.Str != "10" {
		t.Errorf("n is %v", v)
	}
}

// TestPanic proves that a handler's failure costs its command a reply and nothing else.
func TestPanic(t *testing.T) {
	r := start(t, options{shards: 1})
	c := r.dial()
	c.Must(t, "SET", "k", "v")
	for range 3 {
		v, err := c.Do("PANIC", "k")
		if err != nil || v.Str != "ERR internal error, the server's log has the details" {
			t.Fatalf("%q %v", v.Str, err)
		}
	}
	replies, err := c.Pipeline([]string{"MULTI"}, []string{"APPEND", "k", "w"}, []string{"PANIC", "k"}, []string{"EXEC"}, []string{"GET", "k"})
	if err != nil || !replies[3].Value.IsError() || replies[4].Value.Str != "vw" {
		t.Errorf("%v: EXEC %q, GET %q", err, replies[3].Raw, replies[4].Raw)
	}
	if v := r.dial().Must(t, "GET", "k"); v.Str != "vw" {
		t.Errorf("GET from elsewhere: %v", v)
	}
	if !r.log.Has("on purpose") || r.engine.Stats.Panics.Load() != 4 {
		t.Error("the log or the count of failures lacks one")
	}
}

// TestManyClients runs mixed commands from many connections on two loops, some coming and going, some held up. Each has a
// key of its own whose value it knows.
func TestManyClients(t *testing.T) {
	r := start(t, options{loops: 2, shards: 4})
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	var wg sync.WaitGroup
	for id := range 24 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 1))
			own, count := fmt.Sprint("own", id), 0
			c := r.dial()
			for i := range rounds {
				if rnd.IntN(20) == 0 {
					c.Close()
					c = r.dial()
				}
				var cmds [][]string
				for range 1 + rnd.IntN(8) {
					cmds = append(cmds, mixed(rnd))
				}
				count++
				cmds = append(cmds, []string{"INCR", own})
				replies, err := c.Pipeline(cmds...)
				if err != nil {
					t.Errorf("client %d, round %d: %v", id, i, err)
					return
				}
				if last := replies[len(replies)-1]; last.Value.Int != int64(count) {
					t.Errorf("client %d, round %d: %q, want %d", id, i, last.Raw, count)
					return
				}
			}
		})
	}
	wg.Go(func() {
		c := r.dial()
		for range rounds / 10 {
			r.release <- struct{}{}
			if v, err := c.Do([]string{"HOLD", "STILL"}[rand.IntN(2)], "k1"); err != nil || v.IsError() && v.Str[:5] != "ERR w" {
				t.Error(v, err)
				return
			}
			select { // STILL with an argument was refused
			case <-r.release:
			default:
			}
		}
	})
	wg.Wait()
}

// mixed makes a command that is harmless to the keys called own.
func mixed(rnd *rand.Rand) []string {
	key := func() string { return fmt.Sprint("k", rnd.IntN(6)) }
	switch rnd.IntN(12) {
	case 0:
		return []string{"SET", key(), "v", "PX", fmt.Sprint(1 + rnd.IntN(5))}
	case 1:
		return []string{"GET", key()}
	case 2:
		return []string{"MSET", key(), "1", key(), "2", key(), "3"}
	case 3:
		return []string{"MGET", key(), key(), key()}
	case 4:
		return []string{"DEL", key(), key()}
	case 5:
		return []string{"RENAME", key(), key()}
	case 6:
		return []string{"CLIENT", "LIST"}
	case 7:
		return []string{"WATCH", key(), key()}
	case 8:
		return []string{"SCAN", "0", "COUNT", "100"}
	case 9:
		return []string{"CLIENT", "SETNAME", key()}
	case 10:
		return []string{"PANIC", key()}
	}
	return []string{"HELLO", fmt.Sprint(2 + rnd.IntN(2))}
}
