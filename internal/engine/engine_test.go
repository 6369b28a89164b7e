// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/mem"
)

func fakeBench(t *testing.T, o Options) *bench { return newBench(t, clock.NewFake(someTime), o) }

// locks checks that no shard is held and that the world can be still.
func (b *bench) locks() {
	b.t.Helper()
	for i := range b.Store.Shards() {
		if !b.Store.TryLock(i) {
			b.t.Errorf("shard %d is still held", i)
			continue
		}
		b.Store.Unlock(i)
	}
	if !b.Store.Still() {
		b.t.Fatal("the world cannot be still")
	}
	b.Store.Resume()
}

// TestEndlessReply: a command that would write for ever ends with an error, and its client goes on.
func TestEndlessReply(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{})
	b.maxPending = 64 << 10
	c := b.connect()
	b.slow = func() bool {
		c.cl.Reply.BulkString("as much as is wanted")
		return true
	}
	c.want("-"+command.ErrTooLong.Error()+" $-1", "SLOW k", "GET k")
}

func TestReplies(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	c.want("+OK $1 v $-1", "SET k v", "GET k", "GET absent")
	c.want("+OK *3 $1 v $-1 $1 w", "SET l w", "MGET k no l")
}

func TestMute(t *testing.T) {
	b := fakeBench(t, Options{})
	c := b.connect()
	c.want("$1 1", "REPLY SKIP", "SET k 1", "GET k")
	c.want("$1 1", "REPLY SKIP", "NOSUCH", "GET k")
	c.want("$1 1", "REPLY SKIP", "REPLY SKIP", "GET k", "GET k")
	c.want("+OK $1 2", "REPLY OFF", "SET k 2", "GET k", "NOSUCH", "PANIC k", "REPLY ON", "GET k")
	c.want("+OK", "REPLY OFF", "MULTI", "SET k 3", "EXEC", "REPLY ON")
	c.want("$1 3", "GET k")
}

func TestTransactions(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"plain", []string{"MULTI", "SET a 1", "INCRBY a 2", "GET b", "EXEC"}, "+OK +QUEUED +QUEUED +QUEUED *3 +OK :3 $-1"},
		{"empty", []string{"MULTI", "EXEC"}, "+OK *0"},
		{"error inside", []string{"SET a x", "MULTI", "INCRBY a 1", "SET b 1", "EXEC"},
			"+OK +OK +QUEUED +QUEUED *2 -ERR value is not an integer or out of range +OK"},
		{"refused", []string{"MULTI", "SET a", "SET b 1", "EXEC", "GET b"},
			"+OK -ERR wrong number of arguments for 'set' command +QUEUED -EXECABORT Transaction discarded because of previous errors. $-1"},
		{"not in a transaction", []string{"MULTI", "NOMULTI", "EXEC"},
			"+OK -ERR Command not allowed inside a transaction -EXECABORT Transaction discarded because of previous errors."},
		{"nested", []string{"MULTI", "MULTI", "WATCH a", "EXEC"},
			"+OK -ERR MULTI calls can not be nested -ERR WATCH inside MULTI is not allowed *0"},
		{"without", []string{"EXEC", "DISCARD"}, "-ERR EXEC without MULTI -ERR DISCARD without MULTI"},
		{"discard", []string{"WATCH a", "MULTI", "SET a 1", "DISCARD", "GET a", "EXEC"}, "+OK +OK +QUEUED +OK $-1 -ERR EXEC without MULTI"},
		{"databases", []string{"MULTI", "SELECT 2", "SET a 1", "EXEC", "GET a", "SELECT 0", "GET a"},
			"+OK +QUEUED +QUEUED *2 +OK +OK $1 1 +OK $-1"},
		{"world", []string{"SET a 5", "MULTI", "SUM", "DBSIZE", "FLUSHALL", "DBSIZE", "SET b 1", "EXEC", "DBSIZE"},
			"+OK +OK +QUEUED +QUEUED +QUEUED +QUEUED +QUEUED *5 :5 :1 +OK :0 +OK :1"},
		{"watched, unchanged", []string{"SET a 1", "WATCH a b", "GET a", "MULTI", "GET a", "EXEC"}, "+OK +OK $1 1 +OK +QUEUED *1 $1 1"},
		{"watched, changed", []string{"WATCH a b", "SET b 1", "MULTI", "SET a 1", "EXEC", "GET a", "MULTI", "EXEC"},
			"+OK +OK +OK +QUEUED *-1 $-1 +OK *0"},
		{"unwatched", []string{"WATCH a", "SET a 1", "UNWATCH", "MULTI", "GET a", "EXEC"}, "+OK +OK +OK +OK +QUEUED *1 $1 1"},
		{"watched, flushed", []string{"SET a 1", "WATCH a", "FLUSHALL", "MULTI", "EXEC"}, "+OK +OK +OK +OK *-1"},
		{"watched and aborted", []string{"WATCH a", "MULTI", "NOSUCH", "EXEC", "SET a 1", "MULTI", "EXEC"},
			"+OK +OK -ERR unknown command 'NOSUCH', with args beginning with: " +
				"-EXECABORT Transaction discarded because of previous errors. +OK +OK *0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, shards := range []int{1, 64} {
				b := fakeBench(t, Options{Shards: shards})
				client := b.connect()
				got := strings.Join(strings.Fields(client.do(c.lines...)), " ")
				if want := strings.Join(strings.Fields(c.want), " "); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				b.locks()
			}
		})
	}
}

// TestWatchedKeyExpires: a key that has died since is a change, whether anybody met it or not.
func TestWatchedKeyExpires(t *testing.T) {
	b := fakeBench(t, Options{})
	c := b.connect()
	c.want("+OK +OK +OK +QUEUED", "SETPX a 100 v", "WATCH a", "MULTI", "GET a")
	b.clock.Advance(101 * time.Millisecond)
	c.want("*-1", "EXEC")
}

// TestForget: a client that goes away leaves no watch behind, be the world still or not.
func TestForget(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	c.do("WATCH a b c d e f", "MULTI", "SET a 1")
	if !b.Store.Still() {
		t.Fatal("not still")
	}
	c.w.Forget(c.cl)
	b.Store.Resume()
	c = b.connect()
	c.do("WATCH a b c d e f")
	c.w.Forget(c.cl)
	if c.cl.Watching() != 0 {
		t.Error("still watching")
	}
	if _, in := c.cl.InTransaction(); in {
		t.Error("still in a transaction")
	}
	b.locks()
}

func TestPanics(t *testing.T) {
	const internal = "-ERR internal error, the server's log has the details"
	b := fakeBench(t, Options{Shards: 4})
	reader := b.Effects.Attach(nil)
	c := b.connect()
	c.want("+OK "+internal+" $1 v", "SET k v", "PANIC k a b c", "GET k")
	b.locks()
	c.want(internal+" $1 v", "PANICALL", "GET k")
	b.locks()
	c.want("+OK +QUEUED +QUEUED +QUEUED "+internal+" $1 2 -ERR EXEC without MULTI",
		"MULTI", "SET k 2", "PANIC k x y", "SET k 3", "EXEC", "GET k", "EXEC")
	b.locks()
	c.want("+OK +QUEUED +QUEUED "+internal+" $1 4", "MULTI", "SET k 4", "PANICALL", "EXEC", "GET k")
	b.locks()
	if n := b.Stats.Panics.Load(); n != 4 {
		t.Errorf("%d panics counted", n)
	}
	copied := fakeBench(t, Options{Shards: 2})
	copied.replay(take(reader))
	if got, want := copied.dump(), b.dump(); got != want {
		t.Errorf("the log gives %s, want %s", got, want)
	}
}

// TestStats counts calls, errors and commands as Redis does: what is queued counts when it is executed.
func TestStats(t *testing.T) {
	b := fakeBench(t, Options{})
	c := b.connect()
	c.do("SET a x", "GET a", "GET b", "INCRBY a 1", "GET", "NOSUCH", "MULTI", "SET a 1", "INCRBY a 1", "NOSUCH", "DISCARD",
		"MULTI", "SET a 2", "INCRBY a 1", "EXEC")
	for _, want := range []struct {
		name                    string
		calls, rejected, failed int64
	}{
		{"set", 2, 0, 0}, {"get", 2, 1, 0}, {"incrby", 2, 0, 1}, {"multi", 2, 0, 0}, {"exec", 1, 0, 0}, {"discard", 1, 0, 0},
	} {
		s := &b.Stats.Commands[b.Registry.Lookup([]byte(want.name)).ID()]
		if s.Calls.Load() != want.calls || s.Rejected.Load() != want.rejected || s.Failed.Load() != want.failed {
			t.Errorf("%s: %d calls, %d rejected, %d failed", want.name, s.Calls.Load(), s.Rejected.Load(), s.Failed.Load())
		}
	}
	if n := b.Stats.Total.Load(); n != 10 {
		t.Errorf("%d commands in all", n)
	}
	if h, m := b.Stats.Hits.Load(), b.Stats.Misses.Load(); h != 1 || m != 1 {
		t.Errorf("%d hits, %d misses", h, m)
	}
	if got := fmt.Sprint(b.Stats.ByCode()); got != "[{ERR 4}]" || b.Stats.Errors.Load() != 4 {
		t.Errorf("errors %s", got)
	}
	b.Stats.Reset()
	if b.Stats.Total.Load() != 0 || len(b.Stats.ByCode()) != 0 {
		t.Error("not reset")
	}
}

func TestAuth(t *testing.T) {
	b := fakeBench(t, Options{})
	c := b.connect()
	c.cl.Authenticated = false
	c.want("-NOAUTH Authentication required. -ERR unknown command 'NOSUCH', with args beginning with:", "GET a", "NOSUCH")
	if n, st := c.try("QUIT", "GET a"); n != 1 || st != Closing {
		t.Errorf("%d commands, status %v", n, st)
	}
	if text := c.replies(); text != "+OK" {
		t.Errorf("replies %s", text)
	}
}

// TestOutOfMemory: what finds no memory gets the OOM error, and nothing is lost.
func TestOutOfMemory(t *testing.T) {
	arena, err := mem.NewArena(mem.Options{Reserve: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	b := fakeBench(t, Options{Shards: 8, Arena: arena})
	reader := b.Effects.Attach(nil)
	c := b.connect()
	refused, there := 0, map[string]bool{}
	for i := 0; refused < 50; i++ {
		key := fmt.Sprint("key:", i)
		switch text := c.do("SET " + key + " " + strings.Repeat("v", 1+i%5000)); {
		case text == "+OK":
			there[key] = true
		case strings.HasPrefix(text, "-OOM "):
			refused++
		default:
			t.Fatal(text)
		}
		if i > 100_000 {
			t.Fatal("memory has no end")
		}
	}
	b.locks()
	c.want("+OK +QUEUED -OOM command not allowed when used memory > 'maxmemory'.",
		"MULTI", "SET big "+strings.Repeat("x", 3<<20), "EXEC")
	c.want(fmt.Sprint(":", len(there)), "DBSIZE")
	for i := range 1000 {
		if key := fmt.Sprint("key:", i); there[key] {
			if text := c.do("GET " + key); len(text) < i%5000 || text == "$-1" {
				t.Errorf("%s is %.30s", key, text)
			}
		}
	}
	copied := fakeBench(t, Options{})
	copied.replay(take(reader))
	if got, want := copied.dump(), b.dump(); got != want {
		t.Error("the log gives another state")
	}
	c.want("+OK", "FLUSHALL")
	if b.Store.Used() != 0 {
		t.Errorf("%d bytes are used by nothing", b.Store.Used())
	}
	if b.Stats.Panics.Load() != 0 {
		t.Error("a refusal counts as a bug")
	}
}

// TestMaxMemory: past the limit what takes memory is refused, and so is all that a transaction would queue.
func TestMaxMemory(t *testing.T) {
	const oom = "-OOM command not allowed when used memory > 'maxmemory'."
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	c.do("SET a 1", "MULTI", "SET b 1")
	b.SetMaxMemory(1)
	c.want("-EXECABORT Transaction discarded because of: "+oom[1:]+" $-1 -ERR EXEC without MULTI", "EXEC", "GET b", "EXEC")
	c.want(oom+" $1 1", "SET a 2", "GET a")
	c.want("+OK "+oom+" "+oom+" "+oom+" -EXECABORT Transaction discarded because of previous errors.",
		"MULTI", "GET a", "WATCH a", "DEL a", "EXEC")
	c.want("+OK "+oom+" +OK +OK *0", "MULTI", "GET a", "DISCARD", "MULTI", "EXEC")
	b.SetMaxMemory(1 << 30)
	c.want("+OK", "SET a 2")
	b.SetMaxMemory(1)
	c.want(":1 +OK "+oom, "DEL a", "SET a 3", "SET a 4") // an empty store is below any limit
	b.SetMaxMemory(0)
	c.want("+OK", "SET a 5")
	b.locks()
}

// TestReadBufferIsUsedAgain: another key may lie where an earlier one did.
func TestReadBufferIsUsedAgain(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	c := b.connect()
	c.do("SET aaaa 1", "SET bbbb 2")
	buffer := []byte("aaaa")
	run := func(name, key string) string {
		copy(buffer, key)
		var call Call
		c.w.Prepare(c.cl, &call, [][]byte{[]byte(name), buffer}, false)
		c.w.Run(nil, c.cl, []Call{call})
		return c.replies()
	}
	if got := run("GET", "aaaa") + run("MGET", "bbbb") + run("DEL", "bbbb") + run("GET", "bbbb"); got != "$1 1*1 $1 2:1$-1" {
		t.Error(got)
	}
}
