// SPDX-License-Identifier: BSD-3-Clause

// Package lib has the libraries of scripts: Lua 5.1's own (the basic functions, coroutine, math, os.clock, string, table), and those
// that Redis adds (bit, cjson, cmsgpack, struct). What they return, print and complain of is the originals', to the byte.
//
// It knows nothing of Redis's commands. A library belongs to one lua.State, as do all values it makes. Every function that may take
// long spends the state's budget as it works, and asks for memory before it allocates, so that no call can hang or eat its caller.
package lib

import (
	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/lua"
)

// A Library is the standard libraries of one state, with what they keep between calls.
type Library struct {
	s              *lua.State
	clock          *clock.Clock
	started        int64 // the clock's monotonic time when the library was opened
	matcher        matcher
	matches        lua.GoFunc // what the iterators of gmatch do
	scratch        [][]byte   // where short strings are built, but those in use
	random         uint64
	proxies        *lua.Table // the metatables of newproxy
	pause, stepmul int        // what collectgarbage was told
}

// A functions names the functions of a library's table, in the order in which pairs shall find them.
type functions []struct {
	name string
	f    lua.GoFunc
}

// into puts the functions into a table.
func (fs functions) into(s *lua.State, t *lua.Table) error {
	for _, f := range fs {
		if err := s.SetStr(t, f.name, s.NewFunction(f.name, f.f)); err != nil {
			return err
		}
	}
	return nil
}

// Open puts the standard libraries into a state's globals: what Redis gives to scripts, which is all of Lua 5.1 but what reaches
// files, the terminal, the process or the machine itself (print, dofile, loadfile, require, module, io, os but os.clock, package,
// debug). clk is what os.clock reads. It fails when the state's memory does not suffice.
func Open(s *lua.State, clk *clock.Clock) (*Library, error) {
	l := &Library{s: s, clock: clk, started: clk.Mono(), pause: 200, stepmul: 200}
	l.matcher.spend, l.matcher.grant = s.Spend, s.Alloc
	l.matches = l.nextMatch
	l.Seed(firstSeed)
	if err := l.openBase(); err != nil {
		return nil, err
	}
	for _, lib := range []struct {
		name string
		open func() (*lua.Table, error)
	}{{"coroutine", l.openCoroutine}, {"math", l.openMath}, {"os", l.openOS}, {"string", l.openString}, {"table", l.openTable}} {
		t, err := lib.open()
		if err != nil {
			return nil, err
		}
		if err := s.SetStr(s.Globals(), lib.name, lua.TableValue(t)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// table makes a library's table.
func (l *Library) table(fs functions) (*lua.Table, error) {
	t, err := l.s.NewTable(0, len(fs))
	if err != nil {
		return nil, err
	}
	return t, fs.into(l.s, t)
}

func (l *Library) openOS() (*lua.Table, error) {
	return l.table(functions{{"clock", l.osClock}})
}

// osClock implements os.clock: seconds since the library was opened. Lua's counts only the time that the processor worked.
func (l *Library) osClock(c *lua.Call) error {
	return c.Return(lua.Number(float64(l.clock.Mono()-l.started) / 1e9))
}
