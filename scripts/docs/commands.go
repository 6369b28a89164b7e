// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/server"
)

const commandsIntro = `
What this version has, by family. Each command is complete in options, replies and errors as of Redis 7.0, or of Redis 8.10 and
Valkey 9.1 if it is newer, unless [compat.md](compat.md) says otherwise; *since* is the version that brought it. ` + "`COMMAND DOCS`" + `
tells the same of a running server. What Redis 7.0 has and this version has not is [at the end](#not-in-this-version).
`

// titles are the headings of the families; one that is missing here is an error, so that none is forgotten.
var titles = []struct{ family, title string }{
	{"string", "Strings"},
	{"bitmap", "Bitmaps"},
	{"hyperloglog", "HyperLogLogs"},
	{"hash", "Hashes"},
	{"list", "Lists"},
	{"set", "Sets"},
	{"sorted-set", "Sorted sets"},
	{"stream", "Streams"},
	{"geo", "Places"},
	{"array", "Arrays"},
	{"generic", "Keys of any type"},
	{"transactions", "Transactions"},
	{"scripting", "Scripts and functions"},
	{"pubsub", "Publish and subscribe"},
	{"connection", "Connections"},
	{"server", "Server"},
}

// commandsPage makes docs/commands.md.
func commandsPage() (string, error) {
	r, err := command.NewRegistry(server.Families()...)
	if err != nil {
		return "", err
	}
	groups := map[string][]*command.Spec{}
	for s := range r.All() {
		groups[s.Group] = append(groups[s.Group], s)
	}
	var b strings.Builder
	b.WriteString("# Commands\n\n" + made + commandsIntro)
	for _, t := range titles {
		fmt.Fprintf(&b, "\n## %s\n\n", t.title)
		b.WriteString(head("command", "since", "arguments", "complexity", "summary"))
		list := groups[t.family]
		slices.SortFunc(list, func(a, b *command.Spec) int { return strings.Compare(a.FullName(), b.FullName()) })
		for _, s := range list {
			if len(s.Children()) > 0 && s.Run == nil || s.Name == "HELP" {
				continue // a container that cannot be called, and what every container has
			}
			b.WriteString(row(code(strings.ToUpper(strings.ReplaceAll(s.FullName(), "|", " "))), s.Since, arguments(s),
				strings.TrimSuffix(s.Complexity, "."), s.Summary))
		}
		delete(groups, t.family)
	}
	for group := range groups {
		return "", fmt.Errorf("the group %q has no title: give it one in scripts/docs/commands.go", group)
	}
	text, err := missingPart(r)
	return b.String() + text, err
}

// arguments gives a command's syntax as manuals have it.
func arguments(s *command.Spec) string {
	switch usage := command.Usage(s.Arguments()); {
	case usage != "":
		return code(usage)
	case s.FullName() == "debug":
		return "see " + code("DEBUG HELP")
	}
	return ""
}

// missing lists what Redis 7.0 has and this version has not.
var missing = []struct{ title, names string }{
	{"Keys of any type", `MIGRATE`},
	{"Server", `ACL FAILOVER MODULE MONITOR PSYNC REPLCONF REPLICAOF ROLE SLAVEOF SLOWLOG
		SYNC`},
	{"Cluster", `ASKING CLUSTER READONLY READWRITE`},
	{"Subcommands", `CLIENT|CACHING CLIENT|TRACKING CLIENT|TRACKINGINFO`},
}

// missingPart tells what is missing. A name that is there by now is an error.
func missingPart(r *command.Registry) (string, error) {
	var b strings.Builder
	b.WriteString("\n## Not in this version\n\n")
	for _, part := range missing {
		names := strings.Fields(part.names)
		slices.Sort(names)
		for i, name := range names {
			if r.Named([]byte(name)) != nil {
				return "", fmt.Errorf("%s is there by now: take it off the list in scripts/docs/commands.go", name)
			}
			names[i] = code(strings.ReplaceAll(name, "|", " "))
		}
		fmt.Fprintf(&b, "- %s: %s\n", part.title, strings.Join(names, " "))
	}
	return b.String(), nil
}
