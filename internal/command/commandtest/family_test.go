// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/command/gen"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

// mirror makes a registry with the server's own commands, and with our COMMAND in the place of its. FindKeys is missing, so
// keep leaves out what needs it.
func mirror(t *testing.T, c *testutil.Client) *command.Registry {
	t.Helper()
	docs := fieldsOf(c.Must(t, "COMMAND", "DOCS"))
	family := command.Family{Name: "all"}
	for _, info := range c.Must(t, "COMMAND").Elems {
		if name := info.Elems[0].Str; name != "command" {
			family.Commands = append(family.Commands, recordOf(info, docs.values[name]))
		}
	}
	r, err := command.NewRegistry(family, command.CommandFamily())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommandFamilySpecs(t *testing.T) {
	r, err := command.NewRegistry(command.CommandFamily())
	if err != nil {
		t.Fatal(err)
	}
	CompareSpecs(t, r, testutil.Oracle(t))
}

func TestCommandConversations(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	c.Must(t, "HELLO", "3")
	r := mirror(t, c)
	lines := []string{
		"COMMAND COUNT", "command count x", "COMMAND nosuch", "COMMAND " + strings.Repeat("x", 300), "COMMAND a\x00b", "COMMAND a\nb",
		"COMMAND DOCS nosuch", "COMMAND DOCS config|nosuch", "COMMAND DOCS config|get|x", "COMMAND DOCS get|x", "COMMAND DOCS |",
		"COMMAND INFO nosuch", "COMMAND INFO get mset GET", "COMMAND INFO config|get get|x config|nosuch |get get|",
		"COMMAND INFO command|info", "COMMAND INFO xread zunionstore georadius", "COMMAND INFO eval",
		"COMMAND LIST FILTERBY MODULE x", "COMMAND LIST FILTERBY ACLCAT nosuch", "COMMAND LIST FILTERBY ACLCAT @read",
		"COMMAND LIST FILTERBY PATTERN xad?", "command list filterby pattern CONFIG|G*", "COMMAND LIST FILTERBY PATTERN nosuch*",
		"COMMAND LIST FILTERBY", "COMMAND LIST FILTERBY ACLCAT", "COMMAND LIST FILTERBY x y", "COMMAND LIST x", "COMMAND LIST x y z",
		"COMMAND LIST FILTERBY PATTERN a b", "COMMAND HELP x",
		"COMMAND GETKEYS", "COMMAND GETKEYS get", "COMMAND GETKEYS get k", "COMMAND GETKEYS nosuch x", "COMMAND GETKEYS ping x",
		"COMMAND GETKEYS config nosuch", "COMMAND GETKEYS config get", "COMMAND GETKEYS object encoding k", "COMMAND GETKEYS get a b",
		"COMMAND GETKEYS eval s 0 a", "COMMAND GETKEYS eval s 2 a b c", "COMMAND GETKEYS eval s 9 a", "COMMAND GETKEYS eval s -1 a",
		"COMMAND GETKEYS eval s x a", "COMMAND GETKEYS zunion 0 a", "COMMAND GETKEYS zunion 01 a", "COMMAND GETKEYS zunion 3 a b",
		"COMMAND GETKEYS zunion 2x a b", "COMMAND GETKEYS zunion +1 a b", "COMMAND GETKEYS zunion 99999999999999999999 a",
		"COMMAND GETKEYSANDFLAGS zunionstore d 2 a b", "COMMAND GETKEYSANDFLAGS zunionstore d 3 a b",
		"COMMAND GETKEYSANDFLAGS rename a b", "COMMAND GETKEYS mset a b c", "COMMAND GETKEYS blpop a b 0",
		"COMMAND GETKEYS xread count 2 streams a b 1 2", "COMMAND GETKEYS xread count 2 streams a b c",
		"COMMAND GETKEYS xread streams streams 1", "COMMAND GETKEYS xread a b c", "COMMAND GETKEYS xread count streams 2",
		"COMMAND GETKEYS spublish a b", "COMMAND GETKEYS georadius_ro k 1 1 1 m", "COMMAND GETKEYSANDFLAGS get",
		"nosuch", "nosuch a\nb " + strings.Repeat("c", 300) + " d", strings.Repeat("x", 300) + " b", "object", "object nosuch a", "config get",
	}
	for _, proto := range []int{2, 3} {
		c.Must(t, "HELLO", fmt.Sprint(proto))
		for _, line := range lines {
			words := strings.Split(line, " ")
			want, err := c.DoRaw(testutil.AppendCommand(nil, words...))
			if err != nil {
				t.Fatal(err)
			}
			got := Call(r, proto, words...)
			if strings.HasPrefix(line, "COMMAND INFO eval") { // whose key spec has notes, in words of theirs
				continue
			}
			if string(got) != string(want.Raw) {
				t.Errorf("protocol %d: %q:\n\tgot  %q\n\twant %q", proto, line, got, want.Raw)
			}
		}
	}
}

func TestCommandListsEverything(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	c.Must(t, "HELLO", "3")
	r := mirror(t, c)
	for _, words := range [][]string{{"COMMAND"}, {"COMMAND", "INFO"}, {"COMMAND", "LIST"}, {"COMMAND", "DOCS"}} {
		want := c.Must(t, words...)
		head, _, _ := strings.Cut(string(Call(r, 3, words...)), "\r\n")
		n := len(want.Elems)
		if want.Kind == '%' {
			n /= 2
		}
		if head != fmt.Sprintf("%c%d", want.Kind, n) {
			t.Errorf("%s: %s of %d", words, head, n)
		}
	}
}

// TestKeysOfGeneratedCalls asks both sides for the keys of valid and damaged calls of every command.
func TestKeysOfGeneratedCalls(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	c.Must(t, "HELLO", "3")
	r := mirror(t, c)
	// The keys of these are found by code, which families bring as FindKeys.
	byCode := map[string]bool{
		"sort": true, "sort_ro": true, "set": true, "bitfield": true, "georadius": true, "georadiusbymember": true, "migrate": true,
	}
	g := gen.New(42)
	var calls, asks [][]string
	for s := range r.All() {
		if len(s.Children()) > 0 || byCode[s.FullName()] {
			continue
		}
		for range 20 {
			valid := g.Valid(s)
			if s.FullName() != "client|kill" && s.Arguments() != nil && !s.ArityOK(len(valid)) {
				t.Errorf("%q: the arity is %d", valid, s.Arity)
			}
			calls = append(calls, valid, g.Nearly(s))
		}
	}
	for _, call := range calls {
		asks = append(asks, append([]string{"COMMAND", "GETKEYSANDFLAGS"}, call...))
	}
	replies, err := c.Pipeline(asks...)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for i, ask := range asks {
		got, want := Call(r, 3, ask...), replies[i].Raw
		if string(got) != string(want) && !sameKeys(t, got, replies[i].Value) && failed < 20 {
			failed++
			t.Errorf("%q:\n\tgot  %q\n\twant %q", ask, got, want)
		}
	}
}

// sameKeys tells whether a reply has the same keys in another order: the server tells a destination last when the number
// of keys is one that the command will refuse.
func sameKeys(t *testing.T, got []byte, want testutil.Value) bool {
	v, err := resp.NewReader(bytes.NewReader(got)).Read()
	if err != nil {
		t.Fatal(err)
	}
	return testutil.Format(converted(v).Sorted(1)) == testutil.Format(want.Sorted(1))
}
