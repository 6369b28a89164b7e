// SPDX-License-Identifier: BSD-3-Clause

//go:build !invariants

package invariants

// Waits says that the calling goroutine is about to wait for a lock. In the debug build it panics when that is out of order.
func Waits(Rank, uintptr) {}

// Acquired says that the calling goroutine holds a lock now.
func Acquired(Rank, uintptr) {}

// Released says that the calling goroutine no longer holds a lock. In the debug build it panics when it did not hold it.
func Released(Rank, uintptr) {}
