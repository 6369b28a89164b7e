// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"strconv"
	"time"
)

// waits is what one server gave with many clients waiting.
type waits struct {
	bytes  float64   // resident bytes a waiting client
	idle   float64   // per cent of a core while nothing happens
	took   []float64 // nanoseconds from the first push until every client has its reply
	server []float64 // nanoseconds of the server's CPU a push and its client
}

// waiting compares what clients cost that wait for keys, each for one of its own, and how soon they are served.
func (b *bench) waiting() error {
	if !b.wants("waiting") {
		return nil
	}
	n := b.size(10_000, 1_000)
	if files, err := raiseFileLimit(); err != nil || files < n+500 {
		return fmt.Errorf("the limit of open files, %d, is too low for %d connections: %w", files, n, err)
	}
	var w [2]waits
	for k, kind := range []kind{b.redpoll, b.redis} {
		s, err := b.fleet.start(b.ctx, kind, b.cores.server, "--maxclients", strconv.Itoa(n+100))
		if err != nil {
			return err
		}
		w[k], err = b.haveWait(s, n)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	t := b.report.table(fmt.Sprintf("%d clients that wait with BLPOP, each for a key of its own", n), "figure", "Redpoll", "Redis")
	t.row("resident bytes a waiting client", number(w[0].bytes), number(w[1].bytes))
	t.row("CPU while nothing happens, % of a core", number(w[0].idle), number(w[1].idle))
	t.row("from the first push to the last client's reply, ms", number(spreadOf(w[0].took).median/1e6), number(spreadOf(w[1].took).median/1e6))
	t.row("CPU a push and its client", micros(spreadOf(w[0].server).median), micros(spreadOf(w[1].server).median))
	b.report.judge(fmt.Sprintf("CPU of %d waiting clients", n), w[0].idle, w[1].idle, " %", atMost(1))
	b.report.judgeRatio("serving them all", w[0].took, w[1].took, micros, limit{})
	b.report.judgeRatio("serving them all: server CPU", w[0].server, w[1].server, micros, limit{})
	return nil
}

// haveWait has n clients wait, looks at the server while they do, and then serves them all, as often as there are pairs.
func (b *bench) haveWait(s *server, n int) (w waits, err error) {
	before, err := s.settled(b.ctx, 3*time.Second)
	if err != nil {
		return w, err
	}
	crowd, err := openGenerator(b.clock, s.port, load{conns: n, cpus: b.cores.client})
	if err != nil {
		return w, err
	}
	defer crowd.close()
	queue := crowd.loops[0]
	if err := b.queueUp(s, queue); err != nil {
		return w, err
	}
	after, err := s.settled(b.ctx, 5*time.Second)
	if err != nil {
		return w, err
	}
	w.bytes = float64(after-before) / float64(n)
	idle := b.period(2*time.Second, 200*time.Millisecond)
	start, err := processCPU(s.pid)
	if err != nil {
		return w, err
	}
	if err := sleep(b.ctx, idle); err != nil {
		return w, err
	}
	end, err := processCPU(s.pid)
	if err != nil {
		return w, err
	}
	w.idle = 100 * float64(end-start) / float64(idle)
	for i := range b.opts.pairs {
		if i > 0 {
			if err := b.queueUp(s, queue); err != nil {
				return w, err
			}
		}
		took, cpu, err := b.serve(s, queue)
		if err != nil {
			return w, err
		}
		w.took, w.server = append(w.took, float64(took)), append(w.server, float64(cpu)/float64(n))
	}
	return w, nil
}

// queueUp has every connection wait for its key and returns when the server says that they all do.
func (b *bench) queueUp(s *server, queue *loop) error {
	for i, c := range queue.conns {
		key := fmt.Sprintf("wait:%09d", i)
		if err := writeAll(c.fd, appendCommand(nil, "BLPOP", key, "0")); err != nil {
			return err
		}
	}
	return s.ask(func(c *control) error {
		limit := b.clock.Mono() + int64(ioTimeout)
		rest := func() error { return sleep(b.ctx, 10*time.Millisecond) }
		return c.awaitInfo("clients", rest, func(fields map[string]string) (bool, error) {
			if fields["blocked_clients"] == strconv.Itoa(len(queue.conns)) {
				return true, nil
			}
			if b.clock.Mono() > limit {
				return false, fmt.Errorf("%s clients wait of %d", fields["blocked_clients"], len(queue.conns))
			}
			return false, nil
		})
	})
}

// serve pushes once to every key and returns the time until all clients have their replies, and the server's CPU.
func (b *bench) serve(s *server, queue *loop) (took, cpu time.Duration, err error) {
	n := len(queue.conns)
	before, err := processCPU(s.pid)
	if err != nil {
		return 0, 0, err
	}
	start := b.clock.Mono()
	pushed := make(chan error, 1)
	go func() { pushed <- fillRange(s.port, 0, n, 512, numbered("RPUSH", "wait:"+hole, payload(8))) }()
	for served := 0; served < n; {
		ready, err := queue.wait(1000)
		if err != nil {
			return 0, 0, err
		}
		if b.ctx.Err() != nil || b.clock.Mono() > start+int64(ioTimeout) {
			return 0, 0, fmt.Errorf("%d of %d clients were served", served, n)
		}
		for _, ev := range queue.events[:ready] {
			c := queue.conns[ev.Fd]
			was := c.count.replies
			if _, err := queue.receive(c); err != nil {
				return 0, 0, err
			}
			served += c.count.replies - was
		}
	}
	took = time.Duration(b.clock.Mono() - start)
	if err := <-pushed; err != nil {
		return 0, 0, err
	}
	for _, c := range queue.conns {
		if c.count.errors > 0 {
			return 0, 0, refusal(c.count.first)
		}
	}
	after, err := processCPU(s.pid)
	return took, after - before, err
}
