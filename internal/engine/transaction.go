// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Transactions is the family of MULTI and what belongs to it. Its handlers need the worker that runs them and are given
// the Client through it.
var Transactions = command.Family{Name: "transactions", Category: command.CatTransaction, Commands: []command.Spec{
	{
		Name: "MULTI", Since: "1.2.0", Complexity: "O(1)",
		Summary: "Starts a transaction: the commands that follow are queued.",
		Flags:   command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:     multi,
	},
	{
		Name: "EXEC", Since: "1.2.0", Complexity: "Depends on the commands of the transaction",
		Summary: "Runs all commands of a transaction.",
		Flags:   command.NoScript | command.Loading | command.Stale | command.SkipSlowlog,
		Run:     exec,
	},
	{
		Name: "DISCARD", Since: "2.0.0", Complexity: "O(N), when N is the number of queued commands",
		Summary: "Drops a transaction.",
		Flags:   command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:     discard,
	},
	{
		Name: "WATCH", Since: "2.2.0", Complexity: "O(1) for every key.",
		Summary: "Makes the next transaction depend on keys staying as they are.",
		Syntax:  "key...",
		Flags:   command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Keys:    command.AllKeys(command.RO),
		Run:     watch,
	},
	{
		Name: "UNWATCH", Since: "2.2.0", Complexity: "O(1)",
		Summary: "Forgets all watched keys.",
		Flags:   command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy,
		Run:     unwatch,
	},
}}

// transaction is what a client has queued since MULTI.
type transaction struct {
	calls  []Call
	args   int  // of all calls
	bytes  int  // of all arguments
	broken bool // a command was refused: EXEC will refuse the whole
}

// What a queued command takes on the Go heap beside its arguments' bytes: itself, and each argument.
const (
	queuedCall = 96
	queuedArg  = 24
)

// memory gives the bytes that the transaction takes on the Go heap.
func (tx *transaction) memory() int64 {
	return int64(tx.bytes) + int64(len(tx.calls))*queuedCall + int64(tx.args)*queuedArg
}

// queue adds a command to the client's transaction, copied out of the read buffer. One that will not be executed anyway does not
// grow.
func (w *Worker) queue(cl *Client, c *Call) {
	tx := cl.tx
	if tx.broken || cl.watch != nil && cl.watch.Dirty() {
		return
	}
	q := *c
	q.Argv = copyArgs(c.Argv)
	before := tx.memory()
	for _, arg := range c.Argv {
		tx.bytes += len(arg)
	}
	tx.args += len(c.Argv)
	tx.calls = append(tx.calls, q)
	w.queued += tx.memory() - before
}

// take ends the client's transaction and gives it; nil when there is none.
func (w *Worker) take(cl *Client) *transaction {
	tx := cl.tx
	if cl.tx = nil; tx != nil {
		w.queued -= tx.memory()
	}
	return tx
}

// runsInTransaction tells whether a command is run at once though its client is in a transaction.
func runsInTransaction(s *command.Spec) bool {
	switch s.FullName() {
	case "exec", "discard", "multi", "watch", "quit", "reset":
		return true
	}
	return false
}

// worker gives the worker behind a handler of this package.
func worker(c *command.Ctx) *Worker { return c.Host.(*Worker) }

func multi(c *command.Ctx) error {
	cl := worker(c).client
	if cl.tx != nil {
		return command.ErrNestMulti
	}
	cl.tx = &transaction{}
	c.Reply.OK()
	return nil
}

func discard(c *command.Ctx) error {
	w := worker(c)
	if w.client.tx == nil {
		return command.ErrNoMultiDis
	}
	w.abandon(w.client)
	c.Reply.OK()
	return nil
}

// abandon drops a client's transaction and what it watches.
func (w *Worker) abandon(cl *Client) {
	w.take(cl)
	w.unwatchAll(cl)
}

func watch(c *command.Ctx) error {
	w := worker(c)
	cl := w.client
	if cl.tx != nil {
		return command.ErrWatchMulti
	}
	if cl.watch == nil {
		cl.watch = &store.Watch{}
	}
	if !cl.watch.Dirty() { // one that is dirty cannot become clean by watching more
		before := cl.watch.Bytes()
		for i, key := range c.Argv[1:] {
			c.DB.Watch(cl.watch, key)
			if i%1000 == 999 {
				_ = c.Tick() // all keys are watched, even if the server ends
			}
		}
		w.watching += cl.watch.Bytes() - before
	}
	c.Reply.OK()
	return nil
}

func unwatch(c *command.Ctx) error {
	w := worker(c)
	w.unwatchAll(w.client)
	c.Reply.OK()
	return nil
}

// acquireExec takes the shards of all that an EXEC touches: its commands' keys and the watched ones; or the world, when it
// has a command that needs it, that would walk without naming keys, or that runs a script. An EXEC that will not run takes the watched ones only.
func (w *Worker) acquireExec(cl *Client, c *Call) (held, ok bool) {
	w.held = w.held[:0]
	if cl.watch != nil {
		cl.watch.Hashes(func(h uint64) { w.held = append(w.held, w.e.Store.ShardOf(h)) })
	}
	if cl.tx != nil && !cl.tx.broken {
		for i := range cl.tx.calls {
			q := &cl.tx.calls[i]
			switch plan := q.spec.PlanOf(q.Argv); {
			case plan == command.PlanAll, plan == command.PlanWalk && !q.spec.HasKeys(), q.spec.Flags.Has(command.RunsScript):
				w.held = w.held[:0]
				return true, w.acquireWorld(cl)
			case plan != command.PlanNone && q.spec.HasKeys():
				w.want(q.spec, q.Argv)
			}
		}
	}
	return true, w.lockHeld(cl) && w.widen(cl, c)
}

func exec(c *command.Ctx) error {
	w := worker(c)
	cl := w.client
	tx := w.take(cl)
	if tx == nil {
		return command.ErrNoMulti
	}
	if cl.watch != nil {
		w.view.ExpireWatched(cl.watch)
	}
	changed := cl.watch != nil && cl.watch.Dirty()
	if cl.watch != nil {
		w.watching -= cl.watch.Bytes()
		w.e.Store.Unwatch(cl.watch) // its shards are held
	}
	if tx.broken {
		return command.ErrExecAbort
	}
	if changed {
		c.Reply.NullArray()
		return nil
	}
	c.Reply.Array(len(tx.calls))
	w.inExec = true
	dirty := false
	for i := range tx.calls {
		q := &tx.calls[i]
		began := w.e.clock.Mono()
		err := w.call(cl, q.spec, q.Argv)
		now := w.e.clock.Mono()
		took := now - began
		w.time(w.count(q.spec, took, err != nil), q.spec.ID(), took, 1)
		if took >= w.spikeFrom {
			w.noteSpike(q.spec, took, now)
		}
		w.total++
		dirty = dirty || w.ctx.Dirty > 0
	}
	w.inExec = false
	w.dirty = w.dirty || dirty
	w.ctx.Dirty = 0 // what has changed is in the log already
	return nil
}

// Select has the client whose command runs, or the script that has called it, go on with another database, which must exist.
func (w *Worker) Select(db int) { w.client.DB = db }

// unwatchAll ends a client's watching. None of the keys' shards is held.
func (w *Worker) unwatchAll(cl *Client) {
	if cl.watch != nil && cl.watch.Len() > 0 {
		w.watching -= cl.watch.Bytes()
		w.e.Store.Abandon(cl.watch)
		cl.watch = nil
	}
}

// Forget ends what a client that goes away has left in the store. The worker must be outside of its gate.
func (w *Worker) Forget(cl *Client) {
	if cl.HeldBack {
		w.e.pause.release(cl)
	}
	w.take(cl)
	w.abandonWait(cl)
	if cl.watch != nil && cl.watch.Len() > 0 {
		w.watching -= cl.watch.Bytes()
		if w.enter() {
			w.e.Store.Abandon(cl.watch)
			w.leave()
		} else {
			w.e.Store.AbandonLater(cl.watch)
		}
		cl.watch = nil
	}
	w.publish()
	cl.Reply.Reset()
}

// Reset brings a client back to the state of a new connection, as RESET does.
func (w *Worker) Reset(cl *Client) {
	w.abandon(cl)
	cl.DB = 0
	cl.Mute = MuteNone
	cl.NoTouch = false
}
