// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/testutil"
)

// fields is a map reply (or the flat array that protocol 2 makes of it) by key, in the order of the reply.
type fields struct {
	names  []string
	values map[string]testutil.Value
}

func fieldsOf(v testutil.Value) fields {
	f := fields{values: map[string]testutil.Value{}}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		f.names = append(f.names, v.Elems[i].Str)
		f.values[v.Elems[i].Str] = v.Elems[i+1]
	}
	return f
}

func (f fields) str(name string) string { return f.values[name].Str }

// Describe writes the record that a server's answers to COMMAND INFO and COMMAND DOCS (of one command, without the name)
// amount to, as a family would write it, but for the texts.
func Describe(info, docs testutil.Value) string {
	return describe(info, fieldsOf(docs), "")
}

func describe(info testutil.Value, docs fields, indent string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, indent+format+"\n", args...) }
	name := info.Elems[0].Str
	name = strings.ToUpper(name[strings.IndexByte(name, '|')+1:])
	line("Name: %q, Since: %q, Group: %q,", name, docs.str("since"), docs.str("group"))
	args := ArgumentsOf(docs.values["arguments"])
	if len(args) > 0 {
		line("Syntax: %s,", quoted(command.FormatSyntax(args)))
	}
	if arity := info.Elems[1].Int; int(arity) != derivedArity(info, args) {
		line("Arity: %d,", arity)
	} else {
		line("// arity %d", arity)
	}
	if flags := constants(info.Elems[2], flagNames); flags != "" {
		line("Flags: %s,", flags)
	}
	line("// categories %s", strings.Join(info.Elems[6].Strings(), " "))
	if keys := info.Elems[8].Elems; len(keys) > 0 {
		line("Keys: %s,", describeKeys(keys))
	}
	if tips := info.Elems[7].Strings(); len(tips) > 0 {
		line("Tips: []string{%s},", describeTips(tips))
	}
	for _, h := range docs.values["history"].Elems {
		line("// history %s", h.Elems[0].Str)
	}
	if since := docs.str("deprecated_since"); since != "" {
		line("DeprecatedSince: %q, ReplacedBy: %q,", since, docs.str("replaced_by"))
	}
	if len(info.Elems[9].Elems) > 0 {
		line("Subcommands: []command.Spec{")
		for _, sub := range info.Elems[9].Elems {
			line("\t{")
			subDocs := fieldsOf(docs.values["subcommands"]).values[sub.Elems[0].Str]
			b.WriteString(describe(sub, fieldsOf(subDocs), indent+"\t\t"))
			line("\t},")
		}
		line("},")
	}
	return b.String()
}

// derivedArity is what a registry derives for a command.
func derivedArity(info testutil.Value, args []*command.Argument) int {
	switch name := info.Elems[0].Str; {
	case name == "command":
		return -1
	case len(info.Elems[9].Elems) > 0:
		return -2
	default:
		return command.ArityOf(1+strings.Count(name, "|"), args)
	}
}

// quoted writes text as a Go string, in backquotes when it has quotes in it.
func quoted(text string) string {
	if strings.ContainsRune(text, '"') {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// describeTips writes tips as this module's constants.
func describeTips(tips []string) string {
	out := make([]string, len(tips))
	for i, tip := range tips {
		tip = strings.NewReplacer("_policy:", "_").Replace(tip)
		out[i] = "command.Tip"
		for word := range strings.SplitSeq(tip, "_") {
			out[i] += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(out, ", ")
}

// constants writes a set of words as an expression of this module's constants.
func constants(set testutil.Value, names map[string]string) string {
	var out []string
	for _, w := range set.Strings() {
		if n := names[w]; n != "-" {
			if n == "" {
				n = strings.ToUpper(w[:1]) + w[1:]
			}
			out = append(out, "command."+n)
		}
	}
	return strings.Join(out, " | ")
}

// flagNames gives the constants whose names are not just the word with a capital; "-" is derived.
var flagNames = map[string]string{
	"readonly": "ReadOnly", "denyoom": "DenyOOM", "pubsub": "PubSub", "noscript": "NoScript", "skip_monitor": "SkipMonitor",
	"skip_slowlog": "SkipSlowlog", "no_auth": "NoAuth", "no_mandatory_keys": "NoMandatoryKeys", "no_multi": "NoMulti",
	"no_async_loading": "NoAsyncLoading", "allow_busy": "AllowBusy", "movablekeys": "-", "RO": "RO", "RW": "RW", "OW": "OW",
	"RM": "RM", "not_key": "NotKey", "variable_flags": "VariableFlags",
}

// describeKeys writes key specs as calls of their constructors.
func describeKeys(specs []testutil.Value) string {
	var out []string
	for _, v := range specs {
		spec := fieldsOf(v)
		begin, find := fieldsOf(spec.values["begin_search"]), fieldsOf(spec.values["find_keys"])
		at, how := fieldsOf(begin.values["spec"]), fieldsOf(find.values["spec"])
		n := func(f fields, name string) int64 { return f.values[name].Int }
		place := strconv.FormatInt(n(at, "index"), 10)
		after := ""
		if begin.str("type") == "keyword" {
			place, after = fmt.Sprintf("%q, %d", at.str("keyword"), n(at, "startfrom")), "After"
		}
		last, step, limit := n(how, "lastkey"), n(how, "keystep"), n(how, "limit")
		call := ""
		switch {
		case begin.str("type") == "unknown":
			call = "command.KeysUnknown("
		case find.str("type") == "keynum":
			if call = fmt.Sprintf("command.KeyNum(%s, ", place); step != 1 {
				call = fmt.Sprintf("command.KeyNumEvery(%s, %d, ", place, step)
			}
		case last == 0 && after == "":
			call = fmt.Sprintf("command.KeyAt(%s, ", place)
		case last == 0:
			call = fmt.Sprintf("command.KeyAfter(%s, ", place)
		default:
			call = fmt.Sprintf("command.KeyRange%s(%s, %d, %d, %d, ", after, place, last, step, limit)
		}
		out = append(out, call+constants(spec.values["flags"], flagNames)+")")
	}
	if len(out) == 1 {
		for _, short := range [][2]string{{"KeyAt(1, ", "OneKey("}, {"KeyRange(1, -1, 1, 0, ", "AllKeys("}} {
			if rest, ok := strings.CutPrefix(out[0], "command."+short[0]); ok {
				return "command." + short[1] + rest
			}
		}
	}
	return "[]command.KeySpec{" + strings.Join(out, ", ") + "}"
}

// ArgumentsOf makes arguments of the "arguments" field of COMMAND DOCS.
func ArgumentsOf(v testutil.Value) []*command.Argument {
	var out []*command.Argument
	for _, e := range v.Elems {
		f := fieldsOf(e)
		a := &command.Argument{
			Name: f.str("name"), Type: argTypes[f.str("type")], Token: f.str("token"), KeySpec: -1,
			Since: f.str("since"), DeprecatedSince: f.str("deprecated_since"), Args: ArgumentsOf(f.values["arguments"]),
		}
		if k, ok := f.values["key_spec_index"]; ok {
			a.KeySpec = int(k.Int)
		}
		for _, w := range f.values["flags"].Strings() {
			a.Optional = a.Optional || w == "optional"
			a.Multiple = a.Multiple || w == "multiple"
			a.MultipleToken = a.MultipleToken || w == "multiple_token"
		}
		out = append(out, a)
	}
	return out
}

// argTypes gives the types by their words in COMMAND DOCS.
var argTypes = func() map[string]command.ArgType {
	m := map[string]command.ArgType{}
	for t := command.TypeString; t <= command.TypeBlock; t++ {
		m[t.String()] = t
	}
	return m
}()
