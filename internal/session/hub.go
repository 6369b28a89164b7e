// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/netloop"
	"github.com/redpoll/redpoll/internal/resp"
)

// Options are a hub's parameters.
type Options struct {
	Engine *engine.Engine
	Log    *slog.Logger
	// Password gives the password that clients have to know, empty for none.
	Password func() string
	// ServerInfo gives the fields that HELLO replies: the name of the server's version and its mode.
	Version func() string
}

// Hub is all sessions of a server: it makes them for the loops' connections, knows them for CLIENT LIST and CLIENT KILL,
// and has the loops do the engine's housekeeping. It implements netloop.Handler. Its methods are safe for any goroutine
// unless they say otherwise.
type Hub struct {
	engine   *engine.Engine
	log      *slog.Logger
	password func() string
	version  func() string

	limits limits

	input    atomic.Int64 // bytes of sessions' own read buffers
	rejected atomic.Int64 // connections refused for maxclients
	accepted atomic.Int64

	mu     sync.Mutex
	nextID int64              // guarded by mu
	byID   map[int64]*Session // guarded by mu
}

// limits are the settings that bound what clients may do. Sizes are in bytes.
type limits struct {
	maxClients   atomic.Int64
	queryBuffer  atomic.Int64 // client-query-buffer-limit
	maxBulk      atomic.Int64 // proto-max-bulk-len
	outputHard   atomic.Int64 // client-output-buffer-limit normal; 0 is none
	outputSoft   atomic.Int64
	outputPeriod atomic.Int64 // ns for which outputSoft may be exceeded
}

// NewHub makes a hub without sessions.
func NewHub(o Options) *Hub {
	h := &Hub{engine: o.Engine, log: o.Log, password: o.Password, version: o.Version, byID: make(map[int64]*Session)}
	h.limits.maxClients.Store(10000)
	h.limits.queryBuffer.Store(1 << 30)
	h.limits.maxBulk.Store(512 << 20)
	return h
}

// SetLimits sets the bounds of what clients may do: the number of clients, the longest unfinished command and the longest
// argument, both in bytes.
func (h *Hub) SetLimits(maxClients, queryBuffer, maxBulk int64) {
	h.limits.maxClients.Store(maxClients)
	h.limits.queryBuffer.Store(queryBuffer)
	h.limits.maxBulk.Store(maxBulk)
}

// SetOutputLimits bounds the replies that a client leaves unread: hard bytes at any time, soft bytes for period ns; 0 is
// no bound.
func (h *Hub) SetOutputLimits(hard, soft, period int64) {
	h.limits.outputHard.Store(hard)
	h.limits.outputSoft.Store(soft)
	h.limits.outputPeriod.Store(period)
}

// Accept implements netloop.Handler.
func (h *Hub) Accept(r *netloop.Runner, c *netloop.Conn) netloop.Session {
	h.accepted.Add(1)
	s := &Session{hub: h, conn: c}
	h.mu.Lock()
	if int64(len(h.byID)) >= h.limits.maxClients.Load() {
		h.mu.Unlock()
		h.rejected.Add(1)
		c.Write([]byte("-ERR max number of clients reached\r\n"))
		return nil
	}
	h.nextID++
	s.id = h.nextID
	h.byID[s.id] = s
	h.mu.Unlock()
	s.Client.Owner = s
	s.Client.Wake = s.wake
	s.Client.Authenticated = h.password() == ""
	s.Client.Reply.Init(r.Worker.(*worker).Chunks)
	s.shared.created = h.engine.Clock().Mono()
	s.publish()
	return s
}

// NewWorker implements netloop.Handler.
func (h *Hub) NewWorker(*netloop.Loop) any { return &worker{Worker: h.engine.NewWorker()} }

// Tick implements netloop.Handler.
func (h *Hub) Tick(r *netloop.Runner, _ int64) int64 {
	return r.Worker.(*worker).Housekeep(r.Loop().ID())
}

func (h *Hub) remove(s *Session) {
	h.mu.Lock()
	delete(h.byID, s.id)
	h.mu.Unlock()
}

// Sessions gives all sessions, in the order of their ids.
func (h *Hub) Sessions() []*Session {
	h.mu.Lock()
	list := make([]*Session, 0, len(h.byID))
	for _, s := range h.byID {
		list = append(list, s)
	}
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *Session) int { return int(a.id - b.id) })
	return list
}

// Session gives the session with an id, nil when there is none.
func (h *Hub) Session(id int64) *Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byID[id]
}

// Counts gives the connections that are open, that were accepted in all, and that were refused for maxclients.
func (h *Hub) Counts() (open int, accepted, rejected int64) {
	h.mu.Lock()
	open = len(h.byID)
	h.mu.Unlock()
	return open, h.accepted.Load(), h.rejected.Load()
}

// InputBytes gives the bytes of read buffers that sessions hold.
func (h *Hub) InputBytes() int64 { return h.input.Load() }

func (h *Hub) addInput(n int64) { h.input.Add(n) }

func (h *Hub) parserLimits(authenticated bool) resp.Limits {
	return resp.Limits{MaxBulk: h.limits.maxBulk.Load(), Unauthenticated: !authenticated}
}

func (h *Hub) logClose(s *Session, why string) {
	h.log.Warn(fmt.Sprintf("%s: %v", why, s))
}

func (h *Hub) logProtocolError(s *Session, err error) {
	h.log.Debug(fmt.Sprintf("Protocol error (%v) from client: %v", err, s))
}

// checkOutput closes a connection whose unread replies exceed the limits.
func (h *Hub) checkOutput(s *Session) {
	pending := int64(s.Client.Reply.Pending())
	now := h.engine.Clock().Mono()
	soft := h.limits.outputSoft.Load()
	switch hard := h.limits.outputHard.Load(); {
	case hard > 0 && pending >= hard:
	case soft == 0 || pending < soft:
		s.overSoft = 0
		return
	case s.overSoft == 0:
		s.overSoft = now
		return
	case now-s.overSoft < h.limits.outputPeriod.Load():
		return
	}
	h.logClose(s, "Client scheduled to be closed ASAP for overcoming of output buffer limits.")
	s.conn.Close()
}
