// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
	"github.com/redpoll/redpoll/internal/testutil"
)

// sleepyLoop does the housekeeping of a loop that sleeps as long as it was told, unless it is woken.
type sleepyLoop struct {
	*conn
	id    int
	woken atomic.Bool
	until int64 // Unix ms; to be called again from then on
	calls int
}

// look does what is due at the clock's time.
func (l *sleepyLoop) look() {
	for now := l.b.clock.WallMillis(); l.woken.Swap(false) || now >= l.until; {
		l.calls++
		switch sleep := l.w.Housekeep(l.id); {
		case sleep < 0:
			l.until = math.MaxInt64
		default:
			l.until = now + sleep/1_000_000
		}
	}
}

// sleepyBench has loops that keep house.
func sleepyBench(t *testing.T, shards, loops int) (*bench, []*sleepyLoop) {
	list := make([]*sleepyLoop, loops)
	b := fakeBench(t, Options{Shards: shards, Loops: loops, WakeLoop: func(i int) { list[i].woken.Store(true) }})
	for i := range list {
		list[i] = &sleepyLoop{conn: b.connect(), id: i, until: math.MaxInt64}
	}
	return b, list
}

// keys counts the records that there are, dead or not.
func (b *bench) keys() (n int) {
	v := b.Store.NewView()
	for i := range b.Store.Databases() {
		keys, _ := v.DB(i).Len()
		n += keys
	}
	return n
}

// TestHousekeeping: loops that sleep as long as they were told miss no key's time by more than 10 ms, and are not called
// when nothing is due.
func TestHousekeeping(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {16, 3}, {64, 2}, {2, 4}} {
		b, loops := sleepyBench(t, shape[0], shape[1])
		rng := rand.New(rand.NewPCG(4, uint64(shape[0])))
		c := b.connect()
		times := map[string]int64{}
		for ms := range int64(5000) {
			if ms < 3000 && rng.IntN(3) == 0 {
				key := fmt.Sprint("key:", rng.IntN(2000))
				span := rng.Int64N(1500) + 1
				c.do(fmt.Sprintf("SETPX %s %d v", key, span))
				times[key] = someTime + ms + span
			}
			b.clock.Advance(time.Millisecond)
			now := b.clock.WallMillis()
			for _, l := range loops {
				l.look()
			}
			alive := 0
			for key, at := range times {
				switch {
				case at < now-10:
					delete(times, key)
				case at >= now:
					alive++
				}
			}
			if n := b.keys(); n > len(times) || n < alive {
				t.Fatalf("%v, after %d ms: %d keys, of which %d live and %d have just died", shape, ms, n, alive, len(times)-alive)
			}
		}
		if b.keys() != 0 {
			t.Errorf("%v: %d keys are left", shape, b.keys())
		}
		for _, l := range loops {
			if l.calls > 4000 {
				t.Errorf("%v: loop %d was called %d times", shape, l.id, l.calls)
			}
			if l.until != math.MaxInt64 {
				t.Errorf("%v: loop %d wants to be called in %d ms though there is nothing to do", shape, l.id, l.until-b.clock.WallMillis())
			}
		}
	}
}

// TestHousekeepingSleeps: neither a shard that is held nor a time beyond all clocks makes it come back at once.
func TestHousekeepingSleeps(t *testing.T) {
	b, loops := sleepyBench(t, 1, 1)
	c := b.connect()
	for _, at := range []int64{math.MaxInt64, math.MaxInt64 / 1000, 1e14, 1e13, someTime + 100_000_000} {
		c.do(fmt.Sprintf("SETAT far %d v", at))
		if sleep := c.w.Housekeep(0); sleep >= 0 && sleep < 1_000_000_000 {
			t.Errorf("expiry at %d: sleeps %d ns", at, sleep)
		}
		c.do("DEL far")
	}
	c.do("SETPX near 5 v")
	b.clock.Advance(50 * time.Millisecond)
	if !b.Store.TryLock(0) {
		t.Fatal("cannot lock")
	}
	if !b.Overdue() {
		t.Error("not overdue")
	}
	testutil.Aside(func() {
		if sleep := c.w.Housekeep(0); sleep != 1_000_000 {
			t.Errorf("with its shard held it sleeps %d ns", sleep)
		}
	})
	b.Store.Unlock(0)
	if !b.Store.Still() {
		t.Fatal("not still")
	}
	testutil.Aside(func() {
		if sleep := c.w.Housekeep(0); sleep < 1_000_000 || b.keys() != 1 {
			t.Errorf("with the world still it sleeps %d ns, %d keys", sleep, b.keys())
		}
	})
	b.Store.Resume()
	for range 10 {
		b.clock.Advance(time.Millisecond)
		loops[0].look()
	}
	if b.keys() != 0 || b.Overdue() {
		t.Error("the key is still there, or it seems so")
	}
}

// TestHurry: writers on other goroutines tell a sleeping loop of keys that die earlier than it knows.
func TestHurry(t *testing.T) {
	b, loops := sleepyBench(t, 8, 2)
	var group sync.WaitGroup
	var stop atomic.Bool
	for id := range 3 {
		group.Go(func() {
			c := b.connect()
			rng := rand.New(rand.NewPCG(uint64(id), 8))
			for range 4000 {
				c.do(fmt.Sprintf("SETPX key:%d %d v", rng.IntN(5000), 1+rng.IntN(20)))
			}
		})
	}
	var keeper sync.WaitGroup
	keeper.Go(func() {
		for !stop.Load() {
			b.clock.Advance(100 * time.Microsecond)
			for _, l := range loops {
				l.look()
			}
		}
	})
	group.Wait()
	stop.Store(true)
	keeper.Wait()
	for range 40 {
		b.clock.Advance(time.Millisecond)
		for _, l := range loops {
			l.look()
		}
	}
	if b.keys() != 0 {
		t.Errorf("%d keys were forgotten", b.keys())
	}
}

// TestHousekeepingFails has housekeeping run into a bug: the server goes on, and what was to be done is done later.
func TestHousekeepingFails(t *testing.T) {
	b := fakeBench(t, Options{})
	c := b.connect()
	c.do("SETPX k 10 v", "SETPX other 100000 v")
	effects := b.Effects
	b.Effects = nil // nobody to be told of the key's death
	b.clock.Advance(20 * time.Millisecond)
	if invariants.Enabled {
		defer func() {
			if recover() == nil {
				t.Error("the debug build takes no notice")
			}
		}()
	}
	sleep := c.w.Housekeep(0)
	b.Effects = effects
	if n := b.Stats.Panics.Load(); n != 1 || sleep < 900_000_000 {
		t.Errorf("%d failures are counted, housekeeping sleeps for %d ns", n, sleep)
	}
	b.locks()
	c.want("$1 v", "GET other")
	b.clock.Advance(1100 * time.Millisecond)
	c.w.Housekeep(0)
	c.want(":1", "DBSIZE")
}

// TestReleaseWakes: a view that is released on any goroutine has a sleeping loop free what it kept.
func TestReleaseWakes(t *testing.T) {
	b, loops := sleepyBench(t, 8, 2)
	v := b.Store.NewView()
	v.NowMillis = b.clock.WallMillis()
	db := v.DB(0)
	for round := range 5 {
		key := fmt.Append(nil, "hash:", round)
		h, _ := db.FindHashWrite(key)
		for i := range 20_000 {
			h.SetOne(fmt.Append(nil, "field:", i), []byte("some value of some length"), store.NoExpiry)
		}
		it, _ := db.Peek(key)
		view := db.Freeze(&it)
		db.Delete(key)
		b.Store.SettleAll()
		for range 100 {
			b.clock.Advance(time.Millisecond)
			for _, l := range loops {
				l.look()
			}
		}
		if b.Store.Used() < 1_000_000 {
			t.Fatalf("%d bytes are used while a view is open", b.Store.Used())
		}
		var reader sync.WaitGroup
		reader.Go(view.Release)
		reader.Wait()
		for i := 0; b.Store.LazyPending() > 0; i++ {
			b.clock.Advance(time.Millisecond)
			for _, l := range loops {
				l.look()
			}
			if i > 1000 {
				t.Fatal("what the view kept is not freed")
			}
		}
	}
	if b.Store.Used() > 100_000 || b.Store.FrozenViews() != 0 {
		t.Errorf("%d bytes are used, %d views", b.Store.Used(), b.Store.FrozenViews())
	}
}

// TestDeadFieldsAreLogged: housekeeping removes the fields of a hash at their time, and the log gets an HDEL of each.
func TestDeadFieldsAreLogged(t *testing.T) {
	b, loops := sleepyBench(t, 4, 2)
	reader := b.Effects.Attach(nil)
	v := b.Store.NewView()
	v.NowMillis = b.clock.WallMillis()
	err := v.DB(1).Hold([]byte("h"), func() error {
		h, err := v.DB(1).FindHashWrite([]byte("h"))
		for i, field := range []string{"a", "b", "c"} {
			h.SetOne([]byte(field), []byte("v"), v.NowMillis+int64(10*(i+1)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		for _, l := range loops {
			l.look()
		}
		b.clock.Advance(time.Millisecond)
	}
	got := string(take(reader))
	want := string(resp.AppendCommand(nil, []byte("SELECT"), []byte("1")))
	for _, field := range []string{"a", "b", "c"} {
		want += string(resp.AppendCommand(nil, []byte("HDEL"), []byte("h"), []byte(field)))
	}
	if got != want || b.keys() != 0 {
		t.Errorf("the log has %q, want %q; %d keys are left", got, want, b.keys())
	}
}
