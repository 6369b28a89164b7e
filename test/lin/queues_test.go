// SPDX-License-Identifier: BSD-3-Clause

package lin

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// queues is the elements of each key, separated by blanks.
type queues [keys]string

func (q queues) elements(k int) []string { return strings.Fields(q[k]) }

func (q queues) with(k int, elements []string) queues {
	q[k] = strings.Join(elements, " ")
	return q
}

// take gives the first element, or the last, and the rest; "nil" when there is none.
func (q queues) take(k int, last bool) (string, queues) {
	list := q.elements(k)
	switch {
	case len(list) == 0:
		return "nil", q
	case last:
		return list[len(list)-1], q.with(k, list[:len(list)-1])
	}
	return list[0], q.with(k, list[1:])
}

// put adds an element before all others, or behind them.
func (q queues) put(k int, element string, last bool) queues {
	if last {
		return q.with(k, append(q.elements(k), element))
	}
	return q.with(k, slices.Concat([]string{element}, q.elements(k)))
}

// stepQueues is what an operation on lists does when it runs alone. What waits runs at the moment at which it finds an element, or,
// when it gives up, at one at which there was none: how long it waits, and in which order, is no matter of the model.
func stepQueues(q queues, op operation, out outcome) (bool, queues) {
	k := op.keys[0]
	length := func() string { return strconv.Itoa(len(q.elements(k))) }
	switch op.kind {
	case "LPUSH", "RPUSH":
		for _, v := range op.value {
			q = q.put(k, v, op.kind == "RPUSH")
		}
		return out.text == length(), q
	case "LLEN":
		return out.text == length(), q
	case "EXISTS", "DEL":
		was := strconv.Itoa(min(1, len(q.elements(k))))
		if op.kind == "DEL" {
			q[k] = ""
		}
		return out.text == was, q
	case "LRANGE":
		return slices.Equal(out.read, q.elements(k)), q
	case "LPOP", "RPOP":
		got, rest := q.take(k, op.kind == "RPOP")
		return out.text == got, rest
	case "BLPOP", "BRPOP", "BLMPOP":
		return popFirst(q, op, out)
	case "LMOVE", "BLMOVE":
		got, rest := q.take(k, op.value[0] == "RIGHT")
		if got != "nil" {
			rest = rest.put(op.keys[1], got, op.value[1] == "RIGHT")
		}
		return out.text == got, rest
	case "EXEC": // pushes to each of the keys, then a pop that does not wait
		for i, v := range op.value {
			q = q.put(op.keys[i], v, true)
			if out.read[i] != strconv.Itoa(len(q.elements(op.keys[i]))) {
				return false, q
			}
		}
		got, rest := q.take(k, false)
		return out.text == got, rest
	}
	return false, q
}

// popFirst pops from the first of the keys that has an element: one, or for BLMPOP two if there are.
func popFirst(q queues, op operation, out outcome) (bool, queues) {
	at := slices.IndexFunc(op.keys, func(k int) bool { return q[k] != "" })
	if at < 0 {
		return out.text == "nil", q
	}
	k := op.keys[at]
	want := []string{keyName(k)}
	n := 1
	if op.kind == "BLMPOP" {
		n = min(2, len(q.elements(k)))
	}
	for range n {
		var got string
		got, q = q.take(k, op.kind == "BRPOP")
		want = append(want, got)
	}
	return slices.Equal(out.read, want), q
}

// queueing draws an operation on lists. About as much is popped as is pushed, so that queues are short and clients wait.
func (c *client) queueing() operation {
	kind := []string{
		"LPUSH", "RPUSH", "EXEC", "EXEC", "LPOP", "RPOP", "LMOVE", "LLEN", "EXISTS", "LRANGE", "DEL",
		"BLPOP", "BLPOP", "BRPOP", "BLMPOP", "BLMOVE", "BLMOVE", "BLMOVE",
	}[c.rng.IntN(18)]
	op := operation{kind: kind}
	ends := []string{"LEFT", "RIGHT"}
	switch kind {
	case "LPUSH", "RPUSH":
		op.keys = c.some(1)
		for range 1 + c.rng.IntN(2) {
			op.value = append(op.value, c.fresh())
		}
	case "EXEC":
		op.keys = c.some(2)
		op.value = []string{c.fresh(), c.fresh()}
	case "BLPOP", "BRPOP", "BLMPOP":
		op.keys = c.some(1 + c.rng.IntN(2))
	case "LMOVE", "BLMOVE":
		op.keys = []int{c.rng.IntN(keys), c.rng.IntN(keys)}
		op.value = []string{ends[c.rng.IntN(2)], ends[c.rng.IntN(2)]}
	default:
		op.keys = c.some(1)
	}
	return op
}

// queue runs an operation on lists.
func (c *client) queue(op operation) outcome {
	var names []string
	for _, k := range op.keys {
		names = append(names, keyName(k))
	}
	timeout := []string{"0.002", "0.02", "0.05"}[c.rng.IntN(3)]
	switch op.kind {
	case "LPUSH", "RPUSH":
		return single(c.do(slices.Concat([]string{op.kind}, names, op.value)...))
	case "LRANGE":
		return outcome{read: c.do("LRANGE", names[0], "0", "-1").Strings()}
	case "LMOVE":
		return single(c.do("LMOVE", names[0], names[1], op.value[0], op.value[1]))
	case "BLMOVE":
		return single(c.do("BLMOVE", names[0], names[1], op.value[0], op.value[1], timeout))
	case "BLPOP", "BRPOP":
		return popped(c.do(slices.Concat([]string{op.kind}, names, []string{timeout})...))
	case "BLMPOP":
		return popped(c.do(slices.Concat([]string{op.kind, timeout, strconv.Itoa(len(names))}, names, []string{"LEFT", "COUNT", "2"})...))
	case "EXEC":
		cmds := [][]string{{"MULTI"}}
		for i, name := range names {
			cmds = append(cmds, []string{"RPUSH", name, op.value[i]})
		}
		cmds = append(cmds, []string{"BLMOVE", names[0], "none", "LEFT", "LEFT", "0"}, []string{"DEL", "none"}, []string{"EXEC"})
		replies := c.pipeline(cmds...)
		results := replies[len(replies)-1].Strings()
		if len(results) != len(names)+2 {
			return outcome{}
		}
		return outcome{read: results[:len(names)], text: results[len(names)]}
	}
	return single(c.do(op.kind, names[0]))
}

// single is the outcome of a command that replies with one thing.
func single(v testutil.Value) outcome {
	if v.Null {
		return outcome{text: "nil"}
	}
	return outcome{text: v.Str}
}

// popped is the outcome of a command that replies with a key and an element, or an array of elements.
func popped(v testutil.Value) outcome {
	if v.Null || len(v.Elems) < 2 {
		return outcome{text: "nil"}
	}
	out := outcome{read: []string{v.Elems[0].Str}}
	if v.Elems[1].Elems == nil {
		out.read = append(out.read, v.Elems[1].Str)
	}
	for _, e := range v.Elems[1].Elems {
		if e.Elems != nil { // a member with its score
			e = e.Elems[0]
		}
		out.read = append(out.read, e.Str)
	}
	return out
}

// TestQueuesLinearizable: waiting clients, and all who push, pop and look meanwhile.
func TestQueuesLinearizable(t *testing.T) {
	asRedis(t, func(t *testing.T, target *testutil.Target) {
		judge(t, modelOf(stepQueues), history(t, target, 10, 150, (*client).queueing, (*client).queue))
	})
}
