// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/invariants"
	"github.com/redpoll/redpoll/internal/testutil"
)

// hostileGroups are those whose commands TestHostile calls.
var hostileGroups = []string{"list", "set", "sorted-set"}

// Words that stand where numbers are wanted.
var (
	hostileIntegers = []string{
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "4294967295",
		"4294967296", "-4294967297", "2147483647", "2147483648", "-2147483649", "0", "-1", "1", "2", "1.5", "", " ", "abc", "+1", "-0", "01",
		"1e3", "nan", "inf", "0x10", " 1", "1 ", "-", strings.Repeat("9", 300),
	}
	hostileDoubles = []string{
		"nan", "-nan", "inf", "-inf", "+inf", "infinity", "1e308", "1e309", "-1e309", "1.7976931348623157e308", "5e-324", "", " ", "abc", "1,5",
		"0x1p3", " 1", "1 ", "(1", "((1", "(inf", "(-inf", "(nan", "(", "[a", "(a", "+", "-", "++", "1e", ".", ".5", "5.", "0", "-0", "1", "2",
		strings.Repeat("9", 400),
	}
	hostileTimes = []string{ // what is too long says so in newer versions only
		"-1", "-0.001", "nan", "-inf", "", "abc", "-9223372036854775808", "0.001", " 1", "1e-10", "1 ", "0x1", "(1",
	}
)

// hostileState are the commands that make the keys which hostile calls are about: each type packed and not, scores without an end.
var hostileState = [][]string{
	{"RPUSH", "l1", "a", "b", "c", "1", "2", "3"}, {"RPUSH", "l2", strings.Repeat("e", 9000), "a", "1"},
	{"SADD", "m1", "a", "b", "c"}, {"SADD", "m2", "1", "2", "300"}, {"SADD", "m3", strings.Repeat("m", 70), "a"},
	{"ZADD", "z1", "1", "a", "2", "b", "3", "c"}, {"ZADD", "z2", "1", strings.Repeat("m", 70), "2", "a"}, {"ZADD", "z3", "inf", "a", "-inf", "b"},
	{"SET", "s1", "text"}, {"HSET", "h1", "f1", "v"},
}

// hostileWord makes an argument of which hardly any is right.
func hostileWord(rnd *rand.Rand, s *command.Spec, a *command.Argument) (string, bool) {
	own := map[string][]string{"list": {"l1", "l2"}, "set": {"m1", "m2", "m3"}, "sorted-set": {"z1", "z2", "z3"}}[s.Group]
	pick := func(words []string) (string, bool) { return words[rnd.IntN(len(words))], true }
	switch {
	case a.Type == command.TypeKey && (rnd.IntN(6) > 0 || s.FullName()[0] == 'b'): // there, not to be waited for
		return pick(own)
	case a.Type == command.TypeKey:
		return pick([]string{"l1", "m1", "z1", "s1", "h1", "none"})
	case a.Name == "timeout":
		return pick(hostileTimes)
	case a.Name == "count" && strings.Contains(s.FullName(), "rand"): // as many elements as are asked for
		return pick([]string{"9223372036854775807", "-9223372036854775808", "9223372036854775808", "4294967296", "-1", "0", "abc", "", "1.5", "-3"})
	case a.Type == command.TypeInteger && a.Name != "cursor" && a.Name != "increment":
		return pick(hostileIntegers)
	case a.Name == "cursor":
		return pick([]string{"0", "abc", "-1", "", "18446744073709551616", "1.5"})
	case slices.Contains([]string{"score", "weight", "increment", "min", "max", "start", "stop"}, a.Name):
		return pick(hostileDoubles)
	}
	return pick([]string{"a", "b", "c", "1", "", strings.Repeat("m", 70)})
}

// hostileCount replaces the number of keys of some calls that have one, and has those with ranges of texts look where that has a meaning.
func hostileCount(rnd *rand.Rand, s *command.Spec, call []string) []string {
	at := slices.IndexFunc(s.Arguments(), func(a *command.Argument) bool { return a.Name == "numkeys" }) + 1
	if at > 0 && at < len(call) && rnd.IntN(3) == 0 {
		call[at] = hostileIntegers[rnd.IntN(len(hostileIntegers))]
	}
	if strings.Contains(strings.ToUpper(strings.Join(call, " ")), "LEX") {
		for i, w := range call {
			if w == "z2" || w == "z3" {
				call[i] = "z1"
			}
		}
	}
	return call
}

// hostileCall makes a call of a command; ok is false of one to which newer versions reply otherwise.
func hostileCall(rnd *rand.Rand, s *command.Spec) (call []string, ok bool) {
	g := gen.New(rnd.Uint64())
	g.Make = func(s *command.Spec, arg *command.Argument) (string, bool) { return hostileWord(rnd, s, arg) }
	call = g.Valid(s)
	if rnd.IntN(4) == 0 && s.FullName()[0] != 'b' && !slices.Contains(checkedOtherwise, s.FullName()) {
		call = g.Nearly(s)
	}
	call = hostileCount(rnd, s, call)
	return call, !newer(call)
}

// TestHostile: numbers out of range, without a meaning or without an end, huge counts and wrong types get the reply that redis-server
// gives; what is refused changes nothing; nothing costs memory without limit, and nothing panics.
func TestHostile(t *testing.T) {
	oracle, subject := testutil.Oracle(t, "--hz", "500"), subject(t)
	specs := slices.Compact(readSyntax(t, subject))
	specs = slices.DeleteFunc(specs, func(s *command.Spec) bool { return !slices.Contains(hostileGroups, s.Group) })
	a, b := oracle.Dial(t), subject.Dial(t)
	calls, refused := 0, 0
	for seed := range seeds(t) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		for i, s := range specs {
			if invariants.Enabled && uint64(i)%10 != seed%10 { // where digests take long; runs are more there
				continue
			}
			call, ok := hostileCall(rnd, s)
			if !ok {
				continue
			}
			calls++
			want := attack(t, a, call)
			got := attack(t, b, call)
			if !sameResult(call, want.reply, got.reply) {
				t.Fatalf("-compat.seed=%d: > %s\n%s: %.300s\n%s: %.300s", seed, testutil.Quote(call), oracle.Name, testutil.Format(want.reply),
					subject.Name, testutil.Format(got.reply))
			}
			if want.reply.IsError() {
				refused++
			}
			if got.reply.IsError() && got.before != got.after {
				t.Fatalf("-compat.seed=%d: > %s\n%s, and something has changed", seed, testutil.Quote(call), got.reply.Str)
			}
		}
	}
	b.Must(t, "FLUSHALL")
	for _, bound := range []struct {
		section, field string
		most           int
	}{{"memory", "used_memory", 1 << 20}, {"memory", "used_memory_peak", 16 << 20}, {"stats", "redpoll_handler_panics", 0}} {
		testutil.Poll(t, testutil.Patience, func() bool { return figure(t, b, bound.section, bound.field) <= bound.most })
	}
	t.Logf("%d calls, %d of them refused", calls, refused)
}

// An attacked server's reply, and what its data was before and after.
type attacked struct {
	reply         testutil.Value
	before, after string
}

// attack makes the keys anew and sends a call.
func attack(t *testing.T, c *testutil.Client, call []string) (r attacked) {
	t.Helper()
	setup := slices.Concat([][]string{{"FLUSHALL"}}, hostileState, [][]string{{"DEBUG", "DIGEST"}, call, {"DEBUG", "DIGEST"}})
	replies, err := c.Pipeline(setup...)
	if err != nil {
		t.Fatalf("%s: %v", testutil.Quote(call), err)
	}
	n := len(replies)
	return attacked{reply: replies[n-2].Value, before: replies[n-3].Value.Str, after: replies[n-1].Value.Str}
}

// figure gives a number from INFO.
func figure(t *testing.T, c *testutil.Client, section, field string) int {
	t.Helper()
	for line := range strings.Lines(c.Must(t, "INFO", section).Str) {
		if text, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("INFO %s has no %s", section, field)
	return 0
}
