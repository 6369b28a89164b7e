// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/aof"
)

// aofState says whether what commands change is logged in files.
type aofState int32

const (
	aofOff     aofState = iota
	aofWaiting          // it is, but the base is still being made: a start would not find it yet
	aofOn
)

// appendOnly is the server's append-only files. What is on the disk is changed with work held, by goroutines that may wait for it; what a
// loop wants to know is atomic.
type appendOnly struct {
	state  atomic.Int32
	writer atomic.Pointer[logWriter] // nil if nothing is logged

	current   atomic.Pointer[aofRewrite] // that is under way; nil: none
	scheduled atomic.Bool                // one is to begin when it can
	starting  atomic.Bool                // one is about to begin by itself
	failed    atomic.Bool                // the last one has
	baseSize  atomic.Int64               // bytes of all files when the last one had ended, or of the base at the start
	rewrites  atomic.Int64               // that have begun
	failures  atomic.Int64               // how many have failed one after the other, up to now
	took      atomic.Int64               // seconds that the last one took; -1: there was none
	copied    atomic.Int64               // bytes that commands saved before they changed them, during the last one
	limit     rewriteLimit               // cron's
	rest      atomic.Int64               // µs to wait before something is written
	spent     atomic.Int64               // ns that writing has taken

	work     sync.Mutex
	dir      aof.Dir       // guarded by work; stays as it is while the state is aofOn
	manifest *aof.Manifest // as it is on the disk; guarded by work
	unsure   bool          // or it is the one before when power is lost; guarded by work
}

// is tells whether that is the state.
func (a *appendOnly) is(state aofState) bool { return aofState(a.state.Load()) == state }

// aofLog is the log as a writer needs it: with a place in it.
type aofLog struct {
	*engine.Log
	*engine.LogReader
}

// logWriter is a writer with its place in the log.
type logWriter struct {
	*aof.Writer
	reader *engine.LogReader
}

// aofDir gives the directory of append-only files that a directive names: appenddirname, or backupdirname.
func (s *Server) aofDir(directive string) aof.Dir {
	return aof.Dir{
		Disk: s.disk, Path: s.config.InDir(s.config.Str(directive).Load()),
		Names: aof.Names(s.config.Str("appendfilename").Load()),
	}
}

// readManifest reads the manifest of the directory that the configuration names, if there is one. s.aof.work is held.
func (s *Server) readManifest() error {
	a := &s.aof
	a.dir = s.aofDir("appenddirname")
	m, err := a.dir.ReadManifest()
	var bad *aof.ManifestError
	switch {
	case err == nil:
		a.manifest = m
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return s.noManifest()
	case errors.As(err, &bad):
		lines := bad.Lines()
		last := len(lines) - 1
		for _, line := range lines[:last] {
			s.log.Warn(line)
		}
		return &StartError{lines[last], err}
	}
	name := a.dir.File(a.dir.Names.Manifest())
	return &StartError{fmt.Sprintf("Fatal error: can't open the AOF manifest file %s for reading: %s", name, config.SystemText(err)), err}
}

// noManifest makes a manifest for a directory that has none. Files that are there in spite of that are not read, as in Redis, nor written
// over: somebody may have lost no more than the manifest. s.aof.work is held.
func (s *Server) noManifest() error {
	a := &s.aof
	m, strays, err := a.dir.Strays()
	if err != nil {
		return &StartError{fmt.Sprintf("Fatal error: can't read the append-only dir %s: %s", a.dir.Path, config.SystemText(err)), err}
	}
	if len(strays) > 0 {
		s.log.Warn(fmt.Sprintf("There is no AOF manifest file %s, so that these files are not read. They stay where they are: %s",
			a.dir.Names.Manifest(), strings.Join(strays, ", ")))
	}
	a.manifest = m
	return nil
}

// openAppendOnly begins to log what commands change, at the start, when the data is there that the files have. Nobody else may be at the
// data. s.aof.work is held.
func (s *Server) openAppendOnly() error {
	if err := s.openLastIncr(); err != nil {
		return &StartError{err.Error(), err}
	}
	s.removeHistory()
	return nil
}

// openLastIncr goes on with the last increment, and makes what files are missing. Its error is a line of the log. s.aof.work is held.
func (s *Server) openLastIncr() error {
	a := &s.aof
	if err := a.dir.Create(); err != nil {
		return err
	}
	_ = s.disk.Remove(a.dir.File(a.dir.Names.TempIncr())) // of a server that was killed before its first base was there: it only takes room
	m := a.manifest.Clone()
	if len(m.Files()) == 0 {
		s.tellUnread()
		preamble := s.config.Bool("aof-use-rdb-preamble").Load()
		base := m.NewBase(a.dir.Names, preamble)
		if err := s.writeFirstBase(base.Name, preamble); err != nil {
			return err
		}
		s.log.Info("Creating AOF base file " + base.Name + " on server start")
	}
	if err := a.dir.Sync(m); err != nil {
		return err
	}
	fresh := len(m.Incr()) == 0
	if fresh {
		m.NewIncr(a.dir.Names)
	}
	incr := m.Incr()[len(m.Incr())-1]
	file, err := a.dir.OpenIncr(incr.Name, fresh)
	if err != nil {
		return fmt.Errorf("Can't open the append-only file %s: %s", incr.Name, config.SystemText(err))
	}
	if fresh {
		if err := a.dir.WriteManifest(m); err != nil {
			_ = file.Close()
			return err
		}
	}
	a.manifest = m
	base, _ := m.Base()
	a.baseSize.Store(a.dir.Size(base))
	size, total := a.dir.Size(incr), a.dir.Size(m.Files()...)
	s.startWriter(aof.Beginning{File: file, Size: size, Before: total - size, Counts: true})
	s.aofCounts()
	verb := "Opening"
	if fresh {
		verb = "Creating"
	}
	s.log.Info(verb + " AOF incr file " + incr.Name + " on server start")
	return nil
}

// tellUnread has the log tell of a snapshot that a start with append-only files does not read, though there are none of these.
func (s *Server) tellUnread() {
	path := s.snapshotPath()
	if path == "" {
		return
	}
	if there, _ := s.isFile(path); there { // or who saves finds out
		s.log.Warn(fmt.Sprintf("WARNING: appendonly is on and there are no append-only files, so the server starts empty: %s is not read, and the next "+
			"save replaces it. To have its data, end the server by SHUTDOWN NOSAVE, start it with appendonly no, and use CONFIG SET appendonly yes.", path))
	}
}

// startWriter has what is logged written from now on: the world is still, or nobody is at the data yet.
func (s *Server) startWriter(b aof.Beginning) {
	reader := s.engine.Effects.Attach(nil)
	b.At = reader.Offset()
	w := aof.NewWriter(aofLog{s.engine.Effects, reader}, b, aof.WriterOptions{
		Policy: s.aofPolicy(), Mono: s.machine.Mono, Unix: s.seconds, Stamps: s.config.Bool("aof-timestamp-enabled").Load,
		Warn: func(line string) { s.log.Warn(line) }, Info: func(line string) { s.log.Info(line) },
		Failing: s.aofFailing, Fatal: s.fail, Before: s.aofRest, Wrote: s.aofWrote,
		Synced: func(ns int64) { s.engine.Stats.Spikes.Note("aof-fsync-always", ns, s.clock.WallMillis()) },
	})
	s.aof.writer.Store(&logWriter{w, reader})
	s.engine.Effects.SetHooks(w.Flush, w.Sync)
	w.Start()
}

// aofRest waits before something is written, as long as DEBUG AOF-FLUSH-SLEEP says.
func (s *Server) aofRest() {
	if micros := s.aof.rest.Load(); micros > 0 {
		<-time.After(time.Duration(micros) * time.Microsecond)
	}
}

// aofWrote has the latency events of writes noted.
func (s *Server) aofWrote(ns int64, syncing bool) {
	s.aof.spent.Add(ns)
	spikes := &s.engine.Stats.Spikes
	if ns < spikes.From() {
		return
	}
	event := "aof-write-alone"
	switch {
	case syncing:
		event = "aof-write-pending-fsync"
	case s.saving() || s.rewriting():
		event = "aof-write-active-child"
	}
	now := s.clock.WallMillis()
	spikes.Note(event, ns, now)
	spikes.Note("aof-write", ns, now)
}

// aofCounts notes that a start would find all that is logged.
func (s *Server) aofCounts() {
	s.aof.state.Store(int32(aofOn))
	s.engine.Effects.SetFile(engine.FileOn)
	s.applyAppendFsync()
}

// aofPolicy gives what the configuration says of syncs.
func (s *Server) aofPolicy() aof.Policy {
	switch fsync := s.config.Enum("appendfsync"); {
	case fsync.Is("always"):
		return aof.Always
	case fsync.Is("no"):
		return aof.Never
	}
	return aof.EverySec
}

// applyAppendFsync has the writer, and replies, follow what the configuration says of syncs.
func (s *Server) applyAppendFsync() {
	if w := s.aof.writer.Load(); w != nil {
		w.SetPolicy(s.aofPolicy())
	}
	if !s.broken.Load() { // or nobody is to learn what is lost
		s.engine.Effects.HoldReplies(s.aof.is(aofOn) && s.aofPolicy() == aof.Always)
	}
}

// aofFailing has commands that write refused while what they do cannot be logged, or no longer.
func (s *Server) aofFailing(err error) {
	if err == nil {
		s.engine.RefuseWrites(engine.KeeperAOF, "")
		return
	}
	s.engine.RefuseWrites(engine.KeeperAOF, command.Error("MISCONF Errors writing to the AOF file: "+config.SystemText(err)))
}

// followAppendOnly has the append-only files follow what the configuration says of them, now and whenever that changes; but for the directive
// appendonly, for which see switchAppendOnly.
func (s *Server) followAppendOnly() {
	s.aof.took.Store(-1)
	s.config.OnChange(func() error {
		s.applyAppendFsync()
		return nil
	}, "appendfsync")
	s.config.OnChange(func() error {
		s.works.Go(func() {
			s.aof.work.Lock()
			defer s.aof.work.Unlock()
			if s.aof.manifest != nil {
				s.removeHistory()
			}
		})
		return nil
	}, "aof-disable-auto-gc")
}

// switchAppendOnly begins to log what commands change, or ends it, as the configuration says now. Only an error of what it cannot begin is
// given, when the log has told of it.
func (s *Server) switchAppendOnly(inTransaction bool) error {
	a := &s.aof
	a.work.Lock()
	defer a.work.Unlock()
	on := s.config.Bool("appendonly").Load()
	switch {
	case on && a.is(aofOff):
		return s.startAppendOnly(inTransaction)
	case !on && !a.is(aofOff):
		s.stopAppendOnly()
	}
	return nil
}

// startAppendOnly is switchAppendOnly for the beginning: it begins with a rewrite, which may have to wait. s.aof.work is held.
func (s *Server) startAppendOnly(inTransaction bool) error {
	a := &s.aof
	a.state.Store(int32(aofWaiting))
	s.engine.Effects.SetFile(engine.FileComing)
	switch {
	case s.saving():
		a.scheduled.Store(true)
		s.log.Info("AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible.")
		return nil
	case inTransaction:
		a.scheduled.Store(true)
		s.log.Info("AOF was enabled during a transaction. An AOF background was scheduled to start when possible.")
		return nil
	case s.rewriting():
		s.log.Info("AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a rewrite now.")
		s.cancelRewrite()
	}
	if err := s.startRewrite(); err != nil {
		a.state.Store(int32(aofOff))
		s.engine.Effects.SetFile(engine.FileOff)
		s.log.Warn("Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. " +
			"Check the above logs for more info about the error.")
		return err
	}
	return nil
}

// stopAppendOnly writes what was logged and ends the logging. s.aof.work is held.
func (s *Server) stopAppendOnly() {
	a := &s.aof
	a.scheduled.Store(false)
	s.cancelRewrite()
	_ = s.closeWriter() // the log has told of it
	a.state.Store(int32(aofOff))
	s.engine.Effects.SetFile(engine.FileOff)
}

// closeWriter has what was logged written, or not if a start would not find it, and ends the writer, if there is one. An error says that
// something may not be there at a start. s.aof.work is held.
func (s *Server) closeWriter() (err error) {
	a := &s.aof
	w := a.writer.Load()
	if w == nil {
		return nil
	}
	s.engine.Effects.SetHooks(nil, nil)
	if a.is(aofOn) {
		err = w.Close()
	} else {
		w.Abandon()
	}
	a.writer.Store(nil)
	w.reader.Close()
	if !s.broken.Load() { // or what was promised has not been kept, and nobody is to learn what is lost
		s.engine.Effects.HoldReplies(false)
	}
	s.aofFailing(nil)
	if err != nil {
		s.log.Warn("The append-only file lacks the last changes: " + config.SystemText(err))
	}
	return err
}

// closeAppendOnly writes what was logged, at the server's end, when no command runs any more.
func (s *Server) closeAppendOnly() {
	a := &s.aof
	a.work.Lock()
	defer a.work.Unlock()
	if a.writer.Load() != nil && a.is(aofOn) {
		s.log.Info("Calling fsync() on the AOF file.")
	}
	if s.closeWriter() != nil {
		s.broken.Store(true)
	}
}

// endsWithAOF tells, before the server ends, whether the append-only files do not stand in the way. run has work done that may take long.
func (s *Server) endsWithAOF(force bool, run func(work func())) bool {
	if w := s.aof.writer.Load(); w != nil && s.aof.is(aofOn) && w.Failing() {
		var err error
		if run(func() { err = w.Drain() }); err != nil && !force {
			s.log.Warn("The append-only file lacks changes that cannot be written, can't exit: " + config.SystemText(err))
			return false
		}
	}
	if s.aof.is(aofWaiting) {
		if !force {
			s.log.Warn("Writing initial AOF, can't exit.")
			return false
		}
		s.log.Warn("Writing initial AOF. Exit anyway.")
	}
	if r := s.aof.current.Load(); r != nil {
		s.log.Warn("There is a child rewriting the AOF. Killing it!")
		r.cancel()
	}
	return true
}
