// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

// handOver is a runner whose loop always has a spare one.
type handOver struct{ detached chan struct{} }

func newHandOver() *handOver { return &handOver{make(chan struct{})} }

// Detach tells that the handler goes on by itself.
func (h *handOver) Detach() bool {
	close(h.detached)
	return true
}

// overtake starts a slow command on a goroutine of its own and returns when it has been overtaken. release lets it end,
// and end waits for it and gives its replies.
func (b *bench) overtake(line string) (release func(), end func() string) {
	gate := make(chan struct{})
	c := b.connect()
	h := newHandOver()
	c.runner = h
	b.slow = func() bool {
		select {
		case <-h.detached:
			<-gate
			return false
		default:
			b.clock.Advance(overtakeAfter)
			return true
		}
	}
	done := make(chan string, 1)
	go func() {
		n, st := c.try(line, "SET never run")
		if n != 1 || st != Detached {
			b.t.Errorf("%s: %d commands, status %v", line, n, st)
		}
		done <- c.replies()
	}()
	select {
	case <-h.detached:
	case <-time.After(deadline):
		b.t.Fatal("not overtaken")
	}
	return func() { close(gate) }, func() string { return <-done }
}

// TestOvertaken: while a handler is detached others work; who needs what it holds is parked, and woken at its end.
func TestOvertaken(t *testing.T) {
	for _, slow := range []string{"SLOW held", "SLOWPANIC held"} {
		b := fakeBench(t, Options{Shards: 64})
		free := "free"
		for b.Store.ShardOf(hash.Bytes([]byte(free))) == b.Store.ShardOf(hash.Bytes([]byte("held"))) {
			free += "r"
		}
		release, end := b.overtake(slow)
		other := b.connect()
		other.want("+OK $1 v", "SET "+free+" v", "LOOK "+free)
		other.want("$1 v +OK +QUEUED +QUEUED *2 $1 v $1 v", "PEEK "+free, "MULTI", "PEEK "+free, "GET "+free, "EXEC")
		var waiting []*conn
		for _, line := range []string{"SET held v", "PEEK held", "MGET " + free + " held", "FLUSHALL", "DBSIZE", "SUM", "LOOK " + free + " AROUND"} {
			c := b.connect()
			if n, st := c.try("GET "+free, line); n != 1 || st != Parked {
				t.Errorf("%s: %d commands, status %v", line, n, st)
			}
			waiting = append(waiting, c)
		}
		other.want("$1 v", "GET "+free)
		for _, c := range waiting {
			if len(c.woke) != 0 {
				t.Error("woken before its time")
			}
		}
		release()
		if text := end(); text != "+OK" && !strings.HasPrefix(text, "-ERR internal") {
			t.Errorf("%s: replies %s", slow, text)
		}
		for _, c := range waiting {
			if !c.wait() {
				break
			}
		}
		b.locks()
		if n := b.Stats.Detached.Load(); n != 1 {
			t.Errorf("%d handlers were detached", n)
		}
	}
}

// TestOvertakenWithTheWorldStill: everybody waits, and everybody is woken.
func TestOvertakenWithTheWorldStill(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	release, end := b.overtake("SLOWALL")
	var waiting []*conn
	for _, line := range []string{"GET a", "SUM", "DBSIZE", "LOOK a AROUND"} {
		c := b.connect()
		if n, st := c.try(line); n != 0 || st != Parked {
			t.Errorf("%s: %d commands, status %v", line, n, st)
		}
		waiting = append(waiting, c)
	}
	release()
	end()
	for _, c := range waiting {
		c.wait()
	}
	b.locks()
}

// TestStillAtLast: a client that needs the world still has it though there is always some detached handler, each of which begins before
// the one in front of it ends.
func TestStillAtLast(t *testing.T) {
	const most = 10000 // handlers
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	flush := func(want Status) {
		t.Helper()
		testutil.Aside(func() {
			if _, st := c.try("FLUSHALL"); st != want {
				t.Fatalf("status %v", st)
			}
		})
	}
	gates := [2]*store.Gate{b.Store.NewGate(), b.Store.NewGate()}
	end := func(i int) {
		b.Store.Leave(gates[i%2])
		b.Store.Attach()
	}
	b.Store.Enter(gates[0])
	b.Store.Detach()
	flush(Parked)
	last := 0
	for b.Store.Enter(gates[(last+1)%2]) {
		b.Store.Detach()
		b.clock.Advance(overtakeAfter)
		b.Store.HoldGates(b.clock.Mono())
		end(last)
		if last++; last > most {
			t.Fatal("handlers come in for ever")
		}
		if len(c.woke) > 0 && c.wait() {
			flush(Parked)
		}
	}
	end(last)
	c.wait()
	flush(Done)
	b.locks()
}

// TestNobodyToHandOverTo: a runner that cannot detach keeps its handler, which is asked again later.
func TestNobodyToHandOverTo(t *testing.T) {
	b := fakeBench(t, Options{})
	rounds := 0
	b.slow = func() bool {
		b.clock.Advance(overtakeAfter)
		rounds++
		return rounds < 10
	}
	c := b.connect()
	refusing := &refusal{}
	c.runner = refusing
	c.want("+OK", "SLOW a")
	if refusing.asked != 9 || b.Stats.Detached.Load() != 0 {
		t.Errorf("asked %d times", refusing.asked)
	}
	b.locks()
	b.Engine.Close()
	rounds = 0
	c.want("-ERR the server is shutting down", "SLOW a")
}

type refusal struct{ asked int }

// Detach counts.
func (r *refusal) Detach() bool {
	r.asked++
	return false
}

const accounts = 12

// transferrer moves amounts between accounts, in transactions of all sorts.
func transferrer(b *bench, id, rounds int) {
	c := b.connect()
	rng := rand.New(rand.NewPCG(uint64(id), 9))
	for range rounds {
		from, to, n := rng.IntN(accounts), rng.IntN(accounts), rng.IntN(50)
		lines := []string{"MULTI", fmt.Sprintf("INCRBY acc:%d %d", from, -n), fmt.Sprintf("INCRBY acc:%d %d", to, n), "EXEC"}
		if rng.IntN(10) == 0 {
			lines[0] = "WATCH acc:0"
			around := []string{"SUM", "LOOK acc:0 AROUND"}[rng.IntN(2)]
			lines = append(lines[:1], append([]string{"MULTI", around}, lines[1:]...)...)
		}
		if text := c.do(lines...); strings.Contains(text, "-ERR") {
			b.t.Errorf("replies %s", text)
		}
	}
}

// total adds up the integers of an array of bulks.
func total(text string) (sum int) {
	words := strings.Fields(text)
	for i := 1; i < len(words); i++ {
		if !strings.HasPrefix(words[i], "$") && !strings.HasPrefix(words[i], "*") {
			n, _ := strconv.Atoi(words[i])
			sum += n
		}
	}
	return sum
}

// TestAtomicity: transfers between accounts in transactions leave their sum, as every reader sees it, be it with the
// accounts' shards, the world still, or in a transaction. The log's replay comes to the same state.
func TestAtomicity(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		b := newBench(t, clock.Real(), Options{Shards: shards})
		reader := b.Effects.Attach(nil)
		all := "MGET"
		setup := b.connect()
		for i := range accounts {
			setup.do(fmt.Sprintf("SET acc:%d 100", i))
			all += fmt.Sprintf(" acc:%d", i)
		}
		var group sync.WaitGroup
		for id := range 4 {
			group.Go(func() { transferrer(b, id, 400) })
		}
		parked := make([]int, 4)
		for id, lines := range [][]string{{all}, {"SUM"}, {"MULTI", all, "EXEC"}, {"LOOK acc:0 AROUND"}} {
			group.Go(func() {
				c := b.connect()
				for range 200 {
					text := c.do(lines...)
					sum := total(text)
					if len(lines) == 1 && lines[0] != all {
						sum, _ = strconv.Atoi(strings.TrimPrefix(text, ":"))
					}
					if sum != 100*accounts {
						t.Errorf("%q sees %d: %s", lines, sum, text)
						return
					}
				}
				parked[id] = c.parked
			})
		}
		var log []byte
		var stop atomic.Bool
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			for last := false; ; {
				next := take(reader)
				log = append(log, next...)
				if len(next) == 0 && last {
					return
				}
				last = len(next) == 0 && stop.Load()
			}
		}()
		group.Wait()
		stop.Store(true)
		<-finished
		b.locks()
		copied := newBench(t, b.clock, Options{Shards: 2})
		copied.replay(log)
		if got, want := copied.dump(), b.dump(); got != want {
			t.Errorf("the log gives\n%s\nwant\n%s", got, want)
		}
	}
}

// TestWatchCounts: of those who raise a counter by WATCH, GET and SET none overwrites another's.
func TestWatchCounts(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 8})
	var raised atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			c := b.connect()
			for range 300 {
				words := strings.Fields(c.do("WATCH counter", "GET counter"))
				n := 0
				if len(words) == 3 {
					n, _ = strconv.Atoi(words[2])
				}
				switch text := c.do("MULTI", fmt.Sprintf("SET counter %d", n+1), "SET other 1", "EXEC"); text {
				case "+OK +QUEUED +QUEUED *2 +OK +OK":
					raised.Add(1)
				case "+OK +QUEUED +QUEUED *-1":
				default:
					t.Errorf("replies %s", text)
				}
			}
		})
	}
	group.Wait()
	text := fmt.Sprint(raised.Load())
	b.connect().want(fmt.Sprintf("$%d %s", len(text), text), "GET counter")
	b.locks()
}

// TestEverythingAtOnce has all kinds of commands meet on few keys: all end, and the log replayed gives the same state.
func TestEverythingAtOnce(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 4})
	reader := b.Effects.Attach(nil)
	var group sync.WaitGroup
	var parks atomic.Int64
	for id := range 5 {
		group.Go(func() {
			c := b.connect()
			rng := rand.New(rand.NewPCG(uint64(id), 3))
			key := func() string { return "key:" + strconv.Itoa(rng.IntN(10)) }
			for range 700 {
				var lines []string
				switch rng.IntN(10) {
				case 0:
					lines = []string{"SET " + key() + " " + strings.Repeat("x", 1+rng.IntN(9000))}
				case 1:
					lines = []string{"MSET " + key() + " 1 " + key() + " 2 " + key() + " 3"}
				case 2:
					lines = []string{"DEL " + key() + " " + key(), "DBSIZE"}
				case 3:
					lines = []string{"SETPX " + key() + " 1 v", "GET " + key()}
				case 4:
					lines = []string{"WATCH " + key(), "MULTI", "SELECT " + strconv.Itoa(rng.IntN(3)), "SET " + key() + " m", "INCRBY n 1", "EXEC"}
				case 5:
					if lines = []string{"DBSIZE"}; rng.IntN(5) == 0 {
						lines = []string{"FLUSHALL"}
					}
				case 6:
					lines = []string{"PANIC " + key() + " " + key()}
				case 7:
					lines = []string{"WATCH " + key(), "UNWATCH", "WATCH " + key() + " " + key()}
				case 8:
					end := []string{"", " | !kill", " | !panic", " | DBSIZE"}[max(0, rng.IntN(10)-6)]
					lines = []string{"RUN 1 " + key() + " | SETPX " + key() + " 1 v | GET " + key() + " | SELECT 1 | DEL " + key() + " " + key() +
						" | SET " + key() + " " + strings.Repeat("y", 1+rng.IntN(9000)) + " | PANIC " + key() + end}
				case 9:
					c.w.Forget(c.cl)
					c.cl.DB = rng.IntN(3)
					c.w.Housekeep(0)
				}
				c.do(lines...)
			}
			parks.Add(int64(c.parked))
		})
	}
	group.Wait()
	b.locks()
	log := take(reader)
	copied := newBench(t, b.clock, Options{Shards: 1})
	// What has died meanwhile is in the log, or not yet met: both look for it now.
	copied.replay(log)
	if got, want := copied.dump(), b.dump(); got != want {
		t.Errorf("the log gives\n%.2000s\nwant\n%.2000s", got, want)
	}
	t.Logf("%d times parked", parks.Load())
}
