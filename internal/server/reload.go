// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// reloads tells of a call of DEBUG that it needs the world still.
func reloads(argv [][]byte) bool {
	return len(argv) > 1 && (command.EqualFold(argv[1], "RELOAD") || command.EqualFold(argv[1], "LOADAOF"))
}

// reloaded ends a command that has read all data anew: clients that wait for keys look at them.
func (s *Server) reloaded(c *command.Ctx, err error, line string) error {
	for n := range c.DB.Databases() {
		c.DB.Other(n).SignalAll()
	}
	if err != nil {
		return err
	}
	s.snapshots.changes.Store(s.engine.Stats.Changes.Load())
	s.log.Warn(line)
	c.Reply.OK()
	return nil
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
	if err := c.Host.(*engine.Worker).Spoil(); err != nil {
		return err
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
			s.scripts.ClearLibraries()
		}
		if err == nil {
			err = s.reload(now, rdb.LoadOptions{Replace: merge, Delay: s.delayLoad})
		}
	})
	if err != nil {
		err = command.Error("ERR Error trying to load the RDB dump, check server logs.")
	}
	return s.reloaded(c, err, "DB reloaded by DEBUG RELOAD")
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

// debugLoadAOF implements DEBUG LOADAOF: it writes all that is logged, and takes the data from the files. The world is still.
func (s *Server) debugLoadAOF(c *command.Ctx) (err error) {
	if s.Loading() {
		return command.ErrLoading
	}
	if err := c.Host.(*engine.Worker).Spoil(); err != nil {
		return err
	}
	s.stopSaving(func(work func()) { s.asideWhole(c, work) })
	s.asideWhole(c, func() { err = s.reloadAOF() })
	if err != nil {
		err = command.Error("ERR Error trying to load the append only files: " + err.Error())
	}
	return s.reloaded(c, err, "Append Only File loaded by DEBUG LOADAOF")
}

// reloadAOF is debugLoadAOF without a client. If the data is gone and does not come back the server ends.
func (s *Server) reloadAOF() error {
	a := &s.aof
	a.work.Lock()
	defer a.work.Unlock()
	switch w := a.writer.Load(); {
	case a.is(aofOff):
		if err := s.readManifest(); err != nil { // what is there of a time when it was on
			return err
		}
	case a.is(aofWaiting) || w == nil:
		return errors.New("the first of them is still being made")
	default:
		if err := w.Drain(); err != nil {
			return err
		}
	}
	l, err := s.openAOF(a.dir, a.manifest)
	if err != nil {
		return err
	}
	if len(l.files) == 0 {
		return errors.New("there are none")
	}
	l.alone, l.fixed = true, !a.is(aofOff) // a writer would not know of it
	s.engine.Flush(-1)
	s.scripts.ClearLibraries()
	if err := l.load(); err != nil {
		s.log.Warn(err.Error())
		s.fail()
		return err
	}
	return nil
}
