// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/redpoll/redpoll/internal/invariants"
)

// Lock states. The waiter bit is only ever set while the lock is held, and taken away by the unlock that wakes.
const (
	unlocked  = 0
	locked    = 1
	hasParked = 2
)

// spinRounds bounds how long a loop looks at a busy lock before it parks the session: about 20 µs.
const spinRounds = 4000

// shardLock is a lock that nobody sleeps on: who finds it busy for long leaves a wake-up call and does something else.
//
// Waking goes to all who parked, and each of them looks again: waking a single one would lose the wake-up when its client
// hangs up first, and handing over a held lock would leave it held while a thread wakes.
type shardLock struct {
	state atomic.Uint32

	mu     sync.Mutex
	parked []func() // wake-up calls; guarded by mu
}

// tryLock takes the lock if it is free.
func (l *shardLock) tryLock() bool {
	if !l.state.CompareAndSwap(unlocked, locked) {
		return false
	}
	if invariants.Enabled {
		invariants.Acquired(invariants.RankShard, l.number())
	}
	return true
}

// number ranks the lock among the shards': they lie in one slice.
func (l *shardLock) number() uintptr { return uintptr(unsafe.Pointer(l)) }

// spinLock takes the lock, looking at it for a short while; false when it stays busy.
func (l *shardLock) spinLock() bool {
	if invariants.Enabled {
		invariants.Waits(invariants.RankShard, l.number())
	}
	for i := range spinRounds {
		if l.state.Load() == unlocked && l.tryLock() {
			return true
		}
		if i%512 == 511 {
			runtime.Gosched() // more loops than cores: the holder may be waiting for this very core
		}
	}
	return false
}

// unlock frees the lock and wakes all that parked on it.
func (l *shardLock) unlock() {
	if invariants.Enabled {
		invariants.Released(invariants.RankShard, l.number())
	}
	if l.state.Swap(unlocked)&hasParked != 0 {
		l.wake()
	}
}

// contended tells whether somebody parked waits for the lock, which the caller holds.
func (l *shardLock) contended() bool { return l.state.Load()&hasParked != 0 }

func (l *shardLock) wake() {
	invariants.Waits(invariants.RankLeaf, 0)
	l.mu.Lock()
	calls := l.parked
	l.parked = nil
	l.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

// WakeParked makes the calls of those who are parked on a shard though it may be held still: they look again.
func (s *Store) WakeParked(shard int) { s.shards[shard].wake() }

// park leaves call to be made when the lock is next freed, and gives true; or takes the lock itself, which was freed
// meanwhile, leaves nothing behind and gives false.
func (l *shardLock) park(call func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch s := l.state.Load(); {
		case s == unlocked:
			if l.tryLock() {
				return false
			}
		case s&hasParked != 0 || l.state.CompareAndSwap(s, s|hasParked):
			// The bit was seen on a held lock: whoever clears it wakes, and finds the call, since mu is held here.
			l.parked = append(l.parked, call)
			return true
		}
	}
}
