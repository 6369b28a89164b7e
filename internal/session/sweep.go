// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"time"

	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/resp"
)

// loopState is what a hub keeps of one loop. It belongs to the runner that holds the loop's core.
type loopState struct {
	sessions []*Session
	cursor   int   // the sweep that is under way has come so far
	next     int64 // mono ns at which the next sweep begins
	alarms   alarms

	held    []*Session      // those that wait for the log to become durable
	durable *engine.LogWait // for them
	holds   uint64          // how often a session whose replies wait for that, and did not before, has ended a run of commands
	runs    uint64          // how often one has begun to run commands
	gather  gathering

	inbox  *pubsub.Inbox       // what is published for the loop's sessions
	spare  []pubsub.Delivery   // room for it
	absent map[*Session][]late // what has come for sessions that are lent
}

func (l *loopState) add(s *Session) {
	s.index = len(l.sessions)
	l.sessions = append(l.sessions, s)
}

func (l *loopState) remove(s *Session) {
	last := len(l.sessions) - 1
	l.sessions[s.index] = l.sessions[last]
	l.sessions[s.index].index = s.index
	l.sessions[last] = nil
	l.sessions = l.sessions[:last]
}

const (
	sweepPeriod = int64(time.Second)
	sweepStep   = 128 // sessions looked at in one iteration of the loop
)

// sweep looks, once a second, for sessions of the loop that were idle for too long, or leave too much unread. It gives the
// ns until it wants to be called again, negative for no limit.
func (h *Hub) sweep(l *loopState, now int64) int64 {
	switch {
	case len(l.sessions) == 0:
		return -1
	case l.cursor == 0 && now < l.next:
		return l.next - now
	}
	end := min(l.cursor+sweepStep, len(l.sessions))
	h.check(l.sessions[min(l.cursor, end):end], now)
	if l.cursor = end; end < len(l.sessions) {
		return 0
	}
	l.cursor, l.next = 0, now+sweepPeriod
	return sweepPeriod
}

// check closes those of the sessions that are over a limit of time.
func (h *Hub) check(sessions []*Session, now int64) {
	timeout := h.limits.timeout.Load()
	for _, s := range sessions {
		if timeout <= 0 && s.shared.buffer.Load() == 0 && s.shared.pending.Load() == 0 {
			continue // of very many idle ones nothing else is to be fetched into the cache
		}
		if s.conn.Lent() {
			continue
		}
		h.noteBuffers(s, now)
		idle := now - s.shared.active.Load()*activeUnit
		switch {
		case timeout > 0 && idle > timeout && !s.parked && !s.Client.Subscribed:
			h.say("Closing idle client")
			s.end()
		case s.shared.pending.Load() > 0:
			h.checkOutput(s, now)
		}
	}
}

// noteBuffers takes a session's buffers into account that stay as they are.
func (h *Hub) noteBuffers(s *Session, now int64) {
	if n := s.shared.buffer.Load(); n > 0 {
		h.recent.input.note(now, n)
	}
	if n := s.shared.pending.Load(); n > 0 {
		h.recent.output.note(now, n)
	}
}

// checkOutput closes a connection whose unread replies exceed the limits at now, mono ns.
func (h *Hub) checkOutput(s *Session, now int64) {
	pending, limit := int64(s.Client.Reply.Pending()), s.outputLimit()
	if pending <= resp.ChunkSize {
		pending = 0
	}
	soft := limit.soft.Load()
	switch hard := limit.hard.Load(); {
	case hard > 0 && pending >= hard:
	case soft == 0 || pending < soft:
		s.overSoft = 0
		return
	case s.overSoft == 0:
		s.overSoft = now
		return
	case now-s.overSoft <= limit.period.Load():
		return
	}
	h.overflow(s)
}

// outputLimit gives the limit of what the client may leave unread. What fits into one chunk is never too much, as in Redis.
func (s *Session) outputLimit() *outputLimit {
	if s.Client.Subscribed {
		return &s.hub.limits.pubsub
	}
	return &s.hub.limits.normal
}

// overflow closes a connection that has too much to read.
func (h *Hub) overflow(s *Session) {
	h.closed.output.Add(1)
	h.logClose(s, "Client scheduled to be closed ASAP for overcoming of output buffer limits")
	s.end()
}
