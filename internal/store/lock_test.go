// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/testutil"
)

// deadline is how long a test waits for what must happen at once.
const deadline = testutil.Patience

func newStore(t testing.TB, shards int) *Store {
	t.Helper()
	arena, err := mem.NewArena(mem.Options{Reserve: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close() })
	return New(Options{Arena: arena, Shards: shards, Databases: 2})
}

// sleeper is one who parks and waits for the wake-up call.
type sleeper struct {
	t    *testing.T
	woke chan struct{}
}

func newSleeper(t *testing.T) *sleeper { return &sleeper{t: t, woke: make(chan struct{}, 1)} }

// wake is the call; it must not block.
func (s *sleeper) wake() {
	select {
	case s.woke <- struct{}{}:
	default:
	}
}

func (s *sleeper) wait() bool {
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case <-s.woke:
		return true
	case <-timer.C:
		s.t.Error("a wake-up call was lost")
		return false
	}
}

// TestLocks: a shard is held by one at a time, and whoever parks is woken.
func TestLocks(t *testing.T) {
	const workers, rounds = 6, 3000
	s := newStore(t, 4)
	var counters [4]int // each guarded by its shard
	var parked atomic.Int64
	var group sync.WaitGroup
	for id := range workers {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(id), 5))
			me := newSleeper(t)
			for range rounds {
				shard := rng.IntN(2) * rng.IntN(4)
				for !s.TryLock(shard) {
					if s.Park(shard, me.wake) {
						if parked.Add(1); !me.wait() {
							return
						}
					}
				}
				counters[shard]++
				if rng.IntN(8) == 0 {
					runtime.Gosched() // others find it busy
				}
				s.Unlock(shard)
			}
		})
	}
	group.Wait()
	total := 0
	for i := range counters {
		total += counters[i]
		if sh := &s.shards[i]; sh.state.Load() != unlocked || len(sh.parked) != 0 {
			t.Errorf("shard %d: state %d, %d parked", i, sh.state.Load(), len(sh.parked))
		}
	}
	if total != workers*rounds {
		t.Errorf("%d rounds counted of %d: two have held a shard", total, workers*rounds)
	}
	if parked.Load() == 0 {
		t.Error("nobody has ever parked")
	}
}

// TestParkOnFreeShard leaves nothing behind.
func TestParkOnFreeShard(t *testing.T) {
	s := newStore(t, 1)
	if s.Park(0, func() { t.Error("called") }) {
		t.Fatal("parked on a free shard")
	}
	if !s.TryLock(0) || s.TryLock(0) {
		t.Fatal("a free shard cannot be taken, or twice")
	}
	testutil.Aside(func() {
		if s.Lock(0) {
			t.Error("a busy shard can be taken")
		}
	})
	calls := 0
	for range 3 {
		if !s.Park(0, func() { calls++ }) {
			t.Fatal("not parked on a busy shard")
		}
	}
	s.Unlock(0)
	if calls != 3 || !s.Lock(0) {
		t.Errorf("%d of 3 were woken", calls)
	}
	s.Unlock(0)
	if calls != 3 {
		t.Error("woken twice")
	}
}

// TestGates: while the world is still nobody is inside, a detached handler keeps it from being so, and whoever parks is
// woken. The race detector sees the workers' plain reads of what is written while the world is still.
func TestGates(t *testing.T) {
	const workers, rounds = 5, 2000
	s := newStore(t, 4)
	var world int // changed with the world still, read inside gates
	var detached [workers]atomic.Bool
	var stills, parks atomic.Int64
	var group sync.WaitGroup
	for id := range workers {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(id), 6))
			me := newSleeper(t)
			gate := s.NewGate()
			defer s.RemoveGate(gate)
			for round := range rounds {
				if rng.IntN(50) == 0 {
					for !s.Still() {
						if s.ParkGate(me.wake, true) {
							if parks.Add(1); !me.wait() {
								return
							}
						}
					}
					for i := range detached {
						if detached[i].Load() {
							t.Error("the world is still though a handler is detached")
						}
					}
					world++
					stills.Add(1)
					s.Resume()
					continue
				}
				for !s.Enter(gate) {
					if s.ParkGate(me.wake, false) {
						if parks.Add(1); !me.wait() {
							return
						}
					}
				}
				before := world
				long := round%20 == id
				if long {
					s.Detach()
					detached[id].Store(true)
					s.HoldGates(int64(round) * int64(firstHold))
				}
				runtime.Gosched()
				if world != before {
					t.Error("the world has changed while somebody was inside")
				}
				detached[id].Store(false)
				s.Leave(gate)
				if long {
					s.Attach()
				}
			}
		})
	}
	group.Wait()
	if int64(world) != stills.Load() || world == 0 {
		t.Errorf("%d of %d changes: the world was still for two", world, stills.Load())
	}
	if len(s.gates.parked) != 0 || len(s.gates.list) != 0 || s.gates.closed.Load() != 0 || s.gates.detached.Load() != 0 {
		t.Error("something is left behind")
	}
	if parks.Load() == 0 {
		t.Error("nobody has ever parked")
	}
}

// TestGateOfDetached: a detached handler parks those who want the world still, and no others.
func TestGateOfDetached(t *testing.T) {
	s := newStore(t, 1)
	long, other := s.NewGate(), s.NewGate()
	if !s.Enter(long) {
		t.Fatal("cannot enter")
	}
	s.Detach()
	woken := 0
	testutil.Aside(func() {
		if s.Still() {
			t.Error("the world is still with a handler inside")
		}
		if !s.Enter(other) || s.ParkGate(func() {}, false) {
			t.Error("a session would wait for a handler that is detached")
		}
		s.Leave(other)
	})
	if !s.ParkGate(func() { woken++ }, true) {
		t.Fatal("not parked")
	}
	s.Leave(long)
	if woken != 0 {
		t.Fatal("woken too early")
	}
	s.Attach()
	if woken != 1 || !s.Still() {
		t.Fatalf("woken %d times, or the world cannot be still", woken)
	}
	testutil.Aside(func() {
		if s.Still() || s.Enter(other) {
			t.Error("the world is still for two")
		}
	})
	if !s.ParkGate(func() { woken++ }, false) || !s.ParkGate(func() { woken++ }, true) {
		t.Fatal("not parked")
	}
	s.Resume()
	if woken != 3 || s.ParkGate(func() {}, true) {
		t.Errorf("woken %d times, or there is still something to wait for", woken)
	}
}

// TestHeldGates: when detached handlers follow each other the gates are held for who wants the world still, for longer when that did not do.
func TestHeldGates(t *testing.T) {
	s := newStore(t, 1)
	long, other := s.NewGate(), s.NewGate()
	if !s.Enter(long) {
		t.Fatal("cannot enter")
	}
	s.Detach()
	now := int64(1)
	hold := func(want bool) (number int) {
		t.Helper()
		length, number := s.gates.beginHold(now)
		if length > 0 != want {
			t.Fatalf("held for %v, to be held: %v", length, want)
		}
		return number
	}
	still := func(want bool) {
		t.Helper()
		testutil.Aside(func() {
			if s.Still() != want {
				t.Fatalf("the world is still: %v", !want)
			}
			if want {
				s.Resume()
			}
		})
	}
	enter := func(want bool) {
		t.Helper()
		testutil.Aside(func() {
			if s.Enter(other) != want {
				t.Fatalf("entered: %v", !want)
			}
			if want {
				s.Leave(other)
			}
		})
	}
	hold(false) // nobody wants it
	still(false)
	hold(false) // he has just come
	now += int64(firstHold)
	first := hold(true)
	enter(false)
	woken := 0
	if !s.ParkGate(func() { woken++ }, false) {
		t.Fatal("not parked")
	}
	testutil.Aside(func() {
		if !s.EnterHeld(other) { // as he does who wants the world still
			t.Error("who the gates are held for cannot enter")
		}
		s.Leave(other)
	})
	still(false)
	s.endHold(first)
	if woken != 1 {
		t.Error("not woken when the hold is over")
	}
	enter(true)

	still(false)
	now += int64(firstHold) * 3 / 2
	hold(false) // the gates are open for longer, too
	still(false)
	now += int64(firstHold) * 3 / 2
	if length, number := s.gates.beginHold(now); length != 2*firstHold || number == first {
		t.Errorf("held for %v", length)
	}
	s.endHold(first) // of the hold before
	enter(false)
	still(false)
	s.Leave(long)
	s.Attach()
	enter(false) // before he has had his turn
	if s.ParkGate(func() {}, true) {
		t.Error("he would wait for nothing")
	}
	still(true)
	enter(true)

	s.Detach()
	still(false)
	now += int64(lastHold)
	hold(true)
	s.Attach()
	enter(true) // nobody has said again that he wants it
}

// TestShardLines: a shard begins on a cache line of its own, and what every command looks at lies on its first two.
func TestShardLines(t *testing.T) {
	const line = 64
	var sh Shard
	if n := unsafe.Sizeof(sh); n%line != 0 {
		t.Errorf("a shard has %d bytes, %d too few for whole lines", n, line-n%line)
	}
	if off := unsafe.Offsetof(sh.shardLock); off != line {
		t.Errorf("the lock lies at %d", off)
	}
	if off := unsafe.Offsetof(sh.targets); off+unsafe.Sizeof(sh.targets) > 2*line {
		t.Errorf("what is looked at before a write lies at %d, not on the lock's line", off)
	}
}
