// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/session"
	"github.com/redpoll/redpoll/internal/testutil"
)

// file is a log's file that syncs when it is told to.
type file struct {
	r      *rig
	log    *engine.Log
	reader *engine.LogReader
}

// keep has the rig's log kept in a file, and replies held back if it is to sync always.
func (r *rig) keep(always bool) *file {
	f := &file{r: r, log: r.engine.Effects}
	f.reader = f.log.Attach(nil)
	f.log.SetFile(engine.FileOn)
	f.log.HoldReplies(always)
	return f
}

// sync makes all durable that is in the log, and gives it.
func (f *file) sync() (text []byte) {
	end := f.log.End()
	for _, piece := range f.reader.Peek() {
		text = append(text, piece...)
	}
	f.reader.Advance(len(text))
	f.log.SetDurable(end)
	return text
}

// heldBack waits until so many clients have replies that they are not given.
func (f *file) heldBack(clients int) {
	f.r.t.Helper()
	c := f.r.dial()
	defer c.Close()
	testutil.Poll(f.r.t, patience, func() bool { return strings.Count(c.Must(f.r.t, "CLIENT", "LIST").Str, "events=rw") == clients })
}

// quiet checks that a client has got nothing.
func quiet(t *testing.T, c *testutil.Client, what string) {
	t.Helper()
	if c.Buffered(1) {
		t.Errorf("%s: there is a reply", what)
	}
}

// otherShard gives a key whose shard is not that of key.
func (r *rig) otherShard(key string) string {
	for i := 0; ; i++ {
		if other := fmt.Sprint("other", i); !r.sameShard(key, other) {
			return other
		}
	}
}

// pipe sends commands, with bars between them.
func pipe(t *testing.T, c *testutil.Client, cmds string) {
	t.Helper()
	var b []byte
	for _, cmd := range strings.Split(cmds, "|") {
		b = append(b, line(strings.Fields(cmd)...)...)
	}
	if err := c.SendRaw(b); err != nil {
		t.Fatal(err)
	}
}

// TestHeldReplies: no reply that tells of an effect goes before the effect is durable, whoever asks; others do.
func TestHeldReplies(t *testing.T) {
	r := start(t, options{loops: 2})
	other := r.otherShard("k")
	free := r.dial()
	free.Must(t, "SET", other, "before")
	f := r.keep(true)
	for _, step := range []struct{ write, replied, ask, want string }{
		{"SET k v", "+OK", "GET k", "$1 v"},
		{"APPEND k w", ":2", "SCAN 0 MATCH k", "*2 $1 0 *1 $1 k"},
		{"DEL k", ":1", "EXISTS k " + other, ":1"},
		{"SET k 1", "+OK", "MULTI|GET k|EXEC", "+OK|+QUEUED|*1 $1 1"},
		{"MULTI|INCR k|PING|EXEC", "+OK|+QUEUED|+QUEUED|*2 :2 +PONG", "KEYS k", "*1 $1 k"},
		{"SET k x", "+OK", "INCR k", "-ERR value is not an integer or out of range"},
		{"SET k v", "+OK", "SET k 5", "+OK"},
		{"SET k 1", "+OK", "MULTI|KEYS k|EXEC", "+OK|+QUEUED|*1 *1 $1 k"},
		{"DEL k", ":1", "MULTI|SET k x|PANIC k|EXEC", "+OK|+QUEUED|+QUEUED|-ERR internal error, the server's log has the details"},
		{"SET k y", "+OK", "MULTI|WATCH k|GET k|EXEC", "+OK|-ERR WATCH inside MULTI is not allowed|+QUEUED|*1 $1 y"},
		// With the world still: every shard is concerned.
		{"MULTI|KEYS none|SET k z|EXEC", "+OK|+QUEUED|+QUEUED|*2 *0 +OK", "GET " + other, "$6 before"},
	} {
		writer, reader := r.dial(), r.dial()
		pipe(t, writer, step.write)
		f.heldBack(1)
		pipe(t, reader, step.ask)
		f.heldBack(2)
		free.Must(t, "PING")
		if !strings.Contains(step.ask, other) {
			free.Must(t, "GET", other)
		}
		quiet(t, writer, step.write)
		quiet(t, reader, step.ask)
		f.sync()
		receive(t, writer, strings.Split(step.replied, "|")...)
		receive(t, reader, strings.Split(step.want, "|")...)
		writer.Close()
		reader.Close()
	}
}

// TestLoopSyncs: a loop that has nothing else to do has replies that it holds synced by itself, for all that have come; if somebody else is at
// that, it tries again once he is done.
func TestLoopSyncs(t *testing.T) {
	r := start(t, options{loops: 2})
	f := r.keep(true)
	var taken, tried atomic.Int64 // whether somebody else is at it, and how often one was found at it
	var mu sync.Mutex
	f.log.SetHooks(func() {}, func(bool) {
		if taken.Load() != 0 {
			tried.Add(1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		f.log.SetWritten(f.log.End())
		f.sync()
	})
	c, other := r.dial(), r.dial()
	for range 100 {
		c.Must(t, "SET", "k", "v")
		other.Must(t, "GET", "k")
	}
	taken.Store(1)
	for round := range 3 {
		before := tried.Load()
		pipe(t, c, "INCR n")
		pipe(t, other, "INCR n|MULTI|EXEC")
		f.heldBack(2)
		if tried.Load() == before {
			t.Error("no loop has tried to sync")
		}
		before = tried.Load()
		f.log.SetDurable(f.log.Durable()) // as of a sync that has none of it
		testutil.Poll(t, patience, func() bool { return tried.Load() >= before+1 })
		quiet(t, c, "somebody else syncs")
		taken.Store(0)
		f.log.SetDurable(f.log.Durable())
		one, err := c.Receive()
		two, err2 := other.Receive()
		if err != nil || err2 != nil || one.Value.Int+two.Value.Int != int64(4*round+3) {
			t.Fatalf("%q, %v; %q, %v", one.Raw, err, two.Raw, err2)
		}
		receive(t, other, "+OK", "*0")
		taken.Store(1)
	}
}

// TestHeldPipeline: a client that always has more commands on their way is given what has become durable meanwhile.
func TestHeldPipeline(t *testing.T) {
	r := start(t, options{})
	f := r.keep(true)
	c, look := r.dial(), r.dial()
	commands := func() string { // that the client has had run
		for l := range strings.Lines(look.Must(t, "CLIENT", "LIST").Str) {
			if strings.Contains(l, "cmd=incr") {
				return strconv.Itoa(field(t, l, "tot-cmds"))
			}
		}
		return ""
	}
	send := func(n int) {
		pipe(t, c, "INCR n")
		testutil.Poll(t, patience, func() bool { return commands() == strconv.Itoa(n) })
	}
	send(1)
	end := f.log.End()
	send(2)
	send(3)
	quiet(t, c, "nothing is durable")
	f.log.SetDurable(end - 1)
	quiet(t, c, "half an effect is durable")
	f.log.SetDurable(end)
	receive(t, c, ":1")
	quiet(t, c, "one effect is durable")
	send(4)
	f.sync()
	receive(t, c, ":2", ":3", ":4")
	pipe(t, c, "INCR n|PING")
	f.heldBack(1)
	quiet(t, c, "what stands behind a reply waits with it")
	f.log.HoldReplies(false)
	receive(t, c, ":5", "+PONG")
	pipe(t, c, "INCR n")
	receive(t, c, ":6")
}

// TestHeldWaiter: who has waited for a key gets it when the effects are durable of him who made it, and of taking it.
func TestHeldWaiter(t *testing.T) {
	r := start(t, options{loops: 2})
	f := r.keep(true)
	c, pusher := r.dial(), r.dial()
	r.sendWaiting(c, "BLPOP l 0")
	pipe(t, pusher, "RPUSH l x")
	f.heldBack(2)
	quiet(t, c, "served")
	quiet(t, pusher, "pushed")
	f.sync()
	receive(t, c, "*2 $1 l $1 x")
	receive(t, pusher, ":1")
	r.nobodyWaits()
	pipe(t, pusher, "RPUSH l x|DEL l")
	f.heldBack(1)
	pipe(t, c, "BLPOP l 0.01")
	f.heldBack(2)
	quiet(t, c, "there was nothing for want of what is not durable")
	f.sync()
	receive(t, c, "*-1")
	receive(t, pusher, ":1", ":1")
}

// TestHeldAndGone: a client that goes away while its reply is held leaves nothing behind, and others that are held get theirs.
func TestHeldAndGone(t *testing.T) {
	r := start(t, options{})
	f := r.keep(true)
	var list []*testutil.Client
	for i := range 5 {
		list = append(list, r.dial())
		pipe(t, list[i], "CLIENT ID")
		receive(t, list[i], fmt.Sprintf(":%d", i+1))
		pipe(t, list[i], "INCR n|QUIT")
	}
	f.heldBack(5)
	list[0].Close()
	r.dial().Must(t, "CLIENT", "KILL", "ID", "4")
	expectClosed(t, list[3])
	f.heldBack(3)
	f.sync()
	for _, i := range []int{1, 2, 4} {
		receive(t, list[i], fmt.Sprintf(":%d", i+1), "+OK")
		expectClosed(t, list[i])
	}
}

// TestHeldStream: a reply that is made as it is read waits as any other, and so does what is behind it.
func TestHeldStream(t *testing.T) {
	r := start(t, options{})
	f := r.keep(true)
	c := r.dial()
	const n = 3_000_000
	pipe(t, c, fmt.Sprintf("INCR n|STREAM %d ok|INCR n|STREAM %d ok|INCR n", n, n))
	f.heldBack(1)
	quiet(t, c, "a stream")
	for want := 1; want <= 3; want++ {
		f.sync()
		receive(t, c, ":"+strconv.Itoa(want))
		if want < 3 {
			if reply, err := c.Receive(); err != nil || reply.Value.Str != countedText(n) {
				t.Fatalf("%.50q, %v", reply.Raw, err)
			}
			testutil.Poll(t, patience, func() bool { return f.reader.Unread() > 0 })
		}
	}
	c.Send("INCR", "n")
	pipe(t, c, fmt.Sprintf("STREAM %d ok", n))
	f.heldBack(1)
	c.Close()
	r.closed("its client has gone")
}

// TestHeldCount: what is held back counts as unread.
func TestHeldCount(t *testing.T) {
	r := start(t, options{})
	limits := defaults()
	limits.Normal = session.OutputLimit{Hard: 1 << 20}
	r.hub.SetLimits(limits)
	f := r.keep(true)
	c := r.dial()
	pipe(t, c, "INCR n")
	for range 20 {
		_ = c.Send("BIG", "100000") // it may be closed by then
	}
	expectClosed(t, c)
	if _, output := r.hub.Disconnected(); output != 1 {
		t.Errorf("%d clients were closed for what they had not read", output)
	}
	f.heldBack(0)
}

// TestHeldMessages: a message comes behind the replies that are held, and alone when there are none.
func TestHeldMessages(t *testing.T) {
	r := start(t, options{})
	f := r.keep(true)
	c, other := r.dial(), r.dial()
	c.Must(t, "HELLO", "3")
	pipe(t, c, "SUBSCRIBE ch")
	receive(t, c, ">3 $9 subscribe $2 ch :1")
	pipe(t, other, "PUBLISH ch a")
	receive(t, other, ":1")
	receive(t, c, ">3 $7 message $2 ch $1 a")
	pipe(t, c, "INCR n")
	f.heldBack(1)
	pipe(t, other, "PUBLISH ch b")
	receive(t, other, ":1")
	quiet(t, c, "a message behind a reply")
	f.sync()
	receive(t, c, ":1", ">3 $7 message $2 ch $1 b")
}

// TestHeldLinearizable: while several clients write and read, no reply ever tells of what is not durable when it comes.
func TestHeldLinearizable(t *testing.T) {
	r := start(t, options{loops: 2, shards: 4})
	f := r.keep(true)
	const keys = 6
	var safe [keys]atomic.Int64 // what a restart would have
	keyOf := func(name string) int { n, _ := strconv.Atoi(strings.TrimPrefix(name, "n")); return n }
	var stop atomic.Bool
	var syncer, clients sync.WaitGroup
	syncer.Go(func() {
		var p resp.Parser
		p.Limits.MaxBulk = 1 << 20
		var text []byte
		for last := false; !last; {
			last = stop.Load()
			end := f.log.End()
			size := int64(0)
			for _, piece := range f.reader.Peek() {
				piece = piece[:min(int64(len(piece)), end-f.reader.Offset()-size)]
				text, size = append(text, piece...), size+int64(len(piece))
			}
			f.reader.Advance(int(size))
			for len(text) > 0 {
				argv, n, err := p.Next(text, nil)
				if err != nil || n == 0 {
					t.Errorf("the log has %.100q: %v", text, err)
					return
				}
				switch text = text[n:]; string(argv[0]) {
				case "INCRBY", "INCR":
					safe[keyOf(string(argv[1]))].Add(1)
				}
			}
			f.log.SetDurable(end)
		}
	})
	for seed := range uint64(8) {
		clients.Go(func() {
			c, rnd := r.dial(), rand.New(rand.NewPCG(seed, 1))
			check := func(key int, n int64) {
				if had := safe[key].Load(); n > had {
					t.Errorf("n%d is told to be %d, a restart would have %d", key, n, had)
				}
			}
			for range 1500 {
				key := rnd.IntN(keys)
				name := fmt.Sprint("n", key)
				switch rnd.IntN(5) {
				case 0, 1:
					check(key, c.Must(t, "INCR", name).Int)
				case 2:
					n, _ := strconv.ParseInt(c.Must(t, "GET", name).Str, 10, 64)
					check(key, n)
				case 3:
					next := (key + 1) % keys
					for i, v := range c.Must(t, "MGET", name, fmt.Sprint("n", next)).Elems {
						n, _ := strconv.ParseInt(v.Str, 10, 64)
						check((key+i)%keys, n)
					}
				case 4:
					pipe(t, c, "MULTI|INCR "+name+"|KEYS none|EXEC")
					for range 3 {
						c.Receive()
					}
					reply, err := c.Receive()
					if err != nil || len(reply.Value.Elems) != 2 {
						t.Errorf("EXEC: %q, %v", reply.Raw, err)
						return
					}
					check(key, reply.Value.Elems[0].Int)
				}
			}
		})
	}
	clients.Wait()
	stop.Store(true)
	syncer.Wait()
}

// TestWaitAOF: WAITAOF ends when what its client has written is durable, or never will be, or when its time has come; what stands behind it
// runs after it. WAIT has nobody to wait for.
func TestWaitAOF(t *testing.T) {
	const noFile = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
	r := start(t, options{loops: 2})
	c, other := r.dial(), r.dial()
	pipe(t, c, "WAITAOF 1 0 0|WAITAOF 0 0 0|WAIT 0 0|WAIT 1 10|WAITAOF 0 1 10|WAIT -5 0|MULTI|WAIT 1 0|WAITAOF 0 1 0|EXEC")
	receive(t, c, noFile, "*2 :0 :0", ":0", ":0", "*2 :0 :0", ":0", "+OK", "+QUEUED", "+QUEUED", "*2 :0 *2 :0 :0")
	f := r.keep(false)
	pipe(t, c, "WAITAOF 1 0 0")
	receive(t, c, "*2 :1 :0") // it has written nothing
	other.Must(t, "SET", "other", "v")
	pipe(t, c, "WAITAOF 1 0 0")
	receive(t, c, "*2 :1 :0") // somebody else has
	r.sendWaiting(c, "SET k v", "GET none", "WAITAOF 1 0 0", "INCR n")
	receive(t, c, "+OK", "$-1")
	f.log.SetDurable(f.log.End() - 1)
	quiet(t, c, "it is not durable")
	f.sync()
	receive(t, c, "*2 :1 :0", ":1")
	r.nobodyWaits()
	pipe(t, c, "MULTI|WAITAOF 1 0 0|EXEC")
	receive(t, c, "+OK", "+QUEUED", "*1 *2 :0 :0")
	pipe(t, c, "WAITAOF 1 0 10|WAITAOF 1 2 10|PING")
	receive(t, c, "*2 :0 :0", "*2 :0 :0", "+PONG")

	pipe(t, c, "CLIENT ID")
	reply, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.FormatInt(reply.Value.Int, 10)
	for _, how := range []struct{ word, reply string }{
		{"TIMEOUT", "*2 :0 :0"}, {"ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"},
	} {
		r.sendWaiting(c, "WAITAOF 1 0 0")
		other.Must(t, "CLIENT", "UNBLOCK", id, how.word)
		receive(t, c, how.reply)
	}
	for _, wanted := range []string{"0", "1"} { // without the file neither comes any more
		f.log.SetFile(engine.FileOn)
		r.sendWaiting(c, "INCR n", "WAITAOF 1 "+wanted+" 0")
		if _, err := c.Receive(); err != nil {
			t.Fatal(err)
		}
		f.log.SetFile(engine.FileOff)
		receive(t, c, noFile)
	}
	f.log.SetFile(engine.FileComing)
	r.sendWaiting(c, "WAITAOF 1 0 0") // also what has been written before is to be safe
	f.sync()
	quiet(t, c, "the file is not there yet")
	f.log.SetFile(engine.FileOn)
	receive(t, c, "*2 :1 :0")
	r.sendWaiting(c, "INCR n", "WAITAOF 1 0 0")
	c.Close()
	r.nobodyWaits()
	f.sync()
}

// TestHeldWaitAOF: WAITAOF behind a reply that is held ends with it, and its own reply goes with those behind it.
func TestHeldWaitAOF(t *testing.T) {
	r := start(t, options{})
	f := r.keep(true)
	c := r.dial()
	for range 3 {
		r.sendWaiting(c, "SET k v", "WAITAOF 1 0 0", "SET k w")
		quiet(t, c, "nothing is durable")
		f.sync()
		receive(t, c, "+OK")
		f.heldBack(1)
		f.sync()
		receive(t, c, "*2 :1 :0", "+OK")
	}
}
