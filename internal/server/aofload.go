// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
)

// adoptOldAOF makes the append-only file of a time before there were directories the base of one, if there is such a file and the manifest m of
// the directory names nothing else. It gives the manifest to go on with.
func (s *Server) adoptOldAOF(d aof.Dir, m *aof.Manifest) (*aof.Manifest, error) {
	name := string(d.Names)
	old := s.config.InDir(name)
	isOld, err := s.isFile(old)
	isMoved, merr := s.isFile(d.File(name))
	if err = errors.Join(err, merr); err != nil {
		return nil, &StartError{fmt.Sprintf("Fatal error: can't look for an old AOF file %s: %s", old, config.SystemText(err)), err}
	}
	base, ok := m.Base()
	begun := ok && base.Name == name && !isMoved // and not ended: the manifest was written, the file not moved
	if !isOld || len(m.Incr()) > 0 || ok && !begun {
		return m, nil
	}
	if err := d.Create(); err != nil {
		return nil, &StartError{err.Error(), err}
	}
	if !begun {
		m = m.Clone()
		m.AdoptBase(name)
		if err := d.WriteManifest(m); err != nil {
			return nil, &StartError{err.Error(), err}
		}
	}
	err = s.disk.Rename(old, d.File(name))
	for _, dir := range []string{d.Path, filepath.Dir(old)} {
		if err == nil {
			err = s.disk.SyncDir(dir)
		}
	}
	dir := filepath.Base(d.Path)
	if err != nil {
		return nil, &StartError{fmt.Sprintf("Error trying to move the old AOF file %s into dir %s: %s", name, dir, config.SystemText(err)), err}
	}
	s.log.Info(fmt.Sprintf("Successfully migrated an old-style AOF file (%s) into the AOF directory (%s).", name, dir))
	return m, nil
}

// isFile tells whether there is a regular file of that name.
func (s *Server) isFile(path string) (bool, error) {
	info, err := s.disk.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Mode().IsRegular(), err
}

// aofLoad is a load of append-only files.
type aofLoad struct {
	s     *Server
	dir   aof.Dir
	files []aof.File
	sizes []int64 // of the files
	total int64   // of all
	last  int     // the file whose tail may be cut off, as the last that has something; -1: none
	alone bool    // nobody else is at the data
	fixed bool    // the files are not to be changed

	before   int64 // bytes of the files that were loaded before the present one
	keys     int64 // that were in snapshots
	ran      int64 // commands that were run
	failures int   // of them had an error for a reply
}

// aofSource makes a source of the files that a manifest names; nil if there is nothing in them.
func (s *Server) aofSource(d aof.Dir, m *aof.Manifest) (*source, error) {
	l, err := s.openAOF(d, m)
	if err != nil || l.total == 0 {
		return nil, err
	}
	return l.source(), nil
}

// source makes a source of a load.
func (l *aofLoad) source() *source {
	s := l.s
	return &source{size: l.total, load: func() error {
		if err := l.load(); err != nil {
			return err
		}
		s.log.Info(fmt.Sprintf("DB loaded from append only file: %.3f seconds", s.loadTook().Seconds()))
		return nil
	}}
}

// openAOF finds the files that a manifest names. There may be nothing in them. A base that has an increment behind it was whole when the
// manifest came to name them, so what it lacks is lost: it is never cut off, nor taken for one of no keys.
func (s *Server) openAOF(d aof.Dir, m *aof.Manifest) (*aofLoad, error) {
	l := &aofLoad{s: s, dir: d, files: m.Files(), last: -1}
	for i, f := range l.files {
		info, err := s.disk.Stat(d.File(f.Name))
		if err != nil {
			return nil, &StartError{fmt.Sprintf("Unable to obtain the AOF file %s length. stat: %s", f.Name, config.SystemText(err)), err}
		}
		size := info.Size()
		switch {
		case size > 0 && (f.Kind != aof.Base || len(l.files) == 1):
			l.last = i
		case size == 0 && f.Kind == aof.Base && f.Name == d.Names.Base(f.Seq, true):
			return nil, &StartError{"Error reading the RDB base file " + f.Name + ": it is empty, AOF loading aborted", rdb.ErrFormat}
		}
		l.sizes = append(l.sizes, size)
		l.total += size
	}
	return l, nil
}

// load takes the data from the files.
func (l *aofLoad) load() error {
	s := l.s
	r := s.engine.NewReplayer(l.alone, s.stopped)
	defer r.Close()
	r.Failed = l.failed
	for i, f := range l.files {
		if l.sizes[i] == 0 {
			continue
		}
		began := s.machine.Mono()
		if err := l.file(r, i); err != nil {
			return err
		}
		l.before += l.sizes[i]
		kind := "incr"
		if f.Kind == aof.Base {
			kind = "base"
		}
		s.log.Info(fmt.Sprintf("DB loaded from %s file %s: %.3f seconds", kind, f.Name, time.Duration(s.machine.Mono()-began).Seconds()))
	}
	if l.failures > toldFailures {
		s.log.Warn(fmt.Sprintf("%d commands of the append only files had an error for a reply", l.failures))
	}
	return nil
}

// toldFailures is of how many commands that fail the log tells.
const toldFailures = 10

// failed tells of a command that had an error for a reply.
func (l *aofLoad) failed(argv [][]byte, err error) {
	if l.failures++; l.failures <= toldFailures {
		l.s.log.Warn(fmt.Sprintf("== CRITICAL == This server is sending an error to its AOF-loading-client: '%s' after processing the command '%.128s'",
			err, argv[0]))
	}
}

// file takes the data from one of the files.
func (l *aofLoad) file(r *engine.Replayer, i int) error {
	name := l.files[i].Name
	f, err := l.s.disk.Open(l.dir.File(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &StartError{fmt.Sprintf("The append log file %s doesn't exist: %s", name, config.SystemText(err)), err}
	case err != nil:
		return &StartError{fmt.Sprintf("Fatal error: can't open the append log file %s for reading: %s", name, config.SystemText(err)), err}
	}
	defer f.Close()
	begin, err := l.snapshot(f, name)
	if err != nil {
		return err
	}
	reader := aof.NewReader(io.NewSectionReader(f, begin, l.sizes[i]-begin), begin, l.sizes[i])
	r.Start()
	err = l.commands(r, reader)
	var bad *aof.ReadError
	if errors.As(err, &bad) {
		return l.mend(i, bad)
	}
	return l.refuse(name, err)
}

// refuse gives the end of a start that comes of an error in a file; nil for none.
func (l *aofLoad) refuse(name string, err error) error {
	var bad *commandError
	line := ""
	switch {
	case err == nil:
		return nil
	case l.s.ended():
		return ErrStopped
	case !errors.As(err, &bad):
		line = fmt.Sprintf("Unrecoverable error reading the append only file %s: %s", name, config.SystemText(err))
	case bad.err.Unknown != "":
		line = fmt.Sprintf("Unknown command '%.128s' reading the append only file %s, at offset %d", bad.err.Unknown, name, bad.offset)
	default:
		line = fmt.Sprintf("Error reading the append only file %s, at offset %d: %s", name, bad.offset, bad.err)
	}
	return &StartError{line, err}
}

// snapshot loads the snapshot that a file begins with, and gives the offset of what is behind it; 0 if it begins with none.
func (l *aofLoad) snapshot(f disk.File, name string) (end int64, err error) {
	s := l.s
	var begin [8]byte
	if n, err := f.ReadAt(begin[:], 0); err != nil && err != io.EOF {
		return 0, l.refuse(name, err)
	} else if !rdb.IsFile(begin[:n]) {
		return 0, nil
	}
	preamble := name == string(l.dir.Names) // of the single file that there was before there were directories
	what := "base file"
	if preamble {
		what = "preamble of the AOF file"
		s.log.Info("Reading RDB preamble from AOF file...")
	} else {
		s.log.Info("Reading RDB base file on AOF loading...")
	}
	view := s.loneView(s.clock.WallMillis())
	view.Undying = true // the commands that follow may have had a key live on
	n, err := s.load(f, view, rdb.LoadOptions{Beside: !l.alone, Delay: s.delayLoad, Progress: func(bytes, keys int64) error {
		return l.progress(bytes, keys)
	}})
	switch {
	case err == ErrStopped:
		return 0, err
	case err != nil:
		return 0, &StartError{fmt.Sprintf("Error reading the RDB %s %s, AOF loading aborted", what, name), err}
	}
	l.keys += n.Keys
	if preamble {
		s.log.Info("Reading the remaining AOF tail...")
	}
	return n.Bytes, nil
}

// progress tells that the present file has been loaded up to an offset, and that so many keys have come of its snapshot.
func (l *aofLoad) progress(offset, keys int64) error {
	switch {
	case !l.alone:
		return l.s.loadedTo(l.before+offset, l.keys+keys+l.ran)
	case l.s.ended():
		return ErrStopped
	}
	return nil
}

// commandError is the error of a command of a file.
type commandError struct {
	offset int64
	err    *engine.ReplayError
}

// Error gives the reason and the offset.
func (e *commandError) Error() string { return fmt.Sprintf("%s at offset %d", e.err, e.offset) }

// batchesAhead is how many batches of a file there are: one that is being read, one that is run, and one between.
const batchesAhead = 3

// commands runs the commands of a file, which a goroutine reads ahead of it. The error is of reading, or of a command.
func (l *aofLoad) commands(r *engine.Replayer, reader *aof.Reader) (err error) {
	type result struct {
		batch *aof.Batch
		err   error // of what is behind it
	}
	free, read := make(chan *aof.Batch, batchesAhead), make(chan result, batchesAhead)
	for range batchesAhead {
		free <- &aof.Batch{}
	}
	go func() {
		defer close(read)
		for b := range free {
			err := reader.Next(b)
			read <- result{b, err}
			if err != nil {
				return
			}
		}
	}()
	for next := range read {
		if err != nil {
			continue // it was read ahead
		}
		if err = l.run(r, next.batch); err == nil {
			err = next.err
		}
		if err == nil {
			free <- next.batch
		} else {
			close(free)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// runStep is how many commands are run at a time: their keys are fetched into the cache together.
const runStep = 256

// run runs the commands of a batch.
func (l *aofLoad) run(r *engine.Replayer, b *aof.Batch) error {
	step := runStep
	if l.s.keyLoadDelay.Load() != 0 {
		step = 1
	}
	argvs := make([][][]byte, 0, step)
	for commands := b.Commands; len(commands) > 0; {
		some := commands[:min(step, len(commands))]
		argvs = argvs[:0]
		for _, c := range some {
			argvs = append(argvs, c.Argv)
		}
		n, err := r.Run(argvs)
		l.ran += int64(n)
		if bad := (*engine.ReplayError)(nil); errors.As(err, &bad) {
			return &commandError{commands[n].Offset, bad}
		}
		commands = commands[n:]
		l.s.delayLoad()
	}
	return l.progress(b.End, 0)
}

// mend deals with a file that is not what it should be: what is behind its last whole unit is cut off, if it may be.
func (l *aofLoad) mend(i int, bad *aof.ReadError) error {
	s, name := l.s, l.files[i].Name
	s.log.Warn(fmt.Sprintf("The append only file %s is good up to offset %d: %s", name, bad.Valid, bad))
	if bad.Cut && bad.Open {
		s.log.Warn("Revert incomplete MULTI/EXEC transaction in AOF file " + name)
	}
	why := ""
	switch {
	case bad.Cut && s.config.Bool("aof-load-truncated").Load():
		why = "aof-load-truncated is enabled"
		s.log.Warn(fmt.Sprintf("!!! Warning: short read while loading the AOF file %s!!!", name))
	case !bad.Cut && l.sizes[i]-bad.Valid <= s.config.Int("aof-load-corrupt-tail-max-size").Load():
		why = "its corrupt tail is within aof-load-corrupt-tail-max-size"
		s.log.Warn(fmt.Sprintf("!!! Warning: corrupt tail while loading the AOF file %s!!!", name))
	}
	switch {
	case why != "" && i != l.last:
		return &StartError{"Fatal error: the truncated file is not the last file", bad}
	case why != "" && !l.fixed:
		s.log.Warn(fmt.Sprintf("!!! Truncating the AOF %s at offset %d !!!", name, bad.Valid))
		err := l.cut(i, bad.Valid)
		if err == nil {
			s.log.Warn(fmt.Sprintf("AOF %s loaded anyway because %s", name, why))
			return nil
		}
		s.log.Warn(fmt.Sprintf("Error truncating the AOF file %s: %s", name, config.SystemText(err)))
	}
	line := "Bad file format reading the append only file %s: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
	if bad.Cut {
		line = "Unexpected end of file reading the append only file %s. You can: 1) Make a backup of your AOF file, then use " +
			"./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option to " +
			"yes and restart the server."
	}
	return &StartError{fmt.Sprintf(line, name), bad}
}

// cut cuts a file off at an offset, as far as the disk.
func (l *aofLoad) cut(i int, at int64) error {
	f, err := l.s.disk.OpenFile(l.dir.File(l.files[i].Name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(at); err != nil {
		return err
	}
	l.sizes[i] = at
	return f.Sync()
}
