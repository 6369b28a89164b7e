// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// errNoDumpFile is a line of the log.
var errNoDumpFile = errors.New("There is no file to save the DB in: dbfilename is empty")

// A dumpFile is a file of the data that is written beside the one which it is to take the place of. One goroutine at a time may use it.
type dumpFile struct {
	disk disk.FS
	path string // of the file whose place it takes
	temp string // what it is called until then
	file disk.File

	every    int64      // bytes after which it is forced to the disk meanwhile; 0: only at the end
	unsynced int64      // bytes that nobody has begun to force to the disk
	syncing  chan error // of the sync that is under way; nil: none
}

// syncEvery is the bytes of a file that are forced to the disk at a time (rdb-save-incremental-fsync): enough to keep it busy, and so few
// that what is left for the end, and what others have to wait for behind it, is written in less than a second.
const syncEvery = 32 << 20

// createDump makes the file for a new save. The error is a line of the log.
func (s *Server) createDump() (*dumpFile, error) {
	path := s.snapshotPath()
	if path == "" {
		return nil, errNoDumpFile
	}
	dir := filepath.Dir(path)
	d := &dumpFile{disk: s.disk, path: path, temp: filepath.Join(dir, tempName(filepath.Base(path), os.Getpid(), randomID()[:8]))}
	if s.config.Bool("rdb-save-incremental-fsync").Load() {
		d.every = syncEvery
	}
	var err error
	if d.file, err = d.disk.OpenFile(d.temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err != nil {
		return nil, fmt.Errorf("Failed opening the temp RDB file %s (in server root dir %s) for saving: %s",
			filepath.Base(d.temp), dir, config.SystemText(err))
	}
	return d, nil
}

// fileOptions say how a file of the data is to be.
func (s *Server) fileOptions() rdb.FileOptions {
	return rdb.FileOptions{
		Version: int(s.codec.Version.Load()), Pack: s.codec.Pack.Load(), Checksum: s.config.Bool("rdbchecksum").Load(),
		Server: s.config.Version(), Memory: s.engine.Used(),
	}
}

// Write adds bytes, and sees to it that not too many of them are still to be forced to the disk.
func (d *dumpFile) Write(b []byte) (int, error) {
	n, err := d.file.Write(b)
	if d.unsynced += int64(n); err != nil || d.every == 0 || d.unsynced < d.every {
		return n, err
	}
	if err := d.awaitSync(); err != nil {
		return n, err
	}
	d.unsynced, d.syncing = 0, make(chan error, 1)
	go func(done chan<- error) { done <- d.file.Sync() }(d.syncing)
	return n, nil
}

// awaitSync waits for the sync that is under way.
func (d *dumpFile) awaitSync() error {
	if d.syncing == nil {
		return nil
	}
	err := <-d.syncing
	d.syncing = nil
	return err
}

// WriteAt writes over bytes.
func (d *dumpFile) WriteAt(b []byte, at int64) (int, error) { return d.file.WriteAt(b, at) }

// finish has the whole file, of which all was written unless err says that this has failed, on the disk, and closes it. The error is a
// line of the log; nothing is left of the file then.
func (d *dumpFile) finish(err error) error {
	if serr := d.awaitSync(); err == nil {
		err = serr
	}
	if err == nil {
		err = d.file.Sync()
	}
	if cerr := d.file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		d.drop()
		return fmt.Errorf("Write error while saving DB to the disk: %s", config.SystemText(err))
	}
	return nil
}

// replace puts the finished file in the place of the old one. The error is a line of the log; nothing is left of the file then.
func (d *dumpFile) replace() error {
	dir := filepath.Dir(d.path)
	err := d.disk.Rename(d.temp, d.path)
	if err == nil {
		err = d.disk.SyncDir(dir)
	}
	if err != nil {
		d.drop()
		return fmt.Errorf("Error moving temp DB file %s on the final destination %s (in server root dir %s): %s",
			filepath.Base(d.temp), filepath.Base(d.path), dir, config.SystemText(err))
	}
	return nil
}

// drop removes the file, which is closed.
func (d *dumpFile) drop() {
	_ = d.disk.Remove(d.temp) // there is an error already that is the one to tell
}

// tempName gives a name for a file until it takes the place of another.
func tempName(base string, pid int, random string) string {
	return fmt.Sprintf("temp-%d-%s-%s", pid, random, base)
}
