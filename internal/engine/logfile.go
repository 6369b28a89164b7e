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
	flush   atomic.Pointer[func()]
	written atomic.Int64
	durable atomic.Int64
	hold    atomic.Bool
	kept    atomic.Bool // there is a file

	waitsMu sync.Mutex // a leaf
	waits   atomic.Pointer[[]*LogWait]
}

// SetFile says whether there is a file that the log is written to (appendonly). Without one nothing becomes durable.
func (l *Log) SetFile(kept bool) {
	l.kept.Store(kept)
	l.wakeWaits(math.MaxInt64)
}

// HasFile tells whether there is a file that the log is written to.
func (l *Log) HasFile() bool { return l.kept.Load() }

// Written gives the offset up to which the log's file has been handed to the system.
func (l *Log) Written() int64 { return l.written.Load() }

// SetWritten says that the log's file has been handed to the system up to an offset. It never goes back.
func (l *Log) SetWritten(offset int64) { raise(&l.written, offset) }

// Durable gives the offset up to which the log's file has been synced.
func (l *Log) Durable() int64 { return l.durable.Load() }

// SetDurable says that the log's file has been synced up to an offset. It never goes back. Those who wait for it are woken.
func (l *Log) SetDurable(offset int64) {
	raise(&l.durable, offset)
	l.wakeWaits(l.durable.Load())
}

// SetFlush sets what a loop calls before it writes replies while something is in the log that is not Written yet; nil for nothing. It
// is called from several loops at a time and must be quick: it writes, if nobody else does so just now.
func (l *Log) SetFlush(flush func()) {
	if flush == nil {
		l.flush.Store(nil)
		return
	}
	l.flush.Store(&flush)
}

// Flush has what is in the log handed to the system, if there is a file that wants it.
func (l *Log) Flush() {
	if flush := l.flush.Load(); flush != nil && l.end.Load() > l.written.Load() {
		(*flush)()
	}
}

// HoldReplies has clients get no reply before that is Durable which it could tell of (appendfsync always), or no longer. It holds for
// the batches of commands that begin afterwards.
func (l *Log) HoldReplies(on bool) {
	l.hold.Store(on)
	l.wakeWaits(math.MaxInt64)
}

// HoldsReplies tells whether replies are held back.
func (l *Log) HoldsReplies() bool { return l.hold.Load() }

// LogWait is a loop's waiting for the log to become durable up to some offset.
type LogWait struct {
	log  *Log
	at   atomic.Int64 // the offset; math.MaxInt64 for none
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
	if w.log.durable.Load() >= offset { // it has come to it meanwhile, and whoever said so may not have seen this
		w.call(offset)
	}
}

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
