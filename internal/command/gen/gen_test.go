// SPDX-License-Identifier: BSD-3-Clause

package gen

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
)

func registry(t *testing.T) *command.Registry {
	t.Helper()
	spec := func(name, syntax string, keys []command.KeySpec, subs ...command.Spec) command.Spec {
		s := command.Spec{
			Name: name, Since: "1.0.0", Group: "generic", Complexity: "O(1)", Summary: "For the test.",
			Syntax: syntax, Keys: keys, Subcommands: subs,
		}
		if subs == nil {
			s.Run = func(*command.Ctx) error { return nil }
		}
		return s
	}
	r, err := command.NewRegistry(command.Family{Name: "test", Commands: []command.Spec{
		spec("SET", "key value condition=[NX | XX] [GET] expiration=[EX seconds:int | PX milliseconds:int | KEEPTTL]", command.OneKey(command.RW)),
		spec("MSET", "(key value)...", []command.KeySpec{command.KeyRange(1, -1, 2, 0, command.OW)}),
		spec("ZUNION", "numkeys:int key... [WEIGHTS weight:int...] [AGGREGATE aggregate=(SUM | MIN | MAX)]",
			[]command.KeySpec{command.KeyNum(1, command.RO)}),
		spec("XREAD", "[COUNT count:int] STREAMS streams=(key... id...)",
			[]command.KeySpec{command.KeyRangeAfter("STREAMS", 1, -1, 1, 2, command.RO)}),
		spec("SORT_RO", "key [GET pattern]...", command.OneKey(command.RO)),
		spec("BLPOP", "key... timeout:double", []command.KeySpec{command.KeyRange(1, -2, 1, 0, command.RW)}),
		spec("OBJECT", "", nil, spec("ENCODING", "key", []command.KeySpec{command.KeyAt(2, command.RO)})),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestValid(t *testing.T) {
	r := registry(t)
	g := New(1)
	seen := map[string]bool{}
	for s := range r.All() {
		if len(s.Children()) > 0 {
			continue
		}
		for range 300 {
			call := g.Valid(s)
			argv := make([][]byte, len(call))
			for i, word := range call {
				argv[i] = []byte(word)
				seen[strings.ToUpper(word)] = true
			}
			if r.Resolve(argv) != s {
				t.Fatalf("%q does not call %s", call, s.FullName())
			}
			if !s.ArityOK(len(call)) {
				t.Fatalf("%q: the arity is %d", call, s.Arity)
			}
			if keys, ok := s.AppendKeys(nil, argv); !ok || len(keys) == 0 {
				t.Fatalf("%q: keys %v, %v", call, keys, ok)
			}
			if at := slices.IndexFunc(call, func(w string) bool { return strings.EqualFold(w, "STREAMS") }); at >= 0 && (len(call)-at)%2 != 1 {
				t.Fatalf("%q: keys and ids do not pair", call)
			}
		}
	}
	for _, token := range []string{"NX", "XX", "GET", "EX", "PX", "KEEPTTL", "WEIGHTS", "AGGREGATE", "SUM", "MIN", "MAX", "COUNT"} {
		if !seen[token] {
			t.Errorf("no call with %s", token)
		}
	}
}

func TestSameSeedSameCalls(t *testing.T) {
	r := registry(t)
	calls := func(seed uint64) (out [][]string) {
		g := New(seed)
		for range 50 {
			out = append(out, g.Valid(r.Lookup([]byte("set"))), g.Nearly(r.Lookup([]byte("zunion"))))
		}
		return out
	}
	if !reflect.DeepEqual(calls(7), calls(7)) {
		t.Error("one seed gave two sequences")
	}
	if reflect.DeepEqual(calls(7), calls(8)) {
		t.Error("two seeds gave one sequence")
	}
}

func TestNearlyKeepsTheName(t *testing.T) {
	r := registry(t)
	g := New(3)
	set, encoding := r.Lookup([]byte("SET")), r.Lookup([]byte("OBJECT")).Children()[0]
	invalid := 0
	for range 500 {
		call := g.Nearly(set)
		if !strings.EqualFold(call[0], "SET") {
			t.Fatalf("%q", call)
		}
		if !set.ArityOK(len(call)) {
			invalid++
		}
		if call := g.Nearly(encoding); !strings.EqualFold(call[0], "OBJECT") || !strings.EqualFold(call[1], "ENCODING") {
			t.Fatalf("%q", call)
		}
	}
	if invalid == 0 || invalid == 500 {
		t.Errorf("%d of 500 calls with a wrong number of words", invalid)
	}
}

func TestMake(t *testing.T) {
	r := registry(t)
	g := New(5)
	g.Make = func(s *command.Spec, a *command.Argument) (string, bool) {
		return "made for " + s.Name, a.Name == "value"
	}
	if call := g.Valid(r.Lookup([]byte("SET"))); call[2] != "made for SET" {
		t.Errorf("%q", call)
	}
}
