// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/persist/aof"
	"github.com/redpoll/redpoll/internal/persist/disk"
)

// A rewrite makes a new base, which has the data as it is at an instant; what is logged from then on goes to a new increment. When the
// base is on the disk the manifest names these two, and all that was before them is history. Until then, and if the rewrite fails, the old
// files are good, the new increment following the others.

// The errors of BGREWRITEAOF.
const (
	errRewriteUnderWay command.Error = "ERR Background append only file rewriting already in progress"
	errCannotRewrite   command.Error = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information."
)

// commandsFormat is the format of a snapshot that is a base of commands; see fileFormat.
type commandsFormat struct{}

// aofRewrite is a rewrite that is under way: the sink of a snapshot.
type aofRewrite struct {
	dumpSink               // of the base
	first    bool          // what is logged is in no file of the manifest before the rewrite has succeeded; Immutable
	preamble bool          // the base has the form of a snapshot; Immutable
	began    int64         // Unix seconds; Immutable
	stop     chan struct{} // closed when it is cancelled

	dir      string    // where the base is written: beside the directory that it is for, whatever dir has become. Immutable
	incr     disk.File // of what is logged from the instant on; nil: nothing is. Immutable
	incrName string    // Immutable

	snapshot atomic.Pointer[engine.Snapshot]

	mu        sync.Mutex // a leaf but for the log
	cancelled bool       // guarded by mu
	begun     bool       // the instant has come; guarded by mu
}

// rewriting tells whether a rewrite is under way.
func (s *Server) rewriting() bool { return s.aof.current.Load() != nil }

// bgRewriteAOF implements BGREWRITEAOF.
func (s *Server) bgRewriteAOF(c *command.Ctx) error {
	a := &s.aof
	switch {
	case s.rewriting():
		return errRewriteUnderWay
	case s.saving() || !c.MayWait(): // in a transaction it begins when that is over
		a.failures.Store(0) // so that nothing holds it back
		a.scheduled.Store(true)
		c.Reply.Simple("Background append only file rewriting scheduled")
		return nil
	}
	err := error(errRewriteUnderWay)
	ended := s.aside(c, func() {
		a.work.Lock()
		defer a.work.Unlock()
		if !s.rewriting() {
			err = s.startRewrite()
		}
	})
	switch {
	case ended != nil:
		return ended
	case err == error(errRewriteUnderWay):
		return err
	case err != nil:
		return errCannotRewrite
	}
	c.Reply.Simple("Background append only file rewriting started")
	return nil
}

// rewriteLimit holds back rewrites that begin by themselves when those before have failed: every one of them leaves an increment.
type rewriteLimit struct {
	delay int64 // minutes for which it held the last one back; 0: none
	until int64 // Unix seconds; 0: it holds none back
}

const (
	failuresAllowed = 3  // in a row, before rewrites are held back
	longestDelay    = 60 // minutes
)

// holds tells whether a rewrite is held back at a time, Unix seconds, after so many failures; said is the minutes for which it is from now
// on, 0 if that is no news.
func (l *rewriteLimit) holds(failures, now int64) (yes bool, said int64) {
	switch {
	case failures < failuresAllowed:
		*l = rewriteLimit{}
		return false, 0
	case l.until != 0 && now < l.until:
		return true, 0
	case l.until != 0:
		l.until = 0
		return false, 0
	}
	l.delay = min(max(2*l.delay, 1), longestDelay)
	l.until = now + 60*l.delay
	return true, l.delay
}

// rewriteIfDue begins a rewrite if somebody has asked for it who could not have it at once, if the files have grown as the configuration
// says, or if the disk may have lost something of them. Cron calls it.
func (s *Server) rewriteIfDue() {
	a := &s.aof
	if s.rewriting() || s.saving() || s.Loading() || a.starting.Load() {
		return
	}
	growth, grown := s.aofGrowth()
	if !a.scheduled.Load() && !grown && !s.aofDamaged() {
		return
	}
	held, minutes := a.limit.holds(a.failures.Load(), s.seconds())
	if minutes > 0 {
		s.log.Warn(fmt.Sprintf("Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes", minutes))
	}
	if held {
		return
	}
	if grown && !a.scheduled.Load() {
		s.log.Info(fmt.Sprintf("Starting automatic rewriting of AOF on %d%% growth", growth))
	}
	a.starting.Store(true)
	s.works.Go(func() {
		defer a.starting.Store(false)
		a.work.Lock()
		defer a.work.Unlock()
		if !s.rewriting() && s.startRewrite() != nil {
			a.failures.Add(1)
		}
	})
}

// aofGrowth gives by how many per cent the files have grown since the last rewrite, and whether there is to be another one for that.
func (s *Server) aofGrowth() (percent int64, due bool) {
	w, most := s.aof.writer.Load(), s.config.Int("auto-aof-rewrite-percentage").Load()
	if w == nil || !s.aof.is(aofOn) || most == 0 || w.Size() <= s.config.Int("auto-aof-rewrite-min-size").Load() {
		return 0, false
	}
	percent = w.Size()*100/max(s.aof.baseSize.Load(), 1) - 100
	return percent, percent >= most
}

// aofDamaged tells whether the disk may have lost something that was logged.
func (s *Server) aofDamaged() bool {
	w := s.aof.writer.Load()
	return w != nil && s.aof.is(aofOn) && w.Damaged()
}

// startRewrite begins a rewrite. The error is in the log. s.aof.work is held.
func (s *Server) startRewrite() error {
	a := &s.aof
	r := &aofRewrite{
		first: a.is(aofWaiting), preamble: s.config.Bool("aof-use-rdb-preamble").Load(), began: s.seconds(), stop: make(chan struct{}),
	}
	r.dumpSink = dumpSink{s: s, options: s.fileOptions(), begin: r.divert, create: func(enc dumpEncoder) (*dumpFile, error) {
		return s.createBase(r.dir, enc, r.stop)
	}}
	r.options.Base = true
	if err := r.prepare(); err != nil {
		s.log.Warn(err.Error())
		a.failed.Store(true)
		return err
	}
	a.rewrites.Add(1)
	a.current.Store(r)
	a.scheduled.Store(false)
	s.log.Info(fmt.Sprintf("Background append only file rewriting started by pid %d", os.Getpid()))
	request := r.request(r)
	if !r.preamble {
		request.Encoder, request.Format = &aof.CommandEncoder{}, commandsFormat{}
	}
	r.snapshot.Store(s.engine.Snapshot(request))
	return nil
}

// prepare opens the increment for what is logged from the instant on, if anything is. Its error is a line of the log. s.aof.work is held.
func (r *aofRewrite) prepare() error {
	s, a := r.s, &r.s.aof
	if !a.is(aofOn) { // there may be another directory than before
		a.dir = s.aofDir("appenddirname")
	}
	if err := a.dir.Create(); err != nil {
		return err
	}
	r.dir = filepath.Dir(a.dir.Path)
	if !a.is(aofOn) {
		if err := s.readManifest(); err != nil || a.is(aofOff) {
			return err
		}
	}
	m, name := a.manifest.Clone(), a.dir.Names.TempIncr()
	if !r.first {
		if a.writer.Load().Rotating() {
			return errors.New("Can't rewrite append only file in background: the increment of the last rewrite is still to be written to the disk")
		}
		name = m.NewIncr(a.dir.Names).Name
	}
	f, err := a.dir.OpenIncr(name, true)
	if err != nil {
		return fmt.Errorf("Can't open the append-only file %s: %s", name, config.SystemText(err))
	}
	if !r.first {
		if err := s.putManifest(m); err != nil {
			_ = f.Close()
			return err
		}
		a.writer.Load().SyncEarly()
	}
	r.incr, r.incrName = f, name
	s.log.Info("Creating AOF incr file " + name + " on background rewrite")
	return nil
}

// putManifest puts a manifest on the disk. Its error is a line of the log; what is new in the manifest is not used again then. s.aof.work
// is held.
func (s *Server) putManifest(m *aof.Manifest) error {
	a := &s.aof
	err := a.dir.WriteManifest(m)
	if a.unsure = errors.Is(err, aof.ErrUnsure); err == nil || a.unsure {
		a.manifest = m
		return err
	}
	a.manifest.Skip(m)
	return err
}

// divert has what is logged from now on, at the instant, go to the new increment. The world is still.
func (r *aofRewrite) divert() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancelled {
		return
	}
	r.begun = true
	switch {
	case r.incr == nil:
	case r.first:
		r.s.startWriter(aof.Beginning{At: r.instant.LogOffset, File: r.incr})
	default:
		r.s.aof.writer.Load().Rotate(r.instant.LogOffset, r.incr)
	}
}

// cancel ends the rewrite, which the state of the server no longer knows of. It does not wait.
func (r *aofRewrite) cancel() {
	r.mu.Lock()
	again := r.cancelled
	r.cancelled = true
	r.mu.Unlock()
	if again {
		return
	}
	close(r.stop)
	if snapshot := r.snapshot.Load(); snapshot != nil {
		snapshot.Cancel()
	}
}

// End implements engine.Sink.
func (r *aofRewrite) End(err error) {
	r.s.works.Go(func() { r.finish(err) }) // the walker has others to serve
}

// hasBegun tells whether the instant has come, and what was logged since is written to the new increment.
func (r *aofRewrite) hasBegun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// finish ends the rewrite.
func (r *aofRewrite) finish(err error) {
	s, a := r.s, &r.s.aof
	err = r.complete(err)
	a.work.Lock()
	defer a.work.Unlock()
	if r.incr != nil && !r.hasBegun() {
		_ = r.incr.Close() // nothing was written to it
	}
	if a.current.Load() != r { // it was cancelled
		if err == nil {
			r.file.drop()
		}
		return
	}
	if err == nil {
		s.log.Info("Successfully created the temporary AOF base file " + filepath.Base(r.file.temp))
		s.log.Info("Background AOF rewrite terminated with success")
		err = s.adopt(r)
	} else if !gaveUp(err) {
		s.log.Warn(err.Error())
		s.log.Warn("Background AOF rewrite terminated with error")
	}
	a.failed.Store(err != nil)
	if err != nil {
		a.failures.Add(1)
	} else {
		a.failures.Store(0)
		s.log.Info("Background AOF rewrite finished successfully")
	}
	s.leaveRewrite(r)
	if w := a.writer.Load(); w != nil && r.first && err == nil {
		w.Count() // last: who waits for that in WAITAOF finds no rewrite under way
	}
}

// leaveRewrite notes that a rewrite is over. If it was to make the first base and has not, another one is to. s.aof.work is held.
func (s *Server) leaveRewrite(r *aofRewrite) {
	a := &s.aof
	a.took.Store(s.seconds() - r.began)
	if snapshot := r.snapshot.Load(); snapshot != nil {
		a.copied.Store(snapshot.Copied())
	}
	a.current.Store(nil)
	if !r.first || a.is(aofOn) {
		return
	}
	_ = s.closeWriter() // it writes nothing
	s.log.Info("Removing the temp incr aof file " + r.incrName + " in the background")
	_ = a.dir.Disk.Remove(a.dir.File(r.incrName))
	a.scheduled.Store(s.config.Bool("appendonly").Load()) // else it was switched off
}

// cancelRewrite ends the rewrite that is under way, if there is one. s.aof.work is held.
func (s *Server) cancelRewrite() {
	r := s.aof.current.Load()
	if r == nil {
		return
	}
	s.log.Info(fmt.Sprintf("Killing running AOF rewrite child: %d", os.Getpid()))
	r.cancel()
	s.leaveRewrite(r)
}

// adopt makes the file of a rewrite that has succeeded the base. Its error is in the log. s.aof.work is held.
func (s *Server) adopt(r *aofRewrite) error {
	a := &s.aof
	m := a.manifest.Clone()
	base := m.NewBase(a.dir.Names, r.preamble)
	made, err := s.adoptFiles(r, m, base)
	if err == nil {
		err = s.putManifest(m)
	}
	if err != nil {
		s.log.Warn(err.Error())
		if !errors.Is(err, aof.ErrUnsure) {
			for _, name := range made {
				_ = a.dir.Disk.Remove(a.dir.File(name))
			}
		}
		return err
	}
	if w := a.writer.Load(); w != nil {
		w.Supersede(r.instant.LogOffset, a.dir.Size(base)) // from now on the rotation needs the old file no more
		w.AwaitRotation()
		if r.first {
			s.aofCounts()
		}
		a.baseSize.Store(w.Size())
	}
	s.removeHistory()
	return nil
}

// adoptFiles gives the files of a rewrite their names, and a new manifest what it is to have of them. It gives the names; its error is a
// line of the log.
func (s *Server) adoptFiles(r *aofRewrite, m *aof.Manifest, base aof.File) (made []string, err error) {
	a := &s.aof
	temp := filepath.Base(r.file.temp)
	if err := s.renameAOF(r.file.temp, a.dir.File(base.Name)); err != nil {
		r.file.drop()
		return nil, fmt.Errorf("Error trying to rename the temporary AOF base file %s into %s: %s", temp, a.dir.File(base.Name), config.SystemText(err))
	}
	made = append(made, base.Name)
	s.log.Info("Successfully renamed the temporary AOF base file " + temp + " into " + base.Name)
	keep := r.incrName
	if r.first {
		keep = m.NewIncr(a.dir.Names).Name
		if err := s.renameAOF(a.dir.File(r.incrName), a.dir.File(keep)); err != nil {
			return made, fmt.Errorf("Error trying to rename the temporary AOF incr file %s into %s: %s", r.incrName, keep, config.SystemText(err))
		}
		made = append(made, keep)
		s.log.Info("Successfully renamed the temporary AOF incr file " + r.incrName + " into " + keep)
	}
	m.Supersede(keep)
	return made, nil
}

// renameAOF renames a file. What takes long is a latency event.
func (s *Server) renameAOF(from, to string) error {
	began := s.machine.Mono()
	err := s.disk.Rename(from, to)
	s.engine.Stats.Spikes.Note("aof-rename", s.machine.Mono()-began, s.clock.WallMillis())
	return err
}

// removeHistory removes the files that the manifest has as history only, unless they are to be kept, or the one before may come back. s.aof.work
// is held.
func (s *Server) removeHistory() {
	a := &s.aof
	if len(a.manifest.History()) == 0 || a.unsure || s.config.Bool("aof-disable-auto-gc").Load() {
		return
	}
	for _, f := range a.manifest.History() {
		s.log.Info("Removing the history file " + f.Name + " in the background")
		_ = a.dir.Disk.Remove(a.dir.File(f.Name)) // it may be gone already; and if it stays it is in nobody's way
	}
	m := a.manifest.Clone()
	m.ForgetHistory()
	if err := s.putManifest(m); err != nil {
		s.log.Warn(err.Error())
	}
}
