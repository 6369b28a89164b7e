// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/hash"
)

// mostKept bounds the bytes of effects and messages of one run, and of what it takes to undo it, which wait in memory for its end.
const mostKept = 512 << 20

// errKept refuses a command of a run that has made more of them.
const errKept command.Error = "ERR the script changes or publishes too much at once"

// CallScript implements command.ScriptHost.
func (w *Worker) CallScript(argv [][]byte, proto int) (reply []byte, err error) {
	s := &w.script
	if s.failed != nil {
		return nil, s.failed
	}
	if err := w.tickCalls(); err != nil {
		return nil, err
	}
	spec := w.e.Registry.Resolve(argv)
	if err := w.admitNested(spec, argv); err != nil {
		if spec != nil {
			w.e.Stats.Commands[spec.ID()].Rejected.Add(1)
		}
		w.e.Stats.countError(err.Error())
		return nil, err
	}
	if err := w.reach(spec, argv); err != nil {
		return nil, err
	}
	if spec.Flags.Has(command.Write) {
		s.wrote = true
	}
	w.runNested(spec, argv, proto)
	if s.killed {
		return nil, errKilled
	}
	return w.takeReply()
}

// admitNested decides whether a script may run a command. The order of the checks is Redis's (scriptCall). What a script has begun to
// write it may go on to.
func (w *Worker) admitNested(spec *command.Spec, argv [][]byte) error {
	s := &w.script
	switch {
	case spec == nil:
		return command.ErrScriptUnknown
	case !spec.ArityOK(len(argv)):
		return command.ErrScriptArity
	case spec.Flags.Has(command.NoScript) && !(spec.Flags.Has(command.Protected) && w.e.scriptsDebug.Load()):
		return command.ErrScriptDenied
	case s.held.size() > mostKept: // to miss a key is an event, too
		return errKept
	}
	const changes = command.Write | command.MayReplicate
	if spec.Flags&changes == 0 {
		return nil
	}
	if !s.writes {
		return command.ErrScriptWrite
	}
	if len(w.text.b)-s.effects.size+s.held.size()+w.view.UndoBytes() > mostKept {
		return errKept
	}
	if !spec.Flags.Has(command.Write) || s.wrote || w.replays {
		return nil
	}
	if reason := w.e.refusal.now.Load(); reason != nil {
		return *reason
	}
	if w.oom && spec.Flags.Has(command.DenyOOM) && !s.run.Flags.Has(command.ScriptAllowOOM) {
		return command.ErrOOM
	}
	return nil
}

// reach makes sure that all is held which a command of a script needs, or gives the error that ends the run.
func (w *Worker) reach(spec *command.Spec, argv [][]byte) error {
	if w.still {
		w.view.Plan(nil, 0)
		w.noteWorld(spec, argv)
		return nil
	}
	if first, last, _ := spec.LegacyKeys(); first == 1 && last == 1 && len(argv) > 1 && !spec.Flags.Has(command.MovableKeys) &&
		spec.Plan == command.PlanKeys && spec.NeedsAll == nil {
		h := hash.Bytes(argv[1])
		w.view.Plan(argv[1], h)
		return w.reachKey(h, spec.Flags.Has(command.Write))
	}
	w.view.Plan(nil, 0) // the arguments' memory is used again: another key may lie where an earlier one did
	switch plan := spec.PlanOf(argv); {
	case plan == command.PlanAll, plan == command.PlanWalk:
		return w.tryStill()
	case plan != command.PlanKeys || !spec.HasKeys():
		return nil
	}
	w.keys, _ = spec.AppendKeys(w.keys[:0], argv)
	for _, i := range w.keys {
		if err := w.reachKey(hash.Bytes(argv[i]), spec.Flags.Has(command.Write)); err != nil {
			return err
		}
	}
	return nil
}

// noteWorld notes of a command of a run that has the world still that it needs that.
func (w *Worker) noteWorld(spec *command.Spec, argv [][]byte) {
	if plan := spec.PlanOf(argv); plan == command.PlanAll || plan == command.PlanWalk {
		w.script.world = true
	}
}

// reachKey makes sure that the shard is held of a key with a hash, and if the command writes those of the keys that are written to when
// clients are served who wait for it.
func (w *Worker) reachKey(h uint64, writes bool) error {
	shard := w.e.Store.ShardOf(h)
	if !w.holds(shard) {
		w.script.strays = true
		if err := w.reachShard(shard); err != nil {
			return err
		}
	}
	if !writes || !w.e.Store.HasTargets(shard) {
		return nil
	}
	w.hashes = w.hashes[:0]
	w.follow(h)
	for i := 0; i < len(w.hashes); i++ {
		shard := w.e.Store.ShardOf(w.hashes[i])
		if err := w.reachShard(shard); err != nil {
			return err
		}
		w.follow(w.hashes[i])
	}
	if len(w.hashes) >= mostTargets {
		return w.tryStill()
	}
	return nil
}

// reachShard makes sure that a shard is held.
func (w *Worker) reachShard(shard int) error {
	at, held := slices.BinarySearch(w.held, shard)
	if held {
		return nil
	}
	if !w.e.Store.TryLock(shard) {
		return w.tryAgain(shard)
	}
	w.held = slices.Insert(w.held, at, shard)
	w.noteHeld()
	return nil
}

// runNested runs a command for a script; the reply is what the stand-in has pending.
func (w *Worker) runNested(spec *command.Spec, argv [][]byte, proto int) {
	s := &w.script
	reply := &s.stand.Reply
	reply.SetPool(w.Chunks)
	reply.Reset()
	reply.Proto = proto
	s.stand.Overflow = false
	client, ctx, mark := w.client, w.ctx, w.mark
	w.client, w.ctx, w.mark = &s.stand, &s.ctx, reply.Mark()
	began := w.e.clock.Mono()
	err := w.callGuarded(&s.stand, spec, argv)
	if err == command.ErrOOM && w.view.PutsAside() && w.spoilRun() == nil { // there is room once that is given back
		reply.Truncate(w.mark)
		err = w.callGuarded(&s.stand, spec, argv)
	}
	now := w.e.clock.Mono()
	w.client, w.ctx, w.mark = client, ctx, mark
	took := now - began
	w.time(w.count(spec, took, err != nil), spec.ID(), took, 1)
	if took >= w.spikeFrom {
		w.noteSpike(spec, took, now)
	}
	w.served++
}

// takeReply gives the reply of the command that a script has just run.
func (w *Worker) takeReply() ([]byte, error) {
	s := &w.script
	r := &s.stand.Reply
	b := r.Next()
	if len(b) == r.Pending() && !r.Streaming() {
		return b, nil
	}
	s.reply = s.reply[:0]
	for ; len(b) > 0; b = r.Next() {
		if most := s.stand.MaxReply; most > 0 && int64(len(s.reply)+len(b)) > most {
			r.Reset()
			return nil, command.ErrTooLong
		}
		s.reply = append(s.reply, b...)
		r.Consume(len(b))
		if err := w.Tick(); err != nil {
			return nil, uncaught(err)
		}
	}
	return s.reply, nil
}
