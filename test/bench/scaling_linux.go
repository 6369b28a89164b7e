// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"strconv"
)

// scaling compares Redpoll with two loops on two cores and Redpoll with one loop, while the load generator shares both cores:
// what a second loop costs in CPU, on keys drawn evenly and when every client uses one key; and how many scripts run at the same time.
func (b *bench) scaling() error {
	if !b.wants("scaling") {
		return nil
	}
	if len(b.cores.all) < 2 {
		return fmt.Errorf("needs two CPUs")
	}
	var pair []*server
	for _, loops := range []int{2, 1} {
		s, err := b.fleet.start(b.ctx, b.redpoll, b.cores.all, "--io-threads", strconv.Itoa(loops))
		if err != nil {
			return err
		}
		defer s.stop()
		s.name = fmt.Sprintf("%s with io-threads %d", s.name, loops)
		s.pause()
		pair = append(pair, s)
	}
	keys := b.size(1_000_000, 50_000)
	for _, s := range pair {
		if err := errors.Join(b.prepare(s, "scripts", keys), b.prepare(s, "strings", keys)); err != nil {
			return err
		}
	}
	t := b.report.table("Two loops beside one (Redpoll only, load generator on both cores)", "case", "loops", "commands",
		"CPU a command", "p99")
	half, script := []part{{newCommand("GET", "key:000"+hole), 1}, {newCommand("SET", "key:000"+hole, payload(64)), 1}},
		only("EVALSHA", sha(fibonacci), "1", "key:000"+hole)
	for _, c := range []struct {
		name     string
		parts    []part
		pipeline int
		keys     int
		cpu      limit
		commands limit
	}{
		{"GET/SET p1 c50, uniform keys", half, 1, keys, atMost(1.1), atLeast(noCollapse)},
		{"GET/SET p16 c50, uniform keys", half, 16, keys, atMost(1.1), atLeast(noCollapse)},
		{"GET/SET p1 c50, one hot key", half, 1, 1, atMost(1.3), atLeast(noCollapse)},
		{"GET/SET p16 c50, one hot key", half, 16, 1, atMost(1.3), atLeast(noCollapse)},
		{"EVALSHA of fib(16) p1 c50, uniform keys", script, 1, keys, atMost(1.1), atLeast(1.6)},
	} {
		samples, err := b.compare(pair, benchCase{name: c.name, load: load{conns: 50, pipeline: c.pipeline, parts: c.parts, keys: c.keys,
			threads: 2, cpus: b.cores.all}})
		if err != nil {
			b.report.fail("scaling/"+c.name, err)
			continue
		}
		b.reportScaling(t, c.name, samples, c.cpu, c.commands)
	}
	return nil
}

// noCollapse is the least throughput that two loops may keep of one loop's, all sharing two cores.
const noCollapse = 0.7

func (b *bench) reportScaling(t *table, name string, samples [2][]sample, cpu, commands limit) {
	var rate, server, p99 [2][]float64
	for k := range samples {
		for _, s := range samples[k] {
			rate[k], server[k], p99[k] = append(rate[k], s.rate), append(server[k], s.server), append(p99[k], s.p99)
		}
		t.row(name, strconv.Itoa(2-k), thousands(spreadOf(rate[k]).median), micros(spreadOf(server[k]).median),
			micros(spreadOf(p99[k]).median))
	}
	b.report.judgeScaling("two loops, "+name+": CPU", server, micros, cpu)
	b.report.judgeScaling("two loops, "+name+": commands", rate, thousands, commands)
}

// judgeScaling is judgeRatio between Redpoll and Redpoll; the one-loop figure stands in the text.
func (r *report) judgeScaling(what string, v [2][]float64, format func(float64) string, asked limit) {
	s := spreadOf(ratios(v[0], v[1]))
	r.add(verdict{
		what:    what,
		redpoll: format(spreadOf(v[0]).median) + " / " + format(spreadOf(v[1]).median),
		redis:   "–",
		figure:  fmt.Sprintf("%s (%s–%s)", times(s.median), number(s.low), number(s.high)),
		asked:   asked.text("x"),
		met:     asked.allows(s.median),
	}, asked)
}
