// SPDX-License-Identifier: BSD-3-Clause

package main

// stock is how many keys a server still held at some time.
type stock struct {
	at   int64 // unix microseconds
	keys int
}

// lags returns for each of total keys how long after its time it was gone. deadline gives the time (unix microseconds) of the
// i-th key in the order of their times. Samples tell only how many keys are gone, so the i-th to go is taken to be the i-th that
// was due: a server that deletes them in another order has lags that are longer for some keys and shorter for others. Keys that
// were still there at the last sample lag until then. The samples' distance adds to each lag. Lags come in nanoseconds.
func lags(total int, deadline func(i int) int64, samples []stock) latencies {
	out := make(latencies, 0, total)
	for _, s := range samples {
		for gone := total - s.keys; len(out) < gone; {
			out = append(out, max(0, s.at-deadline(len(out)))*1000)
		}
	}
	if len(samples) == 0 {
		return out
	}
	for last := samples[len(samples)-1].at; len(out) < total; {
		out = append(out, max(0, last-deadline(len(out)))*1000)
	}
	return out
}

// within returns the share of lags that are at most a bound in nanoseconds.
func (l latencies) within(bound int64) float64 {
	n := 0
	for _, lag := range l {
		if lag <= bound {
			n++
		}
	}
	return float64(n) / float64(max(len(l), 1))
}
