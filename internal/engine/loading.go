// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"slices"

	"github.com/redpoll/redpoll/internal/command"
)

// SetLoading says that the data is being loaded, or that it is there. Meanwhile only commands with the flag Loading run, memory is not
// short, and housekeeping rests: nothing expires, is evicted or compacted. Whoever loads passes a gate and holds a shard, as a worker does
// (store.Guest), since some of those commands watch keys.
//
// It begins with the world still, or before the first command: workers look for it when they pass their gate, so it costs nothing a
// command. It may end at any time; a batch that is under way then is refused to its end.
func (e *Engine) SetLoading(loading bool) {
	e.loading.Store(loading)
	if loading || e.wake == nil {
		return
	}
	for i := range e.loops { // what came due meanwhile
		e.wake(i)
	}
}

// Loading tells whether data is being loaded.
func (e *Engine) Loading() bool { return e.loading.Load() }

// denied tells of a call that it may not run while data is being loaded: its command may not, or one that EXEC would run.
func (w *Worker) denied(cl *Client, c *Call) bool {
	if !c.spec.Flags.Has(command.Loading) {
		return true
	}
	return c.spec.ID() == w.e.execID && cl.tx != nil &&
		slices.ContainsFunc(cl.tx.calls, func(q Call) bool { return !q.spec.Flags.Has(command.Loading) })
}
