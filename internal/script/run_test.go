// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
)

// A stage is an engine of which only scripts are played: commands are canned.
type stage struct {
	command.Host
	replies map[string]string // by the command's first word
	calls   []string          // that were made
	counted []string          // errors
	ended   []error           // what EndScript was told
	killAt  int               // the tick, counted from 1, that kills; 0: none
	ticks   int
	local   any
	debug   bool
}

func (s *stage) BeginScript(*command.ScriptRun) error              { return nil }
func (s *stage) Replicate(command.ReplicateTo)                     {}
func (s *stage) MayRun([][]byte) (known, may bool)                 { return true, true }
func (s *stage) CountError(text string)                            { s.counted = append(s.counted, text) }
func (s *stage) Local() *any                                       { return &s.local }
func (s *stage) KillScripts(bool) error                            { return nil }
func (s *stage) RunningScript() (r command.ScriptRunning, ok bool) { return r, false }

func (s *stage) ClientID() int64               { return 1 }
func (s *stage) Fieldsets() *command.Fieldsets { return nil }
func (s *stage) WantsDebugger() *bool          { return &s.debug }

func (s *stage) CallScript(argv [][]byte, _ int) ([]byte, error) {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = string(w)
	}
	s.calls = append(s.calls, strings.Join(words, " "))
	if words[0] == "panic" {
		panic("a command fails")
	}
	return []byte(s.replies[words[0]]), nil
}

func (s *stage) EndScript(err error) error {
	s.ended = append(s.ended, err)
	var killed *command.ScriptKilled
	if errors.As(err, &killed) {
		return nil
	}
	return err
}

func (s *stage) Ahead(int64) error { return s.Tick() }

func (s *stage) Tick() error {
	if s.ticks++; s.ticks == s.killAt {
		return &command.ScriptKilled{}
	}
	return nil
}

// A player runs scripts on a stage.
type player struct {
	*stage
	m        *Machine
	registry *command.Registry
	proto    int // of the client
}

func newPlayer(t *testing.T, limit int64) *player {
	t.Helper()
	p := &player{stage: &stage{replies: map[string]string{}}, proto: 2}
	p.m = New(Options{
		Log: slog.New(slog.DiscardHandler), MemoryLimit: func() int64 { return limit }, Version: func() string { return "7.0.15" },
		Clock: clock.Real(),
	})
	var err error
	if p.registry, err = command.NewRegistry(p.m.Families()...); err != nil {
		t.Fatal(err)
	}
	return p
}

// eval gives what EVAL replies, as it is sent, or the error that it returns.
func (p *player) eval(script string, words ...string) string {
	argv := [][]byte{[]byte("EVAL"), []byte(script), []byte("0")}
	for _, w := range words {
		argv = append(argv, []byte(w))
	}
	return p.do(argv...)
}

// do gives the reply to any command of the package.
func (p *player) do(argv ...[]byte) string {
	spec := p.registry.Resolve(argv)
	var w resp.Writer
	w.Init(resp.NewChunkPool(8))
	w.Proto = p.proto
	if err := spec.Run(&command.Ctx{Argv: argv, Spec: spec, Host: p.stage, Client: p.stage, Reply: &w}); err != nil && err != command.ErrQuiet {
		return err.Error()
	}
	var b strings.Builder
	for w.Pending() > 0 {
		chunk := w.Next()
		b.Write(chunk)
		w.Consume(len(chunk))
	}
	return b.String()
}

// TestReplies: what commands reply becomes Lua values, of every kind of RESP3, and these become the same reply again.
func TestReplies(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.proto = 3
	for _, reply := range []string{
		"+OK\r\n", "-WRONG kind\r\n", ":42\r\n", ":-7\r\n", "$0\r\n\r\n", "$4\r\na\r\nb\r\n", "*0\r\n", "*2\r\n:1\r\n$1\r\na\r\n", "_\r\n", "#t\r\n", "#f\r\n",
		",1.5\r\n", ",inf\r\n", ",-inf\r\n", "(12345678901234567890\r\n", "=7\r\ntxt:a\r\n\r\n", "%1\r\n$1\r\na\r\n*1\r\n:1\r\n", "~1\r\n$1\r\nm\r\n", "%0\r\n",
		"*1\r\n*1\r\n*1\r\n%1\r\n:1\r\n~1\r\n,0.5\r\n",
	} {
		p.replies["x"] = reply
		if got := p.eval("redis.setresp(3) return redis.pcall('x')"); got != reply {
			t.Errorf("%q becomes %q", reply, got)
		}
	}
	for _, c := range []struct{ reply, want string }{
		{"|1\r\n$3\r\nttl\r\n:3600\r\n:7\r\n", ":7\r\n"}, {"$-1\r\n", "#f\r\n"}, {"*-1\r\n", "#f\r\n"}, {"*3\r\n:1\r\n_\r\n:3\r\n", "*1\r\n:1\r\n"},
		{":9223372036854775807\r\n", ":-9223372036854775808\r\n"}, {":9007199254740993\r\n", ":9007199254740992\r\n"},
	} {
		p.replies["x"] = c.reply
		if got := p.eval("redis.setresp(3) return redis.pcall('x')"); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.reply, got, c.want)
		}
	}
}

// TestNumbersOfCommands: numbers are written with 17 digits, and nothing but numbers and strings is taken.
func TestNumbersOfCommands(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.replies["x"] = "+OK\r\n"
	p.eval("redis.call('x',1,2.5,1e17,0.1,-0,2^53,'s')")
	if got, want := p.calls[0], "x 1 2.5 1e+17 0.10000000000000001 -0 9007199254740992 s"; got != want {
		t.Errorf("the command is %q, want %q", got, want)
	}
	if got := p.eval("return redis.call('x',{})"); !strings.Contains(got, errArgumentTypes) || len(p.calls) != 1 {
		t.Errorf("a table as an argument: %q", got)
	}
}

// TestDeepResults: results are as deep as Redis's may be, and not deeper.
func TestDeepResults(t *testing.T) {
	p := newPlayer(t, 64<<20)
	for _, c := range []struct {
		wrap        string
		deep, limit int
		head        string
	}{
		{"{t}", 7994, 7995, "*1\r\n"}, {"{map={t}}", 2664, 2665, "*2\r\n"}, {"{set={[t]=1}}", 2664, 2665, "*1\r\n"},
	} {
		for n := c.deep; n <= c.limit; n++ {
			got := p.eval(fmt.Sprintf("local t=1 for i=1,%d do t=%s end return t", n, c.wrap))
			failed := strings.Contains(got, "-ERR reached lua stack limit\r\n")
			if heads := strings.Count(got, c.head); heads != n || failed != (n == c.limit) {
				t.Errorf("%d times %s: %d aggregates, failed %v", n, c.wrap, heads, failed)
			}
		}
	}
	if got := p.eval("local t={} t[1]=t return t"); strings.Count(got, "*1\r\n") != 7995 {
		t.Errorf("a table that has itself is %d bytes", len(got))
	}
}

// TestEndlessResult: a result that is far larger than its values is no reply, and who waits for that may kill the script.
func TestEndlessResult(t *testing.T) {
	p := newPlayer(t, 1<<20)
	const doubled = "local t=1 for i=1,60 do t={t,t} end return t"
	if got := p.eval(doubled); got != string(command.ErrTooLong) || p.ended[0] != nil {
		t.Errorf("got %q, the run ended with %v", got, p.ended[0])
	}
	p.killAt = p.ticks + 3
	if got := p.eval(doubled); got != "-ERR Script killed by user with SCRIPT KILL...\r\n" || p.ended[1] == nil {
		t.Errorf("got %q, the run ended with %v", got, p.ended[1])
	}
}

// TestKilled: a kill goes through pcall, tells where the script was, and leaves a sandbox that works.
func TestKilled(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.killAt = 3
	got := p.eval("\nwhile true do\npcall(function() while true do end end) end")
	if !strings.HasPrefix(got, "-ERR Script killed by user with SCRIPT KILL... script: ") || !strings.HasSuffix(got, ", on @user_script:3.\r\n") {
		t.Errorf("got %q", got)
	}
	if got := p.eval("return 1"); got != ":1\r\n" {
		t.Errorf("the next script gives %q", got)
	}
}

// TestPanic: a sandbox in which a command has failed is not used again.
func TestPanic(t *testing.T) {
	p := newPlayer(t, 1<<20)
	func() {
		defer func() { recover() }()
		p.eval("redis.call('panic')")
	}()
	before := p.local.(*local).sandboxes[forScripts]
	if got := p.eval("return {KEYS[1] or 'none'}"); got != "*1\r\n$4\r\nnone\r\n" || p.local.(*local).sandboxes[forScripts] == before {
		t.Errorf("the next script gives %q, in the same sandbox: %v", got, p.local.(*local).sandboxes[forScripts] == before)
	}
}

// TestMemoryLimit: what scripts may take is limited, in whatever way they take it; the error may be caught.
func TestMemoryLimit(t *testing.T) {
	p := newPlayer(t, 4<<20)
	for _, script := range []string{
		"local s='x' while true do s=s..s end", "local t={} for i=1,1e9 do t[i]=i end", "local t={} while true do t={t} end",
		"return ('x'):rep(1e9)", "local t={} for i=1,1e9 do t[i]=('x'):rep(1000)..i end",
	} {
		if got := p.eval(script); !strings.HasPrefix(got, "-ERR not enough memory") {
			t.Errorf("%s: %.80q", script, got)
		}
		if n := p.m.memory[forScripts].Load(); n > 1<<20 {
			t.Errorf("%s: %d bytes count as used afterwards", script, n)
		}
	}
	if got := p.eval("local ok,e=pcall(string.rep,'x',1e9) return e"); got != "$17\r\nnot enough memory\r\n" {
		t.Errorf("the error is caught as %q", got)
	}
	p.replies["large"] = "$3000000\r\n" + strings.Repeat("x", 3000000) + "\r\n"
	if got := p.eval("local t={} for i=1,10 do t[i]=redis.call('large') end"); !strings.HasPrefix(got, "-ERR not enough memory") {
		t.Errorf("replies of commands: %.80q", got)
	}
}

// TestNoRoomForALuaState: a limit below what the libraries take is an error with a code, and not the end of it.
func TestNoRoomForALuaState(t *testing.T) {
	p := newPlayer(t, 1000)
	for _, argv := range [][]string{{"EVAL", "return 1", "0"}, {"SCRIPT", "LOAD", "return 1"}, {"FUNCTION", "LOAD", "#!lua name=l\n"}} {
		words := make([][]byte, len(argv))
		for i, word := range argv {
			words[i] = []byte(word)
		}
		if got := p.do(words...); got != "ERR not enough memory" {
			t.Errorf("%s: %q", argv, got)
		}
	}
	p.m.options.MemoryLimit = func() int64 { return 1 << 20 }
	if got := p.eval("return 1"); got != ":1\r\n" {
		t.Errorf("with a higher limit: %q", got)
	}
}

// TestLoadOfAKnownScript: SCRIPT LOAD of one that EVAL has brought keeps that one, and does not compile it again.
func TestLoadOfAKnownScript(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.eval("return 1")
	known := p.m.scripts.named([]byte(scriptOf("return 1").name))
	p.do([]byte("SCRIPT"), []byte("LOAD"), []byte("return 1"))
	if s := p.m.scripts.named([]byte(known.name)); s != known || !s.kept || p.m.scripts.evictable.Load() != 0 {
		t.Errorf("the script is another one: %v, kept: %v", s != known, s.kept)
	}
}

// TestFlush: SCRIPT FLUSH makes new sandboxes, and forgets the scripts.
func TestFlush(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.eval("return 1")
	before := p.local.(*local).sandboxes[forScripts]
	p.do([]byte("SCRIPT"), []byte("FLUSH"))
	if n := p.m.Stats().Scripts; n != 0 {
		t.Errorf("%d scripts are left", n)
	}
	if p.eval("return 1"); p.local.(*local).sandboxes[forScripts] == before {
		t.Error("the sandbox is the old one")
	}
}

// TestErrorsAreCountedOnce: an error that a command has made is in the statistics already; one of the script's own is not.
func TestErrorsAreCountedOnce(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.replies["x"] = "-X failed\r\n"
	p.eval("return redis.call('x')")
	p.eval("return {redis.pcall('x')}")
	p.eval("return redis.error_reply('MY own')")
	p.eval("error({err='MY other'})")
	want := []string{"MY own", "MY other script: " + scriptOf("error({err='MY other'})").name + ", on @user_script:1."}
	if fmt.Sprint(p.counted) != fmt.Sprint(want) {
		t.Errorf("counted are %q, want %q", p.counted, want)
	}
}

// TestRunsTakeNoMemory of the Go heap, beyond the strings that the script is given.
func TestRunsTakeNoMemory(t *testing.T) {
	p := newPlayer(t, 1<<20)
	p.replies["get"] = "$5\r\nother\r\n"
	argv := [][]byte{[]byte("EVAL"), []byte("if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"),
		[]byte("1"), []byte("lock"), []byte("token")}
	var w resp.Writer
	w.Init(resp.NewChunkPool(8))
	c := &command.Ctx{Argv: argv, Host: p.stage, Client: p.stage, Reply: &w}
	run := func() {
		if err := p.m.eval(c); err != nil {
			t.Fatal(err)
		}
		w.Reset()
		p.calls = p.calls[:0]
	}
	run()
	const own = 5 // of the stage, for a call
	if n := testing.AllocsPerRun(1000, run); n > 6+own {
		t.Errorf("a run makes %v allocations", n)
	}
}

// One long string that is an argument many times must not be more than the script may have.
func TestManyLongArguments(t *testing.T) {
	p := newPlayer(t, 32<<20)
	for _, call := range []string{"redis.call('x', unpack(t))", "redis.pcall('x', unpack(t))", "redis.acl_check_cmd('x', unpack(t))"} {
		reply := p.eval("local s, t = string.rep('x', 1e6), {} for i = 1, 7000 do t[i] = s end return " + call)
		if !strings.Contains(reply, "not enough memory") {
			t.Errorf("%s: %.100s", call, reply)
		}
	}
}

// Levels that are no integers are refused.
func TestOddLogLevels(t *testing.T) {
	p := newPlayer(t, 32<<20)
	for _, level := range []string{"0/0", "1e300", "-1/0", "4", "'nan'"} {
		if reply := p.eval("return redis.log(" + level + ", 'x')"); !strings.Contains(reply, "Invalid debug level") {
			t.Errorf("%s: %.100s", level, reply)
		}
	}
}
