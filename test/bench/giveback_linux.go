// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"strconv"
	"time"
)

// scatter is a prime: multiples of it visit keys in an order that has nothing to do with that in which they were made.
const scatter = 1_000_003

// giveBack measures what memory comes back, without FLUSHALL, when values shrink and when keys are deleted.
func (b *bench) giveBack() error {
	if !b.wants("giveback") {
		return nil
	}
	n := b.size(2_000_000, 50_000)
	t := b.report.table(fmt.Sprintf("Memory given back (%d keys)", n), "figure", "Redpoll", "Redis", "Redis, activedefrag")
	t.note("Resident memory is the growth over the empty server, live memory that of used_memory, once both have settled.")
	var shrunk, left [3]float64
	var busy [3]string
	list := []kind{b.redpoll, b.redis, b.redis}
	for k, kind := range list {
		var extra []string
		if k == 2 {
			extra = []string{"--activedefrag", "yes", "--active-defrag-ignore-bytes", "1mb"}
		}
		s, err := b.fleet.start(b.ctx, kind, b.cores.server, extra...)
		if err != nil && k == 2 {
			t.note("This redis-server has no active defragmentation.")
			busy[k] = "–"
			break
		}
		if err != nil {
			return err
		}
		shrunk[k], left[k], busy[k], err = b.givenBack(s, n)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	t.row(append([]string{"resident to live, values of 32 bytes grown to 200 and shrunk to 60"}, figures(shrunk)...)...)
	t.row(append([]string{"share of the growth that is kept, nine in ten of these deleted, %"}, figures(left)...)...)
	t.row(append([]string{"CPU of five idle seconds after that, ms"}, busy[:]...)...)
	b.report.judge("resident to live memory after growing and shrinking", shrunk[0], shrunk[1], "", atMost(1.4))
	b.report.judge("share of the memory kept with nine keys in ten deleted", left[0], left[1], " %", atMost(30))
	return nil
}

func figures(values [3]float64) (texts []string) {
	for _, v := range values {
		text := "–"
		if v > 0 {
			text = strconv.FormatFloat(v, 'f', 2, 64)
		}
		texts = append(texts, text)
	}
	return texts
}

// givenBack has a fresh server's values grow and shrink, then deletes nine keys in ten. It returns the growth of resident memory by
// that of live memory after the first, the per cent of the growth that is left after the second, and the CPU that is then used.
func (b *bench) givenBack(s *server, n int) (shrunk, left float64, busy string, err error) {
	const patience = 15 * time.Second
	empty, err := b.reading(s, 3*time.Second)
	if err != nil {
		return 0, 0, "", err
	}
	for _, size := range []int{32, 200, 60} {
		set := numbered("SET", "key:000"+hole, payload(size))
		err := fill(s.port, n, func(b []byte, i int) []byte { return set(b, i*scatter%n) })
		if err != nil {
			return 0, 0, "", err
		}
	}
	full, err := b.reading(s, patience)
	if err != nil {
		return 0, 0, "", err
	}
	del, ping := numbered("DEL", "key:000"+hole), numbered("PING")
	err = fill(s.port, n, func(b []byte, i int) []byte {
		if i%10 == 0 {
			return ping(b, i)
		}
		return del(b, i)
	})
	if err != nil {
		return 0, 0, "", err
	}
	thin, err := b.reading(s, patience)
	if err != nil {
		return 0, 0, "", err
	}
	before, err := processCPU(s.pid)
	if err != nil {
		return 0, 0, "", err
	}
	if err := sleep(b.ctx, 5*time.Second); err != nil {
		return 0, 0, "", err
	}
	after, err := processCPU(s.pid)
	shrunk = float64(full.resident-empty.resident) / float64(full.used-empty.used)
	left = 100 * float64(thin.resident-empty.resident) / float64(full.resident-empty.resident)
	return shrunk, left, number(millis(after - before)), err
}

// footprint is a server's memory in bytes.
type footprint struct{ resident, used int64 }

// reading gives a server's memory when it has settled, or a time has passed.
func (b *bench) reading(s *server, limit time.Duration) (f footprint, err error) {
	if f.resident, err = s.settled(b.ctx, limit); err != nil {
		return f, err
	}
	err = s.ask(func(c *control) error {
		fields, err := c.info("memory")
		if err == nil {
			f.used, err = strconv.ParseInt(fields["used_memory"], 10, 64)
		}
		return err
	})
	return f, err
}
