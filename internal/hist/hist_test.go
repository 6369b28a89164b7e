// SPDX-License-Identifier: BSD-3-Clause

package hist

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func TestBucketsTileTheRange(t *testing.T) {
	next := uint64(0)
	for i := range buckets {
		lo, hi := bounds(i)
		if lo != next || hi < lo {
			t.Fatalf("bucket %d is %d..%d, want it to begin at %d", i, lo, hi, next)
		}
		if index(lo) != i || index(hi) != i {
			t.Fatalf("bucket %d: bounds fall in %d and %d", i, index(lo), index(hi))
		}
		if mid := float64(lo) + float64(hi-lo)/2; float64(hi)-mid > 0.016*mid {
			t.Errorf("bucket %d..%d is too wide", lo, hi)
		}
		next = hi + 1
	}
	if next != Max+1 {
		t.Errorf("range ends at %d, want %d", next-1, uint64(Max))
	}
	if Max < 100e9 {
		t.Error("100 s must fit")
	}
}

func TestPercentileOfKnownValues(t *testing.T) {
	var h Histogram
	if h.Percentile(99) != 0 || h.Max() != 0 || h.Mean() != 0 || h.Count() != 0 {
		t.Error("an empty histogram must give zeros")
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	values := make([]int64, 20000)
	var sum uint64
	for i := range values {
		values[i] = int64(math.Exp(rnd.Float64() * math.Log(100e9)))
		h.Record(values[i])
		sum += uint64(values[i])
	}
	slices.Sort(values)
	for _, p := range []float64{0, 1, 10, 50, 90, 99, 99.9, 99.99, 100} {
		rank := int(float64(len(values))*p/100 + 0.5)
		want := float64(values[min(max(rank, 1), len(values))-1])
		if got := float64(h.Bound(p)); got < float64(h.Percentile(p)) || math.Abs(got-want) > 0.032*want+1 {
			t.Errorf("bound of p%v is %v, want %v", p, got, want)
		}
		if got := float64(h.Percentile(p)); math.Abs(got-want) > 0.016*want {
			t.Errorf("p%v = %v, want %v", p, got, want)
		}
	}
	if h.Max() != values[len(values)-1] || h.Sum() != sum || h.Count() != uint64(len(values)) {
		t.Errorf("max %d, sum %d, count %d", h.Max(), h.Sum(), h.Count())
	}
}

func TestValuesOutsideTheRangeAreClamped(t *testing.T) {
	var h Histogram
	h.Record(-5)
	h.Record(math.MaxInt64)
	h.Record(0)
	if h.Percentile(1) != 0 || h.Max() != Max || h.Count() != 3 || h.Percentile(200) > Max || h.Percentile(-1) != 0 {
		t.Errorf("p1 %d, max %d, count %d", h.Percentile(1), h.Max(), h.Count())
	}
}

func TestMergeAndReset(t *testing.T) {
	var a, b Histogram
	a.RecordN(100, 3)
	b.Record(7000)
	b.Record(100)
	a.Merge(&b)
	type bucket struct {
		lo, hi int64
		n      uint64
	}
	var got []bucket
	a.Each(func(lo, hi int64, n uint64) { got = append(got, bucket{lo, hi, n}) })
	if want := []bucket{{100, 101, 4}, {6912, 7039, 1}}; !slices.Equal(got, want) {
		t.Errorf("merged %v, want %v", got, want)
	}
	if a.Sum() != 7400 || a.Max() != 7000 || a.Mean() != 1480 {
		t.Errorf("sum %d, max %d, mean %v", a.Sum(), a.Max(), a.Mean())
	}
	a.Reset()
	if a.Count() != 0 || a.Sum() != 0 || a.Max() != 0 {
		t.Error("Reset left something")
	}
}

func TestConcurrentRecordsAreAllCounted(t *testing.T) {
	var h Histogram
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				h.Record(int64(g*5000 + i))
			}
		})
	}
	wg.Wait()
	if h.Count() != 20000 || h.Max() != 19999 || h.Sum() != 19999*20000/2 {
		t.Errorf("count %d, max %d, sum %d", h.Count(), h.Max(), h.Sum())
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Record(12345) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	for i := int64(0); b.Loop(); i++ {
		h.Record(i & 0xfffff)
	}
}
