// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
)

// The errors of commands about saves.
const (
	errSaving       command.Error = "ERR Background save already in progress"
	errNotSaving    command.Error = "ERR Background saving is currently not in progress or scheduled"
	errRewritingAOF command.Error = "ERR Another child process is active (AOF?): can't BGSAVE right now. " +
		"Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
	errUnsaved command.Error = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
		"Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB " +
		"snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
)

const (
	retrySeconds  = 5 // that pass after a save that has failed until one begins by itself
	progressEvery = 5 * time.Second
)

// bgSaveCommand implements BGSAVE. The world is still, so that what the client does next is not in the file.
func (s *Server) bgSaveCommand(c *command.Ctx) error {
	a := c.Args()
	schedule, cancel := a.Keyword("SCHEDULE"), a.Keyword("CANCEL")
	switch {
	case a.More() || schedule && cancel:
		return command.ErrSyntax
	case cancel:
		return s.cancelCommand(c)
	case s.saving():
		return errSaving
	case !c.MayWait():
		return s.scheduleSave(c, "to run after transaction execution")
	case schedule && s.rewriting():
		return s.scheduleSave(c, "due to user request")
	case s.rewriting():
		return errRewritingAOF
	}
	if !s.beginSave(true) {
		return errSaving
	}
	c.Reply.Simple("Background saving started")
	return nil
}

// scheduleSave has a save begin as soon as it can, which cron sees to.
func (s *Server) scheduleSave(c *command.Ctx, why string) error {
	s.log.Info("Background saving scheduled " + why)
	s.snapshots.mu.Lock()
	s.snapshots.scheduled = true
	s.snapshots.mu.Unlock()
	c.Reply.Simple("Background saving scheduled")
	return nil
}

// cancelCommand implements BGSAVE CANCEL.
func (s *Server) cancelCommand(c *command.Ctx) error {
	saves := &s.snapshots
	saves.mu.Lock()
	b, scheduled := saves.current, saves.scheduled
	if b == nil {
		saves.scheduled = false
	}
	saves.mu.Unlock()
	switch {
	case b != nil:
		s.log.Info("Background saving will be aborted due to user request")
		s.asideWhole(c, func() { b.cancel() })
		c.Reply.Simple("Background saving cancelled")
	case scheduled:
		s.log.Info("Scheduled background saving will be cancelled due to user request")
		c.Reply.Simple("Scheduled background saving cancelled")
	default:
		return errNotSaving
	}
	return nil
}

// saving tells whether a save is under way while clients are served.
func (s *Server) saving() bool {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	return s.snapshots.current != nil
}

// A bgSave is a save that goes on while clients are served: the sink of a snapshot.
type bgSave struct {
	dumpSink
	began    int64            // Unix seconds; Immutable
	snapshot *engine.Snapshot // guarded by Server.snapshots.mu, nil at first
	told     int64            // monotonic time at which the log was told how far it is; the walker's

	placing   sync.Mutex    // held while the file takes its place
	cancelled chan struct{} // closed with placing held
}

// beginSave begins a save; false if somebody else has just begun one. With still the world is, and the save has the data as it is now.
func (s *Server) beginSave(still bool) bool {
	b := &bgSave{began: s.seconds(), told: s.machine.Mono(), cancelled: make(chan struct{})}
	b.dumpSink = dumpSink{s: s, options: s.fileOptions(), create: func(enc dumpEncoder) (*dumpFile, error) {
		return s.createDump(enc, b.cancelled)
	}}
	saves := &s.snapshots
	saves.mu.Lock()
	if saves.current != nil { // nobody could end that one any more
		saves.mu.Unlock()
		return false
	}
	saves.current, saves.scheduled, saves.tried = b, false, b.began
	saves.mu.Unlock()
	saves.saves.Add(1)
	s.log.Info(fmt.Sprintf("Background saving started by pid %d", os.Getpid()))
	request := b.request(b)
	request.Flushed = true
	var snapshot *engine.Snapshot
	if still {
		snapshot = s.engine.SnapshotStill(request)
	}
	if snapshot == nil { // or one that was cancelled is still being cleared away
		snapshot = s.engine.Snapshot(request)
	}
	saves.mu.Lock()
	b.snapshot = snapshot
	saves.mu.Unlock()
	return true
}

// Write implements engine.Sink.
func (b *bgSave) Write(p []byte) error {
	err := b.dumpSink.Write(p)
	b.tell()
	return err
}

// tell tells the log now and then how far the save is.
func (b *bgSave) tell() {
	now := b.s.machine.Mono()
	if now-b.told < int64(progressEvery) {
		return
	}
	b.told = now
	var p progress
	if snapshot := b.s.currentSnapshot(); snapshot != nil {
		p.done, p.total = snapshot.Progress()
	}
	if p.done > 0 && p.total > 0 {
		left := float64(b.s.seconds()-b.began) * float64(p.total-p.done) / float64(p.done)
		b.s.log.Info(fmt.Sprintf("Background saving: %.1f%%, %d of %d keys, about %.0f seconds left", p.percent(), p.done, p.total, left))
	}
}

// End implements engine.Sink.
func (b *bgSave) End(err error) {
	err = b.complete(err)
	b.placing.Lock()
	defer b.placing.Unlock()
	unwanted := gaveUp(err) || b.isCancelled()
	switch {
	case err != nil:
	case unwanted:
		b.file.drop()
	default:
		err = b.file.replace()
	}
	b.s.endSave(b, err, unwanted)
}

func (b *bgSave) isCancelled() bool {
	select {
	case <-b.cancelled:
		return true
	default:
		return false
	}
}

// cancel ends the save, if it is not over: when it returns the file either has its place or will not get it.
func (b *bgSave) cancel() {
	b.placing.Lock()
	if !b.isCancelled() {
		close(b.cancelled)
	}
	b.placing.Unlock()
	b.s.snapshots.mu.Lock()
	snapshot := b.snapshot
	b.s.snapshots.mu.Unlock()
	if snapshot != nil { // or the file takes no more bytes
		snapshot.Cancel()
	}
}

// endSave notes what has become of a save. The error is a line of the log.
func (s *Server) endSave(b *bgSave, err error, unwanted bool) {
	switch {
	case unwanted:
		s.log.Warn("Background saving cancelled")
	case err != nil:
		s.log.Warn(err.Error())
		s.log.Warn("Background saving error")
		s.noteFailed(true)
	default:
		s.log.Info("DB saved on disk")
		s.log.Info("Background saving terminated with success")
		s.noteSaved(b.instant.Changes)
	}
	saves := &s.snapshots
	saves.mu.Lock()
	defer saves.mu.Unlock()
	saves.current, saves.took = nil, s.seconds()-b.began
	if b.snapshot != nil {
		saves.copied = b.snapshot.Copied()
	}
}

// currentSnapshot gives the snapshot that is being made; nil when none is.
func (s *Server) currentSnapshot() *engine.Snapshot {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	if b := s.snapshots.current; b != nil {
		return b.snapshot
	}
	if r := s.aof.current.Load(); r != nil {
		return r.snapshot.Load()
	}
	return nil
}

// stopSaving cancels the save that is under way, if there is one. run has work done that may take a moment.
func (s *Server) stopSaving(run func(work func())) (was bool) {
	s.snapshots.mu.Lock()
	b := s.snapshots.current
	s.snapshots.mu.Unlock()
	if b != nil {
		run(b.cancel)
	}
	return b != nil
}

// saveIfDue begins a save if the save points say so, or somebody who could not have it at once. Cron calls it.
func (s *Server) saveIfDue() {
	if s.saving() || s.rewriting() || s.Loading() {
		return
	}
	saves, now := &s.snapshots, s.seconds()
	saves.mu.Lock()
	scheduled, rests := saves.scheduled, saves.failed && now-saves.tried <= retrySeconds
	saves.mu.Unlock()
	if rests {
		return
	}
	changes := s.engine.Stats.Changes.Load() - saves.changes.Load()
	for _, p := range s.config.SavePoints().Load() {
		if changes >= p.Changes && now-saves.last.Load() > p.Seconds {
			s.log.Info(fmt.Sprintf("%d changes in %d seconds. Saving...", p.Changes, p.Seconds))
			s.beginSave(false)
			return
		}
	}
	if scheduled {
		s.beginSave(false)
	}
}

// followSaving has commands that write be refused while saves fail, if stop-writes-on-bgsave-error says so.
func (s *Server) followSaving() {
	s.config.OnChange(func() error {
		s.refuseUnsaved()
		return nil
	}, "stop-writes-on-bgsave-error", "save")
}

// refuseUnsaved has commands that write be refused, or not, as it is to be now.
func (s *Server) refuseUnsaved() {
	saves := &s.snapshots
	saves.refusing.Lock()
	defer saves.refusing.Unlock()
	saves.mu.Lock()
	failed := saves.failed
	saves.mu.Unlock()
	reason := command.Error("")
	if failed && s.config.Bool("stop-writes-on-bgsave-error").Load() && len(s.config.SavePoints().Load()) > 0 {
		reason = errUnsaved
	}
	s.engine.RefuseWrites(engine.KeeperRDB, reason)
}

// progress is how far something is.
type progress struct{ done, total int64 }

func (p progress) percent() float64 { return 100 * float64(p.done) / float64(max(p.total, 1)) }
