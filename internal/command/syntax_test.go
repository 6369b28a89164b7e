// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// dump writes an argument tree so that every field shows.
func dump(args []*Argument) string {
	parts := make([]string, len(args))
	for i, a := range args {
		var b strings.Builder
		fmt.Fprintf(&b, "%s:%s", a.Name, a.Type)
		if a.HasToken() {
			fmt.Fprintf(&b, "=%q", a.Token)
		}
		if a.KeySpec >= 0 {
			fmt.Fprintf(&b, "@%d", a.KeySpec)
		}
		for _, m := range []struct {
			set  bool
			mark string
		}{{a.Optional, "?"}, {a.Multiple, "*"}, {a.MultipleToken, "+"}, {a.Since != "", ">" + a.Since}, {a.DeprecatedSince != "", "<" + a.DeprecatedSince}} {
			if m.set {
				b.WriteString(m.mark)
			}
		}
		if len(a.Args) > 0 {
			b.WriteString("(" + dump(a.Args) + ")")
		}
		parts[i] = b.String()
	}
	return strings.Join(parts, " ")
}

func TestParseSyntax(t *testing.T) {
	for _, tc := range []struct {
		syntax, want string
		arity        int
	}{
		{"", "", 1},
		{"key", "key:key@0", 2},
		{"key newkey:key@1", "key:key@0 newkey:key@1", 3},
		{"key:string pattern pattern@2 x@3", "key:string pattern:pattern pattern:pattern@2 x:string@3", 5},
		{"a:int b:double c:unix ip:port:string yes/no", "a:integer b:double c:unix-time ip:port:string yes/no:string", 6},
		{"key...", "key:key@0*", -2},
		{"[key...]", "key:key@0?*", -1},
		{"[key]...", "key:key@0?*", -1},
		{"NX", `nx:pure-token="NX"`, 2},
		{"sorting=ALPHA", `sorting:pure-token="ALPHA"`, 2},
		{"[NX]", `nx:pure-token="NX"?`, -1},
		{`empty=""`, `empty:pure-token=""`, 2},
		{`["*" | id]`, `*_id:oneof?(*:pure-token="*" id:string)`, -1},
		{"EX seconds:int", `seconds:integer="EX"`, 3},
		{"(COPY) host", `copy:pure-token="COPY" host:string`, 3},
		{"COPY [host]", `copy:pure-token="COPY" host:string?`, -2},
		{"COPY x=[host | port]", `copy:pure-token="COPY" x:oneof?(host:string port:string)`, -2},
		{"COPY by=HOST", `copy:pure-token="COPY" by:pure-token="HOST"`, 3},
		{"(field value)...", "field_value:block*(field:string value:string)", -3},
		{"parameter=(parameter)...", "parameter:block*(parameter:string)", -2},
		{"index=[start:int [end:int]]", "index:block?(start:integer end:integer?)", -1},
		{"[NX | XX]", `nx_xx:oneof?(nx:pure-token="NX" xx:pure-token="XX")`, -1},
		{"where=(LEFT | RIGHT)", `where:oneof(left:pure-token="LEFT" right:pure-token="RIGHT")`, 2},
		{"(a | b c)", "a_b_c:oneof(a:string b_c:block(b:string c:string))", -2},
		{"LIMIT (offset:int count:int)", `offset_count:block="LIMIT"(offset:integer count:integer)`, 4},
		{"[LIMIT (offset:int count:int)]", `offset_count:block="LIMIT"?(offset:integer count:integer)`, -1},
		{"AGGREGATE aggregate=(SUM | MIN)", `aggregate:oneof="AGGREGATE"(sum:pure-token="SUM" min:pure-token="MIN")`, 3},
		{"[GET pattern]...", `pattern:pattern="GET"?*+`, -1},
		{"(GET pattern)...", `pattern:pattern="GET"*+`, -3},
		{"[WEIGHTS weight:int...]", `weight:integer="WEIGHTS"?*`, -1},
		{"[GET (encoding offset:int)]...", `encoding_offset:block="GET"?*+(encoding:string offset:integer)`, -1},
		{"ARGS args=(arg)...", `args:block="ARGS"*(arg:string)`, -3},
		{"condition=[NX | XX]{2.6.12} [GET{6.2.0}]",
			`condition:oneof?>2.6.12(nx:pure-token="NX" xx:pure-token="XX") get:pure-token="GET"?>6.2.0`, -1},
		{"[EX seconds:int{2.6.12} | ip:port:string{-2.8.12}]",
			`seconds_ip:port:oneof?(seconds:integer="EX">2.6.12 ip:port:string<2.8.12)`, -1},
		{"[x{1.0.0}{-2.0.0}...]", "x:string?*>1.0.0<2.0.0", -1},
		{"operation=[GET (e o) | write=([OVERFLOW (WRAP | FAIL)] SET (e v))]...",
			`operation:oneof?*(e_o:block="GET"(e:string o:string) write:block(wrap_fail:oneof="OVERFLOW"?` +
				`(wrap:pure-token="WRAP" fail:pure-token="FAIL") e_v:block="SET"(e:string v:string)))`, -1},
	} {
		args, err := ParseSyntax(tc.syntax)
		if err != nil {
			t.Errorf("%s: %v", tc.syntax, err)
			continue
		}
		if got := dump(args); got != tc.want {
			t.Errorf("%s\n\tgot  %s\n\twant %s", tc.syntax, got, tc.want)
		}
		if got := ArityOf(1, args); got != tc.arity {
			t.Errorf("%s: arity %d, want %d", tc.syntax, got, tc.arity)
		}
		again, err := ParseSyntax(FormatSyntax(args))
		if err != nil || !reflect.DeepEqual(again, args) {
			t.Errorf("%s is written as %s: %v", tc.syntax, FormatSyntax(args), err)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for syntax, want := range map[string]string{
		"key [":          "syntax: nothing in brackets or beside a bar at the end",
		"key []":         "syntax: nothing in brackets or beside a bar at byte 5",
		"(a |)":          "syntax: nothing in brackets or beside a bar at byte 4",
		"(a]":            "syntax: ) expected at byte 2",
		"a)":             `syntax: unexpected ")" at byte 1`,
		"a | b":          `syntax: unexpected "|" at byte 2`,
		"seconds:itn":    `syntax: unknown type "itn" at byte 0`,
		"key@x":          "syntax: bad key spec index at byte 0",
		"key $":          "syntax: unexpected character '$' at byte 4",
		`"abc`:           `syntax: unexpected character '"' at byte 0`,
		"x = y":          "syntax: a name, a word or a bracket expected at byte 4",
		"...":            "syntax: a name, a word or a bracket expected at byte 0",
		"GET (EX a:int)": "syntax: a token before another one at the end",
	} {
		if _, err := ParseSyntax(syntax); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", syntax, err, want)
		}
	}
}

func TestUsage(t *testing.T) {
	for syntax, want := range map[string]string{
		"key [EX seconds:int]":                   "<key> [EX <seconds>]",
		"(key value)...":                         "<key> <value> [<key> <value> ...]",
		"[command-name...]":                      "[<command-name> ...]",
		"where=(LEFT | RIGHT)":                   "(LEFT | RIGHT)",
		"[NX | XX]":                              "[NX | XX]",
		"[GET pattern]... LIMIT (o c)":           "[GET <pattern> [GET <pattern> ...]] LIMIT <o> <c>",
		"[WEIGHTS weight...]":                    "[WEIGHTS <weight> [<weight> ...]]",
		`key_or_empty=(key | empty_string="") x`: `(<key> | "") <x>`,
		"[AGGREGATE aggregate=(SUM | MIN)]":      "[AGGREGATE (SUM | MIN)]",
		"filter=(ONE | TWO)...":                  "(ONE | TWO) [(ONE | TWO) ...]",
		"filter=(A-FIRST first | A-SECOND second | A-THIRD third | A-FOURTH x)...": "(A-FIRST <first> | A-SECOND <second> | " +
			"A-THIRD <third> | A-FOURTH <x>) ...",
	} {
		args, err := ParseSyntax(syntax)
		if got := Usage(args); err != nil || got != want {
			t.Errorf("%s: got %s, want %s (%v)", syntax, got, want, err)
		}
	}
}

// FuzzParseSyntax checks that whatever parses can be written and parsed again to the same tree.
func FuzzParseSyntax(f *testing.F) {
	for _, seed := range []string{
		"key [EX seconds:int | PERSIST]...", "a=(b c)... {1.0.0}", `x="*" GET y`, "T l=(a | (b c) | [D])", "(A) b", "[[a b]]", "n=[(a)]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, syntax string) {
		args, err := ParseSyntax(syntax)
		if err != nil {
			return
		}
		text := FormatSyntax(args)
		again, err := ParseSyntax(text)
		if err != nil || dump(again) != dump(args) {
			t.Fatalf("%q becomes %q: %v\n%s\n%s", syntax, text, err, dump(args), dump(again))
		}
	})
}
