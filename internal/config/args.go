// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"strings"

	"github.com/redpoll/redpoll/internal/resp"
)

// Arguments are the command line of a server, taken apart.
type Arguments struct {
	Path    string // the configuration file, "" for none
	Stdin   bool   // "-": standard input has configuration too
	Options string // the options, as lines of a configuration
}

// ParseArgs takes the arguments after the program's name apart by the rules of redis-server 7.0. First may come a file.
// "--name" begins an option, and what follows up to the next option are its values; but directly after the name a value
// is taken whatever it looks like, and an argument such as "--port 7000" has its value within. A lone "-" at the end, or
// as the last argument after options, means standard input. --save without a value means none.
func ParseArgs(args []string) Arguments {
	var a Arguments
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		a.Path, args = args[0], args[1:]
	}
	var lines []string
	wantValue := false // the option's name was just read: the next argument is a value
	for i, arg := range args {
		last := i == len(args)-1
		switch {
		case arg == "-" && last:
			a.Stdin = true
		case strings.HasPrefix(arg, "--") && !wantValue:
			lines = append(lines, arg[2:])
			words, _ := resp.SplitWords(arg)
			wantValue = len(words) == 1
			if wantValue && strings.EqualFold(arg, "--save") && (last || strings.HasPrefix(args[i+1], "--")) {
				lines[len(lines)-1] += ` ""`
				wantValue = false
			}
		default:
			if len(lines) == 0 {
				lines = append(lines, "")
			}
			lines[len(lines)-1] += " " + resp.Quote(arg)
			wantValue = false
		}
	}
	a.Options = strings.Join(lines, "\n")
	return a
}
