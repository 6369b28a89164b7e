// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/stats"
)

// BACKUP makes the files of one backup at a time, in a directory of its own: a base, which is a snapshot of an instant behind START, the
// effects of all that has happened from then on until SEAL, and a manifest. They are append-only files from which a server can start. They
// have nothing to do with the server's own append-only files, and are made whether it has such or not (backuprun.go).

// Errors of BACKUP.
const (
	errBackupUnderWay command.Error = "ERR A backup is already in progress, ABORT it first"
	errBackupSealed   command.Error = "ERR A sealed backup exists, CLEANUP it first"
	errNoBackup       command.Error = "ERR No backup in progress"
	errNotSealable    command.Error = "ERR No backup ready to seal (must be in the incrementing state)"
	errBackupRuns     command.Error = "ERR Backup is in progress"
)

// Why a backup is given up.
const (
	backupAborted = "aborted by user"
	backupEnds    = "the server ends"
)

// backupState is how far a backup is.
type backupState uint8

const (
	backupIdle         backupState = iota // there is none
	backupPending                         // its instant is still to come
	backupSnapshotting                    // the base is being written
	backupIncrementing                    // it is there, and effects are added
	backupSealed                          // all files are there
	backupFailed                          // no file is there any more
)

// String gives the word of BACKUP STATUS.
func (st backupState) String() string {
	return [...]string{"idle", "pending", "snapshotting", "incrementing", "sealed", "failed"}[st]
}

// runs tells whether the backup is still being made.
func (st backupState) runs() bool { return st >= backupPending && st <= backupIncrementing }

// backupStatus is what can be told of a backup.
type backupStatus struct {
	state        backupState
	failure      string   // why it has failed
	began, ended int64    // Unix seconds; ended: when it was sealed
	files        []string // paths of those that will not change any more
}

// backups is what there is of BACKUP.
type backups struct {
	steps sync.Mutex // held by who begins, ends or removes a backup, while he waits for the disk

	mu     sync.Mutex // a leaf
	status backupStatus
	run    *backupRun // of the status, nil if that is idle; both guarded by mu
}

// get gives what there is.
func (b *backups) get() (backupStatus, *backupRun) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status, b.run
}

// set notes what has become of a run.
func (b *backups) set(run *backupRun, change func(status *backupStatus)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.run = run
	change(&b.status)
}

// backupSpec declares BACKUP.
func (s *Server) backupSpec() command.Spec {
	const admin = command.Admin | command.NoScript
	return command.Spec{
		Name: "BACKUP", Since: "8.10.0", Complexity: "Depends on the subcommand",
		Summary: "Makes a backup while the server serves.",
		Subcommands: []command.Spec{
			{
				Name: "ABORT", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Gives up the backup that is being made.",
				Flags:   admin, Run: s.backupAbort,
			},
			{
				Name: "CLEANUP", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Removes the files of a backup that was sealed.",
				Flags:   admin, Run: s.backupCleanup,
			},
			{
				Name: "HELP", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "LIST", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Returns the paths of the backup's files that will not change any more.",
				Flags:   command.Admin | command.Stale, Run: s.backupList,
			},
			{
				Name: "SEAL", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Ends a backup: it has all that has happened until now.",
				Flags:   admin, Run: s.backupSeal,
			},
			{
				Name: "START", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Begins a backup, which is made in the background.",
				Flags:   admin, Run: s.backupStart,
			},
			{
				Name: "STATUS", Since: "8.10.0", Complexity: "O(1)",
				Summary: "Returns how far the backup is.",
				Flags:   command.Admin | command.Stale, Run: s.backupStatus,
			},
		},
	}
}

// backupStep does something that has to wait for the disk, and replies OK if it has no error.
func (s *Server) backupStep(c *command.Ctx, step func() error) (err error) {
	s.asideWhole(c, func() {
		s.backups.steps.Lock()
		defer s.backups.steps.Unlock()
		err = step()
	})
	if err == nil {
		c.Reply.OK()
	}
	return err
}

// backupStart implements BACKUP START.
func (s *Server) backupStart(c *command.Ctx) error { return s.backupStep(c, s.startBackup) }

// startBackup begins a backup. s.backups.steps is held.
func (s *Server) startBackup() error {
	b := &s.backups
	switch now, _ := b.get(); {
	case now.state.runs():
		return errBackupUnderWay
	case now.state == backupSealed:
		return errBackupSealed
	}
	r, err := s.newBackupRun(s.aofDir("backupdirname"))
	if err != nil {
		return command.Error("ERR " + err.Error())
	}
	b.set(r, func(st *backupStatus) { *st = backupStatus{state: backupPending, began: s.seconds()} })
	s.log.Info("Backup started in " + r.dir.Path)
	r.start()
	return nil
}

// makeEmpty makes a directory if it is not there. It must be empty.
func makeEmpty(d aof.Dir) error {
	entries, err := d.Disk.ReadDir(d.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = d.Disk.Mkdir(d.Path, 0o755)
	case err == nil && len(entries) > 0:
		return fmt.Errorf("Backup directory %s is not empty", d.Path)
	}
	if err == nil { // who has made it may have been killed before
		err = d.Disk.SyncDir(filepath.Dir(d.Path))
	}
	if err != nil {
		return fmt.Errorf("Can't create backup directory %s: %s", d.Path, config.SystemText(err))
	}
	return nil
}

// backupSeal implements BACKUP SEAL: the backup has all that was done before it.
func (s *Server) backupSeal(c *command.Ctx) error {
	end := s.engine.Effects.End()
	return s.backupStep(c, func() error {
		now, r := s.backups.get()
		if now.state != backupIncrementing {
			return errNotSealable
		}
		return r.seal(end)
	})
}

// backupAbort implements BACKUP ABORT.
func (s *Server) backupAbort(c *command.Ctx) error {
	return s.backupStep(c, func() error {
		now, r := s.backups.get()
		if !now.state.runs() || !r.abort(backupAborted) {
			return errNoBackup
		}
		return nil
	})
}

// backupCleanup implements BACKUP CLEANUP.
func (s *Server) backupCleanup(c *command.Ctx) error {
	return s.backupStep(c, func() error { return s.cleanUpBackup(func(backupStatus) bool { return true }) })
}

// cleanUpBackup removes the files of a backup and forgets it, if it is to be. s.backups.steps is held.
func (s *Server) cleanUpBackup(wanted func(backupStatus) bool) error {
	b := &s.backups
	now, r := b.get()
	switch {
	case now.state.runs():
		return errBackupRuns
	case now.state == backupIdle || !wanted(now):
		return nil
	case now.state == backupSealed:
		if err := r.remove(); err != nil {
			return command.Error("ERR Can't remove the backup: " + config.SystemText(err))
		}
	}
	b.set(nil, func(st *backupStatus) { *st = backupStatus{} })
	return nil
}

// expireBackup removes a sealed backup after backup-sealed-ttl. Cron calls it.
func (s *Server) expireBackup() {
	ttl, now := s.config.Int("backup-sealed-ttl").Load(), s.seconds()
	over := func(st backupStatus) bool { return st.state == backupSealed && ttl > 0 && now >= st.ended+ttl }
	if st, _ := s.backups.get(); !over(st) || !s.backups.steps.TryLock() {
		return
	}
	s.works.Go(func() {
		defer s.backups.steps.Unlock()
		if err := s.cleanUpBackup(over); err != nil {
			s.log.Warn(err.Error())
		}
	})
}

// endBackup gives up the backup that is being made, for the server ends.
func (s *Server) endBackup() {
	if now, r := s.backups.get(); now.state.runs() {
		r.abort(backupEnds)
	}
}

// backupStatus implements BACKUP STATUS.
func (s *Server) backupStatus(c *command.Ctx) error {
	now, _ := s.backups.get()
	c.Reply.Map(4)
	c.Reply.BulkString("state")
	c.Reply.BulkString(now.state.String())
	c.Reply.BulkString("error")
	c.Reply.BulkString(now.failure)
	c.Reply.BulkString("start_time")
	c.Reply.Int(now.began)
	c.Reply.BulkString("end_time")
	c.Reply.Int(now.ended)
	return nil
}

// backupList implements BACKUP LIST.
func (s *Server) backupList(c *command.Ctx) error {
	now, _ := s.backups.get()
	c.Reply.Array(len(now.files))
	for _, path := range now.files {
		c.Reply.BulkString(path)
	}
	return nil
}

// backupFields tells of backups, behind the other fields of their section.
func (s *Server) backupFields(sec *stats.Section) {
	sec.Gauge("backup_in_progress", "whether BACKUP is making one", func() int64 {
		now, _ := s.backups.get()
		return oneIf(now.state.runs())
	})
}
