// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"math"
	"time"

	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/resp"
)

// Under appendfsync always replies are held back until what they tell of is durable (engine/hold.go). A session whose replies are held
// goes on with the commands that come, so one sync serves all that has run meanwhile. Its loop has a list of such sessions, and of those
// whose client waits for the log in WAITAOF, and is woken when the log has come as far as the first of them needs.

// Before its replies go a loop that holds some back has the log synced. It looks for more commands first, so that one sync serves them too.
// When nothing comes any more all who could send something wait for the disk, and so the loop does itself: that spares waking a goroutine, and
// being woken by it. When there are commands, but none whose replies are held as well, they are run while somebody else syncs.

// gatherFor is for how many ns a loop looks for further commands whose replies are held before it has the log synced for those that it has.
const gatherFor = int64(2 * time.Millisecond)

// gathering is what a loop knows of its looking for further commands, which is over when the iteration is.
type gathering struct {
	since int64  // mono ns at which it began; 0: it has not
	holds uint64 // loopState.holds when it looked last
	idle  bool   // it has ended with nothing to do but wait
	runs  uint64 // loopState.runs at the end of the last iteration
}

// Gather implements netloop.Handler.
func (h *Hub) Gather(r *netloop.Runner, idle bool) bool {
	log := h.engine.Effects
	if !log.WantsSync() {
		return false
	}
	l := r.Worker.(*worker).loop
	g := &l.gather
	grown := g.holds != l.holds
	g.holds = l.holds
	if !grown && !idle && len(l.held) == 0 {
		return false // it is others' business
	}
	if grown && !idle {
		now := h.engine.Clock().Mono()
		if g.since == 0 {
			g.since = now
		}
		if now-g.since < gatherFor {
			return true
		}
	}
	g.idle = idle
	log.Sync(idle)
	return false
}

// syncLate has the log synced, at the end of an iteration, for replies that are held since somebody else was at that. Whoever is still will
// have the loop woken.
func (h *Hub) syncLate(l *loopState) {
	g := &l.gather
	if len(l.held) > 0 && h.engine.Effects.WantsSync() {
		h.engine.Effects.Sync(g.idle || g.runs == l.runs)
	}
	g.since, g.idle, g.runs = 0, false, l.runs
}

// held is what of a session's replies is held back. The zero value is nothing.
//
// A client that always has more commands on their way would never have replies all of whose effects are durable. So what was held first
// goes as soon as it may, up to mark, whatever has come behind it.
type held struct {
	until int64     // offset in the log up to which that has to be durable before what comes first may go; 0: nothing is held
	mark  resp.Mark // up to where in the replies that is
	place int       // in the loop's list, from 1; 0: not there
}

// holdsBack gives how many of the bytes that wait to be written must not be yet.
func (s *Session) holdsBack(w *worker) int {
	cl, log := &s.Client, s.hub.engine.Effects
	durable := log.Durable()
	if !log.HoldsReplies() || durable >= cl.Hold {
		cl.Hold, s.held.until = 0, 0
		return 0
	}
	reply, free := &cl.Reply, 0
	switch {
	case s.held.until == 0:
		s.held.until, s.held.mark = cl.Hold, reply.Mark()
	case durable >= s.held.until && !reply.Streaming(): // a Source has no bytes to be counted
		free = reply.Pending() - reply.Since(s.held.mark)
		s.held.until, s.held.mark = cl.Hold, reply.Mark()
	}
	w.loop.hold(s, s.held.until)
	return reply.Pending() - free
}

// hold has the loop look at a session when the log is durable up to an offset.
func (l *loopState) hold(s *Session, offset int64) {
	if s.held.place == 0 {
		l.held = append(l.held, s)
		s.held.place = len(l.held)
	}
	l.durable.For(offset)
}

// unhold takes a session out of the list of those that wait for the log.
func (l *loopState) unhold(s *Session) {
	place := s.held.place
	if place == 0 {
		return
	}
	last := len(l.held) - 1
	l.held[place-1] = l.held[last]
	l.held[place-1].held.place = place
	l.held[last] = nil
	l.held = l.held[:last]
	s.held.place = 0
}

// openLog has the loop woken when the log has become durable as far as its sessions wait for.
func (h *Hub) openLog(l *netloop.Loop, state *loopState) {
	look := func(r *netloop.Runner) { h.logged(r) }
	state.durable = h.engine.Effects.NewWait(func() { l.Post(look) })
}

// logged goes through the loop's list: what has waited for long enough goes on.
func (h *Hub) logged(r *netloop.Runner) {
	l, log := r.Worker.(*worker).loop, h.engine.Effects
	l.durable.Look()
	next := int64(math.MaxInt64)
	for i := len(l.held) - 1; i >= 0; i-- { // the last one takes the place of one that leaves
		s := l.held[i]
		replies, acks := s.waitsForLog(log)
		if at := min(replies, acks); at > log.Durable() {
			next = min(next, at)
			continue
		}
		l.unhold(s)
		switch {
		case s.conn.Lent(): // it looks for itself when it comes back
		case acks <= log.Durable():
			s.wake()
		default:
			s.conn.Dirty()
		}
	}
	if next != math.MaxInt64 {
		l.durable.For(next)
	}
}

// waitsForLog gives the offsets up to which the log has to be durable for the session's replies, and for its client to be told so: 0 if
// they need not wait any more, math.MaxInt64 if they do not.
func (s *Session) waitsForLog(log *engine.Log) (replies, acks int64) {
	replies, acks = math.MaxInt64, math.MaxInt64
	if s.held.until != 0 {
		replies = s.held.until
		if !log.HoldsReplies() {
			replies = 0
		}
	}
	if at, waits := s.Client.AwaitsLog(log); waits {
		acks = at
	}
	return replies, acks
}
