// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

const (
	snapshotPiece = 64 << 10  // bytes that are written to a sink at a time at most, and mostly
	drainFrom     = 256 << 10 // bytes of pre-images that are worth taking
)

// walker makes snapshots, one walk after the other, as long as any is asked for.
type walker struct {
	e    *Engine
	gate *store.Gate
	view *store.View

	walk      *store.Walk
	buf       []byte // whole records that were not written yet
	cancels   int64  // snapshots.cancels as last seen
	spilled   spill
	spillFrom int64 // bytes of pre-images from which on they go to the file

	rested int64 // when the walker did last, or had no reason to, mono ns
	ran    int64 // commands that had run by then
}

func (e *Engine) newWalker() *walker {
	return &walker{
		e: e, gate: e.Store.NewGate(), view: e.Store.NewView(),
		spilled: newSpill(e.openSpill), spillFrom: e.Store.MaxPreimages() / 2,
	}
}

// run makes all snapshots there are. If the first walk has begun already, it is given.
func (w *walker) run(begun *store.Walk) {
	defer w.e.Store.RemoveGate(w.gate)
	for w.walk = begun; ; {
		if w.walk == nil && !w.begin() {
			return
		}
		err := w.whole()
		w.walk.End()
		w.spilled.close()
		w.endAll(err)
		w.walk, w.buf = nil, nil
	}
}

// begin begins the next walk; false when nobody wants one, or the engine is closed.
func (w *walker) begin() bool {
	all := &w.e.snapshots
	for {
		all.mu.Lock()
		if all.closed {
			abandoned := slices.Clone(all.waiting)
			all.mu.Unlock()
			for _, s := range abandoned {
				s.Cancel()
			}
			return false
		}
		if len(all.waiting) == 0 {
			all.walking = false
			all.mu.Unlock()
			return false
		}
		all.mu.Unlock()
		if began := w.e.clock.Mono(); w.e.Store.Still() {
			w.walk = w.e.beginWalk()
			w.e.Store.Resume()
			w.e.noteInstant(began)
			if w.walk != nil {
				return true
			}
		} else if w.e.Store.ParkGate(w.e.snapshots.wake, true) {
			w.wait()
		}
	}
}

// wait waits until wake is called, or the engine is closed.
func (w *walker) wait() {
	select {
	case <-w.e.snapshots.woke:
	case <-w.e.snapshots.quit:
	}
}

// whole goes through the walk to its end, and tells why it has failed, if it has. When the engine is closed it ends early.
func (w *walker) whole() error {
	for {
		if w.e.closing.Load() {
			w.walk.Fail(ErrCancelled)
			return ErrCancelled
		}
		w.endCancelled()
		if queued := w.walk.Preimages(); queued.Bytes >= drainFrom || queued.Big > 0 {
			w.drain()
		}
		if w.walk.Over() {
			w.endAll(w.walk.Err())
		}
		if w.slice() == store.WalkDone {
			w.drain()
			return w.walk.Err()
		}
		if len(w.buf) >= snapshotPiece {
			w.flush()
		}
	}
}

// slice saves a few records. If nothing can be done at present it waits.
func (w *walker) slice() (state store.WalkState) {
	if !w.e.Store.Enter(w.gate) {
		if w.e.Store.ParkGate(w.e.snapshots.wake, false) {
			w.wait()
		}
		return store.WalkMore
	}
	w.view.NowMillis = w.e.clock.WallMillis()
	var shard int
	w.buf, state, shard = w.walk.Slice(w.view, w.buf)
	w.e.Store.Leave(w.gate)
	if state == store.WalkBusy && w.e.Store.Park(shard, w.e.snapshots.wake) {
		w.wait()
	}
	return state
}

// drain writes all that there is: the records that it has, and the pre-images.
func (w *walker) drain() {
	w.flush()
	if err := w.spilled.empty(w.write); err != nil {
		w.walk.Fail(err)
	}
	w.walk.Elsewhere()
	for chunk := w.spilled.rest; ; {
		w.write(chunk)
		if chunk = w.walk.TakePreimages(chunk); chunk == nil {
			break
		}
	}
	w.spilled.rest = nil
	for {
		head, source, ok := w.walk.TakeBig(w.buf)
		if !ok {
			return
		}
		w.write(head)
		w.stream(source)
	}
}

// stream writes a big value. No record can be written meanwhile: if pre-images become many they go to a file.
func (w *walker) stream(source resp.Source) {
	defer source.Close()
	for !w.walk.Over() {
		piece := w.next(source)
		if len(piece) == 0 {
			return
		}
		w.write(piece)
		w.endCancelled()
		if w.walk.Preimages().Bytes >= w.spillFrom && !w.spilled.failed {
			w.spill()
		}
	}
}

// spill has pre-images go to a file.
func (w *walker) spill() {
	for chunk := w.walk.TakePreimages(nil); chunk != nil; chunk = w.walk.TakePreimages(chunk) {
		if err := w.spilled.add(chunk); err != nil { // clients will have to wait
			w.e.log.Warn("Pre-images of a snapshot cannot be put into a file: " + err.Error())
			w.spilled.rest = chunk
			return
		}
	}
}

// next gives a source's next bytes. If it fails by a bug the walk does.
func (w *walker) next(source resp.Source) (piece []byte) {
	defer func() {
		if p := recover(); p != nil {
			w.walk.Fail(&store.EncoderPanic{Value: p, Stack: debug.Stack()})
		}
	}()
	return source.Next()
}

// flush writes the records that it has.
func (w *walker) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

// write writes to all sinks, some snapshotPiece at a time; those that fail are ended.
func (w *walker) write(p []byte) {
	for piece := range slices.Chunk(p, snapshotPiece) {
		for _, s := range w.fed() {
			if err := s.request.Sink.Write(piece); err != nil {
				w.end(s, err)
			}
		}
		w.giveWay()
	}
}

// The walker rests for a moment now and then while commands run. Otherwise a loop that wakes on a machine whose processors are all busy
// waits until the scheduler has had enough of the walker, which takes some milliseconds.
const (
	walkerWork = 1_000_000              // ns
	walkerRest = 100 * time.Microsecond // a millisecond where timers are no finer
)

// giveWay rests if it is time to, and commands have run since the last rest.
func (w *walker) giveWay() {
	now := w.e.clock.Mono()
	if now-w.rested < walkerWork {
		return
	}
	if ran := w.e.Stats.Total.Load(); ran != w.ran {
		w.ran = ran
		timer := time.NewTimer(walkerRest)
		select {
		case <-timer.C:
		case <-w.e.snapshots.quit:
		}
		timer.Stop()
		now = w.e.clock.Mono()
	}
	w.rested = now
}

// fed gives the snapshots that the walk feeds.
func (w *walker) fed() []*Snapshot {
	all := &w.e.snapshots
	all.mu.Lock()
	defer all.mu.Unlock()
	return slices.Clone(all.fed)
}

// endCancelled ends those that were cancelled.
func (w *walker) endCancelled() {
	n := w.e.snapshots.cancels.Load()
	if n == w.cancels {
		return
	}
	w.cancels = n
	for _, s := range w.fed() {
		if s.cancelled.Load() {
			w.end(s, ErrCancelled)
		}
	}
}

// endAll ends all that the walk feeds.
func (w *walker) endAll(err error) {
	fed := w.fed()
	var failed *store.EncoderPanic
	if len(fed) > 0 && errors.As(err, &failed) {
		w.e.Stats.Panics.Add(1)
		w.e.log.Error(fmt.Sprintf("a snapshot has failed: %v\n%s", failed.Value, failed.Stack))
	}
	for _, s := range fed {
		w.end(s, err)
	}
}

// end ends one that the walk feeds. Without any the walk is over.
func (w *walker) end(s *Snapshot, err error) {
	all := &w.e.snapshots
	all.mu.Lock()
	all.fed = slices.DeleteFunc(all.fed, func(other *Snapshot) bool { return other == s })
	last := len(all.fed) == 0
	all.mu.Unlock()
	if last && err != nil {
		w.walk.Fail(ErrCancelled)
	}
	s.end(err)
}
