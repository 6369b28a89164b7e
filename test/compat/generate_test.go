// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/testutil"
)

var (
	firstRun = flag.Uint64("compat.seed", 1, "the seed of the first run; 0 takes a random one")
	mostRuns = flag.Int("compat.runs", fewRuns(), "how many runs there are of each test with random calls")
	budget   = flag.Duration("compat.time", 0, "if not 0, how long runs are begun, be they as many as they may")
)

// fewRuns is how many runs there are if nothing else is asked for: the debug build has the more, since it sees all that the other one sees.
func fewRuns() int {
	if invariants.Enabled {
		return 40
	}
	return 10
}

// seeds gives the seeds of the runs. How many there are depends on how fast the machine is only if a time is given.
func seeds(t *testing.T) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		seed := *firstRun
		if seed == 0 {
			seed = rand.Uint64() >> 32
		}
		runs := 0
		for end := time.Now().Add(*budget); *budget > 0 && time.Now().Before(end) || *budget == 0 && runs < *mostRuns; runs++ {
			if !yield(seed) {
				return
			}
			seed++
		}
		t.Logf("%d runs, the last with seed %d", runs, seed-1)
	}
}

// callsPerRun is short enough to shrink quickly and long enough for states to build up.
const callsPerRun = 300

// TestGenerated sends random calls to both servers and compares the replies, and at the end of each run the keys. The syntax
// comes from COMMAND DOCS, in turn the oracle's and Redpoll's own, so that neither can hide an option from the test.
func TestGenerated(t *testing.T) {
	d := &duel{oracle: testutil.Oracle(t, "--hz", "500"), subject: subject(t)} // it ends the waiting of clients hz times a second
	specs := [][]*command.Spec{readSyntax(t, d.oracle), readSyntax(t, d.subject)}
	for seed := range seeds(t) {
		g := newGenerator(seed, specs[seed/2%2])
		d.proto = g.proto
		calls := make([][]string, callsPerRun)
		for i := range calls {
			calls[i] = g.call()
		}
		if diff := d.run(t, calls); diff != "" {
			report(t, d, seed, calls)
		}
	}
}

// report shrinks the calls that show a difference and fails the test. A difference that does not show again is the clock's.
func report(t *testing.T, d *duel, seed uint64, calls [][]string) {
	t.Helper()
	again := func(calls [][]string) bool { return d.run(t, calls) != "" }
	if !again(calls) && !again(calls) && !again(calls) {
		t.Logf("seed %d: a difference that did not show again", seed)
		return
	}
	calls = shrinkScripts(shrink(calls, again), again)
	var lines []string
	for _, c := range calls {
		lines = append(lines, "> "+testutil.Quote(c))
	}
	t.Fatalf("-compat.seed=%d (RESP%d), shrunk to %d calls:\n%s\n%s", seed, d.proto, len(calls), strings.Join(lines, "\n"), d.run(t, calls))
}

// shrink drops calls, many at a time and then fewer, as long as bad holds for the rest.
func shrink(calls [][]string, bad func([][]string) bool) [][]string {
	for n := len(calls) / 2; n > 0; n /= 2 {
		for at := 0; at < len(calls); {
			rest := slices.Concat(calls[:at], calls[min(at+n, len(calls)):])
			if bad(rest) {
				calls = rest
			} else {
				at += n
			}
		}
	}
	return calls
}

// A duel is a pair of servers that get the same calls.
type duel struct {
	oracle, subject *testutil.Target
	proto           int
}

// run empties both servers, sends the calls and describes the first difference; "" when there is none.
func (d *duel) run(t *testing.T, calls [][]string) string {
	t.Helper()
	want, err := converse(d.oracle, d.proto, calls)
	if err != nil {
		t.Fatalf("%s: %v", d.oracle.Name, err)
	}
	got, err := converse(d.subject, d.proto, calls)
	if err != nil {
		return fmt.Sprintf("%s: %v", d.subject.Name, err)
	}
	var queued [][]string
	for i, call := range calls {
		if !sameReply(call, queued, want.replies[i], got.replies[i]) {
			return fmt.Sprintf("%s\n%s: %s\n%s: %s", testutil.Quote(call), d.oracle.Name, testutil.Format(want.replies[i]),
				d.subject.Name, testutil.Format(got.replies[i]))
		}
		queued = nextQueue(queued, call, want.replies[i])
	}
	return compareKeys(d, want.keys, got.keys)
}

// nextQueue follows what EXEC will reply to.
func nextQueue(queued [][]string, call []string, reply testutil.Value) [][]string {
	if reply.Kind == '+' && reply.Str == "QUEUED" {
		return append(queued, call)
	}
	name := strings.ToUpper(call[0])
	if (name == "EXEC" || name == "DISCARD") && len(call) == 1 || strings.HasPrefix(reply.Str, "EXECABORT") {
		return nil
	}
	return queued
}

func sameReply(call []string, queued [][]string, want, got testutil.Value) bool {
	if !strings.EqualFold(call[0], "EXEC") || want.Kind != '*' || len(want.Elems) != len(queued) || len(got.Elems) != len(queued) {
		return sameResult(call, want, got)
	}
	for i, q := range queued {
		if !sameResult(q, want.Elems[i], got.Elems[i]) {
			return false
		}
	}
	return true
}

// sameResult compares the replies to a call that was run.
func sameResult(call []string, want, got testutil.Value) bool {
	if inner := outOfScript(call); len(inner) < len(call) {
		call, want, got = inner, sortedMaps(want), sortedMaps(got)
	}
	if strings.HasPrefix(strings.ToUpper(call[0]), "EVAL") { // of commands of all kinds
		want, got = sortedMaps(unsigned(want)), sortedMaps(unsigned(got))
	}
	switch name := strings.ToUpper(call[0]); {
	case strings.HasPrefix(name, "Z") || strings.HasPrefix(name, "BZ"):
		want, got = unsigned(want), unsigned(got)
	case name == "XINFO":
		want, got = sameInfo(want), sameInfo(got)
	case name == "XPENDING":
		want, got = timeless(want), timeless(got)
	case strings.HasPrefix(want.Str, "ERR Unbalanced") && strings.HasPrefix(got.Str, "ERR Unbalanced"):
		return true // newer versions name the command and the IDs that it takes
	}
	return same(ruleFor(call), want, got)
}

// sortedMaps gives a reply with its maps in an order: those that have been tables of Lua's have none.
func sortedMaps(v testutil.Value) testutil.Value {
	v.Elems = slices.Clone(v.Elems)
	for i := range v.Elems {
		v.Elems[i] = sortedMaps(v.Elems[i])
	}
	switch v.Kind {
	case '%':
		return v.Sorted(2)
	case '~':
		return v.Sorted(1)
	}
	return v
}

// An outcome is all that a server shows of a run.
type outcome struct {
	replies []testutil.Value
	keys    map[string]keyState // by "database key"
}

// A keyState is what can be read of a key.
type keyState struct {
	kind, encoding, value string
	ttl                   int64 // ms; -1 for none
}

// databases are those that the pools of the generator reach.
const databases = 3

func converse(target *testutil.Target, proto int, calls [][]string) (outcome, error) {
	out := outcome{keys: map[string]keyState{}}
	c, err := testutil.Connect(target.Network, target.Addr)
	if err != nil {
		return out, err
	}
	defer c.Close()
	if _, err := c.Pipeline([]string{"FLUSHALL"}, []string{"FUNCTION", "FLUSH"}, []string{"HELLO", strconv.Itoa(proto)}); err != nil {
		return out, err
	}
	for chunk := range slices.Chunk(calls, 20) { // pipelines of several commands, short enough for every socket's buffer
		replies, err := c.Pipeline(chunk...)
		if err != nil {
			return out, fmt.Errorf("after %s: %w", testutil.Quote(chunk[min(len(replies), len(chunk)-1)]), err)
		}
		for _, r := range replies {
			out.replies = append(out.replies, r.Value)
		}
	}
	return out, readKeys(target, out.keys)
}

// readKeys reads every key of the databases in use over a connection of its own.
func readKeys(target *testutil.Target, keys map[string]keyState) error {
	c, err := testutil.Connect(target.Network, target.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for db := range databases {
		replies, err := c.Pipeline([]string{"SELECT", strconv.Itoa(db)}, []string{"KEYS", "*"})
		if err != nil {
			return err
		}
		for _, key := range replies[1].Value.Strings() {
			state, err := readKey(c, key)
			if err != nil {
				return err
			}
			keys[fmt.Sprintf("%d %q", db, key)] = state
		}
	}
	return nil
}

func readKey(c *testutil.Client, key string) (keyState, error) {
	replies, err := c.Pipeline([]string{"TYPE", key}, []string{"OBJECT", "ENCODING", key}, []string{"PTTL", key})
	if err != nil {
		return keyState{}, err
	}
	s := keyState{kind: replies[0].Value.Str, encoding: replies[1].Value.Str, ttl: replies[2].Value.Int}
	read := map[string][]string{
		"string": {"GET", key}, "hash": {"HGETALL", key}, "list": {"LRANGE", key, "0", "-1"}, "set": {"SMEMBERS", key},
		"zset": {"ZRANGE", key, "0", "-1", "WITHSCORES"}, "stream": {"XINFO", "STREAM", key, "FULL", "COUNT", "0"},
	}[s.kind]
	if read == nil {
		return s, fmt.Errorf("key %q is of type %s", key, s.kind)
	}
	v, err := c.Do(read...)
	switch {
	case s.kind == "set":
		v = v.Sorted(1)
	case s.kind == "zset":
		v = unsigned(v)
	case s.kind == "stream":
		v = sameInfo(v)
	case s.encoding == "hashtable":
		v = v.Sorted(2)
	}
	s.value = testutil.Format(v)
	return s, err
}

func compareKeys(d *duel, want, got map[string]keyState) string {
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			return fmt.Sprintf("at the end: key %s is missing on %s", key, d.subject.Name)
		}
		near := w.ttl == g.ttl || w.ttl > 0 && g.ttl > 0 && max(w.ttl-g.ttl, g.ttl-w.ttl) <= apart.Milliseconds()
		if w.kind != g.kind || !sameEncoding(w.encoding, g.encoding) || w.value != g.value || !near {
			return fmt.Sprintf("at the end: key %s\n%s: %+v\n%s: %+v", key, d.oracle.Name, w, d.subject.Name, g)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("at the end: key %s should not be on %s", key, d.subject.Name)
		}
	}
	return ""
}

// TestShrink drops what does not matter.
func TestShrink(t *testing.T) {
	var calls [][]string
	for i := range 100 {
		calls = append(calls, []string{strconv.Itoa(i)})
	}
	has := func(calls [][]string, n string) bool {
		return slices.ContainsFunc(calls, func(c []string) bool { return c[0] == n })
	}
	got := shrink(calls, func(calls [][]string) bool { return has(calls, "17") && has(calls, "80") })
	if len(got) != 2 || got[0][0] != "17" || got[1][0] != "80" {
		t.Errorf("shrunk to %v", got)
	}
}
