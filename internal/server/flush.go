// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
)

// dbSize counts shard by shard: it is called often by those who watch a server, and must not stop the world for them.
func dbSize(c *command.Ctx) error {
	n, err := c.DB.Len()
	if err != nil {
		return err
	}
	c.Reply.Int(int64(n))
	return nil
}

func (s *Server) flushDB(c *command.Ctx) error { return s.flush(c, c.DB.Index()) }

func (s *Server) flushAll(c *command.Ctx) error { return s.flush(c, -1) }

// flush removes the keys of one database, or of all with -1. Pages are given back whole and no key is visited, so that
// ASYNC and SYNC are the same. As in Redis the command goes to the log even when there was nothing to remove, and FLUSHALL ends a save
// that is under way, and empties the file too if there are save points.
func (s *Server) flush(c *command.Ctx, db int) error {
	a := c.Args()
	if a.More() && !a.Keyword("ASYNC") && !a.Keyword("SYNC") {
		return command.ErrSyntax
	}
	if err := a.Done(); err != nil {
		return err
	}
	whole := db < 0 && c.Client.ClientID() != 0 // of a log that is run again it has been so once
	w, before := c.Host.(*engine.Worker), (func())(nil)
	if whole {
		before = func() { s.stopSaving(func(work func()) { s.asideWhole(c, work) }) }
	}
	removed := w.Flush(db, before)
	for n := range c.DB.Databases() {
		if db < 0 || n == db {
			c.DB.Other(n).SignalAll()
		}
	}
	c.Dirty += int64(max(removed, 1))
	if whole && len(s.config.SavePoints().Load()) > 0 { // or a start would bring the keys back
		w.AfterFlush(func() {
			if s.saveHeld(c) == nil { // or the log has the error
				s.snapshots.changes.Add(w.Uncounted()) // which are counted when the command is over
			}
		})
	}
	c.Reply.OK()
	return nil
}

// swapDB makes two databases change their keys. As in Redis the command goes to the log even when they are one.
func (s *Server) swapDB(c *command.Ctx) error {
	a := c.Args()
	index := func(refusal command.Error) int {
		n := a.IntOr(refusal)
		if n != int64(int32(n)) {
			a.Fail(refusal)
		}
		return int(n)
	}
	first, second := index("ERR invalid first DB index"), index("ERR invalid second DB index")
	if err := a.Done(); err != nil {
		return err
	}
	for _, n := range []int{first, second} {
		if n < 0 || n >= c.DB.Databases() {
			return command.ErrDBIndex
		}
	}
	c.Host.(*engine.Worker).Swap(first, second)
	for _, n := range []int{first, second} {
		c.DB.Other(n).SignalAll()
	}
	c.Dirty++
	c.Reply.OK()
	return nil
}

// time replies with the server's clock: seconds and microseconds.
func (s *Server) time(c *command.Ctx) error {
	now := c.Host.(*engine.Worker).NowMicros()
	c.Reply.Array(2)
	c.Reply.BulkInt(now / 1_000_000)
	c.Reply.BulkInt(now % 1_000_000)
	return nil
}
