// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"errors"
	"strings"
	"testing"
)

func nop(*Ctx) error { return nil }

// storeFinder finds the key and the last STORE of a SORT-like call.
func storeFinder(dst []KeyRef, argv [][]byte) ([]KeyRef, bool) {
	dst = append(dst, KeyRef{1, RO | Access})
	for i := 2; i+1 < len(argv); i++ {
		if EqualFold(argv[i], "STORE") {
			dst = append(dst, KeyRef{i + 1, OW | Update})
			i++
		}
	}
	return dst, true
}

// getFinder gives SET's flags, which depend on GET.
func getFinder(dst []KeyRef, argv [][]byte) ([]KeyRef, bool) {
	for _, word := range argv[3:] {
		if EqualFold(word, "GET") {
			return append(dst, KeyRef{1, RW | Access | Update}), true
		}
	}
	return append(dst, KeyRef{1, OW | Update}), true
}

// testFamily has one command of each kind.
func testFamily() Family {
	return Family{Name: "string", Category: CatString, Commands: []Spec{
		{
			Name: "GET", Since: "1.0.0", Complexity: "O(1)", Summary: "Reads a value.", Syntax: "key",
			Flags: ReadOnly | Fast, Keys: OneKey(RO, Access), Run: nop,
		},
		{
			Name: "SET", Since: "1.0.0", Complexity: "O(1)", Summary: "Writes a value.",
			Syntax: "key value condition=[NX | XX]{2.6.12} [GET{6.2.0}] " +
				"expiration=[EX seconds:int{2.6.12} | PX milliseconds:int{2.6.12} | KEEPTTL{6.0.0}]",
			Flags: Write | DenyOOM, Keys: OneKey(RW, Access, Update, VariableFlags), FindKeys: getFinder, Run: nop,
		},
		{
			Name: "MSET", Since: "1.0.1", Complexity: "O(N)", Summary: "Writes values.", Syntax: "(key value)...",
			Flags: Write | DenyOOM, Keys: []KeySpec{KeyRange(1, -1, 2, 0, OW, Update)}, Run: nop,
		},
		{
			Name: "EVAL", Group: "scripting", Since: "2.6.0", Complexity: "-", Summary: "Runs a script.",
			Syntax: "script numkeys:int [key...] [arg...]",
			Flags:  NoScript | Stale | NoMandatoryKeys, Keys: []KeySpec{KeyNum(2, RW, Access, Update)}, Run: nop,
		},
		{
			Name: "ZUNIONSTORE", Group: "sorted-set", Since: "2.0.0", Complexity: "-", Summary: "Unites.",
			Syntax: "destination:key numkeys:int key@1...",
			Flags:  Write, Keys: []KeySpec{KeyAt(1, OW, Update), KeyNum(2, RO, Access)}, Run: nop,
		},
		{
			Name: "RENAME", Group: "generic", Since: "1.0.0", Complexity: "O(1)", Summary: "Renames.", Syntax: "key newkey:key@1",
			Flags: Write, Keys: []KeySpec{KeyAt(1, RW, Access, Delete), KeyAt(2, OW, Update)}, Run: nop,
		},
		{
			Name: "SORT", Group: "generic", Since: "1.0.0", Complexity: "-", Summary: "Sorts.",
			Syntax: "key [GET pattern@1]... [STORE destination:key@2]",
			Flags:  Write, Keys: []KeySpec{KeyAt(1, RO, Access), KeysUnknown(RO, Access), KeysUnknown(OW, Update)},
			FindKeys: storeFinder, Run: nop,
		},
		{
			Name: "XREAD", Group: "stream", Since: "5.0.0", Complexity: "-", Summary: "Reads streams.",
			Syntax: "[COUNT count:int] STREAMS streams=(key... id...)",
			Flags:  ReadOnly | Blocking, Keys: []KeySpec{KeyRangeAfter("STREAMS", 1, -1, 1, 2, RO, Access)}, Run: nop,
		},
		{
			Name: "MIGRATE", Group: "generic", Since: "2.6.0", Complexity: "-", Summary: "Moves keys.",
			Syntax: "host port:int key [KEYS key@1...]",
			Flags:  Write, Keys: []KeySpec{KeyAt(3, RW, Delete), KeyRangeAfter("KEYS", -2, -1, 1, 0, RW, Delete, Incomplete)}, Run: nop,
		},
		{
			Name: "BLPOP", Group: "list", Since: "2.0.0", Complexity: "-", Summary: "Pops.", Syntax: "key... timeout:double",
			Flags: Write | Blocking | NoScript, Keys: []KeySpec{KeyRange(1, -2, 1, 0, RW, Delete)}, Run: nop,
		},
		{
			Name: "SPUBLISH", Group: "pubsub", Since: "7.0.0", Complexity: "-", Summary: "Publishes.", Syntax: "shardchannel message",
			Flags: PubSub | Fast, Keys: OneKey(NotKey), Run: nop,
		},
		{
			Name: "OBJECT", Group: "generic", Since: "2.2.3", Complexity: "-", Summary: "Looks inside values.",
			Subcommands: []Spec{
				{
					Name: "ENCODING", Since: "2.2.3", Complexity: "O(1)", Summary: "Names the encoding of a value.", Syntax: "key",
					Flags: ReadOnly, Keys: []KeySpec{KeyAt(2, RO)}, Run: nop,
				},
				{
					Name: "HELP", Since: "6.2.0", Complexity: "O(1)", Summary: "Explains the subcommands.",
					Flags: Loading | Stale, Run: Help,
				},
			},
		},
		{
			Name: "HMSET", Group: "hash", Since: "2.0.0", Complexity: "-", Summary: "Sets fields.", Syntax: "key (field value)...",
			Flags: Write, Keys: OneKey(RW, Update), DeprecatedSince: "4.0.0", ReplacedBy: "HSET", Run: nop,
		},
	}}
}

func testRegistry(t testing.TB) *Registry {
	t.Helper()
	r, err := NewRegistry(testFamily(), CommandFamily())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func argvOf(line string) [][]byte {
	var argv [][]byte
	for _, w := range strings.Split(line, " ") {
		argv = append(argv, []byte(w))
	}
	return argv
}

func TestDerived(t *testing.T) {
	r := testRegistry(t)
	for _, tc := range []struct {
		name        string
		arity       int
		flags, cats string
		group       string
		legacy      [3]int
	}{
		{"get", 2, "readonly fast", "read string fast", "string", [3]int{1, 1, 1}},
		{"set", -3, "write denyoom", "write string slow", "string", [3]int{1, 1, 1}},
		{"mset", -3, "write denyoom", "write string slow", "string", [3]int{1, -1, 2}},
		{"eval", -3, "noscript stale no_mandatory_keys movablekeys", "string slow", "scripting", [3]int{}},
		{"zunionstore", -4, "write movablekeys", "write string slow", "sorted-set", [3]int{1, 1, 1}},
		{"rename", 3, "write", "write string slow", "generic", [3]int{1, 2, 1}},
		{"sort", -2, "write movablekeys", "write string slow", "generic", [3]int{1, 1, 1}},
		{"xread", -4, "readonly blocking movablekeys", "read string slow blocking", "stream", [3]int{}},
		{"blpop", -3, "write noscript blocking", "write string slow blocking", "list", [3]int{1, -2, 1}},
		{"object", -2, "", "slow", "generic", [3]int{}},
		{"object|encoding", 3, "readonly", "read string slow", "generic", [3]int{2, 2, 1}},
		{"object|help", 2, "loading stale", "string slow", "generic", [3]int{}},
		{"command", -1, "loading stale", "slow connection", "server", [3]int{}},
		{"command|getkeys", -4, "loading stale", "slow connection", "server", [3]int{}},
	} {
		s := r.Named([]byte(tc.name))
		if s == nil || s.FullName() != tc.name {
			t.Fatalf("%s: %v", tc.name, s)
		}
		var legacy [3]int
		legacy[0], legacy[1], legacy[2] = s.LegacyKeys()
		flags, cats := strings.Join(s.Flags.Words(), " "), strings.Join(s.ACL.Words(), " ")
		if s.Arity != tc.arity || flags != tc.flags || cats != tc.cats || s.Group != tc.group || legacy != tc.legacy {
			t.Errorf("%s: %d %q %q %s %v", tc.name, s.Arity, flags, cats, s.Group, legacy)
		}
	}
	if s := r.Named([]byte("hmset")); !s.DocFlags.Has(DocDeprecated) {
		t.Error("a deprecated command without the flag")
	}
}

func TestFamilyIsNotChanged(t *testing.T) {
	f := testFamily()
	for range 2 {
		if _, err := NewRegistry(f); err != nil {
			t.Fatal(err)
		}
	}
	for i := range f.Commands {
		if s := &f.Commands[i]; s.Arity != 0 || s.fullName != "" || s.ACL != 0 || s.Flags.Has(MovableKeys) {
			t.Errorf("the family's own record of %s was completed", s.Name)
		}
	}
}

func TestFaults(t *testing.T) {
	good := Spec{
		Name: "X", Since: "1.0.0", Group: "generic", Complexity: "O(1)", Summary: "Is good.", Syntax: "key", Flags: ReadOnly,
		Keys: OneKey(RO), Run: nop,
	}
	for _, tc := range []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Name = "x" }, "Name must be"},
		{func(s *Spec) { s.Since = "1.0" }, "Since must be"},
		{func(s *Spec) { s.Summary = "" }, "Summary is missing"},
		{func(s *Spec) { s.Complexity = "" }, "Complexity is missing"},
		{func(s *Spec) { s.Group = "misc" }, "unknown Group misc"},
		{func(s *Spec) { s.Run = nil }, "neither Run nor Subcommands"},
		{func(s *Spec) { s.Flags |= Write }, "both Write and ReadOnly"},
		{func(s *Spec) { s.DocFlags = DocDeprecated }, "DocDeprecated without"},
		{func(s *Spec) { s.ReplacedBy = "Y" }, "ReplacedBy without"},
		{func(s *Spec) { s.DeprecatedSince = "4" }, "DeprecatedSince must be"},
		{func(s *Spec) { s.History = []Change{{"6.0.0", ""}} }, "History entry without"},
		{func(s *Spec) { s.FindKeys = storeFinder }, "FindKeys without"},
		{func(s *Spec) { s.Plan, s.NeedsAll = PlanAll, func([][]byte) bool { return true } }, "NeedsAll with PlanAll"},
		{func(s *Spec) { s.Keys = OneKey(Access) }, "must have one of RO"},
		{func(s *Spec) { s.Keys = OneKey(RO, OW) }, "must have one of RO"},
		{func(s *Spec) { s.Keys = OneKey(OW) }, "a ReadOnly command"},
		{func(s *Spec) { s.Keys = []KeySpec{KeyAt(0, RO)} }, "begin behind the name"},
		{func(s *Spec) { s.Keys = []KeySpec{KeyAt(2, RO)} }, "behind the least number of words"},
		{func(s *Spec) { s.Keys = []KeySpec{KeyRange(1, -1, 0, 0, RO)} }, "step must be positive"},
		{func(s *Spec) { s.Keys = nil }, "key refers to key spec 0 of 0"},
		{func(s *Spec) { s.Syntax = "key [x{new}]" }, "new is no version"},
		{func(s *Spec) { s.Syntax = "key [" }, "syntax: nothing in brackets"},
		{func(s *Spec) { s.Subcommands = []Spec{good} }, "a container with a Syntax"},
		{func(s *Spec) { s.Syntax, s.Subcommands = "", []Spec{good, good} }, "command X|X: declared twice"},
		{func(s *Spec) {
			inner := good
			inner.Subcommands = []Spec{good}
			s.Syntax, s.Subcommands = "", []Spec{inner}
		}, "a subcommand with Subcommands"},
	} {
		s := good
		tc.change(&s)
		_, err := NewRegistry(Family{Name: "test", Commands: []Spec{s}})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("want %q, got %v", tc.want, err)
		}
	}
	twice := Family{Name: "test", Commands: []Spec{good, good}}
	if _, err := NewRegistry(twice); err == nil || !strings.Contains(err.Error(), "command X: declared twice") {
		t.Error(err)
	}
	if _, err := NewRegistry(Family{Name: "test", Commands: []Spec{good}}); err != nil {
		t.Error(err)
	}
}

func TestResolve(t *testing.T) {
	r := testRegistry(t)
	for line, want := range map[string]string{
		"GET k": "get", "gEt k": "get", "OBJECT": "object", "Object encoDing k": "object|encoding", "COMMAND": "command",
		"command count": "command|count", "get get get": "get", "OBJECT none k": "", "none": "", "GETX": "", "GE": "",
		"get|x": "", "COMMAND none": "",
	} {
		s := r.Resolve(argvOf(line))
		if got := ""; s != nil {
			got = s.FullName()
			if got != want {
				t.Errorf("%s: %s", line, got)
			}
		} else if want != "" {
			t.Errorf("%s: nothing", line)
		}
	}
	ids := map[int]bool{}
	for s := range r.All() {
		if s.ID() < 0 || s.ID() >= r.Size() || ids[s.ID()] || r.ByID(s.ID()) != s {
			t.Errorf("%s has ID %d", s.FullName(), s.ID())
		}
		ids[s.ID()] = true
		if p := s.Parent(); p != nil && p.Subcommand([]byte(s.Name)) != s {
			t.Errorf("%s is not found in its parent", s.FullName())
		}
	}
	if len(ids) != r.Size() {
		t.Errorf("%d records, size %d", len(ids), r.Size())
	}
	var e Error
	if err := r.ErrUnknown(argvOf("foo a b")); !errors.As(err, &e) ||
		e != "ERR unknown command 'foo', with args beginning with: 'a' 'b' " {
		t.Error(err)
	}
}

func TestRename(t *testing.T) {
	r := testRegistry(t)
	get := r.Lookup([]byte("GET"))
	if err := r.Rename("get", "FETCH"); err != nil {
		t.Fatal(err)
	}
	if r.Lookup([]byte("get")) != nil || r.Lookup([]byte("fetch")) != get || r.Lookup([]byte("Set")) == nil {
		t.Error("GET was not renamed to FETCH")
	}
	if err := r.Rename("FETCH", "get"); err != nil || r.Lookup([]byte("GET")) != get {
		t.Error("GET did not get its name back")
	}
	if err := r.Rename("GET", "set"); err == nil || err.Error() != "Target command name already exists" {
		t.Error("GET took SET's name")
	}
	if err := r.Rename("none", "x"); err == nil || err.Error() != "No such command in rename-command" {
		t.Error("an unknown command was renamed")
	}
	if err := r.Rename("GET", ""); err != nil || r.Lookup([]byte("GET")) != nil {
		t.Error("GET was not hidden")
	}
	if r.ByID(get.ID()) != get {
		t.Error("a hidden command lost its ID")
	}
}

func TestCategoryNamed(t *testing.T) {
	for _, w := range (Category(1<<21 - 1)).Words() {
		if c, ok := CategoryNamed([]byte(strings.ToUpper(w))); !ok || strings.Join(c.Words(), "") != w {
			t.Errorf("%s: %v %v", w, c, ok)
		}
	}
	if _, ok := CategoryNamed([]byte("@read")); ok {
		t.Error("@read is no category's name")
	}
}

func BenchmarkLookup(b *testing.B) {
	r := testRegistry(b)
	name := []byte("SET")
	b.ReportAllocs()
	for b.Loop() {
		if r.Lookup(name) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkAppendKeys(b *testing.B) {
	r := testRegistry(b)
	for _, line := range []string{"SET k v", "MSET a 1 b 2 c 3 d 4", "EVAL s 2 a b x"} {
		argv := argvOf(line)
		s, keys := r.Resolve(argv), make([]int, 0, 8)
		b.Run(s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keys, _ = s.AppendKeys(keys[:0], argv)
			}
		})
	}
}
