// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/testutil"
)

// heldBack waits until so many clients wait for the end of a pause.
func (r *rig) heldBack(n int) {
	r.t.Helper()
	testutil.Poll(r.t, patience, func() bool { return r.engine.HeldBack() == n })
}

// TestPauseStopsWrites proves that no write happens between the reply to CLIENT PAUSE and the end of the pause, that all that
// waited are run then, and each client's in order.
func TestPauseStopsWrites(t *testing.T) {
	r := start(t, options{loops: 2})
	const writers, rounds = 6, 300
	results := make(chan error, writers)
	for w := range writers {
		c := r.dial()
		flush := w == 0 // one makes the world still each time
		go func() {
			for i := range rounds {
				v, err := c.Do("INCR", fmt.Sprint("own", w))
				if err != nil || v.Int != int64(i+1) && !flush {
					results <- fmt.Errorf("writer %d, round %d: %v %v", w, i, v, err)
					return
				}
				if flush {
					c.Do("MULTI")
					c.Do("KEYS", "none")
					c.Do("INCR", "all")
					c.Do("EXEC")
				} else if _, err := c.Do("INCR", "all"); err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	control := r.dial()
	for range 20 {
		control.Must(t, "CLIENT", "PAUSE", "1000000", "WRITE")
		before := control.Must(t, "GET", "all").Str
		for range 20 {
			if after := control.Must(t, "GET", "all").Str; after != before {
				t.Fatalf("%s became %s in a pause", before, after)
			}
		}
		control.Must(t, "CLIENT", "UNPAUSE")
	}
	for range writers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if v := control.Must(t, "GET", "all"); v.Str != fmt.Sprint(writers*rounds) {
		t.Errorf("%s increments of %d", v.Str, writers*rounds)
	}
	if n := r.engine.HeldBack(); n != 0 {
		t.Errorf("%d clients are held back", n)
	}
}

// TestPauseEnds has a pause end by the clock, whose clients are on both loops, and looks at what others see of them.
func TestPauseEnds(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{loops: 2, clock: fake})
	limits := defaults()
	limits.Timeout = int64(2 * time.Second)
	r.hub.SetLimits(limits)
	control, gone := r.dial(), r.dial()
	var clients []*testutil.Client
	for i := range 4 {
		c := r.dial()
		c.Must(t, "CLIENT", "SETNAME", fmt.Sprint("waiter", i))
		clients = append(clients, c)
	}
	control.Must(t, "CLIENT", "PAUSE", "10000", "WRITE")
	for i, c := range clients {
		if err := c.SendRaw(append(line("INCR", fmt.Sprint("k", i)), line("GET", fmt.Sprint("k", i))...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := gone.Send("INCR", "gone"); err != nil {
		t.Fatal(err)
	}
	r.heldBack(5)
	testutil.Poll(t, patience, func() bool { // a session tells of itself a moment later
		return strings.Count(control.Must(t, "CLIENT", "LIST", "FLAGS", "b").Str, "flags=b") == 5
	})
	gone.Close()
	r.heldBack(4)
	for range 9 { // who waits for the server is not idle
		fake.Advance(time.Second)
		control.Must(t, "PING")
	}
	if mode, ms := r.engine.Paused(); mode != engine.PauseWrite || ms != 1000 {
		t.Errorf("paused: %v for %d ms", mode, ms)
	}
	r.heldBack(4)
	fake.Advance(time.Second)
	for _, c := range clients {
		for range 2 {
			if reply, err := c.Receive(); err != nil || reply.Value.Str != "1" && reply.Value.Int != 1 {
				t.Errorf("%q %v", reply.Raw, err)
			}
		}
	}
	if v := control.Must(t, "GET", "gone"); !v.Null {
		t.Error("a command of a client that went away was run")
	}
	if mode, ms := r.engine.Paused(); mode != engine.PauseNone || ms != 0 {
		t.Errorf("paused: %v for %d ms", mode, ms)
	}
}

// TestKillWhilePaused closes a client that a pause holds back.
func TestKillWhilePaused(t *testing.T) {
	r := start(t, options{loops: 2})
	control, waiter := r.dial(), r.dial()
	id := waiter.Must(t, "CLIENT", "ID").Int
	control.Must(t, "CLIENT", "PAUSE", "1000000", "WRITE")
	if err := waiter.Send("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	r.heldBack(1)
	if v := control.Must(t, "CLIENT", "UNBLOCK", fmt.Sprint(id)); v.Int != 0 {
		t.Error("unblocked")
	}
	control.Must(t, "CLIENT", "KILL", "ID", fmt.Sprint(id))
	expectClosed(t, waiter)
	r.heldBack(0)
	control.Must(t, "CLIENT", "UNPAUSE")
	if v := control.Must(t, "GET", "k"); !v.Null {
		t.Error("a killed client's command was run")
	}
}

// TestTransactionMemory follows what queues of MULTI take.
func TestTransactionMemory(t *testing.T) {
	r := start(t, options{})
	queued := func() int64 { return r.engine.Account().Get(mem.Transactions) }
	a, b := r.dial(), r.dial()
	value := strings.Repeat("x", 100_000)
	fill := func(c *testutil.Client) {
		c.Must(t, "MULTI")
		for range 10 {
			c.Must(t, "SET", "k", value)
		}
	}
	fill(a)
	if n := queued(); n < 1_000_000 || n > 1_010_000 {
		t.Errorf("a queue of a megabyte takes %d", n)
	}
	fill(b)
	a.Must(t, "EXEC")
	if n := queued(); n < 1_000_000 || n > 1_010_000 {
		t.Errorf("after EXEC %d", n)
	}
	b.Must(t, "DISCARD")
	testutil.Poll(t, patience, func() bool { return queued() == 0 })
	fill(a)
	a.Close()
	testutil.Poll(t, patience, func() bool { return queued() == 0 })
	// One that will not be executed does not grow.
	b.Must(t, "MULTI")
	if v, _ := b.Do("NOSUCH"); !v.IsError() {
		t.Error("no error")
	}
	b.Must(t, "SET", "k", value)
	if n := queued(); n != 0 {
		t.Errorf("a broken transaction takes %d", n)
	}
	limits := defaults()
	limits.QueryBuffer = 1 << 20
	r.hub.SetLimits(limits)
	c := r.dial()
	c.Must(t, "MULTI")
	for range 20 {
		if _, err := c.Do("SET", "k", value); err != nil {
			testutil.Poll(t, patience, func() bool { query, _ := r.hub.Disconnected(); return query == 1 && queued() == 0 })
			return
		}
	}
	t.Error("a queue past client-query-buffer-limit is kept")
}

// TestUnreadReplies follows what replies take that nobody reads.
func TestUnreadReplies(t *testing.T) {
	r := start(t, options{})
	unread := func() int64 { return r.engine.Account().Get(mem.ClientOutput) }
	c := r.tcp()
	send(t, c, line("BIG", "50000000"))
	testutil.Poll(t, patience, func() bool { return unread() > 10_000_000 })
	if _, output := r.hub.LargestBuffers(); output < 10_000_000 {
		t.Errorf("the largest output buffer of late is %d", output)
	}
	if s := r.dial().Must(t, "CLIENT", "LIST").Str; field(t, s, "omem") < 10_000_000 {
		t.Errorf("CLIENT LIST: %s", s)
	}
	c.Close()
	testutil.Poll(t, patience, func() bool { return unread() == 0 })
}

// TestCounters compares what CLIENT LIST counts of a client with what it has sent, read and asked for.
func TestCounters(t *testing.T) {
	r := start(t, options{loops: 2})
	a, b := r.dial(), r.dial()
	ping := len(line("PING"))
	a.Must(t, "CLIENT", "SETNAME", "counted")
	set := len(line("CLIENT", "SETNAME", "counted"))
	for range 10 {
		a.Must(t, "PING")
	}
	a.Must(t, "MULTI")
	a.Must(t, "PING")
	a.Must(t, "EXEC")
	in := set + 11*ping + len(line("MULTI")) + len(line("EXEC"))
	out := len("+OK\r\n")*2 + len("+PONG\r\n")*11 + len("+QUEUED\r\n*1\r\n")
	testutil.Poll(t, patience, func() bool {
		l := b.Must(t, "CLIENT", "LIST", "NAME", "counted").Str
		return field(t, l, "tot-net-in") == in && field(t, l, "tot-net-out") == out && field(t, l, "tot-cmds") == 14
	})
	info := len(line("CLIENT", "INFO"))
	first := a.Must(t, "CLIENT", "INFO").Str
	second := a.Must(t, "CLIENT", "INFO").Str
	if n := field(t, second, "tot-net-in") - field(t, first, "tot-net-in"); n != info {
		t.Errorf("%d bytes more have come instead of %d", n, info)
	}
	if n := field(t, second, "tot-cmds") - field(t, first, "tot-cmds"); n != 1 {
		t.Errorf("%d commands more", n)
	}
}

// TestConnectionLines looks for the lines about connections that come and go.
func TestConnectionLines(t *testing.T) {
	r := start(t, options{})
	c := r.tcp()
	testutil.Poll(t, patience, func() bool { return r.log.Has("Accepted " + c.LocalAddr().String()) })
	c.Close()
	testutil.Poll(t, patience, func() bool { return r.log.Has("Client closed connection id=1 addr=" + c.LocalAddr().String()) })
}

// TestClientEviction has clients that make the server hold too much closed, the largest first, but for one that may not be.
func TestClientEviction(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{loops: 2, clock: fake})
	fill := func(c *testutil.Client, bytes int) {
		c.Must(t, "MULTI")
		for range 10 {
			c.Must(t, "SET", "k", strings.Repeat("x", bytes/10))
		}
	}
	small, medium, large, spared := r.dial(), r.dial(), r.dial(), r.dial()
	spared.Must(t, "CLIENT", "NO-EVICT", "on")
	for i, c := range []*testutil.Client{small, medium, large, spared} {
		fill(c, (i+1)<<20)
	}
	limits := defaults()
	limits.Clients = 8 << 20
	r.hub.SetLimits(limits)
	fake.Advance(time.Second)
	expectClosed(t, large)
	testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 3 })
	if n := r.hub.Evicted(); n != 1 {
		t.Errorf("%d clients were closed", n)
	}
	for _, c := range []*testutil.Client{small, medium, spared} {
		if reply := c.Must(t, "EXEC"); len(reply.Elems) != 10 {
			t.Errorf("EXEC: %v", reply)
		}
	}
	other := r.dial()
	other.Must(t, "PING")
	fill(spared, 9<<20) // nobody else is left then, though the others take little
	testutil.Poll(t, patience, func() bool {
		fake.Advance(time.Second)
		open, _, _ := r.hub.Counts()
		return open == 1
	})
	expectClosed(t, other)
	if reply := spared.Must(t, "EXEC"); len(reply.Elems) != 10 {
		t.Errorf("EXEC: %v", reply)
	}
	if n := r.hub.Evicted(); n != 4 {
		t.Errorf("%d clients were closed", n)
	}
}

// TestSmallThingsAreEvicted has a client closed whose queue has many commands of few bytes, one whose fieldsets are large, and one that
// waits for very many keys.
func TestSmallThingsAreEvicted(t *testing.T) {
	for _, pipeline := range [][]byte{
		append(line("MULTI"), bytes.Repeat(line("PING"), 20_000)...),
		line("PREPARE", "2000000"),
		line(slices.Concat([]string{"BLPOP"}, manyKeys(20_000), []string{"0"})...),
	} {
		r := start(t, options{})
		limits := defaults()
		limits.Clients = 1 << 20
		r.hub.SetLimits(limits)
		c, other := r.tcp(), r.dial()
		_, _ = c.Write(pipeline) // it may be closed before it has sent all
		other.Must(t, "PING")
		testutil.Poll(t, patience, func() bool { return r.hub.Evicted() == 1 })
		readAll(t, c)
		other.Must(t, "PING")
		testutil.Poll(t, patience, func() bool { return r.engine.Account().Total() < 100_000 })
	}
}

// manyKeys are so many names.
func manyKeys(n int) (names []string) {
	for i := range n {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

// TestNoneMayBeEvicted: a client that may not be closed is left alone, and others are looked at again in a while.
func TestNoneMayBeEvicted(t *testing.T) {
	fake := clock.NewFake(1_700_000_000_000)
	r := start(t, options{clock: fake})
	spared, other := r.dial(), r.dial()
	spared.Must(t, "CLIENT", "NO-EVICT", "on")
	other.Must(t, "CLIENT", "NO-EVICT", "on")
	spared.Must(t, "PREPARE", "2000000")
	limits := defaults()
	limits.Clients = 1 << 20
	r.hub.SetLimits(limits)
	fake.Advance(time.Second)
	for range 3 {
		other.Must(t, "PING")
	}
	if n := r.hub.Evicted(); n != 0 {
		t.Fatalf("%d clients were closed", n)
	}
	spared.Must(t, "CLIENT", "NO-EVICT", "off")
	testutil.Poll(t, patience, func() bool {
		fake.Advance(100 * time.Millisecond)
		return r.hub.Evicted() == 1
	})
	expectClosed(t, spared)
	other.Must(t, "PING")
}

// TestKillEndsPipeline: of a pipeline whose client is killed meanwhile no further batch is run.
func TestKillEndsPipeline(t *testing.T) {
	r := start(t, options{})
	c, other := r.tcp(), r.dial()
	send(t, c, append(line("KILLED"), bytes.Repeat(line("INCR", "k"), 1000)...))
	readAll(t, c)
	if n := other.Must(t, "INCR", "k").Int - 1; n > 255 {
		t.Errorf("%d commands were run after the client was killed", n)
	}
}

// TestWatchMemory follows what watched keys take, of which one client has many.
func TestWatchMemory(t *testing.T) {
	r := start(t, options{loops: 2})
	watched := func() int64 { return r.engine.Account().Get(mem.Other) }
	c, other := r.dial(), r.dial()
	c.Must(t, "PING")
	other.Must(t, "PING")
	base := watched()
	const many = 100_000
	args := []string{"WATCH"}
	for i := range many {
		args = append(args, fmt.Sprint("key:", i))
	}
	for range 2 { // what is watched already takes nothing
		c.Must(t, args...)
		if n := watched() - base; n < many*100 || n > many*300 {
			t.Errorf("%d keys take %d bytes", many, n)
		}
	}
	if n, m := r.engine.Store.WatchedKeys(), r.engine.Store.Watchers(); n != many || m != 1 {
		t.Errorf("%d keys are watched by %d clients", n, m)
	}
	if l := other.Must(t, "CLIENT", "LIST", "SKIPME", "yes").Str; field(t, l, "watch") != many || field(t, l, "tot-mem") < many*100 {
		t.Errorf("CLIENT LIST: %s", l)
	}
	other.Must(t, "WATCH", "key:1", "key:2", "else")
	if n, m := r.engine.Store.WatchedKeys(), r.engine.Store.Watchers(); n != many+1 || m != 2 {
		t.Errorf("%d keys are watched by %d clients", n, m)
	}
	c.Must(t, "UNWATCH")
	other.Must(t, "MULTI")
	other.Must(t, "EXEC")
	testutil.Poll(t, patience, func() bool { return watched() == base })
	if n, m := r.engine.Store.WatchedKeys(), r.engine.Store.Watchers(); n != 0 || m != 0 {
		t.Errorf("%d keys are watched by %d clients", n, m)
	}
	c.Must(t, args...)
	c.Close()
	testutil.Poll(t, patience, func() bool { return watched() < base && r.engine.Store.Watchers() == 0 })
}

// TestLongArgument: a buffer for one long argument ends up hardly longer than it, whatever the pieces that it comes in.
func TestLongArgument(t *testing.T) {
	r := start(t, options{})
	other := r.dial()
	other.Must(t, "PING")
	const n = 1 << 20
	text := line("ECHO", strings.Repeat("x", n))
	for range 20 {
		c := r.tcp()
		for sent := 0; sent < n; {
			piece := min(1+rand.IntN(200_000), n-sent)
			send(t, c, text[sent:sent+piece])
			sent += piece
		}
		has := func(name string) int {
			l := other.Must(t, "CLIENT", "LIST", "SKIPME", "yes").Str
			if l == "" {
				return 0
			}
			return field(t, l, name)
		}
		testutil.Poll(t, patience, func() bool { return has("qbuf") == n })
		if room := has("qbuf-free"); room > 16<<10 {
			t.Errorf("room for %d bytes more", room)
		}
		c.Close()
		testutil.Poll(t, patience, func() bool { open, _, _ := r.hub.Counts(); return open == 1 })
	}
}
