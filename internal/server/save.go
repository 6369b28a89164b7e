// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// errNotSaved is the answer to a SAVE that has failed. As in Redis the log says why.
const errNotSaved command.Error = "ERR"

// snapshots is what INFO tells of the file that the data is saved in.
type snapshots struct {
	last    atomic.Int64 // Unix seconds of the last save, or of the start
	changes atomic.Int64 // engine.Stats.Changes at that time
	saves   atomic.Int64
	loaded  atomic.Int64 // keys of the file that was read last
	expired atomic.Int64 // keys of it that were past their time
}

// snapshotPath gives the file that the data is saved in; "" for none.
func (s *Server) snapshotPath() string { return s.config.InDir(s.config.Str("dbfilename").Load()) }

// save implements SAVE. The world is still.
func (s *Server) save(c *command.Ctx) error {
	if err := s.saveHeld(c); err != nil {
		return errNotSaved
	}
	c.Reply.OK()
	return nil
}

// lastSave replies with the time of the last save, or of the start.
func (s *Server) lastSave(c *command.Ctx) error {
	c.Reply.Int(s.snapshots.last.Load())
	return nil
}

// saveHeld saves the data for a command that has stilled the world. The error is in the log.
func (s *Server) saveHeld(c *command.Ctx) (err error) {
	s.asideWhole(c, func() { err = s.saveStill(c.Now()) })
	return err
}

// asideWhole is aside for what must be over before the command is, even when that is to end at once.
func (s *Server) asideWhole(c *command.Ctx, work func()) {
	done := make(chan struct{})
	_ = s.aside(c, func() { // the server is closing then
		defer close(done)
		work()
	})
	<-done
}

// saveStill saves the data as it is at a time, Unix ms. The world is still. The error is in the log.
func (s *Server) saveStill(now int64) error {
	if err := s.writeSnapshot(now); err != nil {
		s.log.Warn(err.Error())
		return err
	}
	s.log.Info("DB saved on disk")
	s.snapshots.changes.Store(s.engine.Stats.Changes.Load())
	s.snapshots.last.Store(s.clock.WallMillis() / 1000)
	s.snapshots.saves.Add(1)
	return nil
}

// writeSnapshot puts a new file in the place of the old one, once it is whole and on the disk. Its errors are lines of the log.
func (s *Server) writeSnapshot(now int64) error {
	d, err := s.createDump()
	if err != nil {
		return err
	}
	if err := d.finish(rdb.WriteFile(d, s.loneView(now), s.fileOptions())); err != nil {
		return err
	}
	return d.replace()
}
