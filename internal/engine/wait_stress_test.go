// SPDX-License-Identifier: BSD-3-Clause

package engine

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/resp"
)

// rounds gives how often a test does something at random: less when it is to be short.
func rounds(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// doWaiting runs a command to its end, though its client may have to wait; end is called now and then while it does. It gives the words
// of the reply.
func (c *conn) doWaiting(line string, end func(cl *Client)) []string {
	for !c.cl.Waiting() {
		n, st := c.try(line)
		if st == Parked && !c.wait() {
			return nil
		}
		if n == 1 && st == Done {
			return strings.Fields(c.replies())
		}
	}
	for {
		end(c.cl)
		if c.w.EndWait(c.cl) {
			return strings.Fields(c.replies())
		}
		select {
		case <-c.woke:
		case <-time.After(100 * time.Microsecond): // end may want to be asked again
		}
	}
}

// logModel replays a log on lists and tells of each element that left them.
type logModel struct {
	t     *testing.T
	lists map[string][]string
	took  map[string]bool
}

// take removes an element at one end, which must be there.
func (m *logModel) take(key string, head bool) string {
	l := m.lists[key]
	if len(l) == 0 {
		m.t.Fatalf("in the log %s is popped, which is empty", key)
	}
	i := len(l) - 1
	if head {
		i = 0
	}
	element := l[i]
	if head {
		m.lists[key] = l[1:]
	} else {
		m.lists[key] = l[:i]
	}
	return element
}

func (m *logModel) push(key, element string, head bool) {
	if head {
		m.lists[key] = append([]string{element}, m.lists[key]...)
	} else {
		m.lists[key] = append(m.lists[key], element)
	}
}

// run replays one command.
func (m *logModel) run(argv []string) {
	switch argv[0] {
	case "SELECT", "MULTI", "EXEC":
	case "LPUSH", "RPUSH":
		for _, element := range argv[2:] {
			m.push(argv[1], element, argv[0] == "LPUSH")
		}
	case "LPOP", "RPOP":
		element := m.take(argv[1], argv[0] == "LPOP")
		if m.took[element] {
			m.t.Errorf("%s is popped twice", element)
		}
		m.took[element] = true
	case "LMOVE":
		m.push(argv[2], m.take(argv[1], argv[3] == "LEFT"), argv[4] == "LEFT")
	default:
		m.t.Fatalf("%q is in the log", argv)
	}
}

// runLog replays a whole log.
func (m *logModel) runLog(log []byte) {
	var p resp.Parser
	p.Limits.MaxBulk = 1 << 20
	for len(log) > 0 {
		argv, n, err := p.Next(log, nil)
		if err != nil || n == 0 {
			m.t.Fatalf("the log ends in %.100q: %v", log, err)
		}
		words := make([]string, len(argv))
		for i := range argv {
			words[i] = string(argv[i])
		}
		m.run(words)
		log = log[n:]
	}
}

// TestWaitNothingLost: elements go through lists that clients wait for, some of which pass them on in chains and circles, are
// unblocked, or go away at any moment. Replayed, the log comes to the same state, no pop in it finds an empty list, and what was
// popped is what clients were told, but for what was given to those that were gone.
func TestWaitNothingLost(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		b := newBench(t, clock.Real(), Options{Shards: shards})
		reader := b.Effects.Attach(nil)
		var told sync.Map
		var gone, pushed atomic.Int64
		var pushers, others sync.WaitGroup
		var over atomic.Bool
		key := func(rng *rand.Rand) string { return "k" + strconv.Itoa(rng.IntN(5)) }
		side := func(rng *rand.Rand) string { return []string{"LEFT", "RIGHT"}[rng.IntN(2)] }
		tell := func(words []string) {
			if len(words) == 5 && words[0] == "*2" {
				if _, twice := told.LoadOrStore(words[4], true); twice {
					t.Errorf("two were told that they have popped %s", words[4])
				}
			}
		}
		for id := range 3 {
			pushers.Go(func() {
				c, rng := b.connect(), rand.New(rand.NewPCG(uint64(id), 1))
				for i := range rounds(1000) {
					for spins := 0; spins < 100 && b.Store.Waiters() < int64(rng.IntN(8)); spins++ {
						runtime.Gosched()
					}
					name := fmt.Sprintf("%d.%d", id, i)
					switch rng.IntN(4) {
					case 0:
						c.do("MULTI", "LPUSH "+key(rng)+" "+name+"a "+name+"b", "RPUSH "+key(rng)+" "+name+"c", "EXEC")
						pushed.Add(3)
					case 1:
						c.do("MULTI", "LPUSH tmp"+strconv.Itoa(id)+" "+name, "LMOVE tmp"+strconv.Itoa(id)+" "+key(rng)+" LEFT LEFT", "EXEC")
						pushed.Add(1)
					default:
						c.do("RPUSH " + key(rng) + " " + name)
						pushed.Add(1)
					}
				}
			})
		}
		for id := range 8 {
			others.Go(func() {
				c, rng := b.connect(), rand.New(rand.NewPCG(uint64(id), 2))
				for !over.Load() {
					end := func(cl *Client) {
						if over.Load() || rng.IntN(10) == 0 {
							cl.Unblock(rng.IntN(2) == 0)
						}
					}
					switch n := rng.IntN(20); {
					case id < 3: // those pass on; k0 → k1 → k2 → … without an end
						from := rng.IntN(5)
						c.doWaiting(fmt.Sprintf("BLMOVE k%d k%d %s %s 0", from, (from+1)%5, side(rng), side(rng)), end)
					case n == 0:
						if n, st := c.try("BLPOP " + key(rng) + " " + key(rng) + " 0"); n == 1 && st == Waiting {
							for range rng.IntN(3) * rng.IntN(20) { // it may just be served
								runtime.Gosched()
							}
							c.w.Forget(c.cl)
							gone.Add(1)
						} else if n == 1 {
							tell(strings.Fields(c.replies()))
						}
					case n < 10:
						tell(c.doWaiting("BLPOP "+key(rng)+" "+key(rng)+" "+key(rng)+" 0", end))
					case n < 15:
						tell(c.doWaiting("BRPOP "+key(rng)+" 0", end))
					default:
						c.w.Housekeep(0)
					}
				}
			})
		}
		pushers.Wait()
		over.Store(true)
		others.Wait()
		log := take(reader)
		m := &logModel{t: t, lists: map[string][]string{}, took: map[string]bool{}}
		m.runLog(log)
		left := 0
		for key, l := range m.lists {
			left += len(l)
			c := b.connect()
			if got := c.do("LLEN " + key); got != ":"+strconv.Itoa(len(l)) {
				t.Errorf("%s has %s elements, in the log %d", key, got, len(l))
			}
		}
		if total := int64(left + len(m.took)); total != pushed.Load() {
			t.Errorf("%d elements were pushed, %d popped, %d are left", pushed.Load(), len(m.took), left)
		}
		lost := int64(0)
		for element := range m.took {
			if _, known := told.Load(element); !known {
				lost++
			}
		}
		if lost > gone.Load() {
			t.Errorf("%d elements were popped and told nobody, %d clients went away", lost, gone.Load())
		}
		told.Range(func(element, _ any) bool {
			if !m.took[element.(string)] {
				t.Errorf("somebody was told of %s, which the log does not have as popped", element)
			}
			return true
		})
		t.Logf("%d shards: %d pushed, %d popped, %d of them by some of %d clients that went away", shards, pushed.Load(), len(m.took), lost, gone.Load())
		b.idle()
	}
}

// TestWaitUnseen: with more clients waiting for a key than elements are pushed, nobody else ever sees one.
func TestWaitUnseen(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 4})
	pushes := rounds(2000)
	var waiters []*conn
	for range pushes {
		waiters = append(waiters, b.connect().block("BLPOP k other 0"))
	}
	var pushers, others sync.WaitGroup
	var over atomic.Bool
	for id := range 2 {
		pushers.Go(func() {
			c := b.connect()
			for i := range pushes / 2 {
				c.do(fmt.Sprintf("RPUSH k %d.%d", id, i))
			}
		})
	}
	for _, look := range []struct{ line, reply string }{
		{"LPOP k", "$-1"}, {"LLEN k", ":0"}, {"LRANGE k 0 -1", "*0"}, {"RPOPLPUSH k other", "$-1"},
	} {
		others.Go(func() {
			c := b.connect()
			for !over.Load() {
				c.want(look.reply, look.line)
			}
		})
	}
	pushers.Wait()
	over.Store(true)
	others.Wait()
	next := [2]int{}
	for _, c := range waiters[:pushes/2*2] { // in the order of their coming, which is that of each pusher's elements
		words := strings.Fields(c.served())
		if len(words) != 5 {
			t.Fatalf("replies %q", words)
		}
		id, n, _ := strings.Cut(words[4], ".")
		who, _ := strconv.Atoi(id)
		if n != strconv.Itoa(next[who]) {
			t.Fatalf("%s was served before %d", words[4], next[who])
		}
		next[who]++
	}
	b.idle()
}

// TestWaitLeavesNothing: after very many waits that ended in all ways there is no queue, no place and no byte left.
func TestWaitLeavesNothing(t *testing.T) {
	b := newBench(t, clock.Real(), Options{Shards: 16})
	var group sync.WaitGroup
	n := rounds(50_000)
	for id := range 2 {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(id), 5))
			p := b.connect()
			conns := []*conn{b.connect(), b.connect(), b.connect(), b.connect()}
			for range n / 2 {
				c := conns[rng.IntN(len(conns))]
				if c.cl.Waiting() {
					switch rng.IntN(4) {
					case 0:
						c.cl.Unblock(true)
					case 1:
						c.cl.Unblock(false)
					case 2:
						p.do(fmt.Sprintf("RPUSH k%d v", rng.IntN(8)))
					case 3:
						c.w.Forget(c.cl)
						continue
					}
					if c.w.EndWait(c.cl) {
						c.replies()
					}
					continue
				}
				c.try(fmt.Sprintf("BLPOP k%d k%d k%d k%d 0", rng.IntN(8), rng.IntN(8), rng.IntN(8), rng.IntN(8)))
				c.replies()
			}
			for _, c := range append(conns, p) {
				c.w.Forget(c.cl)
			}
		})
	}
	group.Wait()
	b.idle()
}

// TestCountedWaitEnds: who is seen to wait can be told to stop it.
func TestCountedWaitEnds(t *testing.T) {
	b := fakeBench(t, Options{})
	x := b.connect()
	var over atomic.Bool
	var other sync.WaitGroup
	other.Go(func() {
		for !over.Load() {
			if b.Store.Waiters() == 0 {
				runtime.Gosched()
			} else if !x.cl.Unblock(false) {
				t.Error("a client that waits does not wait")
				x.cl.Wake()
				return
			}
		}
	})
	for range rounds(20_000) {
		if x.block("TAKE a 0"); !x.wait() || t.Failed() {
			break
		}
		b.wantServed("*-1", x)
	}
	over.Store(true)
	other.Wait()
	x.w.Forget(x.cl)
	b.idle()
}
