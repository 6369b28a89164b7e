// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
)

// acquire takes what a call needs: nothing, the shards of its keys in ascending order, or the whole world. held tells
// whether there is something to release. With ok false nothing is held, and the client has been parked, or is to be
// told what Worker.busy says.
func (w *Worker) acquire(cl *Client, c *Call) (held, ok bool) {
	switch {
	case c.spec.ID() == w.e.execID:
		return w.acquireExec(cl, c)
	case c.spec.Plan == command.PlanAll:
		return true, w.acquireWorld(cl)
	case c.spec.Plan != command.PlanKeys:
		return w.acquireNeeded(cl, c)
	case c.one:
		shard := w.e.Store.ShardOf(c.hash)
		if !w.e.Store.Lock(shard) && w.parkOn(shard, cl) {
			return false, false
		}
		w.held = append(w.held, shard)
		return true, !c.spec.Flags.Has(command.Write) || !w.e.Store.HasTargets(shard) || w.widen(cl, c)
	case c.spec.Flags.Has(command.RunsScript):
		return true, w.acquireScript(cl, c)
	case !c.spec.HasKeys():
		return w.acquireNeeded(cl, c)
	case c.spec.PlanOf(c.Argv) == command.PlanAll:
		return true, w.acquireWorld(cl)
	}
	w.held = w.held[:0]
	w.want(c.spec, c.Argv)
	return true, w.lockHeld(cl) && w.widen(cl, c)
}

// acquireNeeded is acquire for a command without keys, which needs nothing, or says of a call that it needs the world.
func (w *Worker) acquireNeeded(cl *Client, c *Call) (held, ok bool) {
	if c.spec.PlanOf(c.Argv) == command.PlanAll {
		return true, w.acquireWorld(cl)
	}
	return false, true
}

// want adds the shards of a command's keys to the list of those to be locked.
func (w *Worker) want(spec *command.Spec, argv [][]byte) {
	w.keys, _ = spec.AppendKeys(w.keys[:0], argv)
	for _, i := range w.keys {
		w.held = append(w.held, w.e.Store.ShardOf(hash.Bytes(argv[i])))
	}
}

// lockHeld locks the shards listed in held, made ascending and unique. A busy one lets go of all others before it parks,
// so that nobody holds a shard while he waits.
func (w *Worker) lockHeld(cl *Client) bool {
	slices.Sort(w.held)
	w.held = slices.Compact(w.held)
	for i := 0; i < len(w.held); i++ {
		if w.e.Store.Lock(w.held[i]) {
			continue
		}
		for _, shard := range w.held[:i] {
			w.e.Store.Unlock(shard)
		}
		if w.parkOn(w.held[i], cl) {
			w.held = w.held[:0]
			return false
		}
		// Free again, and held now: it is given back to begin from the lowest.
		w.e.Store.Unlock(w.held[i])
		i = -1
	}
	return true
}

// widen takes, beside the held shards, those of the keys that will be written to when clients are served who wait for a key of this
// call, and so on. If one is missing all are let go and taken again, at most as often as there are shards. With false the client has
// been parked and nothing is held.
func (w *Worker) widen(cl *Client, c *Call) bool {
	for slices.ContainsFunc(w.held, w.e.Store.HasTargets) && w.has(cl, c, command.Write) && w.lacks(cl, c) {
		for _, shard := range w.held {
			w.e.Store.Unlock(shard)
		}
		w.held = append(w.held, w.more...)
		if !w.lockHeld(cl) {
			return false
		}
	}
	return true
}

// mostTargets is how many keys are followed before simply all shards are taken.
const mostTargets = 64

// lacks lists in more the shards that widen has to take, and tells whether there are any.
func (w *Worker) lacks(cl *Client, c *Call) bool {
	w.hashes, w.more = w.hashes[:0], w.more[:0]
	switch {
	case c.one:
		w.follow(c.hash)
	case c.spec.ID() != w.e.execID:
		w.followKeys(c)
	case cl.tx != nil && !cl.tx.broken: // the shards of its keys are held
		for i := range cl.tx.calls {
			if q := &cl.tx.calls[i]; q.spec.Flags.Has(command.Write) {
				w.followKeys(q)
			}
		}
	}
	for i := 0; i < len(w.hashes); i++ {
		if shard := w.e.Store.ShardOf(w.hashes[i]); w.holds(shard) {
			w.follow(w.hashes[i])
		} else {
			w.more = append(w.more, shard)
		}
	}
	if len(w.hashes) >= mostTargets && len(w.held) < w.e.Store.Shards() {
		for shard := range w.e.Store.Shards() {
			w.more = append(w.more, shard)
		}
	}
	return len(w.more) > 0
}

func (w *Worker) followKeys(c *Call) {
	if c.spec.Plan != command.PlanKeys || !c.spec.HasKeys() {
		return
	}
	w.keys, _ = c.spec.AppendKeys(w.keys[:0], c.Argv)
	for _, i := range w.keys {
		w.follow(hash.Bytes(c.Argv[i]))
	}
}

// follow adds the targets of those who wait for a key, whose shard is held, to hashes.
func (w *Worker) follow(h uint64) {
	w.e.Store.EachTarget(h, func(target uint64) bool {
		if len(w.hashes) < mostTargets && !slices.Contains(w.hashes, target) {
			w.hashes = append(w.hashes, target)
		}
		return len(w.hashes) < mostTargets
	})
}

// holds tells whether a shard is among the held ones.
func (w *Worker) holds(shard int) bool {
	_, found := slices.BinarySearch(w.held, shard)
	return found
}

// parkOn parks the client on a busy shard and gives true; or, the shard having become free, takes it and gives false. If a slow script has
// the shard the client is to be told so instead.
func (w *Worker) parkOn(shard int, cl *Client) bool {
	for {
		if w.busy = w.e.runs.onShard(shard); w.busy != nil {
			return true
		}
		if w.e.Store.Park(shard, cl.Wake) {
			if w.e.runs.onShard(shard) != nil { // it has become slow just now, and may have woken the others already
				cl.Wake()
			}
			return true
		}
		if w.e.Store.TryLock(shard) {
			return false
		}
	}
}

// acquireWorld makes the world still; with false the client is parked until it may work, or to be told that it is busy.
func (w *Worker) acquireWorld(cl *Client) bool {
	w.leave()
	for !w.e.Store.Still() {
		if w.busy = w.e.runs.onWorld(); w.busy != nil {
			return false
		}
		if w.e.Store.ParkGate(cl.Wake, true) {
			cl.wantsWorld = true
			if w.e.runs.onWorld() != nil {
				cl.Wake()
			}
			return false
		}
	}
	w.still, cl.wantsWorld = true, false
	return true
}

// release lets go of everything that the worker holds.
func (w *Worker) release() {
	if w.logged != 0 {
		w.noteLogged()
	}
	if w.still {
		w.still, w.dirty, w.e.swapped = false, false, nil
		w.publishChanges()
		w.e.Store.SettleAll()
		w.e.Store.Resume()
	}
	for _, shard := range w.held {
		if w.dirty {
			w.e.Store.Settle(shard)
		}
		w.e.Store.Unlock(shard)
	}
	w.dirty = false
	w.held = w.held[:0]
}
