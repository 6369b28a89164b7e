// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
)

// A pause (CLIENT PAUSE) holds commands back for a time: their clients are parked, and go on in the order of their commands
// when it ends. While it lasts no key is removed for its expiry either, though none that is dead is found.
//
// Invariant: a pause begins while the world is still, and workers look for it whenever they pass their gate. So no command
// that it holds back runs once it has begun, and looking costs nothing a command.

// PauseMode says which commands a pause holds back. A greater one holds back more.
type PauseMode int32

const (
	PauseNone  PauseMode = iota
	PauseWrite           // what changes the keyspace or would be replicated
	PauseAll             // everything
)

// String gives the mode as INFO has it.
func (m PauseMode) String() string { return [...]string{"none", "write", "all"}[m] }

// pause is the engine's pause.
type pause struct {
	mode atomic.Int32 // PauseMode; written with mu held
	end  atomic.Int64 // mono ns; only while mode is not PauseNone; written with mu held

	mu     sync.Mutex           // a leaf
	parked map[*Client]struct{} // who is held back; guarded by mu
	count  atomic.Int32         // of parked
}

// Pause holds commands back for so many ms, at least 0. A pause that is there already stays if it ends later, and keeps its
// mode if that holds back more. The world must be still.
func (e *Engine) Pause(mode PauseMode, ms int64) {
	p := &e.pause
	now := e.clock.Mono()
	e.EndPause(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	end := now + ms*1_000_000
	if PauseMode(p.mode.Load()) != PauseNone {
		end = max(end, p.end.Load())
		mode = max(mode, PauseMode(p.mode.Load()))
	}
	p.end.Store(end)
	p.mode.Store(int32(mode))
	e.Store.Settings.KeepDead.Store(true)
}

// Unpause ends the pause, if there is one, and wakes all that it holds back. Any goroutine may call it.
func (e *Engine) Unpause() { e.unpause(math.MaxInt64) }

// unpause ends a pause that ends by now, mono ns. Another may have begun since the caller looked.
func (e *Engine) unpause(now int64) {
	p := &e.pause
	p.mu.Lock()
	if PauseMode(p.mode.Load()) == PauseNone || p.end.Load() > now {
		p.mu.Unlock()
		return
	}
	p.mode.Store(int32(PauseNone))
	e.Store.Settings.KeepDead.Store(false)
	parked := p.parked
	p.parked = nil
	p.count.Store(0)
	p.mu.Unlock()
	for cl := range parked {
		cl.Wake()
	}
}

// EndPause ends a pause whose time has come at now, mono ns. It gives the ns until it wants to be called again, negative for no
// limit. The loops call it.
func (e *Engine) EndPause(now int64) (sleep int64) {
	for PauseMode(e.pause.mode.Load()) != PauseNone {
		if left := e.pause.end.Load() - now; left > 0 {
			return left
		}
		e.unpause(now)
	}
	return -1
}

// Paused tells what is held back, and for how many ms from now on.
func (e *Engine) Paused() (mode PauseMode, ms int64) {
	mode = PauseMode(e.pause.mode.Load())
	if mode == PauseNone {
		return PauseNone, 0
	}
	return mode, max(0, e.pause.end.Load()-e.clock.Mono()) / 1_000_000
}

// HeldBack tells how many clients wait for the end of a pause.
func (e *Engine) HeldBack() int { return int(e.pause.count.Load()) }

// lookForPause notes whether there is a pause; the gate was just passed.
func (w *Worker) lookForPause() {
	w.paused = PauseMode(w.e.pause.mode.Load())
	w.view.KeepDead = w.paused != PauseNone
}

// holdBack parks the client of a call that the pause is about and gives true; false when the call may run.
func (w *Worker) holdBack(cl *Client, c *Call) bool {
	if w.paused == PauseWrite && !w.has(cl, c, command.Write|command.MayReplicate) {
		return false
	}
	p := &w.e.pause
	p.mu.Lock()
	defer p.mu.Unlock()
	if PauseMode(p.mode.Load()) < w.paused { // it has ended meanwhile
		w.lookForPause()
		return false
	}
	if p.parked == nil {
		p.parked = make(map[*Client]struct{})
	}
	p.parked[cl] = struct{}{}
	p.count.Store(int32(len(p.parked)))
	cl.HeldBack = true
	return true
}

// release takes a client out that is tried again or goes away.
func (p *pause) release(cl *Client) {
	p.mu.Lock()
	delete(p.parked, cl)
	p.count.Store(int32(len(p.parked)))
	p.mu.Unlock()
	cl.HeldBack = false
}
