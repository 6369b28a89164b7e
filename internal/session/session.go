// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/resp"
)

const (
	maxBatch  = 256             // commands that are run within one gate passage
	softReply = engine.MaxReply // reply bytes beyond which no more commands are run until the client has read some
	maxStall  = 256 << 20       // input bytes that a client which does not read its replies may have waiting
	maxKept   = 16 << 10        // the beginning of a command that is no longer waits in a buffer hardly larger than it
	minRead   = 4 << 10         // room for a read in a session's own buffer
	dearInput = 16 << 20        // a buffer of so many bytes is collected soon after it is no longer needed
)

// Session is one connection: it turns bytes into commands, has them run, and writes the replies. All of it belongs to the
// runner that holds the connection, but for what is said to be shared.
type Session struct {
	Client engine.Client

	hub    *Hub
	conn   *netloop.Conn
	parser resp.Parser

	in    []byte // input not yet run, from head on, in a buffer of the session's own; nil when there is none
	head  int
	ahead int // bytes of in that Buffer has copied to the beginning of the shared buffer

	parked   bool  // the next command waits for a wake-up, or for the one before it, whose client waits for a key
	stalled  bool  // the client has to read before more commands are run
	closing  bool  // nothing is run any more: the connection ends when the replies are written
	noEvict  bool  // CLIENT NO-EVICT
	overSoft int64 // mono ns since when the unread replies exceed the soft limit; 0: they do not
	index    int   // in the loop's list
	alarm    alarm // when its wait ends
	held     held  // of its replies
	netIn    int64 // bytes read
	netOut   int64 // bytes written

	fieldsets     command.Fieldsets // of HIMPORT
	wantsDebugger bool              // SCRIPT DEBUG YES was its last word on that
	topics        pubsub.Client     // what the client is subscribed to

	id int64 // Immutable

	writtenOff int64 // bytes that no longer count since the session is being closed for them; guarded by the hub's mu

	shared shared
}

// ClientID implements command.Client.
func (s *Session) ClientID() int64 { return s.id }

// Fieldsets implements command.Client.
func (s *Session) Fieldsets() *command.Fieldsets { return &s.fieldsets }

// WantsDebugger implements command.Client.
func (s *Session) WantsDebugger() *bool { return &s.wantsDebugger }

// worker is what a runner works with.
type worker struct {
	*engine.Worker
	loop  *loopState
	calls []engine.Call
	ends  []int    // where in the input each call ends
	args  [][]byte // of all calls of a batch
	bufs  [16][]byte
}

// maxKeptArgs is how many arguments a worker has room for between batches.
const maxKeptArgs = 16 << 10

// forget lets go of the arguments of a session's own buffer, which may be large, and of the room for very many.
func (w *worker) forget(own bool) {
	switch {
	case cap(w.args) > maxKeptArgs:
		w.args = nil
		clear(w.calls)
	case own:
		clear(w.args[:cap(w.args)])
		clear(w.calls)
	}
}

// Buffer implements netloop.Session: input goes to the shared buffer, behind the beginning of a command that is there
// already. A long command gathers in a buffer of the session's own, and so does what may not be run now.
func (s *Session) Buffer(r *netloop.Runner) []byte {
	s.ahead = 0
	rest := len(s.in) - s.head
	if rest == 0 {
		return nil
	}
	need := s.parser.Need() + minRead
	if rest <= maxKept && need <= len(r.Buf)-rest && !s.parked && !s.stalled {
		s.ahead = copy(r.Buf, s.in[s.head:])
		return r.Buf[rest:]
	}
	if cap(s.in)-len(s.in) < minRead {
		s.makeRoom(need)
	}
	return s.in[len(s.in):cap(s.in)]
}

// makeRoom gives the session's own buffer room for need bytes more. A bulk's header is only a promise: the buffer about doubles, at
// most, with the bytes that have come. Where the whole need is a good part of them it gets exactly that, so that a buffer for one long
// argument ends up hardly longer than it, however its bytes come.
func (s *Session) makeRoom(need int) {
	rest := s.in[s.head:]
	if s.head >= len(rest) && cap(s.in)-len(rest) >= netloop.MaxRead {
		s.in = s.in[:copy(s.in, rest)]
		s.head = 0
		return
	}
	more, most := need, max(len(rest), netloop.MaxRead)
	if need < len(rest)/8 {
		more = len(rest) / 2
	} else if need > most+(len(rest)+most)/8 { // else little would be left for another time
		more = most
	}
	s.own(rest, len(rest)+more)
}

// own copies rest into a new buffer of the given capacity, which becomes the session's.
func (s *Session) own(rest []byte, capacity int) {
	grown := make([]byte, len(rest), capacity)
	copy(grown, rest)
	s.discard()
	s.hub.addInput(int64(cap(grown)))
	s.hub.recent.input.note(s.hub.engine.Clock().Mono(), int64(cap(grown)))
	s.in, s.head = grown, 0
}

// Data implements netloop.Session.
func (s *Session) Data(r *netloop.Runner, n int) {
	ahead := s.ahead
	s.ahead = 0
	s.netIn += int64(n)
	switch {
	case s.closing || s.shared.killed.Load():
		return
	case s.overQueue(n):
		s.overQueryBuffer()
		return
	case s.parked && len(s.in) == 0: // the client waits for a key, and had sent nothing behind that command
		s.keep(r.Buf[:n], false)
		s.publish()
		return
	case ahead > 0 || len(s.in) == 0:
		s.run(r, r.Buf[:ahead+n], false)
		return
	}
	s.in = s.in[:len(s.in)+n]
	waiting := len(s.in) - s.head
	switch {
	case s.parked || s.stalled:
		if waiting > maxStall {
			s.conn.PauseRead(true)
			s.conn.WatchHangup(s.Client.Waiting()) // nobody knows for how long
		}
		s.publish()
	case int64(waiting) > s.hub.limits.queryBuffer.Load():
		s.overQueryBuffer()
	default:
		s.run(r, s.in[s.head:], true)
	}
}

// overQueue tells whether n bytes more are too much together with what waits in a transaction's queue.
func (s *Session) overQueue(n int) bool {
	queued := s.Client.QueuedBytes()
	return queued > 0 && int64(len(s.in)-s.head+n+queued) > s.hub.limits.queryBuffer.Load()
}

func (s *Session) overQueryBuffer() {
	s.hub.closed.query.Add(1)
	s.hub.logClose(s, "Closing client that reached max query buffer length")
	s.end()
}

// end closes the connection at once.
func (s *Session) end() {
	s.closing = true
	s.Client.Forsake()
	s.conn.Close()
}

// run executes the commands in buf, which is the shared buffer or, if own, what s.in holds, and keeps what is left of it: all of it
// while the client waits for a key.
func (s *Session) run(r *netloop.Runner, buf []byte, own bool) {
	w := r.Worker.(*worker)
	w.loop.runs++
	s.Client.Reply.SetPool(w.Chunks)
	pos, spent, ran := 0, int64(0), false
	for !s.closing && !s.parked && !s.shared.killed.Load() && pos < len(buf) {
		if s.Client.Subscribed {
			if s.hub.deliver(r); s.closing {
				break
			}
		}
		if s.owes() && !s.write(w) {
			s.stalled = true
			break
		}
		if spent > engine.MaxBusy {
			s.parked = true // until the loop's others have had their turn
			s.wake()
			break
		}
		next, more := s.batch(r, w, buf, pos)
		pos, spent, ran = next, spent+w.Busy(), ran || len(w.calls) > 0
		if r.Detached() || s.overflows() || !more {
			break
		}
	}
	if s.closing {
		pos = len(buf)
	}
	w.forget(own)
	s.keep(buf[pos:], own)
	if s.Client.Waiting() {
		s.beginWait(r, w)
	}
	if ran {
		s.touch(w.Mono())
	} else {
		s.touch(s.hub.engine.Clock().Mono())
	}
	s.publish()
	if r.Detached() {
		s.conn.Return(s.resume)
		return
	}
	if s.Client.Hold != 0 && s.held.until == 0 {
		w.loop.holds++
	}
	if s.Client.Reply.Pending() > 0 || s.closing {
		s.conn.Dirty()
	}
}

// overflows closes the connection if commands have made more replies than the client may leave unread, and tells whether it has.
func (s *Session) overflows() bool {
	pending := int64(s.Client.Reply.Pending())
	if !s.Client.Overflow && (pending <= resp.ChunkSize || s.Client.MaxReply == 0 || pending < s.Client.MaxReply) {
		return false
	}
	s.hub.overflow(s)
	return true
}

// owes tells whether the client has so much to read that no more commands are run: many bytes, or a reply that is made as it
// is read.
func (s *Session) owes() bool {
	return s.Client.Reply.Pending() > softReply || s.Client.Reply.Streaming()
}

// batch reads and runs up to maxBatch commands from buf[pos:] and gives the place behind the last that was run. more tells
// whether it is worth going on.
func (s *Session) batch(r *netloop.Runner, w *worker, buf []byte, pos int) (next int, more bool) {
	if !s.Client.Authenticated {
		s.Client.Authenticated = s.hub.password() == "" // it may have been taken away
	}
	w.calls, w.ends, w.args = w.calls[:0], w.ends[:0], w.args[:0]
	s.Client.MaxReply = s.outputLimit().hard.Load()
	s.parser.Limits = s.hub.parserLimits(s.Client.Authenticated)
	end, fault := pos, error(nil)
	for len(w.calls) < maxBatch && end < len(buf) {
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
			call := &w.calls[len(w.calls)-1]
			w.Prepare(&s.Client, call, args[len(w.args):], len(w.calls) == 1 && end == len(buf))
			if call.Spec() == nil && ofHTTP(call.Argv[0]) {
				w.calls, fault = w.calls[:len(w.calls)-1], errHTTP
				break
			}
			w.ends = append(w.ends, end)
			w.args = args
			if spec := call.Spec(); !s.Client.Authenticated || spec != nil && spec.Flags.Has(command.NoAuth) {
				break // what may be sent can change with this command
			}
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
		switch {
		case status == engine.Closing:
			s.closing = true
			return pos, false
		case status == engine.Parked || s.Client.Waiting():
			s.parked = true
		}
		if n < len(w.calls) || s.parked || r.Detached() {
			s.parser.Reset() // what follows is read again
			return pos, status == engine.Paused
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
			w.PrepareRecord(&w.calls[i])
		}
	}
	n, status := w.Run(r, &s.Client, w.calls)
	if status == engine.Detached && s.Client.CloseAfterReply {
		s.closing = true
	}
	return n, status
}

// errHTTP stands for a request of HTTP instead of a command.
var errHTTP = errors.New("HTTP")

// ofHTTP tells whether a command's name is what a request of HTTP has there. A web page can have a browser of this machine send
// one whose body is lines of commands.
func ofHTTP(name []byte) bool {
	return len(name) == 4 && strings.EqualFold(string(name), "POST") || len(name) == 5 && strings.EqualFold(string(name), "Host:")
}

// protocolError answers bytes that are no command and ends the connection. HTTP gets no answer.
func (s *Session) protocolError(err error) {
	if err == errHTTP {
		s.hub.logHTTP(s)
		s.closing = true
		return
	}
	s.hub.logProtocolError(s, err)
	if s.Client.Mute == engine.MuteNone {
		s.Client.Reply.Error(err.Error())
	}
	s.closing = true
}

// keep makes rest, the end of the buffer that was run, the session's own input.
func (s *Session) keep(rest []byte, own bool) {
	switch {
	case len(rest) == 0:
		s.dropInput()
	case own:
		s.head = len(s.in) - len(rest)
		if cap(s.in) > netloop.MaxRead && len(rest) < cap(s.in)/4 {
			s.own(rest, len(rest)+len(rest)/2)
		}
	case cap(s.in) >= len(rest):
		s.in = append(s.in[:0], rest...)
		s.head = 0
	default:
		s.own(rest, len(rest)+len(rest)/2)
	}
}

// dropInput forgets the session's own input and its buffer.
func (s *Session) dropInput() {
	if s.in != nil {
		s.discard()
	}
}

// discard lets go of the session's own buffer.
func (s *Session) discard() {
	s.hub.addInput(-int64(cap(s.in)))
	if cap(s.in) >= dearInput {
		s.hub.collect()
	}
	s.in, s.head = nil, 0
}

// wake is the Client's Wake: it has a parked command tried again. Any goroutine may call it.
func (s *Session) wake() { s.conn.Post(s.resumeParked) }

func (s *Session) resumeParked(r *netloop.Runner) {
	if s.parked {
		s.resume(r)
	}
}

// resume goes on with the input that waits, after a wake-up, a detached command, or replies that have been read; unless the client
// waits for a key and goes on waiting.
func (s *Session) resume(r *netloop.Runner) {
	w := r.Worker.(*worker)
	s.catchUp(w)
	s.parked, s.stalled = s.Client.Waiting() && !s.endWait(w), false
	if !s.parked {
		s.conn.PauseRead(false)
	}
	switch {
	case s.shared.killed.Load():
		s.end()
	case s.overflows():
	case s.parked:
		if s.Client.Reply.Pending() > 0 {
			s.conn.Dirty()
		}
	case len(s.in) > s.head && !s.closing:
		s.run(r, s.in[s.head:], true)
	case s.Client.Reply.Pending() > 0 || s.closing:
		s.conn.Dirty()
	}
}

// Flush implements netloop.Session.
func (s *Session) Flush(r *netloop.Runner) {
	w := r.Worker.(*worker)
	s.Client.Reply.SetPool(w.Chunks)
	done := s.write(w)
	switch {
	case s.closing && done:
		s.conn.Close()
	case s.stalled && !s.owes():
		s.resume(r)
	}
}

// Writable implements netloop.Session.
func (s *Session) Writable(r *netloop.Runner) { s.Flush(r) }

// write sends what there is, as much as the socket takes at once, and tells whether that was all of it.
func (s *Session) write(w *worker) bool {
	reply, sent, back := &s.Client.Reply, 0, 0
	s.hub.engine.Effects.Flush()
	if s.Client.Hold != 0 {
		back = s.holdsBack(w)
	}
	for reply.Pending() > back {
		var n int
		var err error
		b := reply.Next()
		want := len(b)
		if back > 0 {
			want = min(want, reply.Pending()-back)
			n, err = s.conn.Write(b[:want])
		} else if want == reply.Pending() {
			n, err = s.conn.Write(b)
		} else {
			bufs := reply.AppendChunks(w.bufs[:0])
			n, err = s.conn.Writev(bufs)
			want = sizeOf(bufs)
			clear(bufs)
		}
		if err != nil {
			s.end()
			return false
		}
		reply.Consume(n)
		s.netOut += int64(n)
		if sent += n; n < min(want, netloop.MaxWrite) || sent >= 4*netloop.MaxWrite {
			break
		}
	}
	store64(&s.shared.netOut, s.netOut)
	pending := int64(reply.Pending())
	if pending > 0 || s.shared.pending.Load() > 0 {
		s.late(pending, pending > int64(back), sent > 0)
	}
	return pending == 0
}

// late deals with replies that have not gone at once, pending bytes being left; full tells that the socket has not taken them, took that
// it has taken some.
func (s *Session) late(pending int64, full, took bool) {
	now := s.hub.engine.Clock().Mono()
	if took {
		s.touch(now)
	}
	s.setPending(pending)
	s.hub.recent.output.note(now, pending)
	s.conn.WantWrite(full)
	s.hub.checkOutput(s, now)
}

// setPending publishes the reply bytes that the socket has not taken, and accounts for them.
func (s *Session) setPending(n int64) {
	s.hub.engine.Account().Add(mem.ClientOutput, n-s.shared.pending.Swap(n))
}

// setMissed publishes the bytes of messages that wait for the session to come back, and accounts for them.
func (s *Session) setMissed(n int64) {
	if old := s.shared.missed.Load(); old != n {
		s.shared.missed.Store(n)
		s.hub.engine.Account().Add(mem.ClientOutput, n-old)
	}
}

// sizeOf gives the bytes in bufs.
func sizeOf(bufs [][]byte) (n int) {
	for _, b := range bufs {
		n += len(b)
	}
	return n
}

// Closed implements netloop.Session.
func (s *Session) Closed(r *netloop.Runner, err error) {
	if errors.Is(err, io.EOF) && s.hub.verbose() {
		s.hub.say("Client closed connection " + s.String())
	}
	w := r.Worker.(*worker)
	s.closing = true
	s.Client.Reply.SetPool(w.Chunks)
	w.loop.disarm(s)
	w.loop.unhold(s)
	w.Forget(&s.Client)
	s.setSubscribed(false)
	s.hub.engine.Channels.Leave(&s.topics)
	s.dropMissed(w.loop)
	s.dropInput()
	s.setPending(0)
	s.setPrepared(0)
	s.setTopicBytes(0)
	w.loop.remove(s)
	s.hub.remove(s)
}

// kill ends the connection, whatever it is doing, and tells whether nobody had done so before. Of its commands none begins but those
// of the batch that is being run. Any goroutine may call it.
func (s *Session) kill() bool {
	if s.shared.killed.Swap(true) {
		return false
	}
	s.Client.Forsake()
	s.conn.Post(func(*netloop.Runner) { s.end() })
	return true
}

// Addr gives the peer's address as CLIENT LIST shows it.
func (s *Session) Addr() string { return s.conn.RemoteAddr() }

// String names the session in log lines.
func (s *Session) String() string {
	return "id=" + strconv.FormatInt(s.id, 10) + " addr=" + s.conn.RemoteAddr()
}
