// SPDX-License-Identifier: BSD-3-Clause

package meta

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/testutil"
)

// A bundle is several calls that are made as one. It makes no difference whether by a transaction or by a script, and whether that
// declares its keys.

// bundled is, in place of a command's name, what makes a step a bundle: behind it stand the calls, each with the number of its words before it.
const bundled = "as one"

// A bundling is how bundles are made.
type bundling uint8

const (
	byTransaction bundling = iota
	byScript
	byScriptOfSomeKeys // of which only some are declared
	byScriptOfNoKeys
)

// caller is the script that makes a bundle's calls. Each of its results is in a table of its own, so that it may be nil.
const caller = `local r, i = {}, 1
while ARGV[i] do
	local n = tonumber(ARGV[i])
	r[#r+1] = {redis.pcall(unpack(ARGV, i+1, i+n))}
	i = i + n + 1
end
return r`

// bundle makes one of calls that mean the same in transactions and in scripts: they do not choose a database, and their syntax is right.
func (w *writer) bundle() []string {
	step := []string{bundled}
	for range 1 + w.rnd.IntN(5) {
		s := w.specs[w.rnd.IntN(len(w.specs))]
		for s.Group == "transactions" || s.Group == "connection" || w.focus != "" && s.Group != w.focus && w.rnd.IntN(4) > 0 {
			s = w.specs[w.rnd.IntN(len(w.specs))]
		}
		call := w.sameScores(s, withoutBlock(w.calls.Valid(s)))
		step = append(append(step, strconv.Itoa(len(call))), call...)
	}
	return step
}

// unbundle gives the calls of a bundle.
func unbundle(step []string) (calls [][]string) {
	for rest := step[1:]; len(rest) > 0; {
		n, err := strconv.Atoi(rest[0])
		if err != nil {
			panic(err)
		}
		calls = append(calls, rest[1:1+n])
		rest = rest[1+n:]
	}
	return calls
}

// doBundle makes the calls of a bundle. There is none within a transaction.
func (a *actor) doBundle(step []string) error {
	calls := unbundle(step)
	if a.multi {
		a.replies = append(a.replies, "")
		return nil
	}
	var send [][]string
	if a.setup.bundles == byTransaction {
		send = slices.Concat([][]string{{"UNWATCH"}, {"MULTI"}}, calls, [][]string{{"EXEC"}})
	} else {
		keys := keysOf(step)
		switch a.setup.bundles {
		case byScriptOfSomeKeys:
			keys = keys[:len(keys)/2]
		case byScriptOfNoKeys:
			keys = nil
		}
		send = [][]string{{"UNWATCH"}, slices.Concat([]string{"EVAL", caller, strconv.Itoa(len(keys))}, keys, step[1:])}
	}
	replies, err := a.conn.Pipeline(send...)
	if err != nil {
		return fmt.Errorf("after %.100q: %w", step, err)
	}
	results := replies[len(replies)-1].Value
	if len(results.Elems) != len(calls) {
		return fmt.Errorf("%.300q is answered with %.300s", step, testutil.Format(results))
	}
	var b strings.Builder
	for i, v := range results.Elems {
		if a.setup.bundles != byTransaction {
			v = v.Elems[0]
		}
		fmt.Fprintf(&b, "%s; ", canonical(calls[i], rounded(v)))
	}
	a.replies = append(a.replies, b.String())
	return nil
}

// keysOf gives those words of a bundle that may be keys: no others than an actor's keys begin with its name, which is one letter.
func keysOf(step []string) (keys []string) {
	for _, w := range step[1:] {
		if len(w) > 1 && len(w) < 4 && strings.Contains("lszgxpry12345", w[1:2]) && !slices.Contains(keys, w) {
			keys = append(keys, w)
		}
	}
	return keys
}

// rounded gives a reply without the digits of numbers that are too many for Lua's.
func rounded(v testutil.Value) testutil.Value {
	const digits = 15
	if v.Kind == ':' && len(v.Str) > digits {
		v.Str = "many"
	}
	v.Elems = slices.Clone(v.Elems)
	for i := range v.Elems {
		v.Elems[i] = rounded(v.Elems[i])
	}
	return v
}
