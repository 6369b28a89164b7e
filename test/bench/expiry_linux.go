// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// sampleEvery is how often the number of keys is asked for while they expire.
const sampleEvery = 5 * time.Millisecond

// expiry compares how soon keys are gone after their time, and what their going costs other clients.
func (b *bench) expiry() error {
	if b.wants("expiry/even") {
		if err := b.expireEvenly(); err != nil {
			return err
		}
	}
	if b.wants("expiry/same") {
		return b.expireAtOnce()
	}
	return nil
}

// deadlined returns an encoder for fill: a SET of the i-th key with the expiry at(i) in unix milliseconds.
func deadlined(at func(i int) int64) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte {
		return appendCommand(b, "SET", fmt.Sprintf("key:%012d", i), payload(32), "PXAT", strconv.FormatInt(at(i), 10))
	}
}

// wait sleeps until a wall-clock time in unix milliseconds.
func (b *bench) wait(until int64) error {
	return sleep(b.ctx, time.Duration(until*1000-b.clock.WallMicros())*time.Microsecond)
}

// loadBefore loads keys whose first expiry is at start (unix milliseconds) and fails if that took too long.
func (b *bench) loadBefore(s *server, n int, start int64, at func(i int) int64) error {
	if err := fill(s.port, n, deadlined(at)); err != nil {
		return err
	}
	if b.clock.WallMillis() > start {
		return errors.New("loading the keys took longer than until the first expires")
	}
	return nil
}

// expireEvenly lets keys expire evenly over a minute and samples how many are left.
func (b *bench) expireEvenly() error {
	n := b.size(1_000_000, 50_000)
	span := b.period(time.Minute, 2*time.Second)
	t := b.report.table(fmt.Sprintf("Expiry: %d keys evenly over %v", n, span), "figure", "Redpoll", "Redis")
	t.note("Lags come from DBSIZE every %v, which adds up to that much to each. Memory too much is the greatest share of the "+
		"keys' memory, by used_memory once a second, that was still held beyond the share of keys not yet due.", sampleEvery)
	var share, p50, p99, worst, excess [2]float64
	for k, kind := range []kind{b.redpoll, b.redis} {
		lag, held, err := b.evenRun(kind, n, span)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		share[k] = 100 * lag.within(int64(20*time.Millisecond))
		p := lag.percentiles(0.5, 0.99, 1)
		p50[k], p99[k], worst[k], excess[k] = millis(p[0]), millis(p[1]), millis(p[2]), 100*held
	}
	t.row("gone within 20 ms, %", number(share[0]), number(share[1]))
	t.row("lag p50, ms", number(p50[0]), number(p50[1]))
	t.row("lag p99, ms", number(p99[0]), number(p99[1]))
	t.row("worst lag, ms", number(worst[0]), number(worst[1]))
	t.row("memory too much, %", number(excess[0]), number(excess[1]))
	b.report.judge("expiring keys gone within 20 ms", share[0], share[1], " %", atLeast(99))
	b.report.judge("lag of expiring keys, p99", p99[0], p99[1], " ms", limit{})
	return nil
}

// scattered maps i to a place in [0, n) so that neighbours in loading order do not expire one after the other.
func scattered(i, n int) int { return i * 611_953 % n } // a prime that divides none of the sizes used

// evenRun does it with one server. It returns the lags and the greatest share of memory held too long.
func (b *bench) evenRun(k kind, n int, span time.Duration) (latencies, float64, error) {
	s, err := b.fleet.start(b.ctx, k, b.cores.server)
	if err != nil {
		return nil, 0, err
	}
	defer s.stop()
	ask, err := dialControl(s.port)
	if err != nil {
		return nil, 0, err
	}
	defer ask.close()
	empty, err := usedMemory(ask)
	if err != nil {
		return nil, 0, err
	}
	start := b.clock.WallMillis() + int64(b.size(10_000, 700))
	deadline := func(i int) int64 { return start + int64(i)*span.Milliseconds()/int64(n) }
	if err := b.loadBefore(s, n, start, func(i int) int64 { return deadline(scattered(i, n)) }); err != nil {
		return nil, 0, err
	}
	full, err := usedMemory(ask)
	if err != nil {
		return nil, 0, err
	}
	if err := b.wait(start - 50); err != nil {
		return nil, 0, err
	}
	var samples []stock
	excess := math.Inf(-1)
	nextMemory := start + 1000
	for end := start + span.Milliseconds() + 5000; ; {
		left, err := ask.number("DBSIZE")
		if err != nil {
			return nil, 0, err
		}
		now := b.clock.WallMicros()
		samples = append(samples, stock{now, left})
		if left == 0 || now/1000 > end {
			break
		}
		if now/1000 >= nextMemory {
			nextMemory += 1000
			used, err := usedMemory(ask)
			if err != nil {
				return nil, 0, err
			}
			undue := max(0, 1-float64(now-start*1000)/float64(span.Microseconds()))
			excess = max(excess, (used-empty)/(full-empty)-undue)
		}
		if err := sleep(b.ctx, sampleEvery); err != nil {
			return nil, 0, err
		}
	}
	return lags(n, func(i int) int64 { return deadline(i) * 1000 }, samples), excess, nil
}

func usedMemory(c *control) (float64, error) {
	fields, err := c.info("memory")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(fields["used_memory"], 64)
}

// expireAtOnce lets keys expire within the same second, spread over it and all in the same millisecond, and probes latencies from
// shortly before until all are gone.
func (b *bench) expireAtOnce() error {
	n := b.size(1_000_000, 50_000)
	t := b.report.table(fmt.Sprintf("Expiry: %d keys in the same second", n), "case", "server", "PING p99", "PING p99.9", "GET p99",
		"GET p99.9", "worst", "all gone after")
	for _, c := range []struct {
		name string
		span int64 // milliseconds over which the keys expire
	}{{"over one second", 1000}, {"in one millisecond", 1}} {
		var ping, get [2]float64
		for k, kind := range []kind{b.redpoll, b.redis} {
			r, err := b.atOnceRun(kind, n, c.span)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			p, g := r.ping.percentiles(0.99, 0.999, 1), r.get.percentiles(0.99, 0.999, 1)
			ping[k], get[k] = millis(p[1]), millis(g[1])
			ms := func(d time.Duration) string { return number(millis(d)) + " ms" }
			t.row("expire "+c.name, kind.name, ms(p[0]), ms(p[1]), ms(g[0]), ms(g[1]), ms(max(p[2], g[2])), ms(r.gone))
		}
		b.report.judge("keys expire "+c.name+": PING p99.9", ping[0], ping[1], " ms", atMost(5))
		b.report.judge("keys expire "+c.name+": GET p99.9", get[0], get[1], " ms", atMost(5))
	}
	return nil
}

// atOnce is what one run of expireAtOnce gave.
type atOnce struct {
	ping, get latencies
	gone      time.Duration // from the last key's time until DBSIZE said that all were gone; a bound if they never were
}

func (b *bench) atOnceRun(k kind, n int, span int64) (atOnce, error) {
	s, err := b.fleet.start(b.ctx, k, b.cores.server)
	if err != nil {
		return atOnce{}, err
	}
	defer s.stop()
	if err := fill(s.port, probeKeys, numbered("SET", "live:00"+hole, payload(32))); err != nil {
		return atOnce{}, err
	}
	start := b.clock.WallMillis() + int64(b.size(10_000, 700))
	if err := b.loadBefore(s, n, start, func(i int) int64 { return start + int64(scattered(i, n))*span/int64(n) }); err != nil {
		return atOnce{}, err
	}
	if err := b.wait(start - 300); err != nil {
		return atOnce{}, err
	}
	ping, err := startProbe(b.clock, s.port, "PING")
	if err != nil {
		return atOnce{}, err
	}
	get, err := startProbe(b.clock, s.port, "GET", "live:00"+hole)
	if err != nil {
		_, _ = ping.close()
		return atOnce{}, err
	}
	r, err := b.watchGone(s, start, span)
	var errPing, errGet error
	r.ping, errPing = ping.close()
	r.get, errGet = get.close()
	return r, errors.Join(err, errPing, errGet)
}

// watchGone lets the warm-up of the probes pass, then waits until only the live keys are left and two seconds (-quick: half a
// one) have passed, at most fifteen.
func (b *bench) watchGone(s *server, start, span int64) (r atOnce, err error) {
	ask, err := dialControl(s.port)
	if err != nil {
		return r, err
	}
	defer ask.close()
	for last := start + span; ; {
		left, err := ask.number("DBSIZE")
		if err != nil {
			return r, err
		}
		now := b.clock.WallMillis()
		if r.gone == 0 && (left <= probeKeys || now > start+15_000) {
			r.gone = time.Duration(max(now-last, 1)) * time.Millisecond
		}
		if r.gone != 0 && now >= start+int64(b.size(2000, 500)) {
			return r, nil
		}
		if err := sleep(b.ctx, sampleEvery); err != nil {
			return r, err
		}
	}
}
