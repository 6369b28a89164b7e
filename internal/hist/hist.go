// SPDX-License-Identifier: BSD-3-Clause

// Package hist counts durations in a histogram of fixed size whose buckets are at most 1/32 of their value wide, so that a
// percentile is off by at most 1.6 %. Recording is lock-free; histograms of several loops are merged for reading.
package hist

import (
	"math/bits"
	"sync/atomic"
)

// The layout: values below 2*sub have a bucket each, every further power of two has sub buckets of equal width.
const (
	subBits = 5
	sub     = 1 << subBits
	maxBits = 37 // 2^37 ns, 137 s
	buckets = (maxBits - subBits + 1) * sub

	// Max is the largest value told apart, in nanoseconds; longer ones count as this.
	Max = 1<<maxBits - 1
)

// Distribution counts durations from 1 ns to 137 s. The zero value is empty and ready; it is 8.5 KB large and must not be copied. All
// methods may be called from any goroutine; a reader that runs beside writers may miss what they are just recording.
type Distribution struct {
	counts [buckets]atomic.Uint64
}

// RecordN counts n equal durations in nanoseconds. Negative ones count as 0.
func (d *Distribution) RecordN(ns int64, n uint64) { d.counts[index(clamp(ns))].Add(n) }

// clamp brings a duration into the range that is told apart.
func clamp(ns int64) uint64 { return uint64(min(max(ns, 0), Max)) }

// index returns the bucket of v.
func index(v uint64) int {
	shift := bits.Len64(v|sub) - subBits - 1
	return shift<<subBits + int(v>>shift)
}

// bounds returns the smallest and the largest value of a bucket.
func bounds(i int) (lo, hi uint64) {
	if i < 2*sub {
		return uint64(i), uint64(i)
	}
	shift := i>>subBits - 1
	lo = uint64(i-shift<<subBits) << shift
	return lo, lo + 1<<shift - 1
}

// Merge adds what other counted.
func (d *Distribution) Merge(other *Distribution) {
	for i := range other.counts {
		if n := other.counts[i].Load(); n > 0 {
			d.counts[i].Add(n)
		}
	}
}

// Reset makes the distribution empty. What is recorded meanwhile may be lost.
func (d *Distribution) Reset() {
	for i := range d.counts {
		d.counts[i].Store(0)
	}
}

// Count returns the number of durations recorded.
func (d *Distribution) Count() uint64 {
	var n uint64
	for i := range d.counts {
		n += d.counts[i].Load()
	}
	return n
}

// Percentile returns the duration in nanoseconds that p percent (0 to 100) of all do not exceed, to within 1.6 %; 0 when there
// is none.
func (d *Distribution) Percentile(p float64) int64 {
	total := d.Count()
	rank := uint64(float64(total)*min(max(p, 0), 100)/100 + 0.5)
	rank = min(max(rank, 1), total)
	var seen uint64
	for i := range d.counts {
		if seen += d.counts[i].Load(); seen >= rank && seen > 0 {
			lo, hi := bounds(i)
			return int64(lo + (hi-lo)/2)
		}
	}
	return 0
}

// Bound returns a duration in nanoseconds that p percent (0 to 100) of all do not exceed: the largest one of the bucket that
// Percentile gives the middle of, and so at most 3.2 % more than is true; 0 when there is none.
func (d *Distribution) Bound(p float64) int64 {
	_, hi := bounds(index(uint64(d.Percentile(p))))
	return int64(hi)
}

// Each calls fn for every bucket that is not empty, in ascending order, with its bounds (both included, in nanoseconds) and the
// number of durations in it.
func (d *Distribution) Each(fn func(lo, hi int64, count uint64)) {
	for i := range d.counts {
		if n := d.counts[i].Load(); n > 0 {
			lo, hi := bounds(i)
			fn(int64(lo), int64(hi), n)
		}
	}
}

// Histogram is a Distribution that knows the sum and the longest of its durations too. A reader that runs beside writers sees each
// recording wholly or in part.
type Histogram struct {
	Distribution
	sum atomic.Uint64
	max atomic.Uint64
}

// Record counts one duration in nanoseconds. Negative ones count as 0.
func (h *Histogram) Record(ns int64) { h.RecordN(ns, 1) }

// RecordN counts n equal durations.
func (h *Histogram) RecordN(ns int64, n uint64) {
	v := clamp(ns)
	h.counts[index(v)].Add(n)
	h.sum.Add(v * n)
	raise(&h.max, v)
}

// raise makes m at least v.
func raise(m *atomic.Uint64, v uint64) {
	for old := m.Load(); v > old && !m.CompareAndSwap(old, v); {
		old = m.Load()
	}
}

// Merge adds what other counted.
func (h *Histogram) Merge(other *Histogram) {
	h.Distribution.Merge(&other.Distribution)
	h.sum.Add(other.sum.Load())
	raise(&h.max, other.max.Load())
}

// Reset makes the histogram empty. What is recorded meanwhile may be lost.
func (h *Histogram) Reset() {
	h.Distribution.Reset()
	h.sum.Store(0)
	h.max.Store(0)
}

// Sum returns the sum of all durations in nanoseconds, exactly but for those beyond Max.
func (h *Histogram) Sum() uint64 { return h.sum.Load() }

// Max returns the longest duration in nanoseconds, 0 when there is none.
func (h *Histogram) Max() int64 { return int64(h.max.Load()) }

// Mean returns the average in nanoseconds, 0 when there is none.
func (h *Histogram) Mean() float64 {
	n := h.Count()
	if n == 0 {
		return 0
	}
	return float64(h.sum.Load()) / float64(n)
}

// Percentile is Distribution's, but never above Max.
func (h *Histogram) Percentile(p float64) int64 {
	return min(h.Distribution.Percentile(p), h.Max())
}
