// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/persist/disk"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/script"
	"github.com/redpoll/redpoll/internal/stats"
	"github.com/redpoll/redpoll/internal/store"
)

// ErrStopped is AwaitData's error for a server that was told to end before its data was there.
var ErrStopped = errors.New("the server was stopped while it loaded its data")

// loading is the state of a load: the one at the start, while the loops answer whoever asks that the data is not there yet.
type loading struct {
	over chan struct{} // closed when the data is there, or will not be
	err  error         // why it will not be; written before over is closed

	// What INFO tells, while the engine is loading.
	began     atomic.Int64 // Unix s
	beganMono atomic.Int64 // the machine's mono ns
	total     atomic.Int64 // bytes that are to be read
	done      atomic.Int64 // of them
	keys      atomic.Int64 // that came of them
	usedMem   atomic.Int64 // bytes that the data had in the server that wrote it, as far as the file says

	logged int64 // mono ns at which the log last said how far it is; belongs to who loads
}

// A source is what a server takes its data from when it starts.
type source struct {
	size int64 // bytes
	// load takes the data from it, and closes it. It tells loadedTo how far it is, and ends with the error that it gets from there; when
	// the data is there the log has a line that says how long it took.
	load func() error
}

// loadAtStart begins to take the data from its files, if there are any. The loops do not run yet. When it has no error the engine is
// loading until loadFrom, which has to be called then, has come to its end; with from nil there is nothing to load.
func (s *Server) loadAtStart() (from *source, err error) {
	s.snapshots.last.Store(s.started.Unix())
	s.snapshots.took = -1
	s.followSaving()
	s.tidyDumps()
	if from, err = s.openData(); from == nil {
		return nil, err
	}
	l := &s.loading
	l.began.Store(s.seconds())
	l.beganMono.Store(s.machine.Mono())
	l.total.Store(from.size)
	s.engine.SetLoading(true)
	return from, nil
}

// openData finds what the data is to be taken from; nil for nothing. With appendonly what commands change is logged when it is there.
func (s *Server) openData() (from *source, err error) {
	if !s.config.Bool("appendonly").Load() {
		return s.openSource()
	}
	a, begin := &s.aof, s.openAppendOnly
	a.work.Lock()
	defer a.work.Unlock()
	if s.preloads() && !s.preloadsOwn() {
		from, err = s.preloadSource()
		begin = func() error { return s.startAppendOnly(false) } // what is there of an earlier time gives way to a new base
	} else if err = s.readManifest(); err == nil {
		if a.manifest, err = s.adoptOldAOF(a.dir, a.manifest); err == nil {
			from, err = s.aofSource(a.dir, a.manifest)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case from == nil:
		return nil, begin()
	}
	load := from.load
	from.load = func() error {
		if err := load(); err != nil {
			return err
		}
		a.work.Lock()
		defer a.work.Unlock()
		return begin()
	}
	return from, nil
}

// loadFrom takes the data from a source, and has clients served when it is there. When it fails they never are.
func (s *Server) loadFrom(from *source) {
	l := &s.loading
	defer close(l.over)
	l.logged = l.beganMono.Load()
	if l.err = from.load(); l.err == nil && s.ended() {
		l.err = ErrStopped
	}
	if l.err != nil {
		return
	}
	s.engine.SetLoading(false)
}

// loadTook gives the time that the load has taken until now.
func (s *Server) loadTook() time.Duration {
	return time.Duration(s.machine.Mono() - s.loading.beganMono.Load())
}

// AwaitData waits until the data that the server starts with is there, and commands are run. With an error it will not be, and the server
// is to be closed: a *StartError, or ErrStopped.
func (s *Server) AwaitData() error {
	<-s.loading.over
	return s.loading.err
}

// Loading tells whether the data that the server starts with is still being loaded.
func (s *Server) Loading() bool { return s.engine.Loading() }

// ended tells whether the server has been told to end.
func (s *Server) ended() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// loadedTo notes that so many bytes of the source have been loaded, and so many keys of a snapshot, or commands of a log. The log hears of it
// every second. With an error the loading is to end, for the server does.
func (s *Server) loadedTo(bytes, keys int64) error {
	if s.ended() {
		return ErrStopped
	}
	l := &s.loading
	l.done.Store(bytes)
	l.keys.Store(keys)
	if now := s.machine.Mono(); now-l.logged >= int64(time.Second) {
		l.logged = now
		s.log.Info(fmt.Sprintf("Loading: %.1f%% of %d bytes, %d keys or commands, about %d seconds left", l.percent(), l.total.Load(), keys, l.left(now)))
	}
	return nil
}

// percent tells how much of the source has been read.
func (l *loading) percent() float64 {
	return float64(l.done.Load()) / float64(max(l.total.Load(), 1)) * 100
}

// left gives the seconds that the rest will take, by the time that what was loaded has taken until now, mono ns.
func (l *loading) left(now int64) int64 {
	took, done := (now-l.beganMono.Load())/int64(time.Second), l.done.Load()
	if took == 0 || done == 0 {
		return 1
	}
	return max(took*(l.total.Load()-done)/done, 0)
}

// loadingStats tells of a load that is under way, behind the other fields of its section.
func (s *Server) loadingStats(sec *stats.Section) {
	l := &s.loading
	sec.Group(func(v *stats.Values) {
		if !s.engine.Loading() {
			return
		}
		v.Int("loading_start_time", l.began.Load())
		v.Int("loading_total_bytes", l.total.Load())
		v.Int("loading_rdb_used_mem", l.usedMem.Load())
		v.Int("loading_loaded_bytes", l.done.Load())
		v.Float("loading_loaded_perc", l.percent(), 2)
		v.Int("loading_eta_seconds", l.left(s.machine.Mono()))
		v.Int("redpoll_loading_loaded_keys", l.keys.Load())
	}, stats.Field{Name: "loading_*", Kind: stats.Gauge, Help: "how far a load is that is under way"},
		stats.Field{Name: "redpoll_loading_loaded_keys", Kind: stats.Gauge, Help: "keys of a snapshot, or commands of a log, that it has loaded"})
}

// openSource opens what the server is to start from; nil if there is nothing.
func (s *Server) openSource() (*source, error) {
	if s.preloads() {
		return s.preloadSource()
	}
	f, err := s.openSnapshotFile()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return s.snapshotSource(f, err)
}

// snapshotSource makes a source of the file of a snapshot, which err says that could not be opened.
func (s *Server) snapshotSource(f disk.File, err error) (*source, error) {
	var info fs.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if err != nil {
		return nil, errLoad(err)
	}
	return &source{size: info.Size(), load: func() error {
		defer f.Close()
		_, err := s.load(f, s.loneView(s.clock.WallMillis()), rdb.LoadOptions{Beside: true, Progress: s.loadedTo, Delay: s.delayLoad})
		switch {
		case err == nil:
			s.log.Info(fmt.Sprintf("DB loaded from disk: %.3f seconds", s.loadTook().Seconds()))
			return nil
		case err == ErrStopped:
			return err
		case errors.Is(err, rdb.ErrFormat):
			return &StartError{"Terminating server after rdb file reading failure.", err}
		}
		return errLoad(err)
	}}, nil
}

// errLoad is the error of a start whose data cannot be read.
func errLoad(err error) error {
	return &StartError{"Fatal error loading the DB: " + config.SystemText(err) + ". Exiting.", err}
}

// openSnapshotFile opens the file of a snapshot. fs.ErrNotExist says that there is none.
func (s *Server) openSnapshotFile() (disk.File, error) {
	path := s.snapshotPath()
	if path == "" {
		return nil, fs.ErrNotExist
	}
	return s.disk.Open(path)
}

// delayLoad waits as key-load-delay says, behind each key: so many µs, or if it is negative, 1 µs behind one of so many keys.
func (s *Server) delayLoad() {
	delay := s.keyLoadDelay.Load()
	if delay < 0 {
		if s.loadedKeys++; s.loadedKeys%-delay != 0 {
			return
		}
		delay = 1
	}
	if delay == 0 {
		return
	}
	timer := time.NewTimer(time.Duration(delay) * time.Microsecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopped:
	}
}

// mostMakers is how many goroutines make keys of what is read at most: more would wait for the one that reads.
const mostMakers = 8

// load reads a file into the databases of a view as the options say; beside them it does what the configuration says. Of what is damaged the
// log tells; some of the keys are there then.
func (s *Server) load(f disk.File, view *store.View, o rdb.LoadOptions) (n rdb.Loaded, err error) {
	defer view.ForgetReady()
	o.Checksum = s.config.Bool("rdbchecksum").Load()
	o.Makers = min(s.numLoops, mostMakers)
	if info, err := f.Stat(); err == nil {
		o.Size = info.Size()
	}
	s.logLoading(&o, view.NowMillis)
	libraries := s.loadLibraries(&o)
	n, err = rdb.ReadFile(f, view, o)
	if err != nil {
		if err != ErrStopped {
			s.log.Warn("Error reading the RDB file " + f.Name() + ": " + err.Error())
		}
		return n, err
	}
	if o.Check {
		return n, nil
	}
	libraries.Publish()
	s.snapshots.loaded.Store(n.Keys)
	s.snapshots.expired.Store(n.Expired)
	line := fmt.Sprintf("Done loading RDB, keys loaded: %d, keys expired: %d", n.Keys, n.Expired)
	if n.Empty > 0 {
		s.log.Warn(fmt.Sprintf("%s, empty keys skipped: %d.", line, n.Empty))
	} else {
		s.log.Info(line + ".")
	}
	return n, nil
}

// loadLibraries has libraries of functions that are read added to a LibraryLoad, which it gives.
func (s *Server) loadLibraries(o *rdb.LoadOptions) *script.LibraryLoad {
	stopped := func() error {
		if s.ended() {
			return ErrStopped
		}
		return nil
	}
	libraries := s.scripts.LoadLibraries(o.Replace, stopped)
	if o.Check {
		libraries = s.scripts.CheckLibraries(stopped)
	}
	o.Library = libraries.Add
	return libraries
}

// logLoading has the log say what a file says of itself.
func (s *Server) logLoading(o *rdb.LoadOptions, now int64) {
	if o.Check {
		return
	}
	const emptyTold = 10
	empty := 0
	o.Aux = func(name, value string) {
		switch name {
		case "redis-ver", "valkey-ver":
			s.log.Info("Loading RDB produced by version " + value)
		case "ctime":
			if at, ok := num.ParseInt([]byte(value)); ok {
				s.log.Info(fmt.Sprintf("RDB age %d seconds", max(now/1000-at, 0)))
			}
		case "used-mem":
			if bytes, ok := num.ParseInt([]byte(value)); ok {
				s.log.Info(fmt.Sprintf("RDB memory usage when created %.2f Mb", float64(bytes)/(1<<20)))
				s.loading.usedMem.Store(bytes)
			}
		}
	}
	o.Skipped = func(what string) {
		s.log.Warn("The RDB file has " + what + ": it was skipped, and will not be in the file when the DB is saved")
	}
	o.EmptyKey = func(key []byte) {
		if empty++; empty <= emptyTold {
			s.log.Warn("rdbLoadObject skipping empty key: " + string(key))
		}
	}
}

// loneView gives a view of the data for one who has it to himself, at a time in Unix ms.
func (s *Server) loneView(now int64) *store.View {
	v := s.engine.Store.NewView()
	v.NowMillis = now
	return v
}
