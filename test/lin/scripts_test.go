// SPDX-License-Identifier: BSD-3-Clause

package lin

import (
	"strconv"
	"testing"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/testutil"
)

// readAndSet reads keys and then sets them, each in the order of the arguments, as many seconds of work between as the last argument says.
// It uses the keys that it is told, whether or not they are declared.
const readAndSet = `
local n, read = (#ARGV - 1) / 2, {}
for i = 1, n do read[i] = redis.call('get', ARGV[i]) or '' end
local stop = os.clock() + ARGV[#ARGV]
repeat local x = #ARGV until os.clock() >= stop
for i = 1, n do redis.call('set', ARGV[i], ARGV[n + i]) end
return read`

// scripted draws a script that declares all of its keys, some, none or others, or an operation of other kinds.
func (c *client) scripted() operation {
	if c.rng.IntN(3) == 0 {
		return c.multi()
	}
	op := operation{kind: "EVAL", keys: c.some(1 + c.rng.IntN(keys))}
	for range op.keys {
		op.value = append(op.value, c.fresh())
	}
	return op
}

// runScripted runs an operation that scripted has drawn.
func (c *client) runScripted(op operation) outcome {
	if op.kind != "EVAL" {
		return c.run(op)
	}
	declared := c.some(c.rng.IntN(keys + 1))
	args := []string{"EVAL", readAndSet, strconv.Itoa(len(declared))}
	for _, k := range declared {
		args = append(args, keyName(k))
	}
	for _, k := range op.keys {
		args = append(args, keyName(k))
	}
	work := "0"
	if c.rng.IntN(20) == 0 { // so long that others get the loop meanwhile
		work = "0.008"
	}
	args = append(append(args, op.value...), work)
	if c.rng.IntN(8) == 0 { // the keys of an EXEC's scripts are not looked at: it has the world still
		return outcome{read: c.pipeline([]string{"MULTI"}, args, []string{"EXEC"})[2].Elems[0].Strings()}
	}
	return outcome{read: c.do(args...).Strings()}
}

// TestScriptsLinearizable: scripts are so as well, whatever keys they declare.
func TestScriptsLinearizable(t *testing.T) {
	inSetups(t, func(t *testing.T, o redpoll.Options) {
		o.Config = map[string]string{"busy-reply-threshold": "0"} // the machine may be a slow one
		target := start(t, o)
		judge(t, modelOf(step), history(t, target, 10, 200, (*client).scripted, (*client).runScripted))
		t.Log(undeclared(target.Dial(t)))
	})
}

// undeclared gives what INFO tells of scripts with undeclared keys.
func undeclared(c *testutil.Client) string {
	v, err := c.Do("INFO", "scriptstats")
	if err != nil {
		return err.Error()
	}
	return v.Str
}
