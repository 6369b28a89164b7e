// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"
	"strings"

	"github.com/redpoll/redpoll/internal/lua"
)

// specials are the bytes that find takes for more than text, marks those that the matcher may.
const specials = "^$*+?.([%-"

var marks = func() (marks [math.MaxUint8 + 1]bool) {
	for _, c := range []byte(specials + ")") {
		marks[c] = true
	}
	return marks
}()

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
		if marks[pat[i]] && pat[i] != ')' {
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

// The values that the iterator of gmatch holds.
const (
	gmatchText = iota
	gmatchPattern
	gmatchAt // where it goes on, from 0
)

// newGmatch implements string.gmatch. The iterator's state lies in the function that it returns.
func (l *Library) newGmatch(c *lua.Call) error {
	for i := range 2 {
		if _, err := c.CheckString(i); err != nil {
			return err
		}
	}
	f, err := l.s.NewClosure("for iterator", l.matches, c.Arg(0), c.Arg(1), lua.Int(0))
	if err != nil {
		return err
	}
	if err := l.s.Spend(stepsOfObject); err != nil {
		return err
	}
	return c.Return(f)
}

// nextMatch is the iterator of gmatch. A match of nothing is followed by a step of one byte.
func (l *Library) nextMatch(c *lua.Call) error {
	src, pat, at := lua.Text(c.Up(gmatchText)), lua.Text(c.Up(gmatchPattern)), int(c.Up(gmatchAt).Num())
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
		c.SetUp(gmatchAt, lua.Int(len(src)+1))
		return c.Return(lua.Nil)
	}
	if at = end; start == end {
		at++
	}
	c.SetUp(gmatchAt, lua.Int(at))
	return l.pushCaptures(c, start, end)
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
		r.literal = strings.IndexByte(r.text, '%') < 0
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
	l       *Library
	c       *lua.Call
	out     buffer
	by      lua.Value // the function, the table, or what text is made of
	text    string
	literal bool // text has no percent signs
	work    int  // of putting text together, not yet paid
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
		if copied < start {
			if err := r.out.text(src[copied:start]); err != nil {
				return n, err
			}
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
	switch {
	case r.literal:
		return r.out.text(r.text)
	case !r.by.IsTable() && !r.by.IsFunction():
		return r.template(start, end)
	}
	src := r.l.matcher.src[start:end]
	v, err := r.value(start, end)
	switch {
	case err != nil:
		return err
	case v.IsString():
		return r.out.text(v.Str())
	case v.IsNumber():
		return r.out.number(v)
	case !v.Truthy():
		return r.out.text(src)
	}
	return r.c.Errorf("invalid replacement value (a %s)", lua.TypeName(v))
}

// value returns what the function or the table gives.
func (r *replacer) value(start, end int) (lua.Value, error) {
	v, err := r.l.captured(r.c, 0, start, end)
	switch n := r.l.matcher.level; {
	case err != nil:
		return lua.Nil, err
	case r.by.IsTable():
		return r.l.s.Index(r.by, v)
	case n <= 1:
		return first(r.c.Call(r.by, v))
	default:
		var args [maxCaptures]lua.Value
		args[0] = v
		for i := 1; i < n; i++ {
			v, err := r.l.captured(r.c, i, start, end)
			if err != nil {
				return lua.Nil, err
			}
			args[i] = v
		}
		return first(r.c.Call(r.by, args[:n]...))
	}
}

// first returns the first of a call's results, nil if there is none.
func first(results []lua.Value, err error) (lua.Value, error) {
	if err != nil || len(results) == 0 {
		return lua.Nil, err
	}
	return results[0], nil
}

// template appends the replacing text, in which "%0" is the match, "%1" its first capture, and a percent sign takes any other byte
// as it is; one at the end is a zero byte.
func (r *replacer) template(start, end int) error {
	for text := r.text; text != ""; {
		i := 0
		for i < len(text) && text[i] != '%' {
			i++
		}
		if r.work += 1 + i/8; r.work >= workPerSpend {
			r.work = 0
			if err := r.l.s.Spend(workPerSpend); err != nil {
				return err
			}
		}
		if i > 0 {
			if err := r.out.text(text[:i]); err != nil || i == len(text) {
				return err
			}
		}
		var c byte
		if text = text[i+1:]; text != "" {
			c, text = text[0], text[1:]
		}
		if err := r.escape(c, start, end); err != nil {
			return err
		}
	}
	return nil
}

// escape appends what "%c" stands for.
func (r *replacer) escape(c byte, start, end int) error {
	m := &r.l.matcher
	switch {
	case c < '0' || c > '9':
		return r.out.byte(c)
	case c == '0' || c == '1' && m.level == 0:
		return r.out.text(m.src[start:end])
	}
	i := int(c - '1')
	if i < m.level && m.captures[i].size >= 0 {
		return r.out.text(m.src[m.captures[i].start:][:m.captures[i].size])
	}
	v, err := r.l.captured(r.c, i, start, end) // a position, or an error
	if err != nil {
		return err
	}
	return r.out.number(v)
}
