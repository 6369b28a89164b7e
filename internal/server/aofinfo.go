// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/stats"
)

// aofFields tells of the append-only files.
func (s *Server) aofFields(sec *stats.Section) {
	a := &s.aof
	sec.Gauge("aof_enabled", "whether what commands change is logged", func() int64 { return oneIf(!a.is(aofOff)) })
	sec.Gauge("aof_rewrite_in_progress", "whether a rewrite is under way", func() int64 { return oneIf(s.rewriting()) })
	sec.Gauge("aof_rewrite_scheduled", "whether one is to begin when it can", func() int64 { return oneIf(a.scheduled.Load()) })
	sec.Gauge("aof_last_rewrite_time_sec", "seconds that the last rewrite took, -1 if there was none", a.took.Load)
	sec.Gauge("aof_current_rewrite_time_sec", "seconds since the one that is under way has begun, -1 if none is", func() int64 {
		if r := a.current.Load(); r != nil {
			return s.seconds() - r.began
		}
		return -1
	})
	sec.Text("aof_last_bgrewrite_status", "ok, or err when the last rewrite has failed", func() string { return status(!a.failed.Load()) })
	sec.Counter("aof_rewrites", "rewrites that have begun", s.since(a.rewrites.Load))
	sec.Counter("aof_rewrites_consecutive_failures", "rewrites that have failed, one after the other", a.failures.Load)
	sec.Text("aof_last_write_status", "ok, or err while what commands change cannot be written to the disk", func() string {
		w := a.writer.Load()
		return status(w == nil || !w.Failing())
	})
	sec.Gauge("aof_last_cow_size", "bytes that commands have saved before they changed them during the last rewrite", a.copied.Load)
}

// aofBuffer gives the bytes that are logged and not written yet.
func (s *Server) aofBuffer() int64 {
	if w := s.aof.writer.Load(); w != nil {
		return w.reader.Unread()
	}
	return 0
}

// aofFileFields tells of the files, while there are some, behind the other fields of the section.
func (s *Server) aofFileFields(sec *stats.Section) {
	fields := []stats.Field{
		{Name: "aof_current_size", Kind: stats.Gauge, Help: "bytes of the append-only files"},
		{Name: "aof_base_size", Kind: stats.Gauge, Help: "bytes that they had after the last rewrite, or the base at the start"},
		{Name: "aof_pending_rewrite", Kind: stats.Gauge, Help: "whether a rewrite is to begin when it can"},
		{Name: "aof_buffer_length", Kind: stats.Gauge, Help: "bytes that are logged and not written yet"},
		{Name: "aof_pending_bio_fsync", Kind: stats.Gauge, Help: "whether a sync is under way"},
		{Name: "aof_delayed_fsync", Kind: stats.Counter, Help: "times that something was written during a sync, since that took too long"},
	}
	sec.Group(func(v *stats.Values) {
		a := &s.aof
		if a.is(aofOff) {
			return
		}
		var size, syncing, delayed int64
		if w := a.writer.Load(); w != nil {
			size, syncing, delayed = w.Size(), oneIf(w.Syncing()), w.Delayed()
		}
		v.Int("aof_current_size", size)
		v.Int("aof_base_size", a.baseSize.Load())
		v.Int("aof_pending_rewrite", oneIf(a.scheduled.Load()))
		v.Int("aof_buffer_length", s.aofBuffer())
		v.Int("aof_pending_bio_fsync", syncing)
		v.Int("aof_delayed_fsync", delayed)
	}, fields...)
}
