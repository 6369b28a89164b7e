// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"slices"
	"time"
)

// latencies are nanoseconds, none below 0.
type latencies []int64

// percentiles sorts the samples and returns those at the given shares (0..1), each the smallest sample that at least this share
// of all samples does not exceed. Without samples all are 0.
func (l latencies) percentiles(shares ...float64) []time.Duration {
	out := make([]time.Duration, len(shares))
	if len(l) == 0 {
		return out
	}
	slices.Sort(l)
	for i, p := range shares {
		at := int(math.Ceil(p*float64(len(l)))) - 1
		out[i] = time.Duration(l[min(max(at, 0), len(l)-1)])
	}
	return out
}

// spread is what several runs of one measurement gave.
type spread struct {
	median, low, high float64
}

// spreadOf returns the median (mean of the middle two for an even count), the least and the greatest of v. NaNs and infinities,
// which stand for failed runs, are left out; nothing left gives NaN.
func spreadOf(v []float64) spread {
	v = slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	if len(v) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(v)
	mid := len(v) / 2
	median := v[mid]
	if len(v)%2 == 0 {
		median = (v[mid-1] + v[mid]) / 2
	}
	return spread{median, v[0], v[len(v)-1]}
}

// ratios divides a[i] by b[i]: the comparison of one pair of runs. A division by 0 gives NaN.
func ratios(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = math.NaN()
		if b[i] != 0 {
			out[i] = a[i] / b[i]
		}
	}
	return out
}
