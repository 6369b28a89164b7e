// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/session"
)

// errShutdown is the error of a shutdown that cannot do what it was asked to do first.
const errShutdown command.Error = "ERR Errors trying to SHUTDOWN. Check logs."

// EndOptions say how a server is to end.
type EndOptions struct {
	Save   bool // the data is saved even if there are no save points
	NoSave bool // it is not saved even if there are
	Force  bool // the server ends even if the data cannot be saved
}

// ending is the state of a shutdown that a signal has asked for. DEBUG PAUSE-CRON holds it back, as all that the server does by the
// clock: to that belongs, in Redis, the looking for signals.
type ending struct {
	mu      sync.Mutex // a leaf
	held    bool       // by PAUSE-CRON; guarded by mu
	pending bool       // guarded by mu
	options EndOptions // guarded by mu
}

// savesAtEnd tells of a call of SHUTDOWN that the data may have to be saved, for which the world must be still.
func savesAtEnd(argv [][]byte) bool {
	o, abort, err := parseShutdown(command.MakeArgs(argv[1:]))
	return err == nil && !abort && !o.NoSave
}

// parseShutdown reads the options of SHUTDOWN.
func parseShutdown(a command.Args) (o EndOptions, abort bool, err error) {
	now := false
	for a.More() {
		switch {
		case a.Keyword("NOSAVE"):
			o.NoSave = true
		case a.Keyword("SAVE"):
			o.Save = true
		case a.Keyword("NOW"):
			now = true
		case a.Keyword("FORCE"):
			o.Force = true
		case a.Keyword("ABORT"):
			abort = true
		default:
			return o, false, command.ErrSyntax
		}
	}
	if o.Save && o.NoSave || abort && (o != EndOptions{} || now) {
		return o, false, command.ErrSyntax
	}
	return o, abort, nil
}

// shutdown ends the server. On success there is no reply: the connection ends when nobody can connect any more, so that a
// client which has seen the end may start another server in the place of this one. What was not saved then is not changed any more.
func (s *Server) shutdown(c *command.Ctx) error {
	o, abort, err := parseShutdown(c.Args())
	switch {
	case err != nil:
		return err
	case abort:
		return s.abortShutdown(c)
	case !s.saveLast(o, c.Now(), func(work func()) { s.asideWhole(c, work) }):
		return errShutdown
	}
	s.loops.CloseListeners()
	if peer, ok := c.Client.(*session.Session); ok {
		peer.Client.CloseAfterReply = true
	}
	s.Stop()
	return nil
}

// wantsSave tells whether the data is to be saved before the end. As long as it is not all there it must not take the place of what is in
// the file.
func (s *Server) wantsSave(o EndOptions) bool {
	if s.Loading() {
		return false
	}
	return o.Save || !o.NoSave && len(s.config.SavePoints().Load()) > 0
}

// saveLast saves the data as it is at a time, Unix ms, before the end if that is wanted, with a world that is still and stays so when it
// is saved. A save that is under way ends. run has work done that may take long. It gives false when the server is not to end.
func (s *Server) saveLast(o EndOptions, now int64, run func(work func())) bool {
	s.log.Warn("User requested shutdown...")
	if s.stopSaving(run) {
		s.log.Warn("The save that was under way is not finished")
	}
	if !s.endsWithAOF(o.Force, run) {
		s.log.Warn("Errors trying to shut down the server. Check the logs for more information.")
		return false
	}
	if !s.wantsSave(o) {
		return true
	}
	s.log.Info("Saving the final RDB snapshot before exiting.")
	var err error
	run(func() { err = s.saveStill(now) })
	switch {
	case err == nil:
		s.engine.Store.Seal()
		return true
	case o.Force:
		s.log.Warn("Error trying to save the DB. Exit anyway.")
		return true
	}
	s.log.Warn("Error trying to save the DB, can't exit.")
	s.log.Warn("Errors trying to shut down the server. Check the logs for more information.")
	return false
}

// abortShutdown takes back what a signal has asked for.
func (s *Server) abortShutdown(c *command.Ctx) error {
	s.ending.mu.Lock()
	pending := s.ending.pending
	s.ending.pending = false
	s.ending.mu.Unlock()
	if !pending {
		return command.Error("ERR No shutdown in progress.")
	}
	s.log.Info("Shutdown manually aborted.")
	c.Reply.OK()
	return nil
}

// StopLater asks for the end of the server as a signal does, which SHUTDOWN ABORT can take back as long as the server is not about to save
// its data, or Stopped closed. It does not wait.
func (s *Server) StopLater(o EndOptions) {
	s.ending.mu.Lock()
	s.ending.pending, s.ending.options = true, o
	held := s.ending.held
	s.ending.mu.Unlock()
	if !held {
		s.works.Go(s.endPending)
	}
}

// endPending does what StopLater was asked for.
func (s *Server) endPending() {
	for !s.engine.Store.Still() { // a long command may be under way
		timer := time.NewTimer(shortNap)
		select {
		case <-timer.C:
			s.engine.StopScripts()
		case <-s.stopped:
			timer.Stop()
			return
		}
	}
	defer s.engine.Store.Resume()
	s.ending.mu.Lock()
	pending, o := s.ending.pending, s.ending.options
	s.ending.mu.Unlock()
	switch {
	case !pending:
	case s.saveLast(o, s.clock.WallMillis(), func(work func()) { work() }):
		s.Stop()
	default:
		s.ending.mu.Lock()
		s.ending.pending = false
		s.ending.mu.Unlock()
	}
}

// Stopping tells whether the server is to end.
func (s *Server) Stopping() bool {
	s.ending.mu.Lock()
	defer s.ending.mu.Unlock()
	return s.ending.pending || s.ended()
}

// pauseCron holds back what the server does by the clock, or has it go on.
func (s *Server) pauseCron(pause bool) {
	s.cron.paused.Store(pause)
	s.ending.mu.Lock()
	defer s.ending.mu.Unlock()
	s.ending.held = pause
	if !pause && s.ending.pending {
		s.works.Go(s.endPending)
	}
}
