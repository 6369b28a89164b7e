// SPDX-License-Identifier: BSD-3-Clause

package durability

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redpoll/redpoll/internal/testutil"
)

// A worker writes what counts upwards to keys of its own, so that what a server has says how far it had come.
type worker interface {
	// work goes on until the connection breaks. An error is a reply that should not be.
	work(c *testutil.Client, r *rand.Rand) error
	// ledger gives how far it is.
	ledger() *ledger
	// count reads how far a server has come, of which the tally is known. An error tells of what no server should have at any moment.
	count(c *testutil.Client, t tally) (int64, error)
}

// A tally is how far a worker was when its server ended.
type tally struct {
	sent, acked int64
	read        int64 // what others have read
	saved       int64 // what was acknowledged before a save began that has ended well
	old         int64 // what was acknowledged longer than the grace before
}

// grace is how old what was acknowledged may be and yet be lost under everysec.
const grace = 2 * time.Second

// stall is the longest time between two marks that counts as such: in what is longer all stood still, the server too.
const stall = 500 * time.Millisecond

// A ledger is how far a worker is.
type ledger struct {
	sent, acked, read, saved atomic.Int64

	pace time.Duration // the worker rests for so long between its bursts. Immutable

	mu   sync.Mutex
	past []mark // of acked, in the order of time; guarded by mu
}

// A mark says how far a worker was at a time.
type mark struct {
	at    time.Time
	acked int64
}

// ack notes an acknowledgement.
func (l *ledger) ack(n int64) {
	l.acked.Store(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	const every = 10 * time.Millisecond
	if now := time.Now(); len(l.past) == 0 || now.Sub(l.past[len(l.past)-1].at) > every {
		l.past = append(l.past, mark{now, n})
	}
}

// see notes what somebody has read.
func (l *ledger) see(n int64) {
	for {
		if old := l.read.Load(); n <= old || l.read.CompareAndSwap(old, n) {
			return
		}
	}
}

// tally gives how far the worker is at a time that is not to come. What is sent is to be asked for when the server has ended.
func (l *ledger) tally(now time.Time) tally {
	t := tally{acked: l.acked.Load(), read: l.read.Load(), saved: l.saved.Load()}
	l.mu.Lock()
	defer l.mu.Unlock()
	age := time.Duration(0)
	for _, m := range slices.Backward(l.past) {
		if age += min(now.Sub(m.at), stall); age > grace {
			t.old = m.acked
			break
		}
		now = m.at
	}
	return t
}

// resume goes on from what a server has.
func (l *ledger) resume(n int64) {
	l.sent.Store(n)
	l.acked.Store(n)
	l.saved.Store(n)
	l.read.Store(0)
	l.past = l.past[:0]
}

// A promise is what a setup promises of what was acknowledged.
type promise int

const (
	all    promise = iota // it is there, and whatever was read
	recent                // it is there if it is older than the grace
	saved                 // it is there if a save was begun after it, and has ended
	whole                 // what is there was so at some moment
)

// check holds what a server has against the tally.
func (p promise) check(n int64, t tally) error {
	least := map[promise]int64{all: max(t.acked, t.read), recent: t.old, saved: t.saved}[p]
	if n < least || n > t.sent {
		return fmt.Errorf("%d are there: %+v", n, t)
	}
	return nil
}

// burst sends so many calls at once, of which each counts upwards, and has ok look at the reply of each.
func (l *ledger) burst(c *testutil.Client, n int, call func(i int64) [][]string, ok func(i int64, replies []testutil.Value) bool) error {
	var b []byte
	first := l.sent.Load() + 1
	replies := make([][]testutil.Value, n)
	for j := range n {
		for _, argv := range call(first + int64(j)) {
			b = testutil.AppendCommand(b, argv...)
			replies[j] = append(replies[j], testutil.Value{})
		}
	}
	l.sent.Add(int64(n))
	if c.SendRaw(b) != nil {
		return errBroken
	}
	for j := range replies {
		for k := range replies[j] {
			r, err := c.Receive()
			if err != nil {
				return errBroken
			}
			replies[j][k] = r.Value
		}
		i := first + int64(j)
		if !ok(i, replies[j]) {
			return fmt.Errorf("%s is answered with %s", testutil.Quote(call(i)[0]), testutil.Format(replies[j][len(replies[j])-1]))
		}
		l.ack(i)
	}
	if l.pace > 0 {
		<-time.After(l.pace)
	}
	return nil
}

// errBroken ends a worker whose server has gone.
var errBroken = errors.New("the connection broke")

// number reads a key that counts; 0 without one.
func number(c *testutil.Client, argv ...string) (int64, error) {
	v, err := c.Do(argv...)
	if err != nil {
		return 0, err
	}
	if v.IsError() {
		return 0, fmt.Errorf("%s: %s", testutil.Quote(argv), v.Str)
	}
	if v.Null {
		return 0, nil
	}
	return strconv.ParseInt(v.Str, 10, 64)
}

// counter increments one key.
type counter struct {
	marks ledger
	key   string
}

func (w *counter) ledger() *ledger { return &w.marks }

func (w *counter) work(c *testutil.Client, r *rand.Rand) error {
	for {
		err := w.marks.burst(c, 1+r.IntN(32), func(i int64) [][]string {
			if i%3 == 0 {
				return [][]string{{"SET", w.key, fmt.Sprint(i)}}
			}
			return [][]string{{"INCR", w.key}}
		}, func(i int64, got []testutil.Value) bool { return got[0].Str == "OK" || got[0].Int == i })
		if err != nil {
			return err
		}
	}
}

func (w *counter) count(c *testutil.Client, _ tally) (int64, error) { return number(c, "GET", w.key) }

// list pushes numbers to a list, and cuts it off now and then.
type list struct {
	marks ledger
	key   string
}

// listKept is what is left of a list that is cut off, and listCut how often that is.
const (
	listKept = 50
	listCut  = 400
)

func (w *list) ledger() *ledger { return &w.marks }

func (w *list) work(c *testutil.Client, r *rand.Rand) error {
	for {
		err := w.marks.burst(c, 1+r.IntN(20), func(i int64) [][]string {
			calls := [][]string{{"RPUSH", w.key, fmt.Sprint(i)}}
			if i%listCut == 0 {
				calls = append(calls, []string{"LTRIM", w.key, fmt.Sprint(-listKept), "-1"})
			}
			return calls
		}, func(_ int64, got []testutil.Value) bool {
			return got[0].Kind == ':' && (len(got) == 1 || got[1].Str == "OK")
		})
		if err != nil {
			return err
		}
	}
}

// count wants the numbers to stand one behind the other.
func (w *list) count(c *testutil.Client, _ tally) (int64, error) {
	v, err := c.Do("LRANGE", w.key, "0", "-1")
	if err != nil || len(v.Elems) == 0 {
		return 0, err
	}
	for i, e := range v.Strings() {
		if i > 0 && e != fmt.Sprint(1+atoi(v.Elems[i-1].Str)) {
			return 0, fmt.Errorf("%s has %s behind %s", w.key, e, v.Elems[i-1].Str)
		}
	}
	if first := atoi(v.Elems[0].Str); first > 1 && (len(v.Elems) < listKept || len(v.Elems) > listKept+listCut) {
		return 0, fmt.Errorf("%s has %d elements from %d on", w.key, len(v.Elems), first)
	}
	return atoi(v.Elems[len(v.Elems)-1].Str), nil
}

func atoi(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// block counts up keys of all types in one transaction, or in one script, and moves an amount between accounts that all blocks share.
type block struct {
	marks ledger
	name  string
}

// accounts are the keys whose sum stays.
const accounts = 8

func account(i int) string { return fmt.Sprint("account:", i) }

func (w *block) ledger() *ledger { return &w.marks }

func (w *block) key(kind string) string { return kind + ":" + w.name }

func (w *block) work(c *testutil.Client, r *rand.Rand) error {
	for {
		from, to, amount := account(r.IntN(accounts)), account(r.IntN(accounts)), fmt.Sprint(r.IntN(100))
		call := func(i int64) [][]string {
			calls := append(w.calls(i), []string{"DECRBY", from, amount}, []string{"INCRBY", to, amount})
			if i%3 == 0 {
				return slices.Concat([][]string{{"MULTI"}}, calls, [][]string{{"EXEC"}})
			}
			return [][]string{script(calls, i%3 == 1)}
		}
		err := w.marks.burst(c, 1+r.IntN(4), call, func(i int64, got []testutil.Value) bool {
			last := got[len(got)-1]
			return len(last.Elems) == len(w.calls(i))+2 && last.Elems[0].Int == i && !slices.ContainsFunc(last.Elems, testutil.Value.IsError)
		})
		if err != nil {
			return err
		}
	}
}

// calls gives those that bring all keys to i.
func (w *block) calls(i int64) [][]string {
	n := fmt.Sprint(i)
	return [][]string{
		{"INCR", w.key("string")}, {"HINCRBY", w.key("hash"), "f", "1"}, {"ZINCRBY", w.key("zset"), "1", "m"},
		{"LPUSH", w.key("list"), n}, {"LTRIM", w.key("list"), "0", "20"}, {"SETRANGE", w.key("range"), "0", fmt.Sprintf("%012d", i)},
		{"XADD", w.key("stream"), "MAXLEN", "10", n + "-1", "f", n}, {"SADD", w.key("set"), n}, {"SREM", w.key("set"), fmt.Sprint(i - 1)},
	}
}

// script gives a call of a script that makes calls, each with the number of its words before it. Their keys are declared or not.
func script(calls [][]string, declared bool) []string {
	const body = "local r,i={},1 while ARGV[i] do local n=tonumber(ARGV[i]) r[#r+1]=redis.call(unpack(ARGV,i+1,i+n)) i=i+n+1 end return r"
	var names, words []string
	for _, call := range calls {
		if declared {
			names = append(names, call[1])
		}
		words = append(append(words, fmt.Sprint(len(call))), call...)
	}
	return slices.Concat([]string{"EVAL", body, fmt.Sprint(len(names))}, names, words)
}

// count wants all keys to be as far as each other.
func (w *block) count(c *testutil.Client, _ tally) (int64, error) {
	var counts []string
	for _, argv := range [][]string{
		{"GET", w.key("string")}, {"HGET", w.key("hash"), "f"}, {"ZSCORE", w.key("zset"), "m"}, {"LINDEX", w.key("list"), "0"},
		{"GET", w.key("range")}, {"XREVRANGE", w.key("stream"), "+", "-", "COUNT", "1"}, {"SMEMBERS", w.key("set")},
	} {
		v, err := c.Do(argv...)
		if err != nil {
			return 0, err
		}
		for len(v.Elems) == 1 || v.Kind == '*' && len(v.Elems) == 2 {
			v = v.Elems[len(v.Elems)-1]
		}
		counts = append(counts, strings.TrimLeft(v.Str, "0"))
	}
	if counts[5] == "f" {
		return 0, fmt.Errorf("a stream's entry was misread")
	}
	for _, n := range counts {
		if n != counts[0] {
			return 0, fmt.Errorf("a transaction is there in part: %q", counts)
		}
	}
	if counts[0] == "" {
		return 0, nil
	}
	return atoi(counts[0]), nil
}

// sum adds the accounts up.
func sum(c *testutil.Client) (total int64, err error) {
	for i := range accounts {
		n, err := number(c, "GET", account(i))
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// queue pushes numbers to a queue, from which another client moves them to a second one; it waits for them there.
type queue struct {
	marks ledger
	name  string
}

func (w *queue) ledger() *ledger { return &w.marks }

func (w *queue) work(c *testutil.Client, r *rand.Rand) error {
	for {
		err := w.marks.burst(c, 1+r.IntN(8), func(i int64) [][]string {
			return [][]string{{"LPUSH", "queue:" + w.name, fmt.Sprint(i)}}
		}, func(_ int64, got []testutil.Value) bool { return got[0].Kind == ':' })
		if err != nil {
			return err
		}
	}
}

// serve moves what is in the queue, and cuts off the second one.
func (w *queue) serve(c *testutil.Client) error {
	for {
		v, err := c.Do("BLMOVE", "queue:"+w.name, "done:"+w.name, "RIGHT", "LEFT", "0")
		if err != nil {
			return errBroken
		}
		n := atoi(v.Str)
		if n < 0 {
			return fmt.Errorf("BLMOVE is answered with %s", testutil.Format(v))
		}
		w.marks.see(n)
		if n%500 == 0 {
			if _, err := c.Do("LTRIM", "done:"+w.name, "0", "100"); err != nil {
				return errBroken
			}
		}
	}
}

// count wants all numbers to be in one of the two, each once.
func (w *queue) count(c *testutil.Client, _ tally) (int64, error) {
	waiting, err := c.Do("LRANGE", "queue:"+w.name, "0", "-1")
	if err != nil {
		return 0, err
	}
	done, err := c.Do("LRANGE", "done:"+w.name, "0", "-1")
	if err != nil {
		return 0, err
	}
	numbers := append(waiting.Strings(), done.Strings()...)
	for i, n := range numbers {
		if i > 0 && atoi(n) != atoi(numbers[i-1])-1 {
			return 0, fmt.Errorf("%s has %s behind %s", w.name, n, numbers[i-1])
		}
	}
	if len(numbers) == 0 {
		return 0, nil
	}
	return atoi(numbers[0]), nil
}
