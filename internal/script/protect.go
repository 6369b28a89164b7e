// SPDX-License-Identifier: BSD-3-Clause

package script

import "github.com/redpoll/redpoll/internal/lua"

// What scripts may do to their surroundings: nothing. The tables that can be reached from the globals are readonly, and a global that is
// not there is an error instead of nil, so that a variable that was meant to be local does not go unnoticed.

// deprecatedGlobals are there when lua-enable-deprecated-api says so, unwantedGlobals never.
var (
	deprecatedGlobals = []string{"getfenv", "setfenv", "newproxy"}
	unwantedGlobals   = []string{"print", "dofile", "loadfile", "require", "module", "package", "io", "debug"}
)

// confine takes away what scripts must not have and makes the rest readonly.
func (b *sandbox) confine() error {
	drop := unwantedGlobals
	if !b.machine.options.DeprecatedAPI {
		drop = append(drop[:len(drop):len(drop)], deprecatedGlobals...)
	}
	for _, name := range drop {
		if err := b.state.SetStr(b.globals, name, lua.Nil); err != nil {
			return err
		}
	}
	meta, err := b.state.NewTable(0, 1)
	if err != nil {
		return err
	}
	if err := b.state.SetStr(meta, "__index", b.state.NewFunction("__index", missingGlobal)); err != nil {
		return err
	}
	if err := b.state.SetMeta(b.globals, meta); err != nil {
		return err
	}
	protect(b.globals)
	protect(b.state.StringMeta())
	return nil
}

// protect makes a table readonly, and all that can be reached from it.
func protect(t *lua.Table) {
	if t == nil || t.Readonly {
		return
	}
	t.Readonly = true
	for i := 0; ; {
		_, v, next := t.Entry(i)
		if next < 0 {
			break
		}
		protect(v.Table())
		i = next
	}
	protect(t.Meta)
}

// missingGlobal is asked for a global that is not there.
func missingGlobal(c *lua.Call) error {
	if c.N() != 2 {
		return c.Errorf("Wrong number of arguments to luaProtectedTableError")
	}
	name, ok := bytesOf(c.Arg(1))
	if !ok {
		return c.Errorf("Second argument to luaProtectedTableError must be a string or number")
	}
	return c.Errorf("Script attempted to access nonexistent global variable '%s'", cut(name))
}
