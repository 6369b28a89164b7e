// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/resp"
)

// What was published comes to a loop by its inbox (see pubsub). The loop empties it once an iteration, when it reads its mail, and
// before it runs commands of a client that listens: so that client finds in its replies what was published before it asked. A message
// goes behind the replies that are there, and all that is there is written at the end of the iteration.

// late is a message for a session that a long command had when it came.
type late struct {
	sub     *pubsub.Subscription
	message resp.Message
}

// lateBytes is about what a late message takes on the Go heap beside its text.
const lateBytes = 64

// openInbox has the loop read what is published for its clients.
func (h *Hub) openInbox(l *netloop.Loop, state *loopState) {
	state.inbox = h.engine.Channels.Inbox(l.ID())
	state.absent = make(map[*Session][]late)
	read := func(r *netloop.Runner) { h.deliver(r) }
	state.inbox.OnMail(func() { l.Post(read) })
}

// deliver empties the inbox of the runner's loop.
func (h *Hub) deliver(r *netloop.Runner) {
	w := r.Worker.(*worker)
	l := w.loop
	if !l.inbox.Some() {
		return
	}
	list, calls := l.inbox.Take(l.spare)
	now, least := h.engine.Clock().Mono(), h.limits.pubsub.least()
	for rest := list; len(rest) > 0; {
		n, m := 1, rest[0].Message
		for n < len(rest) && rest[n].SameReceivers(&rest[0]) {
			n++
		}
		if n > 1 && m.Len() < mostJoined/2 {
			n, m = join(rest[:n])
		} else {
			n = 1
		}
		for _, sub := range rest[0].To {
			sub.Client.Owner.(*Session).receive(w, sub, &m, now, least)
		}
		rest = rest[n:]
	}
	l.spare = list
	for _, call := range calls {
		call()
	}
}

// mostJoined is how many bytes of messages are made one: few enough for a write.
const mostJoined = 128 << 10

// join makes one message of several for the same subscribers, of as many of them as is worth while, one at least.
func join(list []pubsub.Delivery) (n int, m resp.Message) {
	for n = range list {
		next := &list[n].Message
		if n > 0 && m.Len()+next.Len() > mostJoined {
			return n, m
		}
		m.Append(next)
	}
	return len(list), m
}

// receive writes a message that was published to the client's replies. A client that leaves too much unread is closed; least is
// from where on that is to be looked at.
func (s *Session) receive(w *worker, sub *pubsub.Subscription, m *resp.Message, now, least int64) {
	switch {
	case s.conn.Lent():
		s.missed(w.loop, sub, m)
		return
	case s.closing || sub.Ended():
		return
	}
	reply := &s.Client.Reply
	reply.SetPool(w.Chunks)
	reply.Message(m)
	pending := int64(reply.Pending())
	if s.shared.pending.Load() == 0 { // the socket has taken all so far
		s.touch(now)
		s.conn.Dirty()
		if pending >= least {
			s.write(w) // looks at the limit if that does not help
		}
		return
	}
	s.setPending(pending)
	if pending >= least {
		s.hub.checkOutput(s, now)
	}
}

// missed keeps a message for when the session is back, unless it is to end then.
func (s *Session) missed(l *loopState, sub *pubsub.Subscription, m *resp.Message) {
	bytes := s.shared.missed.Load() + int64(m.Len()) + lateBytes
	if hard := s.hub.limits.pubsub.hard.Load(); hard > 0 && bytes >= hard && s.kill() {
		s.hub.closed.output.Add(1)
		s.hub.logClose(s, "Client scheduled to be closed ASAP for overcoming of output buffer limits")
	}
	if s.shared.killed.Load() {
		s.dropMissed(l)
		return
	}
	l.absent[s] = append(l.absent[s], late{sub, *m})
	s.setMissed(bytes)
}

// dropMissed forgets what has come while the session was lent.
func (s *Session) dropMissed(l *loopState) {
	delete(l.absent, s)
	s.setMissed(0)
}

// catchUp delivers what has come while the session was lent.
func (s *Session) catchUp(w *worker) {
	if len(w.loop.absent) == 0 {
		return
	}
	list := w.loop.absent[s]
	s.dropMissed(w.loop)
	now, least := s.hub.engine.Clock().Mono(), s.hub.limits.pubsub.least()
	for i := range list {
		s.receive(w, list[i].sub, &list[i].message, now, least)
	}
}
