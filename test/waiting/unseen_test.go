// SPDX-License-Identifier: BSD-3-Clause

package waiting

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// A family is the commands of a type whose keys are waited for.
type family struct {
	push func(rnd *rand.Rand, key string, elements []string) [][]string // one or several commands
	wait func(rnd *rand.Rand) []string                                  // for any of the watched keys
	look [][]string                                                     // what sees the keys, or would take something from them
}

// watched are the keys that clients wait for; the elements of some that get them go to the key "done".
var watched = []string{"w:1", "w:2", "w:3"}

func pick[E any](rnd *rand.Rand, from ...E) E { return from[rnd.IntN(len(from))] }

var families = map[string]family{
	"lists": {
		push: func(rnd *rand.Rand, key string, elements []string) [][]string {
			name := pick(rnd, "LPUSH", "RPUSH")
			all := append([]string{name, key}, elements...)
			switch rnd.IntN(4) {
			case 0:
				return [][]string{{"MULTI"}, all, {"EXEC"}}
			case 1: // made elsewhere, it comes by another name
				return [][]string{append([]string{name, "other"}, elements...), {"RENAME", "other", key}}
			case 2: // one by one
				var one [][]string
				for _, e := range elements {
					one = append(one, []string{name, key, e})
				}
				return one
			}
			return [][]string{all}
		},
		wait: func(rnd *rand.Rand) []string {
			switch rnd.IntN(4) {
			case 0:
				return append([]string{"BLMPOP", "0", "3"}, watched[0], watched[1], watched[2], "LEFT")
			case 1:
				return append([]string{"BRPOP"}, watched[1], watched[2], watched[0], "0")
			}
			return append([]string{"BLPOP"}, watched[0], watched[1], watched[2], "0")
		},
		look: [][]string{
			{"EXISTS", "w:1", "w:2", "w:3"}, {"LLEN", "w:1"}, {"LPOP", "w:2"}, {"RPOP", "w:3", "5"}, {"LRANGE", "w:1", "0", "-1"}, {"STRLEN", "w:2"},
			{"LMOVE", "w:3", "w:1", "LEFT", "LEFT"}, {"LMPOP", "3", "w:1", "w:2", "w:3", "LEFT"}, {"LPUSHX", "w:1", "x"}, {"KEYS", "w:*"},
			{"LINDEX", "w:2", "0"}, {"PERSIST", "w:1"}, {"DEL", "w:2"}, {"LPOS", "w:3", "1"}, {"TTL", "w:1"},
		},
	},
	"sorted sets": {
		push: func(rnd *rand.Rand, key string, elements []string) [][]string {
			all := []string{"ZADD", key}
			for _, e := range elements {
				all = append(all, strconv.Itoa(rnd.IntN(10)), e)
			}
			switch rnd.IntN(3) {
			case 0:
				return [][]string{{"MULTI"}, all, {"EXEC"}}
			case 1:
				all[1] = "other"
				return [][]string{all, {"ZUNIONSTORE", key, "1", "other"}, {"DEL", "other"}}
			}
			return [][]string{all}
		},
		wait: func(rnd *rand.Rand) []string {
			switch rnd.IntN(3) {
			case 0:
				return append([]string{"BZMPOP", "0", "3"}, watched[0], watched[1], watched[2], "MAX")
			case 1:
				return append([]string{"BZPOPMAX"}, watched[1], watched[2], watched[0], "0")
			}
			return append([]string{"BZPOPMIN"}, watched[0], watched[1], watched[2], "0")
		},
		look: [][]string{
			{"EXISTS", "w:1", "w:2", "w:3"}, {"ZCARD", "w:1"}, {"ZPOPMIN", "w:2"}, {"ZPOPMAX", "w:3", "5"}, {"ZRANGE", "w:1", "0", "-1"},
			{"ZCOUNT", "w:2", "-inf", "+inf"}, {"ZMPOP", "3", "w:1", "w:2", "w:3", "MIN"}, {"KEYS", "w:*"}, {"ZREMRANGEBYRANK", "w:3", "0", "-1"},
			{"ZRANDMEMBER", "w:1"}, {"ZSCORE", "w:2", "1"}, {"DEL", "w:2"}, {"ZUNIONSTORE", "w:3", "1", "w:1"}, {"TTL", "w:1"},
		},
	},
}

// TestUnseen: with clients waiting, nobody sees the keys for which they wait, however and by whomever something is pushed there.
func TestUnseen(t *testing.T) {
	for name, f := range families {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, target *testutil.Target) { unseen(t, target, f) })
		})
	}
}

func unseen(t *testing.T, target *testutil.Target, f family) {
	const waiters, observers = 6, 3
	var group sync.WaitGroup
	t.Cleanup(group.Wait) // when the connections are closed: cleanups run in reverse
	var stop atomic.Bool
	var looks, got atomic.Int64
	for id := range observers {
		c, rnd := target.Dial(t), rand.New(rand.NewPCG(uint64(id), 2))
		group.Go(func() {
			for !stop.Load() {
				if err := observe(c, rnd, f); err != nil && !stop.Load() {
					t.Error(err)
					return
				}
				looks.Add(1)
			}
		})
	}
	for id := range waiters {
		c, rnd := target.Dial(t), rand.New(rand.NewPCG(uint64(id), 3))
		group.Go(func() {
			for {
				v, err := c.Do(f.wait(rnd)...)
				if stop.Load() {
					return
				}
				if err = ok(v, err); err != nil || len(v.Elems) < 2 {
					t.Errorf("a client that waits: %s, %v", testutil.Format(v), err)
					return
				}
				got.Add(1)
			}
		})
	}
	c, rnd := target.Dial(t), rand.New(rand.NewPCG(7, 7))
	pushed, turns := 0, 0
	for end := time.Now().Add(*budget); time.Now().Before(end) && !t.Failed(); turns++ {
		awaitWaiting(t, c, waiters)
		if n := int(got.Load()); n != pushed {
			t.Fatalf("%d elements came of %d", n, pushed)
		}
		var elements []string
		for range 1 + rnd.IntN(waiters) {
			pushed++
			elements = append(elements, strconv.Itoa(pushed))
		}
		replies, err := c.Pipeline(f.push(rnd, pick(rnd, watched...), elements)...)
		for _, r := range replies {
			if err = ok(r.Value, err); err != nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	awaitWaiting(t, c, waiters)
	t.Logf("%d elements in %d turns, %d looks", pushed, turns, looks.Load())
	stop.Store(true)
}

// observe looks at the keys once, in one of several ways; that something was there is an error.
func observe(c *testutil.Client, rnd *rand.Rand, f family) error {
	look := pick(rnd, f.look...)
	calls := [][]string{look, {"TYPE", watched[0]}, pick(rnd, f.look...)}
	if rnd.IntN(3) == 0 {
		calls = [][]string{{"MULTI"}, look, look, {"EXEC"}}
	}
	replies, err := c.Pipeline(calls...)
	if err != nil {
		return err
	}
	for i, r := range replies {
		if !empty(r.Value) {
			return fmt.Errorf("%s saw something: %s", testutil.Quote(calls[i]), testutil.Format(r.Value))
		}
	}
	return nil
}

// empty tells whether a reply says that there is nothing, or nothing to see yet.
func empty(v testutil.Value) bool {
	switch {
	case v.Null, v.Kind == '*' && len(v.Elems) == 0:
		return true
	case v.Kind == ':':
		return v.Int == 0 || v.Int == -2
	case v.Kind == '*':
		for _, e := range v.Elems {
			if !empty(e) {
				return false
			}
		}
		return true
	}
	return v.Str == "none" || v.Str == "OK" || v.Str == "QUEUED"
}
