// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/session"
)

// errShutdown is the error of a shutdown that cannot do what it was asked to do first.
const errShutdown command.Error = "ERR Errors trying to SHUTDOWN. Check logs."

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
	case abort: // a shutdown waits for nothing and so is over before another command can come
		return command.Error("ERR No shutdown in progress.")
	case save && !force:
		s.log.Warn("SHUTDOWN SAVE is refused: this version of Redpoll cannot save the data.")
		return errShutdown
	}
	s.loops.CloseListeners()
	if peer, ok := c.Client.(*session.Session); ok {
		peer.Client.CloseAfterReply = true
	}
	s.Stop()
	return nil
}
