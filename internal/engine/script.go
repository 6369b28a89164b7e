// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"errors"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Scripts: commands that run commands (command.ScriptHost).
//
//   - A run is one execution of a script, from BeginScript to EndScript. It begins with the shards of the keys that its call declares, and
//     keeps what it holds to its end.
//   - A key that is used and whose shard is not held is undeclared. Its shard is taken by a try, as nobody may wait for a shard while he
//     holds another. If it is busy the run is undone, and begun again once that shard is free, with all shards held from the beginning
//     that it has had or wanted. After mostTries, or when a command of it needs that, it is begun again with the world still.
//   - To undo a run is to put back every key that it has changed (store/undo.go), and to drop its effects and its messages.
//
// Invariants: until a run ends nobody but its own commands sees what it has done, so that it can be undone: its effects wait in the
// worker's text, what it publishes is held (script_held.go), clients that wait for what it has made are served afterwards. While it is
// under way its time stands still, and nothing dies that it has made.

// firstScriptKey is where the first key of a call stands that runs a script, behind the script and the number of keys.
const firstScriptKey = 3

// mostTries is how often a run is begun again for undeclared keys before it gets the world still.
const mostTries = 3

// errNeedsWorld has the call run again from its beginning with the world still.
var errNeedsWorld = errors.New("engine: a script needs the world still")

// script is what a worker has of the run that is under way.
type script struct {
	run *command.ScriptRun // nil: none is

	owner  *Client     // whose call it is
	stand  Client      // for whom its commands run
	ctx    command.Ctx // of its commands
	reply  []byte      // of its last command, if that was not made in one piece
	busy   store.BusyShardError
	writes bool  // it may call commands that change something
	undoes bool  // the store notes what it changes
	world  bool  // it has called a command that needs the world still
	strays bool  // it has used undeclared keys
	wrote  bool  // it has called a command that writes
	failed error // why it is to be undone, and begun again
	to     command.ReplicateTo

	// See busy.go:
	began   int64    // mono ns
	long    *longRun // nil: it is none
	slow    bool
	spoiled bool
	killed  bool
	calls   int // that have been run, in all runs

	effects effectMark // where its effects begin
	changes int64      // Worker.changes at its beginning
	micros  int64      // its time, in Unix µs
	held    heldMessages

	// See flush.go:
	emptying emptying
	swaps    [][2]int // that Engine.noteSwap was told of

	counts *command.ScriptCounts // of the script that has run last
	runs   int64                 // of it that are not counted yet: a count that all workers write to is dear

	local any // see Local
}

// another is what a client's call that runs a script is to have when it is begun again.
type another struct {
	tries  int
	shards []int // beside those of the declared keys
	world  bool
}

var _ command.ScriptHost = (*Worker)(nil)

// acquireScript takes what a call needs that runs a script: the shards of the keys that it declares, and what a run of it that was
// undone has wanted. Commands of the past, which may not wait for anything, and what has needed it before have the world still. With false the client is
// parked, or to be told what Worker.busy says.
func (w *Worker) acquireScript(cl *Client, c *Call) bool {
	if w.replays || cl.again.world {
		return w.acquireWorld(cl)
	}
	w.held = w.held[:0]
	w.want(c.spec, c.Argv)
	w.held = append(w.held, cl.again.shards...)
	return w.lockHeld(cl)
}

// BeginScript implements command.ScriptHost.
func (w *Worker) BeginScript(run *command.ScriptRun) error {
	s := &w.script
	if s.run != nil {
		return command.ErrScriptDenied
	}
	if err := w.mayBegin(run); err != nil {
		return err
	}
	if run.Counts.NeedsAll.Load() && !w.still {
		w.client.again.world = true
		return errNeedsWorld
	}
	cl := w.client
	s.run, s.owner = run, cl
	s.writes = !run.Flags.Has(command.ScriptNoWrites) && !run.ReadOnly
	s.undoes = s.writes && !w.replays
	s.world, s.strays, s.wrote, s.failed, s.to = false, cl.again.tries > 0, false, nil, command.ReplicateAll
	s.effects, s.changes = w.text.mark(), w.changes
	s.micros = (w.wall + w.mono) / 1000
	s.began, s.killed, s.spoiled = w.runBegins(), false, false
	s.stand.Owner, s.stand.DB, s.stand.NoTouch = cl.Owner, cl.DB, cl.NoTouch
	s.stand.MaxReply = run.MostReply
	if s.ctx.Host == nil {
		s.ctx.Host = w
		s.stand.Authenticated = true
		s.stand.Reply.Init(w.Chunks)
	}
	if s.undoes {
		w.view.BeginUndo()
	}
	return nil
}

// mayBegin looks at what a run needs of the server's state. A script that says nothing of itself may begin in any case, and its commands
// are looked at one by one.
func (w *Worker) mayBegin(run *command.ScriptRun) error {
	if run.Flags.Has(command.ScriptUnflagged) || w.replays {
		return nil
	}
	if !run.Flags.Has(command.ScriptNoWrites) {
		if err := w.e.scriptRefusal(); err != nil {
			return err
		}
		if run.ReadOnly {
			return command.ErrScriptReadOnly
		}
	}
	if w.oom && run.Flags&(command.ScriptAllowOOM|command.ScriptNoWrites) == 0 {
		return command.ErrScriptOOM
	}
	return nil
}

// EndScript implements command.ScriptHost.
func (w *Worker) EndScript(err error) error {
	s := &w.script
	switch { // what must not get lost on the way
	case s.killed:
		err, s.failed = errKilled, nil
	case s.failed != nil:
		err = s.failed
	}
	s.stand.Reply.Reset()
	if cap(s.reply) > keptRoom {
		s.reply = nil
	}
	if err == nil {
		w.keepRun()
	} else {
		w.undoRun()
	}
	if s.failed == nil {
		if s.owner.again.tries > 0 || s.owner.again.world {
			s.owner.again = another{}
		}
		if needs := &s.run.Counts.NeedsAll; needs.Load() != s.world { // others look at it
			needs.Store(s.world)
		}
	}
	w.endRun()
	s.run, s.owner = nil, nil
	s.stand.Owner, s.ctx.Client, s.ctx.Argv = nil, nil, nil
	after := s.emptying.after
	if s.emptying, s.swaps = (emptying{}), nil; after != nil {
		after()
	}
	if err == nil {
		return nil
	}
	return endOf(err)
}

// endOf gives what a handler is to return whose run was ended by err.
func endOf(err error) error {
	var killed *command.ScriptKilled
	var ended *endedRun
	switch {
	case errors.As(err, &killed):
		return nil
	case errors.As(err, &ended):
		return ended.error
	}
	return err
}

// keepRun makes what a run has done be so: its messages go out. Its effects go to the log with those of the command.
func (w *Worker) keepRun() {
	s := &w.script
	w.settleFlush()
	if s.undoes {
		w.view.ForgetUndo()
	}
	w.sendHeld()
	counts := s.run.Counts
	if s.counts != counts {
		s.countRuns()
		s.counts = counts
	}
	s.runs++
	if w.still {
		counts.Still.Add(1)
	}
	if s.strays {
		counts.Undeclared.Add(1)
	}
}

// countRuns counts the runs that are not counted yet.
func (s *script) countRuns() {
	if s.runs != 0 {
		s.counts.Runs.Add(s.runs)
		s.runs = 0
	}
	s.counts = nil
}

// undoRun takes back what a run has done. If it has done what cannot be undone all stays.
func (w *Worker) undoRun() {
	s := &w.script
	if s.undoes && !w.view.Undoes() {
		w.keepRun()
		return
	}
	if s.undoes {
		w.view.RollBack()
		w.undoDatabases()
	}
	w.text.cut(s.effects)
	w.changes = s.changes
	s.held.drop()
	if s.failed != nil {
		s.run.Counts.Undone.Add(1)
	}
}

// afterScriptPanic ends the run of a handler that did not return: what it has done is undone.
func (w *Worker) afterScriptPanic() {
	if w.script.run != nil {
		_ = w.EndScript(command.ErrInternal)
	}
}

// tryAgain says that the run is to be undone and begun again, when a shard has become free or, if it has been for long enough, with the
// world still. It gives the error that ends it.
func (w *Worker) tryAgain(shard int) error {
	s := &w.script
	a := &s.owner.again
	a.tries++
	if a.tries > mostTries {
		return w.tryStill()
	}
	a.shards = append(append(a.shards, w.held...), shard)
	slices.Sort(a.shards)
	a.shards = slices.Compact(a.shards)
	s.busy.Shard = shard
	s.failed = &s.busy
	return s.failed
}

// tryStill is tryAgain with the world still in any case.
func (w *Worker) tryStill() error {
	w.script.owner.again.world = true
	w.script.failed = errNeedsWorld
	return errNeedsWorld
}

// Replicate implements command.ScriptHost.
func (w *Worker) Replicate(to command.ReplicateTo) { w.script.to = to }

// MayRun implements command.ScriptHost.
func (w *Worker) MayRun(argv [][]byte) (known, may bool) {
	spec := w.e.Registry.Resolve(argv)
	return spec != nil, spec != nil
}

// CountError implements command.ScriptHost.
func (w *Worker) CountError(text string) { w.e.Stats.countError(text) }

// Local implements command.ScriptHost.
func (w *Worker) Local() *any { return &w.script.local }

// InScript implements command.Host.
func (w *Worker) InScript() bool { return w.script.run != nil }

// NowMicros gives the time of the command that runs, in Unix µs: within a script it stands still.
func (w *Worker) NowMicros() int64 {
	if w.script.run != nil {
		return w.script.micros
	}
	return w.e.clock.WallMicros()
}
