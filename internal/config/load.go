// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/redpoll/redpoll/internal/resp"
)

// A Line is one line of the configuration, of a file or from the command line.
type Line struct {
	Number int      // from 1, within the text that it was found in
	Text   string   // without white space around it
	Args   []string // the words after the directive
}

// A Source says what a configuration is read from: a file, then standard input, then the options of the command line,
// the last value of a directive being the one that counts.
type Source struct {
	Path    string    // "": no file
	Stdin   io.Reader // nil: not asked for
	Options string    // lines made of the command line's options
}

// A LineError is a configuration that cannot be used. Error gives the lines that redis-server prints.
type LineError struct {
	Version string
	Line    *Line // nil: no line in particular
	Reason  string
}

// Error implements error.
func (e *LineError) Error() string {
	s := fmt.Sprintf("\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\n", e.Version)
	if e.Line != nil {
		s += fmt.Sprintf("Reading the configuration file, at line %d\n>>> '%s'\n", e.Line.Number, e.Line.Text)
	}
	return s + e.Reason
}

// An OpenError is a configuration file that cannot be read. Error gives the text that redis-server logs.
type OpenError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *OpenError) Error() string {
	return fmt.Sprintf("Fatal error, can't open config file '%s': %s", e.Path, SystemText(e.Err))
}

// Unwrap gives the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// LineError makes the error for a line that its owner cannot use (Users, Renames).
func (c *Config) LineError(line Line, reason string) error {
	return &LineError{c.Version(), &line, reason}
}

// maxInclude bounds how deep files may include files.
const maxInclude = 64

// loader reads one Source.
type loader struct {
	c    *Config
	save bool // a save line was seen: the next ones add to it
}

// Load reads a configuration. Its errors are *LineError and *OpenError, after which the configuration is of no use.
func (c *Config) Load(src Source) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	if src.Path != "" {
		path, err := filepath.Abs(src.Path)
		if err != nil {
			return &OpenError{src.Path, err}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return &OpenError{path, err}
		}
		c.path = path
		text.Write(data)
	}
	if src.Stdin != nil {
		if _, err := io.Copy(&text, src.Stdin); err != nil {
			return &OpenError{"-", err}
		}
	}
	if src.Options != "" {
		text.WriteString("\n" + src.Options)
	}
	l := &loader{c: c}
	if err := l.text(text.String(), 0); err != nil {
		return err
	}
	return c.checkWhole()
}

// checkWhole looks at what no single line can show.
func (c *Config) checkWhole() error {
	if c.Bool("cluster-enabled").Load() && c.ReplicaOf().Load().Host != "" {
		return &LineError{c.Version(), nil, "replicaof directive not allowed in cluster mode"}
	}
	if path := c.Str("logfile").Load(); path != "" {
		f, err := os.OpenFile(c.InDir(path), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return &LineError{c.Version(), nil, "Can't open the log file: " + SystemText(err)}
		}
		return f.Close()
	}
	return nil
}

// text reads the lines of one file, or of the first file with what follows it.
func (l *loader) text(text string, depth int) error {
	for i, s := range strings.Split(text, "\n") {
		s = strings.Trim(s, " \t\r\n")
		if isRemark(s) {
			continue
		}
		line := Line{Number: i + 1, Text: s}
		words, ok := resp.SplitWords(s)
		if !ok {
			return l.c.LineError(line, errUnbalanced.Error())
		}
		line.Args = words[1:]
		if err := l.line(strings.ToLower(words[0]), line, depth); err != nil {
			return err
		}
	}
	return nil
}

// isRemark tells whether a line, without white space around it, says nothing to the server. It ends at a NUL.
func isRemark(line string) bool { return line == "" || line[0] == '#' || line[0] == 0 }

// line obeys one line, whose directive is name.
func (l *loader) line(name string, line Line, depth int) error {
	args := line.Args
	if e := l.c.index[name]; e != nil {
		if err := l.assign(e, args); err != nil {
			return l.c.LineError(line, err.Error())
		}
		return nil
	}
	lo, hi, ok := lineOnly(name)
	if !ok || len(args) < lo || hi >= 0 && len(args) > hi {
		return l.c.LineError(line, refusal(name, len(args)))
	}
	switch name {
	case "include":
		return l.include(line, args[0], depth+1)
	case "rename-command":
		l.c.renames = append(l.c.renames, line)
	case "user":
		l.c.users = append(l.c.users, line)
	case "loadmodule":
		l.c.modules = append(l.c.modules, line)
	}
	return nil
}

// refusal says what is wrong with a line whose first word is no directive, or one with other arguments.
func refusal(name string, args int) string {
	switch {
	case name == "sentinel":
		return "sentinel directive while not in sentinel mode"
	case strings.Contains(name, ".") && args == 0:
		return "Module config specified without value"
	case strings.Contains(name, "."):
		return "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"
	}
	return "Bad directive or wrong number of arguments"
}

// assign sets a directive to the words of a line.
func (l *loader) assign(e *entry, args []string) error {
	if !e.isList() && len(args) != 1 {
		return errArgCount
	}
	if len(args) == 1 {
		var err error
		if args, err = e.words1(args[0]); err != nil {
			return err
		}
	}
	v, err := e.value.parse(args, e.Name == "save" && l.save)
	if err != nil {
		return err
	}
	e.value.store(v)
	e.given = true
	l.save = l.save || e.Name == "save"
	return nil
}

// include reads the files that a pattern names; it is relative to the server's directory as set so far.
func (l *loader) include(line Line, pattern string, depth int) error {
	if depth > maxInclude {
		return l.c.LineError(line, "Too many nested include directives")
	}
	paths := []string{l.c.InDir(pattern)}
	if strings.ContainsAny(pattern, "*?[") {
		var err error
		if paths, err = filepath.Glob(paths[0]); err != nil {
			return l.c.LineError(line, "Invalid include pattern")
		}
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return &OpenError{path, err}
		}
		if err := l.text(string(data), depth); err != nil {
			return err
		}
	}
	return nil
}

// SystemText gives the cause of an operating system's error as C programs print it.
func SystemText(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return fmt.Sprint(err)
	}
	s := errno.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
