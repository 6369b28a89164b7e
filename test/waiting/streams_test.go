// SPDX-License-Identifier: BSD-3-Clause

package waiting

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// streamed are the streams of these tests.
var streamed = []string{"s:1", "s:2"}

// A market is producers of entries, consumers of two groups and readers, all on the same streams.
type market struct {
	t      *testing.T
	target *testutil.Target
	stop   atomic.Bool // nothing is added any more
	made   atomic.Int64

	mu     sync.Mutex
	seen   map[string]string // by group and entry, who has got it
	open   map[string]bool   // of those the ones that were not acknowledged
	faults []string
}

func (m *market) fail(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults = append(m.faults, fmt.Sprintf(format, args...)); len(m.faults) == 1 {
		m.stop.Store(true)
	}
}

// add adds entries, some of them in transactions, until the time is up.
func (m *market) add(c *testutil.Client, rnd *rand.Rand, end time.Time) error {
	for n := 0; time.Now().Before(end) && !m.stop.Load(); n++ {
		var calls [][]string
		for range 1 + rnd.IntN(3) {
			calls = append(calls, []string{"XADD", streamed[rnd.IntN(len(streamed))], "*", "n", strconv.FormatInt(m.made.Add(1), 10)})
		}
		if rnd.IntN(3) == 0 {
			calls = append(append([][]string{{"MULTI"}}, calls...), []string{"EXEC"})
		}
		replies, err := c.Pipeline(calls...)
		if err != nil {
			return err
		}
		for _, r := range replies {
			if r.Value.IsError() {
				return errors.New(r.Value.Str)
			}
		}
		if rnd.IntN(4) == 0 { // so that clients wait
			testutil.Poll(m.t, patience, func() bool { return rnd.IntN(3) == 0 || m.stop.Load() })
		}
	}
	return nil
}

// consume reads as a consumer of a group until nothing is added any more and there is nothing left.
func (m *market) consume(c *testutil.Client, rnd *rand.Rand, group, name string) error {
	for {
		last := m.stop.Load()
		wait := []string{"BLOCK", strconv.Itoa(1 + rnd.IntN(50))}
		call := append([]string{"XREADGROUP", "GROUP", group, name, "COUNT", strconv.Itoa(1 + rnd.IntN(3))}, wait...)
		call = append(append(call, "STREAMS"), append(append([]string{}, streamed...), ">", ">")...)
		v, err := c.Do(call...)
		if err = ok(v, err); err != nil {
			return err
		}
		if v.Null && last {
			return nil
		}
		for _, s := range v.Elems {
			key, acks := s.Elems[0].Str, []string{"XACK", s.Elems[0].Str, group}
			for _, e := range s.Elems[1].Elems {
				id := e.Elems[0].Str
				acked := rnd.IntN(4) > 0
				m.got(group+" "+key+" "+id, name, acked)
				if acked {
					acks = append(acks, id)
				}
			}
			if len(acks) == 3 {
				continue
			}
			if n, err := c.Do(acks...); ok(n, err) != nil || n.Int != int64(len(acks)-3) {
				return fmt.Errorf("%v: %v, %v", acks, n, err)
			}
		}
	}
}

// got notes who has got an entry.
func (m *market) got(entry, name string, acked bool) {
	m.mu.Lock()
	who, twice := m.seen[entry]
	m.seen[entry] = name
	m.open[entry] = !acked
	m.mu.Unlock()
	if twice {
		m.fail("%s came to %s and to %s", entry, who, name)
	}
}

// follow reads all entries of both streams, in their order, until nothing is added any more and there is nothing left.
func (m *market) follow(c *testutil.Client, rnd *rand.Rand) error {
	from := []string{"0-0", "0-0"}
	total := 0
	for {
		last := m.stop.Load()
		v, err := c.Do("XREAD", "COUNT", strconv.Itoa(1+rnd.IntN(20)), "BLOCK", strconv.Itoa(1+rnd.IntN(50)), "STREAMS", streamed[0], streamed[1], from[0], from[1])
		if err = ok(v, err); err != nil {
			return err
		}
		if v.Null && last {
			if int64(total) != m.made.Load() {
				return fmt.Errorf("a reader has got %d entries of %d", total, m.made.Load())
			}
			return nil
		}
		for _, s := range v.Elems {
			for i, key := range streamed {
				if s.Elems[0].Str == key {
					entries := s.Elems[1].Elems
					total += len(entries)
					from[i] = entries[len(entries)-1].Elems[0].Str
				}
			}
		}
	}
}

// TestGroups: every entry comes to one consumer of each group and to every reader, whoever waits for it, and what was not acknowledged is
// pending in the end.
func TestGroups(t *testing.T) {
	everywhere(t, func(t *testing.T, target *testutil.Target) {
		m := &market{t: t, target: target, seen: map[string]string{}, open: map[string]bool{}}
		c := target.Dial(t)
		c.Must(t, "FLUSHALL")
		groups := []string{"g", "h"}
		for _, key := range streamed {
			for _, g := range groups {
				c.Must(t, "XGROUP", "CREATE", key, g, "0", "MKSTREAM")
			}
		}
		var producers, others sync.WaitGroup
		run := func(group *sync.WaitGroup, seed uint64, work func(c *testutil.Client, rnd *rand.Rand) error) {
			conn, rnd := target.Dial(t), rand.New(rand.NewPCG(seed, 1))
			group.Go(func() {
				if err := work(conn, rnd); err != nil {
					m.fail("%v", err)
				}
			})
		}
		end := time.Now().Add(*budget)
		for i := range 3 {
			run(&producers, uint64(i), func(c *testutil.Client, rnd *rand.Rand) error { return m.add(c, rnd, end) })
		}
		for i := range 8 {
			run(&others, uint64(10+i), func(c *testutil.Client, rnd *rand.Rand) error {
				return m.consume(c, rnd, groups[i%2], "c"+strconv.Itoa(i))
			})
		}
		for i := range 2 {
			run(&others, uint64(20+i), m.follow)
		}
		producers.Wait()
		m.stop.Store(true)
		others.Wait()
		m.settle(c, groups)
	})
}

// settle checks what is left when all have gone.
func (m *market) settle(c *testutil.Client, groups []string) {
	for _, fault := range m.faults {
		m.t.Error(fault)
	}
	if want := int(m.made.Load()) * len(groups); len(m.seen) != want {
		m.t.Errorf("%d entries came to consumers, want %d", len(m.seen), want)
	}
	for _, key := range streamed {
		for _, g := range groups {
			pending := c.Must(m.t, "XPENDING", key, g, "-", "+", "1000000")
			left := 0
			for entry, open := range m.open {
				if open && strings.HasPrefix(entry, g+" "+key+" ") {
					left++
				}
			}
			if left != len(pending.Elems) {
				m.t.Errorf("%d entries of %s are pending in %s, want %d", len(pending.Elems), key, g, left)
			}
			for _, e := range pending.Elems {
				if entry := g + " " + key + " " + e.Elems[0].Str; !m.open[entry] || m.seen[entry] != e.Elems[1].Str {
					m.t.Errorf("%s is pending for %s", entry, e.Elems[1].Str)
				}
			}
		}
	}
	if testing.Verbose() {
		m.t.Logf("%d entries", m.made.Load())
	}
}

// TestLostGroups: however a stream or a group goes away, everybody who waits as a consumer is told, and nobody is forgotten.
func TestLostGroups(t *testing.T) {
	everywhere(t, func(t *testing.T, target *testutil.Target) {
		const clients = 12
		c := target.Dial(t)
		c.Must(t, "FLUSHALL")
		begin := func(key string) { c.Must(t, "XGROUP", "CREATE", key, "g", "$", "MKSTREAM") }
		for _, key := range streamed {
			begin(key)
		}
		var stop atomic.Bool
		var told atomic.Int64
		var all sync.WaitGroup
		t.Cleanup(all.Wait) // when the connections are closed
		for i := range clients {
			conn, rnd := target.Dial(t), rand.New(rand.NewPCG(uint64(i), 2))
			all.Go(func() {
				for !stop.Load() {
					call := []string{"XREADGROUP", "GROUP", "g", "c" + strconv.Itoa(i), "BLOCK", "0", "STREAMS"}
					if rnd.IntN(2) == 0 {
						call = append(call, streamed[rnd.IntN(len(streamed))], ">")
					} else {
						call = append(append(call, streamed...), ">", ">")
					}
					if _, err := conn.Do(call...); err != nil {
						if !stop.Load() {
							t.Errorf("client %d: %v", i, err)
						}
						return
					}
					told.Add(1)
				}
			})
		}
		rnd, rounds := rand.New(rand.NewPCG(1, 1)), 0
		for end := time.Now().Add(*budget); time.Now().Before(end); rounds++ {
			key := streamed[rnd.IntN(len(streamed))]
			for _, call := range loss(rnd, key) {
				c.Must(t, call...)
			}
			c.Must(t, "DEL", key)
			begin(key)
			if rnd.IntN(3) == 0 {
				awaitWaiting(t, c, clients)
			}
		}
		awaitWaiting(t, c, clients)
		stop.Store(true)
		c.Must(t, append([]string{"DEL"}, streamed...)...)
		awaitWaiting(t, c, 0)
		if testing.Verbose() {
			t.Logf("%d rounds, %d times somebody was told", rounds, told.Load())
		}
	})
}

// loss gives calls by which a stream goes away, or its group.
func loss(rnd *rand.Rand, key string) [][]string {
	switch rnd.IntN(8) {
	case 0:
		return [][]string{{"SET", key, "v"}}
	case 1:
		return [][]string{{"RENAME", key, "other"}}
	case 2:
		return [][]string{{"XGROUP", "DESTROY", key, "g"}}
	case 3:
		return [][]string{{"MULTI"}, {"DEL", key}, {"LPUSH", key, "x"}, {"EXEC"}}
	case 4:
		return [][]string{{"PEXPIRE", key, "1"}, {"PTTL", key}}
	case 5:
		return [][]string{{"MULTI"}, {"XADD", key, "*", "f", "v"}, {"UNLINK", key}, {"EXEC"}}
	case 6:
		return [][]string{{"SUNIONSTORE", key, "none"}}
	}
	return [][]string{{"DEL", key}}
}
