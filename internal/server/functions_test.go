// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// aLibrary gives the text of a library with one function, which gives a text; both have the same name.
func aLibrary(name, text string) string {
	return fmt.Sprintf("#!lua name=%s\nredis.register_function('%s', function() return '%s' end)", name, name, text)
}

// libraries gives the texts of all libraries.
func libraries(t *testing.T, c *testutil.Client) string {
	t.Helper()
	var codes []string
	for _, l := range c.Must(t, "FUNCTION", "LIST", "WITHCODE").Elems {
		codes = append(codes, l.Elems[7].Str)
	}
	return strings.Join(codes, "\n")
}

// TestFunctionsSaved saves libraries: the file has those that there were when the command came, not what was done to them meanwhile.
func TestFunctionsSaved(t *testing.T) {
	dir := t.TempDir()
	o := saving(dir, nil)
	o.Config["rdb-key-save-delay"] = endless
	_, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "SET", "k", "v")
	c.Must(t, "FUNCTION", "LOAD", aLibrary("a", "old"))
	c.Must(t, "FUNCTION", "LOAD", aLibrary("b", "old"))
	was := libraries(t, c)
	replies, err := c.Pipeline([]string{"BGSAVE"}, []string{"FUNCTION", "LOAD", "REPLACE", aLibrary("a", "new")}, []string{"FUNCTION", "DELETE", "b"},
		[]string{"FUNCTION", "LOAD", aLibrary("c", "new")}, []string{"CONFIG", "SET", "rdb-key-save-delay", "0"})
	if err != nil || replies[3].Value.Str != "c" {
		t.Fatalf("%v, %v", replies, err)
	}
	settled(t, c)
	_, again := start(t, saving(dir, nil))
	d := again.Dial(t)
	if v := libraries(t, d); v != was {
		t.Errorf("the file has the libraries\n%s\nnot\n%s", v, was)
	}
	expect(t, d, "old", "FCALL", "b", "0")
	d.Must(t, "FLUSHALL")
	expect(t, d, "old", "FCALL", "a", "0")
	if libs, functions := number(t, d, "number_of_libraries"), number(t, d, "number_of_functions"); libs != 2 || functions != 2 {
		t.Errorf("INFO counts %d libraries with %d functions", libs, functions)
	}
}

// TestFunctionsLogged starts from append-only files that have libraries in bases of both forms, and in increments.
func TestFunctionsLogged(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		dir := t.TempDir()
		o := logging(dir, nil, "aof-use-rdb-preamble", preamble, "aof-timestamp-enabled", preamble)
		s, target := start(t, o)
		c := target.Dial(t)
		again := func(when string) {
			t.Helper()
			was := libraries(t, c)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, target = start(t, o)
			c = target.Dial(t)
			if v := libraries(t, c); v != was {
				t.Errorf("preamble %s, %s:\n%s\nwas\n%s", preamble, when, v, was)
			}
			was = c.Must(t, "FCALL", "a", "0").Str
			c.Must(t, "DEBUG", "LOADAOF")
			expect(t, c, was, "FCALL", "a", "0")
		}
		c.Must(t, "FUNCTION", "LOAD", aLibrary("a", "old"))
		c.Must(t, "FUNCTION", "LOAD", aLibrary("b", "old"))
		again("after a start")
		c.Must(t, "BGREWRITEAOF")
		rewritten(t, c)
		again("after a rewrite")
		payload := c.Must(t, "FUNCTION", "DUMP").Str
		c.Must(t, "FUNCTION", "LOAD", "REPLACE", aLibrary("a", "new"))
		c.Must(t, "FUNCTION", "DELETE", "b")
		again("with an increment")
		c.Must(t, "FUNCTION", "FLUSH")
		c.Must(t, "FUNCTION", "RESTORE", payload)
		c.Must(t, "MULTI")
		c.Must(t, "FUNCTION", "LOAD", aLibrary("c", "queued"))
		c.Must(t, "SET", "k", "v")
		c.Must(t, "EXEC")
		again("with more of it")
		expect(t, c, "queued", "FCALL", "c", "0")
	}
}

// TestFunctionEffects has a function that changes keys be run again: its effects are logged, not its call.
func TestFunctionEffects(t *testing.T) {
	dir := t.TempDir()
	o := logging(dir, nil)
	s, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function(keys) redis.call('INCR', keys[1]) redis.call('INCR', keys[2]) end)")
	c.Must(t, "FCALL", "f", "2", "a", "b")
	c.Must(t, "FUNCTION", "DELETE", "l")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	if err != nil || strings.Contains(string(b), "FCALL") || strings.Count(string(b), "MULTI") != 1 ||
		strings.Count(string(b), "\nINCR\r") != 2 {
		t.Errorf("the log has %q, %v", b, err)
	}
	_, target = start(t, o)
	expect(t, target.Dial(t), "1", "GET", "b")
}

// TestFunctionsOfOldLogs runs a log that has calls of functions, as of a server that logged them so.
func TestFunctionsOfOldLogs(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "appendonlydir"), 0o755); err != nil {
		t.Fatal(err)
	}
	var log []byte
	for _, call := range [][]string{
		{"SELECT", "0"}, {"FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function(keys, args) return redis.call('SET', keys[1], args[1]) end)"},
		{"FCALL", "f", "1", "k", "v"}, {"MULTI"}, {"FCALL", "f", "1", "k2", "v2"}, {"FUNCTION", "DELETE", "l"}, {"EXEC"},
		{"FUNCTION", "LOAD", aLibrary("m", "there")},
	} {
		log = testutil.AppendCommand(log, call...)
	}
	for name, text := range map[string]string{"appendonly.aof.1.incr.aof": string(log), "appendonly.aof.manifest": "file appendonly.aof.1.incr.aof seq 1 type i\n"} {
		if err := os.WriteFile(filepath.Join(dir, "appendonlydir", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, target := start(t, logging(dir, nil))
	c := target.Dial(t)
	expect(t, c, "v", "GET", "k")
	expect(t, c, "v2", "GET", "k2")
	expect(t, c, "ERR Function not found", "FCALL", "f", "1", "k", "w")
	expect(t, c, "there", "FCALL", "m", "0")
}

// TestFunctionsReloaded reads libraries back that are there, and that are not in the file.
func TestFunctionsReloaded(t *testing.T) {
	log := &testutil.Lines{}
	_, target := start(t, saving(t.TempDir(), log))
	c := target.Dial(t)
	c.Must(t, "FUNCTION", "LOAD", aLibrary("a", "old"))
	c.Must(t, "DEBUG", "RELOAD")
	expect(t, c, "old", "FCALL", "a", "0")
	expect(t, c, "ERR Error trying to load the RDB dump, check server logs.", "DEBUG", "RELOAD", "NOFLUSH")
	if !log.Has("Failed creating the library of functions: Library 'a' already exists at offset ") {
		t.Error("the log does not say why")
	}
	expect(t, c, "old", "FCALL", "a", "0")
	c.Must(t, "FUNCTION", "LOAD", aLibrary("b", "later"))
	c.Must(t, "DEBUG", "RELOAD", "NOSAVE")
	expect(t, c, "ERR Function not found", "FCALL", "b", "0")
	expect(t, c, "old", "FCALL", "a", "0")
}

// TestFunctionsDamaged starts from files whose libraries cannot be loaded: there is no server.
func TestFunctionsDamaged(t *testing.T) {
	const good = "#!lua name=a\nredis.register_function('f', function() end)"
	for _, tc := range []struct{ first, second, why string }{
		{"x", "", "Missing library metadata"},
		{"#!lua name=a\nx = 1", "", "Attempt to modify a readonly table"},
		{"#!lua name=a\n", "", "No functions registered"},
		{good, good, "Library 'a' already exists"},
		{good, strings.Replace(good, "=a", "=b", 1), "Function f already exists"},
	} {
		file := []byte("REDIS0010")
		for _, code := range []string{tc.first, tc.second} {
			if code != "" {
				file = append(append(file, 245, byte(len(code))), code...)
			}
		}
		dir, log := t.TempDir(), &testutil.Lines{}
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), append(file, "\xff\x00\x00\x00\x00\x00\x00\x00\x00"...), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := redpoll.Start(saving(dir, log))
		if err == nil {
			s.Close()
			t.Errorf("a start from %q", file)
		}
		if !log.Has(tc.why) {
			t.Errorf("of %q the log says\n%s", file, log)
		}
	}
}

// TestFunctionLoadEndless loads libraries that would run on and on, or take all memory, while another client is served.
func TestFunctionLoadEndless(t *testing.T) {
	o := saving(t.TempDir(), nil)
	o.Loops, o.Config["lua-memory-limit"] = 1, "16mb"
	_, target := start(t, o)
	c, d := target.Dial(t), target.Dial(t)
	d.Must(t, "FUNCTION", "LOAD", aLibrary("a", "there"))
	for _, body := range []string{"while true do end", "local s = ('x'):rep(1000) while true do s = s .. s end", "local t = {} while true do t[#t + 1] = {} end",
		"local function f() return f() end f()", "local function f() return 1 + f() end f()", "(('a'):rep(30) .. 'b'):find(('.-'):rep(20) .. 'c')"} {
		overtaken := number(t, d, "redpoll_detached_handlers")
		if err := c.Send("FUNCTION", "LOAD", "REPLACE", "#!lua name=a\n"+body); err != nil {
			t.Fatal(err)
		}
		testutil.Poll(t, patience, func() bool {
			expect(t, d, "there", "FCALL", "a", "0")
			return c.Buffered(time.Millisecond)
		})
		r, err := c.Receive()
		if err != nil || !strings.HasPrefix(r.Value.Str, "ERR Error registering functions: ") {
			t.Errorf("%s: %v, %v", body, r.Value, err)
		}
		if strings.Contains(r.Value.Str, "timeout") && number(t, d, "redpoll_detached_handlers") == overtaken {
			t.Errorf("%s: it has kept its loop", body)
		}
	}
}

// TestFunctionKill ends functions that have written, one that declares its key and one that needs the world still: what they did is undone.
func TestFunctionKill(t *testing.T) {
	o := saving(t.TempDir(), nil)
	o.Config["busy-reply-threshold"] = "20"
	_, target := start(t, o)
	c, d := target.Dial(t), target.Dial(t)
	d.Must(t, "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('slow', function(keys, args) redis.call(args[1], '*') redis.call('SET', 'k', 'v') while true do end end)")
	expect(t, d, "NOTBUSY No scripts in execution right now.", "FUNCTION", "KILL")
	for _, call := range [][]string{{"FCALL", "slow", "1", "k", "GET"}, {"FCALL", "slow", "0", "KEYS"}} {
		if err := c.Send(call...); err != nil {
			t.Fatal(err)
		}
		const busy = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
		testutil.Poll(t, patience, func() bool { return do(t, d, "GET", "k").Str == busy })
		stats := d.Must(t, "FUNCTION", "STATS").Elems[1].Elems
		if got := fmt.Sprint(stats[1].Str, stats[3].Strings()); got != fmt.Sprint("slow", call) || stats[5].Int < 20 {
			t.Errorf("%s has run for %d ms", got, stats[5].Int)
		}
		expect(t, d, busy, "SCRIPT", "KILL")
		expect(t, d, busy, "FUNCTION", "LOAD", aLibrary("a", "new"))
		expect(t, d, "PONG", "PING")
		d.Must(t, "FUNCTION", "KILL")
		r, err := c.Receive()
		if err != nil || !strings.HasPrefix(r.Value.Str, "ERR Script killed by user with ") || !strings.HasSuffix(r.Value.Str, " script: slow, on @user_function:2.") {
			t.Errorf("%v, %v", r.Value, err)
		}
		if v := d.Must(t, "EXISTS", "k"); v.Int != 0 {
			t.Error("its write was not undone")
		}
	}
}

// TestFunctionsChange calls functions from many connections on all loops while their library is replaced, removed and restored: each call has
// the library as it was at some moment, and in the end the log has what there is.
func TestFunctionsChange(t *testing.T) {
	dir := t.TempDir()
	o := logging(dir, nil)
	o.Loops = 3
	s, target := start(t, o)
	c := target.Dial(t)
	c.Must(t, "FUNCTION", "LOAD", aLibrary("a", "v"))
	stop := make(chan struct{})
	var callers, changers sync.WaitGroup
	for range 4 {
		d := target.Dial(t)
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				replies, err := d.Pipeline([]string{"FCALL", "a", "0"}, []string{"FCALL_RO", "b", "0"}, []string{"FUNCTION", "LIST", "WITHCODE"}, []string{"FUNCTION", "STATS"})
				if err != nil {
					t.Error(err)
					return
				}
				if v := replies[0].Value.Str; !strings.HasPrefix(v, "v") && v != "ERR Function not found" {
					t.Errorf("FCALL gives %q", v)
				}
			}
		})
	}
	payload := c.Must(t, "FUNCTION", "DUMP").Str
	for n := range 3 {
		d := target.Dial(t)
		changers.Go(func() {
			for i := range 40 {
				name := []string{"a", "b"}[i%2]
				_, err := d.Pipeline([]string{"FUNCTION", "LOAD", "REPLACE", aLibrary(name, fmt.Sprint("v", n, "-", i))}, []string{"FUNCTION", "DELETE", "b"},
					[]string{"FUNCTION", "RESTORE", payload, "REPLACE"}, []string{"MULTI"}, []string{"FUNCTION", "FLUSH"}, []string{"FUNCTION", "LOAD", aLibrary("c", fmt.Sprint(n, "-", i))},
					[]string{"EXEC"}, []string{"FUNCTION", "LOAD", "REPLACE", aLibrary(name, fmt.Sprint("v", n, "+", i))})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	changers.Wait()
	close(stop)
	callers.Wait()
	was := libraries(t, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, target = start(t, o)
	if v := libraries(t, target.Dial(t)); v != was || v == "" {
		t.Errorf("the log has\n%s\nthere was\n%s", v, was)
	}
}
