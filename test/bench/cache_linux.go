// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"strconv"
)

const (
	cacheKey   = "key:000" + hole
	cacheTheta = 0.99 // of the zipf distribution
)

// cache compares the servers as caches that are full: how often a key is there, and what evicting costs. A program asks for keys
// of a zipf distribution, of which about half fit, and sets what is missed.
func (b *bench) cache() error {
	z := newZipf(2*b.opts.keys, cacheTheta)
	t := b.report.table(fmt.Sprintf("Cache (%d keys of 16 bytes with values of 32 fit, of twice as many, zipf %g)", b.opts.keys, cacheTheta),
		"policy", "server", "maxmemory, MB", "keys", "bytes a key", "hits", "commands", "CPU a command", "p99", "p99.9", "evicted")
	t.note("Both begin with the keys that a cache by last use holds after a long time; as many requests as keys fit follow, and as many "+
		"again, in pipelines of %d, give hits, commands and CPU. The latencies are at %d requests a second without a pipeline. With the "+
		"same keys maxmemory is corrected until each server holds them, with the same bytes it is what Redis used to be filled.", floodDepth, b.opts.rate)
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu"} {
		if !b.wants("cache/" + policy) {
			continue
		}
		keys := z.content(b.opts.keys)
		used, err := b.cachePair(t, &z, policy, "same keys", [2][]uint32{keys, keys}, 0)
		if err != nil {
			return err
		}
		more := min(float64(b.opts.keys)*float64(used[1])/float64(used[0]), 0.95*float64(z.n))
		if _, err := b.cachePair(t, &z, policy, "same bytes", [2][]uint32{z.content(int(more)), keys}, used[1]); err != nil {
			return err
		}
	}
	return nil
}

// cachePair measures both servers with a policy, each filled with its keys, and gives the memory that they use then, which is
// their maxmemory unless that is given.
func (b *bench) cachePair(t *table, z *zipf, policy, how string, keys [2][]uint32, maxMemory int64) (used [2]int64, err error) {
	redpoll, redis, err := b.both("--maxmemory-policy", policy)
	if err != nil {
		return used, err
	}
	pair := []*server{redpoll, redis}
	var users [2]*aside
	for k, s := range pair {
		defer s.stop()
		if users[k], err = openAside(b.clock, s.port, z, b.cores.client); err != nil {
			return used, err
		}
		defer users[k].close()
		if used[k], err = b.fillCache(s, keys[k], maxMemory); err != nil {
			return used, fmt.Errorf("%s: %w", s.name, err)
		}
		s.pause()
	}
	var runs [2]cacheRun
	for k, s := range pair {
		s.resume()
		hold := 0
		if maxMemory == 0 {
			hold = b.opts.keys
		}
		runs[k], err = b.runCache(s, users[k], hold)
		s.pause()
		if err != nil {
			return used, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for i := range b.opts.pairs {
		for turn := range 2 {
			k := (i + turn) % 2
			pair[k].resume()
			err := b.paceCache(users[k], &runs[k], i)
			pair[k].pause()
			if err != nil {
				return used, fmt.Errorf("%s: %w", pair[k].name, err)
			}
		}
	}
	for k, s := range pair {
		s.resume()
		err := runs[k].take(s)
		if err != nil {
			return used, err
		}
		r := &runs[k]
		t.row(policy+", "+how, s.name, number(megabytes(r.limit)), thousandsOf(r.keys), number(float64(r.limit)/float64(r.keys)),
			fmt.Sprintf("%.2f %%", 100*r.hits), thousands(r.rate), micros(r.cpu), micros(spreadOf(r.p99).median),
			micros(spreadOf(r.p999).median), thousandsOf(r.evicted))
	}
	name := "cache " + policy + ", " + how
	hits := func(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }
	b.report.judgeRatio(name+": hits", []float64{runs[0].hits}, []float64{runs[1].hits}, hits, atLeast(0.999))
	b.report.judgeRatio(name+": p99.9", runs[0].p999, runs[1].p999, micros, atMost(1))
	b.report.judgeRatio(name+": server CPU", []float64{runs[0].cpu}, []float64{runs[1].cpu}, micros, limit{})
	return used, nil
}

// cacheRun is what was measured of one server.
type cacheRun struct {
	hits, rate, cpu float64 // share of the requests; commands a second; ns a command
	p99, p999       []float64
	limit           int64 // maxmemory
	keys, evicted   int
}

// fillCache sets the keys and then the limit, and gives the memory that the server uses with them.
func (b *bench) fillCache(s *server, keys []uint32, maxMemory int64) (used int64, err error) {
	set := numbered("SET", cacheKey, payload(asideValue))
	if err := fill(s.port, len(keys), func(out []byte, i int) []byte { return set(out, int(keys[i])) }); err != nil {
		return 0, err
	}
	err = s.ask(func(c *control) error {
		bytes, err := usedMemory(c)
		used = int64(bytes)
		if err != nil {
			return err
		}
		limit := used
		if maxMemory > 0 {
			limit = maxMemory
		}
		_, err = c.do("CONFIG", "SET", "maxmemory", strconv.FormatInt(limit, 10))
		return err
	})
	return used, err
}

// runCache lets the cache settle, at so many keys unless hold is 0, and measures hits and CPU.
func (b *bench) runCache(s *server, user *aside, hold int) (r cacheRun, err error) {
	if _, err := user.onCore(1, func() error { return user.flood(b.ctx, b.opts.keys) }); err != nil {
		return r, err
	}
	for round := 0; hold > 0 && round < 3; round++ {
		if err := b.holdKeys(s, user, hold, 3+round); err != nil {
			return r, err
		}
	}
	before, err := processCPU(s.pid)
	if err != nil {
		return r, err
	}
	out, err := user.onCore(2, func() error { return user.flood(b.ctx, b.opts.keys) })
	if err != nil {
		return r, err
	}
	after, err := processCPU(s.pid)
	if err != nil {
		return r, err
	}
	commands := float64(out.gets + out.sets)
	r.hits = float64(out.hits) / float64(out.gets)
	r.rate = commands / out.elapsed.Seconds()
	r.cpu = float64(after-before) / commands
	return r, nil
}

// holdKeys corrects maxmemory so that the server holds n keys: since it was filled its bytes a key have changed, by a table that
// was being rehashed then, or by what lies on pages that are no longer full.
func (b *bench) holdKeys(s *server, user *aside, n, run int) error {
	err := s.ask(func(c *control) error {
		keys, err := c.number("DBSIZE")
		if err != nil {
			return err
		}
		used, err := usedMemory(c)
		if err != nil {
			return err
		}
		limit := int64(float64(used) / float64(keys) * float64(n))
		_, err = c.do("CONFIG", "SET", "maxmemory", strconv.FormatInt(limit, 10))
		return err
	})
	if err != nil {
		return err
	}
	_, err = user.onCore(run, func() error { return user.flood(b.ctx, n/4) })
	return err
}

// paceCache measures latencies at a fixed rate; run makes the keys differ from one run to the next.
func (b *bench) paceCache(user *aside, r *cacheRun, run int) error {
	out, err := user.onCore(10+run, func() error { return user.paced(b.ctx, b.opts.seconds, b.opts.rate) })
	if err != nil {
		return err
	}
	p := out.latencies.percentiles(0.99, 0.999)
	r.p99, r.p999 = append(r.p99, float64(p[0])), append(r.p999, float64(p[1]))
	return nil
}

// take reads what the server says at the end.
func (r *cacheRun) take(s *server) error {
	return s.ask(func(c *control) (err error) {
		if r.keys, err = c.number("DBSIZE"); err != nil {
			return err
		}
		fields, err := c.info("all")
		if err != nil {
			return err
		}
		if r.limit, err = strconv.ParseInt(fields["maxmemory"], 10, 64); err != nil {
			return err
		}
		r.evicted, err = strconv.Atoi(fields["evicted_keys"])
		return err
	})
}

// thousandsOf writes a number of things.
func thousandsOf(n int) string {
	if n < 10_000 {
		return strconv.Itoa(n)
	}
	return number(float64(n)/1000) + " k"
}
