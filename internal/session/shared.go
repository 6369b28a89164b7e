// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"sync/atomic"
)

// shared is what other loops may read of a session (CLIENT LIST): copies, published after each batch.
type shared struct {
	created  int64        // mono ns; Immutable
	active   atomic.Int64 // mono ns of the last batch
	input    atomic.Int64 // bytes read
	output   atomic.Int64 // bytes written
	commands atomic.Int64 // commands run
	db       atomic.Int32
	proto    atomic.Int32
	queued   atomic.Int32 // commands of the open transaction, -1 outside one
	watching atomic.Int32
	last     atomic.Int32 // command.Spec.ID of the last command, -1 before the first
	pending  atomic.Int64 // reply bytes not yet written
	buffered atomic.Int64 // capacity of the own read buffer

	names atomic.Pointer[names]
}

// names are what a client has told of itself; replaced as a whole.
type names struct {
	name, libName, libVersion string
}

// publish copies what other loops may want to see.
func (s *Session) publish() {
	p := &s.shared
	p.active.Store(s.hub.engine.Clock().Mono())
	set(&p.db, int32(s.Client.DB))
	set(&p.proto, int32(s.Client.Reply.Proto))
	queued, _ := s.Client.InTransaction()
	set(&p.queued, int32(queued))
	set(&p.watching, int32(s.Client.Watching()))
	last := int32(-1)
	if s.Client.LastCommand != nil {
		last = int32(s.Client.LastCommand.ID())
	}
	set(&p.last, last)
	p.pending.Store(int64(s.Client.Reply.Pending()))
	p.buffered.Store(int64(cap(s.in)))
}

// set stores a value that seldom changes: a load is cheaper than a store that others must see.
func set(p *atomic.Int32, v int32) {
	if p.Load() != v {
		p.Store(v)
	}
}
