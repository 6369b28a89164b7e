// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/store"
)

// A dumpFile is a file of the data that is written beside the one which it is to take the place of: a snapshot, or a base of append-only
// files. One goroutine at a time may use it.
type dumpFile struct {
	s       *Server
	path    string // of the file whose place it takes
	temp    string // what it is called until then
	file    disk.File
	failing string // what the log says in front of why it cannot be written

	enc    dumpEncoder     // that makes its keys
	out    io.Writer       // what they are written to: the file, or the form around it
	rested int64           // keys after which rdb-key-save-delay was taken
	stop   <-chan struct{} // closed when nobody wants the file any more; nil: never

	every    int64      // bytes after which it is forced to the disk meanwhile; 0: only at the end
	unsynced int64      // bytes that nobody has begun to force to the disk
	syncing  chan error // of the sync that is under way; nil: none
}

// A dumpEncoder makes the keys of a file: an *rdb.FileEncoder, or an *aof.CommandEncoder for a base of commands.
type dumpEncoder interface {
	store.Encoder
	Keys() int64
}

// syncEvery is the bytes of a file that are forced to the disk at a time (rdb-save-incremental-fsync): enough to keep it busy, and so few
// that what is left for the end, and what others have to wait for behind it, is soon written.
const syncEvery = 32 << 20

var (
	errNoDumpFile = errors.New("There is no file to save the DB in: dbfilename is empty")
	errUnwanted   = errors.New("server: nobody wants the file any more")
)

// gaveUp tells whether an error says that nobody wants a file or a snapshot any more.
func gaveUp(err error) bool {
	return errors.Is(err, engine.ErrCancelled) || errors.Is(err, errUnwanted)
}

// newDump makes what has to do with a file that an encoder makes the keys of and that is a snapshot, but not the file.
func (s *Server) newDump(enc dumpEncoder, stop <-chan struct{}) *dumpFile {
	d := &dumpFile{s: s, enc: enc, stop: stop, failing: "Write error while saving DB to the disk"}
	if s.config.Bool("rdb-save-incremental-fsync").Load() {
		d.every = syncEvery
	}
	return d
}

// createDump makes the file for a new save, whose keys an encoder makes. The error is a line of the log.
func (s *Server) createDump(enc dumpEncoder, stop <-chan struct{}) (*dumpFile, error) {
	path := s.snapshotPath()
	if path == "" {
		return nil, errNoDumpFile
	}
	d := s.newDump(enc, stop)
	d.path = path
	dir := filepath.Dir(path)
	if err := d.create(dir, "", ".rdb"); err != nil {
		return nil, fmt.Errorf("Failed opening the temp RDB file %s (in server root dir %s) for saving: %s",
			filepath.Base(d.temp), dir, config.SystemText(err))
	}
	return d, nil
}

// createAt makes the file for a snapshot that is called temp until it takes its place at a path, and that an encoder makes the keys of. The
// error is a line of the log.
func (s *Server) createAt(path, temp string, enc dumpEncoder, stop <-chan struct{}) (d *dumpFile, err error) {
	d = s.newDump(enc, stop)
	d.path, d.temp = path, temp
	if d.file, err = s.disk.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644); err != nil {
		return nil, fmt.Errorf("Can't create the file %s: %s", filepath.Base(temp), config.SystemText(err))
	}
	return d, nil
}

// create makes the file in a directory, under a name of its own: a file that another server of this process writes stays.
func (d *dumpFile) create(dir, before, after string) (err error) {
	for _, name := range []string{tempName(os.Getpid(), ""), tempName(os.Getpid(), randomID()[:8])} {
		d.temp = filepath.Join(dir, "temp-"+before+name+after)
		d.file, err = d.s.disk.OpenFile(d.temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return err
}

// fileOptions say how a file of the data is to be, with the libraries of functions that there are now.
func (s *Server) fileOptions() rdb.FileOptions {
	return rdb.FileOptions{
		Version: int(s.codec.Version.Load()), Pack: s.codec.Pack.Load(), Checksum: s.config.Bool("rdbchecksum").Load(),
		Server: s.config.Version(), Memory: s.engine.Used(), Libraries: s.scripts.Libraries(),
	}
}

// begin writes what stands in front of the keys of a file that has the data as it is at a time, Unix ms.
func (d *dumpFile) begin(now int64, o rdb.FileOptions) (err error) {
	d.out = d
	if _, ok := d.enc.(*rdb.FileEncoder); ok {
		d.out, err = rdb.NewFileWriter(d, now, o)
		return err
	}
	if d.s.config.Bool("aof-timestamp-enabled").Load() {
		_, err = d.Write(aof.AppendStamp(nil, now/1000))
	}
	for i := 0; i < len(o.Libraries) && err == nil; i++ {
		_, err = d.Write(aof.AppendLibrary(nil, o.Libraries[i]))
	}
	return err
}

// end writes what follows the keys.
func (d *dumpFile) end() error {
	if enc, ok := d.enc.(*rdb.FileEncoder); ok {
		return d.out.(*rdb.FileWriter).End(enc.Version())
	}
	return nil
}

// fill writes all of the file, as the data is at a time, Unix ms, and has it on the disk. The world is still. The error is a line of the
// log; nothing is left of the file then.
func (d *dumpFile) fill(now int64, o rdb.FileOptions) error {
	err := d.begin(now, o)
	if err == nil {
		err = rdb.WriteKeys(d.out, d.s.loneView(now), d.enc)
	}
	if err == nil {
		err = d.end()
	}
	return d.finish(err)
}

// Write adds bytes, and sees to it that not too many of them are still to be forced to the disk. It fails when nobody wants the file.
func (d *dumpFile) Write(b []byte) (int, error) {
	select {
	case <-d.stop:
		return 0, errUnwanted
	default:
	}
	n, err := d.file.Write(b)
	if err == nil {
		err = d.rest()
	}
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

// rest waits as rdb-key-save-delay has it after each key: so many microseconds, or if negative one each so many keys. It ends when
// the directive does, the server, or nobody wants the file.
func (d *dumpFile) rest() error {
	delay := d.s.config.Int("rdb-key-save-delay")
	began := d.s.machine.Mono()
	for keys := d.enc.Keys() - d.rested; ; {
		left := time.Duration(keys*delay.Load()) * time.Microsecond
		if left < 0 {
			left = time.Duration(rand.Int64N(keys+1)/-delay.Load()) * time.Microsecond
		}
		if left -= time.Duration(d.s.machine.Mono() - began); left <= 0 {
			d.rested += keys
			return nil
		}
		select {
		case <-d.stop:
			return errUnwanted
		case <-d.s.stopped:
			return errUnwanted
		case <-time.After(min(left, longNap)):
		}
	}
}

// finish has the whole file, of which all was written unless err says that this has failed, on the disk, and closes it. The error is a
// line of the log, unless it gaveUp; nothing is left of the file then.
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
	if err == nil {
		return nil
	}
	d.drop()
	if gaveUp(err) {
		return err
	}
	return fmt.Errorf("%s: %s", d.failing, config.SystemText(err))
}

// replace puts the finished file in the place of the old one. The error is a line of the log; nothing is left of the file then.
func (d *dumpFile) replace() error {
	dir := filepath.Dir(d.path)
	err := d.s.disk.Rename(d.temp, d.path)
	if err == nil {
		err = d.s.disk.SyncDir(dir)
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
	_ = d.s.disk.Remove(d.temp) // there is an error already that is the one to tell
}

// tempName gives what the name, in Redis's form, of a file that is not whole yet tells of the process that writes it.
func tempName(pid int, more string) string {
	if more != "" {
		more = "-" + more
	}
	return strconv.Itoa(pid) + more
}

// DropTemps removes what saves of this process have written that will not come to their end, since the process is about to end.
func (s *Server) DropTemps() {
	s.dropTemps(func(pid int, _ fs.DirEntry) bool { return pid == os.Getpid() })
}

// tidyDumps cleans up, at the start, behind a process that was killed: it removes what saves have left that did not come to their end, and
// makes sure that the file has its name for certain. A number may be that of this process again.
func (s *Server) tidyDumps() {
	s.dropTemps(func(pid int, e fs.DirEntry) bool {
		info, err := e.Info()
		return err == nil && info.ModTime().Before(s.started) && (pid == os.Getpid() || !processLives(pid))
	})
	if path := s.snapshotPath(); path != "" {
		if err := s.disk.SyncDir(filepath.Dir(path)); err != nil {
			s.log.Warn(fmt.Sprintf("Error syncing the directory of the DB file %s: %s", path, config.SystemText(err)))
		}
	}
}

// dropTemps removes the files of saves, and of bases of the append-only file, by the number of their process.
func (s *Server) dropTemps(unwanted func(pid int, e fs.DirEntry) bool) {
	if s.snapshotPath() == "" && !s.config.Bool("appendonly").Load() {
		return // the directory is not ours
	}
	dir := s.config.InDir(".")
	entries, err := s.disk.ReadDir(dir)
	if err != nil {
		return // who wants to save is told
	}
	for _, e := range entries {
		if pid := tempOf(e.Name()); pid > 0 && unwanted(pid, e) {
			_ = s.disk.Remove(filepath.Join(dir, e.Name())) // it only takes room
		}
	}
}

// tempOf gives the number of the process that has made a file which is not whole yet; 0 if it is none.
func tempOf(name string) int {
	middle, ok := strings.CutPrefix(name, "temp-")
	if base, isBase := strings.CutPrefix(middle, baseTemp); isBase {
		middle, isBase = strings.CutSuffix(base, ".aof")
		ok = ok && isBase
	} else {
		middle, isBase = strings.CutSuffix(middle, ".rdb")
		ok = ok && isBase
	}
	digits, _, _ := strings.Cut(middle, "-")
	if pid, err := strconv.Atoi(digits); ok && err == nil {
		return pid
	}
	return 0
}
