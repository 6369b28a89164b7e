// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
)

// anyHandle is what Config needs of a value: check a text without changing anything, keep what came of it, and say it.
type anyHandle interface {
	parse(args []string, more bool) (any, error) // more: add to the present value (save lines of one file)
	store(v any) (old any, changed bool)
	text() string
}

var (
	_ anyHandle = (*BoolValue)(nil)
	_ anyHandle = (*IntValue)(nil)
	_ anyHandle = (*EnumValue)(nil)
	_ anyHandle = (*StrValue)(nil)
	_ anyHandle = (*Value[int])(nil)
)

// BoolValue is the handle of a yes-or-no directive. Its methods may be called from any goroutine.
type BoolValue struct{ v atomic.Bool }

// Load gives the present value.
func (b *BoolValue) Load() bool { return b.v.Load() }

func (b *BoolValue) parse(args []string, _ bool) (any, error) {
	switch {
	case strings.EqualFold(args[0], "yes"):
		return true, nil
	case strings.EqualFold(args[0], "no"):
		return false, nil
	}
	return nil, errors.New("argument must be 'yes' or 'no'")
}

func (b *BoolValue) store(v any) (any, bool) {
	old := b.v.Swap(v.(bool))
	return old, old != v.(bool)
}

func (b *BoolValue) text() string {
	if b.v.Load() {
		return "yes"
	}
	return "no"
}

// IntValue is the handle of a numeric directive. Its methods may be called from any goroutine.
type IntValue struct {
	d *Directive
	v atomic.Int64 // the bits of a uint64 where d.Max is past the range of int64
}

// Load gives the present value: bytes for memory directives; -n for "n%"; the largest int64 for what is past it.
func (n *IntValue) Load() int64 {
	v := n.v.Load()
	if v < 0 && n.d.Max > maxI64 {
		return maxI64
	}
	return v
}

func (n *IntValue) parse(args []string, _ bool) (any, error) {
	v, err := parseNumber(n.d, args[0])
	if err == nil && n.d.fix != nil {
		v = n.d.fix(v)
	}
	return v, err
}

func (n *IntValue) store(v any) (any, bool) {
	old := n.v.Swap(v.(int64))
	return old, old != v.(int64)
}

func (n *IntValue) text() string {
	v := n.v.Load()
	switch {
	case n.d.Kind == Octal:
		return strconv.FormatInt(v, 8)
	case n.d.Kind == PercentOrMemory && v < 0:
		return strconv.FormatInt(-v, 10) + "%"
	case n.d.Max > maxI64:
		return strconv.FormatUint(uint64(v), 10)
	}
	return strconv.FormatInt(v, 10)
}

// EnumValue is the handle of a directive with a fixed set of words. Its methods may be called from any goroutine.
type EnumValue struct {
	d *Directive
	v atomic.Int64 // Enum: index into Names; EnumSet: bit i-1 for Names[i]
}

// Load gives the present word as the table spells it; of an EnumSet all words, separated by spaces.
func (e *EnumValue) Load() string { return e.text() }

// Index gives the place of the present word in the directive's Names; only for kind Enum.
func (e *EnumValue) Index() int { return int(e.v.Load()) }

// Is reports whether word is the present one, or of an EnumSet one of the present ones.
func (e *EnumValue) Is(word string) bool {
	i, v := e.find(word), e.v.Load()
	switch {
	case i < 0:
		return false
	case e.d.Kind == Enum || i == 0:
		return v == int64(i)
	}
	return v&(1<<(i-1)) != 0
}

func (e *EnumValue) find(word string) int {
	for i, name := range e.d.Names {
		if strings.EqualFold(name, word) {
			return i
		}
	}
	return -1
}

func (e *EnumValue) parse(args []string, _ bool) (any, error) {
	var v int64
	unknown := errors.New("argument(s) must be one of the following: " + strings.Join(e.d.Names[:len(e.d.Names)-e.d.Newer], ", "))
	if len(args) == 0 {
		return nil, unknown
	}
	for _, word := range args {
		i := e.find(word)
		if i < 0 {
			return nil, unknown
		}
		switch {
		case e.d.Kind == Enum:
			v = int64(i)
		case i > 0:
			v |= 1 << (i - 1)
		}
	}
	if e.d.words != nil {
		if err := e.d.words(e.namesOf(v)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (e *EnumValue) store(v any) (any, bool) {
	old := e.v.Swap(v.(int64))
	return old, old != v.(int64)
}

func (e *EnumValue) text() string {
	return strings.Join(e.namesOf(e.v.Load()), " ")
}

func (e *EnumValue) namesOf(v int64) []string {
	if e.d.Kind == Enum || v == 0 {
		return e.d.Names[v : v+1]
	}
	var set []string
	for i, name := range e.d.Names[1:] {
		if v&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return set
}

// StrValue is the handle of a text directive. Its methods may be called from any goroutine.
type StrValue struct {
	d *Directive
	v atomic.Pointer[string] // never nil
}

// Load gives the present text; empty means unset.
func (s *StrValue) Load() string { return *s.v.Load() }

func (s *StrValue) parse(args []string, _ bool) (any, error) {
	if s.d.check != nil {
		return s.d.check(s.Load(), args[0])
	}
	return args[0], nil
}

func (s *StrValue) store(v any) (any, bool) {
	t := v.(string)
	old := *s.v.Swap(&t)
	return old, old != t
}

func (s *StrValue) text() string { return s.Load() }

// Value is the handle of a directive with a grammar of its own. Its methods may be called from any goroutine.
type Value[T any] struct {
	v      atomic.Pointer[T] // never nil
	read   func(args []string, old T, more bool) (T, error)
	format func(T) string
}

// Load gives the present value, which is shared: it must not be changed.
func (s *Value[T]) Load() T { return *s.v.Load() }

func (s *Value[T]) parse(args []string, more bool) (any, error) {
	return s.read(args, s.Load(), more)
}

func (s *Value[T]) store(v any) (any, bool) {
	t := v.(T)
	old := *s.v.Swap(&t)
	return old, s.format(old) != s.format(t)
}

func (s *Value[T]) text() string { return s.format(s.Load()) }

// special makes the constructor of a Special directive's handle.
func special[T any](read func([]string, T, bool) (T, error), format func(T) string) func(*Directive, []string) anyHandle {
	return func(d *Directive, defaults []string) anyHandle {
		s := &Value[T]{read: read, format: format}
		var zero T
		s.v.Store(&zero)
		v, err := read(defaults, zero, false)
		if err != nil {
			panic("config: the default of " + d.Name + ": " + err.Error())
		}
		s.v.Store(&v)
		return s
	}
}
