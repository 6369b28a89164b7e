// SPDX-License-Identifier: BSD-3-Clause

package meta

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/server"
)

// A step is what one of a workload's actors does, or, with no call, that time passes for all of them.
type step struct {
	actor   int
	call    []string
	advance time.Duration
}

// start is the time at which every run begins.
var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// groups are those whose commands work on data, or choose what is worked on.
var groups = []string{"string", "bitmap", "hash", "set", "sorted-set", "generic", "transactions"}

// others are commands of other groups that belong into a workload.
var others = []string{"select", "echo", "ping"}

// left are commands of those groups that stay out: their replies depend on what a run is free to choose, or on all keys when
// there are several actors, or chance decides what is left of the data, or they wait. Whole scans are compared in package compat.
var left = []string{"keys", "randomkey", "scan", "object|freq", "object|idletime", "object|refcount", "object|encoding", "object|help", "hscan", "sscan",
	"zscan", "spop", "bzmpop", "bzpopmax", "bzpopmin"}

// unstable are commands of which only the kind of the reply is compared: chance is in it.
var unstable = []string{"HRANDFIELD", "SRANDMEMBER", "ZRANDMEMBER"}

// unordered tells commands whose replies have no order, and in groups of how many elements they come.
var unordered = map[string]int{"HGETALL": 2, "HKEYS": 1, "HVALS": 1, "SMEMBERS": 1, "SINTER": 1, "SUNION": 1, "SDIFF": 1}

// specs gives the records that calls are made of.
func specs(t *testing.T) (list []*command.Spec) {
	t.Helper()
	r, err := command.NewRegistry(server.Families()...)
	if err != nil {
		t.Fatal(err)
	}
	for s := range r.All() {
		name := s.FullName()
		wanted := slices.Contains(groups, s.Group) || slices.Contains(others, name)
		if wanted && len(s.Children()) == 0 && !slices.Contains(left, name) && !s.Flags.Has(command.Admin) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *command.Spec) int { return strings.Compare(a.FullName(), b.FullName()) })
	return list
}

// A writer makes the calls of one actor: its keys begin with its name, so that actors do not meet.
type writer struct {
	rnd   *rand.Rand
	calls *gen.Generator
	specs []*command.Spec
	name  string
	alone bool // there is no other actor
	heavy bool // many values are large
}

func newWriter(seed uint64, actor int, specs []*command.Spec, alone bool) *writer {
	w := &writer{
		alone: alone, heavy: seed%4 == 0,
		rnd: rand.New(rand.NewPCG(seed, uint64(actor))), calls: gen.New(seed*1000 + uint64(actor)), specs: specs,
		name: string(rune('a' + actor)),
	}
	w.calls.Make = w.word
	return w
}

// Numbers and texts that calls are made of. No string gets longer than proto-max-bulk-len, a megabyte in every run.
var pools = map[string][]string{
	"field":    {"f1", "f2", "f3", "f4", "f5", "f6", "7", "", "\x00\xff", strings.Repeat("f", 65)},
	"integer":  {"0", "1", "-1", "7", "100000", "9223372036854775807", "-9223372036854775808"},
	"double":   {"0", "1", "-1.5", "0.1", "1e3", "3.141592653589793238"},
	"bound":    {"0", "1", "5", "-1", "100", "-3", "(1", "-inf", "+inf", "-", "+", "[a", "(m", "0", "-1"},
	"member":   {"m1", "m2", "m3", "m4", "m5", "m6", "7", "1000", "", "\x00\xff", strings.Repeat("m", 65), strings.Repeat("n", 3000)},
	"offset":   {"0", "1", "5", "-1", "100", "-3", "31", "8191", "300000", "900000"},
	"count":    {"1", "2", "-1", "5", "-5", "0"},
	"database": {"0", "1", "2", "16"},
	"pattern":  {"*", "f*", "?1", "[^s]?", "\\*"},
}

var values = []string{
	"", "v", "abc", "0", "12", "100000", "3.5", "9223372036854775807", "\r\n\x00\xfe", strings.Repeat("x", 44), strings.Repeat("x", 45),
	strings.Repeat("y", 64), strings.Repeat("y", 65), strings.Repeat("z", 300), "ohmytext", "mynewtext",
}

// large are values that make the whole large: few, since they cost time.
var large = []string{strings.Repeat("L", 9_000), strings.Repeat("M", 40_000), strings.Repeat("N", 140_000)}

func (w *writer) pick(words []string) string { return words[w.rnd.IntN(len(words))] }

// word makes an argument from its type and name.
func (w *writer) word(s *command.Spec, a *command.Argument) (string, bool) {
	switch {
	case a.Type == command.TypeKey:
		return w.name + w.pick([]string{"1", "2", "3", "4", "5", ""}), true
	case a.Name == "seconds":
		return strconv.Itoa(w.rnd.IntN(8)), true
	case a.Name == "milliseconds":
		return strconv.Itoa(w.rnd.IntN(5000)), true
	case a.Type == command.TypeUnixTime && strings.Contains(a.Name, "milli"):
		return strconv.FormatInt(start.UnixMilli()+int64(w.rnd.IntN(40_000)), 10), true
	case a.Type == command.TypeUnixTime:
		return strconv.FormatInt(start.Unix()+int64(w.rnd.IntN(40)), 10), true
	case a.Name == "weight": // none that makes -0 of 0, which packed sorted sets do not have
		return w.pick([]string{"1", "2", "0.5"}), true
	case s.Group == "sorted-set" && slices.Contains([]string{"min", "max", "start", "stop"}, a.Name):
		return w.pick(pools["bound"]), true
	case a.Name == "member":
		return w.pick(pools["member"]), true
	case a.Type == command.TypeDouble:
		return w.pick(pools["double"]), true
	case a.Type == command.TypePattern:
		return w.pick(pools["pattern"]), true
	case slices.Contains([]string{"offset", "start", "end"}, a.Name):
		return w.pick(pools["offset"]), true
	case a.Name == "count", a.Name == "len":
		return w.pick(pools["count"]), true
	case strings.HasSuffix(a.Name, "db"), a.Name == "index":
		return w.pick(pools["database"]), true
	case strings.Contains(a.Name, "field"):
		return w.pick(pools["field"]), true
	case a.Name == "increment":
		return w.pick(append(pools["integer"], pools["double"]...)), true
	case a.Name == "value" && (w.rnd.IntN(40) == 0 || w.heavy && w.rnd.IntN(3) == 0):
		return w.pick(large), true
	case a.Type == command.TypeString && strings.Contains(a.Name, "value"):
		return w.pick(values), true
	}
	return "", false
}

// call makes one call. Seven of eight are valid, the others nearly so, unless there are several actors: any word of a damaged
// call may be a key, which they would share.
func (w *writer) call() []string {
	s := w.specs[w.rnd.IntN(len(w.specs))]
	if w.alone && w.rnd.IntN(8) == 0 && s.Group != "sorted-set" { // see the weights
		return w.calls.Nearly(s)
	}
	return w.calls.Valid(s)
}

// workload makes the steps of a run by so many actors.
func workload(seed uint64, specs []*command.Spec, actors, steps int) (list []step) {
	rnd := rand.New(rand.NewPCG(seed, 77))
	writers := make([]*writer, actors)
	for i := range writers {
		writers[i] = newWriter(seed, i, specs, actors == 1)
	}
	for range steps {
		if rnd.IntN(25) == 0 {
			list = append(list, step{advance: time.Duration(1+rnd.IntN(2000)) * time.Millisecond})
			continue
		}
		actor := rnd.IntN(actors)
		list = append(list, step{actor: actor, call: writers[actor].call()})
	}
	return list
}
