// SPDX-License-Identifier: BSD-3-Clause

package stats

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// maxSpikes is how many samples of an event are kept, as in Redis.
const maxSpikes = 160

// Spikes remembers when something took unusually long: of each event the last samples, at most one a second. It is what LATENCY shows. The zero
// value is off; methods may be called from any goroutine.
type Spikes struct {
	threshold atomic.Int64 // ns; 0: off

	mu     sync.Mutex             // a leaf
	events map[string]*spikeTrain // guarded by mu
}

// spikeTrain has the samples of one event.
type spikeTrain struct {
	samples []Spike // in order of time
	worst   int64   // ms, of all that there ever were
}

// Spike is one sample.
type Spike struct {
	At     int64 // Unix seconds
	Millis int64 // what it took; the most of all that came within that second
}

// Event is what is known of one event.
type Event struct {
	Name  string
	Last  Spike
	Worst int64 // ms, since the event was last forgotten
}

// SetThreshold sets from how many ms on something is noted; 0 for never.
func (s *Spikes) SetThreshold(ms int64) {
	s.threshold.Store(min(ms, math.MaxInt64/1_000_000) * 1_000_000)
}

// On tells whether anything is noted.
func (s *Spikes) On() bool { return s.threshold.Load() > 0 }

// From gives the ns from which on something is noted: the largest number there is when nothing is.
func (s *Spikes) From() int64 {
	if ns := s.threshold.Load(); ns > 0 {
		return ns
	}
	return math.MaxInt64
}

// Note tells that an event, such as "command", took so many ns and ended at a time in Unix ms. The names of events are few.
func (s *Spikes) Note(event string, ns, at int64) {
	if ns < s.From() {
		return
	}
	now := Spike{At: at / 1000, Millis: ns / 1_000_000}
	s.mu.Lock()
	defer s.mu.Unlock()
	train := s.events[event]
	if train == nil {
		if s.events == nil {
			s.events = make(map[string]*spikeTrain)
		}
		train = &spikeTrain{}
		s.events[event] = train
	}
	train.worst = max(train.worst, now.Millis)
	last := len(train.samples) - 1
	switch {
	case last >= 0 && train.samples[last].At == now.At:
		train.samples[last].Millis = max(train.samples[last].Millis, now.Millis)
	case len(train.samples) == maxSpikes:
		copy(train.samples, train.samples[1:])
		train.samples[last] = now
	default:
		train.samples = append(train.samples, now)
	}
}

// Events gives what is known of each event, by name.
func (s *Spikes) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Event, 0, len(s.events))
	for name, train := range s.events {
		list = append(list, Event{Name: name, Last: train.samples[len(train.samples)-1], Worst: train.worst})
	}
	slices.SortFunc(list, func(a, b Event) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Of gives the samples of an event, the earliest first, and the ms of the worst there ever was; none if there is no such event.
func (s *Spikes) Of(event string) (samples []Spike, worst int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	train := s.events[event]
	if train == nil {
		return nil, 0
	}
	return slices.Clone(train.samples), train.worst
}

// Forget forgets events, or all if none is named, and tells how many there were.
func (s *Spikes) Forget(events ...string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(events) == 0 {
		n = len(s.events)
		clear(s.events)
		return n
	}
	for _, name := range events {
		if _, known := s.events[name]; known {
			delete(s.events, name)
			n++
		}
	}
	return n
}
