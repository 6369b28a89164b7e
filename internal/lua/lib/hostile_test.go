// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/lua"
)

// TestHostile runs scripts that would take for ever, or all memory, with a small budget: each must end with an error, soon, and
// having taken no more memory than some times its limit.
func TestHostile(t *testing.T) {
	const (
		steps  = 5_000_000
		memory = 16 << 20
		spent  = "the budget is spent"
		full   = "not enough memory"
	)
	for _, c := range []struct{ name, src, want string }{
		{"pattern", `string.find(("a"):rep(30) .. "b", ("a*"):rep(30) .. "c")`, spent},
		{"pattern lazy", `string.find(("a"):rep(3000), ".-.-.-.-b")`, spent},
		{"pattern back reference", `string.match(("a"):rep(100000), "(.-)(.-)%1%1%2b")`, spent},
		{"pattern balance", `string.find(("("):rep(1e6), "%b()")`, spent},
		{"pattern set", `string.find(("a"):rep(1e6), "[^b]*[^b]*b")`, spent},
		{"pcall", `while true do pcall(string.find, ("a"):rep(40) .. "b", ("a*"):rep(40) .. "c") end`, spent},
		{"gsub", `string.gsub(("a"):rep(1e6), "a*b", "")`, spent},
		{"gsub grows", `string.gsub(("a"):rep(1e6), "a", ("b"):rep(1e6))`, full},
		{"gsub doubles", `local s = "xx" while true do s = s:gsub(".", "%0%0") end`, full},
		{"gsub with a long text", `string.gsub(("a"):rep(1e6), "", ("%0"):rep(1e6))`, spent},
		{"gsub of a plain text", `local s = ("ab"):rep(5e5) while true do s:gsub("ba", "ab") end`, spent},
		{"find of a class", `local s = ("a"):rep(1e6) while true do s:find("%d") end`, spent},
		{"gsub within gsub", `local function f(n) return function() return (string.gsub(("a"):rep(1e6), "$", f(n + 1))) end end string.gsub("a", "a", f(0))`, full},
		{"gmatch", `for i = 1, 1e9 do for a in string.gmatch("aaaa", "") do end end`, spent},
		{"gmatch keeps", `local t = {} for i = 1, 1e6 do t[i] = string.gmatch(("x"):rep(1e5) .. i, "y") end`, full},
		{"rep", `("x"):rep(2^31 - 1)`, full},
		{"rep overflows", `(("x"):rep(2^20)):rep(2^31 - 1)`, full},
		{"rep much", `local t = {} for i = 1, 1e6 do t[i] = ("x"):rep(1e4) .. i end`, full},
		{"rep again and again", `while true do local s = ("x"):rep(1e6) end`, spent},
		{"reverse and case", `local s = ("x"):rep(1e6) while true do s = s:reverse():upper():lower() end`, spent},
		{"sub", `local s = ("x"):rep(1e6) while true do local u = s:sub(2) end`, spent},
		{"sub keeps", `local t = {} local s = ("x"):rep(1e5) for i = 1, 1e6 do t[i] = s:sub(1, 10000) .. "" end`, full},
		{"byte", `local s = ("x"):rep(7000) while true do s:byte(1, -1) end`, spent},
		{"char", `while true do string.char(unpack({("x"):rep(7000):byte(1, -1)})) end`, spent},
		{"format", `local s = ("\n"):rep(1e6) while true do string.format("%q%q", s, s) end`, spent},
		{"format long", `local s = ("%s"):rep(250) local x = ("x"):rep(1e5) local t = {} for i = 1, 250 do t[i] = x end string.format(s, unpack(t))`, full},
		{"format digits", `while true do string.format("%.99f%.99f%.99f", 1e308, 1e308, 1e-308) end`, spent},
		{"concat", `local t = {} for i = 1, 1e4 do t[i] = ("x"):rep(100) end while true do local s = table.concat(t, ",") end`, spent},
		{"concat much", `local t, x = {}, ("x"):rep(1e5) for i = 1, 1000 do t[i] = x end table.concat(t)`, full},
		{"insert", `table.insert({}, -2^31, 1)`, spent},
		{"insert in front", `local t = {} while true do table.insert(t, 1, 1) end`, spent},
		{"remove in front", `local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, table.remove(t, 1)) end`, spent},
		{"maxn", `local t = {} for i = 1, 1e5 do t[i] = i end while true do table.maxn(t) end`, spent},
		{"unpack", `local t = {} for i = 1, 7000 do t[i] = i end while true do unpack(t) end`, spent},
		{"select", `local t = {} for i = 1, 7000 do t[i] = i end local function f(...) while true do select(2, ...) end end f(unpack(t))`, spent},
		{"foreachi", `local t = {} for i = 1, 1e5 do t[i] = i end while true do table.foreachi(t, function() end) end`, spent},
		{"sort", `local t = {} for i = 1, 1e5 do t[i] = i % 7 end while true do table.sort(t, function(a, b) return a > b end) end`, spent},
		{"tonumber", `local s = ("1"):rep(1e6) while true do tonumber(s) tonumber(s, 16) end`, spent},
		{"arithmetic on strings", `local s = ("1"):rep(1e5) while true do local n = s + s end`, spent},
		{"numbers of libraries", `local s = ("1"):rep(1e5) while true do local n = math.abs(s) end`, spent},
		{"load", `load(function() return "x = 1 " end)`, full},
		{"loadstring", `local s = ("x = 1 "):rep(1e5) while true do loadstring(s) end`, spent},
		{"rawequal", `local a, b = ("x"):rep(1e6) .. "a", ("x"):rep(1e6) .. "b" while true do rawequal(a, b) end`, spent},
		{"rawset", `while true do rawset({}, ("x"):rep(1e6), 1) end`, spent},
		{"tostring", `local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end tostring(t)`, "C stack overflow"},
		{"xpcall", `local function h() return xpcall(error, h) end while true do xpcall(error, h) end`, spent},
		{"collectgarbage", `local t = {} for i = 1, 1e5 do t[i] = {} end while true do collectgarbage() end`, spent},
		{"newproxy", `while true do newproxy(true) end`, spent},
		{"wrap", `local function f() return coroutine.wrap(f)() end f()`, "C stack overflow"},
		{"coroutines", `local t = {} for i = 1, 1e7 do t[i] = coroutine.create(function() end) end`, full},
	} {
		t.Run(c.name, func(t *testing.T) {
			budget := steps
			if c.want == full {
				budget *= 10 // the limit of memory must end it
			}
			m := newMachine(t, budget, memory)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			err := m.run(c.src)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.100v, want %s", err, c.want)
			}
			var e *lua.Error
			if c.want == spent && errors.As(err, &e) {
				t.Error("a spent budget can be caught")
			}
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 12*memory {
				t.Errorf("the heap has grown by %d MB", grown>>20)
			}
			if err := m.run("assert(('a'):rep(3) == 'aaa')"); err != nil {
				t.Errorf("the state is not usable afterwards: %v", err)
			}
		})
	}
}
