// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/testutil"
)

// hostileScripts are what a script can do to a server, by name. None of them ends by itself but in an error; those whose error is named
// must.
var hostileScripts = []struct{ name, error, text string }{
	{"loop", "", `while true do end`},
	{"loop in pcall", "", `while true do pcall(function() while true do end end) end`},
	{"errors in pcall", "", `while true do pcall(error, "x") end`},
	{"handler of xpcall", "", `xpcall(error, function() while true do end end)`},
	{"text of an error", "", `error(setmetatable({}, {__tostring = function() while true do end end}))`},
	{"tail calls", "", `local function f() return f() end f()`},
	{"recursion", "stack overflow", `local function f() return 1 + f() end f()`},
	{"recursion in pcall", "", `local function f() pcall(f) end while true do f() end`},
	{"recursion of metamethods", "", `local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end return t.x`},
	{"long string", "not enough memory", `return #string.rep("x", 2^31 - 1)`},
	{"impossible string", "", `return #string.rep("xy", 2^62)`},
	{"growing string", "not enough memory", `local s = "x" while true do s = s .. s end`},
	{"strings in pcall", "", `while true do pcall(function() local s = "x" while true do s = s .. s end end) end`},
	{"growing table", "not enough memory", `local t = {} while true do t[#t + 1] = {} end`},
	{"tables in pcall", "", `while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end`},
	{"garbage", "", `while true do local t = {} for i = 1, 100 do t[i] = {i} end end`},
	{"catastrophic pattern", "", `return string.find(string.rep("a", 5000), string.rep(".-", 30) .. "b")`},
	{"patterns", "", `while true do string.gsub(string.rep("a", 1e5), "a*", "%0%0") end`},
	{"replacement", "not enough memory", `return #string.gsub(string.rep("a", 1e5), "a", string.rep("b", 1e5))`},
	{"format", "", `while true do string.format("%99.99f", 1e308) end`},
	{"concat", "not enough memory", `local t = {} for i = 1, 1e4 do t[i] = "" end return #table.concat(t, string.rep("x", 1e5))`},
	{"sort", "", `local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t, function() return true end) end`},
	{"unpack", "too many results", `return unpack({}, 1, 1e8)`},
	{"coroutines", "", `while true do coroutine.wrap(function() coroutine.yield() end)() end`},
	{"coroutines in coroutines", "C stack overflow", `local function f() return coroutine.wrap(f)() end return f()`},
	{"kept coroutines", "not enough memory", `local t = {} while true do t[#t + 1] = coroutine.create(function() end) coroutine.resume(t[#t]) end`},
	{"sources", "", `while true do loadstring("return " .. string.rep("1 + ", 1000) .. "1")() end`},
	{"long source", "", `return loadstring(string.rep("x = 1 ", 4e6))`},
	{"deep source", "", `while true do loadstring(string.rep("(", 1e6)) end`},
	{"cjson", "", `local t = {} for i = 1, 1e5 do t[i] = i end while true do cjson.decode(cjson.encode(t)) end`},
	{"deep cjson", "", `while true do pcall(cjson.decode, string.rep("[", 1e6)) end`},
	{"cmsgpack", "", `while true do pcall(cmsgpack.unpack, "\221\255\255\255\255" .. string.rep("\1", 1e5)) end`},
	{"struct", "", `while true do pcall(struct.pack, string.rep("i8", 1e5), 1) end`},
	{"digests", "", `local s = string.rep("x", 1e7) while true do redis.sha1hex(s) end`},
	{"writes", "", `while true do redis.call("SET", KEYS[1], "x") end`},
	{"list", "", `while true do redis.call("RPUSH", "list", string.rep("x", 1000)) end`},
	{"other keys", "", `local i = 0 while true do i = i + 1 redis.call("SET", "key" .. i % 10000, i) end`},
	{"reads", "", `while true do redis.pcall("GET", KEYS[1]) end`},
	{"no commands", "", `while true do redis.pcall("NOSUCH") end`},
	{"refused commands", "", `while true do redis.pcall("EVAL", "return 1", 0) end`},
	{"doubled reply", "too long", `local t = {1} for i = 1, 1000 do t = {t, t} end return t`},
	{"own tail", "", `local t = {} t[1] = t return t`},
	{"endless reply", "too long", `local s, t = string.rep("x", 1e6), {} for i = 1, 1e5 do t[i] = s end return t`},
}

// strays tells whether a script takes keys that it has not declared, so that others may meet it.
func strays(name string) bool { return name == "other keys" || name == "list" }

// elsewhere gives a key that is not in the shard of key, of eight shards or more.
func elsewhere(key string) string {
	for i := 0; ; i++ {
		if other := fmt.Sprint("other", i); (hash.Bytes([]byte(key))^hash.Bytes([]byte(other)))%8 != 0 {
			return other
		}
	}
}

// TestHostileScripts: whatever a script does others are answered by the same loop, so that it can be killed, with nothing of it left; and it
// takes no more memory than it may.
func TestHostileScripts(t *testing.T) {
	for _, script := range hostileScripts {
		t.Run(strings.ReplaceAll(script.name, " ", "_"), func(t *testing.T) {
			_, target := start(t, redpoll.Options{Config: map[string]string{
				"io-threads": "1", "busy-reply-threshold": "50", "lua-memory-limit": "32mb",
			}})
			hostile, other := target.Dial(t), target.Dial(t)
			other.Must(t, "SET", "k", "before")
			replies := make(chan testutil.Value, 1)
			go func() {
				v, _ := hostile.Do("EVAL", script.text, "1", "k")
				replies <- v
			}()
			answers, most := 0, uint64(0)
			var stats runtime.MemStats
			for {
				if v := do(t, other, "PING"); v.Str != "PONG" {
					t.Fatalf("PING: %v", v)
				}
				if v := do(t, other, "SET", elsewhere("k"), "x"); v.Str != "OK" && !(strays(script.name) && strings.HasPrefix(v.Str, "BUSY")) {
					t.Fatalf("SET: %v", v)
				}
				answers += 2
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapAlloc)
				if script.error == "" {
					do(t, other, "SCRIPT", "KILL")
				}
				select {
				case v := <-replies:
					t.Logf("%.100s; others had %d answers, the heap was up to %d MB", v.Str, answers, most>>20)
					if !strings.Contains(v.Str, script.error) {
						t.Errorf("replies %.200v, want an error of %s", v, script.error)
					}
					if most > 512<<20 {
						t.Errorf("the heap was %d MB", most>>20)
					}
					if v := other.Must(t, "GET", "k"); v.Str != "before" {
						t.Errorf("k is %v", v)
					}
					if n := number(t, other, "used_memory"); n > 64<<20 {
						t.Errorf("%d bytes are used afterwards", n)
					}
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
}
