// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
)

// The log's file. Whoever keeps it tells how far it has come: Written, Durable. Those who wait for that are loops, each with a
// LogWait: for the replies that they hold back (see HoldReplies) and for clients in WAITAOF.

// logFile is what the log knows of its file.
type logFile struct {
	hooks   atomic.Pointer[fileHooks]
	written atomic.Int64
	durable atomic.Int64
	hold    atomic.Bool
	state   atomic.Int32 // FileState
	changes atomic.Int64 // of these two

	waitsMu sync.Mutex // a leaf
	waits   atomic.Pointer[[]*LogWait]
}

// FileState says whether there is a file that the log is written to (appendonly).
type FileState int32

const (
	FileOff    FileState = iota // there is none
	FileComing                  // one was asked for: it is there when its base has what was not logged, and until then nothing is durable
	FileOn                      // there is one
)

// fileHooks is what loops call of whoever keeps the file.
type fileHooks struct {
	flush func()
	sync  func(idle bool)
}

// SetFile says whether there is a file that the log is written to.
func (l *Log) SetFile(s FileState) {
	l.state.Store(int32(s))
	l.changed()
}

// File tells whether there is a file that the log is written to.
func (l *Log) File() FileState { return FileState(l.state.Load()) }

// synced tells whether the log's file is there and durable up to an offset.
func (l *Log) synced(offset int64) bool { return l.File() == FileOn && l.durable.Load() >= offset }

// changed has the loops that wait look once more, whatever they wait for.
func (l *Log) changed() {
	l.changes.Add(1)
	l.wakeWaits(math.MaxInt64)
}

// Written gives the offset up to which the log's file has been handed to the system.
func (l *Log) Written() int64 { return l.written.Load() }

// SetWritten says that the log's file has been handed to the system up to an offset. It never goes back.
func (l *Log) SetWritten(offset int64) { raise(&l.written, offset) }

// Durable gives the offset up to which the log's file has been synced.
func (l *Log) Durable() int64 { return l.durable.Load() }

// SetDurable says that the log's file has been synced up to an offset. It never goes back. Those who wait for it are woken; all who wait
// are if there is more to be written, so that one of them has it written who found somebody else at that.
func (l *Log) SetDurable(offset int64) {
	raise(&l.durable, offset)
	reached := l.durable.Load()
	if l.behind() {
		reached = math.MaxInt64
	}
	l.wakeWaits(reached)
}

// behind tells whether something is in the log that is not Written yet.
func (l *Log) behind() bool { return l.end.Load() > l.written.Load() }

// SetHooks sets what loops call while something is in the log that is not Written yet; nil for nothing. Several loops may call at a time.
// What flush does, before a loop writes replies, must be quick: it writes, if nobody else does so just now. What sync does, when replies
// are held, may take as long as a fast disk does if the loop is idle: it would only wait for the disk.
func (l *Log) SetHooks(flush func(), sync func(idle bool)) {
	if flush == nil {
		l.hooks.Store(nil)
		return
	}
	l.hooks.Store(&fileHooks{flush, sync})
}

// Flush has what is in the log handed to the system, if there is a file that wants it.
func (l *Log) Flush() {
	if hooks := l.hooks.Load(); hooks != nil && l.behind() {
		hooks.flush()
	}
}

// WantsSync tells whether replies may be held for something that is in the log and not Written yet.
func (l *Log) WantsSync() bool { return l.hold.Load() && l.behind() }

// Sync has what is in the log forced to the disk, if there is a file that wants it, or begins to. idle tells that the loop that calls has
// nothing else to do.
func (l *Log) Sync(idle bool) {
	if hooks := l.hooks.Load(); hooks != nil && l.behind() {
		hooks.sync(idle)
	}
}

// HoldReplies has clients get no reply before that is Durable which it could tell of (appendfsync always), or no longer. It holds for
// the batches of commands that begin afterwards.
func (l *Log) HoldReplies(on bool) {
	l.hold.Store(on)
	l.changed()
}

// HoldsReplies tells whether replies are held back.
func (l *Log) HoldsReplies() bool { return l.hold.Load() }

// LogWait is a loop's waiting for the log to become durable up to some offset.
type LogWait struct {
	log  *Log
	at   atomic.Int64 // the offset; math.MaxInt64 for none
	seen int64        // Log.changes when the loop looked last; the loop's own
	wake func()
}

// NewWait makes a LogWait. wake is called, from any goroutine, when it is to be looked at: it must do no more than post a message.
func (l *Log) NewWait(wake func()) *LogWait {
	w := &LogWait{log: l, wake: wake}
	w.at.Store(math.MaxInt64)
	invariants.Waits(invariants.RankLeaf, 0)
	l.waitsMu.Lock()
	defer l.waitsMu.Unlock()
	var list []*LogWait
	if old := l.waits.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = append(list, w)
	l.waits.Store(&list)
	return w
}

// For has wake called, once, when the log is durable up to the offset, or something else has changed that a loop which waits may want
// to know of: whether there is a file, whether replies are held back. A later call with a smaller offset takes its place, one with a
// greater does not. Only the loop calls it.
func (w *LogWait) For(offset int64) {
	if offset < w.at.Load() {
		w.at.Store(offset)
	}
	if w.log.durable.Load() >= offset || w.log.changes.Load() != w.seen {
		w.call(offset) // it has come to it meanwhile, and whoever said so may not have seen this
	}
}

// Look is called by the loop before it looks at what waits.
func (w *LogWait) Look() { w.seen = w.log.changes.Load() }

// call makes the wake-up call if it is due at an offset and nobody has made it.
func (w *LogWait) call(offset int64) {
	for {
		at := w.at.Load()
		if at == math.MaxInt64 || at > offset {
			return
		}
		if w.at.CompareAndSwap(at, math.MaxInt64) {
			w.wake()
			return
		}
	}
}

// wakeWaits wakes the loops that wait for an offset up to this one.
func (l *Log) wakeWaits(offset int64) {
	if list := l.waits.Load(); list != nil {
		for _, w := range *list {
			w.call(offset)
		}
	}
}
