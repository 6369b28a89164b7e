// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/config"
)

const configIntro = `
Every directive that a redis.conf of Redis 7.0 (or of a newer Redis or Valkey, where the table below has it) may hold, what it
is by default, and what it does here. All of them can stand in a configuration file, on the command line (` + "`--maxclients 100`" + `)
and in ` + "`CONFIG GET`" + `; a name that is not listed is refused, as by Redis.

    redpoll server /path/to/redis.conf --port 6380 --loglevel verbose
    echo 'maxclients 100' | redpoll server -

In the column *set*, **live** means that ` + "`CONFIG SET`" + ` changes it while the server runs, **start** that it has to be
given at the start, **protected** that ` + "`CONFIG SET`" + ` also needs ` + "`enable-protected-configs`" + `.
`

// statuses are the parts of the page, in order.
var statuses = []struct {
	status config.Status
	title  string
	intro  string
}{
	{config.Works, "What works", "These do what they do in Redis, but for what is said in italics."},
	{config.Later, "Not in this version", "Known, checked and shown by CONFIG, but without effect: what they set is not in this version. " +
		"A line in the log says so, at the start and after CONFIG SET, when one of them is set to something else than its default."},
	{config.Ignored, "No meaning here", "Accepted and shown by CONFIG, without effect by design: there is nothing that they could set. " +
		"A line in the log says so at the start when one of them is set to something else than its default."},
}

// configPage makes docs/config.md.
func configPage() (string, error) {
	var b strings.Builder
	b.WriteString("# Configuration\n\n" + made + configIntro)
	for _, part := range statuses {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", part.title, part.intro)
		b.WriteString(head("directive", "kind", "default", "set", "meaning"))
		for _, d := range config.Directives() {
			if d.Status == part.status {
				b.WriteString(row(name(&d), kind(&d), defaultOf(&d), change(&d), meaning(&d)))
			}
		}
	}
	b.WriteString(configLines)
	return b.String(), nil
}

const configLines = `
## Lines of a file that are no directives

- ` + "`include FILE`" + `: the file's lines stand in its place; a pattern may name several files.
- ` + "`rename-command OLD NEW`" + `: the command is known by its new name only, by none with ` + `""` + `.
- ` + "`user …`" + `: refused in this version, which has the default user only. Set its password with ` + "`requirepass`" + `.
- ` + "`loadmodule FILE …`" + `: accepted with a warning; there are no loadable modules.
`

func name(d *config.Directive) string {
	text := code(d.Name)
	for _, alias := range d.Aliases {
		text += "<br>" + code(alias)
	}
	return text
}

// kind tells what the value is and what it may be.
func kind(d *config.Directive) string {
	switch d.Kind {
	case config.Bool:
		return "yes, no"
	case config.Int:
		return "number" + bounds(d)
	case config.Memory:
		return "bytes" + bounds(d)
	case config.PercentOrMemory:
		return "bytes or n%"
	case config.Octal:
		return "octal number"
	case config.Enum:
		return strings.Join(d.Names, ", ")
	case config.EnumSet:
		return "some of " + strings.Join(d.Names, ", ")
	case config.String:
		return "text"
	default:
		return "words"
	}
}

// bounds tells the range of a number where it is one that somebody chose, and not what fits into a machine word.
func bounds(d *config.Directive) string {
	least, most := "", ""
	switch {
	case d.Min == 0 || d.Min == math.MinInt32:
	case d.Kind == config.Memory && d.Min%(1<<20) == 0:
		least = strconv.FormatInt(d.Min>>20, 10) + "mb"
	default:
		least = strconv.FormatInt(d.Min, 10)
	}
	if d.Max < math.MaxInt32 {
		most = strconv.FormatUint(d.Max, 10)
	}
	switch {
	case least != "" && most != "":
		return " " + least + "–" + most
	case most != "":
		return " up to " + most
	case least != "":
		return " from " + least
	}
	return ""
}

// defaultOf gives the default as a file would have it; of those that depend on the machine what they are.
func defaultOf(d *config.Directive) string {
	switch d.Name {
	case "io-threads":
		return "*usable cores*"
	case "dir":
		return "*where it was started*"
	}
	if d.Default == "" || d.Default == `""` {
		return code(`""`)
	}
	return code(d.Default)
}

func change(d *config.Directive) string {
	switch {
	case d.Flags&config.Immutable != 0:
		return "start"
	case d.Flags&config.Protected != 0:
		return "protected"
	}
	return "live"
}

// meaning is the directive's line and what is different here.
func meaning(d *config.Directive) string {
	text := sentence(d.Doc) + "."
	if d.Here != "" {
		text += " *" + sentence(d.Here) + ".*"
	}
	if d.Flags&config.Hidden != 0 {
		text += " (CONFIG GET shows it only when asked by its exact name.)"
	}
	return text
}
