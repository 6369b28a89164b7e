// SPDX-License-Identifier: BSD-3-Clause

// Package clock tells the time, and is the only package that may ask the system for it.
//
// A server gets one *Clock and passes it down; tests give it a fake one, which stands still until they move it. The type is
// concrete on purpose: reading the real clock is on the path of every batch and must not go through an interface.
package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Clock is a source of wall-clock and monotonic time. All methods may be called from any goroutine.
type Clock struct {
	base time.Time // real clock: Mono counts from here; immutable
	fake *fake     // nil for the real clock; immutable
}

// fake is the state of a clock that only Advance moves.
type fake struct {
	wall atomic.Int64 // unix microseconds
	mono atomic.Int64 // nanoseconds

	mu      sync.Mutex // guards what follows
	next    int
	wakeups map[int]func()
}

// epoch is what Mono starts from, so that callers may use 0 for "never".
const epoch = time.Second

// Real returns a clock that reads the system's. Monotonic times of two clocks are not comparable: use one a server.
func Real() *Clock {
	return &Clock{base: time.Now().Add(-epoch)}
}

// NewFake returns a clock that stands at wallMillis (unix milliseconds) until Advance or SetWall moves it.
func NewFake(wallMillis int64) *Clock {
	f := &fake{wakeups: map[int]func(){}}
	f.wall.Store(wallMillis * 1000)
	f.mono.Store(int64(epoch))
	return &Clock{fake: f}
}

// WallMicros returns the wall-clock time in microseconds since the Unix epoch. It may jump in either direction.
func (c *Clock) WallMicros() int64 {
	if c.fake != nil {
		return c.fake.wall.Load()
	}
	return time.Now().UnixMicro()
}

// WallMillis returns the wall-clock time in milliseconds since the Unix epoch, rounded down.
func (c *Clock) WallMillis() int64 {
	if c.fake != nil {
		return c.fake.wall.Load() / 1000
	}
	return time.Now().UnixMilli()
}

// Mono returns nanoseconds that never go back; only differences mean anything. It is never 0 and costs about half of a
// wall-clock reading.
func (c *Clock) Mono() int64 {
	if c.fake != nil {
		return c.fake.mono.Load()
	}
	return int64(time.Since(c.base))
}

// Now returns the wall-clock time as a time.Time in the local zone, for log lines and file names.
func (c *Clock) Now() time.Time {
	if c.fake != nil {
		return time.UnixMicro(c.fake.wall.Load())
	}
	return time.Now()
}

// Fake reports whether the clock moves only when told.
func (c *Clock) Fake() bool { return c.fake != nil }

// Advance moves a fake clock's two times forward by d (not negative) and then calls every function given to OnAdvance. It
// panics on a real clock.
func (c *Clock) Advance(d time.Duration) {
	f := c.mustFake()
	if d < 0 {
		panic("clock: Advance by a negative duration")
	}
	f.wall.Add(d.Microseconds())
	f.mono.Add(int64(d))
	f.wake()
}

// SetWall makes a fake clock's wall-clock time jump to wallMillis, as when an operator sets the system's date; Mono does not
// move. It panics on a real clock.
func (c *Clock) SetWall(wallMillis int64) {
	f := c.mustFake()
	f.wall.Store(wallMillis * 1000)
	f.wake()
}

// OnAdvance makes a fake clock call fn after each move, so that a loop that sleeps until some time can be woken to look again.
// fn runs on the goroutine that moves the clock and must not block. The returned function undoes the registration. On a real
// clock nothing is registered: time moves by itself.
func (c *Clock) OnAdvance(fn func()) (remove func()) {
	f := c.fake
	if f == nil {
		return func() {}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.next
	f.next++
	f.wakeups[id] = fn
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.wakeups, id)
	}
}

func (c *Clock) mustFake() *fake {
	if c.fake == nil {
		panic("clock: the real clock cannot be moved")
	}
	return c.fake
}

// wake calls the registered functions without the lock, for they may register or remove others.
func (f *fake) wake() {
	f.mu.Lock()
	fns := make([]func(), 0, len(f.wakeups))
	for _, fn := range f.wakeups {
		fns = append(fns, fn)
	}
	f.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}
