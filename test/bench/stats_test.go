// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestPercentiles(t *testing.T) {
	thousand := make(latencies, 1000)
	for i := range thousand {
		thousand[i] = int64(1000 - i)
	}
	tests := []struct {
		name string
		in   latencies
		want []time.Duration // at 0, 0.5, 0.99, 0.999, 1
	}{
		{"none", nil, []time.Duration{0, 0, 0, 0, 0}},
		{"one", latencies{7}, []time.Duration{7, 7, 7, 7, 7}},
		{"two", latencies{9, 1}, []time.Duration{1, 1, 9, 9, 9}},
		{"thousand", thousand, []time.Duration{1, 500, 990, 999, 1000}},
	}
	for _, tt := range tests {
		if got := tt.in.percentiles(0, 0.5, 0.99, 0.999, 1); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSpread(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		in   []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{5, 1, 2}, spread{2, 1, 5}},
		{[]float64{4, 1, 2, 3}, spread{2.5, 1, 4}},
		{[]float64{nan, 2, math.Inf(1)}, spread{2, 2, 2}},
	}
	for _, tt := range tests {
		if got := spreadOf(tt.in); got != tt.want {
			t.Errorf("spreadOf(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
	if got := spreadOf([]float64{nan}); !math.IsNaN(got.median) {
		t.Errorf("a spread of nothing has median %v", got.median)
	}
}

func TestRatios(t *testing.T) {
	got := ratios([]float64{4, 9, 1}, []float64{2, 0})
	if len(got) != 2 || got[0] != 2 || !math.IsNaN(got[1]) {
		t.Errorf("ratios = %v", got)
	}
}
