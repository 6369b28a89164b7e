// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"fmt"
	"syscall"

	"github.com/redpoll/redpoll/internal/config"
)

// What a Writer does to its files: whoever has found something to write, or who has the turn.

// syncEarly is SyncEarly for the goroutine.
func (w *Writer) syncEarly() {
	w.turn.Lock()
	defer w.turn.Unlock()
	w.mu.Lock()
	w.write()
	w.mu.Unlock()
	if w.lags() {
		w.sync()
	}
}

// lags tells whether something that was written is still to be synced.
func (w *Writer) lags() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written > w.synced && !w.dead
}

// step takes the turn and does what is due.
func (w *Writer) step() {
	w.turn.Lock()
	w.act()
}

// act does what is due, who has the turn, and passes it on: it writes, rotates, and syncs.
func (w *Writer) act() {
	defer w.pass()
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
	case w.Policy() == Always && w.lags(): // what is in another file since the rotation, too
		w.sync()
		w.quick.Store(w.options.Mono()-now < int64(quickSync))
	case lost && due, unsynced && w.Policy() == EverySec && due:
		w.sync()
	}
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
	w.advance(n)
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

// advance notes that n bytes were written.
func (w *Writer) advance(n int64) {
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
			w.advance(n)
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
		w.advance(r.at - w.written)
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

// pass gives the turn back, and tells the log what is durable: in this order, since a loop that finds the turn taken relies on the log's
// looking, once it is free again, whether there is more to be written.
func (w *Writer) pass() {
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	durable := max(w.synced, w.superseded.Load())
	good := w.counts.Load() && !dead && !w.Damaged()
	w.turn.Unlock()
	if good {
		w.log.SetDurable(durable)
	}
}
