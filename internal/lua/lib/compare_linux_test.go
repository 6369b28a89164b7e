// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/testutil"
)

// A comparison is something that scripts do, whose time is compared with that of lua5.1, or of redis-server where the codecs are used.
type comparison struct {
	name  string
	setup string // done once
	body  string // done again and again
}

var comparisons = []comparison{
	{"string.sub", `local s = "hello world and more"`, `local x = s:sub(3, 9)`},
	{"string.sub of a byte", `local s = "hello world and more"`, `local x = s:sub(3, 3)`},
	{"string.sub of 100 bytes", `local s = ("hello world and more"):rep(10)`, `local x = s:sub(3, 102)`},
	{"string.sub, always another", `local i, t = 0, {} for n = 1, 2000 do t[n] = n end local s = table.concat(t)`, `i = (i + 7) % 6000 local x = s:sub(i, i + 6)`},
	{"string.byte", `local s = "hello world and more"`, `local x = s:byte(3)`},
	{"string.char", ``, `local x = string.char(65, 66, 67)`},
	{"string.len", `local s = "hello world and more"`, `local x = s:len()`},
	{"string.upper", `local s = "hello World and more"`, `local x = s:upper()`},
	{"string.upper of 1000 bytes", `local s = ("hello World and more"):rep(50)`, `local x = s:upper()`},
	{"string.reverse", `local s = "hello World and more"`, `local x = s:reverse()`},
	{"string.rep", ``, `local x = ("ab"):rep(10)`},
	{"string.format", ``, `local x = string.format("%s:%d", "user", 1234)`},
	{"string.format %.2f", ``, `local x = string.format("%5.2f", 12.345)`},
	{"find of a text", `local s = "hello world and more"`, `local x = s:find("and")`},
	{"find, plain", `local s = "hello world and more"`, `local x = s:find("and", 1, true)`},
	{"find of a pattern", `local s = "user:1234:name"`, `local x = s:find("%d+")`},
	{"find in 200 bytes", `local s = ("x"):rep(200) .. "name: 1"`, `local x = s:find("name:%s")`},
	{"find of a class in 200 bytes", `local s = ("x"):rep(200) .. "name: 1"`, `local x = s:find("%d")`},
	{"match with captures", `local s = "user:1234:name"`, `local a, b = s:match("^(%a+):(%d+)")`},
	{"match of a set", `local s = "user_1234:name"`, `local a = s:match("^[%w_]+")`},
	{"match of a date", `local s = "2026-11-27T23:59:10"`, `local y, m, d = s:match("(%d+)-(%d+)-(%d+)")`},
	{"match lazily", `local s = "key = value # comment"`, `local k, v = s:match("^(.-)%s*=%s*(.-)%s*#")`},
	{"gmatch", `local s = "the quick brown fox jumps"`, `for w in s:gmatch("%a+") do end`},
	{"gmatch of pairs", `local s = "a=1, b=2, c=3, d=4"`, `for k, v in s:gmatch("(%w+)=(%w+)") do end`},
	{"gsub of a byte", `local s = "a,b,c,d,e,f"`, `local x = s:gsub(",", ";")`},
	{"gsub of each byte", `local s = ("abcdefghij"):rep(10)`, `local x = s:gsub(".", "%0%0")`},
	{"gsub with a function", `local s = "a1b2c3d4" local f = function(c) return c end`, `local x = s:gsub("%a", f)`},
	{"gsub with a long function", `local s = ("hello world "):rep(10) local f = function(w) return w:upper() end`, `local x = s:gsub("%a+", f)`},
	{"gsub with a table", `local s = "$name is $age" local t = {name = "x", age = "3"}`, `local x = s:gsub("%$(%w+)", t)`},
	{"trim", `local s = "  some text  "`, `local x = s:gsub("^%s*(.-)%s*$", "%1")`},
	{"tostring", ``, `local x = tostring(1234)`},
	{"tostring of a fraction", ``, `local x = tostring(1234.5)`},
	{"tonumber", ``, `local x = tonumber("1234")`},
	{"type", `local t = {}`, `local x = type(t) == "table"`},
	{"..", `local s = "user"`, `local x = s .. ":name"`},
	{".. of three", `local s = "user"`, `local x = s .. ":" .. s`},
	{".. of a number", `local i = 17`, `local x = "user:" .. i`},
	{"compare strings", `local a, b = "abcdef", "abcdeg"`, `local x = a < b`},
	{"key made", `local t, i = {user1 = 1}, 1`, `local x = t["user" .. i]`},
	{"table.insert", `local t, n = {}, 0`, `table.insert(t, 1) n = n + 1 if n == 100 then t, n = {}, 0 end`},
	{"table.insert in front", `local t = {}`, `table.insert(t, 1, 1) if #t == 50 then t = {} end`},
	{"table.insert and remove", `local t = {}`, `table.insert(t, 1) table.remove(t)`},
	{"table.remove in front", `local t = {}`, `for i = 1, 20 do t[i] = i end for i = 1, 20 do table.remove(t, 1) end`},
	{"table.concat", `local t = {} for i = 1, 20 do t[i] = "item" .. i end`, `local x = table.concat(t, ",")`},
	{"table.concat of numbers", `local t = {} for i = 1, 20 do t[i] = i end`, `local x = table.concat(t, ",")`},
	{"table.sort", `local a = {} for i = 1, 100 do a[i] = (i * 7919) % 101 end local t = {}`, `for i = 1, 100 do t[i] = a[i] end table.sort(t)`},
	{"table.sort of strings", `local a = {} for i = 1, 100 do a[i] = "k" .. (i * 7919) % 101 end local t = {}`, `for i = 1, 100 do t[i] = a[i] end table.sort(t)`},
	{"table.sort with a function", `local a = {} for i = 1, 100 do a[i] = (i * 7919) % 101 end local t = {} local f = function(x, y) return x > y end`,
		`for i = 1, 100 do t[i] = a[i] end table.sort(t, f)`},
	{"a table of two", ``, `local t = {1, 2}`},
	{"a table of fields", ``, `local t = {id = 1, name = "x"}`},
	{"t[#t + 1]", `local t, n = {}, 0`, `t[#t + 1] = 1 n = n + 1 if n == 100 then t, n = {}, 0 end`},
	{"ipairs of 20", `local t = {} for i = 1, 20 do t[i] = i end`, `for i, v in ipairs(t) do end`},
	{"pairs of 20", `local t = {} for i = 1, 20 do t["k" .. i] = i end`, `for k, v in pairs(t) do end`},
	{"next", `local t = {1}`, `local k, v = next(t)`},
	{"unpack", `local t = {1, 2, 3}`, `local a, b, c = unpack(t)`},
	{"select", `local f = function(...) return select("#", ...) end`, `local x = f(1, 2, 3)`},
	{"math.floor", ``, `local x = math.floor(3.7)`},
	{"math.max", ``, `local x = math.max(3, 4)`},
	{"math.random", ``, `local x = math.random(100)`},
	{"pcall", `local f = function() return 1 end`, `local ok, x = pcall(f)`},
	{"pcall of an error", `local f = function() error("x") end`, `local ok, x = pcall(f)`},
	{"setmetatable", `local m = {__index = {}}`, `local t = setmetatable({}, m)`},
	{"__index, a function", `local t = setmetatable({}, {__index = function(t, k) return k end})`, `local x = t.y`},
	{"__add", `local v = setmetatable({}, {__add = function(a, b) return 1 end})`, `local x = v + v`},
	{"coroutine", `local co = coroutine.wrap(function() while true do coroutine.yield(1) end end)`, `local x = co()`},
	{"closures", ``, `local f = function() return _ end`},
	{"loadstring", ``, `local f = loadstring("local a = t.x[1] if a == b and not c then t.y = a .. b end return function() return a end")`},
	{"cjson.decode", `local s = '{"id":17,"name":"User number 17","email":"user17@example.com","score":119.25,"tags":["a","bb","ccc"],"active":true}'`, `local x = cjson.decode(s)`},
	{"cjson.decode of numbers", `local s = "[" .. ("1234,"):rep(99) .. "1]"`, `local x = cjson.decode(s)`},
	{"cjson.decode of fractions", `local s = "[" .. ("12.34567,"):rep(99) .. "1]"`, `local x = cjson.decode(s)`},
	{"cjson.decode of long strings", `local s = "[" .. ('"' .. ("hello world "):rep(20) .. '",'):rep(9) .. "1]"`, `local x = cjson.decode(s)`},
	{"cjson.decode of escapes", `local s = "[" .. ('"hello\\nworld \\"quoted\\" \\u00e9",'):rep(9) .. "1]"`, `local x = cjson.decode(s)`},
	{"cjson.encode", `local t = {id = 17, name = "User number 17", email = "user17@example.com", score = 119.25, tags = {"a", "bb", "ccc"}, active = true}`, `local x = cjson.encode(t)`},
	{"cmsgpack.unpack", `local s = cmsgpack.pack({id = 17, name = "User number 17", email = "user17@example.com", score = 119.25, tags = {"a", "bb", "ccc"}, active = true})`,
		`local x = cmsgpack.unpack(s)`},
	{"cmsgpack.unpack of numbers", `local t = {} for i = 1, 100 do t[i] = i * 100 end local s = cmsgpack.pack(t)`, `local x = cmsgpack.unpack(s)`},
	{"cmsgpack.pack", `local t = {id = 17, name = "User number 17", email = "user17@example.com", score = 119.25, tags = {"a", "bb", "ccc"}, active = true}`,
		`local x = cmsgpack.pack(t)`},
	{"struct.unpack", `local s = struct.pack(">I2i4", 1, 2)`, `local a, b = struct.unpack(">I2i4", s)`},
}

// processTime returns the processor time that the process has taken, the collector's included.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ours returns the processor time of n rounds, in nanoseconds for one.
func (x comparison) ours(b *testing.B, n int) float64 {
	s := newStateWith(b, lua.Options{Hook: func() error { return nil }, Memory: 1 << 30}, nil)
	p, err := lua.Compile(fmt.Sprintf("%s for _ = 1, %d do %s end", x.setup, n, x.body), "@user_script")
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	start := processTime()
	if _, err := s.Call(s.Load(p, nil)); err != nil {
		b.Fatal(err)
	}
	return float64(processTime()-start) / float64(n)
}

// theirs is ours of lua5.1, or of redis-server if that is given.
func (x comparison) theirs(b *testing.B, redis *testutil.Client, n int) float64 {
	loop := fmt.Sprintf("for _ = 1, %d do %s end ", n, x.body)
	if redis != nil {
		before := cpuOf(b, redis)
		redis.Must(b, "EVAL", x.setup+" "+loop, "0")
		return (cpuOf(b, redis) - before) * 1e9 / float64(n)
	}
	out := testutil.Lua(b, x.setup+" local start = os.clock() "+loop+"print(string.format('%.6f', os.clock() - start))")
	return parse(b, out) * 1e9 / float64(n)
}

// cpuOf returns the processor time that a server has taken, in seconds.
func cpuOf(b *testing.B, redis *testutil.Client) (seconds float64) {
	for line := range strings.Lines(redis.Must(b, "INFO", "cpu").Str) {
		if name, text, _ := strings.Cut(line, ":"); name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds += parse(b, text)
		}
	}
	return seconds
}

func parse(b *testing.B, text string) float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// BenchmarkCompared shows the processor time of each comparison, "theirs" that of the originals, and the ratio: medians of the rounds, of
// which each takes some tenths of a second: go test ./internal/lua/lib -run '^$' -bench Compared -benchtime 5x
func BenchmarkCompared(b *testing.B) {
	const collectorPercent = 400 // as in the server
	defer debug.SetGCPercent(debug.SetGCPercent(collectorPercent))
	redis := testutil.Oracle(b).Dial(b)
	redis.SetTimeout(time.Minute)
	for _, x := range comparisons {
		b.Run(x.name, func(b *testing.B) {
			var client *testutil.Client // for what lua5.1 does not have
			if strings.HasPrefix(x.name, "cjson") || strings.HasPrefix(x.name, "cmsgpack") || strings.HasPrefix(x.name, "struct") {
				client = redis
			}
			const few = 1000
			n := int(1e8 / max(x.ours(b, few), 20))
			var ours, theirs, ratios []float64
			for b.Loop() {
				ours, theirs = append(ours, x.ours(b, n)), append(theirs, x.theirs(b, client, n))
				ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
			}
			median := func(all []float64) float64 {
				slices.Sort(all)
				return all[len(all)/2]
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(ours), "ours-ns")
			b.ReportMetric(median(theirs), "theirs-ns")
			b.ReportMetric(median(ratios), "ratio")
		})
	}
}
