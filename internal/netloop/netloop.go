// SPDX-License-Identifier: BSD-3-Clause

// Package netloop moves bytes between sockets and sessions: event loops of our own, one goroutine each, that call the
// owner of a connection inline. It knows descriptors and bytes; what the bytes mean is no business of it.
//
// Terms:
//
//   - A Group is the set of loops of one server, with its listeners.
//   - A Loop is the core: poller, connection table, the lists of ready events, mail, dirty and closing connections, each
//     with a cursor. A core is driven by exactly one goroutine at a time.
//   - A Runner is what belongs to the goroutine that drives a core: the read buffer and a worker of the handler's.
//   - To detach: a long callback calls Runner.Detach, a fresh runner takes the core and goes on where the cursors stand,
//     and the callback ends on its own time. Its connection is lent meanwhile: the core leaves it alone until the session
//     gives it back with Conn.Return.
//
// An iteration of a loop: connections that asked to be read again, ready events, mail, Flush of dirty connections, the
// closing of connections, Handler.Tick, then the wait for events.
//
// Loop.Post, Conn.Post, Conn.Return and the methods that say so may be called from any goroutine; all else belongs to the
// runner that holds the core. A loop's mail lock is a leaf: nothing is locked and no callback runs under it.
package netloop

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxRead is how many bytes one event reads at most from a connection, so that none keeps a loop from the others.
	MaxRead = 64 << 10
	// MaxWrite is how many bytes one Conn.Write hands to the kernel at most: a raw system call of megabytes would hold up
	// the collector's stop of the world.
	MaxWrite = 256 << 10
)

// Session owns a connection. Every method is called by the runner that holds the core of the connection's loop, and never
// while the connection is lent.
type Session interface {
	// Buffer says where the next bytes go: at most MaxRead of it are used. Empty stands for r.Buf, which is shared by all
	// connections and must not be kept after Data returns.
	Buffer(r *Runner) []byte
	// Data tells that n > 0 bytes were read into what Buffer returned (or r.Buf).
	Data(r *Runner, n int)
	// Flush is called once at the end of an iteration for a connection that called Conn.Dirty.
	Flush(r *Runner)
	// Writable is called after WantWrite(true), as long as that holds, when the socket takes bytes again. A session whose
	// write then fails closes the connection.
	Writable(r *Runner)
	// Closed is called exactly once, at the end of the iteration in which the end was seen; the descriptor is closed
	// already. err is io.EOF when the peer closed, nil when Conn.Close was called or the group stopped, else the socket's
	// error. Closed cannot be detached.
	Closed(r *Runner, err error)
}

// Handler is the server above the loops.
type Handler interface {
	// Accept makes the session of a new connection, on the loop that the connection was given to. It may write to c (an
	// error for the client) and return nil: the connection is then closed at once and Closed is not called. Accept cannot
	// be detached.
	Accept(r *Runner, c *Conn) Session
	// NewWorker makes the state that belongs to a runner (Runner.Worker). Runners are used again once their goroutine has
	// ended, so a loop makes as many as were ever at work at one time. It is called by Start and by Runner.Detach.
	NewWorker(l *Loop) any
	// Gather is called before connections are flushed. True has the loop deal first with what has become ready meanwhile, and call
	// again, idle telling that nothing had. It cannot be detached.
	Gather(r *Runner, idle bool) bool
	// Tick is the housekeeping, called once an iteration before the loop waits; now is the monotonic clock in ns. It
	// returns the ns that the loop may sleep: 0 is not at all, negative is no limit. Tick cannot be detached and is no
	// longer called once the group stops.
	Tick(r *Runner, now int64) int64
}

// Options configure a Group.
type Options struct {
	Loops   int          // number of loops, at least 1
	Handler Handler      // required
	Mono    func() int64 // monotonic clock in ns, required; called a few times an iteration
	// Doze lets a loop wait for short times without the scheduler's knowledge (see poller.doze): right where there are more
	// processors (GOMAXPROCS) than loops; otherwise loops that wait would keep those that have work from running.
	Doze bool
	// LockOSThread gives each runner a thread of its own.
	LockOSThread bool
	// TCPKeepAlive is the keep-alive time of accepted TCP connections, in seconds; 0 leaves it off.
	TCPKeepAlive int
	// Backlog is the length of the listeners' queues of connections not yet accepted; 0 stands for 511.
	Backlog int
}

// Group is a set of loops that share listeners. Its methods may be called from any goroutine; Stop not from a callback.
type Group struct {
	opts  Options
	loops []*Loop

	runners sync.WaitGroup // goroutines that drive a core or finish a detached callback

	mu        sync.Mutex
	state     groupState  // guarded by mu
	listeners []*listener // guarded by mu

	accepted atomic.Uint64
	turn     int // where the search for the idlest loop begins; belongs to loop 0
}

type groupState int

const (
	stateNew groupState = iota
	stateRunning
	stateStopped
)

// New makes a group with its loops, which do nothing before Start. It fails when the system refuses descriptors. A group that
// is not needed any more is to be stopped, started or not.
func New(opts Options) (*Group, error) {
	switch {
	case opts.Loops < 1:
		return nil, errors.New("netloop: at least one loop is needed")
	case opts.Handler == nil:
		return nil, errors.New("netloop: Options.Handler is missing")
	case opts.Mono == nil:
		return nil, errors.New("netloop: Options.Mono is missing")
	}
	if opts.Backlog <= 0 {
		opts.Backlog = 511
	}
	g := &Group{opts: opts}
	for id := range opts.Loops {
		l, err := newLoop(g, id)
		if err != nil {
			g.Stop()
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	return g, nil
}

// Loops returns the group's loops, in the order of their IDs. The slice is the group's own.
func (g *Group) Loops() []*Loop { return g.loops }

// Accepted returns how many connections the listeners have accepted, refused ones included.
func (g *Group) Accepted() uint64 { return g.accepted.Load() }

// Start sets the loops going. Later calls do nothing.
func (g *Group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != stateNew {
		return
	}
	g.state = stateRunning
	for _, l := range g.loops {
		r := l.takeRunner()
		g.runners.Add(1)
		go l.drive(r)
	}
}

// Stop closes the listeners and every connection (Closed is called for each), waits for detached callbacks and for the
// loops, and releases their descriptors. Mail that is posted later is refused. Later calls only wait.
func (g *Group) Stop() {
	g.mu.Lock()
	was := g.state
	g.state = stateStopped
	g.mu.Unlock()
	g.CloseListeners()
	for _, l := range g.loops {
		switch was {
		case stateNew:
			l.release()
		case stateRunning:
			l.Post(func(*Runner) { l.Post(l.beginStop) }) // an iteration later: what is dirty by now is flushed first
		}
	}
	g.runners.Wait()
}

// ListenOptions say how a listener is made.
type ListenOptions struct {
	Mode   uint32 // permission bits of a unix socket's file; 0 leaves what the umask gives
	Unlink bool   // removes a socket file that stands in the way
}

// Listen binds and listens on an address; network is "tcp", "tcp4", "tcp6" (IPv6 only) or "unix". It may be called before
// and after Start, several times. Port 0 lets the system choose. It returns the address in use; errors are those of package
// net (*net.OpError).
func (g *Group) Listen(network, address string, opts ListenOptions) (net.Addr, error) {
	ln, err := newListener(network, address, opts, &g.opts)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == stateStopped {
		ln.close()
		return nil, &net.OpError{Op: "listen", Net: network, Addr: ln.addr, Err: net.ErrClosed}
	}
	g.listeners = append(g.listeners, ln)
	acceptor := g.loops[0]
	acceptor.Post(func(*Runner) { acceptor.addListener(ln) })
	return ln.addr, nil
}

// CloseListeners closes every listener and removes the files of unix sockets; connections stay. No connection is accepted
// after it returns. It may be called from a callback.
func (g *Group) CloseListeners() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ln := range g.listeners {
		ln.close()
	}
	g.listeners = nil
}

// acceptPause is how long accepting rests when the system has no descriptors or memory left for a connection.
const acceptPause = int64(100 * time.Millisecond)

// pick chooses the loop for a new connection: the one with the least work. That is the one with the fewest connections,
// where a loop that is much busier than the idlest counts as if it had up to an average loop's connections, and a few,
// more. Smaller differences are noise, and must not skew a burst of connections. Ties go round. Called by loop 0.
func (g *Group) pick(now int64) *Loop {
	if len(g.loops) == 1 {
		return g.loops[0]
	}
	total, idlest := 0, int64(fullLoad)
	for _, l := range g.loops {
		total += l.Conns()
		idlest = min(idlest, l.load(now))
	}
	busiest := int64(total/len(g.loops) + 16)
	var best *Loop
	var least int64
	g.turn++
	for i := range g.loops {
		l := g.loops[(g.turn+i)%len(g.loops)]
		excess := max(l.load(now)-idlest-fullLoad/4, 0)
		work := int64(l.Conns())*fullLoad + excess*busiest
		if best == nil || work < least {
			best, least = l, work
		}
	}
	return best
}
