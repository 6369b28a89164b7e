// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"errors"

	"github.com/redpoll/redpoll/internal/lua"
)

// openCoroutine makes the table coroutine.
func (l *Library) openCoroutine() (*lua.Table, error) {
	return l.table(functions{
		{"create", l.create}, {"resume", l.resume}, {"running", l.running}, {"status", l.status}, {"wrap", l.wrap}, {"yield", l.yield},
	})
}

// newThread makes a coroutine of the first argument.
func (l *Library) newThread(c *lua.Call) (*lua.Thread, error) {
	f := c.Arg(0)
	if !f.IsFunction() || f.IsGoFunction() {
		return nil, c.ArgError(0, "Lua function expected")
	}
	return l.s.NewThread(f)
}

// create implements coroutine.create.
func (l *Library) create(c *lua.Call) error {
	th, err := l.newThread(c)
	if err != nil {
		return err
	}
	return c.Return(lua.ThreadValue(th))
}

// checkThread returns the first argument, which must be a coroutine.
func checkThread(c *lua.Call) (*lua.Thread, error) {
	if th := c.Arg(0).Thread(); th != nil {
		return th, nil
	}
	return nil, c.ArgError(0, "coroutine expected")
}

// resume implements coroutine.resume.
func (l *Library) resume(c *lua.Call) error {
	th, err := checkThread(c)
	if err != nil {
		return err
	}
	results, err := c.Resume(th, 1)
	var e *lua.Error
	switch {
	case errors.As(err, &e):
		return c.Return(lua.False, e.Value)
	case err != nil:
		return err
	}
	if err := c.Push(lua.True); err != nil {
		return err
	}
	return c.Return(results...)
}

// status implements coroutine.status.
func (l *Library) status(c *lua.Call) error {
	th, err := checkThread(c)
	if err != nil {
		return err
	}
	return c.Return(lua.ConstString(th.Status().String()))
}

// running implements coroutine.running.
func (l *Library) running(c *lua.Call) error {
	th, main := l.s.Thread()
	if main {
		return c.Return(lua.Nil)
	}
	return c.Return(lua.ThreadValue(th))
}

// yield implements coroutine.yield.
func (l *Library) yield(c *lua.Call) error { return c.Yield() }

// wrap implements coroutine.wrap. An error of the coroutine begins with where the function was called, too.
func (l *Library) wrap(c *lua.Call) error {
	th, err := l.newThread(c)
	if err != nil {
		return err
	}
	f, err := l.s.NewClosure("wrap", func(c *lua.Call) error {
		results, err := c.Resume(th, 0)
		var e *lua.Error
		if errors.As(err, &e) {
			if v := e.Value; v.IsString() || v.IsNumber() {
				return l.raiseAt(1, lua.Text(v))
			}
		}
		if err != nil {
			return err
		}
		return c.Return(results...)
	}, lua.ThreadValue(th))
	if err != nil {
		return err
	}
	return c.Return(f)
}
