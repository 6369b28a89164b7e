// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

const oom = "-OOM command not allowed when used memory > 'maxmemory'."

func (b *bench) setPolicy(p store.Policy) { b.Store.Settings.Policy.Store(uint32(p)) }

// TestEviction: past the limit any command evicts before it runs, and what it writes is there afterwards.
func TestEviction(t *testing.T) {
	for p := store.AllKeysLRU; p <= store.VolatileTTL; p++ {
		b := fakeBench(t, Options{Shards: 4})
		c := b.connect()
		b.setPolicy(p)
		for i := range 1000 {
			c.want("+OK", fmt.Sprintf("SETPX key:%d 1000000 %0100d", i, i))
		}
		full := b.Used()
		b.SetMaxMemory(full / 2)
		c.want("$-1", "GET none")
		if left := b.keys(); b.Used() > full/2 || left < 300 || left > 600 || b.Store.Evicted() != int64(1000-left) {
			t.Errorf("%v: %d keys and %d of %d bytes are left, %d were evicted", p, left, b.Used(), full, b.Store.Evicted())
		}
		for i := range 2000 {
			c.want("+OK", fmt.Sprintf("SETPX new:%d 1000000 v", i))
			if b.Used() > full/2 { // by what was written last, or by a table that had to grow for it
				c.want("$-1", "GET none")
			}
			if b.Used() > full/2 {
				t.Fatalf("%v: %d bytes are used of %d", p, b.Used(), full/2)
			}
		}
		if total, current := b.Exceeded(); total != 0 || current != 0 {
			t.Errorf("%v: exceeded for %d and %d ns", p, total, current)
		}
		b.locks()
	}
}

// TestNothingToEvict: when no key may go, what takes memory is refused, nothing is lost, and the time is counted.
func TestNothingToEvict(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	c.do("SET a 1", "SET b 2")
	b.setPolicy(store.VolatileLRU)
	b.account.Add(mem.Other, 1000)
	b.SetMaxMemory(1)
	c.want(oom+" $1 1 $1 2 :1", "SET a 3", "GET a", "GET b", "DEL b")
	exceeded := func(total, current int64) {
		t.Helper()
		if all, now := b.Exceeded(); all != total || now != current {
			t.Errorf("exceeded for %d and %d ns, want %d and %d", all, now, total, current)
		}
	}
	b.clock.Advance(time.Second)
	exceeded(1e9, 1e9)
	c.want("+OK "+oom+" $-1", "SETPX v 1000 v", "SET c 1", "GET v") // SETPX is not refused here, and what it set is evicted
	b.account.Add(mem.Other, -1000)
	c.do("DEL a")
	c.want("+OK", "SET c 1")
	exceeded(1e9, 0)
	b.clock.Advance(time.Second)
	c.want(oom, "SET d 1")
	b.clock.Advance(time.Second)
	exceeded(2e9, 1e9)
	b.ResetStats()
	exceeded(0, 0)
	b.SetMaxMemory(0)
	c.want("+OK", "SET d 1")
}

// TestEvictionInTransaction: within EXEC nothing is evicted or refused, whatever its commands do.
func TestEvictionInTransaction(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c, other := b.connect(), b.connect()
	b.setPolicy(store.AllKeysLRU)
	c.do("SET a 1")
	limit := b.Used() + 100
	b.SetMaxMemory(limit)
	big := strings.Repeat("x", 4000)
	c.want("+OK +QUEUED +QUEUED +QUEUED *3 +OK +OK $1 1", "MULTI", "SET b "+big, "SET c "+big, "GET a", "EXEC")
	if b.Store.Evicted() != 0 {
		t.Errorf("%d keys were evicted by EXEC", b.Store.Evicted())
	}
	b.SetMaxMemory(0)
	other.want("+OK +OK", "WATCH b", "MULTI")
	b.SetMaxMemory(limit)
	c.want("$-1", "GET none")
	other.want("+QUEUED *-1", "GET c", "EXEC") // b is gone, and c
}

// TestEvictionIsLogged: a reader of the log sees evictions, before the command that was run then.
func TestEvictionIsLogged(t *testing.T) {
	for _, verb := range []string{"DEL", "UNLINK"} {
		b := fakeBench(t, Options{Shards: 4})
		c := b.connect()
		b.SetUnlink(verb == "UNLINK")
		b.setPolicy(store.AllKeysLRU)
		c.do("SELECT 1", "SET a 1")
		r := b.Effects.Attach(nil)
		b.clock.Advance(time.Second)
		c.do("SET b 1")
		b.SetMaxMemory(b.Used() - 1)
		c.do("INCRBY b 1", "DEL b")
		if got, want := b.text(r), "SELECT 1 SET b 1 "+verb+" a INCRBY b 1 DEL b"; got != want {
			t.Errorf("the log is %q, want %q", got, want)
		}
	}
}

// TestClientsMemoryCounts: what clients make the server hold is taken from the data.
func TestClientsMemoryCounts(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	b.setPolicy(store.AllKeysLRU)
	for i := range 100 {
		c.do(fmt.Sprintf("SET key:%d %0100d", i, i))
	}
	full := b.Used()
	b.SetMaxMemory(full)
	b.account.Add(mem.ClientOutput, full/2)
	c.do("GET none")
	if left := b.keys(); left > 60 || left < 30 {
		t.Errorf("%d of 100 keys are left", left)
	}
	b.account.Add(mem.ClientOutput, full)
	c.want(oom, "SET a 1")
	if left := b.keys(); left != 0 {
		t.Errorf("%d keys are left", left)
	}
	b.account.Add(mem.ClientOutput, -full)
	c.want("+OK", "SET a 1")
}

// TestEvictionIsFinishedLater: a command gives eviction a bounded time; the loops do the rest, and stop when all is done.
func TestEvictionIsFinishedLater(t *testing.T) {
	b, loops := sleepyBench(t, 8, 2)
	c := b.connect()
	b.setPolicy(store.AllKeysLRU)
	for i := range 2000 {
		c.do(fmt.Sprintf("SET key:%d v", i))
	}
	full := b.Used()
	b.pressure.patience.Store(-1) // no time at all
	b.Store.Settings.MaxMemory.Store(full / 2)
	c.want("+OK", "SET a 1")
	if n := b.Store.Evicted(); n != evictCheck {
		t.Errorf("one command has evicted %d keys", n)
	}
	if _, current := b.Exceeded(); b.pressure.since.Load() == 0 || current != 0 {
		t.Error("the excess is not noted")
	}
	for range 1000 {
		for _, l := range loops {
			l.look()
		}
	}
	if b.Used() > full/2 || b.keys() < 500 {
		t.Errorf("%d keys are left, %d bytes of %d", b.keys(), b.Used(), full/2)
	}
	calls := loops[0].calls + loops[1].calls
	for range 1000 {
		for _, l := range loops {
			l.look()
		}
	}
	if again := loops[0].calls + loops[1].calls; again > calls {
		t.Errorf("the loops were called %d times for nothing", again-calls)
	}
	// Lowering the limit is enough for the loops to begin.
	b.SetMaxMemory(full / 4)
	for range 1000 {
		for _, l := range loops {
			l.look()
		}
	}
	if b.Used() > full/4 {
		t.Errorf("%d bytes are left of %d", b.Used(), full/4)
	}
	b.locks()
}

// TestBudget: past the budget what takes memory is refused; a single command that takes more than is left is refused too.
func TestBudget(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	const budget, most = 4 << 20, 6 << 20
	b.SetBudget(budget, most)
	c.want("+OK "+oom+" +OK", "SET a 1", "SET huge "+strings.Repeat("x", 7<<20), "SET a 2")
	big := strings.Repeat("x", 500_000)
	n := 0
	for c.do(fmt.Sprintf("SET big:%d %s", n, big)) == "+OK" {
		n++
	}
	if n < 7 || n > 9 {
		t.Errorf("%d values of half a MB were taken", n)
	}
	c.want(oom+" $1 2 :2", "SET a 3", "GET a", "DEL big:0 big:1")
	c.want("+OK", "SET a 3")
	b.SetBudget(1, 0)
	c.want(oom, "SET a 4")
	b.SetBudget(0, 0)
	c.want("+OK", "SET a 4")
}

// TestPauseEvictsNothing: while clients are paused nothing is evicted and nobody is refused for it.
func TestPauseEvictsNothing(t *testing.T) {
	b := fakeBench(t, Options{Shards: 4})
	c := b.connect()
	b.setPolicy(store.AllKeysLRU)
	c.do("SET a 1")
	b.Pause(PauseWrite, 1000)
	b.SetMaxMemory(1)
	c.want("$1 1", "GET a")
	b.clock.Advance(2 * time.Second)
	b.EndPause(b.clock.Mono())
	c.want("$-1", "GET a")
}

// BenchmarkSet runs pipelines of SETs: without a limit, far below it, and at it, where every key evicts another.
func BenchmarkSet(b *testing.B) {
	for _, c := range []struct {
		name  string
		limit int64
	}{{"without", 0}, {"below", 1 << 40}, {"full", 20 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			arena, err := mem.NewArena(mem.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer arena.Close()
			test := newBench(nil, clock.Real(), Options{Arena: arena, Shards: 64})
			test.setPolicy(store.AllKeysLRU)
			test.SetMaxMemory(c.limit)
			cl := test.connect()
			const depth, keys = 16, 400_000
			calls, argv := make([]Call, depth), make([][][]byte, keys)
			for i := range argv {
				argv[i] = [][]byte{[]byte("SET"), fmt.Appendf(nil, "key:%09d", i), []byte("some value or other")}
			}
			next := 0
			for b.Loop() {
				for i := range calls {
					cl.w.Prepare(cl.cl, &calls[i], argv[next%keys], false)
					next++
				}
				for i := range calls {
					cl.w.PrepareRecord(&calls[i])
				}
				cl.w.Run(nil, cl.cl, calls)
				cl.cl.Reply.Reset()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/cmd")
		})
	}
}
