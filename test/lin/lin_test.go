// SPDX-License-Identifier: BSD-3-Clause

package lin

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

const (
	keys  = 4
	limit = 20 * time.Second // for judging a history, which mostly takes milliseconds
)

// state is the value of each key, "" without one.
type state [keys]string

// operation is what a client asked for: one command, or a transaction.
type operation struct {
	kind  string
	keys  []int
	value []string // new values of the keys
}

// outcome is what it got: the values read, or the reply's text.
type outcome struct {
	read []string
	text string
}

func keyName(i int) string { return "key:" + strconv.Itoa(i) }

// step is what an operation does when it runs alone; false when the outcome is none that it could have then.
func step(s state, op operation, out outcome) (bool, state) {
	reads := func() bool {
		for i, k := range op.keys {
			if s[k] != out.read[i] {
				return false
			}
		}
		return true
	}
	write := func() state {
		for i, k := range op.keys {
			s[k] = op.value[i]
		}
		return s
	}
	switch op.kind {
	case "GET", "MGET":
		return reads(), s
	case "SET", "MSET":
		return true, write()
	case "DEL":
		was := "0"
		if s[op.keys[0]] != "" {
			was = "1"
		}
		s[op.keys[0]] = ""
		return was == out.text, s
	case "INCR":
		n, _ := strconv.Atoi(s[op.keys[0]])
		s[op.keys[0]] = strconv.Itoa(n + 1)
		return out.text == s[op.keys[0]], s
	case "EXEC", "EVAL": // reads the keys and sets them
		ok := reads()
		return ok, write()
	case "CAS": // sets the keys if they are as they were read; may find no moment for it
		if out.text == "changed" {
			return true, s
		}
		ok := reads()
		return ok, write()
	}
	return false, s
}

// modelOf makes a model of a function such as step, for states of which the zero value is the first.
func modelOf[S any](step func(S, operation, outcome) (bool, S)) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return *new(S) },
		Step: func(s, in, out any) (bool, any) { return step(s.(S), in.(operation), out.(outcome)) },
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%+v -> %+v", in, out)
		},
	}
}

// client runs operations on a connection of its own.
type client struct {
	t    *testing.T
	conn *testutil.Client
	rng  *rand.Rand
	id   int
	next int            // for values that nobody else writes
	seen [keys][]string // ids of entries that it has read last
}

func (c *client) fresh() string {
	c.next++
	return strconv.Itoa(c.id*1_000_000 + c.next*1000)
}

// some gives n different keys, in any order.
func (c *client) some(n int) []int { return c.rng.Perm(keys)[:n] }

// single draws an operation on one key.
func (c *client) single() operation {
	op := operation{kind: []string{"GET", "GET", "SET", "INCR", "DEL"}[c.rng.IntN(5)], keys: c.some(1)}
	if op.kind == "SET" {
		op.value = []string{c.fresh()}
	}
	return op
}

// multi draws an operation on several keys, and sometimes on one.
func (c *client) multi() operation {
	kind := []string{"MGET", "MSET", "EXEC", "CAS", "CAS", "single"}[c.rng.IntN(6)]
	if kind == "single" {
		return c.single()
	}
	op := operation{kind: kind, keys: c.some(1 + c.rng.IntN(keys))}
	for range op.keys {
		op.value = append(op.value, c.fresh())
	}
	return op
}

// run runs an operation.
func (c *client) run(op operation) outcome {
	var names, pairs []string
	for i, k := range op.keys {
		names = append(names, keyName(k))
		if len(op.value) > 0 {
			pairs = append(pairs, keyName(k), op.value[i])
		}
	}
	mget, mset := append([]string{"MGET"}, names...), append([]string{"MSET"}, pairs...)
	switch op.kind {
	case "GET":
		return outcome{read: []string{c.do("GET", names[0]).Str}}
	case "SET":
		return outcome{text: c.do("SET", pairs[0], pairs[1]).Str}
	case "DEL", "INCR":
		return outcome{text: strconv.FormatInt(c.do(op.kind, names[0]).Int, 10)}
	case "MGET":
		return outcome{read: c.do(mget...).Strings()}
	case "MSET":
		return outcome{text: c.do(mset...).Str}
	case "EXEC":
		replies := c.pipeline([]string{"MULTI"}, mget, mset, []string{"EXEC"})
		return outcome{read: replies[3].Elems[0].Strings()}
	}
	watch := append([]string{"WATCH"}, names...)
	read := c.pipeline(watch, mget)[1].Strings()
	result := c.pipeline([]string{"MULTI"}, mset, []string{"EXEC"})[2]
	if result.Null {
		return outcome{text: "changed"}
	}
	return outcome{read: read}
}

func (c *client) do(args ...string) testutil.Value { return c.pipeline(args)[0] }

func (c *client) pipeline(cmds ...[]string) (values []testutil.Value) {
	replies, err := c.conn.Pipeline(cmds...)
	if err != nil {
		c.t.Error(err)
	}
	for _, r := range replies {
		if r.Value.IsError() {
			c.t.Errorf("%q: %s", cmds, r.Value.Str)
		}
		values = append(values, r.Value)
	}
	for len(values) < len(cmds) {
		values = append(values, testutil.Value{Null: true})
	}
	return values
}

// start starts a server for the length of the test.
func start(t *testing.T, o redpoll.Options) *testutil.Target {
	t.Helper()
	before := runtime.GOMAXPROCS(o.Loops + 1) // as the server's binary does
	server, err := redpoll.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		runtime.GOMAXPROCS(before)
	})
	return &testutil.Target{Name: "redpoll", Network: "tcp", Addr: server.Addr(), Redpoll: true}
}

// history has clients draw and run operations at the same time, each as many as rounds says.
func history(t *testing.T, target *testutil.Target, clients, rounds int, draw func(*client) operation,
	run func(*client, operation) outcome) (ops []porcupine.Operation) {
	t.Helper()
	begin := time.Now()
	var group sync.WaitGroup
	parts := make([][]porcupine.Operation, clients)
	for id := range clients {
		c := &client{t: t, conn: target.Dial(t), rng: rand.New(rand.NewPCG(uint64(id), 1)), id: id + 1}
		group.Go(func() {
			for range rounds {
				op := draw(c)
				call := time.Since(begin)
				out := run(c, op)
				parts[id] = append(parts[id], porcupine.Operation{
					ClientId: id, Input: op, Call: int64(call), Output: out, Return: int64(time.Since(begin)),
				})
				if t.Failed() {
					return
				}
			}
		})
	}
	group.Wait()
	return slices.Concat(parts...)
}

// judge fails the test when a history cannot be explained.
func judge(t *testing.T, m porcupine.Model, ops []porcupine.Operation) {
	t.Helper()
	counts := map[string]int{}
	for _, op := range ops {
		kind := op.Input.(operation).kind
		if out := op.Output.(outcome).text; out == "changed" || out == "nil" || out == refused {
			kind += " " + out
		}
		counts[kind]++
	}
	t.Logf("%d operations: %v", len(ops), counts)
	if t.Failed() {
		return
	}
	result, _ := porcupine.CheckOperationsVerbose(m, ops, limit)
	if result != porcupine.Ok {
		t.Errorf("the history is not linearizable: %v", result)
	}
}

// setups are as many workers as a small machine has cores, and more than it has; all keys in one shard, and shards that several
// commands need at once.
func setups() []redpoll.Options {
	return []redpoll.Options{{Loops: 2, Shards: 1}, {Loops: 2, Shards: 4}, {Loops: 8, Shards: 1}, {Loops: 8, Shards: 64}}
}

// inSetups runs a test for each of the setups.
func inSetups(t *testing.T, test func(t *testing.T, o redpoll.Options)) {
	for _, o := range setups() {
		t.Run(fmt.Sprintf("%d loops, %d shards", o.Loops, o.Shards), func(t *testing.T) { test(t, o) })
	}
}

// asRedis runs a test against redis-server, whose the model is, and against servers of all setups.
func asRedis(t *testing.T, test func(t *testing.T, target *testutil.Target)) {
	t.Run("redis-server", func(t *testing.T) { test(t, testutil.Oracle(t)) })
	inSetups(t, func(t *testing.T, o redpoll.Options) { test(t, start(t, o)) })
}

func TestLinearizable(t *testing.T) {
	inSetups(t, func(t *testing.T, o redpoll.Options) {
		t.Run("one key", func(t *testing.T) {
			m := modelOf(step)
			m.Partition = func(history []porcupine.Operation) [][]porcupine.Operation {
				parts := make([][]porcupine.Operation, keys)
				for _, op := range history {
					k := op.Input.(operation).keys[0]
					parts[k] = append(parts[k], op)
				}
				return parts
			}
			judge(t, m, history(t, start(t, o), 10, 300, (*client).single, (*client).run))
		})
		t.Run("several keys", func(t *testing.T) {
			judge(t, modelOf(step), history(t, start(t, o), 10, 200, (*client).multi, (*client).run))
		})
	})
}

// TestJudge: histories that no order of their operations explains are found out.
func TestJudge(t *testing.T) {
	one := func(client int, call, end int64, kind, value string, out outcome) porcupine.Operation {
		op := operation{kind: kind, keys: []int{0}, value: []string{value}}
		return porcupine.Operation{ClientId: client, Input: op, Call: call, Output: out, Return: end}
	}
	group := func(client int, call, end int64, consumer string, out outcome) porcupine.Operation {
		op := operation{kind: "XREADGROUP", keys: []int{0}, value: []string{consumer, "5"}}
		return porcupine.Operation{ClientId: client, Input: op, Call: call, Output: out, Return: end}
	}
	set := operation{kind: "MSET", keys: []int{0, 1}, value: []string{"1", "1"}}
	for what, h := range map[string]struct {
		model porcupine.Model
		ops   []porcupine.Operation
	}{
		"half an MSET was seen": {modelOf(step), []porcupine.Operation{
			{ClientId: 0, Input: set, Call: 0, Output: outcome{}, Return: 10},
			{ClientId: 1, Input: operation{kind: "MGET", keys: []int{0, 1}}, Call: 5, Output: outcome{read: []string{"1", ""}}, Return: 15},
		}},
		"what a killed script had written was seen": {modelOf(stepDoomed), []porcupine.Operation{
			one(0, 0, 20, "endless", "1", outcome{text: refused}),
			one(1, 5, 10, "GET", "", outcome{read: []string{"1"}}),
		}},
		"an element was given to two": {modelOf(stepQueues), []porcupine.Operation{
			one(0, 0, 20, "BLPOP", "", outcome{read: []string{keyName(0), "1"}}),
			one(1, 0, 20, "LPOP", "", outcome{text: "1"}),
			one(2, 5, 10, "RPUSH", "1", outcome{text: "1"}),
		}},
		"a client gave up while there was an element": {modelOf(stepQueues), []porcupine.Operation{
			one(0, 0, 5, "RPUSH", "1", outcome{text: "1"}),
			one(1, 6, 20, "BLPOP", "", outcome{text: "nil"}),
		}},
		"an entry was given to two consumers": {modelOf(stepStreams), []porcupine.Operation{
			one(0, 0, 5, "XADD", "7", outcome{text: "1-1"}),
			group(0, 6, 20, "c1", outcome{read: []string{"1-1=7"}}),
			group(1, 6, 20, "c2", outcome{read: []string{"1-1=7"}}),
		}},
		"an entry that was added is not given": {modelOf(stepStreams), []porcupine.Operation{
			one(0, 0, 5, "XADD", "7", outcome{text: "1-1"}),
			group(1, 6, 20, "c2", outcome{}),
		}},
		"the larger member was popped as the smallest": {modelOf(stepRanked), []porcupine.Operation{
			one(0, 0, 5, "ZADD", "1", outcome{text: "1"}),
			one(0, 6, 7, "ZADD", "0", outcome{text: "1"}),
			one(1, 8, 20, "BZPOPMIN", "", outcome{read: []string{keyName(0), "1"}}),
		}},
	} {
		if result, _ := porcupine.CheckOperationsVerbose(h.model, h.ops, limit); result != porcupine.Illegal {
			t.Errorf("%s, and it is %v", what, result)
		}
	}
}
