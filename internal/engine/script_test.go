// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/resp"
)

// scriptCommands are commands that run others, as scripts do: RUN numkeys key… | command | command … replies with what these have
// replied. Words that are no commands:
//
//	!fail   the script ends in an error of its own
//	!abort  it is ended from outside
//	!kill   it is killed
//	!panic  its interpreter has a bug
//	!hold   waits as SLOW does
//	!inside calls the bench's inside
//	!none   what follows is not logged
//	!yield  others may run
//	!loop   runs the command that follows for ever
func (b *bench) scriptCommands(
	spec func(name, syntax string, flags command.Flags, plan command.Plan, keys []command.KeySpec, run func(*command.Ctx) error) command.Spec,
) []command.Spec {
	keys := []command.KeySpec{command.KeyNum(1, command.RW)}
	flags := command.NoScript | command.MayReplicate | command.NoMandatoryKeys | command.RunsScript
	run := func(name string, run command.ScriptRun) command.Spec {
		run.Name, run.Counts = name, &b.counts
		s := spec(name, "numkeys:int [word...]", flags, command.PlanKeys, keys, func(c *command.Ctx) error { return b.runScript(c, run) })
		if run.Flags.Has(command.ScriptNoWrites) {
			s.FlagsOf = func([][]byte) command.Flags { return flags &^ command.MayReplicate }
		}
		return s
	}
	return []command.Spec{
		run("RUN", command.ScriptRun{Flags: command.ScriptUnflagged}),
		run("RUNRO", command.ScriptRun{Flags: command.ScriptUnflagged, ReadOnly: true}),
		run("RUNFLAGGED", command.ScriptRun{}),
		run("RUNFLAGGEDRO", command.ScriptRun{ReadOnly: true}),
		run("RUNGREEDY", command.ScriptRun{Flags: command.ScriptAllowOOM}),
		run("RUNREAD", command.ScriptRun{Flags: command.ScriptNoWrites}),
		run("RUNSHORT", command.ScriptRun{Flags: command.ScriptUnflagged, MostReply: 100}),
		spec("RUNINSIDE", "numkeys:int [word...]", flags, command.PlanKeys, keys, func(c *command.Ctx) error {
			if err := c.Script().BeginScript(&b.plain); err != nil {
				return err
			}
			b.inside(c)
			return c.Script().EndScript(nil)
		}),
		spec("PUBLISH", "channel message", command.PubSub|command.MayReplicate, command.PlanNone, nil, func(c *command.Ctx) error {
			c.Reply.Int(int64(worker(c).Publish(pubsub.Channel, c.Argv[1], c.Argv[2])))
			return nil
		}),
		spec("REFUSED", "", command.NoScript, command.PlanNone, nil, func(c *command.Ctx) error { return nil }),
	}
}

// runScript runs a script of the words behind the keys.
func (b *bench) runScript(c *command.Ctx, run command.ScriptRun) error {
	n, err := strconv.Atoi(string(c.Argv[1]))
	if err != nil || n < 0 || 2+n > len(c.Argv) {
		return command.ErrSyntax
	}
	host := c.Script()
	if err := host.BeginScript(&run); err != nil {
		return err
	}
	var replies [][]byte
	err = nil
	for words := c.Argv[2+n:]; len(words) > 0 && err == nil; {
		words = words[1:]
		end := 0
		for end < len(words) && string(words[end]) != "|" {
			end++
		}
		var reply []byte
		if reply, err = b.runWord(c, words[:end]); err == nil {
			replies = append(replies, bytes.Clone(reply))
		}
		words = words[end:]
	}
	var own command.Error
	if errors.As(err, &own) {
		if err := host.EndScript(nil); err != nil {
			return err
		}
		return own
	}
	if end := host.EndScript(err); end != nil || err != nil {
		if end == nil {
			end = command.Error("ERR killed")
		}
		return end
	}
	c.Reply.Array(len(replies))
	for _, reply := range replies {
		c.Reply.Raw(reply)
	}
	return nil
}

// errAbort ends a script from outside.
var errAbort = errors.New("aborted")

// runWord runs one command of a script.
func (b *bench) runWord(c *command.Ctx, argv [][]byte) (reply []byte, err error) {
	switch string(argv[0]) {
	case "!fail":
		return nil, command.Error("ERR failed")
	case "!abort":
		return nil, errAbort
	case "!kill":
		return nil, &command.ScriptKilled{}
	case "!panic":
		panic("a bug")
	case "!loop":
		for err == nil {
			_, err = c.Script().CallScript(argv[1:], 2)
		}
		return nil, err
	case "!inside":
		b.inside(c)
		return []byte("+OK\r\n"), nil
	case "!yield":
		runtime.Gosched()
		return []byte("+OK\r\n"), nil
	case "!none":
		c.Script().Replicate(command.ReplicateNone)
		return []byte("+OK\r\n"), nil
	case "!hold":
		for b.slow() {
			if err := c.Tick(); err != nil {
				return nil, uncaught(err)
			}
		}
		return []byte("+OK\r\n"), nil
	}
	return c.Script().CallScript(argv, 2)
}

func TestScriptReplies(t *testing.T) {
	c := newBench(t, clock.NewFake(someTime), Options{Shards: 8}).connect()
	c.want("*3 +OK $1 1 :3", "RUN 1 a | SET a 1 | GET a | INCRBY a 2")
	c.want("*2 $1 3 $-1", "RUNRO 1 a | GET a | GET b")
	c.want("*0", "RUN 0")
	c.want("*1 -ERR value is not an integer or out of range", "RUN 1 a | INCRBY a x")
	c.want("-"+string(command.ErrScriptUnknown), "RUN 0 | NOSUCH")
	c.want("-"+string(command.ErrScriptArity), "RUN 0 | GET")
	c.want("-"+string(command.ErrScriptDenied), "RUN 0 | RUN 0")
	c.want("-"+string(command.ErrScriptDenied), "RUN 0 | REFUSED")
	c.want("-"+string(command.ErrScriptWrite), "RUNRO 1 a | GET a | SET a 5")
	c.want("-ERR failed", "RUN 1 a | SET a 4 | !fail")
	c.want("$1 4", "GET a") // an error of its own leaves what it has done
	c.want("*2 +OK -ERR internal error, the server's log has the details", "RUN 1 a | SET a 6 | PANIC a")
}

// TestScriptPlace: what a script has selected is its own.
func TestScriptPlace(t *testing.T) {
	c := newBench(t, clock.NewFake(someTime), Options{Shards: 8}).connect()
	c.want("*3 +OK +OK $1 1", "RUN 1 a | SELECT 2 | SET a 1 | GET a")
	c.want("$-1", "GET a")
	c.want("+OK $1 1", "SELECT 2", "GET a")
}

// TestScriptBigReply: a reply of many pieces comes as one, unless it is longer than the script may have it.
func TestScriptBigReply(t *testing.T) {
	c := newBench(t, clock.NewFake(someTime), Options{Shards: 8}).connect()
	long := strings.Repeat("x", 100_000)
	c.want("+OK", "SET a "+long)
	c.want("*1 $100000 "+long, "RUN 1 a | GET a")
	c.want("*1 *3 $100000 "+long+" $100000 "+long+" $100000 "+long, "RUN 1 a | MGET a a a")
	c.want("-"+string(command.ErrTooLong), "RUNSHORT 1 a | MGET a a")
}

func TestScriptCounts(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	c.do("RUN 1 a | SET a 1 | GET a | GET a", "RUN 0 | GET")
	for name, want := range map[string][3]int64{"run": {2, 0, 1}, "set": {1, 0, 0}, "get": {2, 1, 0}} {
		s := &b.Stats.Commands[b.Registry.Lookup([]byte(name)).ID()]
		if got := [3]int64{s.Calls.Load(), s.Rejected.Load(), s.Failed.Load()}; got != want {
			t.Errorf("%s: %d calls, rejected, failed, want %d", name, got, want)
		}
	}
	if n := b.Stats.Total.Load(); n != 5 {
		t.Errorf("%d commands were processed", n)
	}
	if n := b.counts.Runs.Load(); n != 2 {
		t.Errorf("%d runs", n)
	}
}

// TestScriptEffects: what a script does is one transaction in the log, one effect stands alone.
func TestScriptEffects(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	log := b.Effects.Attach(nil)
	defer log.Close()
	for _, step := range []struct{ run, want string }{
		{"RUN 1 a | SET a 1", "SELECT 0 SET a 1"},
		{"RUN 1 a | GET a", ""},
		{"RUN 2 a b | SET a 1 | SET b 2 | GET a", "MULTI SET a 1 SET b 2 EXEC"},
		{"RUN 2 a b | SET a 1 | SELECT 1 | SET b 2 | !fail", "MULTI SET a 1 SELECT 1 SET b 2 EXEC"},
		{"RUN 2 a b | MSET a 1 b 2", "SELECT 0 MULTI SET a 1 SET b 2 EXEC"},
		{"RUN 2 a b | SET a 1 | !none | SET b 7", "SET a 1"},
		{"MULTI", ""}, {"SET a 3", ""}, {"RUN 1 b | SET b 3", ""}, {"EXEC", "MULTI SET a 3 SET b 3 EXEC"},
	} {
		c.do(step.run)
		if got := logged(log); got != step.want {
			t.Errorf("%s: the log gets %q, want %q", step.run, got, step.want)
		}
	}
}

// logged takes what a reader has unread, as words.
func logged(r *LogReader) string {
	var words []string
	text := bytes.Join(r.Peek(), nil)
	r.Advance(len(text))
	for _, line := range strings.Split(string(text), "\r\n") {
		if line != "" && line[0] != '*' && line[0] != '$' {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// TestScriptPublishes: what a script publishes goes out at its end, in its order.
func TestScriptPublishes(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	b.SetEvents(config.EventKeyevent | config.EventString)
	var ears pubsub.Client
	ears.Init(nil, 0)
	b.Channels.Subscribe(&ears, pubsub.Channel, []byte("news"))
	b.Channels.Subscribe(&ears, pubsub.Channel, []byte("__keyevent@0__:set"))
	c := b.connect()
	c.want("*3 +OK :1 +OK", "RUN 2 a b | SET a 1 | PUBLISH news x | SET b 1")
	if got := heard(b); got != "__keyevent@0__:set a, news x, __keyevent@0__:set b" {
		t.Errorf("heard: %s", got)
	}
	c.want("-aborted", "RUN 2 a b | GET a | PUBLISH news x | !abort")
	if got := heard(b); got != "" {
		t.Errorf("heard from a run that was undone: %s", got)
	}
}

// TestScriptKeeps: a run that has made very many effects, or messages, may make no more.
func TestScriptKeeps(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	b.inside = func(c *command.Ctx) { worker(c).script.held.bytes = mostKept }
	c.want("*3 +OK +OK $1 1", "RUN 1 a | SET a 1 | !inside | GET a")
	b.inside = func(c *command.Ctx) { worker(c).script.held.bytes = mostKept + 1 }
	c.want("-"+string(errKept), "RUN 1 a | SET a 2 | !inside | GET b")
	c.want("$1 2", "GET a")
}

// heard takes the messages that wait for the first loop.
func heard(b *bench) string {
	list, _ := b.Channels.Inbox(0).Take(nil)
	var all []string
	for i := range list {
		var w resp.Writer
		w.Init(resp.NewChunkPool(1))
		w.Message(&list[i].Message)
		words := strings.Split(string(w.Next()), "\r\n")
		all = append(all, words[4]+" "+words[6])
	}
	return strings.Join(all, ", ")
}

// twoKeys gives two keys in different shards of a bench, that of the first being the lower.
func (b *bench) twoKeys() (low, high string) {
	shard := func(key string) int { return b.Store.ShardOf(hash.Bytes([]byte(key))) }
	low, high = "a", "b"
	for n := 0; shard(low) == shard(high); n++ {
		high = "b" + strconv.Itoa(n)
	}
	if shard(low) > shard(high) {
		return high, low
	}
	return low, high
}

// keyBesides gives a key that begins with name and lies in another shard than a given one.
func (b *bench) keyBesides(name, other string) string {
	shard := func(key string) int { return b.Store.ShardOf(hash.Bytes([]byte(key))) }
	key := name
	for n := 0; shard(key) == shard(other); n++ {
		key = name + strconv.Itoa(n)
	}
	return key
}

// TestScriptUndone: a run that meets an undeclared key whose shard is busy has not happened: nobody sees, hears, or is served by
// anything of it. It is begun again when the shard is free.
func TestScriptUndone(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	b.SetEvents(config.EventKeyevent | config.EventString | config.EventList)
	var ears pubsub.Client
	ears.Init(nil, 0)
	b.Channels.Subscribe(&ears, pubsub.Channel, []byte("news"))
	b.Channels.Subscribe(&ears, pubsub.Channel, []byte("__keyevent@0__:set"))
	log := b.Effects.Attach(nil)
	defer log.Close()
	mine, busy := b.twoKeys()
	list := b.keyBesides("list", busy)
	waiting := b.connect()
	if _, st := waiting.try("BLPOP " + list + " 0"); st != Waiting {
		t.Fatal(st)
	}
	release, end := b.overtake("SLOW " + busy)
	c := b.connect()
	script := "RUN 2 " + mine + " " + list + " | SET " + mine + " 1 | RPUSH " + list + " x | PUBLISH news x | INCRBY " + busy + " 1"
	if n, st := c.try(script); n != 0 || st != Parked {
		t.Fatalf("%d commands, %v", n, st)
	}
	other := b.connect()
	other.want("$-1 :0", "GET "+mine, "LLEN "+list)
	if text := logged(log) + heard(b); text != "" || c.replies() != "" || !waiting.cl.Waiting() || len(waiting.woke) != 0 {
		t.Errorf("of a run that was undone there is %q", text)
	}
	release()
	end()
	if !c.wait() {
		return
	}
	c.want("*4 +OK :1 :1 :1", script)
	if !waiting.wait() || !waiting.w.EndWait(waiting.cl) {
		t.Fatal("not served")
	}
	if got, want := waiting.replies(), "*2 $"+strconv.Itoa(len(list))+" "+list+" $1 x"; got != want {
		t.Errorf("served with %q, want %q", got, want)
	}
	if got, want := logged(log), "SELECT 0 MULTI SET "+mine+" 1 RPUSH "+list+" x INCRBY "+busy+" 1 EXEC LPOP "+list; got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if got, want := heard(b), "__keyevent@0__:set "+mine+", news x"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	if runs, undeclared, undone := b.counts.Runs.Load(), b.counts.Undeclared.Load(), b.counts.Undone.Load(); runs != 1 || undeclared != 1 || undone != 1 {
		t.Errorf("%d runs, %d with undeclared keys, %d undone", runs, undeclared, undone)
	}
	b.locks()
}

// TestScriptKilled: of a run that is ended from outside nothing stays, be it by a kill or by a bug; so in a transaction, whose other
// commands have happened.
func TestScriptKilled(t *testing.T) {
	for _, end := range []struct{ word, reply string }{
		{"!kill", "-ERR killed"}, {"!abort", "-aborted"}, {"!panic", "-" + string(command.ErrInternal)},
	} {
		b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
		log := b.Effects.Attach(nil)
		c := b.connect()
		c.do("SET a 1", "RPUSH l x y")
		logged(log)
		script := "RUN 1 a | SET a 2 | INCRBY b 1 | LPOP l | LPOP l | RPUSH m z | " + end.word
		c.want(end.reply, script)
		c.want("$1 1 $-1 :2 :0", "GET a", "GET b", "LLEN l", "LLEN m")
		if end.word != "!panic" {
			c.want("+OK +QUEUED +QUEUED +QUEUED *3 +OK "+end.reply+" :8", "MULTI", "SET a 3", script, "INCRBY b 8", "EXEC")
			c.want("$1 3 $1 8 :2", "GET a", "GET b", "LLEN l")
			if got := logged(log); got != "MULTI SET a 3 INCRBY b 8 EXEC" {
				t.Errorf("%s: the log has %q", end.word, got)
			}
		}
		b.locks()
		log.Close()
	}
}

// TestScriptWorld: a command that needs the world still makes its script have that, the next time from its beginning.
func TestScriptWorld(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	c.want("*2 +OK :5", "RUN 1 a | SET a 5 | SUM")
	c.want("*2 :6 :1", "RUN 1 a | INCRBY a 1 | DBSIZE")
	if still, undone := b.counts.Still.Load(), b.counts.Undone.Load(); still != 2 || undone != 1 {
		t.Errorf("%d with the world still, %d undone", still, undone)
	}
	c.want("*1 :7", "RUN 1 a | INCRBY a 1")
	c.want("*1 :8", "RUN 1 a | INCRBY a 1")
	if still, undone := b.counts.Still.Load(), b.counts.Undone.Load(); still != 3 || undone != 1 {
		t.Errorf("%d with the world still, %d undone", still, undone)
	}
	c.want("*3 +OK +OK +OK", "RUN 0 | SET a 1 | FLUSHALL | SET b 2")
	c.want("-ERR killed", "RUN 0 | FLUSHALL | SET a 1 | !kill")
	c.want("$-1 $1 2", "GET a", "GET b") // as before
	b.locks()
}

// TestScriptUnlucky: after some runs that were undone the next has the world still.
func TestScriptUnlucky(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	mine, busy := b.twoKeys()
	c := b.connect()
	for n := range mostTries + 1 {
		c.cl.again.shards = nil // as if it were another key each time
		release, end := b.overtake("SLOW " + busy)
		if done, st := c.try("RUN 1 " + mine + " | INCRBY " + mine + " 1 | GET " + busy); done != 0 || st != Parked {
			t.Fatalf("try %d: %d commands, %v", n, done, st)
		}
		release()
		end()
		c.wait()
	}
	c.want("*2 :1 $-1", "RUN 1 "+mine+" | INCRBY "+mine+" 1 | GET "+busy)
	if still := b.counts.Still.Load(); still != 1 {
		t.Errorf("%d with the world still", still)
	}
	b.locks()
}

// TestScriptReplayed runs scripts of a log again, by a replayer that has the data to itself and by one that has not.
func TestScriptReplayed(t *testing.T) {
	for _, alone := range []bool{false, true} {
		b := fakeBench(t, Options{Shards: 4})
		b.SetMaxMemory(1)
		log := b.Effects.Attach(nil)
		r := b.NewReplayer(alone, nil)
		r.Failed = func(argv [][]byte, err error) { t.Errorf("%q: %v", argv, err) }
		n, err := b.again(r, "SELECT 1", "RUN 1 a | SET a 1 | SELECT 2 | SET a 2", "RUN 0 | SETAT dead 5 5 | INCRBY dead 1 | GET dead | SUM",
			"INCRBY a 1", "RUNFLAGGED 0 | INCRBY a 1")
		if err != nil || n != 5 {
			t.Fatalf("%d were run: %v", n, err)
		}
		r.Close()
		if text := logged(log); text != "" || b.Stats.Total.Load() != 0 {
			t.Errorf("the log has %q, %d commands were counted", text, b.Stats.Total.Load())
		}
		c := b.connect()
		c.want("+OK $1 3 $-1 +OK $1 2", "SELECT 1", "GET a", "GET dead", "SELECT 2", "GET a")
	}
}

// TestScriptShortOfMemory: a script that says nothing may run, but not begin to write; one that says that it may be refused is.
func TestScriptShortOfMemory(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	c.do("SET a 1")
	b.SetMaxMemory(1)
	c.want("*1 $1 1", "RUN 1 a | GET a")
	c.want("-"+string(command.ErrOOM), "RUN 1 a | GET a | SET a 2")
	c.want("*2 :1 +OK", "RUN 1 a | DEL a | SET a 2") // what has begun to write goes on
	c.want("-"+string(command.ErrScriptOOM), "RUNFLAGGED 1 a | GET a")
	c.want("*1 +OK", "RUNGREEDY 1 a | SET a 3")
	c.want("*1 $1 3", "RUNREAD 1 a | GET a")
	c.want("-"+string(command.ErrScriptReadOnly), "RUNFLAGGEDRO 1 a | GET a")
	c.want("-"+string(command.ErrScriptWrite), "RUNREAD 1 a | SET a 3")
	b.SetMaxMemory(0)
	c.want("*1 $1 3", "RUNFLAGGED 1 a | GET a")
}

// TestScriptRefused: while a keeper cannot write no script begins to, and none runs that says that it may.
func TestScriptRefused(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	b.RefuseWrites(KeeperAOF, "MISCONF Errors writing to the AOF file: No space left on device")
	c.want("*1 $-1", "RUN 1 a | GET a")
	c.want("-MISCONF Errors writing to the AOF file: No space left on device", "RUN 1 a | SET a 1")
	const blocked = "but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts."
	c.want("-MISCONF Redis is configured to persist data to AOF, "+blocked+" AOF error: No space left on device", "RUNFLAGGED 0")
	b.RefuseWrites(KeeperRDB, "MISCONF rdb")
	c.want("-MISCONF Redis is configured to save RDB snapshots, "+blocked, "RUNFLAGGED 0")
	c.want("*1 $-1", "RUNREAD 1 a | GET a")
}

// TestScriptTime: within a run time stands still, and what it makes does not die.
func TestScriptTime(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	c := b.connect()
	var first, last int64
	b.inside = func(c *command.Ctx) {
		w := worker(c)
		first = w.NowMicros()
		b.clock.Advance(time.Second)
		last = w.NowMicros()
	}
	c.want("*3 +OK +OK $1 v", "RUN 1 a | SETPX a 10 v | !inside | GET a")
	if first != last || first != someTime*1000 {
		t.Errorf("it was %d and then %d", first, last)
	}
	c.want("$-1", "GET a")
}

// TestScriptPaused: scripts wait for the end of a pause of writes, but those that say that they write nothing.
func TestScriptPaused(t *testing.T) {
	b := newBench(t, clock.NewFake(someTime), Options{Shards: 8})
	b.Pause(PauseWrite, 1000)
	c := b.connect()
	c.want("*1 $-1", "RUNREAD 1 a | GET a")
	if n, st := c.try("RUN 1 a | GET a"); n != 0 || st != Parked {
		t.Errorf("%d commands, %v", n, st)
	}
	b.Unpause()
	c.wait()
	c.want("*1 +OK", "RUN 1 a | SET a 1")
}
