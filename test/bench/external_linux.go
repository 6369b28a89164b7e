// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// measureExternal runs a case with redis-benchmark. That program takes a number of requests and not a time, so a short run
// finds out how many fit into one.
func (b *bench) measureExternal(s *server, c benchCase) (sample, error) {
	bin, err := lookUp("REDIS_BENCHMARK", "redis-benchmark")
	if err != nil {
		return sample{}, err
	}
	short, err := b.redisBenchmark(bin, s, c, max(2000, 4*c.load.conns))
	if err != nil {
		return sample{}, err
	}
	requests := min(short.rate, 1e6) * b.opts.seconds.Seconds()
	return b.redisBenchmark(bin, s, c, max(int(requests), 4*c.load.conns))
}

func (b *bench) redisBenchmark(bin string, s *server, c benchCase, requests int) (sample, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 10*b.opts.seconds+30*time.Second)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-c", strconv.Itoa(c.load.conns),
		"-n", strconv.Itoa(requests), "-r", strconv.Itoa(c.load.keys), "-d", "64", "-t", c.bench, "--csv")
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	before, err := processCPU(s.pid)
	if err != nil {
		return sample{}, err
	}
	start := b.clock.Mono()
	err = errors.Join(startOn(cmd, b.cores.client), cmd.Wait())
	elapsed := b.clock.Mono() - start
	if err != nil {
		return sample{}, fmt.Errorf("redis-benchmark: %w: %s", err, bytes.TrimSpace(problems.Bytes()))
	}
	after, err := processCPU(s.pid)
	if err != nil {
		return sample{}, err
	}
	result, err := parseBenchmark(out.Bytes())
	if err != nil {
		return sample{}, fmt.Errorf("redis-benchmark: %w: %q", err, out.String())
	}
	used := float64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	result.server = float64(after-before) / float64(requests)
	result.client = used / float64(requests)
	result.busy = used / float64(elapsed)
	return result, nil
}

// parseBenchmark reads redis-benchmark's CSV: a line of column names and a line of figures, latencies in milliseconds.
func parseBenchmark(text []byte) (sample, error) {
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return sample{}, err
	}
	if len(lines) < 2 {
		return sample{}, errors.New("no line of figures")
	}
	figures := map[string]float64{}
	for i, name := range lines[0] {
		figures[name], _ = strconv.ParseFloat(lines[len(lines)-1][i], 64)
	}
	if figures["rps"] <= 0 {
		return sample{}, errors.New("no rps")
	}
	milli := float64(time.Millisecond)
	return sample{rate: figures["rps"], p50: figures["p50_latency_ms"] * milli, p99: figures["p99_latency_ms"] * milli,
		p999: math.NaN()}, nil
}
