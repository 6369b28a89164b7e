// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
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
//
// Whoever wants the world still waits for the handlers that are detached. Where one begins before the other ends that would be without
// end, so the gates are held when he has waited for long: nobody comes in, until he has had his turn or some time is over. Each time that
// it did not do they are held for twice as long, until it is longer than the longest handler takes, and are open for longer before.
type gates struct {
	closed   atomic.Uint32 // gateStill, gateHeld; 0 when they are open
	sealed   atomic.Bool   // it stays still
	detached atomic.Int32  // handlers that run on without their loop, gate inside

	mu     sync.Mutex
	list   []*Gate  // guarded by mu; read after closed is set
	parked []func() // wake-up calls of those that found the gates closed, or the world unable to be stilled; guarded by mu

	// Guarded by mu:
	wanted bool          // a detached handler has kept somebody from stilling the world, since all were woken
	since  int64         // mono ns from when on he waits
	seen   int64         // mono ns when he was seen to wait
	hold   time.Duration // how long the gates are held next; 0 at first
	holds  int           // how often they have been
}

// Why the gates are closed; both may be.
const (
	gateStill = 1 << iota // the world is still, or somebody is making it so
	gateHeld
)

// How long the gates are held, and somebody has waited before: at first, and at most.
const (
	firstHold = 10 * time.Millisecond
	lastHold  = 256 * firstHold
)

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
		if s.enter(g, 0) {
			return true
		}
		if s.gates.closed.Load()&gateHeld != 0 {
			return false
		}
		if i%512 == 511 {
			runtime.Gosched()
		}
	}
	return false
}

// EnterHeld passes the gate though the gates may be held, for one who is to want the world still.
func (s *Store) EnterHeld(g *Gate) bool { return s.enter(g, gateHeld) }

// enter passes the gate unless the gates are closed for other reasons than those.
func (s *Store) enter(g *Gate, reasons uint32) bool {
	g.inside.Store(1)
	if s.gates.closed.Load()&^reasons == 0 {
		if invariants.Enabled {
			invariants.Acquired(invariants.RankGate, g.number())
		}
		return true
	}
	g.inside.Store(0)
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
	if s.gates.detached.Load() > 0 {
		s.gates.want()
		return false
	}
	if s.gates.closed.Or(gateStill)&gateStill != 0 {
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
			s.open(gateStill)
			s.gates.want()
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
func (s *Store) Resume() { s.open(gateStill | gateHeld) }

// open ends reasons why the gates are closed, the world's being still among them.
func (s *Store) open(reasons uint32) {
	if invariants.Enabled {
		invariants.Released(invariants.RankGate, 0)
	}
	if s.gates.sealed.Load() {
		return
	}
	s.gates.closed.And(^reasons)
	s.wakeGates()
}

// ParkGate leaves call to be made when the gates open, or, for one who wants the world still, when the last detached
// handler is done, and gives true; it gives false, leaving nothing behind, when there is nothing to wait for any more.
func (s *Store) ParkGate(call func(), still bool) bool {
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	closed := s.gates.closed.Load()
	if still && closed&gateStill == 0 && s.gates.detached.Load() == 0 || !still && closed == 0 {
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
		s.gates.forgo()
		s.wakeGates()
	}
}

// HoldGates is for one who has called Detach: it holds the gates if detached handlers have kept somebody for long from stilling the world.
// now is mono ns.
func (s *Store) HoldGates(now int64) {
	if length, number := s.gates.beginHold(now); length > 0 {
		time.AfterFunc(length, func() { s.endHold(number) })
		s.wakeGates() // who still waits says so again
	}
}

// endHold ends a hold that its time is over of: it was too short.
func (s *Store) endHold(number int) {
	g := &s.gates
	g.mu.Lock()
	over := g.holds == number && g.closed.And(^uint32(gateHeld))&gateHeld != 0
	if over {
		g.hold = min(2*g.hold, lastHold)
	}
	g.mu.Unlock()
	if over {
		s.wakeGates()
	}
}

// beginHold holds the gates if the time has come, and tells for how long, 0 if it has not, and the number of the hold.
func (g *gates) beginHold(now int64) (length time.Duration, number int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.wanted { // who was woken may not have come to saying so again
		return 0, 0
	}
	if g.hold == 0 || now-g.seen > int64(lastHold) { // it is somebody else
		g.since, g.hold = now, firstHold
	}
	g.seen = now
	if now-g.since < int64(g.hold) || !g.closed.CompareAndSwap(0, gateHeld) {
		return 0, 0
	}
	g.since = now + int64(g.hold)
	g.wanted = false
	g.holds++
	return g.hold, g.holds
}

// forgo ends a hold for whoever waited, if he does no more.
func (g *gates) forgo() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.wanted {
		g.closed.And(^uint32(gateHeld))
	}
}

// want notes that a detached handler has kept somebody from stilling the world.
func (g *gates) want() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted = true
}

// WakeGates makes the calls of those who are parked at the gates though nothing may have changed for them: they look again. The gates are
// not held any more.
func (s *Store) WakeGates() {
	s.gates.closed.And(^uint32(gateHeld))
	s.wakeGates()
}

func (s *Store) wakeGates() {
	s.gates.mu.Lock()
	calls := s.gates.parked
	s.gates.parked, s.gates.wanted = nil, false
	s.gates.mu.Unlock()
	for _, call := range calls {
		call()
	}
}
