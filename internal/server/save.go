// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
)

// errNotSaved is the answer to a save that has failed. As in Redis the log says why.
const errNotSaved command.Error = "ERR"

// snapshots is what there is to know of the file that the data is saved in.
type snapshots struct {
	last    atomic.Int64 // Unix seconds of the last save, or of the start
	changes atomic.Int64 // engine.Stats.Changes at its instant
	saves   atomic.Int64 // that have begun
	loaded  atomic.Int64 // keys of the file that was read last
	expired atomic.Int64 // keys of it that were past their time

	refusing sync.Mutex // held while the engine is told whether to refuse writes

	mu        sync.Mutex // a leaf
	current   *bgSave    // is under way; nil: none. guarded by mu, as the rest
	scheduled bool       // one is to begin when it can
	tried     int64      // Unix seconds at which the last one has begun
	failed    bool       // the last save of all has failed
	took      int64      // seconds that the last one took; -1 if there was none
	copied    int64      // bytes that it has saved before commands changed them
}

// snapshotPath gives the file that the data is saved in; "" for none.
func (s *Server) snapshotPath() string { return s.config.InDir(s.config.Str("dbfilename").Load()) }

// save implements SAVE. The world is still.
func (s *Server) save(c *command.Ctx) error {
	if s.saving() {
		return errSaving
	}
	s.snapshots.saves.Add(1)
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
	s.noteSaved(s.engine.Stats.Changes.Load())
	return nil
}

// noteSaved notes that the data is saved as it was after so many changes.
func (s *Server) noteSaved(changes int64) {
	s.snapshots.changes.Store(changes)
	s.snapshots.last.Store(s.seconds())
	s.noteFailed(false)
}

// noteFailed notes whether the last save has failed.
func (s *Server) noteFailed(failed bool) {
	s.snapshots.mu.Lock()
	s.snapshots.failed = failed
	s.snapshots.mu.Unlock()
	s.refuseUnsaved()
}

// seconds gives the server's time in Unix seconds.
func (s *Server) seconds() int64 { return s.clock.WallMillis() / 1000 }

// writeSnapshot puts a new file in the place of the old one, once it is whole and on the disk. The world is still. Its errors are lines
// of the log.
func (s *Server) writeSnapshot(now int64) error {
	o := s.fileOptions()
	d, err := s.createDump(o.Encoder(), nil)
	if err != nil {
		return err
	}
	if err := d.fill(now, o); err != nil {
		return err
	}
	return d.replace()
}
