// SPDX-License-Identifier: BSD-3-Clause

package meta

import (
	"fmt"
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
var groups = []string{"string", "bitmap", "hyperloglog", "geo", "hash", "list", "set", "sorted-set", "stream", "array", "generic", "transactions"}

// others are commands of other groups that belong into a workload.
var others = []string{"select", "echo", "ping"}

// left are commands of those groups that stay out: their replies depend on what a run is free to choose, or on all keys when
// there are several actors, or they would change the data by chance. Whole scans are compared in package compat, what waits has package
// waiting.
var left = []string{
	"keys", "randomkey", "scan", "object|freq", "object|idletime", "object|refcount", "object|encoding", "object|help", "hscan", "sscan", "zscan",
	"spop", "sort", "sort_ro", "dump", "restore", "restore-asking",
}

// unstable are commands of which only the kind of the reply is compared: chance is in it, or the encoding.
var unstable = []string{"HRANDFIELD", "SRANDMEMBER", "ZRANDMEMBER", "DUMP"}

// travels is, in place of a command's name, what makes a copy of a key by DUMP and RESTORE: the bytes are of the setup.
const travels = "DUMP, then RESTORE"

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
		waits := s.Flags.Has(command.Blocking) && s.Group != "stream" // whose BLOCK is left out
		if wanted && len(s.Children()) == 0 && !slices.Contains(left, name) && !s.Flags.Has(command.Admin) && !waits {
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
	alone bool   // there is no other actor
	heavy bool   // many values are large
	focus string // the group of most calls; "" for all
	last  int    // the time in the id of the entry that was added last
}

func newWriter(seed uint64, actor int, specs []*command.Spec, alone bool) *writer {
	w := &writer{
		alone: alone, heavy: seed%4 == 0,
		rnd: rand.New(rand.NewPCG(seed, uint64(actor))), calls: gen.New(seed*1000 + uint64(actor)), specs: specs,
		name: string(rune('a' + actor)),
	}
	w.focus = w.pick([]string{"", "hash", "list", "list", "set", "sorted-set", "sorted-set", "stream", "stream", "geo", "hyperloglog", "array"})
	w.calls.Make = w.word
	return w
}

// Numbers and texts that calls are made of. No string gets longer than proto-max-bulk-len, a megabyte in every run.
var pools = map[string][]string{
	"field":    {"f1", "f2", "f3", "f4", "f5", "f6", "7", "", "\x00\xff", strings.Repeat("f", 65)},
	"integer":  {"0", "1", "-1", "7", "100000", "9223372036854775807", "-9223372036854775808"},
	"double":   {"0", "1", "-1.5", "0.1", "1e3", "3.141592653589793238"},
	"offset":   {"0", "1", "5", "-1", "100", "-3", "31", "8191", "300000", "900000"},
	"count":    {"1", "2", "-1", "5", "-5", "0"},
	"element":  {"a", "b", "c", "d", "1", "2", "-3", "300", "", "70000", "5000000000", "01", "m1", "m7", "\x00\xff", strings.Repeat("m", 65), strings.Repeat("n", 3000)},
	"score":    {"0", "1", "2", "3", "-1", "1.5", "inf", "-inf", "7", "1e3", "0.1"},
	"bound":    {"-inf", "+inf", "0", "1", "(1", "(2", "3", "nan"},
	"text":     {"-", "+", "[a", "(a", "[c", "(m", "[m1", "a", ""},
	"database": {"0", "1", "2", "16"},
	"pattern":  {"*", "f*", "?1", "[^s]?", "\\*"},

	"longitude": {"0", "1", "1.5", "-1", "90", "179.9", "180", "-180", "-179.9", "200"},
	"latitude":  {"0", "1", "1.5", "-1", "45", "85", "-85"},
	"length":    {"0", "1", "100", "500", "10000", "30000000"},

	"index": {"0", "1", "2", "5", "9", "40", "100", "101", "4096", "70000", "18446744073709551614", "18446744073709551615", "-"},
	"size":  {"1", "2", "3", "10", "1000", "0"},

	"bounds":    {"-", "+", "-", "+", "1", "(1-1", "2", "(3-0", "5", "7-0", "(9", "20"},
	"unread":    {">", ">", ">", "0", "2", "$", "+"},
	"group":     {"g1", "g1", "g2"},
	"consumer":  {"c1", "c2", "c3"},
	"idle":      {"0", "0", "700", "3000"},
	"threshold": {"0", "1", "3", "10", "100", "5-0", "9"},
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
		return w.key(s), true
	case s.Group == "stream":
		return w.streamWord(s, a)
	case s.Group == "array" && slices.Contains([]string{"index", "start", "end"}, a.Name):
		return w.pick(pools["index"]), true
	case s.Group == "array" && slices.Contains([]string{"size", "count", "limit"}, a.Name):
		return w.pick(pools["size"]), true
	case a.Name == "longitude", a.Name == "latitude":
		return w.pick(pools[a.Name]), true
	case a.Name == "radius", a.Name == "width", a.Name == "height":
		return w.pick(pools["length"]), true
	case a.Name == "seconds":
		return strconv.Itoa(w.rnd.IntN(8)), true
	case a.Name == "milliseconds":
		return strconv.Itoa(w.rnd.IntN(5000)), true
	case a.Type == command.TypeUnixTime && strings.Contains(a.Name, "milli"):
		return strconv.FormatInt(start.UnixMilli()+int64(w.rnd.IntN(40_000)), 10), true
	case a.Type == command.TypeUnixTime:
		return strconv.FormatInt(start.Unix()+int64(w.rnd.IntN(40)), 10), true
	case s.Group == "sorted-set" && slices.Contains([]string{"min", "max", "start", "stop"}, a.Name):
		return w.bound(s.FullName()), true
	case a.Name == "weight": // none that makes -0 of 0, which packed sorted sets do not have
		return w.pick([]string{"1", "2", "0.5"}), true
	case a.Name == "score", a.Name == "increment" && s.Group == "sorted-set":
		return w.pick(pools["score"]), true
	case a.Type == command.TypeDouble:
		return w.pick(pools["double"]), true
	case a.Type == command.TypePattern:
		return w.pick(pools["pattern"]), true
	case slices.Contains([]string{"offset", "start", "end", "stop"}, a.Name), a.Name == "index" && s.Group == "list":
		return w.pick(pools["offset"]), true
	case slices.Contains([]string{"count", "len", "limit", "rank", "num-matches"}, a.Name):
		return w.pick(pools["count"]), true
	case strings.HasSuffix(a.Name, "db"), a.Name == "index":
		return w.pick(pools["database"]), true
	case strings.Contains(a.Name, "field"):
		return w.pick(pools["field"]), true
	case a.Name == "increment":
		return w.pick(append(pools["integer"], pools["double"]...)), true
	}
	return w.text(a)
}

// streamWord makes an argument of a command on streams.
func (w *writer) streamWord(s *command.Spec, a *command.Argument) (string, bool) {
	name := strings.ToLower(a.Name)
	entry := func() string {
		if w.rnd.IntN(4) == 0 { // by the time that XADD took
			return fmt.Sprintf("%d-%d", start.UnixMilli(), w.rnd.IntN(4))
		}
		return w.entry()
	}
	switch {
	case name == "id" && s.Name == "XADD":
		return w.newEntry(), true
	case name == "id" && strings.HasPrefix(s.Name, "XREAD"):
		return w.pick(pools["unread"]), true
	case name == "start", name == "end":
		return w.pick(pools["bounds"]), true
	case strings.HasSuffix(name, "id"), strings.HasSuffix(name, "-id"):
		return entry(), true
	case strings.HasPrefix(name, "group"):
		return w.pick(pools["group"]), true
	case strings.Contains(name, "consumer"):
		return w.pick(pools["consumer"]), true
	case strings.Contains(name, "idle"):
		return w.pick(pools["idle"]), true
	case name == "threshold":
		return w.pick(pools["threshold"]), true
	case strings.Contains(name, "field"):
		return w.pick(pools["field"]), true
	case a.Type == command.TypeInteger:
		return w.pick(pools["count"]), true
	}
	return w.text(a)
}

// newEntry gives an id that is mostly above all others, entry that of an entry that there may be.
func (w *writer) newEntry() string {
	w.last += w.rnd.IntN(3)
	return fmt.Sprintf("%d-*", w.last)
}

func (w *writer) entry() string {
	return fmt.Sprintf("%d-%d", max(0, w.last-w.rnd.IntN(20)), w.rnd.IntN(2))
}

// onStream makes a call of the kind that streams are mostly worked on with, so that others find entries and what is pending.
func (w *writer) onStream() []string {
	key, group := w.name+"x"+w.pick([]string{"1", "2"}), w.pick(pools["group"])
	switch w.rnd.IntN(8) {
	case 0:
		return []string{"XGROUP", "CREATE", key, group, w.pick([]string{"0", "$"}), "MKSTREAM"}
	case 1, 2:
		return []string{"XREADGROUP", "GROUP", group, w.pick(pools["consumer"]), "COUNT", w.pick([]string{"1", "3", "100"}), "STREAMS", key, ">"}
	case 3:
		return []string{"XACK", key, group, w.entry(), w.entry(), w.entry()}
	}
	return []string{"XADD", key, w.newEntry(), w.pick(pools["field"]), w.pick(values)}
}

// text makes a value, an element or a member, some of them large.
func (w *writer) text(a *command.Argument) (string, bool) {
	content := slices.Contains([]string{"value", "element", "member", "pivot"}, a.Name)
	switch {
	case content && (w.rnd.IntN(80) == 0 || w.heavy && w.rnd.IntN(3) == 0):
		return w.pick(large), true
	case content && a.Name != "value":
		return w.pick(pools["element"]), true
	case a.Type == command.TypeString && strings.Contains(a.Name, "value"):
		return w.pick(values), true
	}
	return "", false
}

// key makes the name of a key: mostly of one that the command's own type has, so that many calls find what they can work on.
func (w *writer) key(s *command.Spec) string {
	kinds := map[string]string{"list": "l", "set": "s", "sorted-set": "z", "geo": "g", "stream": "x", "hyperloglog": "p", "array": "r"}
	kind := kinds[s.Group]
	if s.Group == "generic" && w.rnd.IntN(2) == 0 {
		kind = kinds[w.focus]
	}
	if w.rnd.IntN(10) == 0 {
		kind = w.pick([]string{"l", "s", "z", "g", "x", "p", "r", ""})
	}
	return w.name + kind + w.pick([]string{"1", "2", "3", "4", "5", ""})
}

// bound makes one end of a range in a sorted set.
func (w *writer) bound(name string) string {
	switch {
	case strings.Contains(name, "lex"):
		return w.pick(pools["text"])
	case strings.Contains(name, "score"), name == "zcount":
		return w.pick(pools["bound"])
	case name != "zrange" && name != "zrangestore":
		return w.pick(pools["offset"])
	}
	return w.pick(pools[w.pick([]string{"text", "bound", "offset", "offset"})])
}

// call makes one call. Seven of eight are valid, the others nearly so, unless there are several actors: any word of a damaged
// call may be a key, which they would share. Some add very many elements.
func (w *writer) call() []string {
	s := w.specs[w.rnd.IntN(len(w.specs))]
	for w.focus != "" && s.Group != w.focus && w.rnd.IntN(4) > 0 {
		s = w.specs[w.rnd.IntN(len(w.specs))]
	}
	if w.alone && w.rnd.IntN(8) == 0 && s.Group != "sorted-set" { // see the weights
		return withoutBlock(w.calls.Nearly(s))
	}
	call := w.calls.Valid(s)
	switch {
	case s.Group == "stream" && w.rnd.IntN(2) == 0:
		call = w.onStream()
	case w.rnd.IntN(40) == 0:
		call = []string{travels, w.key(s), w.key(s)}
	case w.rnd.IntN(6) == 0:
		return w.bundle()
	}
	name := s.FullName()
	if slices.Contains([]string{"lpush", "rpush", "sadd", "zadd", "arinsert"}, name) && w.rnd.IntN(12) == 0 {
		call = call[:2]
		for range 1 + w.rnd.IntN(500) {
			if name == "zadd" {
				call = append(call, strconv.Itoa(w.rnd.IntN(100)))
			}
			call = append(call, "m"+strconv.Itoa(w.rnd.IntN(1000)))
		}
	}
	return w.sameScores(s, withoutBlock(call))
}

// withoutBlock takes BLOCK out of a call of XREAD or XREADGROUP, and what stands behind it.
func withoutBlock(call []string) []string {
	for i := 1; i < len(call); i++ {
		if strings.EqualFold(call[i], "BLOCK") && strings.HasPrefix(strings.ToUpper(call[0]), "XREAD") {
			call = slices.Delete(call, i, min(i+2, len(call)))
			i--
		}
	}
	return call
}

// sameScores keeps a sorted set in which all scores are the same, which only some calls of ZADD and those with ranges of texts name:
// elsewhere these ranges have no meaning.
func (w *writer) sameScores(s *command.Spec, call []string) []string {
	lex := strings.Contains(strings.ToUpper(strings.Join(call[:min(len(call), 12)], " ")), "LEX")
	switch {
	case s.Group != "sorted-set" || len(call) < 2:
	case lex:
		call[1] = w.name + "y"
		if s.FullName() == "zrangestore" && len(call) > 2 {
			call[2] = call[1]
		}
	case s.FullName() == "zadd" && w.rnd.IntN(4) == 0:
		call = []string{"ZADD", w.name + "y"}
		for range 1 + w.rnd.IntN(20) {
			call = append(call, "0", w.pick(pools["element"]))
		}
	}
	return call
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
