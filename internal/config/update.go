// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redpoll/redpoll/internal/resp"
)

// A Param is the name of a directive and the text of its value.
type Param struct{ Name, Value string }

// A Caller says what the client of a CONFIG SET may do.
type Caller struct {
	Local   bool // it came over loopback or a Unix socket
	Loading bool // the server is loading its data
}

// ErrLoading is Update's answer for a directive that may not change while data is loaded; the reply is the usual LOADING.
var ErrLoading = errors.New("configuration of the data set cannot change while it is loading")

// A SetError says why CONFIG SET failed; Error gives the reply's text without its error code.
type SetError struct {
	Name   string // the parameter to blame
	Reason string // empty: none is known
	// Unknown: there is no directive of that name.
	Unknown bool
}

// Error implements error.
func (e *SetError) Error() string {
	switch {
	case e.Unknown:
		return fmt.Sprintf("Unknown option or number of arguments for CONFIG SET - '%s'", e.Name)
	case e.Reason == "":
		return fmt.Sprintf("CONFIG SET failed (possibly related to argument '%s')", e.Name)
	}
	return fmt.Sprintf("CONFIG SET failed (possibly related to argument '%s') - %s", e.Name, e.Reason)
}

// A Restored is the error of an Update whose hook failed, when even putting the old values back made a hook fail. The
// server's state is then in doubt; the owner logs it.
type Restored struct {
	SetError
	Failed error
}

// Unwrap gives the error that the client sees.
func (e *Restored) Unwrap() error { return &e.SetError }

// OnChange has fn run after one of the named directives has changed, once for an Update that changes several of them. When
// fn fails all of that Update is taken back: the old values are restored and the hooks run so far run again. fn may read
// handles, but call no method of Config that changes or lists it. It panics for a name that does not exist.
func (c *Config) OnChange(fn func() error, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &hook{run: fn}
	for _, name := range names {
		e := c.lookup(name)
		if e == nil {
			panic("config: no directive named " + name)
		}
		e.hooks = append(e.hooks, h)
	}
}

// Set gives one directive a value, as a line of a configuration file would: words of a list are separated by spaces, and
// directives that CONFIG SET may not touch are allowed. Its errors are *SetError.
func (c *Config) Set(name, value string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.lookup(name)
	if e == nil {
		return &SetError{Name: name, Unknown: true}
	}
	args, err := e.words1(value)
	if err != nil {
		return &SetError{Name: name, Reason: err.Error()}
	}
	if err := c.change([]assignment{{e, strings.ToLower(name), args}}); err != nil {
		return err
	}
	e.given = true
	return nil
}

// Update is CONFIG SET: all of the parameters change or none. Its errors are ErrLoading, *SetError and *Restored.
func (c *Config) Update(caller Caller, params []Param) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	todo := make([]assignment, 0, len(params))
	for _, p := range params {
		a, err := c.admit(caller, p, todo)
		if err != nil {
			return err
		}
		todo = append(todo, a)
	}
	return c.change(todo)
}

// assignment is a directive, the name by which it was called, and the words that it is to be set to.
type assignment struct {
	*entry
	called string
	args   []string
}

// admit finds the directive of p and checks that the caller may set it and has not set it in todo.
func (c *Config) admit(caller Caller, p Param, todo []assignment) (assignment, error) {
	e := c.lookup(p.Name)
	switch {
	case e == nil:
		return assignment{}, &SetError{Name: p.Name, Unknown: true}
	case e.Flags&Immutable != 0:
		return assignment{}, &SetError{Name: p.Name, Reason: "can't set immutable config"}
	case e.Flags&Protected != 0 && !c.protectedAllowed(caller):
		return assignment{}, &SetError{Name: p.Name, Reason: "can't set protected config"}
	case e.Flags&DenyLoading != 0 && caller.Loading:
		return assignment{}, ErrLoading
	}
	// Redis takes an alias for another directive here, and so do we: what comes last counts.
	called := strings.ToLower(p.Name)
	for _, other := range todo {
		if other.called == called {
			return assignment{}, &SetError{Name: p.Name, Reason: "duplicate parameter"}
		}
	}
	args := []string{p.Value}
	if e.isList() {
		args = strings.Split(p.Value, " ")
	}
	return assignment{e, called, args}, nil
}

func (c *Config) protectedAllowed(caller Caller) bool {
	e := c.Enum("enable-protected-configs")
	return e.Is("yes") || e.Is("local") && caller.Local
}

// change checks all assignments, then makes them, then runs the hooks of those that changed something. c.mu is held.
func (c *Config) change(todo []assignment) error {
	values := make([]any, len(todo))
	for i, a := range todo {
		v, err := a.value.parse(a.args, false)
		if err != nil {
			return &SetError{Name: a.called, Reason: err.Error()}
		}
		values[i] = v
	}
	olds := make([]any, len(todo))
	var hooks []*hook
	var blame []string
	for i, a := range todo {
		var changed bool
		if olds[i], changed = a.value.store(values[i]); !changed {
			continue
		}
		for _, h := range a.hooks {
			if !containsHook(hooks, h) {
				hooks = append(hooks, h)
				blame = append(blame, a.called)
			}
		}
	}
	for i, h := range hooks {
		if err := h.run(); err != nil {
			return restore(todo, olds, hooks[:i+1], &SetError{Name: blame[i], Reason: err.Error()})
		}
	}
	return nil
}

// restore puts old values back, last first since one directive may be there under two names, and runs hooks again.
func restore(todo []assignment, olds []any, hooks []*hook, cause *SetError) error {
	for i := len(todo) - 1; i >= 0; i-- {
		todo[i].value.store(olds[i])
	}
	for _, h := range hooks {
		if err := h.run(); err != nil {
			return &Restored{*cause, err}
		}
	}
	return cause
}

func containsHook(hooks []*hook, h *hook) bool {
	for _, other := range hooks {
		if other == h {
			return true
		}
	}
	return false
}

// isList reports whether the value is several words.
func (e *entry) isList() bool {
	return e.Kind == EnumSet || e.Kind == Special && e.Name != "notify-keyspace-events"
}

// words1 gives the words of a value that is given as one text.
func (e *entry) words1(value string) ([]string, error) {
	if !e.isList() {
		return []string{value}, nil
	}
	args, ok := resp.SplitWords(value)
	if !ok {
		return nil, errUnbalanced
	}
	return args, nil
}

var errUnbalanced = errors.New("Unbalanced quotes in configuration line")
