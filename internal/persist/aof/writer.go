// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/redpoll/redpoll/internal/persist/disk"
)

// The Writer brings the log of effects into the increments. Terms:
//
//   - An offset counts the bytes of the log. What is up to the written offset is in a file, as the system sees it; what is up to the
//     synced one is forced to the disk. It is durable if it would be there after a failure of the machine, which takes that the manifest
//     names the file, and that no sync has failed.
//   - Replies leave when what they tell of is written (Flush), and with the policy Always when it is durable: the log holds them.
//   - A rotation is the step to the next increment at an offset, which the log has reached when it is asked for. Nothing is written to the
//     next before all of the one before is synced. So if the machine loses power, only the last increment that has bytes can be torn.
//   - A file ends where an effect ends, or a transaction, whenever a write has succeeded, or has failed and could be taken back.
//
// Whoever finds something to write writes it: a loop before it sends its replies, or the Writer's own goroutine. Who syncs has the turn:
// the goroutine, but with Always a loop that has nothing else to do, as long as the disk is quick. So one sync serves all that was logged
// before it; what is logged meanwhile is for whoever has the turn next.

// Policy says when what is written is forced to the disk (appendfsync).
type Policy int32

// The policies.
const (
	EverySec Policy = iota // once a second
	Always                 // before anybody learns of it
	Never                  // when a file ends
)

const (
	syncPeriod   = time.Second      // between syncs with EverySec, and between attempts after a failure
	pollPeriod   = syncPeriod / 10  // how often the goroutine looks
	maxPostponed = 2 * time.Second  // for which a sync under way may hold up writing with EverySec
	errorPeriod  = 30 * time.Second // for which the log has no second line about failing writes
	quickSync    = time.Millisecond // a disk that takes no longer for a write and a sync is quick
)

// Log is what a Writer needs of the log of effects.
type Log interface {
	// End gives the offset of the log's end, where an effect or a transaction ends. It may be called by any goroutine.
	End() int64
	// Peek gives, in pieces, what there is behind what Advance has passed; at least up to an End that was seen before.
	Peek() [][]byte
	// Advance passes n bytes.
	Advance(n int)
	// SetWritten and SetDurable tell the log of the Writer's offsets. SetDurable has loops that wait for what is not written yet call Sync.
	SetWritten(offset int64)
	SetDurable(offset int64)
}

// WriterOptions are what a Writer needs beside the log. The functions are called by any goroutine, some while the Writer is locked:
// they must not call it, nor wait, but for Before.
type WriterOptions struct {
	Policy Policy       // at first
	Mono   func() int64 // ns
	Unix   func() int64 // Unix time in seconds
	Stamps func() bool  // whether the file is to have the times at which something was written
	Warn   func(line string)
	Info   func(line string)
	// Before, if not nil, is called before something is written; it may wait, as a slow disk does.
	Before func()
	// Wrote and Synced, if not nil, are told how many ns a write has taken, whether a sync was under way, and how many a sync of Always.
	Wrote  func(ns int64, syncing bool)
	Synced func(ns int64)
	// Failing is told of an error for which writes are to be refused, and with nil that they are not to be any more.
	Failing func(err error)
	// Fatal is told that what was promised cannot be kept, so that the server must end. Nothing becomes durable any more.
	Fatal func()
}

// A rotation is the step to another file.
type rotation struct {
	at   int64 // offset in the log
	file disk.File
	done chan struct{} // closed when it is over
}

// Writer writes the log to files. Its methods may be called by any goroutine, but for Start and Close.
type Writer struct {
	log     Log
	options WriterOptions

	policy     atomic.Int32
	next       atomic.Pointer[rotation] // to come; cleared with the turn
	superseded atomic.Int64             // offset up to which a base on the disk has everything
	counts     atomic.Bool              // the manifest names the file
	tainted    atomic.Int64             // the written offset when a sync failed last: up to there something may be lost

	syncing   atomic.Bool  // a sync is under way
	postponed atomic.Int64 // when it was first found to hold up writing, Mono; 0: not yet
	failing   atomic.Bool  // writing has failed; only the goroutine tries again
	unsynced  atomic.Bool  // the last sync has failed
	quick     atomic.Bool  // the last sync of Always was
	size      atomic.Int64 // of the file
	before    atomic.Int64 // bytes of all files in front of it
	delayed   atomic.Int64

	turn   sync.Mutex // held by who syncs; mu may be taken under it
	synced int64      // guarded by turn
	at     int64      // when the last sync began, or the last attempt to write after a failure, Mono; guarded by turn

	mu      sync.Mutex // held while something is written, not while it is synced
	file    disk.File  // guarded by mu, and replaced with the turn only
	head    []byte     // what is to be written in front of what the log has next; guarded by mu
	written int64      // guarded by mu
	stamp   int64      // the last time that the file has, Unix seconds; guarded by mu
	told    int64      // when the last line about failing writes was logged, Mono; guarded by mu
	torn    bool       // the file ends within an effect; guarded by mu
	dead    bool       // closed, or a promise was broken: nothing is written any more; guarded by mu
	failure error      // of the last write; guarded by mu
	lost    error      // of the last sync; guarded by mu

	kick   chan struct{}
	early  chan chan struct{} // who waits for a sync, and is told by closing his
	broken chan struct{}      // closed when a promise was
	stop   chan struct{}      // closed by Close
	over   chan struct{}      // closed when the goroutine has ended
}

// A Beginning says where a Writer begins.
type Beginning struct {
	At     int64     // offset in the log
	File   disk.File // open for appending; what it has is on the disk
	Size   int64     // bytes of it
	Before int64     // bytes of the files in front of it
	Counts bool      // the manifest names the file: else nothing is durable until Count is called
}

// NewWriter makes a Writer, of which the goroutine is still to be started.
func NewWriter(log Log, b Beginning, o WriterOptions) *Writer {
	w := &Writer{
		log: log, options: o, file: b.File, written: b.At, synced: b.At, at: o.Mono(),
		kick: make(chan struct{}, 1), early: make(chan chan struct{}), broken: make(chan struct{}), stop: make(chan struct{}), over: make(chan struct{}),
	}
	w.policy.Store(int32(o.Policy))
	w.superseded.Store(b.At)
	w.counts.Store(b.Counts)
	w.size.Store(b.Size)
	w.before.Store(b.Before)
	return w
}

// Start starts the goroutine.
func (w *Writer) Start() {
	go func() {
		defer close(w.over)
		ticker := time.NewTicker(pollPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-w.stop:
				return
			case done := <-w.early:
				w.syncEarly()
				close(done)
			case <-w.kick:
			case <-ticker.C:
			}
			w.step()
		}
	}()
}

// wake has the goroutine look at once.
func (w *Writer) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Policy gives the policy.
func (w *Writer) Policy() Policy { return Policy(w.policy.Load()) }

// SetPolicy changes the policy.
func (w *Writer) SetPolicy(p Policy) {
	w.policy.Store(int32(p))
	w.wake()
}

// Size gives the bytes of all files.
func (w *Writer) Size() int64 {
	if r := w.next.Load(); r != nil && r.at <= w.superseded.Load() { // the present one is history
		return w.before.Load()
	}
	return w.before.Load() + w.size.Load()
}

// Syncing tells whether a sync is under way.
func (w *Writer) Syncing() bool { return w.syncing.Load() }

// Delayed tells how often something was written although a sync was under way, since that took too long.
func (w *Writer) Delayed() int64 { return w.delayed.Load() }

// Damaged tells whether the disk may have lost some of what was written and is in no base, since a sync has failed: a rewrite makes it good.
func (w *Writer) Damaged() bool { return w.tainted.Load() > w.superseded.Load() }

// Failing tells whether what is logged cannot be written, or was not synced the last time.
func (w *Writer) Failing() bool { return w.failing.Load() || w.unsynced.Load() }

// Rotating tells whether a rotation is still to come.
func (w *Writer) Rotating() bool { return w.next.Load() != nil }

// Rotate has everything from the log's end on go to another file, which is empty; the log must not grow meanwhile, nor may another rotation
// be to come. The Writer closes the file that it leaves.
func (w *Writer) Rotate(at int64, file disk.File) {
	w.next.Store(&rotation{at, file, make(chan struct{})})
	w.wake()
}

// AwaitRotation waits until no rotation is to come. That takes as long as the disk needs to take what belongs into the file before, unless a
// base has that.
func (w *Writer) AwaitRotation() {
	if r := w.next.Load(); r != nil {
		select {
		case <-r.done:
		case <-w.broken:
		}
	}
}

// Supersede tells that a base of size bytes is on the disk, and in the manifest, that has everything up to the offset of the last rotation.
func (w *Writer) Supersede(at, size int64) {
	w.mu.Lock()
	w.superseded.Store(at)
	w.before.Store(size)
	w.mu.Unlock()
	w.wake()
}

// Count tells that the manifest names the file from now on.
func (w *Writer) Count() {
	w.counts.Store(true)
	w.wake()
}

// SyncEarly forces what is written to the disk, whatever the policy, and waits for that: a rotation that is asked for right after it is soon
// over, and until it is nothing can be written behind it. What a failure means is known when it returns.
func (w *Writer) SyncEarly() {
	if w.Policy() == Always {
		return // there is next to nothing
	}
	done := make(chan struct{})
	select {
	case w.early <- done:
		<-done
	case <-w.over:
	}
}

// Flush writes what the log has, unless it is written with a sync. A loop calls it before it sends replies.
func (w *Writer) Flush() {
	if w.Policy() == Always {
		if !w.leads() {
			w.wake()
		}
		return
	}
	if w.failing.Load() || w.Policy() == EverySec && w.syncing.Load() && w.postpone() {
		return
	}
	w.mu.Lock()
	w.write()
	w.mu.Unlock()
}

// leads tells whether a loop may sync: not if that may take long, or something else is to be done.
func (w *Writer) leads() bool { return w.quick.Load() && w.counts.Load() && w.next.Load() == nil }

// Sync has what the log has forced to the disk, with Always, if nobody does that already: by the caller, if it is idle and that is quickly
// done, else by the goroutine. A loop calls it that holds replies back.
func (w *Writer) Sync(idle bool) {
	switch {
	case w.Policy() != Always:
		w.Flush()
	case !idle || !w.leads():
		w.wake()
	case w.turn.TryLock():
		w.act()
	}
}

// postpone tells whether writing is put off: as long as a sync is under way, but not for too long, since the system would have it wait.
func (w *Writer) postpone() bool {
	now := w.options.Mono()
	since := w.postponed.Load()
	if since == 0 {
		w.postponed.CompareAndSwap(0, now)
		return true
	}
	if now-since < int64(maxPostponed) || !w.postponed.CompareAndSwap(since, now) {
		return true
	}
	w.delayed.Add(1)
	w.options.Info("Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, " +
		"this may slow down Redis.")
	return false
}

// Drain writes all that is logged, whatever else is under way: when it returns without error a reader of the files finds it. It waits for a
// rotation. The log must not grow meanwhile.
func (w *Writer) Drain() error {
	for range 2 {
		w.mu.Lock()
		w.write()
		err, dead := w.failure, w.dead
		w.mu.Unlock()
		if err != nil || dead {
			return err
		}
		w.AwaitRotation()
	}
	return nil
}

// Close writes and syncs what there is, ends the goroutine and closes the file. The log must not grow any more, or what is added is not
// written. An error says that something did not get to the disk; the log has told of it.
func (w *Writer) Close() error {
	w.end()
	w.turn.Lock()
	w.mu.Lock()
	w.write()
	w.mu.Unlock()
	w.rotate()
	w.mu.Lock()
	err, dead := w.failure, w.dead
	w.mu.Unlock()
	if !dead {
		w.sync()
	}
	if err == nil {
		err = w.lost
	}
	w.pass()
	w.release()
	return err
}

// Abandon ends the goroutine and closes the file, whatever has not been written.
func (w *Writer) Abandon() {
	w.end()
	w.release()
}

// end ends the goroutine.
func (w *Writer) end() {
	close(w.stop)
	<-w.over
}

func (w *Writer) release() {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	_ = w.file.Close() // what it should keep was synced
	if r := w.next.Load(); r != nil {
		_ = r.file.Close()
	}
}
