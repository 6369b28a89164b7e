// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/lua"
)

// openBase puts the basic functions into the globals.
func (l *Library) openBase() error {
	globals := l.s.Globals()
	basic := functions{
		{"assert", l.assert}, {"collectgarbage", l.collectGarbage}, {"error", l.error}, {"gcinfo", l.gcInfo}, {"getfenv", l.getfenv},
		{"getmetatable", l.getMetatable}, {"ipairs", l.ipairs}, {"load", l.load}, {"loadstring", l.loadString}, {"newproxy", l.newProxy},
		{"pairs", l.pairs}, {"pcall", l.pcall}, {"rawequal", l.rawEqual}, {"rawget", l.rawGet}, {"rawset", l.rawSet}, {"select", l.selectArgs},
		{"setfenv", l.setfenv}, {"setmetatable", l.setMetatable}, {"tonumber", l.toNumber}, {"tostring", l.toString}, {"type", l.typeName},
		{"unpack", l.unpack}, {"xpcall", l.xpcall},
	}
	if err := basic.into(l.s, globals); err != nil {
		return err
	}
	version, err := l.s.NewString("Lua 5.1")
	if err != nil {
		return err
	}
	if l.proxies, err = l.s.NewTable(0, 0); err != nil {
		return err
	}
	if err := l.weakKeys(l.proxies); err != nil {
		return err
	}
	l.s.Keep(lua.TableValue(l.proxies))
	for _, v := range []struct {
		name string
		v    lua.Value
	}{{"_G", lua.TableValue(globals)}, {"_VERSION", version}, {"next", l.s.NextFunction()}} {
		if err := l.s.SetStr(globals, v.name, v.v); err != nil {
			return err
		}
	}
	return nil
}

// weakKeys makes a table one that keeps none of its keys alive.
func (l *Library) weakKeys(t *lua.Table) error {
	meta, err := l.s.NewTable(0, 1)
	if err != nil {
		return err
	}
	if err := l.s.SetStr(meta, "__mode", lua.ConstString("k")); err != nil {
		return err
	}
	return l.s.SetMeta(t, meta)
}

// assert implements assert.
func (l *Library) assert(c *lua.Call) error {
	if err := c.CheckAny(0); err != nil {
		return err
	}
	if !c.Arg(0).Truthy() {
		text, err := c.OptString(1, "assertion failed!")
		if err != nil {
			return err
		}
		return l.raiseAt(1, toZero(text))
	}
	return c.ReturnArgs(0)
}

// error implements error.
func (l *Library) error(c *lua.Call) error {
	level, err := c.OptInt(1, 1)
	if err != nil {
		return err
	}
	v := c.Arg(0)
	if (v.IsString() || v.IsNumber()) && level > 0 {
		return l.raiseAt(level, lua.Text(v))
	}
	return l.s.Raise(v)
}

// toZero cuts a text at its first zero byte, as texts of errors made by C are.
func toZero(text string) string {
	if i := strings.IndexByte(text, 0); i >= 0 {
		return text[:i]
	}
	return text
}

// raiseAt makes an error whose text, however long, begins with where the function at a level is.
func (l *Library) raiseAt(level int, text string) error {
	v, err := l.s.NewString(l.s.Position(level) + text)
	if err != nil {
		return err
	}
	return l.s.Raise(v)
}

// typeName implements type.
func (l *Library) typeName(c *lua.Call) error {
	if err := c.CheckAny(0); err != nil {
		return err
	}
	return c.Return(typeNames[c.Arg(0).Type()])
}

// typeNames are the strings that type returns.
var typeNames = func() (names [lua.TypeThread + 1]lua.Value) {
	for t := range names {
		names[t] = lua.ConstString(lua.Type(t).String())
	}
	return names
}()

// toString implements tostring.
func (l *Library) toString(c *lua.Call) error {
	if err := c.CheckAny(0); err != nil {
		return err
	}
	v, err := l.s.ToString(c.Arg(0))
	if err != nil {
		return err
	}
	return c.Return(v)
}

// metafield returns an entry of a value's metatable.
func (l *Library) metafield(v lua.Value, name string) (field lua.Value, ok bool) {
	meta := l.s.Metatable(v)
	if meta == nil {
		return lua.Nil, false
	}
	field = meta.GetStr(name)
	return field, !field.IsNil()
}

// toNumber implements tonumber.
func (l *Library) toNumber(c *lua.Call) error {
	base, err := c.OptInt(1, 10)
	if err != nil {
		return err
	}
	if err := l.s.Spend(4 * len(c.Arg(0).Str())); err != nil {
		return err
	}
	if base == 10 {
		if err := c.CheckAny(0); err != nil {
			return err
		}
		if f, ok := lua.ToNumber(c.Arg(0)); ok {
			return c.Return(lua.Number(f))
		}
		return c.Return(lua.Nil)
	}
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	if base < 2 || base > 36 {
		return c.ArgError(1, "base out of range")
	}
	if u, ok := parseUnsigned(text, base); ok {
		return c.Return(lua.Number(float64(u)))
	}
	return c.Return(lua.Nil)
}

const blanks = " \t\n\v\f\r"

// parseUnsigned reads a whole number as C's strtoul does, with blanks around it: what is too large becomes the largest number, and a
// minus sign wraps around. A zero byte ends the text.
func parseUnsigned(text string, base int) (u uint64, ok bool) {
	text = strings.TrimLeft(toZero(text), blanks)
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	if base == 16 && len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' && digit(text[2]) < base {
		text = text[2:]
	}
	text = strings.TrimRight(text, blanks)
	overflow := false
	for i := range len(text) {
		d := digit(text[i])
		if d >= base {
			return 0, false
		}
		next := u*uint64(base) + uint64(d)
		overflow = overflow || u > (1<<64-1-uint64(d))/uint64(base)
		u = next
	}
	switch {
	case overflow:
		u = 1<<64 - 1
	case negative:
		u = -u
	}
	return u, text != ""
}

// digit returns the value of a digit, letters being those beyond 9; more than 36 if c is none.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// getMetatable implements getmetatable.
func (l *Library) getMetatable(c *lua.Call) error {
	if err := c.CheckAny(0); err != nil {
		return err
	}
	v := c.Arg(0)
	if field, ok := l.metafield(v, "__metatable"); ok {
		return c.Return(field)
	}
	if meta := l.s.Metatable(v); meta != nil {
		return c.Return(lua.TableValue(meta))
	}
	return c.Return(lua.Nil)
}

// setMetatable implements setmetatable.
func (l *Library) setMetatable(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	meta := c.Arg(1)
	if c.N() < 2 || !meta.IsNil() && !meta.IsTable() {
		return c.ArgError(1, "nil or table expected")
	}
	if _, ok := l.metafield(c.Arg(0), "__metatable"); ok {
		return c.Errorf("cannot change a protected metatable")
	}
	if err := l.s.SetMeta(t, meta.Table()); err != nil {
		return err
	}
	return c.Return(c.Arg(0))
}

// rawEqual implements rawequal.
func (l *Library) rawEqual(c *lua.Call) error {
	for i := range 2 {
		if err := c.CheckAny(i); err != nil {
			return err
		}
	}
	if err := l.s.Spend(len(c.Arg(0).Str()) / bytesPerStep); err != nil {
		return err
	}
	return c.Return(lua.Bool(lua.RawEqual(c.Arg(0), c.Arg(1))))
}

// rawGet implements rawget.
func (l *Library) rawGet(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	if err := c.CheckAny(1); err != nil {
		return err
	}
	if err := l.s.Spend(len(c.Arg(1).Str()) / bytesPerStep); err != nil { // its hash
		return err
	}
	return c.Return(t.Get(c.Arg(1)))
}

// rawSet implements rawset.
func (l *Library) rawSet(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	for i := 1; i <= 2; i++ {
		if err := c.CheckAny(i); err != nil {
			return err
		}
	}
	if err := l.s.Spend(len(c.Arg(1).Str()) / bytesPerStep); err != nil {
		return err
	}
	if err := l.s.Set(t, c.Arg(1), c.Arg(2)); err != nil {
		return err
	}
	return c.Return(c.Arg(0))
}

// pairs implements pairs.
func (l *Library) pairs(c *lua.Call) error {
	if _, err := c.CheckTable(0); err != nil {
		return err
	}
	return c.Return(l.s.NextFunction(), c.Arg(0), lua.Nil)
}

// ipairs implements ipairs.
func (l *Library) ipairs(c *lua.Call) error {
	if _, err := c.CheckTable(0); err != nil {
		return err
	}
	return c.Return(l.s.IpairsIterator(), c.Arg(0), lua.Int(0))
}

// selectArgs implements select.
func (l *Library) selectArgs(c *lua.Call) error {
	n := c.N()
	if v := c.Arg(0); strings.HasPrefix(v.Str(), "#") {
		return c.Return(lua.Int(n - 1))
	}
	i, err := c.CheckInt(0)
	if err != nil {
		return err
	}
	if i < 0 {
		i += n
	}
	if i < 1 {
		return c.ArgError(0, "index out of range")
	}
	return c.ReturnArgs(i)
}

// unpack implements unpack.
func (l *Library) unpack(c *lua.Call) error {
	t, err := c.CheckTable(0)
	if err != nil {
		return err
	}
	i, err := c.OptInt(1, 1)
	if err != nil {
		return err
	}
	last := 0
	if c.Arg(2).IsNil() {
		last = t.Len()
	} else if last, err = c.CheckInt(2); err != nil {
		return err
	}
	if last-i+1 > maxResults-c.N() {
		return c.Errorf("too many results to unpack")
	}
	n := max(last-i+1, 0)
	for ; i <= last; i++ {
		if err := c.Push(t.GetInt(i)); err != nil {
			return err
		}
	}
	return l.s.Spend(n)
}

// collectGarbage implements collectgarbage. There is nothing to stop or to tune: what it would take is only remembered.
func (l *Library) collectGarbage(c *lua.Call) error {
	option, err := c.OptString(0, "collect")
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"stop", "restart", "collect", "count", "step", "setpause", "setstepmul"}, option) {
		return c.ArgError(0, "invalid option '"+toZero(option)+"'")
	}
	value, err := c.OptInt(1, 0)
	if err != nil {
		return err
	}
	result := lua.Int(0)
	switch option {
	case "count":
		result = lua.Number(float64(l.s.Memory()) / 1024)
	case "collect":
		err = l.s.Collect()
	case "step":
		result, err = lua.True, l.s.Collect()
	case "setpause":
		result, l.pause = lua.Int(l.pause), value
	case "setstepmul":
		result, l.stepmul = lua.Int(l.stepmul), value
	}
	if err != nil {
		return err
	}
	return c.Return(result)
}

// gcInfo implements gcinfo.
func (l *Library) gcInfo(c *lua.Call) error { return c.Return(lua.Int(int(l.s.Memory() / 1024))) }

// stepsOfObject is what it takes to make and to forget an object that is more than a value.
const stepsOfObject = 20

// newProxy implements newproxy: a userdata with no metatable, with one of its own, or with that of another.
func (l *Library) newProxy(c *lua.Call) error {
	var meta *lua.Table
	switch v := c.Arg(0); {
	case !v.Truthy():
	case v.IsBool():
		t, err := l.s.NewTable(0, 0)
		if err != nil {
			return err
		}
		if err := l.s.Set(l.proxies, lua.TableValue(t), lua.True); err != nil {
			return err
		}
		meta = t
	default:
		if v.IsUserdata() {
			meta = l.s.Metatable(v)
		}
		if meta == nil || l.proxies.Get(lua.TableValue(meta)).IsNil() {
			return c.ArgError(0, "boolean or proxy expected")
		}
	}
	proxy, err := l.s.NewUserdata(meta)
	if err != nil {
		return err
	}
	if err := l.s.Spend(stepsOfObject); err != nil {
		return err
	}
	return c.Return(proxy)
}
