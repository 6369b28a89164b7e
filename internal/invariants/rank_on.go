// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants

package invariants

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
)

// lock is a lock that is held.
type lock struct {
	rank   Rank
	number uintptr
}

// held has the locks of each goroutine that holds any, by its number. A goroutine changes only its own entry.
var held sync.Map // string → []lock

// goroutine gives the calling goroutine's number, which only its stack trace tells.
func goroutine() string {
	var room [64]byte
	text := bytes.TrimPrefix(room[:runtime.Stack(room[:], false)], []byte("goroutine "))
	return string(text[:bytes.IndexByte(text, ' ')])
}

func locksOf(id string) []lock {
	list, _ := held.Load(id)
	locks, _ := list.([]lock)
	return locks
}

// Waits says that the calling goroutine is about to wait for a lock. It panics when that is out of order.
func Waits(r Rank, number uintptr) {
	for _, l := range locksOf(goroutine()) {
		if l.rank > r || l.rank == r && l.number >= number {
			panic(fmt.Sprintf("invariants: waits for a lock of rank %d, number %#x, and holds one of rank %d, number %#x", r, number, l.rank, l.number))
		}
	}
}

// Acquired says that the calling goroutine holds a lock now.
func Acquired(r Rank, number uintptr) {
	id := goroutine()
	held.Store(id, append(locksOf(id), lock{r, number}))
}

// Released says that the calling goroutine no longer holds a lock. It panics when it did not hold it.
func Released(r Rank, number uintptr) {
	id := goroutine()
	locks := locksOf(id)
	for i := len(locks) - 1; i >= 0; i-- {
		if locks[i] != (lock{r, number}) {
			continue
		}
		if locks = append(locks[:i], locks[i+1:]...); len(locks) == 0 {
			held.Delete(id)
		} else {
			held.Store(id, locks)
		}
		return
	}
	panic(fmt.Sprintf("invariants: frees a lock of rank %d, number %#x, that it does not hold", r, number))
}
