// SPDX-License-Identifier: BSD-3-Clause

package store

// A Guest is at the data beside the workers of the loops: a goroutine that may wait, as one that loads a file. It passes a gate, and holds
// a shard for as long as it has a key in hand, or some small ones, and waits with neither. It is used by one goroutine at a time.
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

// Reserve makes room in the held shard for the keys of a database, of which so many are going to be in it as somebody says: but not for more
// than some times those that are there, so that it has to be called again now and then. It costs nothing to say so again.
func (g *Guest) Reserve(db, keys int) {
	const believed = 16
	if t := g.s.shards[g.shard].tables[db].Load(); t != nil {
		t.keys.Reserve(min(keys, believed*t.keys.Len()))
	}
}

// Fit gives back what was reserved in the held shard and is not needed.
func (g *Guest) Fit() {
	sh := &g.s.shards[g.shard]
	for db := range sh.used {
		if t := sh.tables[db].Load(); t != nil {
			t.keys.Fit()
		}
	}
}

// Settle publishes what the held shard's memory has come to.
func (g *Guest) Settle() { g.s.Settle(g.shard) }

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
