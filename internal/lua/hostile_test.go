// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

var errKilled = errors.New("killed")

// killAfter returns a hook that ends the run when it is called for the nth time.
func killAfter(n int) func() error {
	return func() error {
		if n--; n <= 0 {
			return errKilled
		}
		return nil
	}
}

// endless are scripts that never end by themselves and may try to survive being killed.
var endless = []string{
	`while true do end`,
	`repeat until false`,
	`for i = 1, math do end`,
	`for i = 1, 1e308 do end`,
	`for i = 1, 1, 0 do end while 1 do end`,
	`local function f() return f() end f()`,
	`local function f() f() end while true do pcall(f) end`,
	`while true do pcall(function() while true do end end) end`,
	`local function f(...) return f(1, ...) end f()`,
	`local function f(...) local x = f(1, ...) return x end f()`,
	`local t = {} for i = 1, 3e5 do t[i] = i end while true do t = {next, t, nil} end`,
	`while true do pcall(error, "x") end`,
	`local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x`,
	`local mt = {__eq = function() while true do end end} return setmetatable({}, mt) == setmetatable({}, mt)`,
	`local co = create(function() while true do yield() end end) while true do resume(co) end`,
	`while true do resume(create(function() while true do end end)) end`,
	`for k in function() return 1 end do end`,
	`while true do local t = {} for i = 1, 100 do t[i] = i end end`,
	`local s = rep("x", 1e6) while true do local a, b = s .. 1, s .. 1 if a ~= b then break end end`,
	`local s, t = rep("x", 1e6), {} while true do t[s .. 1] = 1 end`,
	`local s = "" while true do s = s .. "x" if #s > 1e4 then s = "" end end`,
	`local t = {} while true do t[#t + 1] = 1 t[#t] = nil end`,
	`local t = {} for i = 1, 1e6 do t[i] = i end while true do t.x = 1 t.x = nil t[2e6] = 1 t[2e6] = nil t[{}] = 1 end`,
	`local function f(...) return select("#", ...) end local t = {} while true do f(f, f, f, f) end`,
	`local t = {} for i = 1, 2e5 do t[i] = i t[-i] = i end while true do t[next(t)] = nil end`,
	`local t = {} for i = 1, 2e5 do t[i] = nil t[-i] = i t[-i] = nil end while true do for k in pairs(t) do end end`,
	`while true do ` + strings.Repeat("local a = 1 ", 150) + strings.Repeat("a = b ", 20000) + ` end`,
	`local function f() if nil then ` + strings.Repeat("a = b ", 20000) + ` end ` + strings.Repeat("a = b ", 20000) + ` end while true do f() end`,
	`while true do ` + strings.Repeat("local a = {} ", 150) + strings.Repeat("a = {} ", 3000) + ` end`,
	`local function f(n) if n == 0 then return end local ok, e = pcall(f, n - 1) error(e) end while true do pcall(f, 150) end`,
}

// Every endless script ends when the hook says so, and the hook is called often; the machine is good for another run.
func TestKill(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun := threadTime()
	newMachine(t, Options{}).run(t, `local n = 0 for i = 1, 1e6 do n = n + i end`)
	limit := 50 * max(threadTime()-begun, 10*time.Millisecond) // whatever machine this is
	for _, src := range endless {
		src = strings.Replace(src, "math", "1e308", 1)
		hook := killAfter(40)
		last, longest := time.Duration(0), time.Duration(0)
		m := newMachine(t, Options{Memory: 64 << 20, Hook: func() error {
			now := threadTime()
			longest, last = max(longest, now-last), now
			return hook()
		}})
		p, err := Compile(src, "=test")
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		last = threadTime()
		if _, err := m.Call(m.Load(p, nil)); err != errKilled {
			t.Errorf("%s: ended with %v", src, err)
		}
		t.Logf("at most %8v without the hook: %s", longest.Round(time.Microsecond), src[:min(len(src), 150)])
		if longest > limit {
			t.Errorf("%s: %v without the hook, more than %v", src, longest, limit)
		}
		m.SetHook(nil)
		if got := m.run(t, `print("alive", pcall(error, 1))`); got != "alive\tfalse\t1\n" {
			t.Errorf("%s: the machine says %q afterwards", src, got)
		}
	}
}

// bombs are scripts that take all memory that they get.
var bombs = []string{
	`local t = {} while true do t[#t + 1] = {} end`,
	`local t = {} for i = 1, 1e9 do t[i] = i end`,
	`local t = {} for i = 1, 1e9 do t[i .. "k"] = i end`,
	`local s = "x" while true do s = s .. s end`,
	`local s = rep("x", 2e9)`,
	`local t = {} for i = 1, 1e9 do t[i] = rep("x", 1e5) end`,
	`local t = {} while true do t = {t} end`,
	`local f while true do local g = f f = function() return g end end`,
	`local t = {} while true do t[#t + 1] = create(function() end) end`,
	`local t = {} while true do local co = create(function() yield() end) resume(co) t[#t + 1] = co end`,
	`local function f(a, ...) local x = f(a, a, ...) return x end f(1)`,
	`local t = {} for i = 1, 1e9 do t[i] = function() return i end end`,
	`local t = setmetatable({}, {__index = function(t, k) t[k] = {k} return t[k] end}) for i = 1, 1e9 do local x = t[i + 0.5] end`,
	`local co co = create(function() local function f() local t = {} for i = 1, 100 do t[i] = {} end return f, t, f() end f() end) print(resume(co))
		local t = {} while true do t[#t + 1] = {} end`,
}

// A bomb ends with Lua's error, catchable as it is; what it took meanwhile is bounded, and afterwards nothing is left.
func TestMemoryLimit(t *testing.T) {
	const limit = 16 << 20
	for _, src := range bombs {
		var peak uint64
		calls := 0
		m := newMachine(t, Options{Memory: limit, Hook: func() error {
			if calls++; calls > 50 && calls%64 != 0 { // reading takes long
				return nil
			}
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			peak = max(peak, ms.HeapAlloc)
			return nil
		}})
		runtime.GC()
		got := m.run(t, "local ok, e = pcall(function() "+src+" end) print(ok, e)")
		if !strings.HasSuffix(got, "false\tnot enough memory\n") && !strings.Contains(got, "stack overflow\n") {
			t.Errorf("%s: ended with %q", src, got)
		}
		t.Logf("peak %d MB  %s", peak>>20, src)
		if peak > 8*limit {
			t.Errorf("%s: took %d MB under a limit of %d", src, peak>>20, limit>>20)
		}
		m.Settle()
		if m.Memory() > 1<<20 {
			t.Errorf("%s: %d bytes are left", src, m.Memory())
		}
		if got := m.run(t, `local t = {} for i = 1, 1000 do t[i] = {} end print("alive", #t)`); got != "alive\t1000\n" {
			t.Errorf("%s: the machine says %q afterwards", src, got)
		}
	}
}

// Garbage does not count: a script may allocate as much as it likes as long as it lets go.
func TestGarbageIsFree(t *testing.T) {
	m := newMachine(t, Options{Memory: 4 << 20})
	for _, src := range []string{
		`for i = 1, 3e5 do local t = {1, 2, 3, x = 1} end print(1)`,
		`for i = 1, 300 do local s = rep("x", 1e5) end print(1)`,
		`local t = {} for i = 1, 3e5 do t[i % 10] = {i} end print(1)`,
		`local t = {} for i = 1, 3e5 do t[i] = {} t[i - 10] = nil end print(1)`,
		`for i = 1, 3000 do local co = create(function() yield() end) resume(co) end print(1)`,
		`for i = 1, 1e5 do local f = function() return i end end print(1)`,
		`local t = {} for i = 1, 300 do t[1] = rep("x", 1e6) t[1] = i end print(1)`,
		`local s for i = 1, 300 do s = rep("x", 1e6) s = i end print(1)`,
	} {
		if got := m.run(t, src); got != "1\n" {
			t.Errorf("%s: %q", src, got)
		}
	}
}

func TestWeakTables(t *testing.T) {
	m := newMachine(t, Options{})
	for src, want := range map[string]string{
		`local t = setmetatable({}, {__mode = "v"}) t[1] = {} t[2] = "s" t[3] = 7 local keep = {} t[4] = keep t.x = {} collect() print(t[1], t[2], t[3], t[4] == keep, t.x)`: "nil\ts\t7\ttrue\tnil\n",
		`local t = setmetatable({}, {__mode = "k"}) local k = {} t[k] = 1 t[{}] = 2 t.s = 3 collect() local n = 0 for _ in pairs(t) do n = n + 1 end print(n, t[k], t.s)`:    "2\t1\t3\n",
		`local t = setmetatable({}, {__mode = "kv"}) t[{}] = {} t[1] = function() end collect() print(next(t))`:                                                              "nil\n",
		`local t = {} t[1] = {} collect() print(t[1] ~= nil)`: "true\n",
	} {
		if got := m.run(t, src); got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

// Whatever compiles runs without a panic, ends when it is killed, and stays within its memory.
func FuzzRun(f *testing.F) {
	for _, chunk := range readChunks(f, "testdata/machine.txt") {
		f.Add(chunk)
	}
	for _, src := range append(endless, bombs...) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, "=fuzz")
		if err != nil {
			return
		}
		m := newMachine(t, Options{Memory: 4 << 20, Step: 100})
		for _, pressed := range []bool{false, true} {
			kill := killAfter(500)
			m.SetHook(func() error {
				if pressed {
					m.threshold = 0 // the next allocation marks
				}
				return kill()
			})
			m.out.Reset()
			_, err = m.Call(m.Load(p, nil))
			var e *Error
			if err != nil && err != errKilled && !errors.As(err, &e) {
				t.Fatalf("ended with %v", err)
			}
			if m.Memory() > 5<<20 {
				t.Fatalf("%d bytes are counted", m.Memory())
			}
			m.Settle()
		}
	})
}
