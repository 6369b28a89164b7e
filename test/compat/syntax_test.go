// SPDX-License-Identifier: BSD-3-Clause

package compat

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// A syntax is one command as COMMAND DOCS describes it.
type syntax struct {
	name []string // "OBJECT", "ENCODING"
	args []argument
}

// An argument is a node of a command's syntax.
type argument struct {
	name, kind, token                 string
	optional, multiple, multipleToken bool
	args                              []argument // of a block or a oneof
}

// generated lists the commands that calls are made of, with their weights. Left out is what stops, blocks or changes the
// server, what only shows its figures, and DBSIZE, which on Redis counts expired keys until they are met.
var generated = map[string]int{
	"append": 4, "decr": 2, "decrby": 3, "get": 4, "getdel": 2, "getex": 4, "getrange": 3, "getset": 3, "incr": 3, "incrby": 3,
	"incrbyfloat": 4, "lcs": 3, "mget": 2, "mset": 4, "msetnx": 2, "psetex": 2, "set": 12, "setex": 2, "setnx": 2, "setrange": 4,
	"strlen": 2, "substr": 1,
	"hdel": 5, "hexists": 2, "hget": 3, "hgetall": 3, "hincrby": 4, "hincrbyfloat": 4, "hkeys": 2, "hlen": 2, "hmget": 2,
	"hmset": 3, "hrandfield": 2, "hscan": 3, "hset": 12, "hsetnx": 3, "hstrlen": 2, "hvals": 2,
	"copy": 5, "del": 3, "exists": 2, "expire": 4, "expireat": 3, "expiretime": 1, "keys": 2, "move": 2, "object": 3,
	"persist": 3, "pexpire": 3, "pexpireat": 3, "pexpiretime": 1, "pttl": 2, "randomkey": 1, "rename": 4, "renamenx": 3,
	"scan": 2, "touch": 1, "ttl": 2, "type": 2, "unlink": 2,
	"multi": 2, "exec": 3, "discard": 1, "watch": 1, "unwatch": 1,
	"select": 2, "echo": 1, "ping": 1, "flushdb": 1,
}

// readSyntax asks a server for the syntax of the generated commands.
func readSyntax(t *testing.T, target *testutil.Target) []syntax {
	t.Helper()
	c := target.Dial(t)
	c.Must(t, "HELLO", "3")
	query := []string{"COMMAND", "DOCS"}
	for name := range generated {
		query = append(query, name)
	}
	docs := c.Must(t, query...)
	var all []syntax
	for i := 0; i+1 < len(docs.Elems); i += 2 {
		all = append(all, commands(nil, docs.Elems[i].Str, docs.Elems[i+1])...)
	}
	if len(all) < len(generated) {
		t.Fatalf("COMMAND DOCS of %s describes %d commands of %d", target.Name, len(all), len(generated))
	}
	return all
}

// commands gives the command described, or its subcommands.
func commands(parent []string, name string, doc testutil.Value) []syntax {
	_, sub, found := strings.Cut(name, "|")
	if !found {
		sub = name
	}
	s := syntax{name: append(parent[:len(parent):len(parent)], strings.ToUpper(sub))}
	if strings.EqualFold(sub, "help") {
		return nil
	}
	if subs, ok := field(doc, "subcommands"); ok {
		var all []syntax
		for i := 0; i+1 < len(subs.Elems); i += 2 {
			all = append(all, commands(s.name, subs.Elems[i].Str, subs.Elems[i+1])...)
		}
		return all
	}
	if args, ok := field(doc, "arguments"); ok {
		s.args = arguments(args)
	}
	return []syntax{s}
}

// field looks a name up in a map.
func field(m testutil.Value, name string) (testutil.Value, bool) {
	for i := 0; i+1 < len(m.Elems); i += 2 {
		if m.Elems[i].Str == name {
			return m.Elems[i+1], true
		}
	}
	return testutil.Value{}, false
}

func arguments(list testutil.Value) []argument {
	var all []argument
	for _, m := range list.Elems {
		text := func(name string) string { v, _ := field(m, name); return v.Str }
		a := argument{name: text("name"), kind: text("type"), token: text("token")}
		flags, _ := field(m, "flags")
		a.optional = slices.Contains(flags.Strings(), "optional")
		a.multiple = slices.Contains(flags.Strings(), "multiple")
		a.multipleToken = slices.Contains(flags.Strings(), "multiple_token")
		inner, _ := field(m, "arguments")
		a.args = arguments(inner)
		all = append(all, a)
	}
	return all
}

// A generator makes calls, valid or nearly so.
type generator struct {
	rnd    *rand.Rand
	tables []syntax // each command as often as its weight
	used   map[int]bool
}

func newGenerator(seed uint64, all []syntax) *generator {
	g := &generator{rnd: rand.New(rand.NewPCG(seed, seed)), used: map[int]bool{}}
	slices.SortFunc(all, func(a, b syntax) int { return slices.Compare(a.name, b.name) }) // a seed means the same everywhere
	for _, s := range all {
		for range generated[strings.ToLower(s.name[0])] {
			g.tables = append(g.tables, s)
		}
	}
	return g
}

// call makes one call.
func (g *generator) call() []string {
	s := g.tables[g.rnd.IntN(len(g.tables))]
	call := slices.Clone(s.name)
	for _, a := range s.args {
		call = append(call, g.argument(s, a)...)
	}
	if g.rnd.IntN(6) == 0 {
		call = g.spoil(call, len(s.name))
	}
	return call
}

func (g *generator) argument(s syntax, a argument) []string {
	if a.optional && g.rnd.IntN(2) == 0 {
		return nil
	}
	times := 1
	if a.multiple {
		times += g.rnd.IntN(3)
	}
	var out []string
	for i := range times {
		if a.token != "" && (i == 0 || a.multipleToken) {
			out = append(out, a.token)
		}
		switch a.kind {
		case "pure-token":
		case "oneof":
			out = append(out, g.argument(s, a.args[g.rnd.IntN(len(a.args))])...)
		case "block":
			for _, inner := range a.args {
				out = append(out, g.argument(s, inner)...)
			}
		default:
			out = append(out, g.value(s, a))
		}
	}
	return out
}

// Times are so far off that no key expires while a run is compared; 33177117420 is in the year 3021.
var pools = map[string][]string{
	"keys":    {"s1", "s2", "s3", "n1", "n2", "h1", "h2", "h3", "h4", ""},
	"strings": {"s1", "s2", "s3", "n1", "n2"},
	"hashes":  {"h1", "h2", "h3", "h4"},
	"field":   {"f1", "f2", "f3", "f4", "7", "", "\x00\xff", "{f*64}", "{f*65}"},
	"value": {
		"", "v", "abc", "0", "100000", "-100000", "3.5", "1e3", "-0", "9223372036854775807", "-9223372036854775808", "\r\n\x00\xfe",
		"{x*44}", "{x*45}", "{x*64}", "{x*65}", "{x*300}", "ohmytext", "mynewtext",
	},
	"integer":   {"0", "1", "-1", "100000", "9223372036854775807", "-9223372036854775808", "-100000"},
	"double":    {"0", "1", "-1.5", "0.1", "1e3", "3.141592653589793238", "1e-7", "123456789.25", "-0.3"},
	"unix-time": {"33177117420", "33177117420000", "33177117420500", "1", "0"},
	"offset":    {"0", "1", "5", "-1", "3", "-3", "100"},
	"count":     {"0", "1", "2", "-1", "5", "-5", "1000"},
	"index":     {"0", "1", "2", "0", "1", "2", "16", "-1"},
	"cursor":    {"0", "0", "0", "18446744073709551615"},
	"pattern":   {"*", "f*", "?1", "[sh]*", "[^s]?", "f1", "\\*", "["},
	"type":      {"string", "hash", "list", "nosuch"},
}

// junk is what arguments are replaced by to spoil a call. Nothing of it may make a key live between a moment and a minute, or
// a string of half a gigabyte.
var junk = []string{"", "abc", "-1", "0", "1.5", "9223372036854775808", "-9223372036854775808", " 100000", "+100000", "0100000", "NX", "XX", "\x00"}

// value makes a plain argument from its type and name.
func (g *generator) value(s syntax, a argument) string {
	pool := a.kind
	switch {
	case a.kind == "key" && g.rnd.IntN(8) == 0:
		pool = "keys"
	case a.kind == "key":
		pool = g.keyPool(s)
	case slices.Contains([]string{"seconds", "milliseconds"}, a.name):
		return g.duration(a.name)
	case strings.Contains(a.name, "unix-time"):
		pool = "unix-time"
	case slices.Contains([]string{"offset", "start", "end"}, a.name):
		pool = "offset"
	case a.name == "count", a.name == "len":
		pool = "count"
	case strings.HasSuffix(a.name, "db"), a.name == "index":
		pool = "index"
	case strings.Contains(a.name, "field"), a.name == "cursor", a.name == "pattern", a.name == "type":
		pool = a.name
	case a.kind == "string" && g.rnd.IntN(2) == 0:
		pool = "integer"
	case a.kind == "string":
		pool = "value"
	}
	words := pools[pool]
	if len(words) == 0 {
		words = pools["value"]
	}
	return testutil.ExpandRuns(words[g.rnd.IntN(len(words))])
}

// duration is mostly a time to live that no other call of the run comes near: were two the same, it would depend on the
// milliseconds between the calls whether EXPIRE's GT and LT hold.
func (g *generator) duration(unit string) string {
	n := g.rnd.IntN(100000)
	switch {
	case n < 10000:
		return "0"
	case n < 20000:
		return "-1"
	}
	for g.used[n] {
		n++
	}
	g.used[n] = true
	if unit == "seconds" {
		return strconv.Itoa(n * 10000)
	}
	return strconv.Itoa(n*10000 + 5000)
}

// keyPool prefers keys of the command's own type.
func (g *generator) keyPool(s syntax) string {
	switch {
	case strings.HasPrefix(s.name[0], "H"):
		return "hashes"
	case slices.Contains([]string{"COPY", "RENAME", "RENAMENX", "MOVE", "DEL", "UNLINK", "WATCH", "TYPE"}, s.name[0]),
		strings.HasPrefix(s.name[0], "P"), strings.HasPrefix(s.name[0], "E"), strings.HasPrefix(s.name[0], "T"):
		return "keys"
	}
	return "strings"
}

// spoil changes one thing about the arguments behind the name.
func (g *generator) spoil(call []string, name int) []string {
	at := name
	if len(call) > name {
		at += g.rnd.IntN(len(call) - name)
	}
	switch g.rnd.IntN(5) {
	case 0:
		return append(call, junk[g.rnd.IntN(len(junk))])
	case 1:
		return slices.Insert(call, at, junk[g.rnd.IntN(len(junk))])
	}
	if at == len(call) {
		return call
	}
	switch g.rnd.IntN(3) {
	case 0:
		return slices.Delete(call, at, at+1)
	case 1:
		call[at] = strings.ToLower(call[at])
	default:
		call[at] = junk[g.rnd.IntN(len(junk))]
	}
	return call
}
