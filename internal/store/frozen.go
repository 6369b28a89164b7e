// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/mem"
)

// Frozen is a big value as it was at one moment, whatever becomes of it and its key afterwards. Any goroutine may read it,
// one at a time, until it is released. What it keeps in memory that the value itself no longer has counts as used until then.
type Frozen struct {
	at       *moment
	now      int64 // Unix ms before which fields are past their time
	released atomic.Bool
}

// moment is an instant that a big value is frozen at. Those who ask for it while the value does not change share one.
type moment struct {
	b      *big
	freeze *mem.Freeze
	root   bigRoot // Immutable
	views  int     // that are not released; guarded by the home's lock
}

// releases is a shard's list of views that nobody reads any more.
type releases struct {
	mu   sync.Mutex
	list []*moment // guarded by mu
	some atomic.Bool
}

// IsBig tells whether the value can be frozen.
func (it *Item) IsBig() bool { return it.isBig() }

// Freeze gives the value of an Item that IsBig as it is now, in a time that does not depend on its size. The caller must
// Release it. It panics with mem.ErrNoMemory when the value is frozen at too many moments already.
func (db *DB) Freeze(it *Item) *Frozen {
	b := it.big()
	if b.latest == nil || b.latest.root != b.bigRoot {
		b.latest = &moment{b: b, freeze: b.heap.Freeze(), root: b.bigRoot}
		b.moments++
	}
	b.latest.views++
	db.s.views.Add(1)
	return &Frozen{at: b.latest, now: db.v.NowMillis}
}

// Release ends the view; it may be called from any goroutine, whatever locks that holds but a leaf's, and more than once.
// Slices that were got from the view are not to be used any more.
func (f *Frozen) Release() {
	if f.released.Swap(true) {
		return
	}
	sh := f.at.b.home.Load()
	sh.store.views.Add(-1)
	sh.release(f.at)
}

// release leaves it to housekeeping to end a view.
func (sh *Shard) release(m *moment) {
	q := &sh.releases
	q.mu.Lock()
	q.list = append(q.list, m)
	q.some.Store(true)
	q.mu.Unlock()
	sh.store.hurry(sh, 0)
}

// thaw ends the views that were released, in the held shard.
func (sh *Shard) thaw() {
	q := &sh.releases
	if !q.some.Load() {
		return
	}
	q.mu.Lock()
	list := q.list
	q.list = nil
	q.some.Store(false)
	q.mu.Unlock()
	for _, m := range list {
		if home := m.b.home.Load(); home != sh {
			home.release(m) // it has moved meanwhile
			continue
		}
		m.end()
	}
}

// end ends a view of the moment, and the moment with its last.
func (m *moment) end() {
	if m.views--; m.views > 0 {
		return
	}
	b := m.b
	b.moments--
	if b.latest == m {
		b.latest = nil
	}
	b.heap.Thaw(m.freeze)
	switch sh := b.home.Load(); {
	case b.owner == nil && b.moments == 0:
		b.doom()
	case b.owner != nil && !b.sweeping:
		b.sweeping = true
		sh.sweeping = append(sh.sweeping, b)
	}
}

// sweep frees about max blocks that only ended views kept, and tells whether there may be more.
func (sh *Shard) sweep(max int) (more bool) {
	last := len(sh.sweeping) - 1
	if last < 0 {
		return false
	}
	b := sh.sweeping[last]
	b.touch()
	if b.owner != nil && b.heap.Sweep(max) { // what a condemned one has goes with its heap
		return true
	}
	b.sweeping = false
	sh.sweeping = sh.sweeping[:last]
	return last > 0
}

// FrozenViews tells how many views of big values there are that were not released yet.
func (s *Store) FrozenViews() int64 { return s.views.Load() }
