// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"fmt"

	"github.com/redpoll/redpoll/internal/num"
)

// A GoFunc is a function of Go that scripts call. It finds its arguments in c and leaves its results there. c is good until it
// returns. A long one calls State.Spend as it works, and State.Alloc before it allocates what no other method counts.
//
// The mark counts what it can reach from the stack: so what a function builds while it allocates more must be among its results
// (Push) or arguments, or held by Hold.
type GoFunc func(c *Call) error

// A Call is one call of a GoFunc. Arguments are numbered from 0; texts of errors have Lua's numbers, which begin with 1.
type Call struct {
	s    *State
	th   *Thread
	base int // in the thread's stack: arguments, then what was pushed
	n    int // arguments
	nret int // pushed
	held int // values below the results that Hold put there
}

// State returns the state.
func (c *Call) State() *State { return c.s }

// N returns the number of arguments.
func (c *Call) N() int { return c.n }

// Arg returns an argument, nil beyond the last.
func (c *Call) Arg(i int) Value {
	if uint(i) < uint(c.n) {
		return c.th.stack[c.base+i]
	}
	return Nil
}

// Up returns value i, from 0, of those that NewClosure gave to the function that is called.
func (c *Call) Up(i int) Value { return c.function().ups[i] }

// SetUp replaces it.
func (c *Call) SetUp(i int, v Value) { c.function().ups[i].put(v) }

func (c *Call) function() *GoFunction { return c.th.stack[c.th.frames[len(c.th.frames)-1].fn].gofn() }

// Push adds a result. It fails only when the stack cannot grow.
func (c *Call) Push(v Value) error {
	at := c.base + c.n + c.held + c.nret
	if at >= len(c.th.stack)-window {
		if err := c.th.reserve(at + 1); err != nil {
			return err
		}
	}
	c.th.stack[at] = v
	c.nret++
	c.th.frames[len(c.th.frames)-1].top = int32(at + 1)
	return nil
}

// Return adds results, mostly as the last thing: return c.Return(a, b).
func (c *Call) Return(vs ...Value) error {
	at := c.base + c.n + c.held + c.nret
	if at+len(vs) > len(c.th.stack)-window {
		if err := c.th.reserve(at + len(vs)); err != nil {
			return err
		}
	}
	switch len(vs) {
	case 1:
		c.th.stack[at] = vs[0]
	case 2:
		c.th.stack[at], c.th.stack[at+1] = vs[0], vs[1]
	default:
		copy(c.th.stack[at:], vs)
	}
	c.nret += len(vs)
	c.th.frames[len(c.th.frames)-1].top = int32(at + len(vs))
	return nil
}

// ReturnArgs makes the arguments from number i on the results. It is the last thing, and nothing may have been pushed or held.
func (c *Call) ReturnArgs(i int) error {
	if i < c.n {
		c.n, c.nret = i, c.n-i
	}
	return nil
}

// Clear takes back what was pushed.
func (c *Call) Clear() { c.nret = 0 }

// Hold keeps a value reachable until the function returns. It comes before the first Push.
func (c *Call) Hold(v Value) error {
	if err := c.Push(v); err != nil {
		return err
	}
	c.nret--
	c.held++
	return nil
}

// Call calls a function. The results are good until the state is used again.
func (c *Call) Call(fn Value, args ...Value) ([]Value, error) { return c.s.Call(fn, args...) }

// CallArgs calls a function with the arguments from number i on, as pcall does with its second and following.
func (c *Call) CallArgs(fn Value, i int) ([]Value, error) {
	th := c.th
	at := c.base + c.n + c.held + c.nret
	n := max(c.n-i, 0)
	if err := th.reserve(at + n + 1); err != nil {
		return nil, err
	}
	th.stack[at] = fn
	copy(th.stack[at+1:at+1+n], th.stack[c.base+i:])
	return c.s.results(th, at, n)
}

// Errorf makes an error whose text begins with where the caller is, if that is a function of Lua.
func (c *Call) Errorf(format string, args ...any) error {
	return c.s.raise(c.s.text(c.s.Position(1) + fmt.Sprintf(format, args...)))
}

// ArgError makes the error that argument i, from 0, is bad.
func (c *Call) ArgError(i int, text string) error {
	kind, name := c.name()
	if kind == "method" {
		if i--; i < 0 {
			return c.Errorf("calling '%s' on bad self (%s)", name, text)
		}
	}
	return c.Errorf("bad argument #%d to '%s' (%s)", i+1, name, text)
}

// ArgTypeError makes the error that argument i is not of the type that is wanted: "string expected, got nil".
func (c *Call) ArgTypeError(i int, want string) error {
	got := "no value"
	if i < c.n {
		got = TypeName(c.Arg(i))
	}
	return c.ArgError(i, want+" expected, got "+got)
}

// name returns how the calling instruction names the function.
func (c *Call) name() (kind, name string) {
	frames := c.th.frames
	if len(frames) < 2 {
		return "", "?"
	}
	f := &frames[len(frames)-2]
	if f.cl == nil || frames[len(frames)-1].tails > 0 {
		return "", "?"
	}
	c.s.budget -= len(f.cl.proto.code) / 16 // what finding a name may take
	if kind, name = f.calledName(); kind == "" {
		return "", "?"
	}
	return kind, name
}

// CheckAny fails if there is no argument i, not even nil.
func (c *Call) CheckAny(i int) error {
	if i >= c.n {
		return c.ArgError(i, "value expected")
	}
	return nil
}

// CheckTable returns argument i, which must be a table.
func (c *Call) CheckTable(i int) (*Table, error) {
	if v := c.Arg(i); v.n == tagTable {
		return v.table(), nil
	}
	return nil, c.ArgTypeError(i, "table")
}

// CheckFunction returns argument i, which must be a function.
func (c *Call) CheckFunction(i int) (Value, error) {
	if v := c.Arg(i); v.IsFunction() {
		return v, nil
	}
	return Nil, c.ArgTypeError(i, "function")
}

// CheckNumber returns argument i, which must be a number or the text of one.
func (c *Call) CheckNumber(i int) (float64, error) {
	v := c.Arg(i)
	if v.n > maxTag {
		return v.Num(), nil
	}
	if f, ok := c.s.toNumber(v); ok {
		return f, nil
	}
	return 0, c.ArgTypeError(i, "number")
}

// CheckInteger returns argument i as C's conversion to a ptrdiff_t does: truncated, and the smallest integer when it does not fit.
func (c *Call) CheckInteger(i int) (int64, error) {
	f, err := c.CheckNumber(i)
	return num.Truncate(f), err
}

// CheckInt returns argument i as C's conversion to an int does: truncated, and what does not fit cut to its low 32 bits.
func (c *Call) CheckInt(i int) (int, error) {
	f, err := c.CheckNumber(i)
	return int(int32(num.Truncate(f))), err
}

// CheckString returns argument i, which must be a string, or a number, which becomes its text.
func (c *Call) CheckString(i int) (string, error) {
	v := c.Arg(i)
	switch {
	case v.n == tagString:
		return v.str().s, nil
	case v.n > maxTag:
		return FormatNumber(v.Num()), nil
	}
	return "", c.ArgTypeError(i, "string")
}

// IsNone says whether there is no argument i, or it is nil.
func (c *Call) IsNone(i int) bool { return c.Arg(i).IsNil() }

// OptInteger is CheckInteger with a value for an argument that is missing or nil; the others of this kind likewise.
func (c *Call) OptInteger(i int, def int64) (int64, error) {
	if c.IsNone(i) {
		return def, nil
	}
	return c.CheckInteger(i)
}

// OptInt is CheckInt of an argument that may be missing.
func (c *Call) OptInt(i int, def int) (int, error) {
	if c.IsNone(i) {
		return def, nil
	}
	return c.CheckInt(i)
}

// OptString is CheckString of an argument that may be missing.
func (c *Call) OptString(i int, def string) (string, error) {
	if c.IsNone(i) {
		return def, nil
	}
	return c.CheckString(i)
}

// ToNumber converts a value to a number as arithmetic does.
func ToNumber(v Value) (float64, bool) {
	switch {
	case v.n > maxTag:
		return v.Num(), true
	case v.n == tagString:
		return ParseNumber(v.str().s)
	}
	return 0, false
}

// toNumber is ToNumber for a script, which pays for a long text.
func (s *State) toNumber(v Value) (float64, bool) {
	if v.n == tagString {
		s.budget -= len(v.str().s) / 4
	}
	return ToNumber(v)
}
