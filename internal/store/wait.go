// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/hash"
)

// Clients that wait for keys.
//
//   - A Waiter is one client that waits for any of some keys of a database to hold a value of one type.
//   - A queue is all waiters at one key, in the order of their coming. It lies in the key's shard, whose lock guards it and the
//     links of all places in it.
//   - A place is a waiter's in one queue.
//   - A key that is made while somebody waits for it is ready, until those who wait for it have been served: by the worker that
//     has made it, before it lets go of the shard. So nobody else ever finds a key of a type that somebody waits for, unless they
//     wait for more than that it is there: then whoever adds to it signals it, too.
//   - A target of a waiter is a further key that serving it writes to. Its shard must be held as well when the waiter is served:
//     whoever takes the lock of a key that is waited for asks for the targets (EachTarget) before he makes it.
//   - A cause is a reason to try a waiter other than that its key is of the type it waits for and is signalled: see Causes. A key that
//     is lost where no command runs that could serve those who want to know (it expires, or is evicted) is left to the shard's
//     housekeeping.
//
// What becomes of a waiter is one word, its fate: serving, timing out, unblocking and hanging up compete for it by compare-and-swap,
// so that nothing is taken out of a key for a client that is gone, nor for one twice.

// Fate is what becomes of a Waiter.
type Fate uint32

const (
	Waiting   Fate = iota // in its queues
	claimed               // it is being served: nobody else may end it, but its client may go away
	Served                // its command has run
	TimedOut              // it has waited for as long as it wanted to
	Unblocked             // CLIENT UNBLOCK … ERROR
	Gone                  // nobody wants to know: its client has gone
)

// Causes are reasons for which a Waiter is tried.
type Causes uint8

const (
	// Lost is that a key does not hold a value of the type any more: those are tried whose key does not.
	Lost Causes = 1 << iota
	// Delivered is that something was taken from a value, or given back, that may come to be due again (SignalDelivered).
	Delivered
)

// Waiter is one client that waits. The zero value, with Owner set, is ready for DB.Wait; what is exported is not changed after that, but
// for Retry.
type Waiter struct {
	Owner  any // of the caller's; the store does not look at it
	Causes Causes
	// Alike is the same for waiters that find the same at a key: when one has been tried there and goes on waiting, the others are
	// passed over. 0: like none.
	Alike uint64
	// Retry is the mono ns at which the caller is to try it again, 0 for never. Who holds the shard of one of its keys writes it. When it
	// leaves with one, others of its kind are tried, who may have been passed over.
	Retry atomic.Int64

	fate    atomic.Uint32
	store   *Store // these are written before it waits
	typ     Type
	bytes   int64
	targets []uint64 // hashes of further keys
	places  []place  // one for each key; of fixed capacity, since queues point to them
}

// place is where a Waiter stands in one queue; all but its waiter is guarded by the lock of the queue's shard.
type place struct {
	waiter     *Waiter
	queue      *queue // nil once it has left
	shard      *Shard
	prev, next *place
}

// queue is all that wait for one key.
type queue struct {
	shard       *Shard
	db          int
	key         []byte
	hash        uint64
	other       *queue // of another key with the same hash: another database's, most likely
	first, last *place
	targets     map[uint64]int // the waiters' targets, and how many have each
	lost        int            // waiters that want to know when the key is Lost
	delivered   int            // the same for Delivered
	ready       bool           // it is in a view's list
	orphaned    bool           // it is in its shard's list
}

// waits is a shard's part of what has to do with waiting clients.
type waits struct {
	queues map[uint64]*queue // by the key's hash; guarded by the shard's lock
	lost   []*queue          // whose key is lost, and nobody was told; guarded by the shard's lock

	mu      sync.Mutex // a leaf
	leaving []*place   // that are to be taken out of their queues; guarded by mu
	some    atomic.Bool
}

// readyKeys are the keys that the commands of a view have made and that somebody waits for.
type readyKeys struct {
	list []*queue
	done int      // of list
	at   *queue   // whose waiters are being served; nil between two
	turn *place   // the next to look at
	now  *place   // whose waiter is claimed
	idle []uint64 // Alike of those at the key that were tried and wait on, up to mostIdle
}

// mostIdle is how many kinds of waiters are kept in mind at a key. To try more of them in vain costs less than to compare with all.
const mostIdle = 64

// Fate tells what has become of the waiter. Any goroutine may call it.
func (w *Waiter) Fate() Fate { return Fate(w.fate.Load()) }

// Over tells whether the wait has ended. Any goroutine may call it.
func (w *Waiter) Over() bool { return w.Fate() > claimed }

// End ends the wait as TimedOut, Unblocked or Gone, and gives true; false when it has ended, or is being served. Any goroutine may
// call it.
func (w *Waiter) End(as Fate) bool {
	if !w.fate.CompareAndSwap(uint32(Waiting), uint32(as)) {
		return false
	}
	w.store.waiters.Add(-1)
	return true
}

// Abandon says that the client has gone, whatever has become of its wait. It gives false when it has been served: what that has
// made is the caller's to drop.
func (w *Waiter) Abandon() bool {
	for !w.End(Gone) {
		switch fate := w.Fate(); fate {
		case claimed:
			if w.fate.CompareAndSwap(uint32(claimed), uint32(Gone)) {
				return true
			}
		case Served:
			return false
		case TimedOut, Unblocked, Gone:
			return true
		}
	}
	return true
}

// waiterKeyBytes is about what a key that is waited for takes on the Go heap beside its text: a place, a queue, and where that is
// found.
const waiterKeyBytes = 220

// Bytes gives about what waiting takes on the Go heap.
func (w *Waiter) Bytes() int64 { return w.bytes }

// Type gives the type of value that is waited for.
func (w *Waiter) Type() Type { return w.typ }

// Wait puts w at the end of the keys' queues; a key that is named twice has it once. targets are the hashes of the further keys that
// serving it writes to. The shards of the keys are held. The keys are copied.
func (db *DB) Wait(w *Waiter, t Type, keys [][]byte, targets []uint64) {
	w.store, w.typ, w.targets = db.s, t, targets
	w.places = make([]place, 0, len(keys))
	for i, key := range keys {
		q := db.queueOf(key)
		if q.last != nil && q.last.waiter == w {
			continue
		}
		w.places = append(w.places, place{waiter: w, queue: q, shard: q.shard})
		q.add(&w.places[len(w.places)-1])
		w.bytes += waiterKeyBytes + int64(len(key)+32*len(targets))
		if i%tickEvery == tickEvery-1 {
			db.v.tick()
		}
	}
}

// Begin counts the waiter among Waiters. It stands in its queues, and whoever sees it counted can already end its wait.
func (w *Waiter) Begin() { w.store.waiters.Add(1) }

// queueOf gives the queue of a key, made if there is none.
func (db *DB) queueOf(key []byte) *queue {
	h := db.v.hashOf(key)
	sh := &db.s.shards[h&db.s.mask]
	if q := sh.queue(h, db.index, key); q != nil {
		return q
	}
	if sh.waits.queues == nil {
		sh.waits.queues = make(map[uint64]*queue)
	}
	q := &queue{shard: sh, db: db.index, key: slices.Clone(key), hash: h, other: sh.waits.queues[h]}
	sh.waits.queues[h] = q
	db.s.waitedKeys.Add(1)
	return q
}

// queue gives the queue of a key, nil when nobody waits for it.
func (sh *Shard) queue(h uint64, db int, key []byte) *queue {
	q := sh.waits.queues[h]
	for q != nil && (q.db != db || string(q.key) != string(key)) {
		q = q.other
	}
	return q
}

// add puts a place at the end.
func (q *queue) add(p *place) {
	if p.prev = q.last; p.prev != nil {
		p.prev.next = p
	} else {
		q.first = p
	}
	q.last = p
	for _, h := range p.waiter.targets {
		if q.targets == nil {
			q.targets = make(map[uint64]int)
		}
		q.targets[h]++
		q.shard.targets++
	}
	q.count(p.waiter, 1)
}

// count adds n for a waiter to what the queue counts of causes.
func (q *queue) count(w *Waiter, n int) {
	if w.Causes&Lost != 0 {
		had := q.lost > 0
		q.lost += n
		if has := q.lost > 0; has && !had {
			q.shard.store.guardedKeys.Add(1)
		} else if had && !has {
			q.shard.store.guardedKeys.Add(-1)
		}
	}
	if w.Causes&Delivered != 0 {
		q.delivered += n
	}
}

// leave takes a place out of its queue, and the queue away with its last one. The shard is held.
func (p *place) leave() {
	q := p.queue
	if q == nil {
		return
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		q.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		q.last = p.prev
	}
	p.queue, p.prev, p.next = nil, nil, nil
	q.count(p.waiter, -1)
	for _, h := range p.waiter.targets {
		if q.targets[h]--; q.targets[h] == 0 {
			delete(q.targets, h)
		}
		q.shard.targets--
	}
	if q.first == nil {
		q.shard.dropQueue(q)
	}
}

// resign is leave for a waiter that may have been tried in the place of others: now one of them is, by housekeeping.
func (p *place) resign() {
	q := p.queue
	p.leave()
	if q != nil && q.first != nil && p.waiter.Retry.Load() != 0 {
		q.orphan()
	}
}

// dropQueue takes an empty queue away.
func (sh *Shard) dropQueue(q *queue) {
	first := sh.waits.queues[q.hash]
	switch {
	case first != q:
		for first.other != q {
			first = first.other
		}
		first.other = q.other
	case q.other != nil:
		sh.waits.queues[q.hash] = q.other
	default:
		delete(sh.waits.queues, q.hash)
	}
	if len(sh.waits.queues) == 0 {
		sh.waits.queues = nil // maps do not shrink
	}
	sh.store.waitedKeys.Add(-1)
}

// StopWaiting takes a waiter whose wait has ended out of its queues. inside tells whether the caller is inside his gate; he holds no
// shard. Where a shard is busy, its housekeeping does it.
func (s *Store) StopWaiting(w *Waiter, inside bool) {
	var held *Shard
	served := w.Fate() == Served // nobody else touches its places any more
	for i := range w.places {
		p := &w.places[i]
		if served && p.queue == nil {
			continue
		}
		if held != p.shard {
			if held != nil {
				held.unlock()
			}
			if held = p.shard; !inside || !held.tryLock() && !held.spinLock() {
				held.leaveLater(p)
				held = nil
				continue
			}
		}
		p.resign()
	}
	if held != nil {
		held.unlock()
	}
}

// leaveLater leaves it to housekeeping to take a place out of its queue.
func (sh *Shard) leaveLater(p *place) {
	sh.waits.mu.Lock()
	sh.waits.leaving = append(sh.waits.leaving, p)
	sh.waits.some.Store(true)
	sh.waits.mu.Unlock()
	sh.store.hurry(sh, 0)
}

// sweepWaits takes those places out of the held shard's queues that were left to it.
func (sh *Shard) sweepWaits() {
	if !sh.waits.some.Load() {
		return
	}
	sh.waits.mu.Lock()
	list := sh.waits.leaving
	sh.waits.leaving = nil
	sh.waits.some.Store(false)
	sh.waits.mu.Unlock()
	for _, p := range list {
		p.resign()
	}
}

// HasTargets tells whether somebody who waits for a key of the shard, which is held, writes to others when he is served.
func (s *Store) HasTargets(shard int) bool { return s.shards[shard].targets > 0 }

// EachTarget calls fn with the hashes of the keys that those write to who are served with a key of hash h, in whatever database it is,
// until fn gives false. The key's shard is held.
func (s *Store) EachTarget(h uint64, fn func(target uint64) bool) {
	for q := s.shards[h&s.mask].waits.queues[h]; q != nil; q = q.other {
		for target := range q.targets {
			if !fn(target) {
				return
			}
		}
	}
}

// SignalReady says that those who wait for a key are to be tried: it was made, or something was added to it. Whatever makes a key
// says so itself; it is for types of which clients wait for more than that the key is there.
func (db *DB) SignalReady(key []byte) {
	h := db.v.hashOf(key)
	if sh := &db.s.shards[h&db.s.mask]; len(sh.waits.queues) > 0 {
		db.signal(sh, h, key)
	}
}

// SignalDelivered is SignalReady if somebody waits who wants to know of what is Delivered.
func (db *DB) SignalDelivered(key []byte) {
	h := db.v.hashOf(key)
	sh := &db.s.shards[h&db.s.mask]
	if len(sh.waits.queues) == 0 {
		return
	}
	if q := sh.queue(h, db.index, key); q != nil && q.delivered > 0 {
		db.v.noteReady(q)
	}
}

func (db *DB) signal(sh *Shard, h uint64, key []byte) {
	if q := sh.queue(h, db.index, key); q != nil {
		db.v.noteReady(q)
	}
}

func (v *View) noteReady(q *queue) {
	if !q.ready {
		q.ready = true
		v.ready.list = append(v.ready.list, q)
	}
}

// lose says that a key is about to be removed, or to get a value of another type.
func (db *DB) lose(it *Item) {
	if len(it.sh.waits.queues) > 0 {
		db.loseWaited(it)
	}
}

func (db *DB) loseWaited(it *Item) {
	key := it.rec.key()
	if q := it.sh.queue(hash.Bytes(key), db.index, key); q != nil && q.lost > 0 {
		db.v.noteReady(q)
	}
}

// orphan is lose where no view serves those who wait: it is left to the shard's housekeeping.
func (sh *Shard) orphan(db int, key []byte) {
	if len(sh.waits.queues) == 0 {
		return
	}
	if q := sh.queue(hash.Bytes(key), db, key); q != nil {
		q.orphan()
	}
}

func (q *queue) orphan() {
	if q.lost > 0 && !q.orphaned {
		q.orphaned = true
		q.shard.waits.lost = append(q.shard.waits.lost, q)
		q.shard.store.hurry(q.shard, 0)
	}
}

// HasLost tells whether TakeLost has something to do in a held shard.
func (s *Store) HasLost(shard int) bool { return len(s.shards[shard].waits.lost) > 0 }

// TakeLost makes those keys of a held shard ready that were lost where nobody could serve the clients that want to know.
func (v *View) TakeLost(shard int) {
	sh := &v.s.shards[shard]
	for _, q := range sh.waits.lost {
		q.orphaned = false
		if q.first != nil {
			v.noteReady(q)
		}
	}
	sh.waits.lost = nil
}

// SignalAll is SignalReady for all keys of the database that somebody waits for. The world is still.
func (db *DB) SignalAll() {
	if db.s.waitedKeys.Load() == 0 {
		return
	}
	for i := range db.s.shards {
		for _, q := range db.s.shards[i].waits.queues {
			for ; q != nil; q = q.other {
				if q.db == db.index {
					db.signal(q.shard, q.hash, q.key)
				}
			}
		}
	}
}

// HasReady tells whether NextReady is to be called before the shards are let go.
func (v *View) HasReady() bool { return len(v.ready.list) > 0 }

// NextReady claims the client that is to be served next: keys come in the order in which they became ready, at each key the clients in
// the order of their coming, as long as the key holds what they wait for, or is Lost. It gives nil when there is none left. The shards
// of the ready keys are held. The caller says how it went (Serve, KeepWaiting) before the next call.
func (v *View) NextReady() *Waiter {
	r := &v.ready
	for {
		if r.at == nil {
			if r.done == len(r.list) {
				clear(r.list)
				r.list, r.done = r.list[:0], 0
				return nil
			}
			r.at = r.list[r.done]
			r.done++
			r.at.ready, r.turn, r.idle = false, r.at.first, r.idle[:0]
		}
		it, there := v.DB(r.at.db).lookup(r.at.key)
		for (there || r.at.lost > 0) && r.turn != nil {
			p := r.turn
			r.turn = p.next
			w := p.waiter
			fits := there && w.typ == it.Type()
			if (fits && !slices.Contains(r.idle, w.Alike) || !fits && w.Causes&Lost != 0) && v.Claim(w) {
				r.now = p
				return w
			}
		}
		r.at, r.turn = nil, nil
	}
}

// Claim is for serving a waiter though none of its keys is ready, all their shards being held: it tells whether the waiter still waits,
// and is claimed now. Serve or KeepWaiting follows.
func (v *View) Claim(w *Waiter) bool {
	if !w.fate.CompareAndSwap(uint32(Waiting), uint32(claimed)) {
		return false
	}
	v.s.waiters.Add(-1)
	v.ready.now = &w.places[0]
	return true
}

// AppendShards appends the numbers of the shards of the waiter's keys to dst.
func (w *Waiter) AppendShards(dst []int) []int {
	for i := range w.places {
		dst = append(dst, w.places[i].shard.number)
	}
	return dst
}

// SignalWaiter is SignalReady for all keys of a waiter. Their shards are held, and it is in their queues.
func (v *View) SignalWaiter(w *Waiter) {
	for i := range w.places {
		if q := w.places[i].queue; q != nil {
			v.noteReady(q)
		}
	}
}

// Serve says that the claimed waiter's command has run; false when its client has gone meanwhile.
func (v *View) Serve() bool {
	w, p := v.ready.now.waiter, v.ready.now
	if v.ready.now = nil; p.queue == v.ready.at {
		p.leave() // those behind it are tried next
	} else {
		p.resign()
	}
	return w.fate.CompareAndSwap(uint32(claimed), uint32(Served))
}

// KeepWaiting says that the claimed waiter goes on waiting.
func (v *View) KeepWaiting() {
	w := v.ready.now.waiter
	v.ready.now = nil
	if w.Alike != 0 && len(v.ready.idle) < mostIdle {
		v.ready.idle = append(v.ready.idle, w.Alike)
	}
	if w.fate.CompareAndSwap(uint32(claimed), uint32(Waiting)) {
		v.s.waiters.Add(1)
	}
}

// ForgetReady drops what was noted of keys of shards that are about to be let go, or of a View that serves nobody. Who wants to know of a key that is lost is told by
// housekeeping.
func (v *View) ForgetReady() {
	for _, q := range v.ready.list {
		q.ready = false
		q.orphan()
	}
	v.ready = readyKeys{}
}

// Waiters tells how many clients wait for keys.
func (s *Store) Waiters() int64 { return s.waiters.Load() }

// WaitedKeys tells for how many keys clients wait.
func (s *Store) WaitedKeys() int64 { return s.waitedKeys.Load() }

// GuardedKeys tells of how many keys clients want to know when they are Lost.
func (s *Store) GuardedKeys() int64 { return s.guardedKeys.Load() }

// CheckWaits looks for what must not be in the queues: places of clients whose wait has ended, numbers that do not agree. The world is
// still, or nobody else at work.
func (s *Store) CheckWaits() error {
	waiters, keys, guarded := map[*Waiter]bool{}, int64(0), int64(0)
	for i := range s.shards {
		sh, targets := &s.shards[i], 0
		if n := len(sh.waits.leaving) + len(sh.waits.lost); n > 0 {
			return fmt.Errorf("%d places of shard %d are still to be left, or were lost", n, i)
		}
		for h, q := range sh.waits.queues {
			for ; q != nil; q = q.other {
				keys++
				if q.hash != h || q.ready || q.first == nil {
					return fmt.Errorf("the queue of %q has hash %x at %x, ready %v, empty %v", q.key, q.hash, h, q.ready, q.first == nil)
				}
				lost, delivered := q.lost, q.delivered
				if lost > 0 {
					guarded++
				}
				for p := q.first; p != nil; p = p.next {
					if p.waiter.Causes&Lost != 0 {
						lost--
					}
					if p.waiter.Causes&Delivered != 0 {
						delivered--
					}
					if p.queue != q || p.next == nil && q.last != p || p.waiter.Fate() != Waiting {
						return fmt.Errorf("a place at %q is of fate %d", q.key, p.waiter.Fate())
					}
					waiters[p.waiter] = true
					targets += len(p.waiter.targets)
				}
				if lost != 0 || delivered != 0 {
					return fmt.Errorf("the queue of %q counts %d and %d waiters too many for its causes", q.key, lost, delivered)
				}
			}
		}
		if targets != sh.targets {
			return fmt.Errorf("shard %d counts %d targets, it has %d", i, sh.targets, targets)
		}
	}
	if n := s.guardedKeys.Load(); n != guarded {
		return fmt.Errorf("%d keys are not to be lost unnoticed, counted are %d", guarded, n)
	}
	if int64(len(waiters)) != s.waiters.Load() || keys != s.waitedKeys.Load() {
		return fmt.Errorf("%d clients wait for %d keys, counted are %d and %d", len(waiters), keys, s.waiters.Load(), s.waitedKeys.Load())
	}
	return nil
}
