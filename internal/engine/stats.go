// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/hist"
	"github.com/redpoll/redpoll/internal/stats"
)

// CommandStats is what INFO commandstats shows of one command.
type CommandStats struct {
	Calls    atomic.Int64
	Nanos    atomic.Int64 // time spent in the handler
	Rejected atomic.Int64 // refused before the handler ran
	Failed   atomic.Int64 // the handler gave an error
}

// Stats counts what the engine does. Workers count for themselves and add what they have after each batch.
type Stats struct {
	Commands []CommandStats // by command.Spec.ID
	Total    atomic.Int64   // commands processed
	Hits     atomic.Int64   // reads that found their key
	Misses   atomic.Int64
	Changes  atomic.Int64 // to the keyspace, by commands
	Errors   atomic.Int64 // error replies
	Parked   atomic.Int64 // times that a command found what it needed busy
	Detached atomic.Int64 // handlers that were overtaken
	Panics   atomic.Int64 // handlers that failed by a bug
	MaxBatch atomic.Int64 // the most commands that a worker has run in one batch
	MaxBusy  atomic.Int64 // the longest that one batch has taken, in ns
	Latency  Latencies
	Spikes   stats.Spikes // what took unusually long

	CompactNanos atomic.Int64 // time during which sparse heaps were being compacted
	CompactSince atomic.Int64 // monotonic time at which that began, 0 when it is over

	mu     sync.Mutex
	byCode map[string]int64 // error replies by their first word; guarded by mu
}

func newStats(commands int) *Stats {
	s := &Stats{Commands: make([]CommandStats, commands), byCode: make(map[string]int64)}
	s.Latency.byID = make([]atomic.Pointer[hist.Distribution], commands)
	return s
}

// maxErrorCodes bounds the different error codes that are counted, and maxErrorCode their bytes, since scripts may make up codes of their own. What comes
// beyond is counted together.
const (
	maxErrorCodes = 128
	maxErrorCode  = 128
	otherErrors   = "ERRORSTATS_OVERFLOW"
)

// countError counts an error reply, whose text begins with its code.
func (s *Stats) countError(text string) {
	s.Errors.Add(1)
	code, _, _ := strings.Cut(text, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.byCode[code]; !known {
		if len(s.byCode) >= maxErrorCodes || len(code) > maxErrorCode {
			code = otherErrors
		}
		code = strings.Clone(code) // the text may be long
	}
	s.byCode[code]++
}

// ErrorCount is the number of error replies with one code.
type ErrorCount struct {
	Code  string
	Count int64
}

// ByCode gives the error replies by code, sorted by it.
func (s *Stats) ByCode() []ErrorCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]ErrorCount, 0, len(s.byCode))
	for code, n := range s.byCode {
		list = append(list, ErrorCount{code, n})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Code < list[j].Code })
	return list
}

// Reset sets everything to zero (CONFIG RESETSTAT).
func (s *Stats) Reset() {
	for i := range s.Commands {
		c := &s.Commands[i]
		c.Calls.Store(0)
		c.Nanos.Store(0)
		c.Rejected.Store(0)
		c.Failed.Store(0)
	}
	for _, n := range []*atomic.Int64{&s.Total, &s.Hits, &s.Misses, &s.Errors, &s.Parked, &s.Detached, &s.MaxBatch, &s.MaxBusy,
		&s.CompactNanos} {
		n.Store(0)
	}
	s.Latency.Reset()
	s.mu.Lock()
	clear(s.byCode)
	s.mu.Unlock()
}

// raise makes a maximum at least v.
func raise(m *atomic.Int64, v int64) {
	for old := m.Load(); v > old && !m.CompareAndSwap(old, v); {
		old = m.Load()
	}
}

// tally is a worker's own count of one command since it last added it to the Stats.
type tally struct {
	calls, nanos, failed int64
	timed, timedNanos    int64 // runs that are not in the histogram yet, and what they took together
}
