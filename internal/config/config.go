// SPDX-License-Identifier: BSD-3-Clause

// Package config is the configuration of a server: one table of directives (Directives) from which the parser of
// redis.conf, CONFIG GET and CONFIG SET, the command line and the documentation derive.
//
// A Config is made with New, filled by Load before the server starts, and changed by Update (CONFIG SET) while it runs.
// Subsystems fetch a typed handle once (Int, Bool, Enum, Str, or an accessor such as SavePoints) and read it with an
// atomic load; what must act on a change registers a hook with OnChange. The package knows nothing of commands, users or
// sockets: lines that concern those are kept for their owners (Users, Renames).
//
// Locks: one mutex orders changes and hooks; handles are read without it. Rewrite writes the file with a mutex of its own.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/redpoll/redpoll/internal/glob"
	"github.com/redpoll/redpoll/internal/resp"
)

// Config is one server's configuration. Its methods may be called from any goroutine, but Load only before the server
// runs, and nothing that changes or lists the configuration from within a hook.
type Config struct {
	mu      sync.Mutex
	entries []*entry          // table order
	index   map[string]*entry // by lower-case name and alias; not changed after New

	rewriting sync.Mutex // one Rewrite at a time; taken before mu

	// Set by Load, not changed afterwards.
	path    string
	users   []Line
	renames []Line
	modules []Line
}

// entry is one directive with its value.
type entry struct {
	Directive
	value anyHandle
	given bool    // set by file, command line or Set; under Config.mu
	hooks []*hook // under Config.mu
}

// hook is what runs when one of some directives has changed.
type hook struct{ run func() error }

// New returns a configuration with all defaults.
func New() *Config {
	table := Directives()
	c := &Config{index: make(map[string]*entry, 2*len(table)), entries: make([]*entry, len(table))}
	for i := range table {
		e := &entry{Directive: table[i]}
		e.value = newHandle(&e.Directive)
		c.entries[i] = e
		for _, name := range append([]string{e.Name}, e.Aliases...) {
			if c.index[name] != nil {
				panic("config: two directives named " + name)
			}
			c.index[name] = e
		}
	}
	return c
}

// newHandle makes the value of d, holding its default.
func newHandle(d *Directive) anyHandle {
	var h anyHandle
	switch d.Kind {
	case Special:
		args, _ := resp.SplitWords(d.Default)
		return d.make(d, args)
	case Bool:
		h = &BoolValue{}
	case Enum, EnumSet:
		h = &EnumValue{d: d}
	case String:
		s := &StrValue{d: d}
		s.v.Store(&d.Default)
		if d.check == nil || d.Default == "" {
			return s
		}
		h = s
	default:
		h = &IntValue{d: d}
	}
	v, err := h.parse([]string{d.Default}, false)
	if err != nil {
		panic("config: the default of " + d.Name + ": " + err.Error())
	}
	h.store(v)
	return h
}

// lookup finds a directive by its name or alias, in any case.
func (c *Config) lookup(name string) *entry { return c.index[strings.ToLower(name)] }

// Lookup gives the record of a directive by its name or alias, in any case.
func (c *Config) Lookup(name string) (Directive, bool) {
	if e := c.lookup(name); e != nil {
		return e.Directive, true
	}
	return Directive{}, false
}

// handle fetches a handle of type H; a wrong name or type is a mistake in the caller.
func handle[H anyHandle](c *Config, name string) H {
	e := c.lookup(name)
	if e == nil {
		panic("config: no directive named " + name)
	}
	h, ok := e.value.(H)
	if !ok {
		panic(fmt.Sprintf("config: %s is read with a %T", name, e.value))
	}
	return h
}

// Bool gives the handle of a directive of kind Bool. It panics when there is none of that name and kind.
func (c *Config) Bool(name string) *BoolValue { return handle[*BoolValue](c, name) }

// Int gives the handle of a directive of a numeric kind. It panics when there is none of that name and kind.
func (c *Config) Int(name string) *IntValue { return handle[*IntValue](c, name) }

// Enum gives the handle of a directive of kind Enum or EnumSet. It panics when there is none of that name and kind.
func (c *Config) Enum(name string) *EnumValue { return handle[*EnumValue](c, name) }

// Str gives the handle of a directive of kind String. It panics when there is none of that name and kind.
func (c *Config) Str(name string) *StrValue { return handle[*StrValue](c, name) }

// Bind gives the handle of the addresses to listen on; "-" before one means that it may be missing, "*" and "::*" mean
// all addresses of IPv4 and IPv6.
func (c *Config) Bind() *Value[[]string] { return handle[*Value[[]string]](c, "bind") }

// SavePoints gives the handle of save.
func (c *Config) SavePoints() *Value[[]SavePoint] { return handle[*Value[[]SavePoint]](c, "save") }

// BackupSchedule gives the handle of backup-schedule.
func (c *Config) BackupSchedule() *Value[Schedule] {
	return handle[*Value[Schedule]](c, "backup-schedule")
}

// BufferLimits gives the handle of client-output-buffer-limit.
func (c *Config) BufferLimits() *Value[BufferLimits] {
	return handle[*Value[BufferLimits]](c, "client-output-buffer-limit")
}

// KeyspaceEvents gives the handle of notify-keyspace-events.
func (c *Config) KeyspaceEvents() *Value[Events] {
	return handle[*Value[Events]](c, "notify-keyspace-events")
}

// Percentiles gives the handle of latency-tracking-info-percentiles, each within 0..100.
func (c *Config) Percentiles() *Value[[]float64] {
	return handle[*Value[[]float64]](c, "latency-tracking-info-percentiles")
}

// OOMScores gives the handle of oom-score-adj-values: for a master, a replica and a child process.
func (c *Config) OOMScores() *Value[[3]int] { return handle[*Value[[3]int]](c, "oom-score-adj-values") }

// ReplicaOf gives the handle of replicaof.
func (c *Config) ReplicaOf() *Value[Master] { return handle[*Value[Master]](c, "replicaof") }

// Version gives the version of Redis that the server says it is.
func (c *Config) Version() string { return c.Str("redis-version").Load() }

// File gives the absolute path of the configuration file, or "" when there is none.
func (c *Config) File() string { return c.path }

// InDir gives the path that a relative one means: the server's files lie in its working directory (dir).
func (c *Config) InDir(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Str("dir").Load(), path)
}

// Get gives names and values of the directives that match at least one of the patterns (globs, case ignored), each name
// once, as CONFIG GET shows them: hidden ones only when named exactly, and a name without glob characters is shown as it
// was asked for.
func (c *Config) Get(patterns ...string) []Param {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Param
	seen := make(map[string]bool)
	add := func(key, shown string, e *entry) {
		if !seen[key] {
			seen[key] = true
			out = append(out, Param{shown, e.value.text()})
		}
	}
	for _, p := range patterns {
		if !strings.ContainsAny(p, "[*?") {
			if e := c.lookup(p); e != nil {
				add(strings.ToLower(p), p, e)
			}
			continue
		}
		for _, e := range c.entries {
			if e.Flags&Hidden != 0 {
				continue
			}
			for _, name := range append([]string{e.Name}, e.Aliases...) {
				if glob.Match([]byte(p), []byte(name), true) {
					add(name, name, e)
				}
			}
		}
	}
	return out
}

// Remarks gives a line for each directive that was set to something else than its default and has no effect, meant for
// the log at start: for those that have no meaning here, and for those that this version lacks. One that was
// set to nothing, as with save "", asks for nothing.
func (c *Config) Remarks() (ignored, later []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := New()
	for _, e := range c.entries {
		switch {
		case !e.given || !e.asks(fresh):
		case e.Status == Later:
			later = append(later, e.lacking())
		case e.Status == Ignored:
			ignored = append(ignored, fmt.Sprintf("Directive '%s' has no effect in Redpoll%s", e.Name, e.reason()))
		}
	}
	for _, l := range c.modules {
		later = append(later, fmt.Sprintf("Directive 'loadmodule' has no effect in Redpoll: '%s' was not loaded", l.Args[0]))
	}
	return ignored, later
}

// Lacking gives those lines of Remarks that are about what this version lacks, for parameters that have just been set.
func (c *Config) Lacking(params []Param) (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := (*Config)(nil)
	for _, p := range params {
		e := c.lookup(p.Name)
		if e == nil || e.Status != Later {
			continue
		}
		if fresh == nil {
			fresh = New()
		}
		if e.asks(fresh) {
			lines = append(lines, e.lacking())
		}
	}
	return lines
}

// asks tells whether the directive is set to something that is neither nothing nor its value in fresh, its default.
func (e *entry) asks(fresh *Config) bool {
	text := e.value.text()
	return text != "" && text != fresh.lookup(e.Name).value.text()
}

// lacking is the line on a directive for what this version lacks.
func (e *entry) lacking() string {
	return fmt.Sprintf("Directive '%s' is not supported by this version of Redpoll and has no effect%s", e.Name, e.reason())
}

// reason says behind a line why the directive has no effect, if there is something to say.
func (e *entry) reason() string {
	if e.Here == "" {
		return ""
	}
	return ": " + e.Here
}

// Users gives the lines user, each with a name and its rules, in order, for the owner of the users.
func (c *Config) Users() []Line { return slices.Clone(c.users) }

// Renames gives the lines rename-command, each with the old and the new name, in order, for the owner of the command table.
func (c *Config) Renames() []Line { return slices.Clone(c.renames) }

// workingDir is the process's directory, which dir starts with.
func workingDir() string {
	if wd, err := os.Getwd(); err == nil {
		return wd
	}
	return "/"
}
