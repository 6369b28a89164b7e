// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/stats"
)

// persistenceStats tells what was loaded, and what is and was saved.
func (s *Server) persistenceStats(sec *stats.Section) {
	sec.Gauge("loading", "whether data is being loaded", func() int64 { return oneIf(s.Loading()) })
	constants(sec, stats.Gauge, "this version does not replicate", 0, "async_loading")
	s.savingFields(sec)
	s.snapshotFields(sec)
	s.aofFields(sec)
	constants(sec, stats.Gauge, "there are no modules", 0, "module_fork_in_progress", "module_fork_last_cow_size")
	s.aofFileFields(sec)
	s.backupFields(sec)
	s.scheduledFields(sec)
	s.loadingStats(sec)
}

// savingFields tells of the save that is under way. Where Redis counts the memory that a process and its child no longer have in common, it
// is the bytes that commands had to save before they changed them.
func (s *Server) savingFields(sec *stats.Section) {
	fields := []stats.Field{
		{Name: "current_cow_peak", Kind: stats.Gauge, Help: "most bytes at once that commands saved before they changed them, and that were not written yet"},
		{Name: "current_cow_size", Kind: stats.Gauge, Help: "bytes that commands have saved before they changed them"},
		{Name: "current_cow_size_age", Kind: stats.Gauge, Help: "seconds since that was counted"},
		{Name: "current_fork_perc", Kind: stats.Gauge, Help: "per cent of the keys that are saved"},
		{Name: "current_save_keys_processed", Kind: stats.Gauge, Help: "keys that are saved"},
		{Name: "current_save_keys_total", Kind: stats.Gauge, Help: "keys that there are to save"},
	}
	sec.Group(func(v *stats.Values) {
		var p progress
		var copied, peak int64
		if snapshot := s.currentSnapshot(); snapshot != nil {
			p.done, p.total = snapshot.Progress()
			copied = snapshot.Copied()
			_, peak = snapshot.Preimages()
		}
		v.Int("current_cow_peak", peak)
		v.Int("current_cow_size", copied)
		v.Int("current_cow_size_age", 0)
		v.Float("current_fork_perc", p.percent(), 2)
		v.Int("current_save_keys_processed", p.done)
		v.Int("current_save_keys_total", p.total)
	}, fields...)
}

// snapshotFields tells of saves.
func (s *Server) snapshotFields(sec *stats.Section) {
	saves := &s.snapshots
	sec.Gauge("rdb_changes_since_last_save", "changes to the data since it was saved or loaded", func() int64 {
		return s.engine.Stats.Changes.Load() - saves.changes.Load()
	})
	sec.Gauge("rdb_bgsave_in_progress", "whether a save is under way", func() int64 { return oneIf(s.saving()) })
	sec.Gauge("rdb_last_save_time", "Unix time of the last save, or of the start", saves.last.Load)
	sec.Text("rdb_last_bgsave_status", "ok, or err when the last save has failed", func() string {
		saves.mu.Lock()
		defer saves.mu.Unlock()
		return status(!saves.failed)
	})
	fields := []stats.Field{
		{Name: "rdb_last_bgsave_time_sec", Kind: stats.Gauge, Help: "seconds that the last save took beside the clients, -1 if there was none"},
		{Name: "rdb_current_bgsave_time_sec", Kind: stats.Gauge, Help: "seconds since the one that is under way has begun, -1 if none is"},
	}
	sec.Group(func(v *stats.Values) {
		saves.mu.Lock()
		defer saves.mu.Unlock()
		current := int64(-1)
		if saves.current != nil {
			current = s.seconds() - saves.current.began
		}
		v.Int("rdb_last_bgsave_time_sec", saves.took)
		v.Int("rdb_current_bgsave_time_sec", current)
	}, fields...)
	sec.Counter("rdb_saves", "saves that have begun", s.since(saves.saves.Load))
	sec.Gauge("rdb_last_cow_size", "bytes that commands have saved before they changed them during the last save", func() int64 {
		saves.mu.Lock()
		defer saves.mu.Unlock()
		return saves.copied
	})
	sec.Gauge("rdb_last_load_keys_expired", "keys past their time in the file that was loaded last", saves.expired.Load)
	sec.Gauge("rdb_last_load_keys_loaded", "keys that came of it", saves.loaded.Load)
}

// status is how INFO says whether something went well.
func status(ok bool) string {
	if ok {
		return "ok"
	}
	return "err"
}

// oneIf is how INFO says yes and no.
func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
