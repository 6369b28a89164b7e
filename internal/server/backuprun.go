// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"math"
	"os"
	"sync"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/disk"
)

// backupPause is how long effects come together before they are written to a backup.
const backupPause = 5 * time.Millisecond

// A backupRun makes the files of one backup. A goroutine of its own does so, but for the base, which is the business of the walker. At the
// base's instant it begins to read the log of effects.
type backupRun struct {
	s        *Server
	dir      aof.Dir       // Immutable
	manifest *aof.Manifest // Immutable
	base     dumpSink
	incr     disk.File        // of the effects; the goroutine's
	snapshot *engine.Snapshot // the goroutine's

	mu     sync.Mutex        // a leaf
	over   bool              // nobody wants the log any more; guarded by mu
	reader *engine.LogReader // guarded by mu until begun is closed, then the goroutine's
	begun  chan struct{}     // closed at the instant

	wake  chan struct{} // there are effects to be read
	seals chan int64    // up to which offset of the log the backup is to have all
	stops chan string   // why it is to be given up
	ended chan struct{} // closed when nothing more happens
	err   error         // why it was not sealed; written before ended is closed
}

// newBackupRun makes a run in a directory, which must be empty or not there. The error is for the client.
func (s *Server) newBackupRun(dir aof.Dir) (*backupRun, error) {
	if err := makeEmpty(dir); err != nil {
		return nil, err
	}
	r := &backupRun{
		s: s, dir: dir, manifest: &aof.Manifest{}, begun: make(chan struct{}), wake: make(chan struct{}, 1),
		seals: make(chan int64), stops: make(chan string), ended: make(chan struct{}),
	}
	base := r.manifest.NewBase(dir.Names, true)
	r.base = dumpSink{s: s, options: s.fileOptions(), begin: r.begin, create: func(enc dumpEncoder) (*dumpFile, error) {
		return s.createAt(dir.File(base.Name), dir.File("temp-"+base.Name), enc, r.ended)
	}}
	r.base.options.Base = true
	incr := r.manifest.NewIncr(dir.Names)
	var err error
	if r.incr, err = dir.Disk.OpenFile(dir.File(incr.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err != nil {
		return nil, errors.New("Can't create the backup's file " + incr.Name + ": " + config.SystemText(err))
	}
	return r, nil
}

// paths gives the first n files that a start reads.
func (r *backupRun) paths(n int) (paths []string) {
	for _, f := range r.manifest.Files()[:n] {
		paths = append(paths, r.dir.File(f.Name))
	}
	return paths
}

// start asks for the snapshot, and begins to wait for what happens.
func (r *backupRun) start() {
	r.snapshot = r.base.ask()
	r.s.works.Go(func() {
		defer close(r.ended)
		if r.err = r.follow(); r.err != nil {
			r.fail()
		}
	})
}

// begin is called at the snapshot's instant, with the world still.
func (r *backupRun) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	r.reader = r.s.engine.Effects.Attach(func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	})
	close(r.begun)
}

// follow does what is to be done until the backup is sealed; with an error it has failed.
func (r *backupRun) follow() error {
	begun := r.begun
	var pause <-chan time.Time
	for {
		select {
		case <-begun:
			begun = nil
			r.s.backups.set(r, func(st *backupStatus) { st.state = max(st.state, backupSnapshotting) }) // the base may be complete already
			r.reader.Await()
		case <-r.wake:
			pause = time.After(backupPause)
		case <-pause:
			if err := r.copyLog(math.MaxInt64); err != nil {
				return err
			}
			r.reader.Await()
		case err := <-r.base.done:
			if err == nil {
				err = r.base.file.replace()
			}
			if gaveUp(err) {
				return errors.New(backupEnds)
			}
			if err != nil {
				return err
			}
			r.s.backups.set(r, func(st *backupStatus) { st.state, st.files = backupIncrementing, r.paths(1) })
			r.s.log.Info("Backup: the snapshot is complete, changes are added until BACKUP SEAL")
		case end := <-r.seals:
			return r.finish(end)
		case why := <-r.stops:
			return errors.New(why)
		}
	}
}

// copyLog writes the effects that have not been written, up to an offset.
func (r *backupRun) copyLog(end int64) error {
	left := max(end-r.reader.Offset(), 0)
	written := 0
	for _, piece := range r.reader.Peek() {
		piece = piece[:min(int64(len(piece)), left-int64(written))]
		n, err := r.incr.Write(piece)
		if written += n; err != nil {
			return errors.New("Error writing to the backup: " + config.SystemText(err))
		}
	}
	r.reader.Advance(written)
	return nil
}

// finish seals the backup.
func (r *backupRun) finish(end int64) error {
	err := r.copyLog(end)
	if err == nil {
		if err = r.incr.Sync(); err != nil {
			err = errors.New("Error writing to the backup: " + config.SystemText(err))
		}
	}
	if err == nil {
		err = r.dir.WriteManifest(r.manifest)
	}
	if err != nil {
		return err
	}
	r.close()
	r.s.backups.set(r, func(st *backupStatus) {
		st.state, st.ended = backupSealed, r.s.seconds()
		st.files = append(r.paths(2), r.dir.File(r.dir.Names.Manifest()))
	})
	r.s.log.Info("Backup sealed in " + r.dir.Path)
	return nil
}

// close ends the reading of the log.
func (r *backupRun) close() {
	r.mu.Lock()
	r.over = true
	reader := r.reader
	r.mu.Unlock()
	if reader != nil {
		reader.Close()
	}
	_ = r.incr.Close() // what it is to have is on the disk
}

// fail gives the backup up.
func (r *backupRun) fail() {
	r.snapshot.Cancel()
	r.close()
	if err := r.remove(); err != nil {
		r.s.log.Warn("Error removing a backup that has failed: " + config.SystemText(err))
	}
	r.s.log.Warn("Backup failed: " + r.err.Error())
	r.s.backups.set(r, func(st *backupStatus) { st.state, st.failure, st.files = backupFailed, r.err.Error(), nil })
}

// remove removes the backup's files, as far as they are there.
func (r *backupRun) remove() error {
	entries, err := r.dir.Disk.ReadDir(r.dir.Path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := r.dir.Disk.Remove(r.dir.File(e.Name())); err != nil {
			return err
		}
	}
	return r.dir.Disk.SyncDir(r.dir.Path)
}

// seal has the backup end with what is in front of an offset of the log, and waits for that. The error is for the client.
func (r *backupRun) seal(end int64) error {
	select {
	case r.seals <- end:
	case <-r.ended:
	}
	<-r.ended
	if r.err != nil {
		return command.Error("ERR Backup failed: " + r.err.Error())
	}
	return nil
}

// abort gives the backup up, and waits for that; false when it was over already.
func (r *backupRun) abort(why string) bool {
	select {
	case r.stops <- why:
	case <-r.ended:
		return false
	}
	<-r.ended
	return true
}
