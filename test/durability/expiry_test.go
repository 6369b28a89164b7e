// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// mortal goes through the lives of one key: it is set with a time to live, dies, is counted up from nothing, and deleted. What it counts is
// steps: life*lifeSteps + where the life is.
type mortal struct {
	marks ledger
	key   string

	mu    sync.Mutex
	dying map[string]time.Time // keys that are only set, and when they are dead; guarded by mu
}

// The steps of a life.
const (
	born = iota
	dead
	one
	two
	deleted
	lifeSteps
)

func (w *mortal) ledger() *ledger { return &w.marks }

func (w *mortal) work(c *testutil.Client, r *rand.Rand) error {
	do := func(argv ...string) (testutil.Value, error) {
		v, err := c.Do(argv...)
		if err != nil {
			return v, errBroken
		}
		if v.IsError() {
			return v, fmt.Errorf("%s is answered with %s", testutil.Quote(argv), v.Str)
		}
		return v, nil
	}
	life := w.marks.sent.Load() / lifeSteps
	w.marks.sent.Store(life*lifeSteps + deleted)
	if _, err := do("DEL", w.key); err != nil {
		return err
	}
	for {
		life++
		step := func(at int64, argv ...string) (testutil.Value, error) {
			w.marks.sent.Store(life*lifeSteps + at)
			v, err := do(argv...)
			if err == nil {
				w.marks.ack(life*lifeSteps + at)
			}
			return v, err
		}
		ttl := 1 + r.IntN(20)
		if _, err := step(born, "SET", w.key, fmt.Sprint(-life), "PX", fmt.Sprint(ttl)); err != nil {
			return err
		}
		if err := w.scatter(do, r); err != nil {
			return err
		}
		w.marks.sent.Store(life*lifeSteps + dead)
		for {
			if v, err := do("GET", w.key); err != nil {
				return err
			} else if v.Null {
				break
			}
		}
		w.marks.ack(life*lifeSteps + dead)
		for n := int64(1); n <= 2; n++ {
			if v, err := step(dead+n, "INCR", w.key); err != nil || v.Int != n {
				return or(err, "a dead key is counted up to %d", v.Int)
			}
		}
		if v, err := step(deleted, "DEL", w.key); err != nil || v.Int != 1 {
			return or(err, "%d keys are deleted", v.Int)
		}
	}
}

func or(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf(format, args...)
}

// scatter sets a key that is left alone.
func (w *mortal) scatter(do func(...string) (testutil.Value, error), r *rand.Rand) error {
	key := fmt.Sprint(w.key, ":", r.IntN(40))
	ttl := time.Duration(1+r.IntN(50)) * time.Millisecond
	w.mu.Lock()
	before := w.dying[key]
	w.dying[key] = time.Now().Add(ttl + patience) // until it is acknowledged nobody knows
	w.mu.Unlock()
	if _, err := do("SET", key, "v", "PX", fmt.Sprint(ttl.Milliseconds())); err != nil {
		return err
	}
	w.mu.Lock()
	w.dying[key] = time.Now().Add(ttl)
	if before.After(w.dying[key]) { // a server that lost this write may have the one before
		w.dying[key] = before
	}
	w.mu.Unlock()
	return nil
}

// count wants no key to live that is past its time, and translates what the key is into the step.
func (w *mortal) count(c *testutil.Client, t tally) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, end := range w.dying {
		late := time.Since(end)
		if late < 2*time.Millisecond { // servers count milliseconds
			continue
		}
		if n, err := number(c, "EXISTS", key); err != nil || n != 0 {
			ttl, _ := number(c, "PTTL", key)
			return 0, or(err, "%s is past its time by %v and lives for another %d ms", key, late, ttl)
		}
	}
	v, err := c.Do("GET", w.key)
	if err != nil {
		return 0, err
	}
	life, at := t.sent/lifeSteps, t.sent%lifeSteps
	n, _ := strconv.ParseInt(v.Str, 10, 64)
	ttl, err := number(c, "PTTL", w.key)
	switch {
	case err != nil:
		return 0, err
	case n > two-dead, n > 0 && ttl != -1, n < 0 && ttl == -1:
		return 0, fmt.Errorf("%s is %q with a time to live of %d after %d steps of life %d", w.key, v.Str, ttl, at, life)
	case n < 0:
		return -n * lifeSteps, nil
	case n > 0 && at == born: // of the life before
		return (life-1)*lifeSteps + dead + n, nil
	case n > 0:
		return life*lifeSteps + dead + n, nil
	case at == born, at == deleted: // not begun, or over already
		return t.sent, nil
	}
	return life*lifeSteps + dead, nil
}
