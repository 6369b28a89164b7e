// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// A crew is the workers of one test and what they found.
type crew struct {
	workers []worker
	queues  []*queue
	promise promise
	lost    int64 // of what was acknowledged, as far as the promise allows it
}

// newCrew makes a crew whose workers rest for a pace between their bursts.
func newCrew(p promise, pace time.Duration) *crew {
	w := &crew{promise: p}
	for i := range 2 {
		name := fmt.Sprint(i)
		q := &queue{name: name}
		w.queues = append(w.queues, q)
		w.workers = append(w.workers, &counter{key: "counter:" + name}, &list{key: "numbers:" + name}, &block{name: name}, q,
			&mortal{key: "mortal:" + name, dying: map[string]time.Time{}})
	}
	for _, each := range w.workers {
		each.ledger().pace = pace
	}
	return w
}

// A shift is the time that a crew works on one server.
type shift struct {
	wg     sync.WaitGroup
	mu     sync.Mutex
	errs   []error // guarded by mu
	closed []func() error
}

// start has the crew work on a server until its connections break.
func (w *crew) start(t testing.TB, dial func() (*testutil.Client, error), r *rand.Rand) *shift {
	t.Helper()
	s := &shift{}
	spawn := func(work func(*testutil.Client, *rand.Rand) error) {
		c, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		s.closed = append(s.closed, c.Close)
		own := rand.New(rand.NewPCG(r.Uint64(), 0))
		s.wg.Go(func() {
			if err := work(c, own); err != nil && !errors.Is(err, errBroken) {
				s.mu.Lock()
				s.errs = append(s.errs, err)
				s.mu.Unlock()
			}
		})
	}
	for _, each := range w.workers {
		spawn(each.work)
	}
	for _, q := range w.queues {
		spawn(func(c *testutil.Client, _ *rand.Rand) error { return q.serve(c) })
	}
	spawn(w.watch)
	return s
}

// watch reads what the workers count.
func (w *crew) watch(c *testutil.Client, r *rand.Rand) error {
	for {
		each := w.workers[r.IntN(len(w.workers))]
		var argv []string
		switch k := each.(type) {
		case *counter:
			argv = []string{"GET", k.key}
		case *list:
			argv = []string{"LINDEX", k.key, "-1"}
		case *block:
			argv = []string{"HGET", k.key("hash"), "f"}
		case *queue:
			argv = []string{"LINDEX", "queue:" + k.name, "0"}
		default:
			continue
		}
		n, err := number(c, argv...)
		if err != nil {
			return errBroken
		}
		each.ledger().see(n)
	}
}

// end waits for the workers, whose connections have broken, or break now.
func (s *shift) end() error {
	for _, closed := range s.closed {
		closed()
	}
	s.wg.Wait()
	return errors.Join(s.errs...)
}

// tally gives how far the workers are at a time that is not to come; see ledger.tally.
func (w *crew) tally(now time.Time) []tally {
	all := make([]tally, len(w.workers))
	for i, each := range w.workers {
		all[i] = each.ledger().tally(now)
	}
	return all
}

// sent adds to tallies what was sent until now.
func (w *crew) sent(tallies []tally) []tally {
	for i, each := range w.workers {
		tallies[i].sent = each.ledger().sent.Load()
	}
	return tallies
}

// look holds what a server has against the tallies of one that has ended. It gives how far the workers come, with which they can go on.
func (w *crew) look(c *testutil.Client, tallies []tally) (counts []int64, err error) {
	var errs []error
	for i, each := range w.workers {
		t := tallies[i]
		n, err := each.count(c, t)
		if err == nil {
			w.lost += max(t.acked-n, 0)
			if _, is := each.(*mortal); !is || w.promise == all { // a key that is dead says nothing of how long it has been
				err = w.promise.check(n, t)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%T: %w", each, err))
		}
		counts = append(counts, n)
	}
	if total, err := sum(c); err != nil || total != 0 {
		errs = append(errs, or(err, "the accounts add up to %d", total))
	}
	return counts, errors.Join(errs...)
}

// resume has the workers go on from what a server has.
func (w *crew) resume(counts []int64) {
	for i, each := range w.workers {
		each.ledger().resume(counts[i])
	}
}

// ballast is data that nobody changes, so that saving and loading takes a while.
type ballast struct {
	keys    int64
	digests map[string]string
}

// fill makes the ballast, in a database of its own.
func fill(t testing.TB, c *testutil.Client, keys, elements int) *ballast {
	t.Helper()
	c.Must(t, "SELECT", "1")
	b := &ballast{digests: map[string]string{}}
	send := func(calls [][]string) {
		for len(calls) > 0 {
			n := min(len(calls), 200)
			replies, err := c.Pipeline(calls[:n]...)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range replies {
				if r.Value.IsError() {
					t.Fatal(r.Value.Str)
				}
			}
			calls = calls[n:]
		}
	}
	var calls [][]string
	for i := range keys {
		calls = append(calls, []string{"SET", fmt.Sprint("small:", i), fmt.Sprint("a value of some bytes ", i)})
	}
	for i := range elements {
		text := fmt.Sprint("element:", i)
		calls = append(calls, []string{"HSET", "hash", text, text}, []string{"ZADD", "zset", fmt.Sprint(i), text},
			[]string{"RPUSH", "list", text}, []string{"SADD", "set", text}, []string{"XADD", "stream", fmt.Sprint(i+1, "-1"), "f", text})
	}
	calls = append(calls, []string{"SETRANGE", "string", fmt.Sprint(20 * elements), "end"})
	send(calls)
	b.keys = c.Must(t, "DBSIZE").Int
	for _, key := range []string{"hash", "zset", "list", "set", "stream", "string", "small:7"} {
		b.digests[key] = c.Must(t, "DEBUG", "DIGEST-VALUE", key).Elems[0].Str
	}
	c.Must(t, "SELECT", "0")
	return b
}

// look wants the ballast to be there.
func (b *ballast) look(c *testutil.Client) error {
	if _, err := c.Do("SELECT", "1"); err != nil {
		return err
	}
	if n, err := number(c, "DBSIZE"); err != nil || n != b.keys {
		return or(err, "%d keys of %d are there that nobody changed", n, b.keys)
	}
	for key, want := range b.digests {
		v, err := c.Do("DEBUG", "DIGEST-VALUE", key)
		if err != nil || v.Elems[0].Str != want {
			return or(err, "%s is not what it was", key)
		}
	}
	_, err := c.Do("SELECT", "0")
	return err
}
