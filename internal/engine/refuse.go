// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
)

// Keeper is one of those who write the data to a disk and may fail.
type Keeper int

// The keepers, in the order in which their errors are told.
const (
	KeeperRDB Keeper = iota // snapshots (stop-writes-on-bgsave-error)
	KeeperAOF               // the log's file
	keepers
)

// writeRefusal is why commands that write are refused.
type writeRefusal struct {
	now atomic.Pointer[command.Error] // nil: they are not; written with mu held

	mu      sync.Mutex             // a leaf
	reasons [keepers]command.Error // guarded by mu
}

// RefuseWrites has commands that write, and PING, fail with an error (the whole text, "MISCONF …") until it is called with an empty
// one, because a keeper cannot write to its disk. Any goroutine may call it; it holds for commands that begin afterwards.
func (e *Engine) RefuseWrites(by Keeper, reason command.Error) {
	r := &e.refusal
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reasons[by] = reason
	for _, reason := range r.reasons {
		if reason != "" {
			r.now.Store(&reason)
			return
		}
	}
	r.now.Store(nil)
}

// scriptRefusal gives the error with which a script is refused that is going to write, nil when it may run.
func (e *Engine) scriptRefusal() error {
	if e.refusal.now.Load() == nil {
		return nil
	}
	e.refusal.mu.Lock()
	defer e.refusal.mu.Unlock()
	const blocked = "but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts."
	if e.refusal.reasons[KeeperRDB] != "" {
		return command.Error("MISCONF Redis is configured to save RDB snapshots, " + blocked)
	}
	_, why, _ := strings.Cut(string(e.refusal.reasons[KeeperAOF]), ": ")
	return command.Error("MISCONF Redis is configured to persist data to AOF, " + blocked + " AOF error: " + why)
}

// refused gives the error with which a command is refused, nil when it may run: one that writes, an EXEC with such a one, and PING, so that
// a client which looks after the server notices.
func (w *Worker) refused(cl *Client, c *Call) error {
	if reason := w.e.refusal.now.Load(); reason != nil && (w.has(cl, c, command.Write) || c.spec.ID() == w.e.pingID) {
		return *reason
	}
	return nil
}
