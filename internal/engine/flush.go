// SPDX-License-Identifier: BSD-3-Clause

package engine

import "slices"

// What commands do to whole databases. The world is still for them. A run of a script can undo it: what was emptied is put aside until
// the run ends (store/undo_databases.go), and so is what else goes with it.

// emptying is what a run that has emptied all databases leaves to its end.
type emptying struct {
	is     bool
	before func() // nil: nothing
	after  func() // nil: nothing
}

// Flush removes all keys of one database, or of all with db -1, for the command that runs, and gives their number. If all are removed
// before, unless nil, is called in front of that; or, as what a script removes may have to come back, when it is certain not to.
func (w *Worker) Flush(db int, before func()) (removed int) {
	if db < 0 {
		em := &w.script.emptying
		if em.is, em.before = true, before; !w.view.Undoes() {
			w.settleFlush()
		}
	}
	return w.view.Flush(db)
}

// AfterFlush calls what is to follow on a Flush of all databases: when the script ends, and is not undone, if one has called it.
func (w *Worker) AfterFlush(call func()) {
	if w.script.run != nil {
		w.script.emptying.after = call
		return
	}
	call()
}

// settleFlush does what comes before what a run has put aside is given back.
func (w *Worker) settleFlush() {
	em := &w.script.emptying
	if !em.is {
		return
	}
	if em.before != nil {
		em.before()
	}
	w.e.cancelFlushed()
	em.is, em.before = false, nil
}

// undoDatabases forgets what a run has done to whole databases that is undone.
func (w *Worker) undoDatabases() {
	s := &w.script
	s.emptying = emptying{}
	for _, swap := range slices.Backward(s.swaps) {
		w.e.noteSwap(swap[0], swap[1])
	}
}

// Uncounted gives how many changes Stats.Changes lacks that the worker has made, those of the command included that runs.
func (w *Worker) Uncounted() int64 { return w.changes + w.ctx.Dirty }

// Swap makes the keys of database a those of b and the other way round.
func (w *Worker) Swap(a, b int) {
	w.view.Swap(a, b)
	inScript := w.script.run != nil
	if (w.inExec || inScript) && w.e.Effects.Active() {
		w.e.noteSwap(a, b)
		if inScript {
			w.script.swaps = append(w.script.swaps, [2]int{a, b})
		}
	}
}
