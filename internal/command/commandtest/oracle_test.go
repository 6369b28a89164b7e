// SPDX-License-Identifier: BSD-3-Clause

package commandtest

import (
	"flag"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/testutil"
)

var describeFlag = flag.String("describe", "", "print the records of these commands (comma separated, or all) as the redis-server has them")

// TestDescribe prints, when asked by -describe, what a family author needs to know of a command.
func TestDescribe(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	docs := fieldsOf(c.Must(t, "COMMAND", "DOCS"))
	names := strings.Split(*describeFlag, ",")
	if *describeFlag == "all" {
		names = docs.names
		sort.Strings(names)
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		info := c.Must(t, "COMMAND", "INFO", name).Elems[0]
		if info.Null {
			t.Fatalf("the server has no %s", name)
		}
		os.Stdout.WriteString("{\n" + Describe(info, docs.values[strings.ToLower(name)]) + "},\n")
	}
}

// TestSyntaxOfEveryCommand writes the arguments of every command of the server as a Syntax and parses it again.
func TestSyntaxOfEveryCommand(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	docs := fieldsOf(c.Must(t, "COMMAND", "DOCS"))
	if len(docs.names) < 200 {
		t.Fatalf("only %d commands", len(docs.names))
	}
	var one func(name string, d fields)
	one = func(name string, d fields) {
		want := ArgumentsOf(d.values["arguments"])
		text := command.FormatSyntax(want)
		got, err := command.ParseSyntax(text)
		if err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s comes back as %s", name, text, command.FormatSyntax(got))
		}
		subs := fieldsOf(d.values["subcommands"])
		for _, n := range subs.names {
			one(n, fieldsOf(subs.values[n]))
		}
	}
	for _, n := range docs.names {
		one(n, fieldsOf(docs.values[n]))
	}
}
