// SPDX-License-Identifier: BSD-3-Clause

// Package gen makes calls of commands from their records: valid ones by walking the parsed Syntax, and nearly valid ones by
// damaging those. Differential tests and fuzzers send them to several servers and compare; whoever needs values with a
// meaning (an id, a time that will not pass during the test) overrides their making. The same seed gives the same calls.
package gen

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
)

// Generator makes calls. Its fields may be changed between calls. Not safe for concurrent use.
type Generator struct {
	// Keys are the key names to choose from; few, so that calls meet each other's keys.
	Keys []string
	// Values are the strings to choose from as members, fields and values.
	Values []string
	// Make, unless nil, may give the word for an argument without parts; false leaves it to the generator.
	Make func(s *command.Spec, a *command.Argument) (word string, ok bool)

	rand *rand.Rand
	spec *command.Spec
	call []string
	// count is how many values the call's next list of keys or fields (and lists that run beside it) shall have, 0 = any.
	count int
}

// New gives a generator with pools of its own.
func New(seed uint64) *Generator {
	return &Generator{
		Keys:   []string{"k1", "k2", "k3", "k4", "{t}a", "{t}b", "", "\x00\r\n\xff"},
		Values: []string{"a", "b", "c", "1", "-7", "3.5", "10", "", "foo bar", "\x00\xff\r\n", strings.Repeat("x", 70)},
		rand:   rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15)),
	}
}

// Valid makes a call that follows the syntax of a registry's record. The server may refuse it all the same, for what the
// syntax cannot say.
func (g *Generator) Valid(s *command.Spec) []string {
	g.spec, g.count = s, 0
	g.call = g.call[:0]
	if p := s.Parent(); p != nil {
		g.call = append(g.call, g.cased(p.Name))
	}
	g.call = append(g.call, g.cased(s.Name))
	g.all(s.Arguments(), true)
	return slices.Clone(g.call)
}

// Nearly makes a call that is valid but for a damage or two. The name of the command (and subcommand) stays.
func (g *Generator) Nearly(s *command.Spec) []string {
	call := g.Valid(s)
	names := 1
	if s.IsSubcommand() {
		names = 2
	}
	tokens := Tokens(s)
	for range 1 + g.rand.IntN(2) {
		call = g.damage(call, names, tokens)
	}
	return call
}

// damage changes one thing behind the first names words.
func (g *Generator) damage(call []string, names int, tokens []string) []string {
	if len(call) == names {
		return append(call, g.hostile())
	}
	i := names + g.rand.IntN(len(call)-names)
	switch g.rand.IntN(8) {
	case 0:
		return slices.Delete(call, i, i+1)
	case 1:
		return slices.Insert(call, i, call[i])
	case 2:
		j := names + g.rand.IntN(len(call)-names)
		call[i], call[j] = call[j], call[i]
	case 3:
		return call[:i]
	case 4:
		return append(call, g.hostile())
	case 5:
		if len(tokens) > 0 {
			return slices.Insert(call, names+g.rand.IntN(len(call)-names+1), g.pick(tokens))
		}
		call[i] = g.hostile()
	default:
		call[i] = g.hostile()
	}
	return call
}

// hostile gives a word that commands tend to stumble over.
func (g *Generator) hostile() string {
	return g.pick([]string{
		"", " ", "abc", "0", "-0", "00", "-1", "+1", " 1", "1 ", "1.5", "1e3", "0x10", "nan", "inf", "-inf", "*", "[", "\x00",
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "4294967296",
		"1.7e308", "1e-400", strings.Repeat("9", 400), "NX", "COUNT", "LIMIT",
	})
}

// Tokens gives the fixed words that occur in calls of s.
func Tokens(s *command.Spec) []string {
	var out []string
	var collect func(args []*command.Argument)
	collect = func(args []*command.Argument) {
		for _, a := range args {
			if a.HasToken() {
				out = append(out, a.Token)
			}
			collect(a.Args)
		}
	}
	collect(s.Arguments())
	return out
}

// all appends words for args in order. At the top, options that stand beside each other may change places.
func (g *Generator) all(args []*command.Argument, top bool) {
	if top && g.chance(50) {
		args = g.shuffled(args)
	}
	shared := 0
	if !top {
		shared = g.few() // lists in one block run beside each other: STREAMS key... id...
	}
	for i, a := range args {
		counted := i > 0 && counts(args, i-1)
		switch {
		case counts(args, i):
			g.count = g.few()
			if args[i+1].Optional && g.chance(30) {
				g.count = 0
			}
			g.call = append(g.call, strconv.Itoa(g.count))
		case counted && g.count > 0, !counted && (!a.Optional || g.chance(40)):
			g.one(a, shared)
		}
	}
}

// counts tells whether the argument is the number of the keys or fields that follow.
func counts(args []*command.Argument, i int) bool {
	return (args[i].Name == "numkeys" || args[i].Name == "numfields") && args[i].Type == command.TypeInteger && i+1 < len(args) && args[i+1].Multiple
}

// shuffled is args with each run of options in random order.
func (g *Generator) shuffled(args []*command.Argument) []*command.Argument {
	args = slices.Clone(args)
	for i := 0; i < len(args); {
		j := i
		for j < len(args) && args[j].Optional && startsWithToken(args[j]) {
			j++
		}
		run := args[i:j]
		g.rand.Shuffle(len(run), func(x, y int) { run[x], run[y] = run[y], run[x] })
		i = j + 1
	}
	return args
}

// startsWithToken tells whether every form of the argument begins with a fixed word.
func startsWithToken(a *command.Argument) bool {
	switch {
	case a.HasToken():
		return true
	case a.Type == command.TypeBlock:
		return startsWithToken(a.Args[0])
	case a.Type == command.TypeOneOf:
		return !slices.ContainsFunc(a.Args, func(alt *command.Argument) bool { return !startsWithToken(alt) })
	}
	return false
}

// one appends words for one argument that is to be there, several times if it may be.
func (g *Generator) one(a *command.Argument, shared int) {
	times := 1
	if a.Multiple {
		times = g.few()
		switch {
		case g.count > 0 && (a.Type == command.TypeKey || a.Type == command.TypeBlock || a.Name == "weight" || a.Name == "field"):
			times = g.count
		case shared > 0:
			times = shared
		}
	}
	for i := range times {
		if a.Type != command.TypePureToken && a.Token != "" && (i == 0 || a.MultipleToken) {
			g.call = append(g.call, g.cased(a.Token))
		}
		switch a.Type {
		case command.TypePureToken:
			g.call = append(g.call, g.cased(a.Token))
		case command.TypeBlock:
			g.all(a.Args, false)
		case command.TypeOneOf:
			g.one(a.Args[g.rand.IntN(len(a.Args))], shared)
		default:
			g.call = append(g.call, g.word(a))
		}
	}
}

// word makes the value of an argument without parts.
func (g *Generator) word(a *command.Argument) string {
	if g.Make != nil {
		if w, ok := g.Make(g.spec, a); ok {
			return w
		}
	}
	switch a.Type {
	case command.TypeKey:
		return g.pick(g.Keys)
	case command.TypeInteger:
		return g.integer(a.Name)
	case command.TypeDouble:
		if a.Name == "timeout" {
			return "0.01" // what blocks must not hold up the test
		}
		return g.pick([]string{"0", "1", "-1", "1.5", "-2.25", "3e2", "inf", "-inf", "0.1", "100"})
	case command.TypePattern:
		return g.pick([]string{"*", "k*", "?", "k[1-2]", "{t}*", "none", "", "[^a]*", `\*`})
	case command.TypeUnixTime:
		return g.pick([]string{"1", "99999999999", "9999999999999", "4102444800"})
	}
	return g.pick(g.Values)
}

// integer makes a number that suits the argument's name.
func (g *Generator) integer(name string) string {
	switch name {
	case "cursor":
		return "0"
	case "timeout":
		return "1"
	case "seconds", "milliseconds", "ttl":
		// Far off, so that nothing expires between two servers' answers; or refused.
		return g.pick([]string{"100000", "123456", "99999999", "100000", "200000", "0", "-1"})
	}
	if g.chance(5) {
		return g.pick([]string{"9223372036854775807", "-9223372036854775808", "4294967296", "536870911"})
	}
	return strconv.Itoa(g.rand.IntN(24) - 6)
}

// cased gives word in upper case mostly, else in lower or mixed case.
func (g *Generator) cased(word string) string {
	switch g.rand.IntN(8) {
	case 0, 1:
		return strings.ToLower(word)
	case 2:
		b := []byte(word)
		for i := range b {
			if g.chance(50) {
				b[i] = strings.ToLower(word[i : i+1])[0]
			}
		}
		return string(b)
	}
	return word
}

// chance is true in that many of a hundred cases.
func (g *Generator) chance(percent int) bool { return g.rand.IntN(100) < percent }

// few is the length of a list: mostly one or two.
func (g *Generator) few() int { return 1 + min(g.rand.IntN(3), g.rand.IntN(4)) }

// pick gives one of words.
func (g *Generator) pick(words []string) string { return words[g.rand.IntN(len(words))] }
