// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
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
func (l *Latencies) record(id int, ns int64, n uint64) {
	h := l.byID[id].Load()
	if h == nil {
		l.byID[id].CompareAndSwap(nil, new(hist.Distribution))
		if h = l.byID[id].Load(); h == nil {
			return // reset this very moment
		}
	}
	h.RecordN(ns, n)
}

// time notes that so many runs of a command, whose tally is t, took ns together. In a pipeline they are put to the runs before
// them if they took about as long, between half and twice: its commands are timed in groups anyway, and to count each would be
// dear.
func (w *Worker) time(t *tally, id int, ns, calls int64) {
	if !w.timing {
		return
	}
	if t.timed > 0 {
		if one, other := ns*t.timed, t.timedNanos*calls; one <= 2*other && other <= 2*one {
			t.timed += calls
			t.timedNanos += ns
			return
		}
		w.publishTiming(t, id)
	}
	t.timed, t.timedNanos = calls, ns
}

// publishTiming adds up what was noted of a command.
func (w *Worker) publishTiming(t *tally, id int) {
	each := t.timedNanos
	if t.timed > 1 { // a division is dear
		each /= t.timed
	}
	w.e.Stats.Latency.record(id, each, uint64(t.timed))
	t.timed = 0
}

// noteSpike notes that a command which ended at now, mono ns, took so many ns, which is unusually long.
func (w *Worker) noteSpike(spec *command.Spec, took, now int64) {
	event := "command"
	if spec.Flags.Has(command.Fast) {
		event = "fast-command"
	}
	w.e.Stats.Spikes.Note(event, took, (w.wall+now)/1_000_000)
}
