// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
)

// Scripts that run for long hinder only those who want what they hold. Nobody waits for that without end.
//
// Terms:
//
//   - A run is long once it has run for as long as a handler may keep its loop. Long ones are in a list.
//   - A long run is slow once it has run for busy-reply-threshold. Who would have to wait for what a slow one holds is told that the server
//     is busy, and so are those who wait already: they are woken, and find it out when they try again.
//   - A slow run may be killed (SCRIPT KILL, FUNCTION KILL): its next tick ends it, and what it has done is undone. One that has done what
//     cannot be undone is spoiled, and cannot be killed, unless the server is to end: it has had the data read anew (DEBUG RELOAD), or has
//     emptied databases and then run out of memory, so that what was put aside had to go.
//
// A run looks at the clock, and at whether it was killed, at its ticks. Until it is long that is all it takes.

// runs are the long runs.
type runs struct {
	threshold atomic.Int64 // ns from which a run is slow; 0: none is
	slow      atomic.Int32 // slow runs; written with mu held

	mu   sync.Mutex // a leaf
	list []*longRun // guarded by mu
}

// longRun is one of them.
type longRun struct {
	// Immutable:
	name     string
	function bool
	argv     [][]byte // of the call, in place: as long as the run is in the list
	began    int64    // mono ns

	killed atomic.Bool // written with runs.mu held

	// Guarded by runs.mu:
	slow    bool
	spoiled bool
	still   bool  // it has the world still
	held    []int // shards that a slow one holds; all if it has the world still
}

// What those are told who want what a slow run holds.
const (
	errBusyScript   command.Error = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
	errBusyFunction command.Error = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
)

// Refusals of SCRIPT KILL and FUNCTION KILL.
const (
	errNotBusy    command.Error = "NOTBUSY No scripts in execution right now."
	errUnkillable command.Error = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the " +
		"script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)

// errKilled ends a run that was killed.
var errKilled = &command.ScriptKilled{}

// SetBusyThreshold sets how many ms a script may run before those are told so who would have to wait for it (busy-reply-threshold); with
// 0 or less they wait.
func (e *Engine) SetBusyThreshold(ms int64) {
	const most = 1 << 40 // ms: no ns overflow
	e.runs.threshold.Store(min(max(ms, 0), most) * 1_000_000)
}

// busy gives what those are told who would have to wait for the run.
func (l *longRun) busy() error {
	if l.function {
		return errBusyFunction
	}
	return errBusyScript
}

// kill names the command that kills the run.
func (l *longRun) kill() string {
	if l.function {
		return "FUNCTION KILL"
	}
	return "SCRIPT KILL"
}

// find gives a slow run that want is true of, as the error that those get who would have to wait for it; nil if there is none.
func (r *runs) find(want func(l *longRun) bool) error {
	if r.slow.Load() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.list {
		if l.slow && want(l) {
			return l.busy()
		}
	}
	return nil
}

// onShard is find for those who want a shard.
func (r *runs) onShard(shard int) error {
	return r.find(func(l *longRun) bool { return l.still || slices.Contains(l.held, shard) })
}

// onGate is find for those who want to pass their gate.
func (r *runs) onGate() error { return r.find(func(l *longRun) bool { return l.still }) }

// onWorld is find for those who want the world still, which no long run lets be.
func (r *runs) onWorld() error { return r.find(func(*longRun) bool { return true }) }

// runBegins gives the time, in mono ns, at which a run begins now.
func (w *Worker) runBegins() int64 {
	if w.inExec {
		return w.e.clock.Mono() // others have run since the EXEC began
	}
	return w.mono
}

// tickRun is what a tick does within a run. Its error ends the run.
func (w *Worker) tickRun() error {
	s := &w.script
	if s.long == nil {
		if w.replays || w.e.clock.Mono()-s.began < overtakeAfter {
			return nil
		}
		w.listRun()
	}
	if s.long.killed.Load() {
		return w.endKilled()
	}
	if !s.slow {
		w.lookIfSlow()
	}
	return nil
}

// callsATick is how many commands of a script are run between two ticks at most.
const callsATick = 16

// tickCalls ticks once in so many commands of a run: it may do next to nothing besides.
func (w *Worker) tickCalls() error {
	s := &w.script
	if s.calls++; s.calls%callsATick == 0 {
		return uncaught(w.Tick())
	}
	if s.long != nil && s.long.killed.Load() {
		return w.endKilled()
	}
	return nil
}

// endedRun is an error of a tick that ends a run, though it may be a command.Error, as scripts may catch.
type endedRun struct{ error }

// uncaught makes an error of a tick, nil or not, one that no script may catch.
func uncaught(err error) error {
	if err == nil {
		return nil
	}
	return &endedRun{err}
}

// endKilled notes that the run was killed, lest that get lost on the way, and gives the error that ends it.
func (w *Worker) endKilled() error {
	w.script.killed = true
	return errKilled
}

// listRun enters the run that is under way among the long ones.
func (w *Worker) listRun() {
	s := &w.script
	s.long = &longRun{
		name: s.run.Name, function: s.run.Function, argv: w.own.Argv, began: s.began,
		spoiled: s.spoiled, still: w.still,
	}
	r := &w.e.runs
	r.mu.Lock()
	r.list = append(r.list, s.long)
	r.mu.Unlock()
}

// lookIfSlow makes the run, which is a long one, a slow one if its time has come: all who wait for what it holds are woken.
func (w *Worker) lookIfSlow() {
	s, r := &w.script, &w.e.runs
	threshold, took := r.threshold.Load(), w.e.clock.Mono()-s.began
	if threshold == 0 || took < threshold {
		return
	}
	s.slow = true
	l := s.long
	r.mu.Lock()
	l.slow, l.held = true, slices.Clone(w.held)
	r.slow.Add(1)
	r.mu.Unlock()
	w.e.log.Warn(fmt.Sprintf("Slow script detected: still in execution after %d milliseconds. You can try killing the script using the %s command. "+
		"Script name is: %s.", took/1_000_000, l.kill(), l.name))
	for _, shard := range w.held {
		w.e.Store.WakeParked(shard)
	}
	w.e.Store.WakeGates()
}

// noteHeld says that the run has one more shard.
func (w *Worker) noteHeld() {
	if s := &w.script; s.slow {
		w.e.runs.mu.Lock()
		s.long.held = slices.Clone(w.held)
		w.e.runs.mu.Unlock()
	}
}

// spoilRun says that the run is about to do what cannot be undone. The error ends it instead: it was killed.
func (w *Worker) spoilRun() error {
	s := &w.script
	if s.long != nil && !w.e.runs.spoil(s.long) {
		return w.endKilled()
	}
	s.spoiled = true
	w.settleFlush()
	w.view.SpoilUndo()
	return nil
}

// spoil marks a run as one that cannot be killed; false if it was.
func (r *runs) spoil(l *longRun) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.spoiled = !l.killed.Load()
	return l.spoiled
}

// Spoil says that the command that runs is about to do what cannot be undone. The error ends it instead: its script was killed.
func (w *Worker) Spoil() error {
	if s := &w.script; s.run == nil || !s.undoes {
		return nil
	}
	return w.spoilRun()
}

// endRun takes a run that has ended out of the list.
func (w *Worker) endRun() {
	s, r := &w.script, &w.e.runs
	if s.long == nil {
		return
	}
	r.mu.Lock()
	i := slices.Index(r.list, s.long)
	r.list = slices.Delete(r.list, i, i+1)
	if s.slow {
		r.slow.Add(-1)
	}
	r.mu.Unlock()
	s.long, s.slow = nil, false
}

// parkedOrBusy ends the attempt at a call that could not have what it needs: its client is parked, or is told why it is not.
func (w *Worker) parkedOrBusy(cl *Client, c *Call) (done, parked bool) {
	err := w.busy
	if err == nil {
		w.current = nil
		return false, true
	}
	w.busy, cl.again = nil, another{}
	w.reject(cl, c, err)
	return true, false
}

// staysOutside tells whether a call may be run while the world is still: it needs nothing of it, and is one of those that Redis allows
// while a script runs, or PING.
func (w *Worker) staysOutside(cl *Client, c *Call) bool {
	spec := c.spec
	if spec == nil || !spec.Flags.Has(command.AllowBusy) && spec.ID() != w.e.pingID {
		return false
	}
	if cl.watch != nil {
		switch spec.FullName() {
		case "discard", "unwatch", "reset": // keys are not to be watched any more
			return false
		}
	}
	plan := spec.PlanOf(c.Argv)
	return plan == command.PlanNone || plan == command.PlanKeys && !spec.HasKeys()
}

// shutOut deals with a call that needs the world, which is still: it is refused if a slow script has it so, else its client is parked; neither
// when the world moves again.
func (w *Worker) shutOut(cl *Client, c *Call) (refused, parked bool) {
	if err := w.e.runs.onGate(); err != nil {
		w.current, w.mark = c.spec, cl.Reply.Mark()
		if mine := w.admitAtAll(cl, c); mine != nil {
			err = mine
		}
		w.reject(cl, c, err)
		return true, false
	}
	if !w.e.Store.ParkGate(cl.Wake, false) {
		return false, false
	}
	if w.e.runs.onGate() != nil { // it has become slow just now, and may have woken the others already
		cl.Wake()
	}
	return false, true
}

// KillScripts implements command.ScriptHost.
func (w *Worker) KillScripts(function bool) error {
	r := &w.e.runs
	r.mu.Lock()
	defer r.mu.Unlock()
	var refusal error = errNotBusy
	killed := false
	for _, l := range r.list {
		switch {
		case !r.mayEnd(l):
		case l.function != function:
			if refusal == errNotBusy {
				refusal = l.busy()
			}
		case l.spoiled:
			refusal = errUnkillable
		default:
			l.killed.Store(true)
			killed = true
		}
	}
	if killed {
		return nil
	}
	return refusal
}

// StopScripts ends the scripts and functions that could be killed, and slow ones that could not, of which all stays that they have done: the
// server is to end.
func (e *Engine) StopScripts() {
	r := &e.runs
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.list {
		if r.mayEnd(l) && !l.killed.Swap(true) {
			e.log.Warn("A script is stopped, since the server is to end: " + l.name)
		}
	}
}

// mayEnd tells whether a long run has run for long enough to be killed; mu is held.
func (r *runs) mayEnd(l *longRun) bool { return l.slow || r.threshold.Load() == 0 }

// RunningScript implements command.ScriptHost.
func (w *Worker) RunningScript() (run command.ScriptRunning, ok bool) {
	r := &w.e.runs
	r.mu.Lock()
	defer r.mu.Unlock()
	var first *longRun
	for _, l := range r.list {
		if first == nil || l.began < first.began {
			first = l
		}
	}
	if first == nil {
		return run, false
	}
	return command.ScriptRunning{
		Name: first.name, Function: first.function, Argv: copyArgs(first.argv), Millis: (w.e.clock.Mono() - first.began) / 1_000_000,
	}, true
}
