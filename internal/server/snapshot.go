// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/persist/rdb"
	"github.com/redpoll/redpoll/internal/store"
)

// loneView gives a view of the data for one who has it to himself, at a time in Unix ms.
func (s *Server) loneView(now int64) *store.View {
	v := s.engine.Store.NewView()
	v.NowMillis = now
	return v
}

// loadAtStart notes that nothing was saved yet, and takes the data from the file if there is one. Nobody else may be at the data.
func (s *Server) loadAtStart() error {
	s.snapshots.last.Store(s.started.Unix())
	if len(s.config.SavePoints().Load()) > 0 {
		s.log.Warn("Directive 'save' has the data saved only by SAVE and when the server ends: this version does not save while it serves")
	}
	began := s.machine.Mono()
	err := s.load(s.clock.WallMillis(), rdb.LoadOptions{})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, rdb.ErrFormat):
		return &StartError{"Terminating server after rdb file reading failure.", err}
	case err != nil:
		return &StartError{"Fatal error loading the DB: " + config.SystemText(err) + ". Exiting.", err}
	}
	s.engine.Store.SettleAll()
	s.log.Info(fmt.Sprintf("DB loaded from disk: %.3f seconds", time.Duration(s.machine.Mono()-began).Seconds()))
	return nil
}

// load reads the file as the options say at a time, Unix ms; beside them it does what the configuration says. fs.ErrNotExist says that
// there is none. Of what is damaged the log tells; some of the keys are there then.
func (s *Server) load(now int64, o rdb.LoadOptions) error {
	path := s.snapshotPath()
	if path == "" {
		return fs.ErrNotExist
	}
	f, err := s.disk.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	view := s.loneView(now)
	defer view.ForgetReady()
	o.Checksum = s.config.Bool("rdbchecksum").Load()
	s.logLoading(&o, now)
	n, err := rdb.ReadFile(f, view, o)
	if err != nil {
		s.log.Warn("Error reading the RDB file " + path + ": " + err.Error())
		return err
	}
	if o.Check {
		return nil
	}
	s.snapshots.loaded.Store(n.Keys)
	s.snapshots.expired.Store(n.Expired)
	line := fmt.Sprintf("Done loading RDB, keys loaded: %d, keys expired: %d", n.Keys, n.Expired)
	if n.Empty > 0 {
		s.log.Warn(fmt.Sprintf("%s, empty keys skipped: %d.", line, n.Empty))
	} else {
		s.log.Info(line + ".")
	}
	return nil
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

// debugReload implements DEBUG RELOAD: it saves the data and reads it back. The world is still.
func (s *Server) debugReload(c *command.Ctx) (err error) {
	flush, save, merge := true, true, false
	for a := command.MakeArgs(c.Argv[2:]); a.More(); {
		switch {
		case a.Keyword("MERGE"):
			merge = true
		case a.Keyword("NOFLUSH"):
			flush = false
		case a.Keyword("NOSAVE"):
			save = false
		default:
			return command.Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
		}
	}
	if save && s.saveHeld(c) != nil {
		return errNotSaved
	}
	now := c.Now()
	s.asideWhole(c, func() {
		if !save { // what was not just written may be damaged: the data is not thrown away for it
			err = s.load(now, rdb.LoadOptions{Check: true})
		}
		if err == nil && flush {
			s.engine.Store.Flush(-1)
		}
		if err == nil {
			err = s.load(now, rdb.LoadOptions{Replace: merge})
		}
	})
	for n := range c.DB.Databases() {
		c.DB.Other(n).SignalAll()
	}
	if err != nil {
		return command.Error("ERR Error trying to load the RDB dump, check server logs.")
	}
	s.snapshots.changes.Store(s.engine.Stats.Changes.Load())
	s.log.Warn("DB reloaded by DEBUG RELOAD")
	c.Reply.OK()
	return nil
}
