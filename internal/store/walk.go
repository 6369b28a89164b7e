// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/mem"
	"github.com/redpoll/redpoll/internal/resp"
)

// A walk saves all keys as they were at the instant at which it began, while commands go on, without a copy of the memory.
//
// Terms:
//
//   - A record has a parity, one bit. It is old while it is not that of the store, and new otherwise. A walk begins by turning the
//     store's, with the world still: so all records that there are become old at once.
//   - To save a record is to encode it and make it new. The walker saves those that it meets. Whoever is about to change or remove
//     one that is still old saves it first: what he has encoded is its pre-image, which waits in a queue.
//   - A part is one table as it was found at the beginning, with the number that its database had then.
//
// Invariants:
//
//   - While no walk is under way no record is old. Who makes a record gives it the store's parity, and who moves one keeps what it
//     had.
//   - An old record is as it was at the instant, but for its access field and for what has died since. It lies in the table of a
//     part that is not done.
//   - A part's table may change its database, or belong to none any more: when a database is emptied it is detached, and given back
//     when the part is done.
//   - A walk that is over, since it was cancelled or has failed, saves nothing. It goes on until no record is old.
//
// All commands save what they look up, unless they only read (View.Reading): to save early is always right. A key past its time need
// not be saved, nor a field: who reads what was saved drops them too.

// Encoder makes records into bytes. Any number of goroutines may use one at a time, each with the shard of its key held.
type Encoder interface {
	// Database appends what stands in front of records of a database. keys and expires are how many it has in all, and how many of
	// them have an expiry; both are 0 when that was said before, or is not known.
	Database(dst []byte, db, keys, expires int) []byte
	// Append appends a whole record, whose value is not big. The database is that of Database's number, whatever db says: it is for
	// looking at the value only.
	Append(dst []byte, db *DB, it *Item) []byte
	// Stream gives the bytes of a record whose value IsBig, in a time that does not depend on its size: it freezes it. They are asked
	// for with no shard held.
	Stream(db *DB, it *Item) resp.Source
}

// ErrWalkCancelled is the error of a walk that was cancelled.
var ErrWalkCancelled = errors.New("store: the walk was cancelled")

// EncoderPanic is the error of a walk whose encoder has failed by a bug.
type EncoderPanic struct {
	Value any    // of the panic
	Stack []byte // of the goroutine
}

// Error tells what has happened, without the stack.
func (e *EncoderPanic) Error() string { return fmt.Sprintf("store: the encoder failed: %v", e.Value) }

// Walk is one walk. It belongs to one goroutine, the walker, but for what says otherwise.
type Walk struct {
	s       *Store
	encoder Encoder    // Immutable
	parts   []walkPart // in the order of databases; the slice is Immutable
	first   int        // parts[:first] are done
	db      int        // of the last record that was appended; -1: the next one says its own
	told    []bool     // by database: its keys' number was appended

	keys    []int64     // by database, at the instant; Immutable
	expires []int64     // of them, those with an expiry; Immutable
	over    atomic.Bool // nothing more is saved
	saved   atomic.Int64
	copied  atomic.Int64 // bytes of pre-images

	queue preimages
}

// walkPart is one table.
type walkPart struct {
	t        *table // nil when the part is done; written with the shard held, or the world still
	shard    int    // Immutable
	db       int    // Immutable
	cursor   uint64 // the walker's
	detached bool   // written with the world still
	live     int64  // of a detached one: bytes of its heap in Store.used
	going    int64  // and those in Store.going
}

// WalkState says how a slice of a walk has ended.
type WalkState uint8

const (
	WalkMore WalkState = iota // there is more to do
	WalkBusy                  // all shards that are left are busy
	WalkDone                  // no record is old any more; there may be pre-images
)

// What a slice does at most with a shard held: it takes some 30 µs, if the encoder does not take long.
const (
	sliceRecords = 128
	sliceMarks   = 1024 // records of a walk that is over
	sliceBytes   = 16 << 10
	sliceTries   = 64 // shards that are tried
)

// BeginWalk begins a walk at this instant. The world must be still, and no other walk be under way.
func (s *Store) BeginWalk(e Encoder) *Walk {
	if s.walk.Load() != nil {
		panic("store: a walk begins within another")
	}
	w := &Walk{
		s: s, encoder: e, db: -1,
		told: make([]bool, s.databases), keys: make([]int64, s.databases), expires: make([]int64, s.databases),
	}
	w.queue.most = s.preimages
	for db := range s.databases {
		for i := range s.shards {
			if t := s.shards[i].tables[db].Load(); t != nil && t.keys.Len() > 0 {
				w.parts = append(w.parts, walkPart{t: t, shard: i, db: db})
				w.keys[db] += int64(t.keys.Len())
				w.expires[db] += int64(t.expires)
			}
		}
	}
	for i := range w.parts {
		w.parts[i].t.part = &w.parts[i]
	}
	s.parity ^= parity
	s.walk.Store(w)
	return w
}

// Keys gives how many keys each database had at the instant.
func (w *Walk) Keys() []int64 { return w.keys }

// Saved gives how many records have been saved. Any goroutine may call it.
func (w *Walk) Saved() int64 { return w.saved.Load() }

// Slice saves a few records of a shard that is free, and appends them to dst. Big values go into the queue. The caller has passed its
// gate and holds no shard; the view is its own. With WalkBusy shard is one to wait for.
func (w *Walk) Slice(v *View, dst []byte) (out []byte, st WalkState, shard int) {
	for w.first < len(w.parts) && w.parts[w.first].t == nil {
		w.first++
	}
	if w.first == len(w.parts) {
		return dst, WalkDone, 0
	}
	tried := 0
	for i := w.first; i < len(w.parts) && tried < sliceTries; i++ {
		p := &w.parts[i]
		if !w.s.TryLock(p.shard) {
			tried++
			continue
		}
		if p.t != nil {
			dst = w.slice(p, v, dst)
			w.s.Unlock(p.shard)
			return dst, WalkMore, 0
		}
		w.s.Unlock(p.shard)
	}
	return dst, WalkBusy, w.parts[w.first].shard
}

// slice is Slice for a part whose shard is held.
func (w *Walk) slice(p *walkPart, v *View, dst []byte) []byte {
	dst, over := w.savePart(p, v, dst)
	if over {
		p.t.part = nil
		if p.detached {
			w.s.dropDetached(p)
		}
		p.t = nil
	}
	return dst
}

// savePart saves a few records of a part, and tells whether it is done. If the encoder fails nothing is appended.
func (w *Walk) savePart(p *walkPart, v *View, dst []byte) (out []byte, done bool) {
	out = dst
	defer w.failOnPanic()
	sh, db := &w.s.shards[p.shard], v.DB(p.db)
	full, seen, saved, bigs := len(dst)+sliceBytes, 0, 0, 0
	save := func(e mem.Ref) {
		seen++
		if rec := (record{p.t.heap.Pointer(e)}); !w.old(rec) {
			return
		}
		it := &v.kept // one of its own would be on the Go heap
		*it = itemAt(sh, p.t, e)
		switch {
		case w.over.Load() || it.gone(v.NowMillis):
		case it.isBig():
			w.queue.addBig(p.db, w.encoder.Stream(db, it))
			bigs++
		default:
			dst = w.encoder.Append(w.announce(dst, p.db), db, it)
			saved++
		}
		w.renew(it.rec)
	}
	for more := true; more; {
		p.cursor = p.t.keys.Scan(p.cursor, save)
		done = p.cursor == 0
		more = !done && seen < sliceMarks && saved < sliceRecords && bigs == 0 && len(dst) < full && !sh.contended()
	}
	w.saved.Add(int64(saved + bigs))
	return dst, done
}

// old tells whether a record is not saved.
func (w *Walk) old(rec record) bool { return rec.flags()&parity != w.s.parity }

// renew makes a record new.
func (w *Walk) renew(rec record) { *rec.byteAt(1) = rec.flags()&^parity | w.s.parity }

// announce appends what stands in front of records of a database, if those before are of another.
func (w *Walk) announce(dst []byte, db int) []byte {
	if w.db == db {
		return dst
	}
	w.db = db
	if w.told[db] {
		return w.encoder.Database(dst, db, 0, 0)
	}
	w.told[db] = true
	return w.encoder.Database(dst, db, int(w.keys[db]), int(w.expires[db]))
}

// failOnPanic, deferred, has the walk fail when the encoder does.
func (w *Walk) failOnPanic() {
	switch p := recover(); p {
	case nil:
	case mem.ErrNoMemory:
		w.Fail(mem.ErrNoMemory)
	default:
		w.Fail(&EncoderPanic{p, debug.Stack()})
	}
}

// Fail has the walk be over, for a reason that Err gives; what was queued is dropped. The first reason counts. Any goroutine may call it,
// whatever it holds.
func (w *Walk) Fail(err error) {
	w.over.Store(true)
	w.queue.end(err)
}

// Over tells whether the walk saves nothing any more. Any goroutine may call it.
func (w *Walk) Over() bool { return w.over.Load() }

// Err tells why the walk is over, nil if it is not. Any goroutine may call it.
func (w *Walk) Err() error { return w.queue.failure() }

// End ends a walk that is done, and whose queue is empty or that is over.
func (w *Walk) End() {
	w.over.Store(true)
	w.queue.end(nil)
	w.s.walk.Store(nil)
}

// detach takes a table that is not in any database any more from its shard. If it is part of a walk that wants it, it is given back
// when that has gone through it, else at once. The world is still, and what the shard has is settled.
func (s *Store) detach(sh *Shard, t *table) {
	p := t.part
	if p == nil {
		s.drop(sh, t)
		return
	}
	if w := s.walk.Load(); w == nil || w.over.Load() { // it has ended early with the engine, or is to end
		p.t, t.part = nil, nil
		s.drop(sh, t)
		return
	}
	sh.dropLazy(s, t.heap) // which goes with the heap now
	p.detached, p.live = true, t.heap.Live()
	p.going = p.live
	for _, b := range t.bigs {
		p.going += b.published
	}
	sh.heapBytes -= p.live
	s.going.Add(p.going)
}

// dropDetached gives back the table of a part that is done, its shard being held.
func (s *Store) dropDetached(p *walkPart) {
	sh := &s.shards[p.shard]
	s.drop(sh, p.t)
	s.used.Add(-p.live)
	s.going.Add(-p.going)
	s.Settle(p.shard)
}

// drop gives back all memory of a table that is in no database any more, page by page.
func (s *Store) drop(sh *Shard, t *table) {
	sh.dropLazy(s, t.heap)
	t.dropBigs()
	t.keys.Forget() // for those who prefetch without the lock
	t.heap.ReleaseAll()
}
