// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"errors"
	"strings"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
)

// loadTime is for how long a library that a client loads may run; fileLoadTime for how long one of a file, which has to come back on a slow
// machine, too.
const (
	loadTime     = 500 * time.Millisecond
	fileLoadTime = 10 * time.Second
)

// errLoadTime ends a library that runs for longer, of which clients are told errTimeout.
var errLoadTime = errors.New("script: a library has run for too long")

const errTimeout = command.Error("ERR Error registering functions: ERR FUNCTION LOAD timeout")

// While a library's text is run it finds one global, redis, which has register_function and little else: so a library cannot reach the data
// when it is loaded, and does the same whenever it is. What its functions find when they are called is the globals of their sandbox.

// functionState is what a sandbox has for functions.
type functionState struct {
	visible *lua.Table // what functions, and libraries that are loaded, see as the globals: an empty table; nil: not made yet
	meta    *lua.Table // its metatable, whose __index says where globals are looked for
	loading *lua.Table // that is __index while a library is loaded
	kept    *lua.Table // has the callbacks by the functions' serial numbers, so that the state counts them as in use

	set       *librarySet // that callbacks has functions of
	callbacks map[*function]lua.Value

	registering *registration // of the library that is being loaded, or has panicked then; nil: none is

	run command.ScriptRun
}

// A registration is what a library has registered until now.
type registration struct {
	library   *library
	serial    func() int
	names     map[string]bool // of its functions, in lower case
	callbacks []lua.Value     // of its functions
}

// openLibraries makes what a sandbox for functions needs beside other sandboxes.
func (b *sandbox) openLibraries() error {
	s, f := b.state, &b.libraries
	var tables [5]*lua.Table
	for i := range tables {
		var err error
		if tables[i], err = s.NewTable(0, 4); err != nil {
			return err
		}
	}
	api, missing := tables[4], b.globals.Meta
	f.visible, f.meta, f.loading, f.kept = tables[0], tables[1], tables[2], tables[3]
	f.callbacks = map[*function]lua.Value{}
	s.Keep(lua.TableValue(f.kept))
	s.Keep(lua.TableValue(f.loading))
	if err := b.define(api, map[string]lua.GoFunc{"register_function": b.registerFunction}); err != nil {
		return err
	}
	full := b.globals.GetStr("redis").Table()
	for _, name := range []string{"log", "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING", "REDIS_VERSION", "REDIS_VERSION_NUM"} {
		if err := s.SetStr(api, name, full.GetStr(name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"redis", "server"} {
		if err := s.SetStr(f.loading, name, lua.TableValue(api)); err != nil {
			return err
		}
	}
	for _, t := range []*lua.Table{api, f.loading} {
		if err := s.SetMeta(t, missing); err != nil {
			return err
		}
	}
	protect(f.loading)
	if err := s.SetMeta(f.visible, f.meta); err != nil {
		return err
	}
	if err := b.lookIn(b.globals); err != nil {
		return err
	}
	protect(f.visible)
	s.SetGlobals(f.visible)
	return nil
}

// lookIn has globals be looked for in a table.
func (b *sandbox) lookIn(t *lua.Table) error {
	meta := b.libraries.meta
	meta.Readonly = false
	err := b.state.SetStr(meta, "__index", lua.TableValue(t))
	meta.Readonly = true
	return err
}

// newLibrary makes a library of a text that is to be put into a set, with replace in the place of one with its name. most is for how long it
// may run, 0 for as long as it likes; tick is called every so often, and ends it with its error. Other errors are for a client.
func (b *sandbox) newLibrary(code string, set *librarySet, replace bool, most time.Duration, tick func() error) (*library, error) {
	text, err := parseLibrary(code)
	if err == nil {
		err = text.check()
	}
	if err != nil {
		return nil, err
	}
	if set.named(text.name) != nil && !replace {
		return nil, errLibraryThere(text.name)
	}
	l := &library{name: text.name, code: code}
	serial := func() int { return int(b.machine.libraries.serial.Add(1)) }
	err = b.timed(most, tick, func() (err error) {
		if l.body, err = b.state.CompileProto(text.body, "@user_function"); err != nil {
			return compileError(err)
		}
		_, err = b.register(l, serial)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(l.functions) == 0:
		return nil, errNoFunctions
	}
	return l, nil
}

// timed has work use the Lua state for so long at most, 0 for as long as it takes; tick is called every so often. Their errors end it, and are
// what it gives.
func (b *sandbox) timed(most time.Duration, tick, work func() error) error {
	clock := b.machine.options.Clock
	began := clock.Mono()
	b.state.SetHook(func() error {
		if most > 0 && clock.Mono()-began > int64(most) {
			return errLoadTime
		}
		return tick()
	})
	err := work()
	b.state.SetHook(b.tick)
	b.state.Settle()
	b.report()
	return err
}

// register runs a library's text, which registers functions: they become those of the library, and their callbacks are given.
func (b *sandbox) register(l *library, serial func() int) ([]lua.Value, error) {
	s, f := b.state, &b.libraries
	r := &registration{library: l, serial: serial, names: map[string]bool{}}
	b.codecs.Begin()
	if err := b.lookIn(f.loading); err != nil {
		return nil, registerError(err)
	}
	f.registering = r
	_, err := s.Call(s.Load(l.body, f.visible))
	f.registering = nil
	if back := b.lookIn(b.globals); err == nil {
		err = back
	}
	return r.callbacks, registerError(err)
}

// compileError words the error of a text that is no program; others stay what they are.
func compileError(err error) error {
	var bad *lua.SyntaxError
	switch {
	case err == errLoadTime:
		return errTimeout
	case errors.As(err, &bad):
		return command.Error("ERR Error compiling function: " + bad.Msg)
	}
	return registerError(err)
}

// registerError words the error with which a library has ended; nil for none.
func registerError(err error) error {
	var raised *lua.Error
	switch {
	case err == nil:
		return nil
	case err == errLoadTime:
		return errTimeout
	case !errors.As(err, &raised):
		return err
	}
	return command.Error("ERR Error registering functions: " + raisedText(raised.Value))
}

// callback gives the callback of a function, whose library is loaded if this state has not done so before. The errors are those of
// newLibrary.
func (b *sandbox) callback(fn *function, tick func() error) (lua.Value, error) {
	f := &b.libraries
	if set := b.machine.libraries.set(); f.set != set {
		f.set = set
		b.forgetFunctions()
	}
	if v, ok := f.callbacks[fn]; ok {
		return v, nil
	}
	again := &library{name: fn.library.name, body: fn.library.body}
	var callbacks []lua.Value
	err := b.timed(0, tick, func() (err error) {
		callbacks, err = b.register(again, func() int { return 0 })
		return err
	})
	if err != nil {
		return lua.Nil, err
	}
	for i, made := range again.functions {
		if i >= len(fn.library.functions) || made.name != fn.library.functions[i].name {
			return lua.Nil, command.Error("ERR The library " + again.name + " has registered other functions than before")
		}
	}
	for i, v := range callbacks {
		known := fn.library.functions[i]
		if err := b.state.SetInt(f.kept, known.serial, v); err != nil {
			return lua.Nil, registerError(err)
		}
		f.callbacks[known] = v
	}
	if v, ok := f.callbacks[fn]; ok {
		return v, nil
	}
	return lua.Nil, command.Error("ERR The library " + again.name + " has registered fewer functions than before")
}

// forgetFunctions lets go of the callbacks of libraries that are not in the set any more.
func (b *sandbox) forgetFunctions() {
	f := &b.libraries
	for fn := range f.callbacks {
		if f.set.named(fn.library.name) != fn.library {
			delete(f.callbacks, fn)
			_ = b.state.SetInt(f.kept, fn.serial, lua.Nil) // that takes no memory
		}
	}
}

// registerFunction is redis.register_function(name, callback), or with one table that has them by names.
func (b *sandbox) registerFunction(c *lua.Call) error {
	r := b.libraries.registering
	if r == nil {
		return raise(c, "ERR redis.register_function can only be called on FUNCTION LOAD command")
	}
	fn, callback, problem := registered(c)
	switch {
	case problem != "":
	case !validName(fn.name):
		problem = badName
	case r.names[strings.ToLower(fn.name)]:
		problem = "Function already exists in the library"
	}
	if problem != "" {
		return raise(c, "ERR "+problem)
	}
	r.names[strings.ToLower(fn.name)] = true
	fn.library, fn.serial = r.library, r.serial()
	r.library.functions = append(r.library.functions, fn)
	r.callbacks = append(r.callbacks, callback)
	return b.state.Alloc(int(fn.size()))
}

// registered makes a function of the arguments of register_function, or tells what is wrong with them.
func registered(c *lua.Call) (fn *function, callback lua.Value, problem string) {
	fn = new(function)
	switch c.N() {
	case 1:
		t := c.Arg(0).Table()
		if t == nil {
			return nil, lua.Nil, "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments)."
		}
		callback, problem = fn.takeNamed(t)
		return fn, callback, problem
	case 2:
		ok := false
		if fn.name, ok = bytesOf(c.Arg(0)); !ok {
			return nil, lua.Nil, "first argument to redis.register_function must be a string"
		}
		if callback = c.Arg(1); !callback.IsFunction() {
			return nil, lua.Nil, "second argument to redis.register_function must be a function"
		}
		return fn, callback, ""
	}
	return nil, lua.Nil, "wrong number of arguments to redis.register_function"
}

// takeNamed takes what a table of named arguments says of a function, or tells what is wrong with it.
func (fn *function) takeNamed(t *lua.Table) (callback lua.Value, problem string) {
	named, ok := false, false
	for i := 0; ; {
		k, v, next := t.Entry(i)
		if next < 0 {
			break
		}
		i = next
		key, isText := bytesOf(k)
		switch {
		case !isText:
			return lua.Nil, "named argument key given to redis.register_function is not a string"
		case strings.EqualFold(key, "function_name"):
			if fn.name, named = bytesOf(v); !named {
				return lua.Nil, "function_name argument given to redis.register_function must be a string"
			}
		case strings.EqualFold(key, "description"):
			if fn.description, fn.described = bytesOf(v); !fn.described {
				return lua.Nil, "description argument given to redis.register_function must be a string"
			}
		case strings.EqualFold(key, "callback"):
			if callback = v; !v.IsFunction() {
				return lua.Nil, "callback argument given to redis.register_function must be a function"
			}
		case strings.EqualFold(key, "flags"):
			if !v.IsTable() {
				return lua.Nil, "flags argument to redis.register_function must be a table representing function flags"
			}
			if fn.flags, ok = listedFlags(v.Table()); !ok {
				return lua.Nil, "unknown flag given"
			}
		default:
			return lua.Nil, "unknown argument given to redis.register_function"
		}
	}
	switch {
	case !named:
		return lua.Nil, "redis.register_function must get a function name argument"
	case callback.IsNil():
		return lua.Nil, "redis.register_function must get a callback argument"
	}
	return callback, ""
}

// listedFlags gives the flags whose words are in a list; false when one of them is none.
func listedFlags(t *lua.Table) (flags command.ScriptFlags, ok bool) {
	for i := 1; ; i++ {
		v := t.GetInt(i)
		if v.IsNil() {
			return flags, true
		}
		word, _ := bytesOf(v)
		flag, known := flagNamed(strings.ToLower(word))
		if !known {
			return 0, false
		}
		flags |= flag
	}
}
