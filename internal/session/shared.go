// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/store"
)

// shared is what other loops may read of a session (CLIENT LIST): copies, published after each batch.
type shared struct {
	created int64  // mono ns; Immutable
	local   string // our end's address; Immutable
	fd      int    // Immutable
	unix    bool   // Immutable
	loop    int    // number of the loop that it belongs to; Immutable

	killed   atomic.Bool  // CLIENT KILL; written by anybody
	flags    atomic.Int32 // stateFlags
	active   atomic.Int64 // mono in activeUnit: the last batch or write
	db       atomic.Int32
	proto    atomic.Int32
	queued   atomic.Int32 // commands of the open transaction, -1 outside one
	last     atomic.Int32 // command.Spec.ID of the last command, -1 before the first
	watched  atomic.Int32 // keys
	watchedB atomic.Int64 // bytes that they take
	queuedBy atomic.Int64 // bytes of their arguments
	queuedM  atomic.Int64 // bytes that they take in all
	prepared atomic.Int64 // bytes of its HIMPORT fieldsets
	waitB    atomic.Int64 // bytes that its wait for a key takes
	waitArgs atomic.Int64 // bytes of the arguments of the command that waits
	topicsB  atomic.Int64 // bytes of its subscriptions
	pending  atomic.Int64 // reply bytes that the socket has not taken
	missed   atomic.Int64 // bytes of messages that have come while the session was lent; written by its loop
	input    atomic.Int64 // bytes in the own read buffer
	buffer   atomic.Int64 // its capacity
	netIn    atomic.Int64 // bytes read
	netOut   atomic.Int64 // bytes written
	commands atomic.Int64 // that were run

	topics [pubsub.NumKinds]atomic.Int32 // that it is subscribed to

	watch atomic.Pointer[store.Watch]
	names atomic.Pointer[names]
}

// activeUnit is how exact, in ns, the time of the last batch is: a finer one would be another store a batch.
const activeUnit = 100_000_000

// stateFlags are the states that CLIENT LIST has a letter for and that are told nowhere else.
type stateFlags = int32

const (
	stateClosing stateFlags = 1 << iota
	stateNoEvict
	stateNoTouch
	stateBlocked
	statePubSub
)

// names are what a client has told of itself; replaced as a whole.
type names struct {
	name, libName, libVersion string
	capa                      string // letters of its capabilities
}

// told gives what the client has told of itself.
func (p *shared) told() names {
	if n := p.names.Load(); n != nil {
		return *n
	}
	return names{}
}

// touch notes that something has come from or gone to the client at now, mono ns.
func (s *Session) touch(now int64) { store64(&s.shared.active, now/activeUnit) }

// publish copies what other loops may want to see.
func (s *Session) publish() {
	p, cl := &s.shared, &s.Client
	store32(&p.db, int32(cl.DB))
	store32(&p.proto, int32(cl.Reply.Proto))
	queued, in := cl.InTransaction()
	store32(&p.queued, int32(queued))
	if in || p.queuedM.Load() != 0 {
		store64(&p.queuedBy, int64(cl.QueuedBytes()))
		store64(&p.queuedM, cl.QueuedMemory())
	}
	s.setPrepared(int64(s.fieldsets.Bytes()))
	all, args := cl.WaitBytes()
	store64(&p.waitB, all)
	store64(&p.waitArgs, args)
	if cl.Subscribed || p.topicsB.Load() != 0 {
		s.publishTopics()
	}
	store32(&p.watched, int32(cl.Watching()))
	store64(&p.watchedB, cl.WatchBytes())
	if w := cl.Watch(); p.watch.Load() != w {
		p.watch.Store(w)
	}
	store32(&p.last, lastID(cl.LastCommand))
	store32(&p.flags, s.state())
	store64(&p.input, int64(len(s.in)-s.head))
	store64(&p.buffer, int64(cap(s.in)))
	store64(&p.netIn, s.netIn)
	store64(&p.commands, cl.Commands)
}

// setPrepared publishes what the session's fieldsets take, n bytes, and accounts for them.
func (s *Session) setPrepared(n int64) {
	if old := s.shared.prepared.Load(); old != n {
		s.shared.prepared.Store(n)
		s.hub.engine.Account().Add(mem.Other, n-old)
	}
}

// publishTopics copies what the client is subscribed to.
func (s *Session) publishTopics() {
	for kind := range pubsub.NumKinds {
		store32(&s.shared.topics[kind], int32(s.topics.Count(kind)))
	}
	s.setTopicBytes(s.topics.Bytes())
}

// setTopicBytes publishes what the client's subscriptions take, n bytes, and accounts for them.
func (s *Session) setTopicBytes(n int64) {
	if old := s.shared.topicsB.Load(); old != n {
		s.shared.topicsB.Store(n)
		s.hub.engine.Account().Add(mem.Other, n-old)
	}
}

func lastID(spec *command.Spec) int32 {
	if spec == nil {
		return -1
	}
	return int32(spec.ID())
}

func (s *Session) state() (f stateFlags) {
	if s.closing || s.Client.CloseAfterReply {
		f |= stateClosing
	}
	if s.noEvict {
		f |= stateNoEvict
	}
	if s.Client.NoTouch {
		f |= stateNoTouch
	}
	if s.Client.HeldBack || s.Client.Waiting() {
		f |= stateBlocked
	}
	if s.Client.Subscribed {
		f |= statePubSub
	}
	return f
}

// store32 and store64 store a value that seldom changes: a load is cheaper than a store that others must see.
func store32(p *atomic.Int32, v int32) {
	if p.Load() != v {
		p.Store(v)
	}
}

func store64(p *atomic.Int64, v int64) {
	if p.Load() != v {
		p.Store(v)
	}
}

var _ command.Client = (*Session)(nil)
