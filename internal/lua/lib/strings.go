// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"
	"strings"

	"github.com/redpoll/redpoll/internal/lua"
)

const (
	maxNumber  = 32   // bytes of a number's text, at most
	maxResults = 8000 // values that a function can return, its arguments included
)

var empty = lua.ConstString("")

// openString makes the table string, and the metatable that lets strings have its functions as methods.
func (l *Library) openString() (*lua.Table, error) {
	t, err := l.table(functions{
		{"byte", l.byte}, {"char", l.char}, {"dump", l.dump}, {"find", l.find}, {"format", l.format}, {"gmatch", l.newGmatch}, {"gsub", l.gsub},
		{"len", l.len}, {"lower", l.lower}, {"match", l.match}, {"rep", l.rep}, {"reverse", l.reverse}, {"sub", l.sub}, {"upper", l.upper},
	})
	if err != nil {
		return nil, err
	}
	if err := l.s.SetStr(t, "gfind", t.GetStr("gmatch")); err != nil { // its name before 5.1
		return nil, err
	}
	meta, err := l.s.NewTable(0, 1)
	if err != nil {
		return nil, err
	}
	l.s.SetStringMeta(meta)
	return t, l.s.SetStr(meta, "__index", lua.TableValue(t))
}

// position turns a script's position in a string of n bytes, where -1 is the last byte, into one from 1; 0 is before the string.
func position(i int64, n int) int64 {
	if i < 0 {
		i += int64(n) + 1
	}
	return max(i, 0)
}

// len implements string.len.
func (l *Library) len(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	return c.Return(lua.Int(len(text)))
}

// sub implements string.sub.
func (l *Library) sub(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	from, err := c.CheckInteger(1)
	if err != nil {
		return err
	}
	to, err := c.OptInteger(2, -1)
	if err != nil {
		return err
	}
	from, to = max(position(from, len(text)), 1), min(position(to, len(text)), int64(len(text)))
	if from > to {
		return c.Return(empty)
	}
	if to-from+1 == int64(len(text)) && c.Arg(0).IsString() {
		return c.Return(c.Arg(0))
	}
	if err := l.s.Spend(int(to-from) / bytesPerStep); err != nil {
		return err
	}
	v, err := l.s.Word(text[from-1 : to])
	if err != nil {
		return err
	}
	return c.Return(v)
}

// mapped returns the first argument with each byte replaced by what the table has for it.
func (l *Library) mapped(c *lua.Call, table *[math.MaxUint8 + 1]byte) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	out := l.buffer()
	defer out.drop()
	if err := out.room(len(text)); err != nil {
		return err
	}
	out.b = out.b[:len(text)]
	for at := 0; at < len(text); at += workPerSpend {
		end := min(at+workPerSpend, len(text))
		dst := out.b[at:end]
		for i, b := range []byte(text[at:end]) {
			dst[i] = table[b]
		}
		if err := l.s.Spend((end - at) / 4); err != nil {
			return err
		}
	}
	return out.giveTo(c)
}

// toLower and toUpper have the other case of the letters of ASCII, the only ones that there are, and all other bytes as they are.
var toLower, toUpper = func() (lower, upper [math.MaxUint8 + 1]byte) {
	for c := range lower {
		lower[c], upper[c] = byte(c), byte(c)
		if kinds[c]&isUpper != 0 {
			lower[c] += 'a' - 'A'
		}
		if kinds[c]&isLower != 0 {
			upper[c] -= 'a' - 'A'
		}
	}
	return lower, upper
}()

// lower implements string.lower.
func (l *Library) lower(c *lua.Call) error { return l.mapped(c, &toLower) }

// upper implements string.upper.
func (l *Library) upper(c *lua.Call) error { return l.mapped(c, &toUpper) }

// reverse implements string.reverse.
func (l *Library) reverse(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	out := l.buffer()
	defer out.drop()
	if err := out.room(len(text)); err != nil {
		return err
	}
	for end := len(text); end > 0; end -= workPerSpend {
		start := max(end-workPerSpend, 0)
		for i := end - 1; i >= start; i-- {
			out.b = append(out.b, text[i])
		}
		if err := l.s.Spend((end - start) / 4); err != nil {
			return err
		}
	}
	return out.giveTo(c)
}

// rep implements string.rep.
func (l *Library) rep(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	n, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	if n <= 0 || text == "" {
		return c.Return(empty)
	}
	size := math.MaxInt
	if n <= math.MaxInt/len(text) {
		size = n * len(text)
	}
	if err := l.s.Alloc(size); err != nil {
		return err
	}
	if err := l.s.Spend(size / bytesPerStep); err != nil {
		return err
	}
	whole := strings.Repeat(text, n)
	l.s.Free(size)
	v, err := l.s.NewString(whole)
	if err != nil {
		return err
	}
	return c.Return(v)
}

// byte implements string.byte.
func (l *Library) byte(c *lua.Call) error {
	text, err := c.CheckString(0)
	if err != nil {
		return err
	}
	from, err := c.OptInteger(1, 1)
	if err != nil {
		return err
	}
	from = position(from, len(text))
	to, err := c.OptInteger(2, from)
	if err != nil {
		return err
	}
	from, to = max(from, 1), min(position(to, len(text)), int64(len(text)))
	if from > to {
		return nil
	}
	if n := to - from + 1; n > int64(maxResults-c.N()) {
		return c.Errorf("stack overflow (string slice too long)")
	}
	for _, b := range []byte(text[from-1 : to]) {
		if err := c.Push(lua.Int(int(b))); err != nil {
			return err
		}
	}
	return l.s.Spend(int(to - from))
}

// char implements string.char.
func (l *Library) char(c *lua.Call) error {
	out := l.buffer()
	defer out.drop()
	if err := out.room(c.N()); err != nil {
		return err
	}
	for i := range c.N() {
		b, err := c.CheckInt(i)
		if err != nil {
			return err
		}
		if b < 0 || b > math.MaxUint8 {
			return c.ArgError(i, "invalid value")
		}
		out.b = append(out.b, byte(b))
	}
	return out.giveTo(c)
}

// dump implements string.dump, which has nothing to give: programs are no bytes here.
func (l *Library) dump(c *lua.Call) error {
	if _, err := c.CheckFunction(0); err != nil {
		return err
	}
	return c.Errorf("unable to dump given function")
}
