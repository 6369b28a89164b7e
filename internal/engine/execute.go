// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"errors"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// execute runs one call: admission, then either the transaction's queue or the handler. It gives false when the call is
// parked; nothing of it has happened then.
//
// untimed lets the clock be: the next call is one of the same command, and they are timed together.
func (w *Worker) execute(cl *Client, c *Call, untimed bool) bool {
	for {
		done, parked := w.attempt(cl, c, untimed)
		if done || parked {
			return done
		}
	}
}

// attempt is execute for one attempt; neither done nor parked when what it met was busy and is no longer.
func (w *Worker) attempt(cl *Client, c *Call, untimed bool) (done, parked bool) {
	w.current = c.spec
	w.mark = cl.Reply.Mark()
	w.began = w.mono
	if cl.Mute == MuteNext {
		cl.Mute = MuteThis
	}
	if err := w.admit(cl, c); err != nil {
		w.reject(cl, c, err)
		return true, false
	}
	if w.paused != PauseNone && w.holdBack(cl, c) {
		w.current = nil
		return false, true
	}
	if cl.tx != nil && !runsInTransaction(c.spec) {
		w.queue(cl, c)
		cl.LastCommand = c.spec
		cl.Reply.Simple("QUEUED")
		w.mute(cl)
		w.current = nil
		return true, false
	}
	if (w.e.Effects.Active() || w.e.Store.Crowded()) && w.has(cl, c, command.Write|command.RunsScript) && w.parkCrowded(cl) {
		w.current = nil
		return false, true
	}
	held, ok := w.acquire(cl, c)
	if !ok {
		return w.parkedOrBusy(cl, c)
	}
	if w.still {
		if w.lookForPause(); w.paused != PauseNone && w.holdBack(cl, c) { // it began while the world was waited for
			w.release()
			w.current = nil
			return false, true
		}
	}
	w.view.NoTouch = cl.NoTouch
	w.view.Plan(nil, 0) // the read buffer is used again: another key may lie where an earlier one did
	if c.one {
		w.view.Plan(c.Argv[1], c.hash)
	}
	err := w.call(cl, c.spec, c.Argv)
	if err == errWaits {
		w.beginWait(cl, c)
		if w.view.HasReady() { // it has met a dead key
			w.serve()
		}
		if w.holding {
			w.hold(cl, c.spec) // that there was nothing is told when its time has come
		}
		w.release()
		return true, false
	}
	if again(err) {
		if w.goBack(cl, err) {
			return w.parkedOrBusy(cl, c)
		}
		return false, false
	}
	w.commit()
	if w.view.HasReady() {
		w.serve()
	}
	if w.holding {
		w.hold(cl, c.spec)
	}
	if held {
		w.release()
	}
	if untimed {
		w.count(c.spec, 0, err != nil)
		w.total++
		w.current = nil
		w.mute(cl)
		return true, false
	}
	w.finish(cl, err != nil)
	return true, false
}

// has tells whether a call has one of the flags: its command, or one that EXEC would run.
func (w *Worker) has(cl *Client, c *Call, any command.Flags) bool {
	if c.spec.ID() != w.e.execID || cl.tx == nil {
		return c.spec.CallFlags(c.Argv)&any != 0
	}
	return slices.ContainsFunc(cl.tx.calls, func(q Call) bool { return q.spec.CallFlags(q.Argv)&any != 0 })
}

// parkCrowded parks a client whose command writes until there is room for what that leaves behind: effects in the log, and pre-images of a
// walk. It gives false when there is.
func (w *Worker) parkCrowded(cl *Client) bool {
	return w.e.Effects.Park(cl.Wake) || w.e.Store.Crowded() && w.e.Store.ParkWalk(cl.Wake)
}

// admit decides whether a command may run at all. The order of the checks is Redis's (processCommand).
func (w *Worker) admit(cl *Client, c *Call) error {
	if err := w.admitAtAll(cl, c); err != nil {
		return err
	}
	if w.oom = w.e.limited() && (w.inside || w.still) && w.short(); w.oom && w.grows(cl, c) {
		return command.ErrOOM
	}
	if w.e.refusal.now.Load() != nil {
		if err := w.refused(cl, c); err != nil {
			return err
		}
	}
	if cl.Subscribed && cl.Reply.Proto == 2 && !listens(c.spec) {
		return command.Error("ERR Can't execute '" + c.spec.FullName() + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / " +
			"RESET are allowed in this context")
	}
	if w.loading && w.denied(cl, c) {
		return command.ErrLoading
	}
	return nil
}

// admitAtAll is those of admit's checks that look at nothing but the client and the call.
func (w *Worker) admitAtAll(cl *Client, c *Call) error {
	if c.spec == nil {
		return w.e.Registry.ErrUnknown(c.Argv)
	}
	if !c.spec.ArityOK(len(c.Argv)) {
		return command.ErrArity(c.spec.FullName())
	}
	if c.spec.Flags.Has(command.Protected) && w.e.protect != nil {
		if err := w.e.protect(cl.Owner, c.spec); err != nil {
			return err
		}
	}
	if !cl.Authenticated && !c.spec.Flags.Has(command.NoAuth) {
		return command.ErrNoAuth
	}
	if cl.tx != nil && c.spec.Flags.Has(command.NoMulti) {
		return command.Error("ERR Command not allowed inside a transaction")
	}
	return nil
}

// grows tells whether a command may make the server use more memory: one that says so, an EXEC with such a one, and
// whatever a transaction would queue.
func (w *Worker) grows(cl *Client, c *Call) bool {
	if flags := c.spec.CallFlags(c.Argv); cl.tx == nil || flags.Has(command.DenyOOM) {
		return flags.Has(command.DenyOOM)
	}
	if c.spec.ID() == w.e.execID {
		return w.has(cl, c, command.DenyOOM)
	}
	switch c.spec.FullName() {
	case "discard", "quit", "reset":
		return false
	}
	return true
}

// reject answers a call that may not run; a transaction that is being queued will not be executed then.
func (w *Worker) reject(cl *Client, c *Call, err error) {
	if cl.tx != nil {
		cl.tx.broken = true
	}
	if c.spec != nil {
		w.e.Stats.Commands[c.spec.ID()].Rejected.Add(1)
		if c.spec.ID() == w.e.execID { // outside a transaction too
			w.abandon(cl)
			err = command.Error("EXECABORT Transaction discarded because of: " + strings.TrimPrefix(err.Error(), "ERR "))
		}
	}
	w.fail(cl, err)
	w.mute(cl)
	w.current = nil
}

// fail writes an error reply.
func (w *Worker) fail(cl *Client, err error) {
	text := err.Error()
	cl.Reply.Error(text)
	w.e.Stats.countError(text)
}

// call runs a handler. Its error, if any, is written as the reply, but for one that says that a shard is busy or that the client is to
// wait.
func (w *Worker) call(cl *Client, spec *command.Spec, argv [][]byte) error {
	ctx := w.ctx
	ctx.DB = w.view.DB(cl.DB)
	ctx.Reply, ctx.Client, ctx.Argv, ctx.Spec, ctx.Dirty = &cl.Reply, cl.Owner, argv, spec, 0
	w.effects = w.effects[:0]
	w.view.Walking = spec.Plan == command.PlanWalk && !w.still && !w.inExec && w.script.run == nil
	w.view.Reading = spec.Flags&(command.ReadOnly|command.Write|command.MayReplicate) == command.ReadOnly
	mark := cl.Reply.Mark()
	before := cl.DB
	err := spec.Run(ctx)
	if err == errWaits {
		cl.Reply.Truncate(mark)
	} else if err != nil && !errors.Is(err, command.ErrQuiet) {
		if again(err) || err == errKilled {
			return err
		}
		cl.Reply.Truncate(mark)
		w.fail(cl, err)
	}
	if spec.Flags.Has(command.Write) {
		w.dirty = true // even without a change of the data: a value may be encoded anew
	}
	if ctx.Dirty > 0 {
		w.dirty = true
		w.changes += ctx.Dirty
		if w.e.Effects.Active() && !w.replays && (w.script.run == nil || w.script.to&command.ReplicateLog != 0) {
			w.record(before, argv)
		}
	}
	return err
}

// again tells of a handler's error that its call is to be run again from its beginning.
func again(err error) bool {
	if err == nil {
		return false
	}
	_, busy := busyShard(err)
	return busy || err == errNeedsWorld
}

// goBack lets go of what a call has taken that is to be run again, and tells whether its client was parked until then.
func (w *Worker) goBack(cl *Client, err error) (parked bool) {
	if w.view.HasReady() { // what has made them ready was undone
		w.view.ForgetReady()
	}
	w.release()
	cl.Reply.Truncate(w.mark)
	shard, busy := busyShard(err)
	if !busy {
		return false
	}
	if w.parkOn(shard, cl) {
		return true
	}
	w.e.Store.Unlock(shard)
	return false
}

// busyShard tells whether a walk has met a shard that is busy, and which.
func busyShard(err error) (shard int, busy bool) {
	var e *store.BusyShardError
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Shard, true
}

// record writes what the command just run has changed to the log, or puts it to the rest of the transaction.
func (w *Worker) record(db int, argv [][]byte) {
	switch {
	case w.inExec || len(w.effects) > 1:
		w.text.multi()
	case w.script.run != nil && len(w.text.b) > 0: // a single effect stands alone
		w.text.multi()
	}
	if len(w.effects) == 0 {
		w.text.add(db, argv)
	}
	for _, argv := range w.effects {
		w.text.add(db, argv)
	}
	if !w.inExec && w.script.run == nil {
		w.commit()
	}
}

// commit hands what was recorded to the log.
func (w *Worker) commit() {
	if len(w.text.b) > 0 {
		w.logged = w.e.Effects.append(&w.text)
		w.client.wrote = w.logged
		if w.still {
			w.e.swapped = nil
		}
	}
}

// finish counts a command that has run and looks at the clock, which is also the time of the next command.
func (w *Worker) finish(cl *Client, failed bool) {
	now := w.e.clock.Mono()
	if spec := w.current; spec != nil {
		t := w.count(spec, now-w.mono, failed)
		w.time(t, spec.ID(), now-w.mono, int64(w.untimed)+1)
		if now-w.mono >= w.spikeFrom {
			w.noteSpike(spec, now-w.mono, now)
		}
		cl.LastCommand = spec
	}
	w.total++
	w.mono = now
	w.view.NowMillis = (w.wall + now) / 1_000_000
	w.current = nil
	w.mute(cl)
}

// count adds one run of a command to its tally, which it gives.
func (w *Worker) count(spec *command.Spec, nanos int64, failed bool) *tally {
	t := &w.tallies[spec.ID()]
	if t.calls == 0 {
		w.touched = append(w.touched, int32(spec.ID()))
	}
	t.calls++
	t.nanos += nanos
	if failed {
		t.failed++
	}
	return t
}

// mute drops the reply that was just written if the client does not want it.
func (w *Worker) mute(cl *Client) {
	switch cl.Mute {
	case MuteAll:
		cl.Reply.Truncate(w.mark)
	case MuteThis:
		cl.Reply.Truncate(w.mark)
		cl.Mute = MuteNone
	}
}

// copyArgs copies a command's arguments into memory of their own.
func copyArgs(argv [][]byte) [][]byte {
	n := 0
	for _, arg := range argv {
		n += len(arg)
	}
	room := make([]byte, 0, n)
	list := make([][]byte, len(argv))
	for i, arg := range argv {
		start := len(room)
		room = append(room, arg...)
		list[i] = room[start:len(room):len(room)]
	}
	return list
}
