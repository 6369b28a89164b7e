// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/store"
)

// A command that finds nothing to do (BLPOP of a key that is not there) can have its client wait (Ctx.Wait). The call counts as
// taken, its client runs nothing further, and a copy of it stands in the queues of its keys (store/wait.go). Whoever makes one of the
// keys runs it: within the locks under which the key was made, when the command, or the whole EXEC, has run and what it did is in
// the log. The reply waits in the waiter for the client's own loop, which is woken, and goes on with EndWait.

// errWaits is what a handler returns whose client is to wait.
var errWaits = errors.New("engine: the command waits")

// errUnblocked is the reply to a command whose wait CLIENT UNBLOCK has ended with an error.
const errUnblocked command.Error = "UNBLOCKED client unblocked via CLIENT UNBLOCK"

// waiter is a command whose client waits.
type waiter struct {
	store.Waiter
	spec     *command.Spec // these are Immutable
	argv     [][]byte
	client   *Client
	deadline int64 // mono ns; 0: none
	bytes    int64 // that it takes on the Go heap
	argBytes int64

	ack   *ack   // what it waits for if that is not a key; Immutable
	told  int64  // where the log ended when it had been served
	stand Client // for whom it runs when it is served, by whichever worker; its reply is taken by client's
	nanos int64  // that it has run; it belongs to whoever may touch stand
}

// waiterBytes is about what a waiter takes on the Go heap beside arguments and keys.
const waiterBytes = 380

// MayWait implements command.Host.
func (w *Worker) MayWait() bool { return !w.inExec && !w.replays && w.script.run == nil }

// Wait implements command.Host.
func (w *Worker) Wait(wanted command.Wait) error {
	if w.inExec || w.script.run != nil {
		panic("engine: a command waits in a transaction or a script")
	}
	w.wanted = wanted
	return errWaits
}

// Holds implements command.Host.
func (w *Worker) Holds(key []byte) bool {
	if w.serving == nil {
		return true
	}
	if !w.still && !w.holds(w.e.Store.ShardOf(hash.Bytes(key))) {
		return false
	}
	if w.serving.Causes&store.Lost != 0 {
		return true
	}
	it, ok := w.ctx.DB.Peek(key)
	return ok && it.Type() == w.serving.Type()
}

// beginWait has a client wait whose command, just run, wants to. The shards of its keys are held.
func (w *Worker) beginWait(cl *Client, c *Call) {
	argv := c.Argv
	if w.wanted.Argv != nil {
		argv = w.wanted.Argv
	}
	wt := &waiter{spec: c.spec, argv: copyArgs(argv), client: cl, ack: w.ack}
	w.ack = nil
	wt.Owner, wt.Causes, wt.Alike = wt, w.wanted.Causes, w.wanted.Alike
	wt.stand = Client{Owner: cl.Owner, DB: cl.DB, NoTouch: cl.NoTouch, Authenticated: true}
	wt.stand.Reply.Init(w.Chunks)
	wt.stand.Reply.Proto = cl.Reply.Proto
	wt.deadline = after(w.mono, w.wanted.Timeout)
	wt.Retry.Store(after(w.mono, w.wanted.Retry))
	w.view.DB(cl.DB).Wait(&wt.Waiter, w.wanted.Type, w.wanted.Keys, w.targets(c))
	w.wanted = command.Wait{}
	for _, arg := range wt.argv {
		wt.argBytes += int64(len(arg))
	}
	wt.bytes = waiterBytes + wt.Bytes() + wt.argBytes + int64(len(wt.argv))*queuedArg
	w.watching += wt.bytes

	now := w.e.clock.Mono()
	wt.nanos = now - w.mono
	cl.waiting.Store(wt) // from now on others may end the wait; to serve it they need the shards
	wt.Begin()
	cl.LastCommand = c.spec
	w.mono = now
	w.view.NowMillis = (w.wall + now) / 1_000_000
	w.current = nil
	w.waits = true
}

// after gives the mono ns so many ms after now; 0 for 0, and when that is beyond all time.
func after(now, ms int64) int64 {
	if ms > 0 && ms < (math.MaxInt64-now)/1_000_000 {
		return now + ms*1_000_000
	}
	return 0
}

// targets gives the hashes of the keys that a command which is to wait names beside those that it waits for.
func (w *Worker) targets(c *Call) (list []uint64) {
	w.keys, _ = c.spec.AppendKeys(w.keys[:0], c.Argv)
	if len(w.keys) == len(w.wanted.Keys) {
		return nil
	}
	for _, i := range w.keys {
		key := c.Argv[i]
		if !slices.ContainsFunc(w.wanted.Keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
			list = append(list, hash.Bytes(key))
		}
	}
	return list
}

// serveStep is how many waiters are served between two ticks.
const serveStep = 16

// serve runs the commands of those who wait for the keys that have become ready, and for those that become so by that. What has made
// the keys is in the log, and the shards are still held.
func (w *Worker) serve() {
	client, current, mark, began := w.client, w.current, w.mark, w.e.clock.Mono()
	noTouch, now := w.view.NoTouch, began
	w.view.NowMillis = (w.wall + began) / 1_000_000 // what was made may have died since, in a long transaction
	for n := 1; ; n++ {
		ready := w.view.NextReady()
		if ready == nil {
			break
		}
		now = w.serveOne(ready.Owner.(*waiter), now)
		w.client, w.current, w.mark = client, current, mark
		if n%serveStep == 0 {
			_ = w.Tick() // nobody may find the rest unserved, whatever it says
		}
	}
	w.view.NoTouch = noTouch
	w.mono += now - began // it is theirs, not the time of the command that has made the keys
}

// serveOne runs a waiter's command at the time now, mono ns, and gives the time at its end.
func (w *Worker) serveOne(wt *waiter, now int64) int64 {
	wt.stand.Reply.SetPool(w.Chunks)
	if w.client != nil {
		wt.stand.Subscribed = w.client.Subscribed // who has made the key is to hear of it before his next reply: see afterPublish
	}
	w.client, w.current, w.mark = &wt.stand, wt.spec, wt.stand.Reply.Mark()
	w.view.NoTouch = wt.stand.NoTouch
	w.view.NowMillis = (w.wall + now) / 1_000_000
	w.serving = wt
	err := w.callGuarded(&wt.stand, wt.spec, wt.argv)
	w.serving = nil
	end := w.e.clock.Mono()
	wt.nanos += end - now
	if err == errWaits {
		w.retryAfter(wt, now)
		w.view.KeepWaiting()
		return end
	}
	w.time(w.count(wt.spec, wt.nanos, err != nil), wt.spec.ID(), wt.nanos, 1)
	w.served++
	wt.told = w.e.Effects.End()
	wt.stand.Reply.Compact()
	if cl := wt.client; w.view.Serve() {
		cl.Wake() // wt is its own from now on
	} else {
		wt.stand.Reply.Reset()
	}
	return end
}

// retryAfter notes when a waiter that was tried at the time now, mono ns, and goes on waiting is to be tried again.
func (w *Worker) retryAfter(wt *waiter, now int64) {
	at, before := after(now, w.wanted.Retry), wt.Retry.Load()
	w.wanted = command.Wait{}
	switch {
	case w.retrying: // all of its keys were looked at
		wt.Retry.Store(at)
	case at != 0 && (before == 0 || at < before):
		wt.Retry.Store(at)
		wt.client.Wake() // its loop knows of a later time
	}
}

// serveLost serves those who wait for keys of a held shard that were lost while no command ran, or whose turn it is since another has gone.
// now is the time in Unix ms. They may change something, so it waits for the end of a pause.
func (w *Worker) serveLost(shard int, now int64) {
	if w.paused != PauseNone {
		w.e.Store.Postpone(shard, min(w.e.Store.Due(shard), now+pauseRetry/1_000_000))
		return
	}
	w.readClock()
	w.held = append(w.held[:0], shard)
	w.view.TakeLost(shard)
	w.serve()
	if w.logged != 0 {
		w.noteLogged()
	}
	w.e.Store.Settle(shard)
	w.held, w.dirty = w.held[:0], false
	w.publish()
}

// The ns after which a command is tried again that was to be when something was busy, when a shard of a slow script was wanted, or when
// changes were held back.
const (
	busyRetry  = 1_000_000
	slowRetry  = 20_000_000
	pauseRetry = 100_000_000
)

// Retry tries the command of a client that is Waiting once more, and before it those that wait for the same keys and came earlier. It gives
// 0, or the ns after which it is to be called again since it could not. The worker must be outside of its gate.
func (w *Worker) Retry(cl *Client) (again int64) {
	wt := cl.waiting.Load()
	if !w.enter() {
		return busyRetry
	}
	defer w.leave()
	if w.paused != PauseNone && wt.spec.Flags.Has(command.Write) {
		return w.retryLater(wt, pauseRetry)
	}
	w.held = wt.AppendShards(w.held[:0])
	if !w.lockHeld(cl) {
		if w.busy == nil { // it is woken before that
			return w.retryLater(wt, pauseRetry)
		}
		w.busy = nil
		return w.retryLater(wt, slowRetry)
	}
	w.readClock()
	w.view.SignalWaiter(&wt.Waiter)
	w.serve()
	if at := wt.Retry.Load(); at != 0 && at <= w.mono && w.view.Claim(&wt.Waiter) {
		w.retrying = true
		w.serveOne(wt, w.mono)
		w.retrying, w.client, w.current = false, nil, nil
		w.serve()
	}
	w.release()
	w.publish()
	return 0
}

// retryLater gives the ns after which a waiter is tried again that could not be: so many, but not behind the end of its wait.
func (w *Worker) retryLater(wt *waiter, ns int64) int64 {
	if wt.deadline == 0 {
		return ns
	}
	return max(busyRetry, min(ns, wt.deadline-w.e.clock.Mono()))
}

// callGuarded runs the handler of a command within another. If that fails by a bug or for want of memory, it is this command that has
// failed.
func (w *Worker) callGuarded(cl *Client, spec *command.Spec, argv [][]byte) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		cl.Reply.Truncate(w.mark)
		err = w.failure(argv, p)
		w.fail(cl, err)
		w.dirty = true
	}()
	return w.call(cl, spec, argv)
}

// failure gives the error of a handler that has panicked, and logs it if it is a bug.
func (w *Worker) failure(argv [][]byte, p any) error {
	if e, ok := p.(error); ok && errors.Is(e, mem.ErrNoMemory) {
		return command.ErrOOM
	}
	w.e.Stats.Panics.Add(1)
	w.e.log.Error(fmt.Sprintf("a handler failed, its command gets an error: %s: %v\n%s", w.e.describe(argv), p, debug.Stack()))
	return command.ErrInternal
}

// EndWait tells whether the wait of a client that was Waiting is over: then the reply is written, and it may run further commands. The
// worker must be outside of its gate.
func (w *Worker) EndWait(cl *Client) bool {
	wt := cl.waiting.Load()
	if wt.ack != nil && w.acknowledged(wt.ack) {
		wt.End(store.TimedOut) // unless somebody else has just ended it
	}
	fate := wt.Fate()
	if fate != store.Served && fate != store.TimedOut && fate != store.Unblocked {
		return false
	}
	w.stopWaiting(cl, wt)
	w.mark = cl.Reply.Mark()
	switch {
	case fate == store.Served:
		cl.Reply.Take(&wt.stand.Reply)
		cl.wrote = max(cl.wrote, wt.stand.wrote)
		cl.hold(w.e.Effects, wt.told)
	case fate == store.Unblocked:
		w.fail(cl, errUnblocked)
	case wt.ack != nil:
		if err := w.acknowledge(cl, wt.ack); err != nil {
			w.fail(cl, err)
		}
	default:
		cl.Reply.NullArray()
	}
	if fate != store.Served { // else it was counted where it ran
		w.time(w.count(wt.spec, wt.nanos, fate == store.Unblocked), wt.spec.ID(), wt.nanos, 1)
		w.served++
	}
	cl.Commands++
	w.mute(cl)
	w.publish()
	return true
}

// stopWaiting takes a waiter out of its queues.
func (w *Worker) stopWaiting(cl *Client, wt *waiter) {
	cl.waiting.Store(nil)
	w.e.Store.StopWaiting(&wt.Waiter, w.enter())
	w.leave()
	w.watching -= wt.bytes
}

// abandonWait ends the wait of a client that goes away.
func (w *Worker) abandonWait(cl *Client) {
	wt := cl.waiting.Load()
	if wt == nil {
		return
	}
	if !wt.Abandon() {
		wt.stand.Reply.SetPool(w.Chunks)
		wt.stand.Reply.Reset()
	}
	w.stopWaiting(cl, wt)
}

// Waiting tells whether the client waits for a key, or has waited and EndWait was not called yet.
func (cl *Client) Waiting() bool { return cl.waiting.Load() != nil }

// WaitIsOver tells, of a client that is Waiting, whether nobody is to end its wait any more.
func (cl *Client) WaitIsOver() bool { return cl.waiting.Load().Over() }

// WaitsUntil gives the mono ns at which the wait of a client that is Waiting ends, or Retry is to be called; 0 for never.
func (cl *Client) WaitsUntil() int64 {
	wt := cl.waiting.Load()
	if at := wt.Retry.Load(); at != 0 && (wt.deadline == 0 || at < wt.deadline) {
		return at
	}
	return wt.deadline
}

// WaitEnds tells whether at now, mono ns, the time of the client's wait, which is Waiting, has come to its end.
func (cl *Client) WaitEnds(now int64) bool {
	at := cl.waiting.Load().deadline
	return at != 0 && at <= now
}

// WaitBytes gives about what the client's wait takes on the Go heap, and what of it are the arguments of its command.
func (cl *Client) WaitBytes() (all, args int64) {
	if wt := cl.waiting.Load(); wt != nil {
		return wt.bytes, wt.argBytes
	}
	return 0, 0
}

// Unblock ends the client's wait as if its time had come, or with an error, and wakes it; false when it does not wait, or is just being
// served. Any goroutine may call it.
func (cl *Client) Unblock(withError bool) bool {
	as := store.TimedOut
	if withError {
		as = store.Unblocked
	}
	wt := cl.waiting.Load()
	if wt == nil || !wt.End(as) {
		return false
	}
	cl.Wake()
	return true
}

// Forsake ends the client's wait without a reply: it is about to be closed, and nothing is to be taken out of a key for it any more.
// Any goroutine may call it.
func (cl *Client) Forsake() {
	if wt := cl.waiting.Load(); wt != nil {
		wt.Abandon()
	}
}
