// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"errors"
	"testing"

	"github.com/redpoll/redpoll/internal/lua"
)

// What works on much asks the hook often: each of these takes millions of steps, which a kill must not wait for.
func TestLongWorkAsks(t *testing.T) {
	killed := errors.New("killed")
	for _, src := range []string{
		`return string.find(string.rep('a', 1e6), '[' .. string.rep('b', 1e6) .. ']*x')`,
		`return string.find(string.rep('a', 1e6), '[^' .. string.rep('b-c%d', 2e5) .. ']-x')`,
		`return string.find(string.rep('a', 1e6), '%f[' .. string.rep('b', 1e6) .. ']')`,
		`return string.find(string.rep('a', 1e6), '[' .. string.rep('b', 1e6))`,
		`local t = {} for i = 1, 1e5 do t[-i] = i end return cjson.encode(t)`,
		`local t = {} for i = 1, 1e5 do t[-i] = i end return cmsgpack.pack(t)`,
	} {
		asked := 0
		s := newStateWith(t, lua.Options{Memory: 256 << 20, Hook: func() error {
			if asked++; asked >= 50 {
				return killed
			}
			return nil
		}, Step: 1000}, nil)
		if _, err := s.call(t, src); err != nil && err != killed {
			t.Errorf("%s: %v", src, err)
		}
		if asked < 50 {
			t.Errorf("%s: the hook was asked %d times", src, asked)
		}
	}
}

// Long sets match what short ones do.
func TestLongSets(t *testing.T) {
	s := newState(t)
	results, err := s.call(t, `
		local long = string.rep('bc', 40)
		local function same(src, before, after)
			for _, tail in ipairs{'', '+', '*x', '-x', '?x'} do
				local a = {string.find(src, '[' .. before .. after .. ']' .. tail)}
				local b = {string.find(src, '[' .. before .. long .. after .. ']' .. tail)}
				assert(a[1] == b[1] and a[2] == b[2], before .. after .. tail)
			end
		end
		for _, set in ipairs{'^bc%d', 'bca-f', '^bc]', 'bc%]', 'bc%a', 'bc%A', ']bc', 'bc-', '^bc-'} do
			local before = set:match('^^?%]?')
			for _, src in ipairs{'', 'xbx', 'aaa]x', '--x', '12x9', 'ccx', '%b]'} do
				same(src, before, set:sub(#before + 1))
			end
		end
		local two = '[' .. long .. ']-[^' .. long .. ']'
		assert(string.find('bbba', two) == 1 and string.match('bbba', two) == 'bbba')
		return (string.gsub('abcabc', '[' .. long .. ']', function(c) return c:upper():match('[' .. long:upper() .. ']') end))`)
	if err != nil || results[0].Str() != "aBCaBC" {
		t.Errorf("%v, %v", results, err)
	}
}

// What a function that failed had counted does not count on.
func TestFailedBuffers(t *testing.T) {
	for _, src := range []string{
		`pcall(string.format, '%d', {})`, `pcall(string.gsub, long, 'x', error, 2)`, `pcall(string.char, 1, 300)`,
		`pcall(table.concat, {long, {}})`, `pcall(string.gsub, long, 'x', 'y%9')`, `load(function() return {} end)`,
		`pcall(string.format, '%s%d', long, {})`,
	} {
		s := newStateWith(t, lua.Options{Memory: 16 << 20}, nil)
		_, err := s.call(t, `local long = string.rep('x', 1e4) for i = 1, 2e4 do `+src+` end return string.rep('x', 1e6)`)
		if err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}
