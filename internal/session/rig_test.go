// SPDX-License-Identifier: BSD-3-Clause

package session_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/session"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

const patience = testutil.Patience

// rig is a hub on loops, with the commands of some families and those of testFamily.
type rig struct {
	t         testing.TB
	hub       *session.Hub
	engine    *engine.Engine
	group     *netloop.Group
	addr      string
	log       testutil.Lines
	password  atomic.Pointer[string]
	protected atomic.Bool
	began     chan string   // one word for each HOLD, STILL or STUCK that has begun
	release   chan struct{} // ends a HOLD, STILL or STUCK
	sources   atomic.Int64  // those of STREAM that are not closed
	spins     atomic.Int64  // that have run
}

// options are what tests vary.
type options struct {
	loops, shards int
	clock         *clock.Clock
}

func start(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{t: t, began: make(chan string, 100), release: make(chan struct{}, 100)}
	r.setPassword("")
	if o.clock == nil {
		o.clock = clock.Real()
	}
	o.loops, o.shards = max(o.loops, 1), max(o.shards, 4)
	registry, err := command.NewRegistry(session.Family(), session.PubSub(), strings.Family, keys.Family, lists.Family,
		engine.Transactions, engine.Acknowledgements, r.testFamily())
	if err != nil {
		t.Fatal(err)
	}
	arena, err := mem.NewArena(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.engine = engine.New(engine.Options{
		Arena: arena, Clock: o.clock, Log: log, Registry: registry, Databases: 16, Shards: o.shards, Loops: o.loops,
		WakeLoop: func(loop int) {
			if r.group != nil {
				r.group.Loops()[loop].Post(func(*netloop.Runner) {})
			}
		},
	})
	r.hub = session.NewHub(session.Options{
		Engine: r.engine, Log: log, Password: func() string { return *r.password.Load() },
		Version: func() string { return "7.0.15" }, Protected: r.protected.Load,
	})
	if r.group, err = netloop.New(netloop.Options{Loops: o.loops, Handler: r.hub, Mono: o.clock.Mono}); err != nil {
		t.Fatal(err)
	}
	forget := o.clock.OnAdvance(func() {
		for _, l := range r.group.Loops() {
			l.Post(func(*netloop.Runner) {})
		}
	})
	addr, err := r.group.Listen("tcp4", "127.0.0.1:0", netloop.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.addr = addr.String()
	r.group.Start()
	t.Cleanup(func() {
		forget()
		r.engine.Close()
		close(r.release)
		r.group.Stop()
		if err := arena.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) setPassword(p string) { r.password.Store(&p) }

func (r *rig) dial() *testutil.Client {
	r.t.Helper()
	return testutil.Dial(r.t, "tcp", r.addr)
}

// tcp opens a bare connection.
func (r *rig) tcp() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// testFamily has the commands that tests need of a server.
func (r *rig) testFamily() command.Family {
	spec := func(name, syntax string, flags command.Flags, keys []command.KeySpec, plan command.Plan, run func(*command.Ctx) error) command.Spec {
		return command.Spec{
			Name: name, Since: "1.0.0", Complexity: "O(1)", Summary: "Of a test.", Syntax: syntax, Flags: flags, Keys: keys,
			Plan: plan, Run: run,
		}
	}
	one := command.OneKey(command.RW)
	return command.Family{Name: "test", Group: "generic", Commands: []command.Spec{
		// BIG replies with so many bytes.
		spec("BIG", "size:int", command.ReadOnly, nil, command.PlanNone, func(c *command.Ctx) error {
			n, err := strconv.Atoi(string(c.Argv[1]))
			if err != nil {
				return command.ErrNotInteger
			}
			c.Reply.Bulk(make([]byte, n))
			return nil
		}),
		// HOLD keeps its key's shard until released, ticking all the time.
		spec("HOLD", "key", command.Write, one, command.PlanKeys, r.hold),
		// HOLDPOP waits until there is its key, a list, and removes it; each time it is run it first does as HOLD does.
		spec("HOLDPOP", "key timeout:double", command.Write, one, command.PlanKeys, r.holdPop),
		// KILLED is killed, by somebody else, while it runs.
		spec("KILLED", "", command.ReadOnly, nil, command.PlanNone, func(c *command.Ctx) error {
			c.Client.(*session.Session).Kill()
			c.Reply.OK()
			return nil
		}),
		// PANIC fails in the middle of a reply, its key's shard being held.
		spec("PANIC", "key", command.Write, one, command.PlanKeys, func(c *command.Ctx) error {
			c.Reply.Array(7)
			c.Reply.OK()
			panic("on purpose")
		}),
		// PREPARE keeps a fieldset of one field with so many bytes.
		spec("PREPARE", "size:int", command.ReadOnly, nil, command.PlanNone, func(c *command.Ctx) error {
			n, err := strconv.Atoi(string(c.Argv[1]))
			if err != nil {
				return command.ErrNotInteger
			}
			c.Reply.OK()
			return c.Client.Fieldsets().Put([]byte("set"), command.Fieldset{Fields: [][]byte{make([]byte, n)}, Order: []int{0}})
		}),
		// SPIN takes so many ms by the fake clock, never ticks, and replies with how many have run.
		spec("SPIN", "ms:int", command.ReadOnly, nil, command.PlanNone, func(c *command.Ctx) error {
			ms, _ := strconv.Atoi(string(c.Argv[1]))
			r.engine.Clock().Advance(time.Duration(ms) * time.Millisecond)
			c.Reply.Int(r.spins.Add(1))
			return nil
		}),
		// STREAM replies with so many bytes, made as they are read, and then does as it is told: "ok", "error", "panic" or
		// "hold" until released.
		spec("STREAM", "size:int then", command.ReadOnly, nil, command.PlanNone, r.stream),
		// STILL keeps the world still until released.
		spec("STILL", "", command.Write, nil, command.PlanAll, r.hold),
		// STUCK keeps its loop until released: it never ticks.
		spec("STUCK", "", command.ReadOnly, nil, command.PlanNone, func(c *command.Ctx) error {
			r.began <- string(c.Argv[0])
			<-r.release
			c.Reply.OK()
			return nil
		}),
	}}
}

func (r *rig) hold(c *command.Ctx) error {
	r.began <- string(c.Argv[0])
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case <-r.release:
			c.Reply.Simple("HELD")
			return nil
		case <-tick.C:
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
}

func (r *rig) holdPop(c *command.Ctx) error {
	args := command.MakeArgs(c.Argv[2:])
	timeout, mark := args.Timeout(), c.Reply.Mark()
	if err := r.hold(c); err != nil {
		return err
	}
	if !c.DB.Delete(c.Argv[1]) {
		return c.Wait(command.Wait{Keys: c.Argv[1:2], Type: store.TypeList, Timeout: timeout})
	}
	c.Modified("del", c.Argv[1])
	c.Reply.Truncate(mark)
	c.Reply.Simple("POPPED")
	return nil
}

func (r *rig) stream(c *command.Ctx) error {
	n, err := strconv.Atoi(string(c.Argv[1]))
	if err != nil {
		return command.ErrNotInteger
	}
	r.sources.Add(1)
	c.Reply.BulkLen(n)
	c.Reply.Stream(&counted{left: n, open: &r.sources, piece: make([]byte, 10_000)})
	c.Reply.BulkEnd()
	switch string(c.Argv[2]) {
	case "error":
		return command.ErrSyntax
	case "panic":
		panic("on purpose")
	case "hold":
		if err := r.hold(c); err != nil {
			return err
		}
	}
	return nil
}

// counted is a source of so many bytes, each the low byte of its distance from the end.
type counted struct {
	left  int
	piece []byte
	open  *atomic.Int64
}

func (s *counted) Next() []byte {
	b := s.piece[:min(len(s.piece), s.left)]
	for i := range b {
		b[i] = byte(s.left - i)
	}
	s.left -= len(b)
	return b
}

func (s *counted) Close() { s.open.Add(-1) }

// countedText is what a counted source of n bytes gives.
func countedText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(n - i)
	}
	return string(b)
}

// line is a command in the protocol's form.
func line(args ...string) []byte { return testutil.AppendCommand(nil, args...) }

// readAll reads until the server closes the connection; a reset counts as such.
func readAll(t testing.TB, c net.Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, c); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatalf("the connection is still open after %v, with %q", patience, b.Bytes())
		}
	}
	return b.String()
}

// readN reads n bytes.
func readN(t testing.TB, c net.Conn, n int) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if got, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("%v after %d bytes of %d: %.200q", err, got, n, b[:got])
	}
	return string(b)
}

func send(t testing.TB, c net.Conn, b []byte) {
	t.Helper()
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// expectClosed fails unless the server closes the client's connection without a further reply.
func expectClosed(t testing.TB, c *testutil.Client) {
	t.Helper()
	if r, err := c.Receive(); err == nil {
		t.Fatalf("a reply instead of the end: %q", r.Raw)
	} else if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		t.Fatal("the connection is still open")
	}
}

// sameShard tells whether two keys are in one shard.
func (r *rig) sameShard(a, b string) bool {
	s := r.engine.Store
	return s.ShardOf(hash.Bytes([]byte(a))) == s.ShardOf(hash.Bytes([]byte(b)))
}
