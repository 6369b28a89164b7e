// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/rlog"
)

// Options are a hub's parameters.
type Options struct {
	Engine *engine.Engine
	Log    *slog.Logger
	// Password gives the password that clients have to know, empty for none.
	Password func() string
	// Version gives the version that HELLO tells.
	Version func() string
	// Protected tells whether only the loopback interface is served while there is no password (protected-mode); nil for
	// never.
	Protected func() bool
	// KeepAlive is the seconds between keep-alive probes that connections are accepted with; Limits can change it later.
	KeepAlive int
	// Proto is the protocol that connections begin with, 2 or 3; 0 stands for 2.
	Proto int
}

// Hub is all sessions of a server: it makes them for the loops' connections, knows them for CLIENT LIST and CLIENT KILL,
// and has the loops do the engine's housekeeping. It implements netloop.Handler. Its methods are safe for any goroutine
// unless they say otherwise.
type Hub struct {
	engine    *engine.Engine
	log       *slog.Logger
	password  func() string
	version   func() string
	protected func() bool
	inherited int // seconds of keep-alive of a new connection
	proto     int // that connections begin with

	limits limits

	recent    struct{ input, output recent }       // the largest read buffers and unread replies of late
	closed    struct{ query, output atomic.Int64 } // connections that were closed for the limits of these
	denials   atomic.Int64                         // failed authentications
	evicted   atomic.Int64                         // connections closed for maxmemory-clients
	evictAt   atomic.Int64                         // mono ns before which no more are closed for it
	warnHTTP  atomic.Int64                         // mono ns before which the log has no further line on HTTP
	rejected  atomic.Int64                         // connections refused for maxclients or by protected mode
	accepted  atomic.Int64
	timed     atomic.Int64 // sessions in the loops' alarms
	listeners atomic.Int64 // connections that are subscribed to something

	collecting atomic.Bool // collect has been asked for and not begun

	mu     sync.Mutex
	nextID int64                        // guarded by mu
	byID   map[int64]*Session           // guarded by mu
	loops  map[*netloop.Loop]*loopState // guarded by mu
}

// Limits bound what clients may do. Sizes are in bytes.
type Limits struct {
	MaxClients  int64
	QueryBuffer int64 // of a command that is not complete (client-query-buffer-limit)
	MaxBulk     int64 // of an argument (proto-max-bulk-len)
	Normal      OutputLimit
	PubSub      OutputLimit // of clients that are subscribed to something
	Timeout     int64       // ns after which an idle client is closed; 0: never
	KeepAlive   int64       // seconds between keep-alive probes of further connections; 0: none
	Clients     int64       // bytes that all clients together may make the server hold (maxmemory-clients); 0: no bound
}

// OutputLimit bounds the replies and messages that a client leaves unread (client-output-buffer-limit).
type OutputLimit struct {
	Hard   int64 // at any time; 0: no bound
	Soft   int64 // for longer than Period ns; 0: no bound
	Period int64
}

// limits is Limits as it is in force.
type limits struct {
	maxClients, queryBuffer, maxBulk, timeout, keepAlive, clients atomic.Int64

	normal, pubsub outputLimit
}

// outputLimit is OutputLimit as it is in force.
type outputLimit struct{ hard, soft, period atomic.Int64 }

func (l *outputLimit) set(o OutputLimit) {
	l.hard.Store(o.Hard)
	l.soft.Store(o.Soft)
	l.period.Store(o.Period)
}

// least gives the bytes from which on a client may be over the limit.
func (l *outputLimit) least() int64 {
	least := int64(math.MaxInt64)
	for _, bound := range [...]int64{l.hard.Load(), l.soft.Load()} {
		if bound > 0 {
			least = min(least, bound)
		}
	}
	return least
}

// NewHub makes a hub without sessions and with Redis's limits.
func NewHub(o Options) *Hub {
	h := &Hub{
		engine: o.Engine, log: o.Log, password: o.Password, version: o.Version, protected: o.Protected, inherited: o.KeepAlive,
		proto: max(o.Proto, 2),
		byID:  make(map[int64]*Session), loops: make(map[*netloop.Loop]*loopState),
	}
	if h.protected == nil {
		h.protected = func() bool { return false }
	}
	h.engine.OnPressure(h.evict)
	h.SetLimits(Limits{MaxClients: 10000, QueryBuffer: 1 << 30, MaxBulk: 512 << 20, KeepAlive: int64(o.KeepAlive)})
	return h
}

// SetLimits changes the bounds, for clients that are connected too.
func (h *Hub) SetLimits(l Limits) {
	h.limits.maxClients.Store(l.MaxClients)
	h.limits.queryBuffer.Store(l.QueryBuffer)
	h.limits.maxBulk.Store(l.MaxBulk)
	h.limits.normal.set(l.Normal)
	h.limits.pubsub.set(l.PubSub)
	h.limits.timeout.Store(l.Timeout)
	h.limits.keepAlive.Store(l.KeepAlive)
	h.limits.clients.Store(l.Clients)
}

// denied is what a client from elsewhere reads in protected mode.
const denied = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for " +
	"the default user. In this mode connections are only accepted from the loopback interface. If you want to connect " +
	"from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode " +
	"sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same " +
	"host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use " +
	"CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing " +
	"the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If " +
	"you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an " +
	"authentication password for the default user. NOTE: You only need to do one of the above things in order for the " +
	"server to start accepting connections from the outside.\r\n"

// denies tells whether protected mode keeps a client from remote out.
func (h *Hub) denies(remote string, unix bool) bool {
	if unix || h.password() != "" || !h.protected() {
		return false
	}
	addr, err := netip.ParseAddrPort(remote)
	return err != nil || !addr.Addr().Unmap().IsLoopback()
}

// Accept implements netloop.Handler.
func (h *Hub) Accept(r *netloop.Runner, c *netloop.Conn) netloop.Session {
	h.accepted.Add(1)
	remote, local := c.RemoteAddr(), c.LocalAddr()
	unix := remote == local // both are the socket's path
	if h.verbose() {
		if unix {
			h.say("Accepted connection to " + strings.TrimSuffix(remote, ":0"))
		} else {
			h.say("Accepted " + remote)
		}
	}
	if h.denies(remote, unix) {
		return h.refuse(c, denied)
	}
	w := r.Worker.(*worker)
	now := h.engine.Clock().Mono()
	s := &Session{hub: h, conn: c}
	s.shared.created, s.shared.local, s.shared.fd, s.shared.unix = now, local, c.FD(), unix
	s.shared.loop = r.Loop().ID()
	s.Client.Owner = s
	s.topics.Init(s, s.shared.loop)
	s.Client.Wake = s.wake
	s.Client.Authenticated = h.password() == ""
	s.Client.Reply.Init(w.Chunks)
	s.Client.Reply.Proto = h.proto
	s.touch(now)
	s.publish()
	if !h.add(s) {
		return h.refuse(c, "-ERR max number of clients reached\r\n")
	}
	w.loop.add(s)
	if seconds := int(h.limits.keepAlive.Load()); seconds != h.inherited {
		_ = c.SetKeepAlive(seconds) // the connection is as good without
	}
	return s
}

// refuse tells a client why it is not served.
func (h *Hub) refuse(c *netloop.Conn, text string) netloop.Session {
	h.rejected.Add(1)
	_, _ = c.Write([]byte(text)) // nobody may be there to read it
	return nil
}

// add gives a session its id, unless there are too many.
func (h *Hub) add(s *Session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if int64(len(h.byID)) >= h.limits.maxClients.Load() {
		return false
	}
	h.nextID++
	s.id = h.nextID
	h.byID[s.id] = s
	h.engine.Account().Add(mem.Other, sessionBytes)
	return true
}

// NewWorker implements netloop.Handler.
func (h *Hub) NewWorker(l *netloop.Loop) any {
	h.mu.Lock()
	state := h.loops[l]
	if state == nil {
		state = &loopState{}
		h.openInbox(l, state)
		h.openLog(l, state)
		h.loops[l] = state
	}
	h.mu.Unlock()
	return &worker{Worker: h.engine.NewWorker(), loop: state}
}

// Tick implements netloop.Handler.
func (h *Hub) Tick(r *netloop.Runner, now int64) int64 {
	w := r.Worker.(*worker)
	duty := w.Housekeep(r.Loop().ID())
	h.syncLate(w.loop)
	return sooner(sooner(duty, h.endWaits(w, now)), sooner(h.sweep(w.loop, now), sooner(h.engine.EndPause(now), h.evict(now))))
}

// sooner gives the smaller of two times to sleep, negative standing for no limit.
func sooner(a, b int64) int64 {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

func (h *Hub) remove(s *Session) {
	h.mu.Lock()
	delete(h.byID, s.id)
	h.engine.Account().Add(mem.Other, s.writtenOff-sessionBytes)
	h.mu.Unlock()
}

// Sessions gives all sessions that nobody has killed, in the order of their ids.
func (h *Hub) Sessions() []*Session {
	h.mu.Lock()
	list := make([]*Session, 0, len(h.byID))
	for _, s := range h.byID {
		if !s.shared.killed.Load() {
			list = append(list, s)
		}
	}
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *Session) int { return int(a.id - b.id) })
	return list
}

// Session gives the session with an id, nil when there is none or somebody has killed it.
func (h *Hub) Session(id int64) *Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.byID[id]; s != nil && !s.shared.killed.Load() {
		return s
	}
	return nil
}

// Counts gives the connections that are open, that were accepted in all, and that were refused.
func (h *Hub) Counts() (open int, accepted, rejected int64) {
	h.mu.Lock()
	open = len(h.byID)
	h.mu.Unlock()
	return open, h.accepted.Load(), h.rejected.Load()
}

// Disconnected gives the connections that were closed for the limits of what a client may leave incomplete, and unread.
func (h *Hub) Disconnected() (query, output int64) {
	return h.closed.query.Load(), h.closed.output.Load()
}

// Listeners gives the connections that are subscribed to something.
func (h *Hub) Listeners() int64 { return h.listeners.Load() }

// Denied gives the number of failed authentications.
func (h *Hub) Denied() int64 { return h.denials.Load() }

// addInput accounts for bytes of a session's own read buffer.
func (h *Hub) addInput(n int64) { h.engine.Account().Add(mem.ClientInput, n) }

// collectAfter is how long a buffer that is no longer needed waits to be collected, and so the least time between two collections.
const collectAfter = 500 * time.Millisecond

// collect has the garbage collected soon, when whoever has let go of a buffer does not look at it any more: a server that makes no
// garbage otherwise would keep a long command's buffer, and those that it grew out of, for minutes. Clients that send nothing but
// long commands do not keep the collector busy for it, which in a larger program has more to look at. It runs twice, since the runtime
// gives back to the system only pages that were not in use at the collection before.
func (h *Hub) collect() {
	if h.collecting.CompareAndSwap(false, true) {
		time.AfterFunc(collectAfter, func() {
			h.collecting.Store(false)
			runtime.GC()
			runtime.GC()
		})
	}
}

func (h *Hub) parserLimits(authenticated bool) resp.Limits {
	return resp.Limits{MaxBulk: h.limits.maxBulk.Load(), Unauthenticated: !authenticated}
}

// passwordOK compares in a time that tells nothing of the password.
func (h *Hub) passwordOK(given []byte) bool {
	want, got := sha256.Sum256([]byte(h.password())), sha256.Sum256(given)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

func (h *Hub) logClose(s *Session, why string) {
	h.log.Warn(fmt.Sprintf("%s: %v", why, s))
}

func (h *Hub) logProtocolError(s *Session, err error) {
	if h.verbose() {
		h.say(fmt.Sprintf("Protocol error (%s) from client: %v", strings.TrimPrefix(err.Error(), "ERR Protocol error: "), s))
	}
}

// httpPause is how long in ns the log says nothing of further requests of HTTP.
const httpPause = 60_000_000_000

// logHTTP warns that a client speaks HTTP, once in a while.
func (h *Hub) logHTTP(s *Session) {
	now, next := h.engine.Clock().Mono(), h.warnHTTP.Load()
	if now >= next && h.warnHTTP.CompareAndSwap(next, now+httpPause) {
		h.logClose(s, "Possible SECURITY ATTACK detected: a client sent POST or Host:, as a browser does for a web page that "+
			"tries to reach this server (cross protocol scripting). Connection aborted")
	}
}

// verbose tells whether the log takes lines on what clients do; making them is dear where connections come and go.
func (h *Hub) verbose() bool { return h.log.Enabled(context.Background(), rlog.Verbose) }

func (h *Hub) say(line string) { h.log.Log(context.Background(), rlog.Verbose, line) }
