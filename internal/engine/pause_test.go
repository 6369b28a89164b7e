// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"testing"
	"time"
)

// TestPauseOutlivesTheEndOfAnother: a loop that has seen a pause end, and comes to end it when another has begun, leaves that one.
func TestPauseOutlivesTheEndOfAnother(t *testing.T) {
	b := fakeBench(t, Options{})
	b.Pause(PauseWrite, 1000)
	b.clock.Advance(2 * time.Second)
	seen := b.clock.Mono()
	b.Pause(PauseAll, 5000)
	b.unpause(seen)
	if mode, ms := b.Paused(); mode != PauseAll || ms != 5000 {
		t.Errorf("paused: %v for %d ms", mode, ms)
	}
	if sleep := b.EndPause(seen); sleep != int64(5*time.Second) {
		t.Errorf("to be looked at again in %d ns", sleep)
	}
	b.Unpause()
	if mode, _ := b.Paused(); mode != PauseNone {
		t.Errorf("paused: %v", mode)
	}
}
