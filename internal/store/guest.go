// SPDX-License-Identifier: BSD-3-Clause

package store

// A Guest is at the data beside the workers of the loops: a goroutine that may wait, as one that loads a file. It passes a gate, and holds
// a shard for as long as it has a key in hand, and waits with neither. It is used by one goroutine at a time.
type Guest struct {
	s      *Store
	gate   *Gate // nil when it is alone
	inside bool  // the gate
	shard  int   // that is held
	n      int   // times that one was taken
	woken  chan struct{}
}

// NewGuest makes a guest for the owner of a view. One that is alone passes no gate: the world is still, or there are no workers. Several
// that are alone with each other hold shards all the same.
func (v *View) NewGuest(alone bool) *Guest {
	g := &Guest{s: v.s, inside: alone, woken: make(chan struct{}, 1)}
	if !alone {
		g.gate = v.s.NewGate()
	}
	return g
}

// Take waits until it has passed the gate and holds a shard. It must hold none.
func (g *Guest) Take(shard int) {
	for {
		g.enter()
		if g.s.Lock(shard) {
			g.shard = shard
			return
		}
		g.Rest()
		if g.s.Park(shard, g.wake) {
			<-g.woken
		}
	}
}

// Free gives back the shard that Take took; the guest stays inside its gate. What the shard's memory has come to is published now and then
// only.
func (g *Guest) Free() {
	const settleEvery = 64
	if g.n++; g.n%settleEvery == 0 {
		g.s.Settle(g.shard)
	}
	g.s.Unlock(g.shard)
}

// Rest goes out through the gate: to be called before whatever may take long, after some 100 µs at the latest, and no shard being held.
func (g *Guest) Rest() {
	if g.gate != nil && g.inside {
		g.inside = false
		g.s.Leave(g.gate)
	}
}

// Close ends the guest, which holds no shard, and publishes what the shards' memory has come to.
func (g *Guest) Close() {
	for shard := range g.s.shards {
		g.Take(shard)
		g.s.Settle(shard)
		g.Free()
	}
	g.Rest()
	if g.gate != nil {
		g.s.RemoveGate(g.gate)
	}
}

func (g *Guest) enter() {
	for !g.inside {
		if g.inside = g.s.Enter(g.gate); !g.inside && g.s.ParkGate(g.wake, false) {
			<-g.woken
		}
	}
}

// wake is called once for each time that the guest has parked.
func (g *Guest) wake() { g.woken <- struct{}{} }
