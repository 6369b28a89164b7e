// SPDX-License-Identifier: BSD-3-Clause

package clock

import (
	"testing"
	"time"
)

func TestFakeStandsStillUntilAdvanced(t *testing.T) {
	c := NewFake(1_700_000_000_000)
	wall, mono := c.WallMicros(), c.Mono()
	if wall != 1_700_000_000_000_000 || c.WallMillis() != 1_700_000_000_000 || mono == 0 || !c.Fake() {
		t.Fatalf("start: wall %d, mono %d", wall, mono)
	}
	c.Advance(1500 * time.Microsecond)
	if got := c.WallMicros() - wall; got != 1500 {
		t.Errorf("wall moved by %d µs, want 1500", got)
	}
	if got := c.Mono() - mono; got != 1_500_000 {
		t.Errorf("mono moved by %d ns, want 1500000", got)
	}
	if got := c.WallMillis(); got != 1_700_000_000_001 {
		t.Errorf("WallMillis = %d", got)
	}
	c.SetWall(5)
	if c.WallMillis() != 5 || c.Mono()-mono != 1_500_000 || c.Now().UnixMilli() != 5 {
		t.Error("SetWall must move the wall clock alone")
	}
}

func TestOnAdvanceSeesTheNewTimeAndCanBeRemoved(t *testing.T) {
	c := NewFake(0)
	var seen []int64
	remove := c.OnAdvance(func() { seen = append(seen, c.WallMillis()) })
	c.Advance(time.Second)
	c.OnAdvance(func() { remove() }) // a wake-up may change the registrations
	c.SetWall(7)
	remove()
	c.Advance(time.Second)
	if len(seen) != 2 || seen[0] != 1000 || seen[1] != 7 {
		t.Errorf("seen %v, want [1000 7]", seen)
	}
}

func TestRealMoves(t *testing.T) {
	c := Real()
	if c.Fake() {
		t.Fatal("Real is fake")
	}
	a, b := c.Mono(), c.Mono()
	if a <= 0 || b < a {
		t.Errorf("Mono went %d, %d", a, b)
	}
	if d := time.Since(time.UnixMicro(c.WallMicros())); d < 0 || d > time.Minute {
		t.Errorf("wall clock is off by %v", d)
	}
	if d := c.WallMicros()/1000 - c.WallMillis(); d > 0 || d < -60_000 {
		t.Errorf("WallMillis and WallMicros disagree by %d ms", d)
	}
	c.OnAdvance(func() { t.Error("a real clock wakes nobody") })()
	for _, move := range []func(){func() { c.Advance(1) }, func() { c.SetWall(1) }, func() { NewFake(0).Advance(-1) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("want a panic")
				}
			}()
			move()
		}()
	}
}

func BenchmarkMono(b *testing.B) {
	c := Real()
	for b.Loop() {
		c.Mono()
	}
}

func BenchmarkWallMicros(b *testing.B) {
	c := Real()
	for b.Loop() {
		c.WallMicros()
	}
}
