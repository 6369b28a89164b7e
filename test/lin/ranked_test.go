// SPDX-License-Identifier: BSD-3-Clause

package lin

import (
	"cmp"
	"slices"
	"strconv"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// score is the score that a member has wherever it is.
func score(member string) int {
	n, _ := strconv.Atoi(member)
	return n * 7919 % 10007
}

// byRank orders members as a sorted set does.
func byRank(a, b string) int { return cmp.Or(cmp.Compare(score(a), score(b)), cmp.Compare(a, b)) }

// stepRanked is what an operation on sorted sets does when it runs alone; the members of each key lie in their order.
func stepRanked(q queues, op operation, out outcome) (bool, queues) {
	k := op.keys[0]
	switch op.kind {
	case "ZADD":
		members := append(q.elements(k), op.value[0])
		slices.SortFunc(members, byRank)
		return out.text == "1", q.with(k, members)
	case "ZCARD":
		return out.text == strconv.Itoa(len(q.elements(k))), q
	case "ZRANGE":
		return slices.Equal(out.read, q.elements(k)), q
	case "DEL":
		was := strconv.Itoa(min(1, len(q.elements(k))))
		return out.text == was, q.with(k, nil)
	case "ZPOPMIN":
		got, rest := q.take(k, false)
		return out.text == got, rest
	case "BZPOPMIN":
		op.kind = "BLPOP"
	case "BZPOPMAX":
		op.kind = "BRPOP"
	case "BZMPOP":
		op.kind = "BLMPOP"
	default:
		return false, q
	}
	return popFirst(q, op, out)
}

// ranking draws an operation on sorted sets.
func (c *client) ranking() operation {
	op := operation{kind: []string{
		"ZADD", "ZADD", "ZADD", "ZCARD", "ZRANGE", "DEL", "ZPOPMIN", "BZPOPMIN", "BZPOPMIN", "BZPOPMAX", "BZMPOP",
	}[c.rng.IntN(11)], keys: c.some(1)}
	switch op.kind {
	case "ZADD":
		op.value = []string{c.fresh()}
	case "BZPOPMIN", "BZPOPMAX", "BZMPOP":
		op.keys = c.some(1 + c.rng.IntN(keys))
	}
	return op
}

// rank runs an operation on sorted sets.
func (c *client) rank(op operation) outcome {
	var names []string
	for _, k := range op.keys {
		names = append(names, keyName(k))
	}
	timeout := []string{"0.002", "0.02", "0.05"}[c.rng.IntN(3)]
	switch op.kind {
	case "ZADD":
		return single(c.do("ZADD", names[0], strconv.Itoa(score(op.value[0])), op.value[0]))
	case "ZRANGE":
		return outcome{read: c.do("ZRANGE", names[0], "0", "-1").Strings()}
	case "ZPOPMIN":
		v := c.do("ZPOPMIN", names[0])
		if len(v.Elems) == 0 {
			return outcome{text: "nil"}
		}
		c.scored(v)
		return outcome{text: v.Elems[0].Str}
	case "BZPOPMIN", "BZPOPMAX":
		v := c.do(slices.Concat([]string{op.kind}, names, []string{timeout})...)
		if !v.Null && len(v.Elems) == 3 {
			c.scored(testutil.Value{Elems: v.Elems[1:]})
		}
		return popped(v)
	case "BZMPOP":
		v := c.do(slices.Concat([]string{op.kind, timeout, strconv.Itoa(len(names))}, names, []string{"MIN", "COUNT", "2"})...)
		if !v.Null && len(v.Elems) == 2 {
			for _, e := range v.Elems[1].Elems {
				c.scored(e)
			}
		}
		return popped(v)
	}
	return single(c.do(op.kind, names[0]))
}

// scored wants the score of a member that was popped to be its own.
func (c *client) scored(pair testutil.Value) {
	if len(pair.Elems) != 2 || pair.Elems[1].Str != strconv.Itoa(score(pair.Elems[0].Str)) {
		c.t.Errorf("a member and its score: %q", pair.Strings())
	}
}

// TestSortedSetsLinearizable: clients that wait for members of sorted sets, and all who add, pop and look meanwhile.
func TestSortedSetsLinearizable(t *testing.T) {
	asRedis(t, func(t *testing.T, target *testutil.Target) {
		judge(t, modelOf(stepRanked), history(t, target, 10, 150, (*client).ranking, (*client).rank))
	})
}
