// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"errors"
	"fmt"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/num"
)

// A Replayer runs commands again that an effect log has had, for no client. They met what they changed alive, and were let in then: so
// nothing dies on the way (store.View.Undying), no memory limit or pause holds them back, and nothing of it is counted, published or
// logged. Commands that change no data are passed over. It belongs to one goroutine, which may wait.
type Replayer struct {
	w     *Worker
	cl    *Client
	calls []Call
	alone bool
	wake  chan struct{}
	stop  <-chan struct{}

	// Failed is told of a command that had an error for a reply, as it may have had when it was logged; nil: nobody is. The arguments are
	// valid until it returns.
	Failed func(argv [][]byte, err error)
}

// errStopped is the end of a replay that was stopped.
var errStopped = errors.New("the server is to end")

// ReplayError is why a command cannot be run again: the file that it is from is not of this server's commands, or there is no memory.
type ReplayError struct {
	Unknown string // the command's name, of one that there is not; else ""
	Err     error
}

// Error gives the reason.
func (r *ReplayError) Error() string { return r.Err.Error() }

// Unwrap gives the reason.
func (r *ReplayError) Unwrap() error { return r.Err }

// NewReplayer makes a replayer, whose Run ends early when stop is closed, which may be nil. alone says that whoever calls it has the data to
// himself, as with the world still.
func (e *Engine) NewReplayer(alone bool, stop <-chan struct{}) *Replayer {
	r := &Replayer{w: e.NewWorker(), alone: alone, wake: make(chan struct{}, 1), stop: stop}
	r.cl = &Client{Owner: &replayed{}, Authenticated: true, Wake: r.woken}
	r.cl.Reply.Init(r.w.Chunks)
	r.w.client, r.w.replays, r.w.still = r.cl, true, alone
	r.w.view.Undying = true
	return r
}

// replayed is whom handlers see as the client.
type replayed struct{ fieldsets command.Fieldsets }

func (*replayed) ClientID() int64                 { return 0 }
func (c *replayed) Fieldsets() *command.Fieldsets { return &c.fieldsets }
func (*replayed) WantsDebugger() *bool            { return new(bool) }

// Close ends the replayer.
func (r *Replayer) Close() {
	r.w.publishChanges()
	r.cl.Reply.Reset()
	r.w.e.Store.RemoveGate(r.w.gate)
}

// Start has the commands that follow begin as a log does: on database 0.
func (r *Replayer) Start() { r.cl.DB = 0 }

func (r *Replayer) woken() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// wait waits until the replayer was woken; false when it is to end.
func (r *Replayer) wait() bool {
	select {
	case <-r.wake:
		return true
	case <-r.stop:
		return false
	}
}

// Run runs commands in their order. The error, a *ReplayError, is of commands[n]; those before it were run.
func (r *Replayer) Run(commands [][][]byte) (n int, err error) {
	w := r.w
	r.calls = r.calls[:0]
	for range commands {
		r.calls = append(r.calls, Call{})
	}
	for i, argv := range commands {
		w.Prepare(r.cl, &r.calls[i], argv, len(commands) == 1)
	}
	for i := range r.calls {
		w.PrepareRecord(&r.calls[i])
	}
	w.readClock()
	defer func() {
		w.leave()
		w.view.Plan(nil, 0)
		w.ctx.Argv = nil
		clear(r.calls)
	}()
	for i := range r.calls {
		if err := r.run(&r.calls[i]); err != nil {
			return i, err
		}
	}
	return len(commands), nil
}

// run runs a command.
func (r *Replayer) run(c *Call) error {
	if c.spec == nil {
		return &ReplayError{Unknown: string(c.Argv[0]), Err: r.w.e.Registry.ErrUnknown(c.Argv)}
	}
	switch {
	case !changes(c.spec) && c.spec.FullName() != "select":
		return nil
	case !c.spec.ArityOK(len(c.Argv)):
		return &ReplayError{Err: command.ErrArity(c.spec.FullName())}
	case c.spec.FullName() == "select":
		return r.choose(c.Argv[1])
	case !r.acquire(c):
		return &ReplayError{Err: errStopped}
	}
	return r.execute(c)
}

// changes tells whether a command may change the data. PFCOUNT reads, and may replicate; so may scripts, which logs of old have.
func changes(s *command.Spec) bool {
	return s.Flags.Has(command.Write) || s.Flags.Has(command.ReadOnly|command.MayReplicate) || s.Flags.Has(command.RunsScript)
}

// choose has the commands that follow be about a database.
func (r *Replayer) choose(text []byte) error {
	n, ok := num.ParseInt(text)
	if all := r.w.view.DB(0).Databases(); !ok || n < 0 || n >= int64(all) {
		return &ReplayError{Err: fmt.Errorf("the database %.20q is none of the %d that there are", text, all)}
	}
	r.cl.DB = int(n)
	return nil
}

// acquire takes what a command needs, waiting for it; false when the replayer is to end.
func (r *Replayer) acquire(c *Call) bool {
	w := r.w
	for !r.alone {
		if w.inside || w.still || w.enter() {
			if _, ok := w.acquire(r.cl, c); ok {
				return true
			}
		} else if !w.e.Store.ParkGate(r.cl.Wake, false) {
			continue
		}
		w.leave()
		if !r.wait() {
			return false
		}
	}
	return true
}

// execute runs a command's handler, for which all is held.
func (r *Replayer) execute(c *Call) (err error) {
	w := r.w
	defer func() {
		if p := recover(); p != nil {
			err = &ReplayError{Err: w.failure(c.Argv, p)}
		}
		if w.view.HasReady() {
			w.view.ForgetReady() // housekeeping serves them
		}
		r.cl.Reply.Reset()
		if !r.alone {
			w.release()
		}
	}()
	w.view.Plan(nil, 0)
	if c.one {
		w.view.Plan(c.Argv[1], c.hash)
	}
	switch err := w.call(r.cl, c.spec, c.Argv); {
	case err == nil:
	case errors.Is(err, errClosing), errors.Is(err, command.ErrOOM), errors.Is(err, mem.ErrNoMemory):
		return &ReplayError{Err: err}
	case r.Failed != nil:
		r.Failed(c.Argv, err)
	}
	return nil
}
