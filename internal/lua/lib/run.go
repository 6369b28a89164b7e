// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"errors"

	"github.com/redpoll/redpoll/internal/lua"
)

// pcall implements pcall.
func (l *Library) pcall(c *lua.Call) error {
	if err := c.CheckAny(0); err != nil {
		return err
	}
	if err := c.Push(lua.True); err != nil {
		return err
	}
	results, err := c.CallArgs(c.Arg(0), 1)
	return l.protected(c, results, err)
}

// protected returns what a protected call gave, when true was pushed: its results, or instead of both false and the error.
func (l *Library) protected(c *lua.Call, results []lua.Value, err error) error {
	if err == nil {
		return c.Return(results...)
	}
	var e *lua.Error
	if !errors.As(err, &e) {
		return err
	}
	c.Clear()
	if err := l.s.Spend(stepsOfError); err != nil {
		return err
	}
	return c.Return(lua.False, e.Value)
}

// stepsOfError is what it takes to word an error and to catch it.
const stepsOfError = 50

// xpcall implements xpcall. The function that handles errors is called when the call has ended: nothing here lets it see the stack
// that there was.
func (l *Library) xpcall(c *lua.Call) error {
	if err := c.CheckAny(1); err != nil {
		return err
	}
	if err := c.Push(lua.True); err != nil {
		return err
	}
	results, err := c.CallArgs(c.Arg(0), c.N())
	var e *lua.Error
	if !errors.As(err, &e) {
		return l.protected(c, results, err)
	}
	c.Clear()
	if !c.Arg(1).IsFunction() {
		return l.badHandler(c)
	}
	const most = 20 // errors of the handler, each of which it is called for again
	for range most {
		results, err := c.Call(c.Arg(1), e.Value)
		if err == nil {
			v := lua.Nil
			if len(results) > 0 {
				v = results[0]
			}
			return c.Return(lua.False, v)
		}
		if !errors.As(err, &e) {
			return err
		}
		if err := l.s.Spend(stepsOfError); err != nil {
			return err
		}
	}
	return l.badHandler(c)
}

func (l *Library) badHandler(c *lua.Call) error {
	return c.Return(lua.False, lua.ConstString("error in error handling"))
}

// load implements load: the function returns the program piece by piece, and nothing at its end.
func (l *Library) load(c *lua.Call) error {
	name, err := c.OptString(1, "=(load)")
	if err != nil {
		return err
	}
	f, err := c.CheckFunction(0)
	if err != nil {
		return err
	}
	text := l.buffer()
	defer text.drop()
	for {
		results, err := c.Call(f)
		if err != nil {
			return l.failed(c, err)
		}
		if len(results) == 0 || results[0].IsNil() {
			break
		}
		piece := results[0]
		if piece.IsString() && piece.Str() == "" {
			break
		}
		if !piece.IsString() && !piece.IsNumber() {
			return l.failed(c, c.Errorf("reader function must return a string"))
		}
		if err := text.text(lua.Text(piece)); err != nil {
			return err
		}
	}
	program, err := text.finish()
	if err != nil {
		return err
	}
	return l.compile(c, program.Str(), name)
}

// loadString implements loadstring.
func (l *Library) loadString(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	name, err := c.OptString(1, text)
	if err != nil {
		return err
	}
	return l.compile(c, text, name)
}

// compile returns the function of a program, or nil and what is wrong with it.
func (l *Library) compile(c *lua.Call, text, name string) error {
	f, err := l.s.Compile(text, name)
	if err != nil {
		return l.failed(c, err)
	}
	return c.Return(f)
}

// failed returns nil and an error of Lua's; all others pass.
func (l *Library) failed(c *lua.Call, err error) error {
	var e *lua.Error
	if !errors.As(err, &e) {
		return err
	}
	return c.Return(lua.Nil, e.Value)
}

// getfenv implements getfenv.
func (l *Library) getfenv(c *lua.Call) error {
	f, err := l.functionOf(c, true)
	if err != nil {
		return err
	}
	return c.Return(lua.TableValue(l.s.Env(f)))
}

// setfenv implements setfenv; level 0 is the globals.
func (l *Library) setfenv(c *lua.Call) error {
	env, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	f, err := l.functionOf(c, false)
	if err != nil {
		return err
	}
	if level, ok := lua.ToNumber(c.Arg(0)); ok && level == 0 {
		l.s.SetGlobals(env)
		return nil
	}
	if !l.s.SetEnv(f, env) {
		return c.Errorf("'setfenv' cannot change environment of given object")
	}
	return c.Return(f)
}

// functionOf returns the function that the first argument is or whose level it is; level 1 when it may be missing.
func (l *Library) functionOf(c *lua.Call, optional bool) (lua.Value, error) {
	if c.Arg(0).IsFunction() {
		return c.Arg(0), nil
	}
	level, err := 1, error(nil)
	if !optional || !c.Arg(0).IsNil() {
		if level, err = c.CheckInt(0); err != nil {
			return lua.Nil, err
		}
	}
	if level < 0 {
		return lua.Nil, c.ArgError(0, "level must be non-negative")
	}
	f, ok := l.s.FuncAt(level)
	switch {
	case ok:
		return f, nil
	case level >= l.s.Levels():
		return lua.Nil, c.ArgError(0, "invalid level")
	}
	return lua.Nil, c.Errorf("no function environment for tail call at level %d", level)
}
