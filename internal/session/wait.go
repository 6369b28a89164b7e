// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"container/heap"

	"github.com/redpoll/redpoll/internal/netloop"
)

// Sessions whose client waits for a key (engine/wait.go) run nothing until the wait is over; what their clients send meanwhile is
// read and kept. Whoever ends a wait wakes the session. That its time has come the session's loop sees to: it has a heap of the
// times at which the waits of its sessions end, or their commands are to be tried again.

// alarm is a session's place in the heap of its loop.
type alarm struct {
	at    int64 // mono ns
	place int   // in the heap, from 1; 0: not there
}

// alarms is a heap of the sessions whose wait ends, or is looked at, at some time.
type alarms []*Session

// Len is heap.Interface's, as are those that follow.
func (a alarms) Len() int { return len(a) }

func (a alarms) Less(i, j int) bool { return a[i].alarm.at < a[j].alarm.at }

func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].alarm.place, a[j].alarm.place = i+1, j+1
}

// Push appends a session.
func (a *alarms) Push(x any) {
	s := x.(*Session)
	*a = append(*a, s)
	s.alarm.place = len(*a)
}

// Pop takes the last session out.
func (a *alarms) Pop() any {
	last := len(*a) - 1
	s := (*a)[last]
	(*a)[last] = nil
	if *a = (*a)[:last]; last == 0 {
		*a = nil
	}
	s.alarm.place = 0
	return s
}

// await has the loop end the session's wait, if that is not for ever.
func (l *loopState) await(s *Session) {
	if at, waits := s.Client.AwaitsLog(s.hub.engine.Effects); waits {
		l.hold(s, at)
	}
	at := s.Client.WaitsUntil()
	switch {
	case at == 0:
		l.disarm(s)
	case s.alarm.place == 0:
		s.alarm.at = at
		heap.Push(&l.alarms, s)
		s.hub.timed.Add(1)
	case s.alarm.at != at:
		l.postpone(s, at)
	}
}

// postpone has the session's wait looked at later.
func (l *loopState) postpone(s *Session, at int64) {
	s.alarm.at = at
	heap.Fix(&l.alarms, s.alarm.place-1)
}

// disarm says that the session's wait need not be ended any more.
func (l *loopState) disarm(s *Session) {
	if s.alarm.place != 0 {
		heap.Remove(&l.alarms, s.alarm.place-1)
		s.hub.timed.Add(-1)
	}
}

// busyAlarm is how many ns after its time a wait is looked at again whose command is just being run.
const busyAlarm = 1_000_000

// endWaits ends the waits of the loop's sessions whose time has come at now, mono ns. It gives the ns until it wants to be called
// again, negative for no limit.
func (h *Hub) endWaits(w *worker, now int64) (sleep int64) {
	l := w.loop
	for len(l.alarms) > 0 {
		s := l.alarms[0]
		left := s.alarm.at - now
		ends := s.Client.WaitEnds(now)
		switch {
		case left > 0:
			return left
		case s.Client.WaitIsOver(), ends && s.Client.Unblock(false):
			l.disarm(s) // its loop has been told, and goes on with it as with other mail
		case ends:
			l.postpone(s, now+busyAlarm)
		default:
			if again := w.Retry(&s.Client); again > 0 {
				l.postpone(s, now+again)
			} else {
				l.await(s)
			}
		}
	}
	return -1
}

// beginWait does what is to be done when the session's client has begun to wait.
func (s *Session) beginWait(r *netloop.Runner, w *worker) {
	if s.shared.killed.Load() { // while the command ran
		s.Client.Forsake()
	}
	if !r.Detached() { // else when it comes back
		w.loop.await(s)
	}
}

// endWait tells whether the session's wait is over: then its reply is written.
func (s *Session) endWait(w *worker) bool {
	s.Client.Reply.SetPool(w.Chunks)
	if !w.EndWait(&s.Client) {
		w.loop.await(s)
		return false
	}
	w.loop.disarm(s)
	s.conn.WatchHangup(false)
	s.touch(s.hub.engine.Clock().Mono())
	s.publish()
	return true
}

// Timed gives the number of clients whose wait ends, or is looked at, at some time.
func (h *Hub) Timed() int64 { return h.timed.Load() }
