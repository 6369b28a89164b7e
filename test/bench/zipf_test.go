// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"slices"
	"testing"
)

func TestZipf(t *testing.T) {
	const n, draws = 1000, 1_000_000
	z := newZipf(n, 0.99)
	counts := make([]float64, n)
	pick := newPicker(3)
	for range draws {
		counts[z.rank(pick.share())]++
	}
	// Ranks 2 and above are drawn by an approximation: groups of them are compared.
	for lo := 0; lo < n; {
		hi := min(max(lo*2, lo+1), n)
		got, want := 0.0, 0.0
		for i := lo; i < hi; i++ {
			got += counts[i] / draws
			want += z.share(i)
		}
		if math.Abs(got-want) > 0.15*want {
			t.Errorf("ranks %d to %d: %.4f of the draws, want %.4f", lo, hi, got, want)
		}
		lo = hi
	}
	if z.rank(0) != 0 || z.rank(math.Nextafter(1, 0)) != n-1 {
		t.Errorf("the ends are %d and %d", z.rank(0), z.rank(math.Nextafter(1, 0)))
	}
}

func TestContent(t *testing.T) {
	z := newZipf(200_000, 0.99)
	list := z.content(100_000)
	if n := len(list); n < 98_000 || n > 102_000 {
		t.Errorf("%d ranks are there, want about 100,000", n)
	}
	if !slices.IsSortedFunc(list, func(a, b uint32) int { return int(b) - int(a) }) {
		t.Error("the least popular are not first")
	}
	popular := 0
	for _, rank := range list {
		if rank < 1000 {
			popular++
		}
	}
	if popular < 995 {
		t.Errorf("%d of the first thousand ranks are there", popular)
	}
	if !slices.Equal(list, z.content(100_000)) {
		t.Error("it is another content each time")
	}
}
