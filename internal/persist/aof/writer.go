// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/config"
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
// Whoever finds something to write writes it: a loop before it sends its replies, or the Writer's own goroutine, which alone syncs.

// Policy says when what is written is forced to the disk; the values are in the order of the words of the directive appendfsync.
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
)

// Log is what a Writer needs of the log of effects.
type Log interface {
	// End gives the offset of the log's end, where an effect or a transaction ends. It may be called by any goroutine.
	End() int64
	// Peek gives, in pieces, what there is behind what Advance has passed; at least up to an End that was seen before.
	Peek() [][]byte
	// Advance passes n bytes.
	Advance(n int)
	// SetWritten and SetDurable tell the log of the Writer's offsets.
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
	next       atomic.Pointer[rotation] // to come; cleared by the goroutine
	superseded atomic.Int64             // offset up to which a base on the disk has everything
	counts     atomic.Bool              // the manifest names the file
	tainted    atomic.Int64             // the written offset when a sync failed last: up to there something may be lost

	syncing   atomic.Bool  // a sync is under way
	postponed atomic.Int64 // when it was first found to hold up writing, Mono; 0: not yet
	failing   atomic.Bool  // writing has failed; only the goroutine tries again
	unsynced  atomic.Bool  // the last sync has failed
	size      atomic.Int64 // of the file
	before    atomic.Int64 // bytes of all files in front of it
	delayed   atomic.Int64

	mu      sync.Mutex // held while something is written, not while it is synced
	file    disk.File  // guarded by mu, and replaced by the goroutine only
	head    []byte     // what is to be written in front of what the log has next; guarded by mu
	written int64      // guarded by mu
	stamp   int64      // the last time that the file has, Unix seconds; guarded by mu
	told    int64      // when the last line about failing writes was logged, Mono; guarded by mu
	torn    bool       // the file ends within an effect; guarded by mu
	dead    bool       // closed, or a promise was broken: nothing is written any more; guarded by mu
	failure error      // of the last write; guarded by mu
	lost    error      // of the last sync; guarded by mu

	// What only the goroutine touches, and whoever starts and closes it.
	synced int64
	at     int64 // when the last sync began, or the last attempt to write after a failure, Mono

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

// syncEarly is SyncEarly for the goroutine.
func (w *Writer) syncEarly() {
	w.mu.Lock()
	w.write()
	unsynced := w.written > w.synced && !w.dead
	w.mu.Unlock()
	if unsynced {
		w.sync()
	}
}

// Flush writes what the log has, unless it is the goroutine's business to. A loop calls it before it sends replies.
func (w *Writer) Flush() {
	if w.Policy() == Always {
		w.wake()
		return
	}
	if w.failing.Load() || w.Policy() == EverySec && w.syncing.Load() && w.postpone() {
		return
	}
	w.mu.Lock()
	w.write()
	w.mu.Unlock()
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

// step does what is due: it writes, rotates, and syncs.
func (w *Writer) step() {
	now := w.options.Mono()
	due := now-w.at >= int64(syncPeriod)
	w.mu.Lock()
	if !w.failing.Load() || due {
		w.write()
		if w.failing.Load() {
			w.at = now
		}
	}
	unsynced, lost, dead := w.written > w.synced, w.lost != nil, w.dead
	w.mu.Unlock()
	if dead {
		return
	}
	w.rotate()
	switch {
	case lost && due, unsynced && w.Policy() == Always, unsynced && w.Policy() == EverySec && due:
		w.sync()
	}
	w.settle()
}

// write brings what the log has into the file, up to a rotation. w.mu is held.
func (w *Writer) write() {
	end := w.log.End()
	if r := w.next.Load(); r != nil { // it was there before the log grew past it, so it is seen if end is
		end = min(end, r.at)
	}
	if w.dead || end == w.written {
		return
	}
	if now := w.options.Unix(); now > w.stamp && len(w.head) == 0 && !w.torn && w.options.Stamps() {
		w.stamp = now
		w.head = AppendStamp(w.head, now)
	}
	expected := int64(len(w.head)) + end - w.written
	n, err := w.timed(end)
	if err != nil {
		w.fail(n, expected, err)
		return
	}
	w.pass(n)
	w.torn = false
	w.recover()
}

// recover notes that writing works. w.mu is held.
func (w *Writer) recover() {
	if w.failure != nil {
		w.failure = nil
		w.failing.Store(false)
		w.options.Info("AOF write error looks solved, Redis can write again.")
		w.options.Failing(w.lost)
	}
}

// timed is put, of which it is told how long it takes.
func (w *Writer) timed(end int64) (n int64, err error) {
	o := &w.options
	if o.Before != nil {
		o.Before()
	}
	if o.Wrote == nil {
		return w.put(end)
	}
	began, syncing := o.Mono(), w.syncing.Load()
	n, err = w.put(end)
	o.Wrote(o.Mono()-began, syncing)
	return n, err
}

// put writes what is in front, and then the log up to an offset. It gives how many bytes were written, which is fewer only with an error.
func (w *Writer) put(end int64) (n int64, err error) {
	if len(w.head) > 0 {
		k, err := w.file.Write(w.head)
		if n = int64(k); err != nil {
			return n, err
		}
	}
	left := end - w.written
	for _, piece := range w.log.Peek() {
		if left == 0 {
			break
		}
		piece = piece[:min(int64(len(piece)), left)]
		k, err := w.file.Write(piece)
		n += int64(k)
		left -= int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// pass notes that n bytes were written.
func (w *Writer) pass(n int64) {
	w.size.Add(n)
	front := min(n, int64(len(w.head)))
	w.head = w.head[:copy(w.head, w.head[front:])]
	w.written += n - front
	w.log.Advance(int(n - front))
	w.log.SetWritten(w.written)
}

// fail deals with an error of a write that n bytes of those expected came in front of. They are taken back, so that the file ends where an
// effect does; what cannot be taken back will be followed by the rest.
func (w *Writer) fail(n, expected int64, err error) {
	tell := w.told == 0 || w.options.Mono()-w.told > int64(errorPeriod)
	warn := func(format string, args ...any) {
		if tell {
			w.told = w.options.Mono()
			w.options.Warn(fmt.Sprintf(format, args...))
		}
	}
	if n == 0 {
		warn("Error writing to the AOF file: %s", config.SystemText(err))
	} else {
		warn("Short write while writing to the AOF file: (nwritten=%d, expected=%d)", n, expected)
		err = syscall.ENOSPC
		if terr := w.file.Truncate(w.size.Load()); terr != nil {
			warn("Could not remove short write from the append-only file.  Redis may refuse to load the AOF the next time it starts.  "+
				"ftruncate: %s", config.SystemText(terr))
			w.pass(n)
			w.torn = true
		}
	}
	w.failing.Store(true)
	w.failure = err
	if w.promises() {
		w.die("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
		return
	}
	w.options.Failing(err)
}

// promises tells whether a failure breaks what somebody may have been told: not as long as a start would not find the file.
func (w *Writer) promises() bool { return w.Policy() == Always && w.counts.Load() }

// die ends all writing, since what Always promises cannot be kept. w.mu is held.
func (w *Writer) die(line string) {
	if !w.dead {
		w.dead = true
		close(w.broken)
		w.options.Warn(line)
		w.options.Fatal()
	}
}

// rotate goes on to the next file if all is in this one, and on the disk, that belongs into it. What the disk has refused so far is left out
// when a base has it.
func (w *Writer) rotate() {
	r := w.next.Load()
	if r == nil {
		return
	}
	w.mu.Lock()
	if w.superseded.Load() >= r.at && !w.dead {
		w.head = w.head[:0]
		w.pass(r.at - w.written)
		w.recover() // or writes would be refused with nothing left that could succeed
	}
	whole, dead := w.written == r.at && len(w.head) == 0, w.dead
	w.mu.Unlock()
	if dead || !whole {
		return
	}
	if w.superseded.Load() < r.at && !w.sync() && w.Policy() == Always {
		return
	}
	if err := w.file.Close(); err != nil {
		w.options.Warn("Error closing the AOF file: " + config.SystemText(err))
	}
	w.mu.Lock()
	w.file = r.file
	if w.superseded.Load() < r.at {
		w.before.Add(w.size.Load())
	}
	w.size.Store(0)
	w.stamp, w.torn = 0, false
	w.synced = r.at // but see tainted
	w.next.Store(nil)
	w.write()
	w.mu.Unlock()
	close(r.done)
}

// sync forces the file to the disk; false when that fails.
func (w *Writer) sync() bool {
	w.at = w.options.Mono()
	w.mu.Lock()
	to := w.written
	w.mu.Unlock()
	w.syncing.Store(true)
	err := w.file.Sync()
	w.syncing.Store(false)
	if w.Policy() == Always && w.options.Synced != nil {
		w.options.Synced(w.options.Mono() - w.at)
	}
	w.postponed.Store(0)

	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.lost
	w.lost = err
	w.unsynced.Store(err != nil)
	switch {
	case err == nil:
		w.synced = to
		if before != nil {
			w.options.Failing(w.failure)
		}
		return true
	case w.promises():
		w.die(fmt.Sprintf("Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. Exiting...", config.SystemText(err)))
	case before == nil:
		w.options.Warn("Fail to fsync the AOF file: " + config.SystemText(err))
		w.options.Failing(err)
	}
	w.tainted.Store(w.written)
	return false
}

// settle tells the log what is durable.
func (w *Writer) settle() {
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	durable := max(w.synced, w.superseded.Load())
	if w.counts.Load() && !dead && !w.Damaged() {
		w.log.SetDurable(durable)
	}
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
	w.settle()
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
	w.mu.Lock()
	w.dead = true
	w.mu.Unlock()
	_ = w.file.Close() // what it should keep was synced
	if r := w.next.Load(); r != nil {
		_ = r.file.Close()
	}
}
