// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
)

// scriptTransferrer is transferrer with scripts, which declare all, some or none of their keys, and some of which are killed.
func scriptTransferrer(b *bench, id, rounds int) {
	c := b.connect()
	rng := rand.New(rand.NewPCG(uint64(id), 19))
	for range rounds {
		from, to, n := rng.IntN(accounts), rng.IntN(accounts), rng.IntN(50)
		keys := []string{"0", fmt.Sprintf("1 acc:%d", from), fmt.Sprintf("1 acc:%d", to), fmt.Sprintf("2 acc:%d acc:%d", from, to)}[rng.IntN(4)]
		yield := []string{"", " | !yield"}[rng.IntN(2)]
		text := fmt.Sprintf("RUN %s | INCRBY acc:%d %d%s | INCRBY acc:%d %d", keys, from, -n, yield, to, n)
		lines := []string{text}
		switch rng.IntN(20) {
		case 0:
			lines = []string{strings.Replace(text, " | !yield", "", 1) + " | SUM"}
		case 1:
			lines = []string{fmt.Sprintf("RUN 0 | INCRBY acc:%d 1 | MSET acc:%d 7 acc:%d 8 new x | !kill", from, from, to)}
		case 2:
			lines = []string{"MULTI", text, text, "EXEC"}
		}
		if text := c.do(lines...); strings.Contains(text, "-ERR") && !strings.Contains(text, "-ERR killed") {
			b.t.Errorf("replies %s", text)
		}
	}
}

// TestScriptAtomicity: transfers between accounts by scripts leave their sum, as every reader sees it: by scripts that declare what they
// read, or nothing of it, and by commands. The log's replay comes to the same state.
func TestScriptAtomicity(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		b := newBench(t, clock.Real(), Options{Shards: shards})
		reader := b.Effects.Attach(nil)
		setup := b.connect()
		all, each := "MGET", "RUNRO 0"
		for i := range accounts {
			setup.do(fmt.Sprintf("SET acc:%d 100", i))
			all += fmt.Sprintf(" acc:%d", i)
			each += fmt.Sprintf(" | GET acc:%d", accounts-1-i)
		}
		declared := strings.Replace(each, "RUNRO 0", "RUNRO "+strconv.Itoa(accounts)+strings.TrimPrefix(all, "MGET"), 1)
		var group sync.WaitGroup
		for id := range 4 {
			group.Go(func() { scriptTransferrer(b, id, rounds(300)) })
		}
		for _, line := range []string{all, each, declared, "RUN 0 | " + all} {
			group.Go(func() {
				c := b.connect()
				for range rounds(300) {
					if text := c.do(line); total(text) != 100*accounts {
						t.Errorf("%q sees %d: %s", line, total(text), text)
						return
					}
				}
			})
		}
		group.Wait()
		b.locks()
		log := take(reader)
		copied := newBench(t, b.clock, Options{Shards: 2})
		copied.replay(log)
		if got, want := copied.dump(), b.dump(); got != want {
			t.Errorf("the log gives\n%s\nwant\n%s", got, want)
		}
		t.Logf("%d shards: %d runs, %d with undeclared keys, %d undone, %d with the world still", shards,
			b.counts.Runs.Load(), b.counts.Undeclared.Load(), b.counts.Undone.Load(), b.counts.Still.Load())
	}
}

// TestScriptQueues: scripts push to lists that clients wait for, and pass elements on, without declaring the lists; some are killed. Of
// what was pushed every element is popped once, and the log comes to the same state.
func TestScriptQueues(t *testing.T) {
	for _, shards := range []int{1, 64} {
		b := newBench(t, clock.Real(), Options{Shards: shards})
		reader := b.Effects.Attach(nil)
		var told sync.Map
		var pushed, popped atomic.Int64
		var pushers, others sync.WaitGroup
		var over atomic.Bool
		key := func(rng *rand.Rand) string { return "k" + strconv.Itoa(rng.IntN(5)) }
		for id := range 3 {
			pushers.Go(func() {
				c, rng := b.connect(), rand.New(rand.NewPCG(uint64(id), 21))
				for i := range rounds(400) {
					name := fmt.Sprintf("%d.%d", id, i)
					push := "RUN 0 | RPUSH " + key(rng) + " " + name + "a | !yield | LPUSH " + key(rng) + " " + name + "b"
					if rng.IntN(10) == 0 {
						c.do(push + "x | !kill")
					}
					c.do(push)
					pushed.Add(2)
				}
			})
		}
		for id := range 6 {
			others.Go(func() {
				c, rng := b.connect(), rand.New(rand.NewPCG(uint64(id), 22))
				for !over.Load() {
					end := func(cl *Client) {
						if over.Load() || rng.IntN(10) == 0 {
							cl.Unblock(false)
						}
					}
					if id == 0 {
						c.doWaiting("BLMOVE "+key(rng)+" "+key(rng)+" LEFT RIGHT 0", end)
						continue
					}
					words := c.doWaiting("BLPOP "+key(rng)+" "+key(rng)+" 0", end)
					if len(words) != 5 {
						continue
					}
					popped.Add(1)
					if _, twice := told.LoadOrStore(words[4], true); twice {
						t.Errorf("%s was popped twice", words[4])
					}
				}
			})
		}
		pushers.Wait()
		over.Store(true)
		others.Wait()
		m := logModel{t: t, lists: map[string][]string{}, took: map[string]bool{}}
		m.runLog(take(reader))
		left := 0
		for key, l := range m.lists {
			left += len(l)
			b.connect().want(":"+strconv.Itoa(len(l)), "LLEN "+key)
		}
		if popped.Load()+int64(left) != pushed.Load() {
			t.Errorf("%d were pushed, %d popped, %d are left", pushed.Load(), popped.Load(), left)
		}
		b.idle()
		t.Logf("%d shards: %d runs, %d undone, %d with the world still", shards, b.counts.Runs.Load(), b.counts.Undone.Load(), b.counts.Still.Load())
	}
}
