// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/hist"
)

// Latencies has a histogram of durations for each command that was run since the last Reset, by command.Spec.ID. Workers
// note what they have timed and add it up after each batch, so that a core takes a histogram's cache lines from another at
// most a few times a batch.
type Latencies struct {
	off  atomic.Bool
	byID []atomic.Pointer[hist.Distribution]
}

// SetTracking turns the recording on or off (latency-tracking). What was recorded stays.
func (l *Latencies) SetTracking(on bool) { l.off.Store(!on) }

// Of gives the histogram of a command, in nanoseconds; nil when nothing was recorded.
func (l *Latencies) Of(id int) *hist.Distribution { return l.byID[id].Load() }

// Reset forgets all.
func (l *Latencies) Reset() {
	for i := range l.byID {
		l.byID[i].Store(nil)
	}
}

// record counts n runs of a command that took so many ns each.
func (l *Latencies) record(id int32, ns int64, n uint64) {
	h := l.byID[id].Load()
	if h == nil {
		l.byID[id].CompareAndSwap(nil, new(hist.Distribution))
		if h = l.byID[id].Load(); h == nil {
			return // reset this very moment
		}
	}
	h.RecordN(ns, n)
}

// timing is some runs of one command.
type timing struct {
	id    int32
	calls uint32
	ns    int64 // of all of them
}

// maxTimings is how many timings a worker keeps before it adds them up, lookBack at how many of them it looks for a like one.
const (
	maxTimings = 32
	lookBack   = 4
)

// time notes that so many runs of a command took ns together. In a pipeline they are put to earlier runs of the command that
// took about as long, between half and twice: its commands are timed in groups anyway, and to count each would be dear.
func (w *Worker) time(id int, ns int64, calls int) {
	if w.e.Stats.Latency.off.Load() {
		return
	}
	n := len(w.timings)
	for i := n - 1; i >= max(n-lookBack, 0); i-- {
		if t := &w.timings[i]; t.id == int32(id) {
			if one, other := ns*int64(t.calls), t.ns*int64(calls); one <= 2*other && other <= 2*one {
				t.calls += uint32(calls)
				t.ns += ns
				return
			}
		}
	}
	if n == maxTimings {
		w.publishTimings()
	}
	w.timings = append(w.timings, timing{int32(id), uint32(calls), ns})
}

// publishTimings adds up what was noted.
func (w *Worker) publishTimings() {
	for _, t := range w.timings {
		each := t.ns
		if t.calls > 1 { // a division is dear
			each /= int64(t.calls)
		}
		w.e.Stats.Latency.record(t.id, each, uint64(t.calls))
	}
	w.timings = w.timings[:0]
}
