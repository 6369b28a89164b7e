// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// waitCommands are commands that can wait, for a string or a hash, and some that make what they wait for.
func (b *bench) waitCommands(
	spec func(name, syntax string, flags command.Flags, plan command.Plan, keys []command.KeySpec, run func(*command.Ctx) error) command.Spec,
) []command.Spec {
	some := []command.KeySpec{command.KeyRange(1, -2, 1, 0, command.RM)}
	two := []command.KeySpec{command.KeyAt(1, command.RM), command.KeyAt(2, command.OW)}
	take := func(name string, run func(*command.Ctx) error) command.Spec {
		return spec(name, "key... ms:int", command.Write, command.PlanKeys, some, run)
	}
	return []command.Spec{
		take("TAKE", takeAny(store.TypeString)),
		take("TAKEHASH", takeAny(store.TypeHash)),
		take("TAKEPAIR", takePair),
		take("TAKELATE", takeLate),
		take("TAKESURE", takeSure),
		take("TAKEONE", takeOne),
		take("TAKEAT", func(c *command.Ctx) error { return takeAt(c, 0) }),
		take("TAKEATALIKE", func(c *command.Ctx) error { return takeAt(c, 9) }),
		take("ECHOLATE", echoLate),
		spec("SIGNAL", "key", command.Write, command.PlanKeys, command.OneKey(command.RW), func(c *command.Ctx) error {
			c.DB.SignalReady(c.Argv[1])
			c.Reply.OK()
			return nil
		}),
		spec("DELIVER", "key", command.Write, command.PlanKeys, command.OneKey(command.RW), func(c *command.Ctx) error {
			c.DB.SignalDelivered(c.Argv[1])
			c.Reply.OK()
			return nil
		}),
		take("TAKEFAIL", func(c *command.Ctx) error { return failServed(c, "a bug") }),
		take("TAKEOOM", func(c *command.Ctx) error { return failServed(c, mem.ErrNoMemory) }),
		spec("PASS", "from to ms:int", command.Write, command.PlanKeys, two, pass),
		spec("HSET", "key field value", command.Write, command.PlanKeys, command.OneKey(command.RW), hset),
		spec("MOVE", "key db:int", command.Write, command.PlanKeys, command.OneKey(command.RW), move),
		spec("SWAP", "a:int b:int", command.Write, command.PlanAll, nil, swap),
		spec("SETPANIC", "key value", command.Write, command.PlanKeys, command.OneKey(command.RW), func(c *command.Ctx) error {
			set(c)
			panic("a bug")
		}),
	}
}

// wait waits for a type at all arguments but the last, the ms.
func wait(c *command.Ctx, t store.Type, keys [][]byte) error {
	if !c.MayWait() {
		c.Reply.Null()
		return nil
	}
	ms, _ := strconv.ParseInt(string(c.Argv[len(c.Argv)-1]), 10, 64)
	return c.Wait(command.Wait{Keys: keys, Type: t, Timeout: ms})
}

// takeAny removes the first of its keys that is there and replies with its name.
func takeAny(t store.Type) func(c *command.Ctx) error {
	return func(c *command.Ctx) error {
		keys := c.Argv[1 : len(c.Argv)-1]
		for _, key := range keys {
			if !c.Holds(key) {
				continue
			}
			it, ok, err := c.DB.FindTypeWrite(key, t)
			if err != nil {
				return err
			}
			if ok {
				c.DB.Remove(&it)
				c.Modified("del", key)
				c.Propagate([]byte("DEL"), key)
				c.Reply.Bulk(key)
				return nil
			}
		}
		return wait(c, t, keys)
	}
}

// takeLate finds its client gone when it is served for the first time, and waits again.
func takeLate(c *command.Ctx) error {
	if w := worker(c); w.serving != nil {
		w.serving.client.Forsake()
	}
	return wait(c, store.TypeString, c.Argv[1:len(c.Argv)-1])
}

// takeSure takes one from a string of letters, waits while it is empty, and fails when there is no string.
func takeSure(c *command.Ctx) error {
	keys := c.Argv[1 : len(c.Argv)-1]
	for _, key := range keys {
		if !c.Holds(key) {
			continue
		}
		it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
		switch {
		case err != nil:
			return err
		case !ok:
			return command.Error("GONE " + string(key))
		}
		if text := it.AppendText(nil); len(text) > 1 {
			c.DB.SetString(key, text[:len(text)-1], store.KeepExpiry)
			c.Modified("take", key)
			c.Reply.Bulk(text[len(text)-1:])
			return nil
		}
	}
	return waitFor(c, command.Wait{Keys: keys, Causes: store.Lost})
}

// takeOne is takeSure for one key, of which all that wait are alike. The log counts how often it has run.
func takeOne(c *command.Ctx) error {
	key := c.Argv[1]
	c.Dirty++
	c.Propagate([]byte("TRY"))
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if !ok {
		return cmp.Or(err, error(command.Error("GONE")))
	}
	if text := it.AppendText(nil); len(text) > 1 {
		c.DB.SetString(key, text[:len(text)-1], store.KeepExpiry)
		c.Reply.Bulk(text[len(text)-1:])
		return nil
	}
	return waitFor(c, command.Wait{Keys: c.Argv[1:2], Causes: store.Lost, Alike: 7})
}

// takeAt removes the first of its keys that holds a time, in Unix ms, which has come.
func takeAt(c *command.Ctx, alike uint64) error {
	keys, earliest := c.Argv[1:len(c.Argv)-1], int64(math.MaxInt64)
	for _, key := range keys {
		if !c.Holds(key) {
			continue
		}
		it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
		if err != nil || !ok {
			return cmp.Or(err, error(command.Error("GONE")))
		}
		at, _ := strconv.ParseInt(string(it.AppendText(nil)), 10, 64)
		if at <= c.Now() {
			c.DB.Remove(&it)
			c.Modified("del", key)
			c.Reply.Bulk(key)
			return nil
		}
		earliest = min(earliest, at-c.Now())
	}
	return waitFor(c, command.Wait{Keys: keys, Retry: earliest, Causes: store.Lost | store.Delivered, Alike: alike})
}

// echoLate replies with its arguments when it is served; it was told others than when it began to wait.
func echoLate(c *command.Ctx) error {
	if worker(c).serving != nil {
		c.Reply.Bulk(bytes.Join(c.Argv, []byte(" ")))
		return nil
	}
	return waitFor(c, command.Wait{Keys: c.Argv[1:2], Argv: [][]byte{c.Argv[0], c.Argv[1], []byte("now")}})
}

// waitFor waits for strings; the last argument is the ms.
func waitFor(c *command.Ctx, w command.Wait) error {
	w.Type = store.TypeString
	w.Timeout, _ = strconv.ParseInt(string(c.Argv[len(c.Argv)-1]), 10, 64)
	return c.Wait(w)
}

// takePair removes its keys when all are there: until then it waits again.
func takePair(c *command.Ctx) error {
	keys := c.Argv[1 : len(c.Argv)-1]
	for _, key := range keys {
		if !c.Holds(key) || !c.DB.Exists(key) {
			return wait(c, store.TypeString, keys)
		}
	}
	for _, key := range keys {
		c.DB.Delete(key)
		c.Modified("del", key)
		c.Propagate([]byte("DEL"), key)
	}
	c.Reply.Simple("PAIR")
	return nil
}

// failServed fails when its key is there.
func failServed(c *command.Ctx, p any) error {
	if c.DB.Exists(c.Argv[1]) {
		c.Reply.Array(3)
		panic(p)
	}
	return wait(c, store.TypeString, c.Argv[1:2])
}

// pass gives the value of one key to another, which must be no hash.
func pass(c *command.Ctx) error {
	from, to := c.Argv[1], c.Argv[2]
	it, ok, err := c.DB.FindTypeWrite(from, store.TypeString)
	switch {
	case err != nil:
		return err
	case !ok:
		return wait(c, store.TypeString, c.Argv[1:2])
	}
	if _, _, err := c.DB.FindTypeWrite(to, store.TypeString); err != nil {
		return err
	}
	value := it.AppendText(nil)
	c.DB.Delete(from)
	c.Modified("del", from)
	c.DB.SetString(to, value, store.NoExpiry)
	c.Modified("set", to)
	c.Reply.Bulk(value)
	return nil
}

func hset(c *command.Ctx) error {
	h, err := c.DB.FindHashWrite(c.Argv[1])
	if err != nil {
		return err
	}
	h.SetOne(c.Argv[2], c.Argv[3], store.NoExpiry)
	c.Modified("hset", c.Argv[1])
	c.Reply.OK()
	return nil
}

func move(c *command.Ctx) error {
	db, _ := strconv.Atoi(string(c.Argv[2]))
	err := c.DB.Move(c.Argv[1], c.DB.Other(db), c.Argv[1], c.Tick)
	c.Dirty++
	c.Reply.OK()
	return err
}

func swap(c *command.Ctx) error {
	a, _ := strconv.Atoi(string(c.Argv[1]))
	b, _ := strconv.Atoi(string(c.Argv[2]))
	worker(c).e.Store.Swap(a, b, c.Now())
	c.DB.Other(a).SignalAll()
	c.DB.Other(b).SignalAll()
	c.Dirty++
	c.Reply.OK()
	return nil
}

// block runs a command whose client is to wait.
func (c *conn) block(line string) *conn {
	c.b.t.Helper()
	if n, st := c.try(line); n != 1 || st != Waiting || !c.cl.Waiting() {
		c.b.t.Fatalf("%q: %d run, %v, replies %q", line, n, st, c.replies())
	}
	return c
}

// served gives the reply to a command that has waited; "waits" while it does.
func (c *conn) served() string {
	if !c.cl.Waiting() {
		return "no wait"
	}
	if !c.w.EndWait(c.cl) {
		return "waits"
	}
	return c.replies()
}

// wantServed checks replies to commands that have waited.
func (b *bench) wantServed(want string, conns ...*conn) {
	b.t.Helper()
	var got []string
	for _, c := range conns {
		got = append(got, c.served())
	}
	if text := strings.Join(got, ", "); text != want {
		b.t.Errorf("replies %q, want %q", text, want)
	}
}

// idle checks that nothing is left of those who waited.
func (b *bench) idle() {
	b.t.Helper()
	b.locks()
	w := b.NewWorker()
	for i := range b.loops {
		for b.Overdue() && w.Housekeep(i) == 0 {
		}
	}
	if n, keys := b.Store.Waiters(), b.Store.WaitedKeys(); n != 0 || keys != 0 {
		b.t.Errorf("%d clients wait for %d keys", n, keys)
	}
	if n := b.account.Get(mem.Other); n != 0 {
		b.t.Errorf("%d bytes are left", n)
	}
	if err := b.Store.CheckWaits(); err != nil {
		b.t.Error(err)
	}
}

func TestWait(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	p := b.connect()
	first, second, third := b.connect().block("TAKE a 0"), b.connect().block("TAKE b a 0"), b.connect().block("TAKE a a b 1000")
	p.want("+OK $-1 +OK $-1", "SET a 1", "GET a", "SET a 2", "GET a")
	b.wantServed("$1 a, $1 a, waits", first, second, third)
	p.want("+OK :0", "SET b 1", "DEL b")
	b.wantServed("no wait, $1 b", first, third)
	p.want("+OK +OK :1", "SET a 1", "SET b 1", "DEL a")
	p.want("$1 b", "TAKE a b 0") // what is there needs no waiting
	p.want("+OK +QUEUED *1 $-1", "MULTI", "TAKE a 0", "EXEC")
	if calls := b.Stats.Commands[b.Registry.Lookup([]byte("take")).ID()].Calls.Load(); calls != 5 {
		t.Errorf("TAKE counts as %d calls", calls)
	}
	b.idle()
}

// TestWaitOrder: keys are served in the order in which they became ready, clients in the order of their coming.
func TestWaitOrder(t *testing.T) {
	for _, shards := range []int{1, 64} {
		b := fakeBench(t, Options{Shards: shards})
		p := b.connect()
		r := b.Effects.Attach(nil)
		x, y, z := b.connect().block("TAKE a b c 0"), b.connect().block("TAKE c 0"), b.connect().block("TAKE b 0")
		p.do("MULTI", "SET c 1", "SET b 2", "EXEC") // x comes first at c and takes b, the first of its keys
		b.wantServed("$1 b, $1 c, waits", x, y, z)
		if got := b.text(r); got != "SELECT 0 MULTI SET c 1 SET b 2 EXEC DEL b DEL c" {
			t.Errorf("the log is %q", got)
		}
		p.do("MULTI", "SET b 1", "DEL b", "EXEC")
		b.wantServed("waits", z)
		p.do("MULTI", "SET b 1", "DEL b", "SET b 2", "EXEC")
		b.wantServed("$1 b", z)
		b.idle()
	}
}

// TestWaitChain: who is served makes keys that others wait for, in whatever shards they lie.
func TestWaitChain(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		b := fakeBench(t, Options{Shards: shards})
		r := b.Effects.Attach(nil)
		p := b.connect()
		var chain []*conn
		const length = 30
		for i := range length {
			chain = append(chain, b.connect().block("PASS k"+strconv.Itoa(i)+" k"+strconv.Itoa(i+1)+" 0"))
		}
		end := b.connect().block("TAKE k30 0")
		p.want("+OK", "SET k0 v")
		want, log := strings.Repeat("$1 v, ", length)+"$3 k30", "SELECT 0 SET k0 v"
		for i := range length {
			log += " PASS k" + strconv.Itoa(i) + " k" + strconv.Itoa(i+1) + " 0"
		}
		b.wantServed(want, append(chain, end)...)
		if got := b.text(r); got != log+" DEL k30" {
			t.Errorf("the log is %q", got)
		}
		p.want("$-1", "GET k30")
		b.idle()
	}
}

// TestWaitCircle: two that pass on to each other's key.
func TestWaitCircle(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	p := b.connect()
	x, y, z := b.connect().block("PASS a b 0"), b.connect().block("PASS b a 0"), b.connect().block("PASS a a 0")
	p.want("+OK", "SET a v")
	b.wantServed("$1 v, $1 v, $1 v", x, y, z)
	p.want("$1 v $-1", "GET a", "GET b")
	b.idle()
}

// TestWaitManyTargets: past some number of keys to follow all shards are taken.
func TestWaitManyTargets(t *testing.T) {
	b := fakeBench(t, Options{Shards: 256})
	p := b.connect()
	var conns []*conn
	for i := range 200 {
		conns = append(conns, b.connect().block("PASS a k"+strconv.Itoa(i)+" 0"))
	}
	for i, c := range conns {
		p.want("+OK $-1 $1 "+strconv.Itoa(i%10), "SET a "+strconv.Itoa(i%10), "GET a", "GET k"+strconv.Itoa(i))
		b.wantServed("$1 "+strconv.Itoa(i%10), c)
	}
	p.do("FLUSHALL")
	b.idle()
}

// TestWaitForDead: a key that has died before the transaction that made it was over is none.
func TestWaitForDead(t *testing.T) {
	b := fakeBench(t, Options{})
	b.slow = func() bool { b.clock.Advance(20 * time.Millisecond); return false }
	p, x := b.connect(), b.connect().block("TAKE a 0")
	p.do("MULTI", "SETPX a 10 v", "SLOW b", "EXEC")
	b.wantServed("waits", x)
	p.do("MULTI", "SETPX a 30 v", "SLOW b", "EXEC")
	b.wantServed("$1 a", x)
	b.idle()
}

// TestWaitForType: a key of another type is no reason to be served, nor an error.
func TestWaitForType(t *testing.T) {
	b := fakeBench(t, Options{Shards: 64})
	p := b.connect()
	x, y := b.connect().block("TAKE a b 0"), b.connect().block("TAKEHASH a b 0")
	p.want("+OK", "HSET a f v")
	b.wantServed("waits, $1 a", x, y)
	y.block("TAKEHASH a b 0")
	p.want("+OK $-1", "SET a v", "GET a")
	b.wantServed("$1 a, waits", x, y)
	x.block("TAKE b a 0")
	p.want("+OK +OK", "HSET a f v", "SET b v")
	b.wantServed("$1 b, $1 a", x, y)
	z := b.connect().block("PASS a b 0") // what it is to write to has the wrong type: that is its reply, and nothing is lost
	y.block("TAKE a 0")
	p.want("+OK +OK $-1", "HSET b f v", "SET a 1", "GET a")
	b.wantServed("-WRONGTYPE Operation against a key holding the wrong kind of value, $1 a", z, y)
	p.do("FLUSHALL")
	b.idle()
}

// TestWaitDatabases: clients wait in their database, wherever a key comes from.
func TestWaitDatabases(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p, q := b.connect(), b.connect()
	q.do("SELECT 1")
	q.block("PASS a b 0")
	x := b.connect()
	x.do("SELECT 1")
	x.block("TAKE b 0")
	p.want("+OK $1 v", "SET a v", "GET a")
	b.wantServed("waits", q)
	p.want("+OK $-1", "MOVE a 1", "GET a")
	b.wantServed("$1 v, $1 b", q, x)
	q.block("PASS a b 0")
	x.block("TAKE b 0")
	p.want("+OK +OK", "SET a w", "SWAP 0 1")
	b.wantServed("$1 w, $1 b", q, x)
	b.idle()
}

// TestServedHandlerFails: the error is the waiter's, and the next one gets the key.
func TestServedHandlerFails(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p := b.connect()
	x, y, z := b.connect().block("TAKEFAIL a 0"), b.connect().block("TAKEOOM a 0"), b.connect().block("TAKE a 0")
	p.want("+OK $-1", "SET a v", "GET a")
	b.wantServed("-ERR internal error, the server's log has the details, "+
		"-OOM command not allowed when used memory > 'maxmemory'., $1 a", x, y, z)
	if b.Stats.Panics.Load() != 1 {
		t.Error("the bug does not count")
	}
	z.block("TAKE a 0")
	p.want("-ERR internal error, the server's log has the details $-1", "SETPANIC a v", "GET a")
	b.wantServed("$1 a", z) // the key was there all the same
	b.idle()
}

// TestWaitAgain: who is served and finds too little goes on waiting, in his place.
func TestWaitAgain(t *testing.T) {
	b := fakeBench(t, Options{Shards: 1})
	p := b.connect()
	x, y := b.connect().block("TAKEPAIR a b 0"), b.connect().block("TAKEPAIR a b 5")
	p.want("+OK $1 v", "SET a v", "GET a")
	b.wantServed("waits", x)
	p.want("+OK $-1 $-1", "SET b v", "GET a", "GET b")
	b.wantServed("+PAIR, waits", x, y)
	if !y.cl.Unblock(false) || y.cl.Unblock(false) {
		t.Error("it is unblocked once")
	}
	b.wantServed("*-1", y)
	b.idle()
}

// TestForsakenWhileServed: a client that is about to be closed is not served again.
func TestForsakenWhileServed(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p, x := b.connect(), b.connect().block("TAKELATE a 0")
	p.want("+OK $1 v", "SET a v", "GET a")
	if fate := x.cl.waiting.Load().Fate(); fate != store.Gone {
		t.Errorf("the fate is %d", fate)
	}
	x.w.Forget(x.cl)
	b.idle()
}

// TestWaitEnds: by its time, by force, or with its client.
func TestWaitEnds(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p, x := b.connect(), b.connect()
	if x.cl.Unblock(true) {
		t.Error("who does not wait was unblocked")
	}
	x.block("TAKE a b 1500")
	if at := x.cl.WaitsUntil(); at != b.clock.Mono()+1500*int64(time.Millisecond) {
		t.Errorf("it waits until %d", at)
	}
	if !x.cl.Unblock(false) || x.cl.Unblock(true) || x.cl.Waiting() != true {
		t.Error("not unblocked")
	}
	p.want("+OK $1 v :1", "SET a v", "GET a", "DEL a")
	b.wantServed("*-1, no wait", x, x)
	x.cl.Reply.Proto = 3
	x.block("TAKE a 0").cl.Unblock(false)
	b.wantServed("_", x)
	x.block("TAKE a 0").cl.Unblock(true)
	b.wantServed("-UNBLOCKED client unblocked via CLIENT UNBLOCK", x)
	if got := b.Stats.ByCode(); len(got) != 1 || got[0] != (ErrorCount{"UNBLOCKED", 1}) {
		t.Errorf("errors: %v", got)
	}
	c := &b.Stats.Commands[b.Registry.Lookup([]byte("take")).ID()]
	if c.Calls.Load() != 3 || c.Failed.Load() != 1 || b.Stats.Total.Load() != 6 {
		t.Errorf("%d calls, %d failed, %d in all", c.Calls.Load(), c.Failed.Load(), b.Stats.Total.Load())
	}
	x.block("TAKE a 0").cl.Forsake()
	p.want("+OK $1 v :1", "SET a v", "GET a", "DEL a")
	b.wantServed("waits", x)
	x.w.Forget(x.cl)
	y := b.connect().block("TAKE a 0")
	y.w.Forget(y.cl)
	z := b.connect().block("TAKE a 0")
	p.do("SET a v")
	z.w.Forget(z.cl) // served, and gone before it knows
	b.idle()
}

// TestWaitMuted: CLIENT REPLY holds for a reply that comes late.
func TestWaitMuted(t *testing.T) {
	b := fakeBench(t, Options{})
	p, x := b.connect(), b.connect()
	x.do("REPLY SKIP")
	x.block("TAKE a 0")
	p.do("SET a v")
	b.wantServed("", x)
	x.want("$-1", "GET a")
	x.do("REPLY OFF")
	x.block("TAKE a 0").cl.Unblock(true)
	b.wantServed("", x)
	b.idle()
}

// TestWaitManyOnce: one transaction serves thousands, in order.
func TestWaitManyOnce(t *testing.T) {
	const n = 3000
	b := fakeBench(t, Options{Shards: 4})
	p := b.connect()
	var conns []*conn
	lines := []string{"MULTI"}
	for i := range n {
		c := &conn{b: b, w: p.w, cl: b.connect().cl}
		c.cl.Wake = func() {}
		conns = append(conns, c.block("TAKE k"+strconv.Itoa(i)+" 0"))
		lines = append(lines, "SET k"+strconv.Itoa(i)+" v")
	}
	p.do(append(lines, "EXEC")...)
	for i, c := range conns {
		key := "k" + strconv.Itoa(i)
		if got := c.served(); got != "$"+strconv.Itoa(len(key))+" "+key {
			t.Fatalf("%d: %q", i, got)
		}
	}
	b.idle()
}

// TestWaitForMore: clients wait for a key that is there, and are tried in their order when it is signalled.
func TestWaitForMore(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p := b.connect()
	p.do("SET a .")
	x, y, z := b.connect().block("TAKESURE a 0"), b.connect().block("TAKESURE a 0"), b.connect().block("TAKESURE a 0")
	p.want("+OK", "SIGNAL a")
	b.wantServed("waits, waits, waits", x, y, z)
	p.want("+OK +QUEUED +QUEUED *2 +OK +OK", "MULTI", "SET a .21", "SIGNAL a", "EXEC")
	b.wantServed("$1 1, $1 2, waits", x, y, z)
	x.block("TAKESURE a 0") // behind z
	p.do("MULTI", "SET a .3", "SIGNAL a", "EXEC")
	b.wantServed("waits, $1 3", x, z)
	p.want(":1", "DEL a")
	b.wantServed("-GONE a", x)
	b.idle()
}

// TestWaitLost: those who want to know are told that their key is gone, however it went; the others wait on.
func TestWaitLost(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p := b.connect()
	for _, c := range []struct{ want, lines string }{
		{"-GONE a, waits", "DEL a"},
		{"-GONE b, waits", "DEL b"},
		{"-GONE a, waits", "MOVE a 1"},
		{"-GONE b, waits", "FLUSHALL"},
		{"-GONE b, waits", "SWAP 0 2"},
		{"-WRONGTYPE Operation against a key holding the wrong kind of value, waits", "MULTI; DEL b; HSET b f v; EXEC"},
		{"waits, waits", "MULTI; DEL a; SET a .; EXEC"},
	} {
		other := b.connect().block("TAKEHASH a 0")
		p.do("SET a .", "SET b .")
		x := b.connect().block("TAKESURE b a 0")
		p.do(strings.Split(c.lines, "; ")...)
		b.wantServed(c.want, x, other)
		x.w.Forget(x.cl)
		other.w.Forget(other.cl)
		p.do("FLUSHALL")
		b.idle()
	}
}

// TestWaitLostByTime: a key that expires is lost to those who wait for it: met by a command, or by housekeeping.
func TestWaitLostByTime(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p := b.connect()
	for _, meet := range []func(){
		func() { p.want("$-1", "GET a") },
		func() { p.want("-GONE a", "TAKESURE a b 0") },
		func() { p.want("*2 $-1 $-1", "MGET b a") },
		func() {
			w := b.NewWorker()
			for i := range b.loops {
				for w.Housekeep(i) == 0 {
				}
			}
		},
	} {
		p.want("+OK", "SETPX a 10 .")
		x := b.connect().block("TAKESURE a 0")
		b.clock.Advance(20 * time.Millisecond)
		b.wantServed("waits", x)
		meet()
		b.wantServed("-GONE a", x)
		b.idle()
	}
}

// TestWaitLostByEviction: a key that is evicted is lost as well.
func TestWaitLostByEviction(t *testing.T) {
	b := fakeBench(t, Options{Shards: 1})
	p := b.connect()
	p.want("+OK", "SET a .")
	x := b.connect().block("TAKESURE a 0")
	b.setPolicy(store.AllKeysRandom)
	b.SetMaxMemory(1)
	p.want("$-1", "GET none")
	b.SetMaxMemory(0)
	if w := b.NewWorker(); x.served() == "waits" {
		for w.Housekeep(0) == 0 {
		}
	}
	b.wantServed("-GONE a", x)
	b.idle()
}

// TestWaitAlike: of those that find the same only the first is tried.
func TestWaitAlike(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	p := b.connect()
	p.do("SET a .")
	var conns []*conn
	for range 5 {
		conns = append(conns, b.connect().block("TAKEONE a 0"))
	}
	r := b.Effects.Attach(nil)
	p.do("MULTI", "SET a .21", "SIGNAL a", "EXEC")
	if got := b.text(r); strings.Count(got, "TRY") != 4 { // two are served, and since they overwrite the key the third is tried twice
		t.Errorf("the log is %q", got)
	}
	b.wantServed("$1 1, $1 2, waits, waits, waits", conns...)
	p.do("DEL a")
	b.wantServed("-GONE, -GONE, -GONE", conns[2:]...)
	b.idle()
}

// TestWaitRetry: a command is tried again when it wants to be, in the order of coming.
func TestWaitRetry(t *testing.T) {
	b := fakeBench(t, Options{Shards: 16})
	p := b.connect()
	at := func(ms int64) string { return strconv.FormatInt(b.clock.WallMillis()+ms, 10) }
	p.do("SET a "+at(30), "SET b "+at(50))
	x, y := b.connect().block("TAKEAT a b 0"), b.connect().block("TAKEAT b 1000")
	left := func(c *conn) int64 { return (c.cl.WaitsUntil() - b.clock.Mono()) / 1_000_000 }
	if left(x) != 30 || left(y) != 50 {
		t.Errorf("they are tried again in %d and %d ms", left(x), left(y))
	}
	p.do("SET b "+at(20), "DELIVER b")
	if left(x) != 20 || left(y) != 20 {
		t.Errorf("they are tried again in %d and %d ms", left(x), left(y))
	}
	p.do("SET b "+at(40), "DELIVER b")
	b.clock.Advance(20 * time.Millisecond)
	if x.w.Retry(x.cl) != 0 || y.w.Retry(y.cl) != 0 {
		t.Error("something is busy")
	}
	if left(x) != 10 || left(y) != 20 {
		t.Errorf("they are tried again in %d and %d ms", left(x), left(y))
	}
	b.clock.Advance(10 * time.Millisecond)
	x.w.Retry(x.cl)
	b.wantServed("$1 a, waits", x, y)
	z := b.connect().block("TAKEAT b 0")
	b.clock.Advance(10 * time.Millisecond)
	z.w.Retry(z.cl) // y's turn is first
	b.wantServed("$1 b, -GONE", y, z)
	p.do("SET b " + at(5000))
	x.block("TAKEAT b 100")
	if left(x) != 100 || x.cl.WaitEnds(b.clock.Mono()) || !x.cl.WaitEnds(b.clock.Mono()+100_000_000) {
		t.Errorf("it waits for %d ms", left(x))
	}
	x.w.Forget(x.cl)
	b.idle()
}

// TestWaitHeir: of those that are alike only the first knows when to try again; when it goes, another one does.
func TestWaitHeir(t *testing.T) {
	for name, end := range map[string]func(p, x *conn){
		"unblocked": func(_, x *conn) { x.cl.Unblock(false); x.w.EndWait(x.cl) },
		"gone":      func(_, x *conn) { x.w.Forget(x.cl) },
		"gone while its shard is held": func(_, x *conn) {
			shard := x.w.e.Store.ShardOf(hash.Bytes([]byte("a")))
			x.w.e.Store.TryLock(shard)
			gone := make(chan struct{})
			go func() { x.w.Forget(x.cl); close(gone) }()
			<-gone
			x.w.e.Store.Unlock(shard)
		},
		"served elsewhere": func(p, x *conn) { p.do("SET b 0", "DELIVER b"); x.w.EndWait(x.cl) },
		"in a pause": func(p, x *conn) {
			p.w.e.Pause(PauseWrite, 40)
			x.w.Forget(x.cl)
			p.w.Housekeep(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := fakeBench(t, Options{Shards: 1, Loops: 1})
			p, far := b.connect(), b.clock.WallMillis()+100_000
			p.do(fmt.Sprint("SET a ", far), fmt.Sprint("SET b ", far))
			x, y, z := b.connect().block("TAKEATALIKE a b 0"), b.connect().block("TAKEATALIKE a 0"), b.connect().block("TAKEATALIKE a 0")
			p.do(fmt.Sprint("SET a ", b.clock.WallMillis()+200), "DELIVER a")
			end(p, x)
			b.clock.Advance(100 * time.Millisecond)
			b.EndPause(b.clock.Mono())
			p.w.Housekeep(0)
			left := func(c *conn) int64 { return (c.cl.WaitsUntil() - b.clock.Mono()) / 1_000_000 }
			if left(y) != 100 || left(z) < 1000 {
				t.Errorf("they are tried again in %d and %d ms", left(y), left(z))
			}
			b.clock.Advance(100 * time.Millisecond)
			y.w.Retry(y.cl)
			b.wantServed("$1 a, -GONE", y, z)
			p.do("FLUSHALL")
			b.idle()
		})
	}
}

// TestWaitRetryPaused: what a pause holds back is looked at seldom, but not behind the end of the wait.
func TestWaitRetryPaused(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	p := b.connect()
	p.do(fmt.Sprint("SET a ", b.clock.WallMillis()+10))
	x, y := b.connect().block("TAKEAT a 0"), b.connect().block("TAKEAT a 50")
	b.Pause(PauseWrite, 1000)
	b.clock.Advance(10 * time.Millisecond)
	if again, until := x.w.Retry(x.cl), y.w.Retry(y.cl); again != 100_000_000 || until != 40_000_000 {
		t.Errorf("they are tried again after %d and %d ns", again, until)
	}
	x.w.Forget(x.cl)
	y.w.Forget(y.cl)
	b.EndPause(b.clock.Mono() + 1_000_000_000)
	b.idle()
}

// TestWaitOtherArguments: what runs in the end need not be what was sent.
func TestWaitOtherArguments(t *testing.T) {
	b := fakeBench(t, Options{})
	p, x := b.connect(), b.connect().block("ECHOLATE a 0")
	p.do("SET a v")
	b.wantServed("$14 ECHOLATE a now", x)
	p.do("DEL a")
	b.idle()
}
