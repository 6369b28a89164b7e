// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"syscall"
	"testing"
	"time"
)

// userTime returns the process's CPU time outside of the kernel, the collector's included: what lua5.1 is compared by.
func userTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano())
}

// benchScripts are what docs/lua.md compares with lua5.1.
var benchScripts = map[string]string{
	"Loop": `local s = 0 for i = 1, 5e6 do s = s + i % 7 end return s`,
	"Fib":  `local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end return fib(30)`,
	"Tables": `local t = {} for i = 1, 5e5 do t[i] = i end local h = {} for i = 1, 1e5 do h["k" .. i] = i end
		local s = 0 for i = 1, #t do s = s + t[i] end for k, v in pairs(h) do s = s + v end return s`,
	"Fields": `local o = {x = 1, y = 2, z = 3} local s = 0 for i = 1, 2e6 do o.x = o.x + 1 s = s + o.y + o.z end return s`,
	"Methods": `local C = {} C.__index = C function C:get() return self.v end local o = setmetatable({v = 1}, C)
		local s = 0 for i = 1, 1e6 do s = s + o:get() end return s`,
	"Closures": `local s = 0 for i = 1, 1e6 do local f = function() return i end s = s + f() end return s`,
	"Concat":   `local s for i = 1, 1e6 do s = "a" .. i .. "b" end return s`,
	"GoCalls":  `local add, s = add, 0 for i = 1, 2e6 do s = add(s, i) end return s`,
	"Ipairs":   `local t = {} for i = 1, 1000 do t[i] = i end local s = 0 for j = 1, 1000 do for i, v in ipairs(t) do s = s + v end end return s`,
	"Strings":  `local a, b, n = "abcdef" .. 1, "abcdef" .. 1, 0 for i = 1, 2e6 do if a == b then n = n + 1 end end return n`,
	"Globals":  `x = 0 for i = 1, 2e6 do x = x + 1 end return x`,
	"While":    `local i, n = 0, 0 while true do i = i + 1 if i > 3e6 then break end if i % 2 == 0 then n = n + 1 end end return n`,
}

func BenchmarkScripts(b *testing.B) {
	for name, src := range benchScripts {
		b.Run(name, func(b *testing.B) {
			m := newMachine(b, Options{Memory: 1 << 30})
			p, err := Compile(src, "=bench")
			if err != nil {
				b.Fatal(err)
			}
			fn := m.Load(p, nil)
			start, rounds := userTime(), 0
			for b.Loop() {
				if _, err := m.Call(fn); err != nil {
					b.Fatal(err)
				}
				m.Settle()
				rounds++
			}
			b.ReportMetric(float64(userTime()-start)/float64(rounds), "user-ns/op")
		})
	}
}

// A prepared script of two lines and two calls of Go functions.
func BenchmarkTwoLines(b *testing.B) {
	m := newMachine(b, Options{Memory: 1 << 28})
	p, err := Compile("local a = add(1, 2)\nreturn add(a, 3)", "=bench")
	if err != nil {
		b.Fatal(err)
	}
	fn := m.Load(p, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Call(fn); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New(Options{})
	}
}
