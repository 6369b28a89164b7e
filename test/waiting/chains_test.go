// SPDX-License-Identifier: BSD-3-Clause

package waiting

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// Chains of keys that elements go through, each moved on by clients that wait: from a:0 to b:0 to c:0, from a:1 to b:1 to c:1, and so
// on. Producers push to the first keys; consumers take from the last ones. Clients that are cut off while they wait only move
// elements, so that what becomes of each can be seen in the keys; those whose replies arrive may take some.
const (
	chains   = 5
	inFlight = 400 // elements that are in the chains at once, at most
)

// work is what goes through the chains of one server.
type work struct {
	t      *testing.T
	target *testutil.Target
	limit  int32     // elements to push, if not 0
	until  time.Time // else the time to push until

	pushed  atomic.Int32
	came    atomic.Int32
	seen    []atomic.Uint32 // how often each element came, by its number
	tokens  chan struct{}   // one for each element that is in the chains
	quiet   atomic.Bool     // nobody disturbs any more: all is pushed
	over    atomic.Bool     // all has come
	parts   sync.WaitGroup  // producers
	others  sync.WaitGroup  // those who disturb
	steady  sync.WaitGroup  // movers and consumers that wait until all is over
	moverID []atomic.Int64  // ids of the clients that may be told to stop waiting
	failed  chan struct{}
	once    sync.Once
}

// maxElements bounds the elements of one test.
const maxElements = 4_000_000

// fail ends the test with an error, from any goroutine.
func (w *work) fail(format string, args ...any) {
	if w.over.Load() {
		return
	}
	w.t.Errorf(format, args...)
	w.once.Do(func() { close(w.failed) })
}

func key(stage string, chain int) string { return stage + ":" + strconv.Itoa(chain) }

func (w *work) dial() *testutil.Client {
	c, err := testutil.Connect(w.target.Network, w.target.Addr)
	if err != nil {
		w.fail("connect: %v", err)
		return nil
	}
	return c
}

// take gives the numbers of n more elements to push, fewer at the end, once there is room for them.
func (w *work) take(n int) (names []string) {
	for range n {
		if w.limit == 0 && time.Now().After(w.until) || w.pushed.Load() >= maxElements {
			return names
		}
		select {
		case w.tokens <- struct{}{}:
		case <-w.failed:
			return nil
		}
		id := w.pushed.Add(1) - 1
		if w.limit > 0 && id >= w.limit {
			w.pushed.Add(-1)
			<-w.tokens
			return names
		}
		names = append(names, strconv.Itoa(int(id)))
	}
	return names
}

// got counts elements that have come out.
func (w *work) got(names ...string) {
	for _, name := range names {
		id, err := strconv.Atoi(name)
		if err != nil || id < 0 || id >= len(w.seen) {
			w.fail("%q came, which nobody pushed", name)
			return
		}
		if w.seen[id].Add(1) > 1 {
			w.fail("element %d came twice", id)
			return
		}
		w.came.Add(1)
		<-w.tokens
	}
}

// produce pushes to the first keys of the chains in all kinds of ways.
func (w *work) produce(rnd *rand.Rand) {
	c := w.dial()
	if c == nil {
		return
	}
	defer c.Close()
	for {
		names := w.take(1 + rnd.IntN(4))
		if len(names) == 0 {
			return
		}
		push := func(name string) []string {
			return []string{pick(rnd, "LPUSH", "RPUSH"), key(pick(rnd, "a", "a", "a", "b", "c"), rnd.IntN(chains)), name}
		}
		var calls [][]string
		switch rnd.IntN(4) {
		case 0: // to several keys at once
			calls = append(calls, []string{"MULTI"})
			for _, name := range names {
				calls = append(calls, push(name))
			}
			calls = append(calls, []string{"EXEC"})
		case 1: // several at once
			calls = append(calls, append([]string{pick(rnd, "LPUSH", "RPUSH"), key("a", rnd.IntN(chains))}, names...))
		case 2: // moved on within a transaction, where nobody waits
			from, to := key("a", rnd.IntN(chains)), key("b", rnd.IntN(chains))
			calls = [][]string{{"MULTI"}, append([]string{"RPUSH", from}, names...), {"BLMOVE", from, to, "LEFT", "RIGHT", "0"}, {"EXEC"}}
		default:
			for _, name := range names {
				calls = append(calls, push(name))
			}
		}
		replies, err := c.Pipeline(calls...)
		for _, r := range replies {
			err = errors.Join(err, ok(r.Value, nil))
		}
		if err != nil {
			w.fail("push: %v", err)
			return
		}
	}
}

// move gives a call that moves an element on in one of the chains, or turns a list round.
func move(rnd *rand.Rand, timeout string) []string {
	from, to := "a", "b"
	if rnd.IntN(2) == 0 {
		from, to = "b", "c"
	}
	n := rnd.IntN(chains)
	if rnd.IntN(8) == 0 {
		to = from
	}
	if rnd.IntN(8) == 0 {
		return []string{"BRPOPLPUSH", key(from, n), key(to, n), timeout}
	}
	return []string{"BLMOVE", key(from, n), key(to, n), pick(rnd, "LEFT", "RIGHT"), pick(rnd, "LEFT", "RIGHT"), timeout}
}

// carry moves elements on from one key, always waiting without an end: a wake-up that is lost here is never made up for.
func (w *work) carry(from, to string) {
	c := w.dial()
	if c == nil {
		return
	}
	defer c.Close()
	for {
		v, err := c.Do("BLMOVE", from, to, "LEFT", "RIGHT", "0")
		var slow interface{ Timeout() bool }
		switch {
		case w.over.Load():
			return
		case errors.As(err, &slow) && slow.Timeout():
			w.fail("from %s to %s: nothing for %v", from, to, patience)
			return
		case ok(v, err) != nil || v.Null:
			w.fail("from %s to %s: %s, %v", from, to, testutil.Format(v), err)
			return
		}
	}
}

// consume takes from all the last keys, waiting without an end.
func (w *work) consume(rnd *rand.Rand) {
	c := w.dial()
	if c == nil {
		return
	}
	defer c.Close()
	for {
		var all []string
		for _, n := range rnd.Perm(chains) {
			all = append(all, key("c", n))
		}
		call := slices.Concat([]string{pick(rnd, "BLPOP", "BRPOP")}, all, []string{"0"})
		if rnd.IntN(3) == 0 {
			call = slices.Concat([]string{"BLMPOP", "0", strconv.Itoa(chains)}, all, []string{"LEFT", "COUNT", "3"})
		}
		v, err := c.Do(call...)
		if w.over.Load() {
			return
		}
		if err = ok(v, err); err != nil {
			w.fail("%s: %v", call[0], err)
			return
		}
		w.popped(v)
	}
}

// popped counts what a pop of a key gave, if anything.
func (w *work) popped(v testutil.Value) {
	switch {
	case v.Null || len(v.Elems) != 2:
	case v.Elems[1].Kind == '*':
		w.got(v.Elems[1].Strings()...)
	default:
		w.got(v.Elems[1].Str)
	}
}

// breakOff has clients move elements and hang up while they wait or are served.
func (w *work) breakOff(rnd *rand.Rand) {
	for !w.quiet.Load() {
		c := w.dial()
		if c == nil {
			return
		}
		for range 1 + rnd.IntN(3) {
			if err := c.Send(move(rnd, "0")...); err != nil {
				w.fail("move: %v", err)
				return
			}
		}
		c.Buffered(time.Duration(rnd.IntN(400)) * time.Microsecond) // for so long, or until it is served
		c.Close()
	}
}

// giveUp has a client move elements or take them, waiting for a few milliseconds at most, and be told to stop.
func (w *work) giveUp(rnd *rand.Rand, id *atomic.Int64) {
	c := w.dial()
	if c == nil {
		return
	}
	defer c.Close()
	v, err := c.Do("CLIENT", "ID")
	if err != nil {
		w.fail("CLIENT ID: %v", err)
		return
	}
	id.Store(v.Int)
	for !w.quiet.Load() {
		call := move(rnd, pick(rnd, "0.001", "0.003", "0.02"))
		take := rnd.IntN(3) == 0
		if take {
			call = []string{"BLPOP", key("c", rnd.IntN(chains)), key("b", rnd.IntN(chains)), key("a", rnd.IntN(chains)), "0.002"}
		}
		v, err := c.Do(call...)
		switch {
		case err != nil:
			w.fail("%s: %v", call[0], err)
			return
		case v.IsError() && !strings.HasPrefix(v.Str, "UNBLOCKED"):
			w.fail("%s: %s", call[0], v.Str)
			return
		case take && !v.IsError():
			w.popped(v)
		}
	}
}

// interfere tells clients to stop waiting, takes elements without waiting, and gives keys other names.
func (w *work) interfere(rnd *rand.Rand) {
	c := w.dial()
	if c == nil {
		return
	}
	defer c.Close()
	for !w.quiet.Load() {
		var call []string
		n, m := rnd.IntN(chains), rnd.IntN(chains)
		switch rnd.IntN(7) {
		case 0:
			call = []string{"LPOP", key(pick(rnd, "a", "b", "c"), n)}
		case 1:
			call = []string{"LMOVE", key("a", n), key("c", m), "RIGHT", "LEFT"}
		case 2: // a key is made by another way than a push
			call = []string{"RENAMENX", key(pick(rnd, "a", "b"), n), key("c", m)}
		case 3: // it goes to another database and comes back
			name := key(pick(rnd, "a", "b", "c"), n)
			_, err := c.Pipeline([]string{"MULTI"}, []string{"MOVE", name, "1"}, []string{"SELECT", "1"}, []string{"MOVE", name, "0"}, []string{"SELECT", "0"})
			if err != nil {
				w.fail("MOVE: %v", err)
				return
			}
			call = []string{"EXEC"}
		default:
			id := w.moverID[rnd.IntN(len(w.moverID))].Load()
			call = []string{"CLIENT", "UNBLOCK", strconv.FormatInt(id, 10), pick(rnd, "TIMEOUT", "ERROR")}
		}
		v, err := c.Do(call...)
		switch {
		case err != nil || v.IsError() && v.Str != "ERR no such key":
			w.fail("%s: %s, %v", call[0], testutil.Format(v), err)
			return
		case call[0] == "LPOP" && !v.Null:
			w.got(v.Str)
		}
	}
}

// TestChains: what goes through chains of waiting clients comes out once, whatever happens to the clients. It needs no luck to
// see a client that was forgotten: those that carry elements on wait for ever, and fail when nothing comes.
func TestChains(t *testing.T) {
	everywhere(t, func(t *testing.T, target *testutil.Target) {
		w := &work{
			t: t, target: target, until: time.Now().Add(*budget), seen: make([]atomic.Uint32, maxElements),
			tokens: make(chan struct{}, inFlight), moverID: make([]atomic.Int64, 4), failed: make(chan struct{}),
		}
		if target.Redpoll {
			w.limit = int32(*rounds)
		}
		before := info(t, target.Dial(t), "memory", "used_memory")
		begun := time.Now()
		w.run()
		if t.Failed() {
			return
		}
		c := target.Dial(t)
		for stage := range strings.SplitSeq("abc", "") {
			for n := range chains {
				if left := c.Must(t, "LRANGE", key(stage, n), "0", "-1").Strings(); len(left) > 0 {
					t.Errorf("%s has %q still", key(stage, n), left)
				}
			}
		}
		awaitWaiting(t, c, 0)
		t.Logf("%d elements in %v", w.came.Load(), time.Since(begun).Round(time.Millisecond))
		if target.Redpoll {
			testutil.Poll(t, patience, func() bool { return info(t, c, "memory", "used_memory") < before+1<<20 })
		}
	})
}

// run has everybody work until all that was pushed has come.
func (w *work) run() {
	actor := func(group *sync.WaitGroup, seed uint64, fn func(*rand.Rand)) {
		group.Go(func() { fn(rand.New(rand.NewPCG(seed, 11))) })
	}
	for n := range chains {
		w.steady.Go(func() { w.carry(key("a", n), key("b", n)) })
		w.steady.Go(func() { w.carry(key("b", n), key("c", n)) })
	}
	for i := range uint64(3) {
		actor(&w.steady, i, w.consume)
		actor(&w.parts, 100+i, w.produce)
		actor(&w.others, 200+i, w.breakOff)
	}
	for i := range w.moverID {
		actor(&w.others, uint64(300+i), func(rnd *rand.Rand) { w.giveUp(rnd, &w.moverID[i]) })
	}
	actor(&w.others, 400, w.interfere)
	actor(&w.others, 401, w.interfere)

	w.parts.Wait()
	w.quiet.Store(true)
	w.others.Wait()
	testutil.Poll(w.t, patience, func() bool { return w.came.Load() >= w.pushed.Load() || w.t.Failed() })
	if lost := w.pushed.Load() - w.came.Load(); lost != 0 && !w.t.Failed() {
		w.t.Errorf("%d elements of %d did not come", lost, w.pushed.Load())
	}
	w.over.Store(true)
	w.end()
}

// end has those stop who wait for ever.
func (w *work) end() {
	c := w.dial()
	if c == nil {
		return
	}
	defer c.Close()
	if _, err := c.Do("CLIENT", "KILL", "TYPE", "normal"); err != nil {
		w.t.Error(err)
	}
	w.steady.Wait()
}
