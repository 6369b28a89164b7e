// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/redpoll/redpoll/internal/mem"
)

// evictPeriod is how long, in ns, clients are left alone when there was none that could be closed for maxmemory-clients: to look at
// all of them is dear when there are many.
const evictPeriod = 100_000_000

// memory gives about the bytes that the session takes on the Go heap, as of its last batch. Any goroutine may call it.
func (s *Session) memory() int64 {
	p := &s.shared
	return sessionBytes + p.buffer.Load() + p.queuedM.Load() + p.watchedB.Load() + p.prepared.Load() + p.waitB.Load() +
		p.topicsB.Load() + p.pending.Load() + p.missed.Load()
}

// evict closes those connections that take most while all together take more than maxmemory-clients allows, at now in mono ns.
// It gives the ns until it wants to be called again, negative for no limit.
func (h *Hub) evict(now int64) (sleep int64) {
	limit := h.limits.clients.Load()
	if limit == 0 || h.engine.Account().Total() <= limit {
		return -1
	}
	next := h.evictAt.Load()
	if now < next {
		return next - now
	}
	if !h.evictAt.CompareAndSwap(next, now+evictPeriod) {
		return evictPeriod // another loop does it
	}
	list := h.Sessions() // without those that are being closed
	sizes := make(map[*Session]int64, len(list))
	total := int64(0)
	for _, s := range list {
		sizes[s] = s.memory()
		total += sizes[s]
	}
	slices.SortStableFunc(list, func(a, b *Session) int { return cmp.Compare(sizes[b], sizes[a]) })
	closed := false
	for _, s := range list {
		if total <= limit {
			break
		}
		if s.shared.flags.Load()&stateNoEvict == 0 && s.kill() {
			total -= sizes[s]
			h.writeOff(s, sizes[s])
			closed = true
			h.evicted.Add(1)
			h.log.Info(fmt.Sprintf("Evicting client: %v", s))
		}
	}
	if closed {
		h.evictAt.Store(0)
	}
	return evictPeriod
}

// writeOff has the bytes of a session that is about to end count no more: until they are given back neither further clients
// nor keys should go for them.
func (h *Hub) writeOff(s *Session, n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byID[s.id] == s {
		s.writtenOff = n
		h.engine.Account().Add(mem.Other, -n)
	}
}

// Evicted gives the number of connections that were closed for maxmemory-clients.
func (h *Hub) Evicted() int64 { return h.evicted.Load() }
