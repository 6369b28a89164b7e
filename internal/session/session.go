// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/resp"
)

const (
	maxBatch  = 256       // commands that are run within one gate passage
	softReply = 1 << 20   // reply bytes beyond which no more commands of the client are run until it has read some
	maxInput  = 64 << 10  // the first size of a session's own read buffer is no larger
	maxStall  = 256 << 20 // input bytes that a client which does not read its replies may have waiting
)

// Session is one connection: it turns bytes into commands, has them run, and writes the replies. All of it belongs to the
// runner that holds the connection, but for what is said to be shared.
type Session struct {
	Client engine.Client

	hub    *Hub
	conn   *netloop.Conn
	parser resp.Parser

	in       []byte // input not yet run, in a buffer of the session's own; nil when there is none
	parked   bool   // the next command waits for a wake-up
	stalled  bool   // the client has to read before more commands are run
	closing  bool   // the connection ends when the replies are written
	overSoft int64  // mono ns since when the unread replies exceed the soft limit; 0: they do not

	id     int64 // Immutable
	shared shared
}

// ClientID implements command.Client.
func (s *Session) ClientID() int64 { return s.id }

// worker is what a runner works with.
type worker struct {
	*engine.Worker
	calls []engine.Call
	ends  []int    // where in the input each call ends
	args  [][]byte // of all calls of a batch
}

// Buffer implements netloop.Session: input goes to the shared buffer unless a command is half there.
func (s *Session) Buffer(r *netloop.Runner) []byte {
	if len(s.in) == 0 {
		return nil
	}
	if cap(s.in)-len(s.in) < netloop.MaxRead/4 {
		// A bulk's header is only a promise: the buffer at most doubles with the bytes that have come.
		grown := make([]byte, len(s.in), max(2*cap(s.in), maxInput))
		copy(grown, s.in)
		s.hub.addInput(int64(cap(grown) - cap(s.in)))
		s.in = grown
	}
	return s.in[len(s.in):cap(s.in)]
}

// Data implements netloop.Session.
func (s *Session) Data(r *netloop.Runner, n int) {
	s.shared.input.Add(int64(n))
	if len(s.in) == 0 {
		s.run(r, r.Buf[:n])
		return
	}
	s.in = s.in[:len(s.in)+n]
	switch {
	case s.closing:
		s.dropInput()
	case s.parked || s.stalled:
		if len(s.in) > maxStall {
			s.conn.PauseRead(true)
		}
	case int64(len(s.in)) > s.hub.limits.queryBuffer.Load():
		s.hub.logClose(s, "Closing client that reached max query buffer length")
		s.conn.Close()
	default:
		s.run(r, s.in)
	}
}

// run executes the commands in buf, which is the shared buffer or s.in, and keeps what is left of it.
func (s *Session) run(r *netloop.Runner, buf []byte) {
	w := r.Worker.(*worker)
	pos := 0
	for !s.closing && pos < len(buf) {
		next, more := s.batch(r, w, buf, pos)
		pos = next
		if r.Detached() {
			s.keep(buf[pos:])
			s.publish()
			s.conn.Return(s.resume)
			return
		}
		if !more {
			break
		}
		if s.Client.Reply.Pending() > softReply && !s.write() {
			s.stalled = true
			break
		}
	}
	if s.closing {
		pos = len(buf)
	}
	s.keep(buf[pos:])
	s.publish()
	if s.Client.Reply.Pending() > 0 || s.closing {
		s.conn.Dirty()
	}
}

// batch reads and runs up to maxBatch commands from buf[pos:] and gives the place behind the last that was run. more tells
// whether it is worth going on.
func (s *Session) batch(r *netloop.Runner, w *worker, buf []byte, pos int) (next int, more bool) {
	limit := maxBatch
	if !s.Client.Authenticated {
		limit = 1 // what may be sent changes with the first command
	}
	w.calls, w.ends, w.args = w.calls[:0], w.ends[:0], w.args[:0]
	s.parser.Limits = s.hub.parserLimits(s.Client.Authenticated)
	end, fault := pos, error(nil)
	for len(w.calls) < limit && end < len(buf) {
		args, n, err := s.parser.Next(buf[end:], w.args)
		if err != nil {
			fault = err
			break
		}
		if n == 0 {
			break
		}
		end += n
		if len(args) > len(w.args) {
			w.calls = append(w.calls, engine.Call{})
			w.Prepare(&s.Client, &w.calls[len(w.calls)-1], args[len(w.args):])
			w.ends = append(w.ends, end)
			w.args = args
		} else if len(w.ends) > 0 {
			w.ends[len(w.ends)-1] = end // an empty line goes with the command before it
		} else {
			pos = end
		}
	}
	if len(w.calls) > 0 {
		n, status := s.exec(r, w)
		if n > 0 {
			pos = w.ends[n-1]
		}
		switch status {
		case engine.Closing:
			s.closing = true
			return pos, false
		case engine.Parked:
			s.parked = true
		}
		if n < len(w.calls) || s.parked || r.Detached() {
			s.parser.Reset() // what follows is read again
			return pos, false
		}
	}
	if fault != nil {
		s.protocolError(fault)
		return len(buf), false
	}
	return pos, len(w.calls) > 0 && pos < len(buf)
}

// exec runs the prepared calls.
func (s *Session) exec(r *netloop.Runner, w *worker) (int, engine.Status) {
	if len(w.calls) > 1 {
		for i := range w.calls {
			w.PrepareRecord(&s.Client, &w.calls[i])
		}
	}
	n, status := w.Run(r, &s.Client, w.calls)
	s.shared.commands.Add(int64(n))
	if status == engine.Detached && s.Client.CloseAfterReply {
		s.closing = true
	}
	return n, status
}

// protocolError answers bytes that are no command and ends the connection.
func (s *Session) protocolError(err error) {
	s.hub.logProtocolError(s, err)
	s.Client.Reply.Error(err.Error())
	s.closing = true
}

// keep makes rest, a part of the buffer that was run, the session's own input.
func (s *Session) keep(rest []byte) {
	if len(rest) == 0 {
		s.dropInput()
		return
	}
	if len(s.in) == 0 { // rest lies in the shared buffer
		if cap(s.in) < len(rest) {
			s.in = make([]byte, 0, len(rest)+512)
			s.hub.addInput(int64(cap(s.in)))
		}
		s.in = append(s.in[:0], rest...)
		return
	}
	s.in = s.in[:copy(s.in, rest)]
}

// dropInput forgets the session's own input and its buffer.
func (s *Session) dropInput() {
	if s.in != nil {
		s.hub.addInput(-int64(cap(s.in)))
		s.in = nil
	}
}

// wake is the Client's Wake: it has a parked command tried again. Any goroutine may call it.
func (s *Session) wake() { s.conn.Post(s.resumeParked) }

func (s *Session) resumeParked(r *netloop.Runner) {
	if s.parked {
		s.resume(r)
	}
}

// resume goes on with the input that waits, after a wake-up, a detached command, or replies that have been read.
func (s *Session) resume(r *netloop.Runner) {
	s.parked = false
	s.conn.PauseRead(false)
	if s.stalled = s.Client.Reply.Pending() > softReply && !s.write(); s.stalled {
		return
	}
	if len(s.in) > 0 {
		s.run(r, s.in)
		return
	}
	if s.Client.Reply.Pending() > 0 || s.closing {
		s.conn.Dirty()
	}
}

// Flush implements netloop.Session.
func (s *Session) Flush(r *netloop.Runner) {
	s.Client.Reply.SetPool(r.Worker.(*worker).Chunks)
	s.write()
	if s.closing && s.Client.Reply.Pending() == 0 {
		s.conn.Close()
	}
}

// Writable implements netloop.Session.
func (s *Session) Writable(r *netloop.Runner) {
	s.Flush(r)
	if s.stalled && s.Client.Reply.Pending() < softReply {
		s.resume(r)
	}
}

// write sends what there is, as much as the socket takes at once, and tells whether that was all of it.
func (s *Session) write() bool {
	reply := &s.Client.Reply
	for sent := 0; reply.Pending() > 0; {
		b := reply.Next()
		n, err := s.conn.Write(b)
		if err != nil {
			s.conn.Close()
			return false
		}
		reply.Consume(n)
		s.shared.output.Add(int64(n))
		if sent += n; n < len(b) && n < netloop.MaxWrite || sent >= 4*netloop.MaxWrite {
			break
		}
	}
	done := reply.Pending() == 0
	s.conn.WantWrite(!done)
	if !done {
		s.hub.checkOutput(s)
	}
	return done
}

// Closed implements netloop.Session.
func (s *Session) Closed(r *netloop.Runner, _ error) {
	w := r.Worker.(*worker)
	s.closing = true
	s.Client.Reply.SetPool(w.Chunks)
	w.Forget(&s.Client)
	s.dropInput()
	s.hub.remove(s)
}

// Close ends the connection, now or, when it has replies to write, after them. Any goroutine may call it.
func (s *Session) Close(afterReplies bool) {
	s.conn.Post(func(r *netloop.Runner) {
		if afterReplies && s.Client.Reply.Pending() > 0 {
			s.closing = true
			s.conn.Dirty()
			return
		}
		s.conn.Close()
	})
}

// Addr gives the peer's address as CLIENT LIST shows it.
func (s *Session) Addr() string { return s.conn.RemoteAddr() }

// String names the session in log lines.
func (s *Session) String() string {
	return "id=" + strconv.FormatInt(s.id, 10) + " addr=" + s.conn.RemoteAddr()
}
