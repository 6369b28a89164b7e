// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math"
	"strconv"
	"syscall"
	"time"
)

// memory compares resident bytes a key, latencies at that size, what FLUSHALL gives back, and idle connections.
func (b *bench) memory() error {
	if !b.wants("memory") {
		return nil
	}
	t := b.report.table(fmt.Sprintf("Memory (%d keys of 16 bytes with values of 32)", b.opts.keys), "figure", "Redpoll", "Redis")
	t.note("Resident bytes a key are the growth of the process's resident memory over the empty server, by the number of keys.")
	plain, err := b.plainKeys(t)
	if err != nil {
		return err
	}
	if err := b.expiringKeys(t, plain); err != nil {
		return err
	}
	if err := b.smallHashes(t); err != nil {
		return err
	}
	return b.idleConnections(t)
}

// growth loads a running server and returns its resident memory before and after.
func (b *bench) growth(s *server, n int, encode func(b []byte, i int) []byte) (before, after int64, err error) {
	s.resume()
	defer s.pause()
	if before, err = s.settled(b.ctx, 3*time.Second); err != nil {
		return 0, 0, err
	}
	if err := fill(s.port, n, encode); err != nil {
		return 0, 0, err
	}
	after, err = s.settled(b.ctx, 10*time.Second)
	return before, after, err
}

// plainKeys measures keys without expiry, then on the loaded servers the fixed load and FLUSHALL. It returns the bytes a key.
func (b *bench) plainKeys(t *table) (perKey [2]float64, err error) {
	redpoll, redis, err := b.both()
	if err != nil {
		return perKey, err
	}
	pair := []*server{redpoll, redis}
	defer redpoll.stop()
	defer redis.stop()
	var before, after [2]int64
	for k, s := range pair {
		before[k], after[k], err = b.growth(s, b.opts.keys, numbered("SET", "key:000"+hole, payload(32)))
		if err != nil {
			return perKey, fmt.Errorf("%s: %w", s.name, err)
		}
		perKey[k] = float64(after[k]-before[k]) / float64(b.opts.keys)
	}
	t.row("resident bytes a key", number(perKey[0]), number(perKey[1]))
	t.row("resident in all, MB", number(megabytes(after[0])), number(megabytes(after[1])))
	b.report.judge("resident bytes a key", perKey[0], perKey[1], " B", atMost(80))
	if err := b.fixedLoad(t, pair); err != nil {
		return perKey, err
	}
	return perKey, b.flushed(t, pair, before, after)
}

// fixedLoad compares latencies at the same load, far below what either server can take.
func (b *bench) fixedLoad(t *table, pair []*server) error {
	c := benchCase{name: "fixed load", load: load{conns: 50, pipeline: 1, keys: b.opts.keys, rate: b.opts.rate, cpus: b.cores.client,
		parts: []part{{newCommand("GET", "key:000"+hole), 4}, {newCommand("SET", "key:000"+hole, payload(32)), 1}}}}
	samples, err := b.compare(pair, c)
	if err != nil {
		return err
	}
	var p99, p999, server [2][]float64
	for k := range samples {
		for _, s := range samples[k] {
			if s.rate < 0.97*float64(b.opts.rate) {
				t.note("%s sustained only %s of the fixed load: choose a lower -rate.", pair[k].name, thousands(s.rate))
			}
			p99[k], p999[k], server[k] = append(p99[k], s.p99), append(p999[k], s.p999), append(server[k], s.server)
		}
	}
	title := fmt.Sprintf("%d/s, 80%% GET 20%% SET, 50 connections", b.opts.rate)
	for _, line := range []struct {
		name string
		v    [2][]float64
	}{{"p99", p99}, {"p99.9", p999}, {"CPU a command", server}} {
		t.row(title+": "+line.name, micros(spreadOf(line.v[0]).median), micros(spreadOf(line.v[1]).median))
	}
	b.report.judgeRatio("p99.9 with all keys at "+strconv.Itoa(b.opts.rate)+"/s", p999[0], p999[1], micros, atMost(1))
	return b.collector(t, pair[0])
}

// collector reports the garbage collector's share of CPU, if the server tells it.
func (b *bench) collector(t *table, s *server) error {
	s.resume()
	defer s.pause()
	share := math.NaN()
	err := s.ask(func(c *control) error {
		fields, err := c.info("all")
		if text, ok := fields["redpoll_gc_cpu_fraction"]; ok && err == nil {
			share, err = strconv.ParseFloat(text, 64)
		}
		return err
	})
	if err != nil {
		return err
	}
	t.row("collector's share of CPU, %", number(100*share), "–")
	if math.IsNaN(share) {
		t.note("INFO has no redpoll_gc_cpu_fraction.")
		return nil
	}
	b.report.judge("collector's share of CPU with all keys", 100*share, math.NaN(), " %", atMost(1))
	return nil
}

// flushed empties the loaded servers and reports what of the memory comes back within ten seconds.
func (b *bench) flushed(t *table, pair []*server, before, after [2]int64) error {
	var left, kept, took [2]float64
	for k, s := range pair {
		s.resume()
		start := b.clock.Mono()
		if err := s.ask(func(c *control) error { _, err := c.do("FLUSHALL"); return err }); err != nil {
			return err
		}
		took[k] = millis(time.Duration(b.clock.Mono() - start))
		now, err := s.settled(b.ctx, 10*time.Second)
		if err != nil {
			return err
		}
		s.pause()
		left[k] = megabytes(now)
		kept[k] = 100 * float64(now-before[k]) / float64(max(after[k]-before[k], 1))
	}
	t.row("FLUSHALL took, ms", number(took[0]), number(took[1]))
	t.row("resident after FLUSHALL, MB", number(left[0]), number(left[1]))
	b.report.judge("share of the memory kept after FLUSHALL", kept[0], kept[1], " %", atMost(5))
	return nil
}

// expiringKeys measures the same keys with an expiry.
func (b *bench) expiringKeys(t *table, plain [2]float64) error {
	perKey, err := b.perKey(b.opts.keys, numbered("SET", "key:000"+hole, payload(32), "EX", "1000000"))
	if err != nil {
		return err
	}
	t.row("resident bytes a key with an expiry", number(perKey[0]), number(perKey[1]))
	b.report.judge("more bytes a key with an expiry", perKey[0]-plain[0], perKey[1]-plain[1], " B", atMost(20))
	return nil
}

// smallHashes measures hashes of ten small fields.
func (b *bench) smallHashes(t *table) error {
	n := min(b.opts.keys, b.size(1_000_000, 50_000))
	perKey, err := b.perKey(n, numbered(tenFields("hsh:000"+hole)...))
	if err != nil {
		return err
	}
	t.row(fmt.Sprintf("resident bytes a hash of ten fields (%d)", n), number(perKey[0]), number(perKey[1]))
	b.report.judge("resident bytes a hash of ten small fields", perKey[0], perKey[1], " B", atMost(200))
	return nil
}

// perKey starts a fresh server of each kind in turn, loads it and returns the resident bytes that each key takes.
func (b *bench) perKey(n int, encode func(b []byte, i int) []byte) (perKey [2]float64, err error) {
	for k, kind := range []kind{b.redpoll, b.redis} {
		s, err := b.fleet.start(b.ctx, kind, b.cores.server)
		if err != nil {
			return perKey, err
		}
		before, after, err := b.growth(s, n, encode)
		s.stop()
		if err != nil {
			return perKey, fmt.Errorf("%s: %w", kind.name, err)
		}
		perKey[k] = float64(after-before) / float64(n)
	}
	return perKey, nil
}

// idleConnections measures what connections that do nothing cost.
func (b *bench) idleConnections(t *table) error {
	n := b.size(10_000, 1_000)
	if files, err := raiseFileLimit(); err != nil || files < n+500 {
		return fmt.Errorf("the limit of open files, %d, is too low for %d connections: %w", files, n, err)
	}
	var with, each [2]float64
	for k, kind := range []kind{b.redpoll, b.redis} {
		s, err := b.fleet.start(b.ctx, kind, b.cores.server, "--maxclients", strconv.Itoa(n+100))
		if err != nil {
			return err
		}
		before, after, err := b.connected(s, n)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		with[k], each[k] = megabytes(after), float64(after-before)/float64(n)
	}
	t.row(fmt.Sprintf("resident with %d idle connections, MB", n), number(with[0]), number(with[1]))
	t.row("resident bytes an idle connection", number(each[0]), number(each[1]))
	b.report.judge(fmt.Sprintf("resident with %d idle connections", n), with[0], with[1], " MB", limit{})
	return nil
}

// connected opens n connections, lets each send a PING, and returns the resident memory before and with them.
func (b *bench) connected(s *server, n int) (before, after int64, err error) {
	if before, err = s.settled(b.ctx, 3*time.Second); err != nil {
		return 0, 0, err
	}
	in := make([]byte, 64)
	for i := range n {
		fd, err := dialRaw(s.port)
		if err != nil {
			return 0, 0, fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
		defer func() { _ = syscall.Close(fd) }()
		if err := writeAll(fd, appendCommand(nil, "PING")); err != nil {
			return 0, 0, err
		}
		if _, err := readSome(fd, in); err != nil {
			return 0, 0, err
		}
		if b.ctx.Err() != nil {
			return 0, 0, b.ctx.Err()
		}
	}
	after, err = s.settled(b.ctx, 5*time.Second)
	return before, after, err
}
