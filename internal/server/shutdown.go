// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/session"
)

// errShutdown is the error of a shutdown that cannot do what it was asked to do first.
const errShutdown command.Error = "ERR Errors trying to SHUTDOWN. Check logs."

// ending is the state of a shutdown that a signal has asked for. There is nothing to wait for before the end, so that it is at
// once, unless DEBUG PAUSE-CRON holds back what the server does by the clock: to that belongs, in Redis, the looking for signals.
type ending struct {
	mu      sync.Mutex // a leaf
	held    bool       // by PAUSE-CRON; guarded by mu
	pending bool       // guarded by mu
}

// shutdown ends the server. On success there is no reply: the connection ends when nobody can connect any more, so that a
// client which has seen the end may start another server in the place of this one.
func (s *Server) shutdown(c *command.Ctx) error {
	var save, nosave, now, force, abort bool
	for a := c.Args(); a.More(); {
		switch {
		case a.Keyword("NOSAVE"):
			nosave = true
		case a.Keyword("SAVE"):
			save = true
		case a.Keyword("NOW"):
			now = true
		case a.Keyword("FORCE"):
			force = true
		case a.Keyword("ABORT"):
			abort = true
		default:
			return command.ErrSyntax
		}
	}
	switch {
	case save && nosave, abort && (save || nosave || now || force):
		return command.ErrSyntax
	case abort:
		return s.abortShutdown(c)
	case s.refuseSave(save && !force):
		return errShutdown
	}
	s.loops.CloseListeners()
	if peer, ok := c.Client.(*session.Session); ok {
		peer.Client.CloseAfterReply = true
	}
	s.Stop()
	return nil
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

// refuseSave tells whether a shutdown has to fail because the data would have to be saved first.
func (s *Server) refuseSave(save bool) bool {
	if save {
		s.log.Warn("Error trying to save the DB, can't exit. This version of Redpoll cannot save.")
	}
	return save
}

// StopLater asks for the end of the server as a signal does, which SHUTDOWN ABORT can take back as long as Stopped is not closed.
// With save the data has to be saved first, so that the server stays.
func (s *Server) StopLater(save bool) {
	if s.refuseSave(save) {
		return
	}
	s.ending.mu.Lock()
	defer s.ending.mu.Unlock()
	if s.ending.held {
		s.ending.pending = true
	} else {
		s.Stop()
	}
}

// Stopping tells whether the server is to end.
func (s *Server) Stopping() bool {
	select {
	case <-s.stopped:
		return true
	default:
	}
	s.ending.mu.Lock()
	defer s.ending.mu.Unlock()
	return s.ending.pending
}

// pauseCron holds back what the server does by the clock, or has it go on.
func (s *Server) pauseCron(pause bool) {
	s.cron.paused.Store(pause)
	s.ending.mu.Lock()
	defer s.ending.mu.Unlock()
	s.ending.held = pause
	if !pause && s.ending.pending {
		s.Stop()
	}
}
