// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"slices"
	"testing"
)

func TestLags(t *testing.T) {
	deadline := func(i int) int64 { return int64(100 * (i + 1)) } // keys due at 100, 200, 300, 400 µs
	tests := []struct {
		name    string
		samples []stock
		want    latencies
	}{
		{"nothing seen", nil, latencies{}},
		{"each at its time", []stock{{100, 3}, {200, 2}, {300, 1}, {400, 0}}, latencies{0, 0, 0, 0}},
		{"two at a time", []stock{{50, 4}, {250, 2}, {450, 0}}, latencies{150e3, 50e3, 150e3, 50e3}},
		{"some never go", []stock{{150, 3}, {1000, 2}}, latencies{50e3, 800e3, 700e3, 600e3}},
		{"gone too early counts as no lag", []stock{{150, 2}, {500, 0}}, latencies{50e3, 0, 200e3, 100e3}},
	}
	for _, tt := range tests {
		if got := lags(4, deadline, tt.samples); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWithin(t *testing.T) {
	if got := (latencies{10, 20, 30, 40}).within(20); got != 0.5 {
		t.Errorf("within = %v, want 0.5", got)
	}
	if got := (latencies{}).within(20); got != 0 {
		t.Errorf("within of nothing = %v", got)
	}
}
