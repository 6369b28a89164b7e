// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/redpoll/redpoll/internal/invariants"
)

// A Gate is what one worker passes on its way to the keyspace, once a batch of commands. What needs a still world closes
// all gates: it waits until every worker is outside and none comes in until it is done.
//
// Entering costs one store and one load. Both sides write their own flag first and then read the other's, so that at least
// one of them sees the other (atomics of Go are sequentially consistent).
type Gate struct {
	inside atomic.Uint32
	_      [60]byte // a line of its own: workers on different cores write theirs all the time
}

// number tells the gate from others in the debug build.
func (g *Gate) number() uintptr { return uintptr(unsafe.Pointer(g)) }

// gates is the store's side: who may come in, and who waits.
type gates struct {
	closed   atomic.Uint32 // 1 while the world is still or somebody is making it so
	sealed   atomic.Bool   // it stays still
	detached atomic.Int32  // handlers that run on without their loop, gate inside

	mu     sync.Mutex
	list   []*Gate  // guarded by mu; read after closed is set
	parked []func() // wake-up calls of those that found the gates closed, or the world unable to be stilled; guarded by mu
}

// NewGate registers a gate for a worker.
func (s *Store) NewGate() *Gate {
	g := &Gate{}
	s.gates.mu.Lock()
	s.gates.list = append(s.gates.list, g)
	s.gates.mu.Unlock()
	return g
}

// RemoveGate takes a gate out that its worker has left for good.
func (s *Store) RemoveGate(g *Gate) {
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	for i, other := range s.gates.list {
		if other == g {
			s.gates.list = append(s.gates.list[:i], s.gates.list[i+1:]...)
			return
		}
	}
}

// Enter passes the gate, waiting up to some 50 µs for the world to move again. When it gives false the caller is to park.
func (s *Store) Enter(g *Gate) bool {
	if invariants.Enabled { // the highest number: other gates may be held, as a test's goroutine that plays several workers does
		invariants.Waits(invariants.RankGate, ^uintptr(0))
	}
	for i := range spinRounds * 2 {
		g.inside.Store(1)
		if s.gates.closed.Load() == 0 {
			if invariants.Enabled {
				invariants.Acquired(invariants.RankGate, g.number())
			}
			return true
		}
		g.inside.Store(0)
		if i%512 == 511 {
			runtime.Gosched()
		}
	}
	return false
}

// Leave goes back out.
func (s *Store) Leave(g *Gate) {
	if invariants.Enabled {
		invariants.Released(invariants.RankGate, g.number())
	}
	g.inside.Store(0)
}

// stillRounds bounds how long Still waits for the batches that are under way: some milliseconds. A batch that takes
// longer has a handler that detaches, which ends the wait at once.
const stillRounds = 1 << 18

// Still makes the world still: no worker is inside its gate until Resume. The caller must have left its own gate and hold
// no shard. It gives false when another is doing the same, or a detached handler is inside: the caller is to park.
func (s *Store) Still() bool {
	if invariants.Enabled {
		invariants.Waits(invariants.RankGate, 0)
	}
	// Who closed the gates for nothing would wake all others that wait for the detached handler, and they him.
	if s.gates.detached.Load() > 0 || !s.gates.closed.CompareAndSwap(0, 1) {
		return false
	}
	if invariants.Enabled {
		invariants.Acquired(invariants.RankGate, 0)
	}
	s.gates.mu.Lock()
	list := append([]*Gate(nil), s.gates.list...)
	s.gates.mu.Unlock()
	for i, rounds := 0, 0; i < len(list); rounds++ {
		if list[i].inside.Load() == 0 {
			i++
			continue
		}
		if s.gates.detached.Load() > 0 || rounds > stillRounds {
			s.Resume()
			return false
		}
		if rounds%512 == 511 {
			runtime.Gosched()
		}
	}
	return true
}

// Seal has a world that is still stay so: nothing is changed any more. It is for a server that has saved its data and ends.
func (s *Store) Seal() { s.gates.sealed.Store(true) }

// Resume lets the world move again, unless it is sealed.
func (s *Store) Resume() {
	if invariants.Enabled {
		invariants.Released(invariants.RankGate, 0)
	}
	if s.gates.sealed.Load() {
		return
	}
	s.gates.closed.Store(0)
	s.wakeGates()
}

// ParkGate leaves call to be made when the gates open, or, for one who wants the world still, when the last detached
// handler is done, and gives true; it gives false, leaving nothing behind, when there is nothing to wait for any more.
func (s *Store) ParkGate(call func(), still bool) bool {
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	if s.gates.closed.Load() == 0 && (!still || s.gates.detached.Load() == 0) {
		return false
	}
	s.gates.parked = append(s.gates.parked, call)
	return true
}

// Detach says that the caller's handler, gate inside, goes on without its loop; Attach that it is done.
func (s *Store) Detach() { s.gates.detached.Add(1) }

// Attach ends what Detach began; the gate has been left.
func (s *Store) Attach() {
	if s.gates.detached.Add(-1) == 0 {
		s.wakeGates()
	}
}

// WakeGates makes the calls of those who are parked at the gates though nothing may have changed for them: they look again.
func (s *Store) WakeGates() { s.wakeGates() }

func (s *Store) wakeGates() {
	s.gates.mu.Lock()
	calls := s.gates.parked
	s.gates.parked = nil
	s.gates.mu.Unlock()
	for _, call := range calls {
		call()
	}
}
