// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/store"
)

// A snapshot gives all data as it is at one instant, as bytes of some format, while commands go on. It is made by a walk through the
// store (store/walk.go). There is one walk at a time, on a goroutine of its own, the walker. Requests that want the same format and
// wait when a walk begins are fed by that one; others wait for the next.

// ErrCancelled is the error of a snapshot that was cancelled.
var ErrCancelled = store.ErrWalkCancelled

// Sink takes a snapshot's bytes. Its methods are called by one goroutine at a time, with no lock held.
type Sink interface {
	// Write takes the next bytes, which are not kept. It may block; other snapshots of the walk wait then, and in the end clients that
	// write. An error ends this snapshot only.
	Write(p []byte) error
	// End is called once, at last: with nil when all bytes were written, else with why they were not: Write's error, ErrCancelled,
	// mem.ErrNoMemory, or a *store.EncoderPanic.
	End(err error)
}

// Instant is the moment of a snapshot.
type Instant struct {
	NowMillis int64         // Unix ms
	LogOffset int64         // of the effect log: effects from here on came later
	Changes   int64         // to the keyspace since the start, as Stats.Changes
	Keys      []int64       // by database
	Encoder   store.Encoder // that is used: the snapshot's own, or another's of the same format
}

// SnapshotRequest says what a snapshot is to be.
type SnapshotRequest struct {
	// Encoder makes the records' bytes.
	Encoder store.Encoder
	// Format is equal, as by ==, for requests whose encoders give the same bytes.
	Format any
	Sink   Sink
	// Begin, if not nil, is called at the instant, with the world still: it must be quick. It may use nothing that stills the world.
	Begin func(Instant)
	// Flushed says that the snapshot is cancelled when all databases are emptied.
	Flushed bool
}

// Snapshot is one that was asked for. Its methods are safe for any goroutine.
type Snapshot struct {
	e       *Engine
	request SnapshotRequest
	done    chan struct{}

	cancelled atomic.Bool
	walk      atomic.Pointer[store.Walk] // nil before the instant
	total     atomic.Int64               // keys at the instant
}

// snapshots is what the engine knows of them.
type snapshots struct {
	quit    chan struct{} // closed when the engine is
	woke    chan struct{} // what the walker has waited for may have come
	wg      sync.WaitGroup
	cancels atomic.Int64 // that there were

	mu      sync.Mutex // a leaf
	waiting []*Snapshot
	fed     []*Snapshot // by the walk that is under way
	walking bool        // there is a walker
	closed  bool
}

// wake has the walker look again. Any goroutine may call it, whatever it holds.
func (all *snapshots) wake() {
	select {
	case all.woke <- struct{}{}:
	default:
	}
}

// close cancels all and waits for their ends.
func (all *snapshots) close() {
	all.mu.Lock()
	if !all.closed {
		all.closed = true
		close(all.quit)
	}
	all.mu.Unlock()
	all.wg.Wait()
}

// Snapshot asks for a snapshot, of an instant that is still to come.
func (e *Engine) Snapshot(r SnapshotRequest) *Snapshot {
	s := &Snapshot{e: e, request: r, done: make(chan struct{})}
	if !e.snapshots.ask(s) {
		s.end(ErrCancelled)
	}
	return s
}

// ask has a snapshot wait for a walk; false when the engine is closed.
func (all *snapshots) ask(s *Snapshot) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		return false
	}
	all.waiting = append(all.waiting, s)
	if !all.walking {
		all.walking = true
		all.wg.Go(func() { s.e.newWalker().run(nil) })
	}
	return true
}

// SnapshotStill is Snapshot for one who has stilled the world: its instant is now, and Begin is called before it returns. It gives nil
// when there is a walk already, or the engine is closed.
func (e *Engine) SnapshotStill(r SnapshotRequest) *Snapshot {
	s := &Snapshot{e: e, request: r, done: make(chan struct{})}
	all := &e.snapshots
	all.mu.Lock()
	if all.walking || all.closed {
		all.mu.Unlock()
		return nil
	}
	all.walking = true
	all.waiting = append(all.waiting, s)
	all.wg.Add(1) // close may be about to wait
	all.mu.Unlock()
	began := e.clock.Mono()
	walk := e.beginWalk()
	e.noteInstant(began)
	go func() {
		defer all.wg.Done()
		e.newWalker().run(walk)
	}()
	return s
}

// beginWalk begins a walk for those who wait for the same as the first of them; nil when nobody does. The world is still.
func (e *Engine) beginWalk() *store.Walk {
	all := &e.snapshots
	all.mu.Lock()
	if len(all.waiting) == 0 {
		all.mu.Unlock()
		return nil
	}
	first := all.waiting[0].request
	walk := e.Store.BeginWalk(first.Encoder)
	total := int64(0)
	for _, n := range walk.Keys() {
		total += n
	}
	all.waiting = slices.DeleteFunc(all.waiting, func(s *Snapshot) bool {
		if s.request.Format != first.Format {
			return false
		}
		s.walk.Store(walk)
		s.total.Store(total)
		all.fed = append(all.fed, s)
		return true
	})
	fed := slices.Clone(all.fed)
	all.mu.Unlock()
	instant := Instant{
		NowMillis: e.clock.WallMillis(), LogOffset: e.Effects.Cut(), Changes: e.Stats.Changes.Load(),
		Keys: walk.Keys(), Encoder: first.Encoder,
	}
	for _, s := range fed {
		if s.request.Begin != nil {
			s.request.Begin(instant)
		}
	}
	return walk
}

// noteInstant notes for how long the world has stood still for a walk, since a time in mono ns.
func (e *Engine) noteInstant(began int64) {
	e.Stats.Spikes.Note("snapshot-instant", e.clock.Mono()-began, e.clock.WallMillis())
}

// Cancel ends the snapshot with ErrCancelled, unless it has ended. It does not wait for that, and that does not wait for the world to move;
// if the walk has not begun the sink's End is called at once.
func (s *Snapshot) Cancel() {
	if s.cancelled.Swap(true) {
		return
	}
	all := &s.e.snapshots
	all.cancels.Add(1)
	invariants.Waits(invariants.RankLeaf, 0)
	all.mu.Lock()
	before := len(all.waiting)
	all.waiting = slices.DeleteFunc(all.waiting, func(other *Snapshot) bool { return other == s })
	waited := len(all.waiting) < before
	lone := slices.Contains(all.fed, s) && !slices.ContainsFunc(all.fed, func(other *Snapshot) bool { return !other.cancelled.Load() })
	all.mu.Unlock()
	switch walk := s.walk.Load(); {
	case waited:
		s.end(ErrCancelled)
	case lone:
		walk.Fail(ErrCancelled)
	}
	all.wake()
}

// end tells the sink that it was that.
func (s *Snapshot) end(err error) {
	s.request.Sink.End(err)
	close(s.done)
}

// Done is closed when the sink's End has returned.
func (s *Snapshot) Done() <-chan struct{} { return s.done }

// Progress gives how many keys have been saved, and how many there were at the instant: 0 before that. Keys that have died since are not
// saved.
func (s *Snapshot) Progress() (saved, total int64) {
	walk := s.walk.Load()
	if walk == nil {
		return 0, 0
	}
	return walk.Saved(), s.total.Load()
}

// Preimages gives the bytes of what commands have saved before they changed it and that has not gone to the sinks yet, and the most that
// there ever were.
func (s *Snapshot) Preimages() (size, peak int64) {
	walk := s.walk.Load()
	if walk == nil {
		return 0, 0
	}
	queued := walk.Preimages()
	return queued.Bytes, queued.Peak
}

// Copied gives the bytes of all that commands have saved before they changed it: as it lay in memory, or as it was encoded if that is more.
// Big values, which are not copied, do not count.
func (s *Snapshot) Copied() int64 {
	walk := s.walk.Load()
	if walk == nil {
		return 0
	}
	return walk.Preimages().All
}

// Flush removes all keys of one database, or of all with db -1, as Store.Flush does, and cancels the snapshots that end with the latter.
// The world must be still. A command has its Worker do it.
func (e *Engine) Flush(db int) (removed int) {
	if db < 0 {
		e.cancelFlushed()
	}
	return e.Store.Flush(db)
}

// cancelFlushed cancels the snapshots that end when all databases are emptied.
func (e *Engine) cancelFlushed() {
	all := &e.snapshots
	all.mu.Lock()
	list := slices.Concat(all.fed, all.waiting)
	all.mu.Unlock()
	for _, s := range list {
		if s.request.Flushed {
			s.Cancel()
		}
	}
}
