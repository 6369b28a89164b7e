// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/store"
)

// loneView gives a view of the data for one who has it to himself, at a time in Unix ms.
func (s *Server) loneView(now int64) *store.View {
	v := s.engine.Store.NewView()
	v.NowMillis = now
	return v
}

// debugReload implements DEBUG RELOAD: it saves the data and reads it back. The world is still.
func (s *Server) debugReload(c *command.Ctx) (err error) {
	flush, save, merge := true, true, false
	for a := command.MakeArgs(c.Argv[2:]); a.More(); {
		switch {
		case a.Keyword("MERGE"):
			merge = true
		case a.Keyword("NOFLUSH"):
			flush = false
		case a.Keyword("NOSAVE"):
			save = false
		default:
			return command.Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
		}
	}
	if s.Loading() {
		return command.ErrLoading
	}
	if save || flush {
		s.stopSaving(func(work func()) { s.asideWhole(c, work) })
	}
	if save && s.saveHeld(c) != nil {
		return errNotSaved
	}
	now := c.Now()
	s.asideWhole(c, func() {
		if !save { // what was not just written may be damaged: the data is not thrown away for it
			err = s.reload(now, rdb.LoadOptions{Check: true})
		}
		if err == nil && flush {
			s.engine.Flush(-1)
		}
		if err == nil {
			err = s.reload(now, rdb.LoadOptions{Replace: merge, Delay: s.delayLoad})
		}
	})
	for n := range c.DB.Databases() {
		c.DB.Other(n).SignalAll()
	}
	if err != nil {
		return command.Error("ERR Error trying to load the RDB dump, check server logs.")
	}
	s.snapshots.changes.Store(s.engine.Stats.Changes.Load())
	s.log.Warn("DB reloaded by DEBUG RELOAD")
	c.Reply.OK()
	return nil
}

// reload reads the file with the world still. The log has its errors.
func (s *Server) reload(now int64, o rdb.LoadOptions) error {
	f, err := s.openSnapshotFile()
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = s.load(f, s.loneView(now), o)
	return err
}
