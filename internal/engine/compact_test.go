// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// usual are limits as by default, but for small stores.
var usual = Compaction{Ignore: 100 << 10, Lower: 10, Upper: 100, LeastCPU: 1, MostCPU: 25}

// thinOut makes n keys and deletes nine in ten.
func (b *bench) thinOut(n int) {
	c := b.connect()
	for i := range n {
		c.do(fmt.Sprintf("SET key:%d %s", i, strings.Repeat("v", 100)))
	}
	for i := range n {
		if i%10 != 0 {
			c.do(fmt.Sprintf("DEL key:%d", i))
		}
	}
}

// run lets the loops do their work for so many ms, with the cron's look every 100.
func (b *bench) run(loops []*sleepyLoop, ms int) {
	for i := range ms {
		b.clock.Advance(time.Millisecond)
		if i%100 == 0 {
			b.Compact(b.clock.Mono())
		}
		for _, l := range loops {
			l.look()
		}
	}
}

// TestCompact: what deleted keys held is given back while the loops run, which then rest.
func TestCompact(t *testing.T) {
	shapes := [][2]int{{2, 4}, {1, 1}, {16, 3}}
	if testing.Short() {
		shapes = shapes[:1]
	}
	for _, shape := range shapes {
		b, loops := sleepyBench(t, shape[0], shape[1])
		b.thinOut(2500 * max(shape[0], 8))
		before, _ := b.Store.Excess()
		b.run(loops, 2000)
		if after, _ := b.Store.Excess(); after != before || b.Compacting() != 0 {
			t.Fatalf("%v: without limits the excess was %d and is %d", shape, before, after)
		}
		b.SetCompaction(usual)
		b.Compact(b.clock.Mono())
		if b.run(loops, 2); b.Compacting() != usual.MostCPU || b.Stats.CompactSince.Load() == 0 {
			t.Errorf("%v: %d per cent", shape, b.Compacting())
		}
		b.run(loops, 20_000)
		if after, live := b.Store.Excess(); after > before/4 {
			t.Errorf("%v: the excess was %d and is %d, %d live", shape, before, after, live)
		}
		if b.Compacting() != 0 || b.Stats.CompactNanos.Load() == 0 || b.Stats.CompactSince.Load() != 0 {
			t.Errorf("%v: %d per cent, for %d ns", shape, b.Compacting(), b.Stats.CompactNanos.Load())
		}
		calls := 0
		for _, l := range loops {
			calls += l.calls
			if l.until != math.MaxInt64 {
				t.Errorf("%v: loop %d wants to be called in %d ms", shape, l.id, l.until-b.clock.WallMillis())
			}
		}
		b.run(loops, 2000)
		for _, l := range loops {
			calls -= l.calls
		}
		if calls != 0 {
			t.Errorf("%v: loops at rest are called %d times", shape, -calls)
		}
	}
}

// TestCompactionEffort: the share of time rises from one limit to the other.
func TestCompactionEffort(t *testing.T) {
	off := usual
	off.Off = true
	narrow := Compaction{Lower: 50, Upper: 20, LeastCPU: 5, MostCPU: 7}
	for _, test := range []struct {
		limits       *Compaction
		excess, live int64
		want         int64
	}{
		{nil, 1 << 40, 1, 0}, {&off, 1 << 40, 1, 0},
		{&usual, 0, 0, 0}, {&usual, 100 << 10, 0, 0}, {&usual, 100<<10 + 1, 0, 25}, {&usual, 10 << 20, 100 << 20, 0},
		{&usual, 10<<20 + 1, 100 << 20, 1}, {&usual, 55 << 20, 100 << 20, 13}, {&usual, 100 << 20, 100 << 20, 25}, {&usual, 1 << 42, 1 << 42, 25},
		{&narrow, 60 << 20, 100 << 20, 7}, {&narrow, 40 << 20, 100 << 20, 0},
	} {
		if got := test.limits.effort(test.excess, test.live); got != test.want {
			t.Errorf("%+v, %d beyond %d: %d per cent, want %d", test.limits, test.excess, test.live, got, test.want)
		}
	}
}

// TestCompactBusyShard: a shard that is held is passed by, and nothing waits for it.
func TestCompactBusyShard(t *testing.T) {
	b, loops := sleepyBench(t, 4, 1)
	b.thinOut(20_000)
	b.SetCompaction(usual)
	before, _ := b.Store.Excess()
	if !b.Store.TryLock(2) {
		t.Fatal("cannot lock")
	}
	testutil.Aside(func() { b.run(loops, 2000) })
	most, _ := b.Store.Excess()
	b.Store.Unlock(2)
	b.run(loops, 2000)
	if after, _ := b.Store.Excess(); most > before/2 || after > most*2/3 {
		t.Errorf("the excess was %d, with a shard held %d, then %d", before, most, after)
	}
}
