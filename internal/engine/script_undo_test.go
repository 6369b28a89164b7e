// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
)

// TestAllCommandsAreUndone: whatever commands a run consists of, nothing of them is left when it is undone, be the values small or big, and
// what is done afterwards to what was brought back goes on from there.
func TestAllCommandsAreUndone(t *testing.T) {
	w := newWorldAt(t, 8, clock.NewFake(someTime))
	w.Store.Settings.MaxBulk.Store(50_000)
	p := w.player(7)
	view := w.Store.NewView()
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	for round := range rounds {
		for range 60 {
			p.play()
		}
		w.clock.Advance(time.Duration(p.rng.IntN(30)) * time.Millisecond)
		view.NowMillis = w.clock.WallMillis()
		before := allContent(view, w.rdb)
		p.w.view.BeginUndo()
		var calls [][]string
		for range 1 + p.rng.IntN(40) {
			call := p.gen.Valid(w.specs[p.rng.IntN(len(w.specs))])
			switch p.rng.IntN(60) {
			case 0:
				call = []string{p.pick("FLUSHALL", "FLUSHDB", "FLUSHDB")}
			case 1, 2:
				call = []string{"SWAPDB", p.pick("0", "1", "2"), p.pick("0", "1", "2")}
			case 3:
				call = []string{"SELECT", p.pick("0", "1", "2")}
			}
			calls = append(calls, call)
			p.run(call...)
		}
		if p.rng.IntN(4) == 0 {
			p.w.view.ForgetUndo()
			continue
		}
		p.w.view.RollBack()
		w.Store.SettleAll()
		if after := allContent(view, w.rdb); !reflect.DeepEqual(before, after) {
			for _, key := range slices.Sorted(maps.Keys(before)) {
				if !reflect.DeepEqual(before[key], after[key]) {
					t.Errorf("round %d: %s was %.300s, is %.300s", round, key, fmt.Sprint(before[key]), fmt.Sprint(after[key]))
				}
			}
			for key := range after {
				if _, ok := before[key]; !ok {
					t.Errorf("round %d: %s was not there", round, key)
				}
			}
			t.Fatalf("%q", calls)
		}
	}
	p.run("FLUSHALL")
	w.Store.SettleAll()
	if used := w.Store.Used(); used != 0 {
		t.Errorf("%d bytes are used by nothing", used)
	}
}
