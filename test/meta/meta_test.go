// SPDX-License-Identifier: BSD-3-Clause

package meta

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

var (
	firstRun = flag.Uint64("meta.seed", 1, "the seed of the first workload; 0 takes a random one")
	mostRuns = flag.Int("meta.runs", 10, "how many workloads there are")
	budget   = flag.Duration("meta.time", 0, "if not 0, how long workloads are begun, be they as many as they may")
)

// stepsPerRun is short enough to shrink quickly and long enough for states to build up.
const stepsPerRun = 400

// A setup is what must make no difference.
type setup struct {
	shards, loops int
	big           int // bytes from which values get heaps of their own; 0: the default
	config        map[string]string
	proto         int
	pipeline      int // commands that are sent before their replies are read, at most
	log           logging
	bundles       bundling
	disturbed     bool // it saves, or rewrites its log, again and again while it works
}

// A logging says how a server logs what changes, and is started anew from that when all has been run.
type logging uint8

const (
	notLogged logging = iota
	logged
	rewrittenAsSnapshot
	rewrittenAsCommands
)

// plain is the setup that others are held against: everything in one shard on one loop, one command at a time.
var plain = setup{shards: 1, loops: 1, proto: 2, pipeline: 1}

func randomSetup(rnd *rand.Rand) setup {
	pick := func(n ...int) int { return n[rnd.IntN(len(n))] }
	return setup{
		shards: pick(1, 2, 64, 1024), loops: pick(1, 2, 5), proto: pick(2, 3), pipeline: pick(1, 7, 60),
		big: pick(0, 64, 600, 10_000), log: logging(pick(0, 1, 2, 3)),
		bundles: bundling(pick(0, 1, 2, 3)), disturbed: pick(0, 1, 2) == 0,
		config: map[string]string{
			"hash-max-listpack-entries": strconv.Itoa(pick(1, 3, 128, 10_000)),
			"hash-max-listpack-value":   strconv.Itoa(pick(1, 64, 5_000)),
			"list-max-listpack-size":    strconv.Itoa(pick(-5, -2, -1, 1, 3, 128)),
			"zset-max-listpack-entries": strconv.Itoa(pick(0, 3, 128, 10_000)),
			"zset-max-listpack-value":   strconv.Itoa(pick(1, 64, 5_000)),
			"set-max-intset-entries":    strconv.Itoa(pick(0, 2, 512)),
			"set-max-listpack-entries":  strconv.Itoa(pick(1, 3, 128, 10_000)),
			"set-max-listpack-value":    strconv.Itoa(pick(1, 64, 5_000)),
			"maxmemory":                 strconv.Itoa(pick(0, 4<<30)),
			"maxmemory-policy":          []string{"noeviction", "allkeys-lru", "volatile-lfu"}[rnd.IntN(3)],
		},
	}
}

// TestMetamorphic runs random workloads under a plain setup and random other ones: all end in the same digest.
func TestMetamorphic(t *testing.T) {
	specs := specs(t)
	seed := *firstRun
	if seed == 0 {
		seed = rand.Uint64() >> 32
	}
	runs, begun := 0, time.Now()
	for ; *budget > 0 && time.Since(begun) < *budget || *budget == 0 && runs < *mostRuns; runs++ {
		rnd := rand.New(rand.NewPCG(seed, 5))
		steps := workload(seed, specs, 1+rnd.IntN(4), stepsPerRun)
		want := run(t, plain, steps)
		for range 3 {
			other := randomSetup(rnd)
			if got := run(t, other, steps); got.digest(other) != want.digest(other) {
				report(t, seed, other, steps)
			}
		}
		seed++
	}
	t.Logf("%d workloads of %d steps under 4 setups each, the last with seed %d", runs, stepsPerRun, seed-1)
}

// report shrinks the steps that show a difference and fails the test.
func report(t *testing.T, seed uint64, other setup, steps []step) {
	t.Helper()
	differ := func(steps []step) bool {
		return run(t, plain, steps).digest(other) != run(t, other, steps).digest(other)
	}
	if !differ(steps) {
		t.Fatalf("-meta.seed=%d under %+v: a difference that does not show again", seed, other)
	}
	for n := len(steps) / 2; n > 0; n /= 2 {
		for at := 0; at < len(steps); {
			if rest := slices.Concat(steps[:at], steps[min(at+n, len(steps)):]); differ(rest) {
				steps = rest
			} else {
				at += n
			}
		}
	}
	var lines []string
	for _, s := range steps {
		line := fmt.Sprintf("advance %v", s.advance)
		if s.call != nil {
			line = fmt.Sprintf("%d> %.300s", s.actor, testutil.Quote(s.call))
		}
		lines = append(lines, line)
	}
	a, b := run(t, plain, steps), run(t, other, steps)
	t.Fatalf("-meta.seed=%d under %+v, shrunk to %d steps:\n%s\n%s", seed, other, len(steps), strings.Join(lines, "\n"), a.difference(b))
}

// An outcome is all that a run shows: each actor's replies, and the data at the end.
type outcome struct {
	replies [][]string
	data    string
}

// What a log does not have: when consumers were seen and active, and how often they have read again what is pending; and what a base of
// commands does not have: what a stream's producers have done so far, and, as in Redis, what is pending of entries that are deleted.
var (
	times      = regexp.MustCompile(`"(seen|active)-time" "-?[0-9]+" `)
	deliveries = regexp.MustCompile(`(\["[0-9]+-[0-9]+" ("[^"]*" )?)"[0-9]+" "[0-9]+" \]`)
	counts     = regexp.MustCompile(`"iids-(added|duplicates)" "[0-9]+" |"pel-count" "[0-9]+" `)
	pending    = regexp.MustCompile(`\["([0-9]+-[0-9]+)" ("[^"]*" )?\] `)
)

// withoutDeleted takes what is pending of deleted entries out of a description of the data, whose deliveries are gone already.
func withoutDeleted(data string) string {
	lines := strings.SplitAfter(data, "\n")
	for i, line := range lines {
		start, end := strings.Index(line, `"entries" [`), strings.Index(line, `"groups" [`)
		if start < 0 || end < start {
			continue
		}
		lines[i] = line[:end] + pending.ReplaceAllStringFunc(line[end:], func(item string) string {
			if id := pending.FindStringSubmatch(item)[1]; strings.Contains(line[start:end], `["`+id+`" `) {
				return item
			}
			return ""
		})
	}
	return strings.Join(lines, "")
}

// digest stands for all of the outcome that a setup keeps.
func (o outcome) digest(s setup) string {
	data := o.data
	if s.log != notLogged {
		data = deliveries.ReplaceAllString(times.ReplaceAllString(data, ""), "$1]")
	}
	if s.log == rewrittenAsCommands {
		data = withoutDeleted(counts.ReplaceAllString(data, ""))
	}
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q %q", o.replies, data)))
}

// difference describes the first thing in which two outcomes differ.
func (o outcome) difference(other outcome) string {
	for actor := range o.replies {
		for i, want := range o.replies[actor] {
			if got := other.replies[actor][i]; got != want {
				return fmt.Sprintf("actor %d, call %d: %.500s\nand %.500s", actor, i, want, got)
			}
		}
	}
	return fmt.Sprintf("data: %s\nand %s", o.data, other.data)
}

// run runs steps under a setup.
func run(t *testing.T, s setup, steps []step) outcome {
	t.Helper()
	clock := redpoll.NewClock(start)
	config := map[string]string{"dir": t.TempDir(), "enable-debug-command": "yes", "proto-max-bulk-len": "1mb", "rdb-version": "15"}
	for name, value := range s.config {
		config[name] = value
	}
	if s.log != notLogged {
		config["appendonly"], config["appendfsync"] = "yes", "no"
		config["aof-use-rdb-preamble"] = map[bool]string{true: "no", false: "yes"}[s.log == rewrittenAsCommands]
	}
	options := redpoll.Options{Config: config, Clock: clock, Shards: s.shards, Loops: s.loops, BigValues: s.big}
	server := begin(t, options)
	defer func() { server.Close() }()
	actors := make([]*actor, 1)
	for _, step := range steps {
		for step.actor >= len(actors) {
			actors = append(actors, nil)
		}
	}
	saver := dial(t, server)
	defer func() { saver.Close() }()
	for i := range actors {
		actors[i] = &actor{setup: s, conn: dial(t, server)}
		actors[i].conn.Must(t, "HELLO", strconv.Itoa(s.proto))
	}
	for len(steps) > 0 {
		n := slices.IndexFunc(steps, func(s step) bool { return s.call == nil })
		if n < 0 {
			n = len(steps)
		}
		together(t, actors, steps[:n])
		if n < len(steps) {
			clock.Advance(steps[n].advance)
			n++
			if s.disturbed {
				disturb(t, saver, s.log)
			}
		}
		steps = steps[n:]
	}
	o := outcome{}
	for _, a := range actors {
		o.replies = append(o.replies, a.replies)
	}
	for _, a := range actors {
		a.conn.Close()
	}
	if s.log != notLogged {
		if s.log != logged {
			rewrite(t, dial(t, server))
		}
		server.Close()
		server = begin(t, options)
	}
	o.data = data(t, dial(t, server))
	return o
}

func begin(t *testing.T, o redpoll.Options) *redpoll.Server {
	t.Helper()
	server, err := redpoll.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// rewrite has the append-only files rewritten, and waits until that is done.
func rewrite(t *testing.T, c *testutil.Client) {
	t.Helper()
	defer c.Close()
	idle := func() bool {
		info := c.Must(t, "INFO", "persistence").Str
		return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "rdb_bgsave_in_progress:0")
	}
	testutil.Poll(t, testutil.Patience, idle)
	c.Must(t, "BGREWRITEAOF")
	testutil.Poll(t, testutil.Patience, idle)
}

// disturb has a server save or rewrite its log, if it does not do so already, and does not wait for it.
func disturb(t *testing.T, c *testutil.Client, log logging) {
	t.Helper()
	what := "BGSAVE"
	if log != notLogged {
		what = "BGREWRITEAOF"
	}
	if v, err := c.Do(what); err != nil || v.IsError() && !strings.Contains(v.Str, "already in progress") {
		t.Fatalf("%s: %s, %v", what, v.Str, err)
	}
}

// data gives all that a server has: a digest, and what that leaves out, the groups of streams.
func data(t *testing.T, c *testutil.Client) string {
	t.Helper()
	defer c.Close()
	var b strings.Builder
	b.WriteString(c.Must(t, "DEBUG", "DIGEST").Str)
	for db := range 3 { // as many as workloads reach
		c.Must(t, "SELECT", strconv.Itoa(db))
		keys := c.Must(t, "KEYS", "*").Strings()
		slices.Sort(keys)
		for _, key := range keys {
			if c.Must(t, "TYPE", key).Str == "stream" {
				fmt.Fprintf(&b, "\n%d %q ", db, key)
				flatten(&b, c.Must(t, "XINFO", "STREAM", key, "FULL", "COUNT", "0"))
			}
		}
	}
	return b.String()
}

func dial(t *testing.T, server *redpoll.Server) *testutil.Client {
	t.Helper()
	c, err := testutil.Connect("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An actor is a client with its part of the steps.
type actor struct {
	setup   setup
	conn    *testutil.Client
	replies []string
	multi   bool       // within MULTI
	queued  [][]string // there
}

// together has all actors do their parts of the steps at the same time.
func together(t *testing.T, actors []*actor, steps []step) {
	t.Helper()
	var group sync.WaitGroup
	for i, a := range actors {
		var calls [][]string
		for _, s := range steps {
			if s.actor == i {
				calls = append(calls, s.call)
			}
		}
		group.Go(func() {
			if err := a.do(calls); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// maxSent bounds the bytes of a pipeline: what is sent and what comes back must fit the sockets' buffers.
const maxSent = 100_000

func (a *actor) do(calls [][]string) error {
	for len(calls) > 0 {
		var err error
		switch calls[0][0] {
		case travels:
			err = a.travel(calls[0][1], calls[0][2])
		case bundled:
			err = a.doBundle(calls[0])
		}
		if err != nil {
			return err
		}
		if special(calls[0]) {
			calls = calls[1:]
			continue
		}
		n, size := 0, 0
		for n < len(calls) && !special(calls[n]) && n < a.setup.pipeline && (n == 0 || size < maxSent) {
			for _, word := range calls[n] {
				size += len(word)
			}
			n++
		}
		replies, err := a.conn.Pipeline(calls[:n]...)
		if err != nil {
			return fmt.Errorf("after %.100q: %w", calls[min(len(replies), n-1)], err)
		}
		for i, r := range replies {
			a.replies = append(a.replies, a.reply(calls[i], r.Value))
		}
		calls = calls[n:]
	}
	return nil
}

// special tells of what is no call of a command.
func special(call []string) bool { return call[0] == travels || call[0] == bundled }

// travel has a value go out and come in again under another name.
func (a *actor) travel(from, to string) error {
	dump := []string{"DUMP", from}
	v, err := a.conn.Do(dump...)
	if err != nil {
		return err
	}
	a.replies = append(a.replies, a.reply(dump, v))
	if v.Kind != '$' || v.Null { // none, or within MULTI
		a.replies = append(a.replies, "")
		return nil
	}
	restore := []string{"RESTORE", to, "0", v.Str, "REPLACE"}
	if v, err = a.conn.Do(restore...); err != nil {
		return err
	}
	a.replies = append(a.replies, a.reply(restore, v))
	return nil
}

// reply gives a reply's text as it is whatever the setup, and follows what EXEC will reply to.
func (a *actor) reply(call []string, v testutil.Value) string {
	name := strings.ToUpper(call[0])
	switch {
	case name == "MULTI" && v.Str == "OK":
		a.multi = true
	case (name == "EXEC" || name == "DISCARD") && !strings.HasPrefix(v.Str, "ERR "):
		a.multi = false
	}
	switch {
	case v.Kind == '+' && v.Str == "QUEUED":
		a.queued = append(a.queued, call)
	case name == "EXEC" && v.Kind == '*' && !v.Null && len(v.Elems) == len(a.queued):
		var b strings.Builder
		for i, e := range v.Elems {
			fmt.Fprintf(&b, "%s; ", canonical(a.queued[i], e))
		}
		a.queued = nil
		return b.String()
	case (name == "EXEC" || name == "DISCARD") && len(call) == 1:
		a.queued = nil
	}
	return canonical(call, v)
}

// canonical gives a reply's text without what may differ.
func canonical(call []string, v testutil.Value) string {
	name := strings.ToUpper(call[0])
	if v.IsError() {
		return "error " + v.Str
	}
	if slices.Contains(unstable, name) {
		return "some"
	}
	if n := unordered[name]; n > 0 {
		v = v.Sorted(n)
	}
	var b strings.Builder
	flatten(&b, v)
	if name[0] == 'Z' || name[0] == 'X' { // RESP3 has pairs in arrays of their own, and streams in maps
		return strings.NewReplacer("[", "", "]", "", " ", "").Replace(b.String())
	}
	return b.String()
}

// flatten writes a value the same way for both protocols: a map as its keys and values in turn, a number as its text.
func flatten(b *strings.Builder, v testutil.Value) {
	switch {
	case v.Null:
		b.WriteString("nil")
	case v.Elems != nil || strings.IndexByte("*%~>", v.Kind) >= 0:
		b.WriteByte('[')
		for _, e := range v.Elems {
			flatten(b, e)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%q", v.Str)
	}
}

// TestDifferenceIsFound: a digest does tell workloads apart that do not do the same.
func TestDifferenceIsFound(t *testing.T) {
	one := []step{{call: []string{"SET", "a", "1"}}, {call: []string{"GET", "a"}}}
	two := []step{{call: []string{"SET", "a", "2"}}, {call: []string{"GET", "a"}}}
	a, b := run(t, plain, one), run(t, plain, two)
	if a.digest(plain) == b.digest(plain) || a.data == b.data || !strings.Contains(a.difference(b), "call 1") {
		t.Errorf("%q and %q are told to be alike", a, b)
	}
}
