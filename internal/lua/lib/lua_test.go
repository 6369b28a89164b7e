// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/lua/lib"
	"github.com/redpoll/redpoll/internal/testutil"
)

// errSpent is what the hook of tests ends a run with when its budget is spent.
var errSpent = errors.New("the budget is spent")

// A machine is a state with the libraries, and a function print that writes to out.
type machine struct {
	*lua.State
	out strings.Builder
}

// newMachine makes a machine that may take some steps and bytes.
func newMachine(t testing.TB, steps int, memory int64) *machine {
	t.Helper()
	const step = 10_000
	left := steps / step
	m := &machine{State: lua.New(lua.Options{Step: step, Memory: memory, Hook: func() error {
		if left--; left < 0 {
			return errSpent
		}
		return nil
	}})}
	if _, err := lib.Open(m.State, clock.NewFake(0)); err != nil {
		t.Fatal(err)
	}
	print := m.NewFunction("print", func(c *lua.Call) error {
		for i := range c.N() {
			if i > 0 {
				m.out.WriteByte('\t')
			}
			m.out.WriteString(lua.Text(c.Arg(i)))
		}
		m.out.WriteByte('\n')
		return nil
	})
	if err := m.SetStr(m.Globals(), "print", print); err != nil {
		t.Fatal(err)
	}
	return m
}

// run runs a program under the name that lua5.1 gives to its standard input.
func (m *machine) run(src string) error {
	p, err := lua.Compile(src, "=stdin")
	if err != nil {
		return err
	}
	_, err = m.Call(m.Load(p, nil))
	return err
}

const (
	plenty       = 2_000_000_000
	plentyMemory = 512 << 20
)

// output returns what a program prints, which must not fail.
func output(t testing.TB, src string) string {
	t.Helper()
	m := newMachine(t, plenty, plentyMemory)
	if err := m.run(src); err != nil {
		t.Fatalf("%v, after %s", err, m.out.String())
	}
	return m.out.String()
}

// TestStringFields changes what strings have for fields while the loop knows where they were.
func TestStringFields(t *testing.T) {
	const src = `
local meta, s = getmetatable(""), "abc"
local function look(what)
	for i = 1, 3 do print(what, pcall(function() return s:upper(), s.x end)) end
end
look("string")
string.x = 5
look("a new field")
meta.__index = {upper = function(self) return self .. "!" end, x = 1}
look("another table")
meta.__index.upper, meta.__index.x = nil, nil
look("removed fields")
meta.__index = setmetatable({}, {__index = string})
look("a table with __index")
meta.__index = function(self, key) return function() return key end end
print(s:upper(), s.x())
meta.__index = "def"
print(pcall(function() return s.x end))
meta.__index = nil
look("nothing")
meta.__index = string
look("string again")
print(pcall(function() local n = 5 return n:upper() end))
print(pcall(function() return s:nothing() end))
`
	if got, want := output(t, src), testutil.Lua(t, src); got != want {
		t.Errorf("has:\n%s\nwanted:\n%s", got, want)
	}
}

// FuzzFormat runs string.format and gsub with what comes, under a small budget: nothing may panic.
func FuzzFormat(f *testing.F) {
	for _, text := range []string{"%d", "%-5.2f|%+x", "%q%s", "%c%c", "%.99f", "%5.1s%%", "%", "%123d", "%#o % i"} {
		f.Add(text, "12", 1e300)
	}
	f.Fuzz(func(t *testing.T, text, arg string, number float64) {
		m := newMachine(t, 1_000_000, 8<<20)
		for name, v := range map[string]lua.Value{"text": lua.ConstString(text), "arg": lua.ConstString(arg), "number": lua.Number(number)} {
			if err := m.SetStr(m.Globals(), name, v); err != nil {
				t.Fatal(err)
			}
		}
		for _, src := range []string{"string.format(text, number, arg, number)", "string.format(text, arg, number, arg)", "string.gsub(arg, text, '%0')", "string.gsub(arg, '.', text)"} {
			err := m.run(src)
			var e *lua.Error
			if err != nil && !errors.Is(err, errSpent) && !errors.As(err, &e) {
				t.Fatal(err)
			}
		}
	})
}
