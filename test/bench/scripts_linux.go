// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
)

// Scripts of two lines that much of the world lives on, and ones that show what Lua itself costs.
const (
	unlock = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end\nreturn 0"
	admit  = "local n = redis.call('incr', KEYS[1])\nif n == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end\nreturn n <= tonumber(ARGV[2])"

	nothing    = "return 1"
	sum        = "local s = 0\nfor i = 1, 10000 do s = s + i % 7 end\nreturn s"
	fibonacci  = "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\nreturn fib(16)"
	gather     = "local t = {}\nfor i = 1, 1000 do t[i] = i end\nlocal n = 0\nfor i = 1, #t do t['k' .. i] = t[i]; n = n + t['k' .. i] end\nreturn n"
	documents  = "local d = cjson.decode(ARGV[1])\nd.n = d.n + 1\nreturn cjson.encode(d)"
	substitute = "return (string.gsub(ARGV[1], '%w+', string.upper))"

	library = "#!lua name=limits\nredis.register_function('admit', function(KEYS, ARGV)\n" + admit + "\nend)"
)

// document is what documents changes.
const document = `{"n":1,"name":"a name of some length","tags":["one","two","three"],"place":{"lat":52.37403,"lon":4.88969},"on":true,"none":null}`

// sha gives the name of a script.
func sha(body string) string {
	sum := sha1.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// scriptCases lists the cases of throughput with scripts. Those without a pipeline are about Lua.
func (b *bench) scriptCases() []benchCase {
	keys := b.size(100_000, 5000)
	with := func(pipeline int, parts ...part) load {
		return load{conns: 50, pipeline: pipeline, parts: parts, keys: keys, cpus: b.cores.client}
	}
	call := func(body string, args ...string) part {
		return part{newCommand(append([]string{"EVALSHA", sha(body)}, args...)...), 50}
	}
	lock, limiter := call(unlock, "1", "lck:"+hole, "a token of 20 bytes."), []string{"1", "lim:" + hole, "60000", "100"}
	return []benchCase{
		{name: "SET, EVALSHA of an unlock p16 c50", data: "scripts", faster: atLeast(1),
			load: with(16, part{newCommand("SET", "lck:"+hole, "a token of 20 bytes."), 50}, lock)},
		{name: "EVALSHA of an unlock, of another's lock, p16 c50", data: "locks", faster: atLeast(1), load: with(16, lock)},
		{name: "EVALSHA of a rate limiter p16 c50", data: "scripts", faster: atLeast(1), load: with(16, call(admit, limiter...))},
		{name: "EVAL of a rate limiter p16 c50", data: "scripts", faster: atLeast(1),
			load: with(16, part{newCommand(append([]string{"EVAL", admit}, limiter...)...), 50})},
		{name: "FCALL of a rate limiter p16 c50", data: "scripts", faster: atLeast(1),
			load: with(16, part{newCommand(append([]string{"FCALL", "admit"}, limiter...)...), 50})},
		{name: "EVALSHA of a rate limiter p1 c50", data: "scripts", load: with(1, call(admit, limiter...))},
		{name: "EVALSHA of return 1 p16 c50", data: "scripts", load: with(16, call(nothing, "0"))},
		{name: "Lua: 10,000 times s = s + i % 7", data: "scripts", faster: atLeast(0.5), load: with(1, call(sum, "0"))},
		{name: "Lua: fib(16)", data: "scripts", faster: atLeast(0.5), load: with(1, call(fibonacci, "0"))},
		{name: "Lua: tables of 1000", data: "scripts", faster: atLeast(0.5), load: with(1, call(gather, "0"))},
		{name: "Lua: cjson there and back p16", data: "scripts", load: with(16, call(documents, "0", document))},
		{name: "Lua: gsub with a function", data: "scripts", load: with(1, call(substitute, "0", document+document+document+document))},
	}
}

// loadScripts gives a server the scripts and the library of scriptCases.
func loadScripts(c *control) error {
	for _, body := range []string{unlock, admit, nothing, sum, fibonacci, gather, documents, substitute} {
		if r, err := c.do("SCRIPT", "LOAD", body); err != nil {
			return err
		} else if r.text != sha(body) {
			return fmt.Errorf("SCRIPT LOAD: %s", r.text)
		}
	}
	_, err := c.do("FUNCTION", "LOAD", "REPLACE", library)
	return err
}
