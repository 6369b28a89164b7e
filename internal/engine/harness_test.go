// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

const (
	deadline = testutil.Patience
	someTime = int64(1_700_000_000_000)
)

// bench is an engine with a few commands of its own.
type bench struct {
	*Engine
	t     *testing.T
	clock *clock.Clock

	// slow is called by SLOW as long as it gives true, with a tick after each call.
	slow func() bool

	counts command.ScriptCounts // of all scripts
	inside func(*command.Ctx)   // is called by scripts
	plain  command.ScriptRun    // of RUNINSIDE
}

func newBench(t *testing.T, c *clock.Clock, o Options) *bench {
	b := &bench{t: t, clock: c}
	b.plain = command.ScriptRun{Flags: command.ScriptUnflagged, Counts: &b.counts}
	registry, err := command.NewRegistry(Transactions, lists.Family, b.family())
	if err != nil {
		t.Fatal(err)
	}
	reserve := int64(256 << 20)
	if o.Arena == nil {
		if o.Arena, err = mem.NewArena(mem.Options{Reserve: reserve}); err != nil {
			t.Fatal(err)
		}
		arena := o.Arena
		t.Cleanup(func() { arena.Close() })
	}
	o.Clock, o.Log, o.Registry, o.Databases = c, slog.New(slog.DiscardHandler), registry, 4
	o.Shards = max(o.Shards, 1)
	b.Engine = New(o)
	return b
}

// family makes the commands. Those with Write are in the log as what they have done.
func (b *bench) family() command.Family {
	spec := func(name, syntax string, flags command.Flags, plan command.Plan, keys []command.KeySpec, run func(*command.Ctx) error) command.Spec {
		return command.Spec{
			Name: name, Since: "1.0.0", Complexity: "O(1)", Summary: "For tests.", Group: "string",
			Syntax: syntax, Flags: flags, Plan: plan, Keys: keys, Run: run,
		}
	}
	one, all := command.OneKey(command.RO), command.AllKeys(command.RO)
	rw := command.OneKey(command.RW)
	pairs := []command.KeySpec{command.KeyRange(1, -1, 2, 0, command.OW)}
	look := spec("LOOK", "key [AROUND]", command.ReadOnly, command.PlanKeys, []command.KeySpec{one[0], command.KeysUnknown(command.RO)}, look)
	look.FindKeys = func(dst []command.KeyRef, _ [][]byte) ([]command.KeyRef, bool) {
		return append(dst, command.KeyRef{Pos: 1}), true
	}
	look.NeedsAll = func(argv [][]byte) bool { return len(argv) > 2 }
	return command.Family{Name: "test", Group: "string", Commands: slices.Concat(b.waitCommands(spec), b.scriptCommands(spec), busyCommands(spec), []command.Spec{
		spec("GET", "key", command.ReadOnly, command.PlanKeys, one, get),
		spec("MGET", "key...", command.ReadOnly, command.PlanKeys, all, mget),
		spec("SET", "key value", command.Write|command.DenyOOM, command.PlanKeys, rw, set),
		spec("SETPX", "key ms:int value", command.Write, command.PlanKeys, rw, setPX),
		spec("SETAT", "key at:int value", command.Write, command.PlanKeys, rw, setAt),
		spec("MSET", "(key value)...", command.Write, command.PlanKeys, pairs, mset),
		spec("INCRBY", "key by:int", command.Write, command.PlanKeys, rw, incrBy),
		spec("DEL", "key...", command.Write, command.PlanKeys, command.AllKeys(command.RM), del),
		spec("FLUSHALL", "", command.Write, command.PlanAll, nil, flushAll),
		spec("SWAPDB", "first:int second:int", command.Write, command.PlanAll, nil, swapDB),
		spec("SUM", "", command.ReadOnly, command.PlanAll, nil, sum),
		look,
		spec("DBSIZE", "", command.ReadOnly, command.PlanWalk, nil, dbSize),
		spec("PEEK", "key", command.ReadOnly, command.PlanWalk, one, peek),
		spec("SELECT", "db:int", 0, command.PlanNone, nil, selectDB),
		spec("REPLY", "mode", 0, command.PlanNone, nil, reply),
		spec("QUIT", "", command.NoAuth, command.PlanNone, nil, quit),
		spec("SLOW", "key...", command.ReadOnly, command.PlanKeys, all, b.runSlow),
		spec("SLOWALL", "", command.ReadOnly, command.PlanAll, nil, b.runSlow),
		spec("PANIC", "key...", command.Write, command.PlanKeys, all, fail),
		spec("PANICALL", "", command.Write, command.PlanAll, nil, fail),
		spec("SLOWPANIC", "key...", command.Write, command.PlanKeys, all, func(c *command.Ctx) error {
			b.runSlow(c)
			return fail(c)
		}),
		spec("NOMULTI", "", command.NoMulti, command.PlanNone, nil, dbSize),
	})}
}

func get(c *command.Ctx) error {
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	switch {
	case err != nil:
		return err
	case !ok:
		c.Reply.Null()
	default:
		c.Reply.Bulk(it.AppendText(nil))
	}
	return nil
}

func peek(c *command.Ctx) error { return c.DB.Hold(c.Argv[1], func() error { return get(c) }) }

func mget(c *command.Ctx) error {
	c.Reply.Array(len(c.Argv) - 1)
	for _, key := range c.Argv[1:] {
		if it, ok := c.DB.Find(key); ok {
			c.Reply.Bulk(it.AppendText(nil))
		} else {
			c.Reply.Null()
		}
	}
	return nil
}

func set(c *command.Ctx) error {
	c.DB.SetString(c.Argv[1], c.Argv[2], store.NoExpiry)
	c.Modified("set", c.Argv[1])
	c.Reply.OK()
	return nil
}

func setPX(c *command.Ctx) error {
	ms, _ := strconv.ParseInt(string(c.Argv[2]), 10, 64)
	return setWith(c, c.Now()+ms)
}

func setAt(c *command.Ctx) error {
	at, _ := strconv.ParseInt(string(c.Argv[2]), 10, 64)
	return setWith(c, at)
}

func setWith(c *command.Ctx, at int64) error {
	c.DB.SetString(c.Argv[1], c.Argv[3], at)
	c.Modified("set", c.Argv[1])
	c.Propagate([]byte("SETAT"), c.Argv[1], strconv.AppendInt(nil, at, 10), c.Argv[3])
	c.Reply.OK()
	return nil
}

func mset(c *command.Ctx) error {
	for i := 1; i < len(c.Argv); i += 2 {
		c.DB.SetString(c.Argv[i], c.Argv[i+1], store.NoExpiry)
		c.Modified("set", c.Argv[i])
		c.Propagate([]byte("SET"), c.Argv[i], c.Argv[i+1]) // several effects of one command
	}
	c.Reply.OK()
	return nil
}

func incrBy(c *command.Ctx) error {
	by, err := strconv.ParseInt(string(c.Argv[2]), 10, 64)
	if err != nil {
		return command.ErrNotInteger
	}
	n := int64(0)
	if it, ok := c.DB.FindWrite(c.Argv[1]); ok {
		if n, ok = it.Int(); !ok {
			return command.ErrNotInteger
		}
	}
	c.DB.SetInt(c.Argv[1], n+by, store.KeepExpiry)
	c.Modified("incrby", c.Argv[1])
	c.Reply.Int(n + by)
	return nil
}

func del(c *command.Ctx) error {
	n := int64(0)
	for _, key := range c.Argv[1:] {
		if c.DB.Delete(key) {
			n++
			c.Modified("del", key)
		}
	}
	c.Reply.Int(n)
	return nil
}

func flushAll(c *command.Ctx) error {
	worker(c).Flush(-1, nil)
	for n := range c.DB.Databases() {
		c.DB.Other(n).SignalAll()
	}
	c.Dirty++
	c.Reply.OK()
	return nil
}

func swapDB(c *command.Ctx) error {
	a, _ := strconv.Atoi(string(c.Argv[1]))
	b, _ := strconv.Atoi(string(c.Argv[2]))
	worker(c).Swap(a, b)
	c.Dirty++
	c.Reply.OK()
	return nil
}

func sum(c *command.Ctx) error {
	total := int64(0)
	c.DB.Each(func(it *store.Item) error {
		n, _ := it.Int()
		total += n
		return nil
	})
	c.Reply.Int(total)
	return nil
}

// look is GET, or with AROUND SUM.
func look(c *command.Ctx) error {
	if len(c.Argv) > 2 {
		return sum(c)
	}
	return get(c)
}

func dbSize(c *command.Ctx) error {
	n, err := c.DB.Len()
	if err != nil {
		return err
	}
	c.Reply.Int(int64(n))
	return nil
}

func selectDB(c *command.Ctx) error {
	db, _ := strconv.Atoi(string(c.Argv[1]))
	worker(c).Select(db)
	c.Reply.OK()
	return nil
}

func reply(c *command.Ctx) error {
	cl := worker(c).client
	switch string(c.Argv[1]) {
	case "ON":
		cl.Mute = MuteNone
		c.Reply.OK()
	case "OFF":
		cl.Mute = MuteAll
	case "SKIP":
		cl.Mute = MuteNext
	}
	return nil
}

func quit(c *command.Ctx) error {
	worker(c).client.CloseAfterReply = true
	c.Reply.OK()
	return nil
}

func (b *bench) runSlow(c *command.Ctx) error {
	for b.slow() {
		if err := c.Tick(); err != nil {
			return err
		}
	}
	c.Reply.OK()
	return nil
}

func fail(c *command.Ctx) error {
	c.Reply.Array(3) // half a reply
	panic("a bug")
}

// conn is a client with a worker of its own, as if it were alone on its loop. It belongs to one goroutine.
type conn struct {
	b      *bench
	w      *Worker
	cl     *Client
	runner Runner
	woke   chan struct{}
	parked int
}

type owner struct{}

func (owner) ClientID() int64 { return 1 }

func (owner) Fieldsets() *command.Fieldsets { return nil }
func (owner) WantsDebugger() *bool          { return new(bool) }

func (b *bench) connect() *conn {
	c := &conn{b: b, w: b.NewWorker(), cl: &Client{Owner: owner{}, Authenticated: true}, woke: make(chan struct{}, 1)}
	c.cl.Reply.Init(c.w.Chunks)
	c.cl.Wake = func() {
		select {
		case c.woke <- struct{}{}:
		default:
		}
	}
	return c
}

// try runs commands, each a line of words, in one batch.
func (c *conn) try(lines ...string) (n int, st Status) {
	calls := make([]Call, len(lines))
	for i, line := range lines {
		var argv [][]byte
		for _, word := range strings.Fields(line) {
			argv = append(argv, []byte(word))
		}
		c.w.Prepare(c.cl, &calls[i], argv, false)
	}
	return c.w.Run(c.runner, c.cl, calls)
}

// wait waits for the wake-up call of a parked command.
func (c *conn) wait() bool {
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case <-c.woke:
		return true
	case <-timer.C:
		c.b.t.Error("a parked command was not woken")
		return false
	}
}

// do runs commands until they are done, however often they are parked, and gives their replies with blanks for line ends.
func (c *conn) do(lines ...string) string {
	for len(lines) > 0 {
		n, st := c.try(lines...)
		lines = lines[n:]
		if st == Parked {
			if c.parked++; !c.wait() {
				break
			}
		}
		if st == Closing {
			break
		}
	}
	return c.replies()
}

// replies takes what has been replied.
func (c *conn) replies() string {
	var text []byte
	for c.cl.Reply.Pending() > 0 {
		b := c.cl.Reply.Next()
		text = append(text, b...)
		c.cl.Reply.Consume(len(b))
	}
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", " "))
}

// want checks the replies of a batch.
func (c *conn) want(want string, lines ...string) {
	c.b.t.Helper()
	if got := c.do(lines...); got != want {
		c.b.t.Errorf("%q: replies %q, want %q", lines, got, want)
	}
}

// dump gives all keys with values and expiries. Nobody else must be at work.
func (b *bench) dump() string {
	var lines []string
	v := b.Store.NewView()
	v.NowMillis = b.clock.WallMillis()
	for n := range b.Store.Databases() {
		v.DB(n).Each(func(it *store.Item) error {
			lines = append(lines, fmt.Sprintf("%d %q %q %d", n, it.Key(), content(v.DB(n), it), it.Expiry()))
			return nil
		})
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// content gives a value's text: a string's, or a list's elements.
func content(db *store.DB, it *store.Item) (text []byte) {
	if it.Type() != store.TypeList {
		return it.AppendText(nil)
	}
	l := db.ListOf(it)
	l.Each(0, l.Len(), false, func(v store.Value) bool {
		text = append(append(text, store.Text(v, nil)...), ' ')
		return true
	})
	return text
}

// replay runs what a log holds.
func (b *bench) replay(log []byte) {
	b.t.Helper()
	c := b.connect()
	var p resp.Parser
	p.Limits.MaxBulk = 512 << 20
	for len(log) > 0 {
		argv, n, err := p.Next(log, nil)
		if err != nil || n == 0 {
			b.t.Fatalf("the log ends in %.100q: %v", log, err)
		}
		var call Call
		c.w.Prepare(c.cl, &call, argv, false)
		if n, st := c.w.Run(nil, c.cl, []Call{call}); n != 1 || st != Done {
			b.t.Fatalf("%q is not run: %v", argv, st)
		}
		if text := c.replies(); strings.HasPrefix(text, "-") {
			b.t.Fatalf("%q in the log: %s", argv, text)
		}
		log = log[n:]
	}
}
