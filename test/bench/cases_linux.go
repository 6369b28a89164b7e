// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// benchCase is one comparison of throughput.
type benchCase struct {
	name   string
	data   string // dataset that must lie in the servers
	load   load
	bench  string // redis-benchmark's test to run instead of load.parts; its conns count
	redo   bool   // the load changes the dataset: load it anew before each run
	faster limit  // asked ratio of throughput
	cpu    limit  // asked ratio of the server's CPU a command
}

// sample is one measured run of one server.
type sample struct {
	rate           float64 // commands a second
	server         float64 // nanoseconds of the server's CPU a command
	client         float64 // nanoseconds of the load generator's CPU a command
	busy           float64 // share of the time in which the load generator's core worked
	p50, p99, p999 float64 // nanoseconds; p999 is NaN where redis-benchmark does not say
}

// cases lists what the throughput section compares. Keys are drawn evenly from a million.
func (b *bench) cases() []benchCase {
	keys := b.size(1_000_000, 50_000)
	value := payload(64)
	get, set := only("GET", "key:000"+hole), only("SET", "key:000"+hole, value)
	with := func(parts []part, pipeline, conns int) load {
		return load{conns: conns, pipeline: pipeline, parts: parts, keys: keys, cpus: b.cores.client}
	}
	mset := []string{"MSET"}
	for range 10 {
		mset = append(mset, "key:000"+hole, value)
	}
	var list []benchCase
	for _, c := range []struct {
		name     string
		parts    []part
		external string
	}{{"SET", set, "set"}, {"GET", get, "get"}} {
		list = append(list,
			benchCase{name: c.name + " p1 c50", data: "strings", load: with(c.parts, 1, 50), faster: atLeast(1.2), cpu: atMost(0.9)},
			benchCase{name: c.name + " p1 c1000", data: "strings", load: with(c.parts, 1, 1000), faster: atLeast(1.1), cpu: atMost(0.9)},
			benchCase{name: c.name + " p1 c50 redis-benchmark", data: "strings", load: with(nil, 1, 50), bench: c.external,
				faster: atLeast(0.95), cpu: atMost(0.9)},
			benchCase{name: c.name + " p1 c1000 redis-benchmark", data: "strings", load: with(nil, 1, 1000), bench: c.external,
				faster: atLeast(0.9), cpu: atMost(0.9)},
			benchCase{name: c.name + " p16 c50", data: "strings", load: with(c.parts, 16, 50), faster: atLeast(2)},
			benchCase{name: c.name + " p64 c50", data: "strings", load: with(c.parts, 64, 50), faster: atLeast(3)})
	}
	return append(list,
		benchCase{name: "MSET(10) p16 c50", data: "strings", load: with(only(mset...), 16, 50)},
		benchCase{name: "INCR p16 c50", data: "counters", load: with(only("INCR", "cnt:000"+hole), 16, 50), faster: atLeast(1.8)},
		benchCase{name: "HSET p16 c50", data: "hashes", load: with(only("HSET", "hsh:000"+hole, "field3", payload(8)), 16, 50),
			faster: atLeast(1.8)},
		benchCase{name: "HGETALL p16 c50", data: "hashes", load: with(only("HGETALL", "hsh:000"+hole), 16, 50)},
		benchCase{name: "SETBIT p16 c50", data: "bitmaps", load: with(only("SETBIT", "bit:000"+hole, "1000", "1"), 16, 50)},
		benchCase{name: "BITCOUNT p16 c50", data: "bitmaps", load: with(only("BITCOUNT", "bit:000"+hole), 16, 50)},
		benchCase{name: "BITFIELD p16 c50", data: "bitmaps",
			load: with(only("BITFIELD", "bit:000"+hole, "INCRBY", "u16", "#3", "1"), 16, 50)},
		benchCase{name: "APPEND p16 c50", data: "strings", redo: true, load: with(only("APPEND", "key:000"+hole, "x"), 16, 50)},
		benchCase{name: "80% GET 15% SET EX 5% DEL p16 c50", data: "strings", redo: true, load: with([]part{
			{newCommand("GET", "key:000"+hole), 80},
			{newCommand("SET", "key:000"+hole, value, "EX", "1"), 15},
			{newCommand("DEL", "key:000"+hole), 5},
		}, 16, 50)})
}

// throughput compares commands a second, CPU a command and latencies of all cases.
func (b *bench) throughput() error {
	all := slices.Concat(b.cases(), b.collectionCases(), b.streamCases(), b.scriptCases())
	cases := slices.DeleteFunc(all, func(c benchCase) bool { return !b.wants("throughput/" + c.name) })
	restores := b.wants("throughput/" + restoreName)
	if len(cases) == 0 && !restores {
		return nil
	}
	pair, err := b.pausedPair()
	if err != nil {
		return err
	}
	defer pair[0].stop()
	defer pair[1].stop()
	if restores {
		c, err := b.restoreCase(pair[1])
		if err != nil {
			return err
		}
		cases = append(cases, c)
	}

	return b.runCases(b.throughputTable("Throughput"), "throughput", pair, cases)
}

// throughputTable begins a table of cases.
func (b *bench) throughputTable(title string) *table {
	t := b.report.table(title, "case", "server", "commands", "ratio (spread)", "CPU a command", "ratio (spread)",
		"p50", "p99", "p99.9", "client's CPU", "client busy", "server busy")
	t.note("Medians of the pairs; p1, p16, p64: pipeline; c: connections. Latencies are of whole batches. Where the client is " +
		"busy all the time and the server is not, the client is the bottleneck and the ratio of CPU says more than that of " +
		"commands.")
	return t
}

// runCases compares the two paused servers of a pair in the cases of a section.
func (b *bench) runCases(t *table, section string, pair []*server, cases []benchCase) error {
	loaded := ""
	for _, c := range cases {
		if c.data != loaded {
			for _, s := range pair {
				if err := b.prepare(s, c.data, c.load.keys); err != nil {
					return fmt.Errorf("loading %s into %s: %w", c.data, s.name, err)
				}
			}
			loaded = c.data
		}
		samples, err := b.compare(pair, c)
		if err != nil {
			b.report.fail(section+"/"+c.name, err)
			loaded = ""
		} else {
			b.reportCase(t, c, samples)
		}
		if c.redo {
			loaded = ""
		}
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
	}
	return nil
}

// prepare empties a paused server and loads a dataset of n keys.
func (b *bench) prepare(s *server, data string, n int) error {
	s.resume()
	defer s.pause()
	if err := s.ask(func(c *control) error { _, err := c.do("FLUSHALL"); return err }); err != nil {
		return err
	}
	switch data {
	case "strings":
		return fill(s.port, n, numbered("SET", "key:000"+hole, payload(64)))
	case "counters":
		return fill(s.port, n, numbered("SET", "cnt:000"+hole, "100000"))
	case "bitmaps":
		return fill(s.port, n, numbered("SET", "bit:000"+hole, payload(128)))
	case "scripts":
		return s.ask(loadScripts)
	case "locks":
		return errors.Join(s.ask(loadScripts), fill(s.port, n, numbered("SET", "lck:"+hole, "another's token here")))
	case "hashes":
		return fill(s.port, n, numbered(tenFields("hsh:000"+hole)...))
	}
	known, err := fillCollections(s.port, data, n)
	if !known {
		known, err = fillStreams(s.port, data, n)
	}
	if !known {
		return fmt.Errorf("unknown dataset %q", data)
	}
	return err
}

// tenFields is an HSET of field0 to field9 with values of eight bytes.
func tenFields(key string) []string {
	args := []string{"HSET", key}
	for i := range 10 {
		args = append(args, "field"+strconv.Itoa(i), payload(8))
	}
	return args
}

// compare measures the two paused servers of a pair alternately: A B, B A, A B, …
func (b *bench) compare(pair []*server, c benchCase) ([2][]sample, error) {
	var out [2][]sample
	for i := range b.opts.pairs {
		for turn := range 2 {
			k := (i + turn) % 2
			if c.redo {
				if err := b.prepare(pair[k], c.data, c.load.keys); err != nil {
					return out, err
				}
			}
			measure := b.measure
			if c.bench != "" {
				measure = b.measureExternal
			}
			pair[k].resume()
			s, err := measure(pair[k], c)
			pair[k].pause()
			if err != nil {
				return out, fmt.Errorf("%s: %w", pair[k].name, err)
			}
			out[k] = append(out[k], s)
		}
	}
	return out, nil
}

// measure runs the case's load once with the tool's own client, after a short warm-up.
func (b *bench) measure(s *server, c benchCase) (sample, error) {
	runtime.GC()
	g, err := openGenerator(b.clock, s.port, c.load)
	if err != nil {
		return sample{}, err
	}
	defer g.close()
	if _, err := g.run(b.ctx, max(b.opts.seconds/8, 30*time.Millisecond)); err != nil {
		return sample{}, err
	}
	before, err := processCPU(s.pid)
	if err != nil {
		return sample{}, err
	}
	out, err := g.run(b.ctx, b.opts.seconds)
	if err != nil {
		return sample{}, err
	}
	after, err := processCPU(s.pid)
	if err != nil {
		return sample{}, err
	}
	n := float64(out.commands)
	p := out.latencies.percentiles(0.5, 0.99, 0.999)
	return sample{
		rate:   n / out.elapsed.Seconds(),
		server: float64(after-before) / n,
		client: float64(out.cpu) / n,
		busy:   float64(out.cpu) / float64(out.elapsed) / float64(len(g.loops)),
		p50:    float64(p[0]), p99: float64(p[1]), p999: float64(p[2]),
	}, nil
}

// reportCase prints and judges one case.
func (b *bench) reportCase(t *table, c benchCase, samples [2][]sample) {
	of := func(k int, field func(sample) float64) []float64 {
		out := make([]float64, len(samples[k]))
		for i, s := range samples[k] {
			out[i] = field(s)
		}
		return out
	}
	median := func(k int, field func(sample) float64) float64 { return spreadOf(of(k, field)).median }
	ratio := func(field func(sample) float64) string {
		s := spreadOf(ratios(of(0, field), of(1, field)))
		return fmt.Sprintf("%s (%s–%s)", times(s.median), number(s.low), number(s.high))
	}
	var (
		rate   = func(s sample) float64 { return s.rate }
		server = func(s sample) float64 { return s.server }
		client = func(s sample) float64 { return s.client }
		busy   = func(s sample) float64 { return s.busy }
	)
	for k, name := range []string{b.redpoll.name, b.redis.name} {
		first, second := "", ""
		if k == 0 {
			first, second = ratio(rate), ratio(server)
		}
		t.row(c.name, name, thousands(median(k, rate)), first, micros(median(k, server)), second,
			micros(median(k, func(s sample) float64 { return s.p50 })),
			micros(median(k, func(s sample) float64 { return s.p99 })),
			micros(median(k, func(s sample) float64 { return s.p999 })),
			micros(median(k, client)), percent(median(k, busy)),
			percent(median(k, func(s sample) float64 { return s.server * s.rate / 1e9 })))
	}
	b.report.judgeRatio(c.name+": commands", of(0, rate), of(1, rate), thousands, c.faster)
	b.report.judgeRatio(c.name+": server CPU", of(0, server), of(1, server), micros, c.cpu)
	b.report.printf("      client's CPU %s, %s; busy %s, %s\n", micros(median(0, client)), micros(median(1, client)),
		percent(median(0, busy)), percent(median(1, busy)))
}
