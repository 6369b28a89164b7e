// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// TestAgainstRedis has redis-server and Redpoll say the same, but for what cannot be the same.
func TestAgainstRedis(t *testing.T) {
	oracle, c := testutil.Oracle(t).Dial(t), client(t)
	address := regexp.MustCompile(`at:0x[0-9a-f]+|lru:\d+|idle:\d+`)
	for _, line := range strings.Split(strings.TrimSpace(`
SET s hello EX 1000
SET i -70000
SETRANGE big 300 x
HSET h a 1 b text 12345 -70000
HSET wide f `+strings.Repeat("x", 65)+`
DEBUG OBJECT s
DEBUG OBJECT i
DEBUG OBJECT h
DEBUG OBJECT none
DEBUG DIGEST-VALUE s i big h wide none
DEBUG DIGEST-VALUE
DEBUG DIGEST
SELECT 3
HSET h a 1
DEBUG DIGEST
DEBUG POPULATE 3
DEBUG POPULATE 20 p 3
DEBUG POPULATE 5 q 30
DEBUG POPULATE x
DEBUG POPULATE 1 p -1
DEBUG POPULATE 1 p 1 1
MGET key:2 p:11 q:4
DEBUG DIGEST
DBSIZE
FLUSHDB ASYNC
FLUSHDB SYNC ASYNC
FLUSHALL NOW
DBSIZE
SELECT 0
DBSIZE
FLUSHALL SYNC
DEBUG DIGEST
DEBUG JMAP
DEBUG HTSTATS
DEBUG HTSTATS x
DEBUG HTSTATS 16
DEBUG HTSTATS -1
DEBUG HTSTATS-KEY none
DEBUG HTSTATS-KEY s
DEBUG HTSTATS-KEY h
DEBUG LISTPACK none
DEBUG LISTPACK s
DEBUG LISTPACK h
DEBUG LISTPACK wide
CONFIG SET list-max-listpack-size 2
RPUSH leaves a b c 1 -2 3
DEBUG QUICKLIST leaves
DEBUG QUICKLIST leaves 1
DEBUG QUICKLIST none
DEBUG QUICKLIST s
DEBUG QUICKLIST
DEBUG DIGEST-VALUE leaves none
DEBUG QUICKLIST-PACKED-THRESHOLD 1b
RPUSH plain abc d 1234567
LSET plain 0 {longer}
LRANGE plain 0 -1
DEBUG DIGEST-VALUE plain
DEBUG QUICKLIST-PACKED-THRESHOLD 5gb
DEBUG QUICKLIST-PACKED-THRESHOLD x
DEBUG QUICKLIST-PACKED-THRESHOLD 0
CONFIG SET list-max-listpack-size -2
DEL leaves plain
DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER
DEBUG REPLYBUFFER PEAK-RESET-TIME RESET
DEBUG REPLYBUFFER PEAK-RESET-TIME 100
DEBUG REPLYBUFFER PEAK-RESET-TIME x
DEBUG REPLYBUFFER RESIZING 0
DEBUG REPLYBUFFER RESIZING
DEBUG REPLYBUFFER NONSENSE 1
DEBUG PAUSE-CRON 0
DEBUG PAUSE-CRON x
DEBUG PAUSE-CRON
DEBUG CLIENT-EVICTION
CONFIG SET proc-title-template {title}
CONFIG SET proc-title-template {server-mode}
CONFIG SET proc-title-template {port}
SHUTDOWN ABORT NOW
SHUTDOWN SAVE NOSAVE
SHUTDOWN NONSENSE
SHUTDOWN ABORT
DEBUG SLEEP
DEBUG SLEEP abc
DEBUG SLEEP -1
DEBUG SET-ACTIVE-EXPIRE 0
DEBUG SET-ACTIVE-EXPIRE x
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG CHANGE-REPL-ID
DEBUG LOG word
DEBUG LOG
DEBUG ERROR MYCODE
DEBUG PROTOCOL nonsense
DEBUG
MEMORY USAGE none
MEMORY USAGE s SAMPLES
MEMORY USAGE s SAMPLES -1
MEMORY USAGE s SAMPLES x
MEMORY USAGE s NONSENSE 1
LOLWUT VERSION x
TIME now
`), "\n") {
		want, got := do(t, oracle, strings.Fields(line)...), do(t, c, strings.Fields(line)...)
		w, g := address.ReplaceAllString(testutil.Format(want), "…"), address.ReplaceAllString(testutil.Format(got), "…")
		if w != g {
			t.Errorf("%.60s\ngot  %s\nwant %s", line, g, w)
		}
	}
}

func TestDebugProtocol(t *testing.T) {
	oracle, c := testutil.Oracle(t).Dial(t), client(t)
	for _, proto := range []string{"2", "3"} {
		oracle.Must(t, "HELLO", proto)
		c.Must(t, "HELLO", proto)
		for _, name := range strings.Fields("string integer double bignum null array set map attrib push verbatim TRUE false") {
			call := testutil.AppendCommand(nil, "DEBUG", "PROTOCOL", name)
			replies := 1
			if proto == "3" && (name == "attrib" || name == "push") {
				replies = 2 // what comes before the reply proper
			}
			for range replies {
				want, err1 := oracle.DoRaw(call)
				got, err2 := c.DoRaw(call)
				if err1 != nil || err2 != nil || string(want.Raw) != string(got.Raw) {
					t.Errorf("%s in protocol %s: %q, want %q", name, proto, got.Raw, want.Raw)
				}
				call = nil
			}
		}
	}
}

// TestDebugPanic fails in a handler: the client gets an error, its connection and the data stay.
func TestDebugPanic(t *testing.T) {
	c := client(t)
	c.Must(t, "SET", "k", "v")
	for _, proto := range []string{"2", "3"} {
		c.Must(t, "HELLO", proto)
		if v := do(t, c, "DEBUG", "PANIC"); v.Str != "ERR internal error, the server's log has the details" {
			t.Errorf("DEBUG PANIC: %v", v)
		}
		for _, args := range [][]string{{"MULTI"}, {"SET", "k", "v"}, {"DEBUG", "PANIC"}, {"EXEC"}} {
			do(t, c, args...)
		}
		if v := c.Must(t, "GET", "k"); v.Str != "v" {
			t.Errorf("after it: %v", v)
		}
		if v := c.Must(t, "DBSIZE"); v.Int != 1 { // takes all shards, none of which is held any more
			t.Errorf("after it: %v", v)
		}
		c.Must(t, "FLUSHALL") // needs the world still
		c.Must(t, "SET", "k", "v")
	}
	if n := number(t, c, "redpoll_handler_panics"); n != 4 {
		t.Errorf("%d panics were counted, want 4", n)
	}
}

// TestReloadInAScript: what a script has done before it has the data read anew cannot be undone.
func TestReloadInAScript(t *testing.T) {
	log := &testutil.Lines{}
	o := saving(t.TempDir(), log)
	o.Config["busy-reply-threshold"], o.Config["enable-debug-command"] = "5", "yes"
	_, target := start(t, o)
	c, killer := target.Dial(t), target.Dial(t)
	c.Must(t, "DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1")
	const script = `
		redis.call('select', 1)
		redis.call('del', KEYS[1])
		for i = 1, 300 do redis.call('hset', KEYS[1], i, i) end
		redis.call('flushall')
		redis.call('set', KEYS[1], 1)
		redis.call('debug', 'reload')
		redis.call('set', KEYS[2], 2)
		while ARGV[1] do end
		return {redis.call('dbsize'), redis.call('hlen', KEYS[2])}`
	if v := do(t, c, "EVAL", script, "2", "a", "b"); !strings.HasPrefix(v.Str, "WRONGTYPE") {
		t.Errorf("%v", v)
	}
	if n := c.Must(t, "DBSIZE").Int + c.Must(t, "SELECT", "1").Int + c.Must(t, "DBSIZE").Int; n != 2 {
		t.Errorf("%d keys", n)
	}
	if err := c.Send("EVAL", script, "2", "a", "b", "for ever"); err != nil {
		t.Fatal(err)
	}
	const line = "DB reloaded by DEBUG RELOAD"
	testutil.Poll(t, 10*time.Second, func() bool { return strings.Count(log.String(), line) == 2 })
	testutil.Poll(t, 10*time.Second, func() bool { // it was NOTBUSY
		v, err := killer.Do("SCRIPT", "KILL")
		return err == nil && strings.HasPrefix(v.Str, "UNKILLABLE")
	})
}

// TestDebugSleepIsOvertaken has a command take long: others of its loop are served meanwhile.
func TestDebugSleepIsOvertaken(t *testing.T) {
	_, target := start(t, redpoll.Options{Loops: 1})
	slow, c := target.Dial(t), target.Dial(t)
	if err := slow.Send("DEBUG", "SLEEP", "1000"); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_detached_handlers") == 1 })
	for i := range 100 {
		c.Must(t, "SET", fmt.Sprint("k", i), "v")
	}
	c.Must(t, "DBSIZE")
	if slow.Buffered(0) {
		t.Error("the long command was over before the others")
	}
	if v := c.Must(t, "DEBUG", "SLEEP", "0.02"); v.Str != "OK" {
		t.Errorf("another one: %v", v)
	}
}

// TestCloseEndsSleep ends a server with a long command under way.
func TestCloseEndsSleep(t *testing.T) {
	s, target := start(t, redpoll.Options{Loops: 1})
	slow, c := target.Dial(t), target.Dial(t)
	if err := slow.Send("DEBUG", "SLEEP", "1000"); err != nil {
		t.Fatal(err)
	}
	testutil.Poll(t, patience, func() bool { return number(t, c, "redpoll_detached_handlers") == 1 })
	done := make(chan error, 1)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the server does not end")
	}
}

func TestSetActiveExpire(t *testing.T) {
	clock := redpoll.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	_, target := start(t, redpoll.Options{Clock: clock})
	c := target.Dial(t)
	c.Must(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	c.Must(t, "SET", "k", "v", "EX", "10")
	clock.Advance(20 * time.Second)
	if n := c.Must(t, "DBSIZE").Int; n != 1 {
		t.Errorf("%d keys are left, want the dead one", n)
	}
	c.Must(t, "DEBUG", "SET-ACTIVE-EXPIRE", "1")
	testutil.Poll(t, patience, func() bool {
		clock.Advance(time.Second)
		return c.Must(t, "DBSIZE").Int == 0
	})
}

// TestTableStats looks at the figures of tables.
func TestTableStats(t *testing.T) {
	c := client(t)
	c.Must(t, "DEBUG", "POPULATE", "1000")
	c.Must(t, "CONFIG", "SET", "hash-max-listpack-entries", "1", "maxmemory-clients", "1mb")
	c.Must(t, "HSET", "h", "a", "1", "b", "2")
	for _, test := range []struct{ call, want string }{
		{"DEBUG HTSTATS 0", " number of elements: 1001\n"},
		{"DEBUG HTSTATS 3", "No stats available for empty dictionaries"},
		{"DEBUG HTSTATS-KEY h full", " number of elements: 2\n"},
		{"DEBUG CLIENT-EVICTION", "1 clients take "},
	} {
		if v := c.Must(t, strings.Fields(test.call)...); !strings.Contains(v.Str, test.want) {
			t.Errorf("%s: %q", test.call, v.Str)
		}
	}
}

// TestPauseCron holds back what the server does by the clock.
func TestPauseCron(t *testing.T) {
	c := client(t)
	spent := func() string {
		info := c.Must(t, "INFO", "debug").Str
		_, rest, _ := strings.Cut(info, "eventloop_duration_cron_sum:")
		return strings.Fields(rest)[0]
	}
	first := spent()
	testutil.Poll(t, patience, func() bool { return spent() != first })
	c.Must(t, "DEBUG", "PAUSE-CRON", "1")
	testutil.Poll(t, patience, func() bool { // a round that was under way is over
		before := spent()
		c.Must(t, "DEBUG", "SLEEP", "0.25")
		return spent() == before
	})
	c.Must(t, "DEBUG", "PAUSE-CRON", "0")
	first = spent()
	testutil.Poll(t, patience, func() bool { return spent() != first })
}
