// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strings"
	"testing"
)

func TestErrorsKnowWhereTheyWereRaised(t *testing.T) {
	m := newMachine(t, Options{})
	for src, line := range map[string]int{
		"\nerror('x')":                        2,
		"\n\nlocal t\nt.x = 1":                4,
		"local function f()\nfail() end\nf()": 2,
		"pcall(error)\nerror({})":             2,
		"\nreturn fail()":                     2,
	} {
		p, err := Compile(src, "@user_script")
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Call(m.Load(p, nil))
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%q: %v", src, err)
			continue
		}
		if source, at := e.Where(); source != "@user_script" || at != line {
			t.Errorf("%q was raised at %s:%d, want line %d", src, source, at, line)
		}
	}
	_, err := m.Call(m.Globals().GetStr("fail"))
	if e, ok := err.(*Error); !ok || e.Source != "=[C]" || e.Line != -1 {
		t.Errorf("a Go function alone: %v", err)
	}
}

// What a Go function builds is safe from the mark if it is held, pushed or pinned, and the state's own if it is kept.
func TestMarkSeesWhatGoFunctionsHold(t *testing.T) {
	m := newMachine(t, Options{})
	const size = 1 << 20
	big := func(s *State) Value {
		v, err := s.NewString(strings.Repeat("x", size))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, hold := range map[string]func(c *Call) error{
		"held":   func(c *Call) error { return c.Hold(big(c.State())) },
		"pushed": func(c *Call) error { return c.Push(big(c.State())) },
		"pinned": func(c *Call) error { return c.State().Pin(size) },
		"kept":   func(c *Call) error { c.State().Keep(big(c.State())); return nil },
	} {
		f := m.NewFunction(name, func(c *Call) error {
			if err := hold(c); err != nil {
				return err
			}
			if err := c.State().Collect(); err != nil {
				return err
			}
			if got := c.State().Memory(); got < size {
				t.Errorf("%s: %d bytes are counted", name, got)
			}
			return c.Return(Int(7))
		})
		if results, err := m.Call(f); err != nil || show(results[len(results)-1]) != "7" {
			t.Errorf("%s: %v", name, err)
		}
		m.kept = nil
		m.Settle()
		if got := m.Memory(); got > size/2 {
			t.Errorf("%s: %d bytes are counted afterwards", name, got)
		}
	}
}

func TestArgumentErrors(t *testing.T) {
	m := newMachine(t, Options{})
	check := func(name string, f GoFunc) {
		if err := m.SetStr(m.Globals(), name, m.NewFunction(name, f)); err != nil {
			t.Fatal(err)
		}
	}
	check("num", func(c *Call) error { _, err := c.CheckNumber(1); return err })
	check("str", func(c *Call) error { _, err := c.CheckString(0); return err })
	check("tab", func(c *Call) error { _, err := c.CheckTable(0); return err })
	check("fn", func(c *Call) error { _, err := c.CheckFunction(0); return err })
	check("any", func(c *Call) error { return c.CheckAny(0) })
	check("opt", func(c *Call) error { _, err := c.OptInt(0, 5); return err })
	for src, want := range map[string]string{
		"num(1)":                          "test:1: bad argument #2 to 'num' (number expected, got no value)",
		"num(1, {})":                      "test:1: bad argument #2 to 'num' (number expected, got table)",
		"num(1, 'x')":                     "test:1: bad argument #2 to 'num' (number expected, got string)",
		"num(1, ' 0x10 ')":                "",
		"str(nil)":                        "test:1: bad argument #1 to 'str' (string expected, got nil)",
		"str(1)":                          "",
		"local f = tab f(1)":              "test:1: bad argument #1 to 'f' (table expected, got number)",
		"local t = {tab = tab} t.tab(1)":  "test:1: bad argument #1 to 'tab' (table expected, got number)",
		"local t = {fn = fn} t:fn()":      "test:1: calling 'fn' on bad self (function expected, got table)",
		"local t = {num = num} t:num({})": "test:1: bad argument #1 to 'num' (number expected, got table)",
		"any()":                           "test:1: bad argument #1 to 'any' (value expected)",
		"any(nil)":                        "",
		"opt() opt(nil)":                  "",
		"opt('x')":                        "test:1: bad argument #1 to 'opt' (number expected, got string)",
		"print(pcall(tab))":               "false\tbad argument #1 to '?' (table expected, got no value)",
		"return tab()":                    "test:1: bad argument #1 to 'tab' (table expected, got no value)",
		"for i in tab do end":             "test:1: bad argument #1 to '(for generator)' (table expected, got nil)",
	} {
		if got := strings.TrimSuffix(m.run(t, src), "\n"); got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}
