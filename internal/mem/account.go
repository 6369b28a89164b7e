// SPDX-License-Identifier: BSD-3-Clause

package mem

import "sync/atomic"

// Purpose says what a piece of Go memory, which no arena sees, is held for.
type Purpose uint8

// The purposes that a server accounts.
const (
	ClientInput  Purpose = iota // read buffers and arguments not yet executed
	ClientOutput                // replies not yet written
	Transactions                // commands queued by MULTI
	Other                       // everything else that a client makes the server hold
	Programs                    // libraries of functions, which nobody's client holds
	NumPurposes
)

// Account counts Go memory by purpose, in bytes. The zero value is ready; a server has one; any goroutine may use it.
type Account struct {
	// A counter a cache line: loops on different cores add to different ones all the time.
	counters [NumPurposes]struct {
		bytes atomic.Int64
		_     [56]byte
	}
}

// Add adds delta bytes, which may be negative.
func (a *Account) Add(p Purpose, delta int64) { a.counters[p].bytes.Add(delta) }

// Get returns the bytes held for a purpose.
func (a *Account) Get(p Purpose) int64 { return a.counters[p].bytes.Load() }

// Total returns the bytes held for all purposes.
func (a *Account) Total() int64 {
	total := int64(0)
	for i := range a.counters {
		total += a.counters[i].bytes.Load()
	}
	return total
}
