// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// logged compares SET while every change goes to the append-only file.
func (b *bench) logged() error {
	keys := b.size(1_000_000, 50_000)
	t := b.throughputTable("Throughput with an append-only file")
	t.note("Both servers write to the same disk, one after the other; nothing is rewritten meanwhile.")
	for _, policy := range []struct {
		name  string
		asked map[int]limit // by pipeline
	}{{"everysec", map[int]limit{16: atLeast(2)}}, {"always", map[int]limit{1: atLeast(1.3)}}} {
		var cases []benchCase
		for _, pipeline := range []int{1, 16} {
			name := fmt.Sprintf("SET p%d c50, appendfsync %s", pipeline, policy.name)
			if b.wants("logged/" + name) {
				cases = append(cases, benchCase{name: name, data: "strings", faster: policy.asked[pipeline], load: load{conns: 50,
					pipeline: pipeline, parts: only("SET", "key:000"+hole, payload(64)), keys: keys, cpus: b.cores.client}})
			}
		}
		if len(cases) == 0 {
			continue
		}
		redpoll, redis, err := b.both("--appendonly", "yes", "--appendfsync", policy.name, "--auto-aof-rewrite-percentage", "0")
		if err != nil {
			return err
		}
		redpoll.pause()
		redis.pause()
		err = b.runCases(t, "logged", []*server{redpoll, redis}, cases)
		redpoll.stop()
		redis.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// savedValue is the bytes of a value of the saving section: eight million make some 4 GB.
const savedValue = 400

// saving compares BGSAVE at rest and under a full load of writes: what it takes in time and memory, and what others feel.
func (b *bench) saving() error {
	if !b.wants("saving") {
		return nil
	}
	n := b.size(8_000_000, 50_000)
	t := b.report.table(fmt.Sprintf("Saving %d keys with values of %d bytes", n, savedValue), "figure", "Redpoll", "Redis")
	t.note("The servers may use both CPUs, which the load generator shares. Memory is the growth of all anonymous memory of the machine " +
		"(AnonPages) while the data is saved and clients overwrite keys, by the server's resident memory before. Latencies are of " +
		"SETs that are sent when they are due, to a millisecond, whatever has become of those before.")
	var rest [2][]float64
	var full, paced [2]saved
	for k, kind := range []kind{b.redpoll, b.redis} {
		s, err := b.fleet.start(b.ctx, kind, b.cores.all)
		if err != nil {
			return err
		}
		rest[k], full[k], paced[k], err = b.saveRuns(s, n)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	t.row("BGSAVE at rest, s", number(rest[0][0]), number(rest[1][0]))
	full[0].rows(t, "full load", full[1])
	paced[0].rows(t, fmt.Sprintf("%d SETs a second", b.opts.rate), paced[1])
	b.report.judge("more memory while saving under full load", full[0].share(), full[1].share(), " %", atMost(10))
	b.report.judge(fmt.Sprintf("p99.9 while saving at %d SETs a second", b.opts.rate), millis(paced[0].during[1]),
		millis(paced[1].during[1]), " ms", atMost(5))
	b.report.judgeRatio("BGSAVE at rest: time", rest[0], rest[1], func(x float64) string { return unit(x, " s") }, limit{})
	return nil
}

// saved is what saving under a load gave.
type saved struct {
	resident, growth int64 // bytes
	took             time.Duration
	rateBefore, rate float64         // commands a second
	before, during   []time.Duration // p99, p99.9 and worst
}

// share is the growth of memory in per cent.
func (s saved) share() float64 { return 100 * float64(s.growth) / float64(s.resident) }

// rows adds what a load gave to the table, beside what it gave with the other server.
func (s saved) rows(t *table, load string, other saved) {
	line := func(name string, of func(saved) string) { t.row(load+": "+name, of(s), of(other)) }
	line("resident before, MB", func(s saved) string { return number(megabytes(s.resident)) })
	line("BGSAVE, s", func(s saved) string { return number(s.took.Seconds()) })
	line("more memory at the peak, %", func(s saved) string { return number(s.share()) })
	line("SETs a second before", func(s saved) string { return thousands(s.rateBefore) })
	line("SETs a second while saving", func(s saved) string { return thousands(s.rate) })
	for i, name := range []string{"p99", "p99.9", "worst"} {
		line(name+" before, ms", func(s saved) string { return number(millis(s.before[i])) })
		line(name+" while saving, ms", func(s saved) string { return number(millis(s.during[i])) })
	}
}

// saveRuns fills a server with n keys and has it save at rest (which gives seconds), under a full load, and under a fixed one.
func (b *bench) saveRuns(s *server, n int) (rest []float64, full, paced saved, err error) {
	if err = fill(s.port, n, incompressible(savedValue)); err != nil {
		return nil, full, paced, err
	}
	if _, err = s.settled(b.ctx, 10*time.Second); err != nil {
		return nil, full, paced, err
	}
	start := b.clock.Mono()
	if err = b.awaitSave(s, func() error { return sleep(b.ctx, 5*time.Millisecond) }); err != nil {
		return nil, full, paced, err
	}
	rest = []float64{time.Duration(b.clock.Mono() - start).Seconds()}
	set := load{conns: 50, pipeline: 1, rate: b.opts.rate, rests: true, keys: n, cpus: b.cores.all,
		parts: only("SET", "key:000"+hole, payload(savedValue))}
	if paced, err = b.saveUnder(s, set); err != nil {
		return nil, full, paced, err
	}
	set.pipeline, set.rate, set.rests = 16, 0, false
	full, err = b.saveUnder(s, set)
	return rest, full, paced, err
}

// saveUnder has a server save under a load.
func (b *bench) saveUnder(s *server, l load) (r saved, err error) {
	if r.resident, err = s.settled(b.ctx, 10*time.Second); err != nil {
		return r, err
	}
	g, err := openGenerator(b.clock, s.port, l)
	if err != nil {
		return r, err
	}
	defer g.close()
	before, err := g.run(b.ctx, b.period(3*time.Second, 100*time.Millisecond))
	if err != nil {
		return r, err
	}
	r.rateBefore, r.before = before.rate(), before.latencies.percentiles(0.99, 0.999, 1)

	m, err := watchAnonymous()
	if err != nil {
		return r, err
	}
	start := b.clock.Mono()
	var total outcome
	err = b.awaitSave(s, func() error {
		o, err := g.run(b.ctx, 100*time.Millisecond)
		total.commands, total.elapsed = total.commands+o.commands, total.elapsed+o.elapsed
		total.latencies = append(total.latencies, o.latencies...)
		return err
	})
	r.took, r.rate = time.Duration(b.clock.Mono()-start), total.rate()
	r.growth = m.close()
	if err != nil {
		return r, err
	}
	r.during = total.latencies.percentiles(0.99, 0.999, 1)
	return r, nil
}

// rate gives the commands a second.
func (o outcome) rate() float64 { return float64(o.commands) / o.elapsed.Seconds() }

// awaitSave has a server save in the background and calls meanwhile until that is done.
func (b *bench) awaitSave(s *server, meanwhile func() error) error {
	return s.ask(func(c *control) error {
		if _, err := c.do("BGSAVE"); err != nil {
			return err
		}
		return c.awaitInfo("persistence", meanwhile, func(fields map[string]string) (bool, error) {
			if fields["rdb_bgsave_in_progress"] != "0" {
				return false, nil
			}
			if fields["rdb_last_bgsave_status"] != "ok" {
				return false, errors.New("BGSAVE has failed")
			}
			return true, nil
		})
	})
}

// incompressible returns an encoder for fill whose values are texts that compression makes little of.
func incompressible(size int) func(b []byte, i int) []byte {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	set := numbered("SET", "key:000"+hole, payload(size))
	return func(b []byte, i int) []byte {
		b = set(b, i)
		random := newPicker(i)
		for value := b[len(b)-2-size : len(b)-2]; len(value) > 0; {
			word := random.next()
			for n := min(10, len(value)); n > 0; n-- {
				value[0], value, word = letters[word&63], value[1:], word>>6
			}
		}
		return b
	}
}

// anonymous watches the anonymous memory of the whole machine: pages that a fork shares count once.
type anonymous struct {
	stop, ended chan struct{}
	first, peak int64
}

func watchAnonymous() (*anonymous, error) {
	first, err := anonymousPages()
	if err != nil {
		return nil, err
	}
	a := &anonymous{stop: make(chan struct{}), ended: make(chan struct{}), first: first, peak: first}
	go func() {
		defer close(a.ended)
		for ticks := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-a.stop:
				ticks.Stop()
				return
			case <-ticks.C:
			}
			if now, err := anonymousPages(); err == nil {
				a.peak = max(a.peak, now)
			}
		}
	}()
	return a, nil
}

// close ends the watching and gives the bytes by which the memory has grown at most.
func (a *anonymous) close() int64 {
	close(a.stop)
	<-a.ended
	return a.peak - a.first
}

func anonymousPages() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(text, []byte("AnonPages:"))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, errors.New("/proc/meminfo has no AnonPages")
	}
	kb, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kb << 10, err
}

// loading compares the time from exec until the first PONG of servers that start from the same files of redis-server.
func (b *bench) loading() error {
	t := b.report.table("Loading", "files", "Redpoll, s", "Redis, s")
	t.note("From exec until the first PONG; the servers may use both CPUs, and the files are in the page cache. Strings of 64 bytes, hashes of ten " +
		"fields, lists and sorted sets of ten elements, and a sorted set of a hundred thousand.")
	for _, form := range []struct {
		name, dir string
		options   []string
	}{
		{"RDB", "dump.rdb", nil},
		{"AOF of commands", "appendonlydir", []string{"--appendonly", "yes"}},
		{"AOF with a snapshot", "appendonlydir", []string{"--appendonly", "yes"}},
	} {
		if !b.wants("loading/" + form.name) {
			continue
		}
		if err := b.loadRuns(t, form.name, form.dir, form.options); err != nil {
			b.report.fail("loading/"+form.name, err)
		}
	}
	return nil
}

func (b *bench) loadRuns(t *table, name, file string, options []string) error {
	dir, err := os.MkdirTemp("", "redpoll-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := b.makeFiles(dir, name, options); err != nil {
		return err
	}
	var took [2][]float64
	var keys [2]int
	for i := range b.opts.pairs {
		for turn := range 2 {
			k := (i + turn) % 2
			run, err := os.MkdirTemp("", "redpoll-bench-")
			if err != nil {
				return err
			}
			up, n, err := b.loadOnce([]kind{b.redpoll, b.redis}[k], run, filepath.Join(dir, file), options)
			_ = os.RemoveAll(run)
			if err != nil {
				return err
			}
			took[k], keys[k] = append(took[k], up.Seconds()), n
		}
	}
	if keys[0] != keys[1] || keys[0] == 0 {
		return fmt.Errorf("%s has %d keys, %s %d", b.redpoll.name, keys[0], b.redis.name, keys[1])
	}
	t.row(name, number(spreadOf(took[0]).median), number(spreadOf(took[1]).median))
	b.report.judgeRatio("loading from "+name+": time", took[0], took[1], func(x float64) string { return unit(x, " s") }, atMost(0.67))
	return nil
}

// loadOnce starts a server of a kind in a directory with a copy of some files, and gives the time until it serves, and its keys.
func (b *bench) loadOnce(k kind, dir, files string, options []string) (up time.Duration, keys int, err error) {
	target := filepath.Join(dir, filepath.Base(files))
	if info, err := os.Stat(files); err != nil {
		return 0, 0, err
	} else if info.IsDir() {
		err = os.CopyFS(target, os.DirFS(files))
		if err != nil {
			return 0, 0, err
		}
	} else if err := os.Link(files, target); err != nil { // a snapshot is only read
		return 0, 0, err
	}
	s, err := b.fleet.start(b.ctx, k, b.cores.all, append([]string{"--dir", dir}, options...)...)
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	err = s.ask(func(c *control) error {
		keys, err = c.number("DBSIZE")
		return err
	})
	return s.up, keys, err
}

// makeFiles has a redis-server write the files of a form into a directory.
func (b *bench) makeFiles(dir, form string, options []string) error {
	options = append([]string{"--dir", dir, "--auto-aof-rewrite-percentage", "0"}, options...)
	if form == "AOF of commands" {
		options = append(options, "--aof-use-rdb-preamble", "no")
	}
	s, err := b.fleet.start(b.ctx, b.redis, b.cores.all, options...)
	if err != nil {
		return err
	}
	defer s.stop()
	n := b.size(2_000_000, 20_000)
	small := n / 10
	for _, part := range []struct {
		n      int
		encode func(b []byte, i int) []byte
	}{
		{n, numbered("SET", "key:000"+hole, payload(64))},
		{small, numbered(tenFields("hsh:000" + hole)...)},
		{small, numbered(elements("RPUSH", "lst:000"+hole, 10)...)},
		{small, numbered(tenScores("zst:000" + hole)...)},
		{small / 2, numbered("ZADD", "scores", hole, "member:"+hole)},
	} {
		if err := fill(s.port, part.n, part.encode); err != nil {
			return err
		}
	}
	return s.ask(func(c *control) error {
		switch form {
		case "RDB":
			_, err := c.do("SAVE")
			return err
		case "AOF of commands":
			return nil // it is all in the increment
		}
		if _, err := c.do("BGREWRITEAOF"); err != nil {
			return err
		}
		rest := func() error { return sleep(b.ctx, 20*time.Millisecond) }
		return c.awaitInfo("persistence", rest, func(fields map[string]string) (bool, error) {
			return fields["aof_rewrite_in_progress"] == "0" && fields["aof_rewrite_scheduled"] == "0", nil
		})
	})
}
