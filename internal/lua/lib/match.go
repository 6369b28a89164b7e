// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"strings"

	"github.com/redpoll/redpoll/internal/lua"
)

// specials are the bytes that make a pattern more than a text.
const specials = "^$*+?.([%-"

// find implements string.find.
func (l *Library) find(c *lua.Call) error { return l.findOrMatch(c, true) }

// match implements string.match.
func (l *Library) match(c *lua.Call) error { return l.findOrMatch(c, false) }

func (l *Library) findOrMatch(c *lua.Call, find bool) error {
	src, err := c.CheckString(0)
	if err != nil {
		return err
	}
	pat, err := c.CheckString(1)
	if err != nil {
		return err
	}
	from, err := c.OptInteger(2, 1)
	if err != nil {
		return err
	}
	at := int(min(max(position(from, len(src))-1, 0), int64(len(src))))
	if find && (c.Arg(3).Truthy() || isPlain(pat)) {
		return l.findPlain(c, src, pat, at)
	}
	m := &l.matcher
	defer m.done()
	start, end, err := m.find(at, m.set(src, pat, true))
	switch {
	case err != nil:
		return patternFailed(c, err)
	case start < 0:
		return c.Return(lua.Nil)
	case !find:
		return l.pushCaptures(c, start, end)
	}
	if err := c.Return(lua.Int(start+1), lua.Int(end)); err != nil || m.level == 0 {
		return err
	}
	return l.pushCaptures(c, start, end)
}

// isPlain says whether a pattern is only a text. A zero byte ends the search for what makes it none, as in Lua 5.1.
func isPlain(pat string) bool {
	for i := range len(pat) {
		if pat[i] == 0 {
			return true
		}
		if strings.IndexByte(specials, pat[i]) >= 0 {
			return false
		}
	}
	return true
}

func (l *Library) findPlain(c *lua.Call, src, text string, at int) error {
	if err := l.s.Spend((len(src) - at) / bytesPerStep); err != nil {
		return err
	}
	i := strings.Index(src[at:], text)
	if i < 0 {
		return c.Return(lua.Nil)
	}
	return c.Return(lua.Int(at+i+1), lua.Int(at+i+len(text)))
}

// patternFailed makes what a script sees of the matcher's errors; a budget that was spent remains what it is.
func patternFailed(c *lua.Call, err error) error {
	if e, ok := err.(patternError); ok {
		return c.Errorf("%s", string(e))
	}
	return err
}

// captured returns capture i of the match from start to end; with no captures number 0 is the whole match.
func (l *Library) captured(c *lua.Call, i, start, end int) (lua.Value, error) {
	m := &l.matcher
	if i >= m.level {
		if i > 0 {
			return lua.Nil, c.Errorf("invalid capture index")
		}
		return l.s.Word(m.src[start:end])
	}
	switch capture := m.captures[i]; capture.size {
	case capturePosition:
		return lua.Int(capture.start + 1), nil
	case captureUnfinished:
		return lua.Nil, c.Errorf("unfinished capture")
	default:
		return l.s.Word(m.src[capture.start:][:capture.size])
	}
}

// pushCaptures returns all captures, or the whole match when there are none.
func (l *Library) pushCaptures(c *lua.Call, start, end int) error {
	for i := range max(l.matcher.level, 1) {
		v, err := l.captured(c, i, start, end)
		if err != nil {
			return err
		}
		if err := c.Push(v); err != nil {
			return err
		}
	}
	return nil
}

// newGmatch implements string.gmatch. The iterator's state lies in the function that it returns; a match of nothing is followed by a
// step of one byte.
func (l *Library) newGmatch(c *lua.Call) error {
	src, err := c.CheckString(0)
	if err != nil {
		return err
	}
	pat, err := c.CheckString(1)
	if err != nil {
		return err
	}
	at := 0
	f, err := l.s.NewClosure("for iterator", func(c *lua.Call) error {
		if at > len(src) {
			return c.Return(lua.Nil)
		}
		m := &l.matcher
		defer m.done()
		m.set(src, pat, false)
		start, end, err := m.find(at, false)
		if err != nil {
			return patternFailed(c, err)
		}
		if start < 0 {
			at = len(src) + 1
			return c.Return(lua.Nil)
		}
		if at = end; start == end {
			at++
		}
		return l.pushCaptures(c, start, end)
	}, c.Arg(0), c.Arg(1))
	if err != nil {
		return err
	}
	if err := l.s.Spend(stepsOfObject); err != nil {
		return err
	}
	return c.Return(f)
}

// gsub implements string.gsub.
func (l *Library) gsub(c *lua.Call) error {
	src, err := c.CheckString(0)
	if err != nil {
		return err
	}
	pat, err := c.CheckString(1)
	if err != nil {
		return err
	}
	most, err := c.OptInt(3, len(src)+1)
	if err != nil {
		return err
	}
	switch c.Arg(2).Type() {
	case lua.TypeNumber, lua.TypeString, lua.TypeTable, lua.TypeFunction:
	default:
		return c.ArgError(2, "string/function/table expected")
	}
	r := replacer{l: l, c: c, out: l.buffer(), by: c.Arg(2)}
	defer r.out.drop()
	if !r.by.IsTable() && !r.by.IsFunction() {
		r.text, _ = c.CheckString(2)
	}
	n, err := r.run(src, pat, most)
	if err != nil {
		return patternFailed(c, err)
	}
	result, err := r.out.finish()
	if err != nil {
		return err
	}
	return c.Return(result, lua.Int(n))
}

// A replacer is one gsub.
type replacer struct {
	l    *Library
	c    *lua.Call
	out  buffer
	by   lua.Value // the function, the table, or what text is made of
	text string
}

// run replaces up to most matches, and returns how many there were.
func (r *replacer) run(src, pat string, most int) (n int, err error) {
	m := &r.l.matcher
	defer m.done()
	anchored := m.set(src, pat, true)
	pat = m.pat
	at, copied := 0, 0
	for n < most {
		m.take(src, pat) // a replacing function may have used the matcher
		start, end, err := m.find(at, anchored)
		if err != nil {
			return n, err
		}
		if start < 0 {
			break
		}
		n++
		if err := r.out.text(src[copied:start]); err != nil {
			return n, err
		}
		if err := r.replace(start, end); err != nil {
			return n, err
		}
		copied, at = end, end
		if start == end {
			at++ // the byte there is not replaced
		}
		if at > len(src) || anchored {
			break
		}
	}
	return n, r.out.text(src[copied:])
}

// replace appends what stands for the match from start to end.
func (r *replacer) replace(start, end int) error {
	src := r.l.matcher.src[start:end]
	v, err := r.value(start, end)
	switch {
	case err != nil:
		return err
	case v.IsString():
		return r.out.text(v.Str())
	case v.IsNumber():
		if err := r.out.room(maxNumber); err != nil {
			return err
		}
		r.out.b = lua.AppendNumber(r.out.b, v.Num())
		return nil
	case !v.Truthy():
		return r.out.text(src)
	}
	return r.c.Errorf("invalid replacement value (a %s)", lua.TypeName(v))
}

// value returns the replacement: what the function or the table gives, or nothing more when the text was appended.
func (r *replacer) value(start, end int) (lua.Value, error) {
	switch {
	case r.by.IsFunction():
		var args [maxCaptures]lua.Value
		n := max(r.l.matcher.level, 1)
		for i := range n {
			v, err := r.l.captured(r.c, i, start, end)
			if err != nil {
				return lua.Nil, err
			}
			args[i] = v
		}
		results, err := r.c.Call(r.by, args[:n]...)
		if err != nil || len(results) == 0 {
			return lua.Nil, err
		}
		return results[0], nil
	case r.by.IsTable():
		key, err := r.l.captured(r.c, 0, start, end)
		if err != nil {
			return lua.Nil, err
		}
		return r.l.s.Index(r.by, key)
	}
	return empty, r.template(start, end)
}

// template appends the replacing text, in which "%0" is the match, "%1" its first capture, and a percent sign takes any other byte
// as it is; one at the end is a zero byte.
func (r *replacer) template(start, end int) error {
	text := r.text
	for {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			return r.out.text(text)
		}
		if err := r.out.text(text[:i]); err != nil {
			return err
		}
		var c byte
		if text = text[i+1:]; text != "" {
			c, text = text[0], text[1:]
		}
		if err := r.escape(c, start, end); err != nil {
			return err
		}
	}
}

// escape appends what "%c" stands for.
func (r *replacer) escape(c byte, start, end int) error {
	switch {
	case c < '0' || c > '9':
		return r.out.byte(c)
	case c == '0':
		return r.out.text(r.l.matcher.src[start:end])
	}
	v, err := r.l.captured(r.c, int(c-'1'), start, end)
	if err != nil {
		return err
	}
	if v.IsNumber() {
		if err := r.out.room(maxNumber); err != nil {
			return err
		}
		r.out.b = lua.AppendNumber(r.out.b, v.Num())
		return nil
	}
	return r.out.text(v.Str())
}
