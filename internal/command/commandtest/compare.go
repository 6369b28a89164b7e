// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/testutil"
)

// CompareSpecs holds every command of a registry against what the oracle's COMMAND INFO and COMMAND DOCS say of it, and
// fails the test with the field and the right record where they differ. Our own words are not compared: summary,
// complexity, the texts of history, replaced-by and notes.
//
// Commands, arguments and history that are newer than the oracle are left out, and so are subcommands that only the oracle
// has. Each of except names a difference that is meant: "full|name" or "full|name field" ("client|kill syntax").
func CompareSpecs(t testing.TB, r *command.Registry, oracle *testutil.Target, except ...string) {
	t.Helper()
	c := oracle.Dial(t)
	c.Must(t, "HELLO", "3")
	version := serverVersion(c.Must(t, "INFO", "server").Str)
	docs := fieldsOf(c.Must(t, "COMMAND", "DOCS"))
	for _, s := range r.Commands() {
		info := c.Must(t, "COMMAND", "INFO", s.FullName()).Elems[0]
		compareSpec(t, s, info, docs.values[s.FullName()], version, except)
	}
}

// serverVersion finds the version in INFO's text.
func serverVersion(info string) string {
	_, rest, _ := strings.Cut(info, "redis_version:")
	version, _, _ := strings.Cut(rest, "\r")
	return version
}

// newer tells whether version a is newer than b.
func newer(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	return slices.CompareFunc(x, y, func(p, q string) int {
		m, _ := strconv.Atoi(p)
		n, _ := strconv.Atoi(q)
		return m - n
	}) > 0
}

// compareSpec compares a command and its subcommands.
func compareSpec(t testing.TB, s *command.Spec, info, docs testutil.Value, version string, except []string) {
	t.Helper()
	if newer(s.Since, version) || slices.Contains(except, s.FullName()) {
		return
	}
	if info.Null || len(info.Elems) < 10 {
		t.Errorf("%s: redis-server %s does not have it", s.FullName(), version)
		return
	}
	got := factsOf(reply(t, s, command.WriteInfo), reply(t, s, command.WriteDocs), version)
	want := factsOf(info, docs, version)
	wrong, meant := false, false
	for i, f := range want {
		switch g := got[i]; {
		case g.value == f.value:
		case slices.Contains(except, s.FullName()+" "+f.name):
			meant = true
		case f.name == "raw" && (wrong || meant): // it only repeats what was said
		default:
			t.Errorf("%s: %s\n\tgot  %s\n\twant %s", s.FullName(), f.name, g.value, f.value)
			wrong = true
		}
	}
	if wrong {
		t.Logf("the record of %s is, in redis-server %s:\n%s", s.FullName(), version, Describe(withoutSubcommands(info), docs))
	}
	subInfo := map[string]testutil.Value{}
	for _, e := range info.Elems[9].Elems {
		subInfo[e.Elems[0].Str] = e
	}
	subDocs := fieldsOf(fieldsOf(docs).values["subcommands"])
	for _, sub := range s.Children() {
		compareSpec(t, sub, subInfo[sub.FullName()], subDocs.values[sub.FullName()], version, except)
	}
}

// withoutSubcommands is info with an empty list of subcommands.
func withoutSubcommands(info testutil.Value) testutil.Value {
	info.Elems = slices.Clone(info.Elems)
	info.Elems[9] = testutil.Value{Kind: '~'}
	return info
}

// reply gives what write makes of s in protocol 3.
func reply(t testing.TB, s *command.Spec, write func(*resp.Writer, *command.Spec)) testutil.Value {
	t.Helper()
	v, err := resp.NewReader(bytes.NewReader(Reply(3, func(w *resp.Writer) { write(w, s) }))).Read()
	if err != nil {
		t.Fatalf("%s: %v", s.FullName(), err)
	}
	return converted(v)
}

// Reply gives the bytes that write writes in a protocol, 2 or 3.
func Reply(proto int, write func(*resp.Writer)) []byte {
	var w resp.Writer
	w.Init(resp.NewChunkPool(1))
	w.Proto = proto
	write(&w)
	var out []byte
	for w.Pending() > 0 {
		b := w.Next()
		out = append(out, b...)
		w.Consume(len(b))
	}
	return out
}

// converted is the same reply in the other decoder's form.
func converted(v resp.Value) testutil.Value {
	out := testutil.Value{Kind: v.Type, Null: v.Null, Str: v.Str, Int: v.Int}
	if v.Type == ':' {
		out.Str = strconv.FormatInt(v.Int, 10)
	}
	for _, e := range v.Elems {
		out.Elems = append(out.Elems, converted(e))
	}
	return out
}

// fact is one comparable field of a command.
type fact struct{ name, value string }

// factsOf lists what INFO and DOCS say of a command, in words. The same fields come for every command.
func factsOf(info, docs testutil.Value, version string) []fact {
	d := fieldsOf(docs)
	words := func(v testutil.Value) string { return strings.Join(v.Strings(), " ") }
	var history []string
	for _, h := range d.values["history"].Elems {
		if v := h.Elems[0].Str; !newer(v, version) {
			history = append(history, v)
		}
	}
	return []fact{
		{"name", info.Elems[0].Str},
		{"arity", strconv.FormatInt(info.Elems[1].Int, 10)},
		{"flags", words(info.Elems[2])},
		{"first, last, step", fmt.Sprint(info.Elems[3].Int, info.Elems[4].Int, info.Elems[5].Int)},
		{"categories", words(info.Elems[6])},
		{"tips", words(info.Elems[7])},
		{"keys", describeKeys(info.Elems[8].Elems)},
		{"since", d.str("since")},
		{"group", d.str("group")},
		{"history", strings.Join(history, " ")},
		{"doc flags", words(d.values["doc_flags"])},
		{"deprecated since", d.str("deprecated_since")},
		{"replaced by", fmt.Sprint(d.str("replaced_by") != "")},
		{"syntax", command.FormatSyntax(Known(ArgumentsOf(d.values["arguments"]), version))},
		{"raw", raw(withoutSubcommands(info), version) + raw(docs, version)},
	}
}

// Known gives args without those that are newer than a version of Redis.
func Known(args []*command.Argument, version string) []*command.Argument {
	var out []*command.Argument
	for _, a := range args {
		if newer(a.Since, version) {
			continue
		}
		b := *a
		b.Args = Known(a.Args, version)
		out = append(out, &b)
	}
	return out
}

// raw writes a reply with all its types and the order of its fields, without the fields that are not compared and what is
// newer than version.
func raw(v testutil.Value, version string) string {
	if len(v.Elems) == 0 {
		return string(v.Kind) + strconv.Quote(v.Str)
	}
	var b strings.Builder
	b.WriteByte(v.Kind)
	b.WriteByte('[')
	step := 1
	if v.Kind == '%' {
		step = 2
	}
	for i := 0; i+step <= len(v.Elems); i += step {
		e := v.Elems[i]
		if step == 1 {
			if e.Kind == '%' && newer(fieldsOf(e).str("since"), version) {
				continue
			}
			b.WriteString(raw(e, version) + " ")
			continue
		}
		switch e.Str {
		case "summary", "complexity", "notes", "replaced_by", "subcommands", "history":
		default:
			b.WriteString(raw(e, version) + "=" + raw(v.Elems[i+1], version) + " ")
		}
	}
	b.WriteByte(']')
	return b.String()
}
