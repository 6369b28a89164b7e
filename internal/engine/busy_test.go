// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// busyCommands are PING, and those that a server has about scripts that run for long: SCRIPTKILL and FUNCTIONKILL, and RUNNING.
func busyCommands(
	spec func(name, syntax string, flags command.Flags, plan command.Plan, keys []command.KeySpec, run func(*command.Ctx) error) command.Spec,
) []command.Spec {
	kill := func(function bool) func(c *command.Ctx) error {
		return func(c *command.Ctx) error {
			err := c.Script().KillScripts(function)
			if err == nil {
				c.Reply.OK()
			}
			return err
		}
	}
	return []command.Spec{
		spec("PING", "", 0, command.PlanKeys, nil, func(c *command.Ctx) error {
			c.Reply.Simple("PONG")
			return nil
		}),
		spec("SCRIPTKILL", "", command.NoScript|command.AllowBusy, command.PlanNone, nil, kill(false)),
		spec("FUNCTIONKILL", "", command.NoScript|command.AllowBusy, command.PlanNone, nil, kill(true)),
		spec("RUNNING", "", command.NoScript|command.AllowBusy, command.PlanNone, nil, func(c *command.Ctx) error {
			run, ok := c.Script().RunningScript()
			if !ok {
				c.Reply.Null()
				return nil
			}
			c.Reply.Array(3)
			c.Reply.Simple(run.Name)
			c.Reply.Simple(strings.Join(texts(run.Argv), "_"))
			c.Reply.Int(run.Millis)
			return nil
		}),
	}
}

func texts(argv [][]byte) (list []string) {
	for _, arg := range argv {
		list = append(list, string(arg))
	}
	return list
}

// longScript is a script that runs on a goroutine of its own, for as long as the test wants.
type longScript struct {
	b       *bench
	h       *handOver
	steps   chan time.Duration
	replies chan string
}

// begin begins commands the last of which has !hold, and returns when that was overtaken.
func (b *bench) begin(lines ...string) *longScript {
	l := &longScript{b: b, h: newHandOver(), steps: make(chan time.Duration), replies: make(chan string, 1)}
	b.slow = func() bool {
		step, more := <-l.steps
		if step < 0 {
			return false
		}
		b.clock.Advance(step)
		return more
	}
	c := b.connect()
	c.runner = l.h
	go func() { l.replies <- c.do(lines...) }()
	l.step(overtakeAfter)
	return l
}

// step has the time go on, and the script look at it.
func (l *longScript) step(d time.Duration) {
	for _, d := range []time.Duration{d, 0} { // the second is taken when the first has been dealt with
		select {
		case l.steps <- d:
		case <-time.After(deadline):
			l.b.t.Fatal("the script does not go on")
		}
	}
}

// next has the script go on to its next command.
func (l *longScript) next() {
	l.steps <- -1
	l.step(0)
}

// end lets the script end, unless it was ended, and gives its reply.
func (l *longScript) end() string {
	close(l.steps)
	return <-l.replies
}

// killed gives the reply of a script that is to end by itself.
func (l *longScript) killed() string {
	for {
		select {
		case text := <-l.replies:
			return text
		case l.steps <- 0:
		case <-time.After(deadline):
			l.b.t.Fatal("the script was not killed")
		}
	}
}

const busyScript = "-" + string(errBusyScript)

// notIn gives a key of another shard than that of a key.
func (b *bench) notIn(key string) string {
	other := "free"
	for b.Store.ShardOf(hash.Bytes([]byte(other))) == b.Store.ShardOf(hash.Bytes([]byte(key))) {
		other += "r"
	}
	return other
}

// TestSlowScript: who waits for what a script holds is told that it is busy when its time has come, and so is who comes later; others are
// not hindered. When it is killed nothing of it has happened.
func TestSlowScript(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	b.SetBusyThreshold(100)
	log := b.Effects.Attach(nil)
	defer log.Close()
	free := b.notIn("held")
	l := b.begin("RUN 1 held | SET held 1 | !hold | SET held 2")
	lines := []string{
		"GET held", "PEEK held", "MGET " + free + " held", "FLUSHALL", "SUM", "DBSIZE", "RUN 1 held | GET held",
		"RUN 1 " + free + " | SET " + free + " 1 | GET held",
	}
	var waiting []*conn
	for _, line := range lines {
		c := b.connect()
		if n, st := c.try(line); n != 0 || st != Parked {
			t.Errorf("%s: %d commands, status %v", line, n, st)
		}
		waiting = append(waiting, c)
	}
	other := b.connect()
	other.want("-"+string(errNotBusy)+" -"+string(errNotBusy), "SCRIPTKILL", "FUNCTIONKILL")
	other.want("*3 +RUN +RUN_1_held_|_SET_held_1_|_!hold_|_SET_held_2 :5", "RUNNING")
	l.step(95 * time.Millisecond)
	for i, c := range waiting {
		if c.wait() {
			c.want(busyScript, lines[i])
		}
	}
	for _, line := range lines {
		b.connect().want(busyScript, line)
	}
	other.want("+OK +PONG *2 +OK $1 3 +OK +QUEUED *1 :1", "SET "+free+" 2", "PING", "RUN 1 "+free+" | SET "+free+" 3 | GET "+free, "MULTI", "DEL "+free, "EXEC")
	other.want("+OK +QUEUED +QUEUED -EXECABORT Transaction discarded because of: "+busyScript[1:], "MULTI", "SET "+free+" 5", "SET held 5", "EXEC")
	other.want("$-1 "+busyScript+" +OK", "GET "+free, "FUNCTIONKILL", "SCRIPTKILL")
	if text := l.killed(); text != "-ERR killed" {
		t.Error(text)
	}
	other.want("$-1 :0 $-1 -"+string(errNotBusy), "GET held", "SUM", "RUNNING", "SCRIPTKILL")
	if text, want := logged(log), "SELECT 0 SET "+free+" 2 SET "+free+" 3 MULTI DEL "+free+" EXEC"; text != want {
		t.Errorf("the log has %s, want %s", text, want)
	}
	b.locks()
}

// TestSlowScriptTakesMore: what a slow script takes as it goes on others are told at once that they cannot have.
func TestSlowScriptTakesMore(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	b.SetBusyThreshold(100)
	free := b.notIn("held")
	l := b.begin("RUN 1 held | !hold | SET " + free + " 1 | !hold | SET held 2")
	l.step(95 * time.Millisecond)
	other := b.connect()
	other.want("$-1", "GET "+free)
	l.next()
	other.want(busyScript, "GET "+free)
	if text := l.end(); text != "*4 +OK +OK +OK +OK" {
		t.Error(text)
	}
	other.want("$1 1 $1 2", "GET "+free, "GET held")
	b.locks()
}

// TestSlowScriptWithTheWorldStill: nobody gets in, but what needs nothing of the world is answered.
func TestSlowScriptWithTheWorldStill(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(100)
	watcher := b.connect()
	watcher.want("+OK", "WATCH b")
	l := b.begin("SET a 1", "MULTI", "SET a 2", "RUN 1 a | SET a 3 | !hold", "EXEC")
	other, waiting := b.connect(), b.connect()
	if n, st := waiting.try("PING", "GET a"); n != 1 || st != Parked || waiting.replies() != "+PONG" {
		t.Errorf("%d commands, status %v", n, st)
	}
	l.step(95 * time.Millisecond)
	if waiting.wait() {
		waiting.want(busyScript, "GET a")
	}
	other.want("+PONG "+busyScript+" "+busyScript+" +PONG", "PING", "GET a", "SELECT 1", "PING")
	watcher.want("+PONG "+busyScript+" +OK -ERR MULTI calls can not be nested +QUEUED "+busyScript+" -EXECABORT Transaction discarded because of: "+
		busyScript[1:], "PING", "UNWATCH", "MULTI", "MULTI", "PING", "DISCARD", "EXEC")
	other.want("-ERR wrong number of arguments for 'get' command "+busyScript+" +OK", "GET", "FLUSHALL", "SCRIPTKILL")
	if text := l.killed(); text != "+OK +OK +QUEUED +QUEUED *2 +OK -ERR killed" {
		t.Error(text)
	}
	other.want("$1 2", "GET a")
	b.locks()
}

// TestScriptThatHasEmptiedADatabase is killed, and the keys are back.
func TestScriptThatHasEmptiedADatabase(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(100)
	l := b.begin("SET a 1", "RUN 0 | SET b 2 | FLUSHALL | SET c 3 | SWAPDB 0 1 | SET d 4 | !hold")
	l.step(95 * time.Millisecond)
	b.connect().want("+OK", "SCRIPTKILL")
	if text := l.killed(); text != "+OK -ERR killed" {
		t.Error(text)
	}
	b.connect().want("$1 1 $-1 $-1 $-1 +OK $-1 $-1", "GET a", "GET b", "GET c", "GET d", "SELECT 1", "GET c", "GET d")
	b.locks()
}

// TestSpoiledScript: what a script has put aside is given back when it needs the memory, and that cannot be undone.
func TestSpoiledScript(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(100)
	long := strings.Repeat("x", 3<<20)
	b.SetBudget(1<<30, 5<<20)
	l := b.begin("SET a "+long, "RUN 0 | FLUSHALL | SET b "+long+" | !hold")
	l.step(95 * time.Millisecond)
	other := b.connect()
	other.want("-"+string(errUnkillable), "SCRIPTKILL")
	if text := l.end(); text != "+OK *3 +OK +OK +OK" {
		t.Error(text)
	}
	other.want("$-1 :1", "GET a", "DBSIZE")
	other.want("*2 +OK "+oom, "RUN 0 | SET c 1 | SET d "+long) // nothing was put aside
	b.locks()
}

// TestNoScriptIsSlow: without a threshold everybody waits, and a script may be killed as soon as it is known.
func TestNoScriptIsSlow(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(0)
	l := b.begin("RUN 1 a | !hold")
	l.step(time.Hour)
	other := b.connect()
	if n, st := other.try("GET a"); n != 0 || st != Parked {
		t.Errorf("%d commands, status %v", n, st)
	}
	killer := b.connect()
	killer.want("-"+string(errBusyScript)+" +OK", "FUNCTIONKILL", "SCRIPTKILL")
	if text := l.killed(); text != "-ERR killed" {
		t.Error(text)
	}
	other.wait()
	b.locks()
}

// TestScriptThatCallsForEver is killed though it never ticks by itself.
func TestScriptThatCallsForEver(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(100)
	c := b.connect()
	c.runner = newHandOver()
	replies := make(chan string)
	go func() { replies <- c.do("RUN 1 a | !loop SET a 1") }()
	killer := b.connect()
	for text := ""; text != "+OK"; text = killer.do("SCRIPTKILL") {
		b.clock.Advance(time.Millisecond)
	}
	if text := <-replies; text != "-ERR killed" {
		t.Error(text)
	}
	killer.want("$-1", "GET a")
	b.locks()
}

// TestScriptsAreStopped: a server that is to end does not wait for slow scripts, even for one that has done what cannot be undone.
func TestScriptsAreStopped(t *testing.T) {
	for script, left := range map[string]string{
		"RUN 0 | FLUSHALL | !hold": "$1 1", "RUN 0 | !inside | DEL a | !hold": "$-1", "RUN 1 a | SET a 2 | !hold": "$1 1",
	} {
		b := fakeBench(t, Options{Shards: 4})
		b.inside = func(c *command.Ctx) {
			if err := worker(c).Spoil(); err != nil {
				t.Error(err)
			}
		}
		b.SetBusyThreshold(100)
		l := b.begin("SET a 1", script)
		b.StopScripts()
		l.step(0) // it has not run for long enough
		l.step(95 * time.Millisecond)
		b.StopScripts()
		if text := l.killed(); text != "+OK -ERR killed" {
			t.Error(text)
		}
		b.connect().want(left, "GET a")
		b.locks()
	}
}

// TestServerEndsAmidAScript: what the script has done is undone.
func TestServerEndsAmidAScript(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	l := b.begin("RUN 1 a | SET a 1 | !hold")
	b.Engine.Close()
	if text := l.killed(); text != "-"+string(errClosing) {
		t.Error(text)
	}
	b.connect().want("$-1", "GET a")
	b.locks()
}

// TestSlowScriptHoldsWhatIsToGo: past maxmemory nothing can be evicted that a slow script holds, and others may not go on to take memory as if
// it were to end soon.
func TestSlowScriptHoldsWhatIsToGo(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(100)
	b.setPolicy(store.AllKeysLRU)
	free := b.notIn("held")
	l := b.begin("SET held 1", "RUN 1 held | !hold")
	b.account.Add(mem.Other, 1000)
	b.SetMaxMemory(1)
	other := b.connect()
	other.want("+OK", "SET "+free+" 1") // it may take a moment only
	l.step(95 * time.Millisecond)
	other.want("$-1 "+oom+" :0", "GET "+free, "SET "+free+" 1", "DEL "+free)
	if text := l.end(); text != "+OK *1 +OK" {
		t.Error(text)
	}
	b.SetMaxMemory(0)
	b.locks()
}

// TestRetryAmidASlowScript: a waiter whose time has come does not leave a call to wake it, time and again, where a script runs for long.
func TestRetryAmidASlowScript(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	b.SetBusyThreshold(100)
	p := b.connect()
	p.do(fmt.Sprint("SET a ", b.clock.WallMillis()+10))
	x, y := b.connect().block("TAKEAT a 0"), b.connect().block("TAKEAT a 50")
	l := b.begin("RUN 1 a | !hold")
	l.step(10 * time.Millisecond)
	if again, until := x.w.Retry(x.cl), y.w.Retry(y.cl); again != 100_000_000 || until != 35_000_000 {
		t.Errorf("they are tried again after %d and %d ns", again, until)
	}
	l.step(85 * time.Millisecond)
	x.wait() // it is told, as everybody is
	if again := x.w.Retry(x.cl); again != 20_000_000 {
		t.Errorf("it is tried again after %d ns", again)
	}
	l.end()
	if x.w.Retry(x.cl) != 0 {
		t.Error("something is busy")
	}
	x.w.Forget(x.cl)
	y.w.Forget(y.cl)
	b.idle()
}

// TestUndoneRunLeavesNoRoom: what a run had to say to the log takes no memory when it was undone.
func TestUndoneRunLeavesNoRoom(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	log := b.Effects.Attach(nil)
	defer log.Close()
	c := b.connect()
	c.want("-ERR killed", "RUN 1 a | SET a "+strings.Repeat("x", 1<<20)+" | !kill")
	if n := cap(c.w.text.b); n > 2*blockBytes {
		t.Errorf("%d bytes are kept", n)
	}
	c.want("+OK", "SET a 1")
	if got := logged(log); got != "SELECT 0 SET a 1" {
		t.Errorf("the log has %q", got)
	}
}
