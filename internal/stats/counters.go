// SPDX-License-Identifier: BSD-3-Clause

package stats

import "sync/atomic"

// cacheLine is what one core takes from another when it writes; rows of different loops are kept this far apart.
const cacheLine = 64

// perLine is how many counters fit a cache line.
const perLine = cacheLine / 8

// Counters is a set of counters, numbered from 0, that several loops add to. Each loop has a row of its own, so that no
// two loops write the same cache line; a reading is the sum of the rows.
type Counters struct {
	cells  []atomic.Int64
	stride int // cells from one row to the next
	rows   int
	ids    int
}

// NewCounters makes ids counters for so many writers.
func NewCounters(rows, ids int) *Counters {
	// A line is left free between rows, since the slice need not begin at the start of one.
	stride := (ids+perLine-1)/perLine*perLine + perLine
	return &Counters{cells: make([]atomic.Int64, rows*stride), stride: stride, rows: rows, ids: ids}
}

// Row gives a writer's own counters. Adding to them from another goroutine is correct, only slower.
func (c *Counters) Row(row int) Row {
	at := row * c.stride
	return Row{c.cells[at : at+c.ids : at+c.ids]}
}

// Row is one writer's counters.
type Row struct{ cells []atomic.Int64 }

// Add adds n to a counter.
func (r Row) Add(id int, n int64) { r.cells[id].Add(n) }

// Load gives what was added to a counter through this row since the last Reset.
func (r Row) Load(id int) int64 { return r.cells[id].Load() }

// Sum gives a counter's value: what all writers have added. It may be called from any goroutine.
func (c *Counters) Sum(id int) int64 {
	var sum int64
	for row := range c.rows {
		sum += c.cells[row*c.stride+id].Load()
	}
	return sum
}

// Reset sets the named counters to 0, or all when none is named. It may be called from any goroutine.
func (c *Counters) Reset(ids ...int) {
	for row := range c.rows {
		if len(ids) == 0 {
			for id := range c.ids {
				c.cells[row*c.stride+id].Store(0)
			}
		}
		for _, id := range ids {
			c.cells[row*c.stride+id].Store(0)
		}
	}
}

// rateSamples is over how many samples a rate is averaged, as the instantaneous_ fields of Redis are.
const rateSamples = 16

// Rate is how fast a counter grows, averaged over its last 16 samples.
type Rate struct {
	average atomic.Int64 // the only field that readers see

	samples [rateSamples]int64 // units a second
	next    int
	last    int64
	lastMS  int64
}

// Sample notes the counter's value at a time in milliseconds. It is called by one goroutine, every 100 ms or so.
func (r *Rate) Sample(nowMS, value int64) {
	elapsed := nowMS - r.lastMS
	if r.lastMS != 0 && elapsed > 0 {
		r.samples[r.next] = max(0, value-r.last) * 1000 / elapsed
		r.next = (r.next + 1) % rateSamples
		var sum int64
		for _, s := range r.samples {
			sum += s
		}
		r.average.Store(sum / rateSamples)
	}
	if elapsed != 0 {
		r.last, r.lastMS = value, nowMS
	}
}

// PerSecond gives the average. It may be called from any goroutine.
func (r *Rate) PerSecond() int64 { return r.average.Load() }
