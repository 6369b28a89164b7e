// SPDX-License-Identifier: BSD-3-Clause

package session

// Denies tells whether protected mode keeps a client from remote out.
func Denies(remote string, unix bool, password string, protected bool) bool {
	h := Hub{password: func() string { return password }, protected: func() bool { return protected }}
	return h.denies(remote, unix)
}

// Blocked tells whether the client with that address waits, and its session has told so: then its loop is done with the batch.
func (h *Hub) Blocked(addr string) bool {
	for _, s := range h.Sessions() {
		if s.Addr() == addr {
			return s.shared.flags.Load()&stateBlocked != 0
		}
	}
	return false
}

// Kill ends a session.
func (s *Session) Kill() bool { return s.kill() }

// Publisher gives a function that publishes a session's state as after a batch, the time having moved on a little.
func Publisher() func() {
	s, now := &Session{}, int64(0)
	s.Client.Reply.Init(nil)
	return func() {
		now += 1000
		s.touch(now)
		s.publish()
	}
}
