// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/backup"
	"github.com/redpoll/redpoll/internal/stats"
)

// retryBackup is after how long a scheduled backup that has failed is tried again.
const retryBackup = 5 * time.Minute

// scheduledBackups are those that the server makes by itself, each in a directory of its own in backup-dir.
type scheduledBackups struct {
	mu       sync.Mutex // a leaf; guards all
	from     time.Time  // since when the schedule is followed
	due      time.Time  // when the next one is; zero: it is to be found out
	busy     bool       // somebody finds that out, or makes it
	made     int64      // since the start
	failures int64      // since the start
	last     time.Time  // when the newest that is there was begun; zero: there is none, or it is not known yet
	failure  string     // of the last attempt
}

// followBackupSchedule follows the directives, now and whenever they change.
func (s *Server) followBackupSchedule() {
	b := &s.scheduled
	apply := func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.from, b.due = s.clock.Now(), time.Time{}
		return nil
	}
	s.config.OnChange(apply, "backup-schedule", "backup-dir", "dir")
	_ = apply() // which has no error
}

// backupShelf gives where scheduled backups are kept, and when they are due; ok is false when there are to be none.
func (s *Server) backupShelf() (shelf backup.Shelf, schedule config.Schedule, ok bool) {
	schedule = s.config.BackupSchedule().Load()
	path := s.config.InDir(s.config.Str("backup-dir").Load())
	return backup.Shelf{Disk: s.disk, Path: path}, schedule, !schedule.Never() && path != ""
}

// backUpIfDue makes a backup if the schedule says so. Cron calls it.
func (s *Server) backUpIfDue() {
	shelf, schedule, ok := s.backupShelf()
	if !ok || s.Loading() || s.ended() {
		return
	}
	b, now := &s.scheduled, s.clock.Now()
	b.mu.Lock()
	due, rests := b.due, b.busy || now.Before(b.due)
	if !rests {
		b.busy = true
	}
	b.mu.Unlock()
	if rests {
		return
	}
	s.works.Go(func() {
		if due.IsZero() {
			s.planBackup(shelf, schedule)
		} else {
			s.backUp(shelf, schedule)
		}
		b.mu.Lock()
		b.busy = false
		b.mu.Unlock()
	})
}

// planBackup finds out when the next backup is due.
func (s *Server) planBackup(shelf backup.Shelf, schedule config.Schedule) {
	b, now := &s.scheduled, s.clock.Now()
	last, found, err := shelf.Last()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil:
		b.failure, b.due = "Can't read the directory of backups: "+config.SystemText(err), now.Add(retryBackup)
		s.log.Warn(b.failure)
	case !found:
		b.last, b.due = time.Time{}, schedule.First(b.from)
	default:
		if last.After(now) { // the machine's time was another
			last = now
		}
		b.last, b.due = last, schedule.Next(last.Local())
	}
}

// backUp makes a backup, and removes old ones.
func (s *Server) backUp(shelf backup.Shelf, schedule config.Schedule) {
	began := s.machine.Mono()
	name, size, err := s.makeBackup(shelf)
	if gaveUp(err) {
		return // the server ends
	}
	if err == nil {
		s.log.Info(fmt.Sprintf("Backup %s is in %s: %d bytes, %.3f seconds", name, shelf.Path, size, time.Duration(s.machine.Mono()-began).Seconds()))
		var removed []string
		if removed, err = shelf.Prune(int(s.config.Int("backup-keep").Load()), name); err != nil {
			err = fmt.Errorf("Old backups cannot be removed: %s", config.SystemText(err))
		}
		for _, name := range removed {
			s.log.Info("Backup " + name + " was removed, since there are newer ones")
		}
	}
	b, now := &s.scheduled, s.clock.Now()
	b.mu.Lock()
	if name != "" {
		b.made++
	}
	b.failure = ""
	if err != nil {
		b.failures++
		b.failure, b.due = err.Error(), now.Add(retryBackup)
	}
	b.mu.Unlock()
	if err != nil {
		s.log.Warn("Scheduled backup failed: " + err.Error())
	}
	if name != "" {
		s.planBackup(shelf, schedule)
	}
}

// makeBackup puts a backup on the shelf: a snapshot, which is made in dir, so that a slow disk of backups holds up nobody, and gets there as
// a hard link if it can; and a manifest. It gives the backup's name and bytes.
func (s *Server) makeBackup(shelf backup.Shelf) (name string, size int64, err error) {
	names, m := aof.Names(s.config.Str("appendfilename").Load()), &aof.Manifest{}
	base := m.NewBase(names, true)
	temp := s.config.InDir("temp-" + tempName(os.Getpid(), randomID()[:8]) + ".rdb")
	sink := dumpSink{s: s, options: s.fileOptions(), create: func(enc dumpEncoder) (*dumpFile, error) {
		return s.createAt(temp, temp, enc, s.stopped)
	}}
	sink.options.Base = true
	sink.ask()
	if err := <-sink.done; err != nil {
		return "", 0, err
	}
	defer s.disk.Remove(temp)
	if info, err := s.disk.Stat(temp); err == nil {
		size = info.Size()
	}
	name, err = shelf.Put(time.UnixMilli(sink.instant.NowMillis), []backup.File{
		{Name: base.Name, From: temp}, {Name: names.Manifest(), Text: m.Append(nil)},
	})
	if err != nil {
		return "", 0, fmt.Errorf("it cannot be written to %s: %s", shelf.Path, config.SystemText(err))
	}
	return name, size, nil
}

// scheduledFields tells of scheduled backups.
func (s *Server) scheduledFields(sec *stats.Section) {
	b := &s.scheduled
	counter := func(n *int64) func() int64 {
		return s.since(func() int64 {
			b.mu.Lock()
			defer b.mu.Unlock()
			return *n
		})
	}
	sec.Counter("redpoll_backups", "scheduled backups that were made", counter(&b.made))
	sec.Counter("redpoll_backup_failures", "scheduled backups that have failed", counter(&b.failures))
	sec.Group(func(v *stats.Values) {
		_, _, on := s.backupShelf()
		b.mu.Lock()
		defer b.mu.Unlock()
		unix := func(at time.Time) int64 {
			if !on || at.IsZero() {
				return 0
			}
			return at.Unix()
		}
		v.Int("redpoll_last_backup_time", unix(b.last))
		v.Text("redpoll_last_backup_status", status(b.failure == ""))
		v.Text("redpoll_last_backup_error", b.failure)
		v.Int("redpoll_next_backup_time", unix(b.due))
	}, stats.Field{Name: "redpoll_last_backup_time", Kind: stats.Gauge, Help: "Unix time of the newest scheduled backup, 0 if there is none"},
		stats.Field{Name: "redpoll_last_backup_status", Kind: stats.Text, Help: "ok, or err when the last scheduled backup has failed"},
		stats.Field{Name: "redpoll_last_backup_error", Kind: stats.Text, Help: "why it has"},
		stats.Field{Name: "redpoll_next_backup_time", Kind: stats.Gauge, Help: "Unix time at which the next scheduled backup is due, 0 for never"})
}
