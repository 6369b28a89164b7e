// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/testutil"
)

// recordOf makes the record of a command from what a server says of it, through the same constructors that families use.
func recordOf(info, docs testutil.Value) command.Spec {
	d := fieldsOf(docs)
	name := strings.ToUpper(info.Elems[0].Str)
	s := command.Spec{
		Name: name[strings.IndexByte(name, '|')+1:], Since: d.str("since"), Group: d.str("group"),
		Summary: "A summary.", Complexity: "O(1)",
		Syntax:          command.FormatSyntax(ArgumentsOf(d.values["arguments"])),
		DeprecatedSince: d.str("deprecated_since"), ReplacedBy: d.str("replaced_by"),
		Tips: info.Elems[7].Strings(),
		Run:  func(*command.Ctx) error { return nil },
	}
	for f := command.Write; f <= command.AllowBusy; f <<= 1 {
		if f != command.MovableKeys && len(f.Words()) > 0 && slices.Contains(info.Elems[2].Strings(), f.Words()[0]) {
			s.Flags |= f
		}
	}
	for _, w := range info.Elems[6].Strings() {
		category, _ := command.CategoryNamed([]byte(w[1:]))
		// Only what a record states: the rest must be derived.
		if category&(command.CatRead|command.CatWrite|command.CatAdmin|command.CatFast|command.CatSlow|command.CatBlocking) == 0 {
			s.ACL |= category
		}
	}
	if slices.Contains(d.values["doc_flags"].Strings(), "syscmd") {
		s.DocFlags = command.DocSysCmd
	}
	for _, h := range d.values["history"].Elems {
		s.History = append(s.History, command.Change{Version: h.Elems[0].Str, Text: "changed"})
	}
	for _, k := range info.Elems[8].Elems {
		s.Keys = append(s.Keys, keySpecOf(k))
	}
	if arity := int(info.Elems[1].Int); arity != derivedArity(info, ArgumentsOf(d.values["arguments"])) {
		s.Arity = arity
	}
	for _, sub := range info.Elems[9].Elems {
		s.Subcommands = append(s.Subcommands, recordOf(sub, fieldsOf(d.values["subcommands"]).values[sub.Elems[0].Str]))
		if name != "COMMAND" {
			s.Run = nil
		}
	}
	return s
}

func keySpecOf(v testutil.Value) command.KeySpec {
	spec := fieldsOf(v)
	var flags command.KeyFlags
	for f := command.RO; f <= command.VariableFlags; f <<= 1 {
		if slices.Contains(spec.values["flags"].Strings(), f.Words()[0]) {
			flags |= f
		}
	}
	begin, find := fieldsOf(spec.values["begin_search"]), fieldsOf(spec.values["find_keys"])
	at, how := fieldsOf(begin.values["spec"]), fieldsOf(find.values["spec"])
	n := func(f fields, name string) int { return int(f.values[name].Int) }
	switch {
	case begin.str("type") == "unknown":
		return command.KeysUnknown(flags)
	case find.str("type") == "keynum":
		return command.KeyNum(n(at, "index"), flags)
	case begin.str("type") == "keyword":
		return command.KeyRangeAfter(at.str("keyword"), n(at, "startfrom"), n(how, "lastkey"), n(how, "keystep"), n(how, "limit"), flags)
	}
	return command.KeyRange(n(at, "index"), n(how, "lastkey"), n(how, "keystep"), n(how, "limit"), flags)
}

// TestEveryCommandDerived makes records of all commands of the server and compares what the registry derives from them
// (arity, categories, legacy key positions, movable keys) and how they are reported with the server's own answers.
func TestEveryCommandDerived(t *testing.T) {
	oracle := testutil.Oracle(t)
	c := oracle.Dial(t)
	c.Must(t, "HELLO", "3")
	docs := fieldsOf(c.Must(t, "COMMAND", "DOCS"))
	family := command.Family{Name: "all"}
	for _, info := range c.Must(t, "COMMAND").Elems {
		name := info.Elems[0].Str
		family.Commands = append(family.Commands, recordOf(info, docs.values[name]))
	}
	r, err := command.NewRegistry(family)
	if err != nil {
		t.Fatal(err)
	}
	CompareSpecs(t, r, oracle, "lastsave categories", "role categories") // they state @admin without the flag
	overridden := 0
	for s := range r.All() {
		if info := fieldsOf(docs.values[s.FullName()]); len(info.names) > 0 && len(s.Children()) == 0 &&
			s.Arity != command.ArityOf(1, s.Arguments()) {
			overridden++
		}
	}
	if overridden > 12 {
		t.Errorf("the arity of %d commands does not follow from their syntax", overridden)
	}
}

// recorder notes failures instead of failing.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) Logf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestCompareFindsDifferences(t *testing.T) {
	run := func(*command.Ctx) error { return nil }
	r, err := command.NewRegistry(command.Family{Name: "string", Category: command.CatString, Commands: []command.Spec{
		{
			Name: "GET", Since: "1.0.0", Complexity: "O(1)", Summary: "Reads.", Syntax: "key:string", Run: run,
			Flags: command.ReadOnly | command.Fast, Keys: command.OneKey(command.RO, command.Access),
		},
		{Name: "NONESUCH", Since: "1.0.0", Complexity: "O(1)", Summary: "Is not there.", Run: run},
		{Name: "FROMTHEFUTURE", Since: "99.0.0", Complexity: "O(1)", Summary: "Is not there yet.", Run: run},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{TB: t}
	oracle := testutil.Oracle(t)
	CompareSpecs(rec, r, oracle)
	all := strings.Join(rec.errors, "\n")
	for _, want := range []string{"get: syntax\n\tgot  key:string\n\twant key", `Syntax: "key",`, "nonesuch: redis-server"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q missing in:\n%s", want, all)
		}
	}
	if len(rec.errors) != 3 {
		t.Errorf("%d messages:\n%s", len(rec.errors), all)
	}
	rec = &recorder{TB: t}
	CompareSpecs(rec, r, oracle, "get syntax", "nonesuch")
	if len(rec.errors) > 0 {
		t.Errorf("excepted differences reported: %s", rec.errors)
	}
}
