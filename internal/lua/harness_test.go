// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strings"
	"testing"
)

// A machine is a state with the few functions that tests of the machine need; what its scripts print is in out.
type machine struct {
	*State
	out strings.Builder
}

func newMachine(t testing.TB, o Options) *machine {
	t.Helper()
	m := &machine{State: New(o)}
	for name, f := range map[string]GoFunc{
		"print":        m.print,
		"pcall":        pcall,
		"error":        raiseError,
		"type":         func(c *Call) error { return c.Return(ConstString(TypeName(c.Arg(0)))) },
		"pairs":        func(c *Call) error { return c.Return(c.State().NextFunction(), c.Arg(0), Nil) },
		"ipairs":       func(c *Call) error { return c.Return(c.State().IpairsIterator(), c.Arg(0), Int(0)) },
		"setmetatable": setmetatable,
		"collect":      func(c *Call) error { return c.State().Collect() },
		"select":       selectFrom,
		"rep":          rep,
		"create":       create,
		"resume":       resume,
		"yield":        func(c *Call) error { return c.Yield() },
		"status":       status,
		"fail":         func(c *Call) error { return c.Errorf("failed") },
		"add":          add,
	} {
		if err := m.SetStr(m.Globals(), name, m.NewFunction(name, f)); err != nil {
			t.Fatal(err)
		}
	}
	for name, v := range map[string]Value{"next": m.NextFunction(), "_G": TableValue(m.Globals())} {
		if err := m.SetStr(m.Globals(), name, v); err != nil {
			t.Fatal(err)
		}
	}
	strings, err := m.Compile("return {__index = {}}", "=strings")
	if err != nil {
		t.Fatal(err)
	}
	results, err := m.Call(strings)
	if err != nil {
		t.Fatal(err)
	}
	m.SetStringMeta(results[0].Table())
	return m
}

func (m *machine) print(c *Call) error {
	for i := range c.N() {
		if i > 0 {
			m.out.WriteByte('\t')
		}
		v, err := c.State().ToString(c.Arg(i))
		if err != nil {
			return err
		}
		m.out.WriteString(v.Str())
	}
	m.out.WriteByte('\n')
	return nil
}

func pcall(c *Call) error {
	results, err := c.CallArgs(c.Arg(0), 1)
	if e, ok := err.(*Error); ok {
		return c.Return(False, e.Value)
	} else if err != nil {
		return err
	}
	return c.Return(append([]Value{True}, results...)...)
}

func raiseError(c *Call) error {
	level, err := c.OptInt(1, 1)
	if err != nil {
		return err
	}
	v := c.Arg(0)
	if v.IsString() && level > 0 {
		v = ConstString(c.State().Position(level) + v.Str())
	}
	return c.State().Raise(v)
}

func setmetatable(c *Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	if err := c.State().SetMeta(t, c.Arg(1).Table()); err != nil {
		return err
	}
	return c.Return(c.Arg(0))
}

func selectFrom(c *Call) error {
	if c.Arg(0).Str() == "#" {
		return c.Return(Int(c.N() - 1))
	}
	n, err := c.CheckInt(0)
	if err != nil {
		return err
	}
	for i := max(n, 1); i < c.N(); i++ {
		if err := c.Push(c.Arg(i)); err != nil {
			return err
		}
	}
	return nil
}

func rep(c *Call) error {
	s, err := c.CheckString(0)
	if err != nil {
		return err
	}
	n, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	if err := c.State().Alloc(len(s) * max(n, 0)); err != nil {
		return err
	}
	v, err := c.State().NewString(strings.Repeat(s, max(n, 0)))
	if err != nil {
		return err
	}
	return c.Return(v)
}

func create(c *Call) error {
	fn, err := c.CheckFunction(0)
	if err != nil {
		return err
	}
	if fn.IsGoFunction() {
		return c.ArgError(0, "Lua function expected")
	}
	th, err := c.State().NewThread(fn)
	if err != nil {
		return err
	}
	return c.Return(ThreadValue(th))
}

func resume(c *Call) error {
	if !c.Arg(0).IsThread() {
		return c.ArgError(0, "coroutine expected")
	}
	results, err := c.Resume(c.Arg(0).Thread(), 1)
	if e, ok := err.(*Error); ok {
		return c.Return(False, e.Value)
	} else if err != nil {
		return err
	}
	return c.Return(append([]Value{True}, results...)...)
}

func add(c *Call) error {
	a, err := c.CheckNumber(0)
	if err != nil {
		return err
	}
	b, err := c.CheckNumber(1)
	if err != nil {
		return err
	}
	return c.Return(Number(a + b))
}

func status(c *Call) error {
	if !c.Arg(0).IsThread() {
		return c.ArgError(0, "coroutine expected")
	}
	return c.Return(ConstString(c.Arg(0).Thread().Status().String()))
}

// luaPrelude gives lua5.1 the functions of machine under the same names.
const luaPrelude = `rep, create, resume, yield, status = string.rep, coroutine.create, coroutine.resume, coroutine.yield, coroutine.status
collect = collectgarbage; function fail() error("failed", 2) end; function add(a, b) return a + b end
`

// run runs a chunk and returns what it printed; an error that it ends with is the last line.
func (m *machine) run(t testing.TB, src string, args ...Value) string {
	t.Helper()
	m.out.Reset()
	p, err := Compile(src, "=test")
	if err != nil {
		return err.Error() + "\n"
	}
	if _, err = m.Call(m.Load(p, nil), args...); err != nil {
		m.out.WriteString(err.Error() + "\n")
	}
	return m.out.String()
}
