// SPDX-License-Identifier: BSD-3-Clause

package engine

import "github.com/redpoll/redpoll/internal/command"

// Under appendfsync always nobody is told what a crash can take back. A reply that depends on effects which are not durable yet is held
// back until they are: a writer's reply until its own effect is, a reader's until the last effects on the shards are that its command
// has held. So one sync serves all commands that have run meanwhile, and to read what has not changed of late costs nothing.
//
// Each shard notes where the last effect on its keys ends in the log. An effect is appended before its shards are let go of, so whoever
// finds a change finds it noted. Effects of commands that run with the world still are noted once, for all shards. What expires is not
// noted: it is gone for good, whether the log has it or not.

// noteLogged notes, in all that is held, where the last effect of the call ends.
func (w *Worker) noteLogged() {
	if w.still {
		w.e.logged = w.logged
	}
	for _, shard := range w.held {
		w.e.Store.SetLogged(shard, w.logged)
	}
	w.logged = 0
}

// hold has the reply of the call that has just run wait for what it can tell of. What it has taken is still held.
func (w *Worker) hold(cl *Client, spec *command.Spec) {
	offset := w.logged
	if w.still || spec.Plan == command.PlanWalk { // a walk has held any shard at some time
		offset = w.e.Effects.End()
	} else if len(w.held) > 0 {
		offset = max(offset, w.e.logged)
		for _, shard := range w.held {
			offset = max(offset, w.e.Store.Logged(shard))
		}
	}
	cl.hold(w.e.Effects, offset)
}

// hold has the client's replies wait until the log is durable up to an offset, if it holds replies and is not yet.
func (cl *Client) hold(l *Log, offset int64) {
	if offset > cl.Hold && offset > l.durable.Load() && l.hold.Load() {
		cl.Hold = offset
	}
}
