// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/resp"
)

const (
	maxPreimages = 64 << 20 // the default of Options.Preimages

	chunkSize  = 64 << 10 // of pre-images in one piece
	keptChunks = 64       // that are kept for pre-images to come
)

// preimages is the queue of what was saved by others than the walker. Its order means nothing.
type preimages struct {
	most int64        // bytes; Immutable
	size atomic.Int64 // bytes of chunks; written with mu held
	peak atomic.Int64 // the most that size was; written with mu held

	queuedBigs atomic.Int64 // the length of bigs; written with mu held

	mu     sync.Mutex // a leaf
	chunks [][]byte   // each begins by saying its database; guarded by mu, as all that follows
	db     int        // of the last record of the last chunk
	bigs   []bigImage
	spare  [][]byte // empty chunks
	parked []func() // wake-up calls of those who found the queue full
	ended  bool     // nothing more goes in
	err    error    // why the walk is over
}

// bigImage is a big value that is to be saved as it was frozen.
type bigImage struct {
	db     int
	source resp.Source
}

// Preimages tells of the pre-images of a walk.
type Preimages struct {
	Bytes int64 // of those that wait in memory
	Peak  int64 // the most that these ever were
	All   int64 // bytes of all up to now: as they lay in memory, or as they were encoded if that is more
	Big   int64 // big values that wait, frozen; they are not among the bytes
}

// keep saves an old record that a command has found, if it may change it. A command of which the view says that it only reads leaves
// it to the walker.
func (db *DB) keep(it *Item) {
	if w := db.s.walk.Load(); w != nil && !db.v.Reading {
		w.keep(db, it)
	}
}

// keep saves an old record as a pre-image. If that fails the walk does.
func (w *Walk) keep(db *DB, it *Item) {
	if !w.over.Load() {
		w.encode(db, it)
	}
	w.renew(it.rec)
}

func (w *Walk) encode(db *DB, found *Item) {
	defer w.failOnPanic()
	w.saved.Add(1)
	it := &db.v.kept // or all Items that are looked up would be on the Go heap
	*it = *found
	number := it.t.part.db
	if it.isBig() {
		w.queue.addBig(number, w.encoder.Stream(db, it))
		return
	}
	room := w.encoder.Append(db.v.image[:0], db, it)
	w.queue.add(w.encoder, number, room)
	w.copied.Add(max(int64(len(room)), it.held()))
	if db.v.image = room; cap(room) > chunkSize {
		db.v.image = nil
	}
}

// add puts a record's bytes into the queue.
func (q *preimages) add(e Encoder, db int, record []byte) {
	invariants.Waits(invariants.RankLeaf, 0)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	last := len(q.chunks) - 1
	if last < 0 || len(q.chunks[last]) >= chunkSize {
		q.chunks = append(q.chunks, q.empty())
		last++
		q.db = -1
	}
	chunk := q.chunks[last]
	before := len(chunk)
	if q.db != db {
		chunk = e.Database(chunk, db, 0, 0)
		q.db = db
	}
	chunk = append(chunk, record...)
	q.chunks[last] = chunk
	size := q.size.Add(int64(len(chunk) - before))
	if size > q.peak.Load() {
		q.peak.Store(size)
	}
}

// empty gives an empty chunk.
func (q *preimages) empty() []byte {
	if n := len(q.spare); n > 0 {
		chunk := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return chunk
	}
	return make([]byte, 0, chunkSize+chunkSize/8)
}

// addBig puts a frozen value into the queue.
func (q *preimages) addBig(db int, source resp.Source) {
	invariants.Waits(invariants.RankLeaf, 0)
	q.mu.Lock()
	if !q.ended {
		q.bigs = append(q.bigs, bigImage{db, source})
		q.queuedBigs.Add(1)
		source = nil
	}
	q.mu.Unlock()
	if source != nil {
		source.Close()
	}
}

// end empties the queue for good.
func (q *preimages) end(err error) {
	q.mu.Lock()
	bigs, parked := q.bigs, q.parked
	q.chunks, q.spare, q.bigs, q.parked = nil, nil, nil, nil
	q.size.Store(0)
	q.queuedBigs.Store(0)
	if q.err == nil && !q.ended {
		q.err = err
	}
	q.ended = true
	q.mu.Unlock()
	for _, big := range bigs {
		big.source.Close()
	}
	for _, call := range parked {
		call()
	}
}

func (q *preimages) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Preimages gives the figures of the queue. Any goroutine may call it.
func (w *Walk) Preimages() Preimages {
	q := &w.queue
	return Preimages{Bytes: q.size.Load(), Peak: q.peak.Load(), All: w.copied.Load(), Big: q.queuedBigs.Load()}
}

// TakePreimages takes a chunk of pre-images from the queue; none when only big values are left. The chunk says itself which databases
// they are of: see Elsewhere. It counts as waiting until the next call gives it back, as used.
func (w *Walk) TakePreimages(used []byte) (chunk []byte) {
	q := &w.queue
	q.mu.Lock()
	if q.ended {
		q.mu.Unlock()
		return nil
	}
	if used != nil {
		q.size.Add(-int64(len(used)))
		if len(q.spare) < keptChunks && cap(used) <= 2*chunkSize {
			q.spare = append(q.spare, used[:0])
		}
	}
	if len(q.chunks) > 0 {
		chunk = q.chunks[0]
		q.chunks[0] = nil
		q.chunks = q.chunks[1:]
	}
	var parked []func()
	if q.size.Load() <= q.most/4*3 {
		parked, q.parked = q.parked, nil
	}
	q.mu.Unlock()
	for _, call := range parked {
		call()
	}
	return chunk
}

// Elsewhere says that a chunk of pre-images was written: the next record has to say its database again.
func (w *Walk) Elsewhere() { w.db = -1 }

// TakeBig takes a big value from the queue, which the caller is to Close, and appends to dst what says its database; false when there
// is none.
func (w *Walk) TakeBig(dst []byte) (out []byte, source resp.Source, ok bool) {
	q := &w.queue
	q.mu.Lock()
	last := len(q.bigs) - 1
	if last < 0 {
		q.mu.Unlock()
		return dst, nil, false
	}
	big := q.bigs[last]
	q.bigs[last] = bigImage{}
	q.bigs = q.bigs[:last]
	q.queuedBigs.Add(-1)
	q.mu.Unlock()
	return w.announce(dst, big.db), big.source, true
}

// MaxPreimages gives the bytes of pre-images in memory past which who writes is to wait.
func (s *Store) MaxPreimages() int64 { return s.preimages }

// Crowded tells whether so many pre-images wait that who writes is to wait too.
func (s *Store) Crowded() bool {
	w := s.walk.Load()
	return w != nil && w.queue.size.Load() >= s.preimages
}

// ParkWalk leaves call to be made when there is room for pre-images, and gives true; false when there is.
func (s *Store) ParkWalk(call func()) bool {
	w := s.walk.Load()
	if w == nil {
		return false
	}
	q := &w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended || q.size.Load() < q.most {
		return false
	}
	q.parked = append(q.parked, call)
	return true
}
