// SPDX-License-Identifier: BSD-3-Clause

package lin

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// chase sets a key whose name depends on what is in another one.
const chase = `
local at = redis.call('get', ARGV[1]) or ''
local k = math.floor((tonumber(at) or 0) / 1000) % 4
local was = redis.call('get', 'key:'..k) or ''
redis.call('set', 'key:'..k, ARGV[2])
return {at, tostring(k), was}`

// empties is how a script ends that removes all keys and then sets its own once more; emptiesInVain how one does that is killed.
const (
	empties = `
redis.call('flushall')
for i = 1, n do redis.call('set', ARGV[i], ARGV[n + i]) end
return read`
	emptiesInVain = `
redis.call('swapdb', 0, 1)
redis.call('set', ARGV[1], 'nobody sees that')
redis.call('flushall')
redis.call('set', ARGV[1], 'nor that')
while true do end`
)

// refused is the outcome of an operation that another one's script was in the way of, or that was killed: it has done nothing.
const refused = "refused"

// stepDoomed is what an operation does when it runs alone.
func stepDoomed(s state, op operation, out outcome) (bool, state) {
	switch {
	case out.text == refused:
		return true, s
	case op.kind == "endless":
		return false, s
	case op.kind == "raises": // its writes stay
		op.kind = "MSET"
	case op.kind == "empties":
		op.kind = "EVAL"
		ok, written := step(s, op, out)
		for k := range written {
			if !slices.Contains(op.keys, k) {
				written[k] = ""
			}
		}
		return ok, written
	case op.kind == "chase":
		n, _ := strconv.Atoi(s[op.keys[0]])
		k := n / 1000 % keys
		want := []string{s[op.keys[0]], strconv.Itoa(k), s[k]}
		s[k] = op.value[0]
		return slices.Equal(out.read, want), s
	}
	return step(s, op, out)
}

// doomed draws a script, which now and then ends with an error or not at all, or a single command.
func (c *client) doomed() operation {
	kind := []string{"EVAL", "EVAL", "EVAL", "raises", "chase", "chase", "MGET", "MSET", "INCR", "endless", "empties"}[c.rng.IntN(11)]
	n := 1
	if kind != "chase" && kind != "INCR" {
		n += c.rng.IntN(keys)
	}
	op := operation{kind: kind, keys: c.some(n)}
	for range op.keys {
		op.value = append(op.value, c.fresh())
	}
	return op
}

// runDoomed runs an operation that doomed has drawn.
func (c *client) runDoomed(op operation) outcome {
	var names, pairs []string
	for i, k := range op.keys {
		names = append(names, keyName(k))
		pairs = append(pairs, keyName(k), op.value[i])
	}
	switch op.kind {
	case "MGET":
		return c.attempt(append([]string{"MGET"}, names...))
	case "MSET":
		return c.attempt(append([]string{"MSET"}, pairs...))
	case "INCR":
		return c.attempt([]string{"INCR", names[0]})
	case "chase":
		return c.attempt([]string{"EVAL", chase, "0", names[0], op.value[0]})
	}
	end := map[string]string{"EVAL": "return read", "raises": "error('RAISED')", "endless": "while true do end", "empties": empties}[op.kind]
	if op.kind == "endless" && c.rng.IntN(3) == 0 {
		end = emptiesInVain
	}
	body := strings.Replace(readAndSet, "return read", end, 1)
	declared := c.rng.IntN(len(names) + 1)
	return c.attempt(slices.Concat([]string{"EVAL", body, strconv.Itoa(declared)}, names[:declared], names, op.value, []string{"200"}))
}

// attempt sends a command, which another one's script may be in the way of.
func (c *client) attempt(args []string) outcome {
	v, err := c.conn.Do(args...)
	switch {
	case err != nil:
		c.t.Error(err)
	case strings.HasPrefix(v.Str, "BUSY ") || strings.Contains(v.Str, "killed by user"):
		return outcome{text: refused}
	case v.IsError() && !strings.Contains(v.Str, "RAISED"):
		c.t.Errorf("%q: %s", args, v.Str)
	}
	return outcome{text: v.Str, read: v.Strings()}
}

// TestKilledScriptsLinearizable: scripts without an end have written before they are killed, and nobody sees anything of it.
func TestKilledScriptsLinearizable(t *testing.T) {
	inSetups(t, func(t *testing.T, o redpoll.Options) {
		o.Config = map[string]string{"busy-reply-threshold": "5"}
		target := start(t, o)
		stop := killer(t, target)
		ops := history(t, target, 10, 40, (*client).doomed, (*client).runDoomed)
		if killed := stop(); killed == 0 {
			t.Error("no script has been killed")
		}
		judge(t, modelOf(stepDoomed), ops)
	})
}

// killer kills slow scripts until it is stopped, and tells how often there were some.
func killer(t *testing.T, target *testutil.Target) (stop func() int) {
	c := target.Dial(t)
	over, ended := make(chan struct{}), make(chan int)
	go func() {
		killed := 0
		for {
			select {
			case <-over:
				ended <- killed
				return
			default:
			}
			switch v, err := c.Do("SCRIPT", "KILL"); {
			case err != nil:
				t.Error(err)
			case v.Str == "OK":
				killed++
			}
		}
	}()
	return func() int {
		close(over)
		return <-ended
	}
}
