// SPDX-License-Identifier: BSD-3-Clause

package session

import "sync"

// recentSeconds is how far back the largest buffers are remembered, as in Redis.
const recentSeconds = 8

// recent is the largest of some sizes of the last eight seconds. It is for buffers that are large or in the way: noting takes a
// lock, a leaf.
type recent struct {
	mu   sync.Mutex
	most [recentSeconds]struct{ second, size int64 } // by second modulo their number; guarded by mu
}

// note takes a size into account at now, mono ns.
func (r *recent) note(now, size int64) {
	second := now / 1e9
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := &r.most[second%recentSeconds]
	if slot.second != second {
		slot.second, slot.size = second, 0
	}
	slot.size = max(slot.size, size)
}

// largest gives the largest size at now, 0 when there was none.
func (r *recent) largest(now int64) (size int64) {
	second := now / 1e9
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, slot := range r.most {
		if second-slot.second < recentSeconds {
			size = max(size, slot.size)
		}
	}
	return size
}

// LargestBuffers gives the bytes of the largest read buffer and of the largest unread replies of the last eight seconds.
func (h *Hub) LargestBuffers() (input, output int64) {
	now := h.engine.Clock().Mono()
	return h.recent.input.largest(now), h.recent.output.largest(now)
}
