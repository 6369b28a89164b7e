// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"errors"
	"fmt"
)

// An Error is an error of Lua's: what pcall catches. Every other Go error that a hook or a function returns passes through pcall,
// xpcall and coroutines and ends the run.
type Error struct {
	// Value is what error() was called with, mostly a string that begins with a position.
	Value Value
	// Source is the chunk's name as given to Compile ("@user_script") of the Lua function that raised the error or called the Go
	// function that did, and Line the line that it was at; "=[C]" and -1 when there is none. Set once, when it is raised.
	Source string
	Line   int
}

// Error returns the error's text.
func (e *Error) Error() string {
	switch v := e.Value; {
	case v.IsString():
		return v.Str()
	case v.IsNumber():
		return FormatNumber(v.Num())
	default:
		return "(error object is a " + TypeName(v) + " value)"
	}
}

// Where returns Source and Line.
func (e *Error) Where() (source string, line int) { return e.Source, e.Line }

// errMemory is raised when the memory limit is reached; it is made beforehand, since there is no memory to make it.
var errMemory = constString("not enough memory")

// errYield is what a yielding function returns to the loop.
var errYield = errors.New("attempt to yield from outside a coroutine")

// Errorf makes an error without a position, as a Go function raises it.
func (s *State) Errorf(format string, args ...any) error {
	return s.raise(s.text(fmt.Sprintf(format, args...)))
}

// Raise makes an error of any value, as error(v, 0) does.
func (s *State) Raise(v Value) error { return s.raise(v) }

// Where returns where the function at a level is, 0 being the running one, 1 its caller and so on: the chunk's name as given to
// Compile and the line. For a Go function and beyond the last level it is "=[C]" and -1.
func (s *State) Where(level int) (source string, line int) {
	if f := s.thread.level(level); f != nil && f.cl != nil {
		return f.cl.proto.Source, f.line()
	}
	return "=[C]", -1
}

// Position returns "chunk:line: " of the function at a level as error texts begin, and "" for one of Go.
func (s *State) Position(level int) string {
	f := s.thread.level(level)
	if f == nil || f.cl == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", f.cl.proto.ShortSource(), f.line())
}

// raise makes an error that knows where it was raised.
func (s *State) raise(v Value) *Error {
	e := &Error{Value: v, Source: "=[C]", Line: -1}
	for i := len(s.thread.frames) - 1; i >= 0; i-- {
		if f := &s.thread.frames[i]; f.cl != nil {
			e.Source, e.Line = f.cl.proto.Source, f.line()
			break
		}
	}
	return e
}

// runError makes an error of the running function: with its position if it is one of Lua's.
func (s *State) runError(format string, args ...any) *Error {
	return s.raise(s.text(s.Position(0) + fmt.Sprintf(format, args...)))
}

// text makes the string of an error; it is small, and counted without asking whether it may be.
func (s *State) text(t string) Value {
	const most = 1 << 10
	if len(t) > most {
		t = t[:most]
	}
	s.used += stringCost(len(t))
	return stringValue(&String{s: t})
}

// typeError makes the error that an operation is not possible on v, which came from a register of the running function or, when reg
// is negative, from elsewhere.
func (s *State) typeError(v Value, what string, reg int) error {
	if f := s.thread.level(0); f != nil && f.cl != nil && reg >= 0 {
		s.budget -= len(f.cl.proto.code) / 16 // what finding a name may take
		if kind, name := f.cl.proto.nameOf(int(f.pc)-1, reg); kind != "" {
			return s.runError("attempt to %s %s '%s' (a %s value)", what, kind, name, TypeName(v))
		}
	}
	return s.runError("attempt to %s a %s value", what, TypeName(v))
}
