// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"testing"

	"github.com/redpoll/redpoll/internal/lua"
)

// stringScripts are what scripts do with strings most, a thousand times each.
var stringScripts = map[string]string{
	"sub":           `local s = "hello world and more" for i = 1, 1000 do local x = s:sub(3, 9) end`,
	"sub byte":      `local s = "hello world and more" for i = 1, 1000 do local x = s:sub(3, 3) end`,
	"upper":         `local s = "hello World and more" for i = 1, 1000 do local x = s:upper() end`,
	"find plain":    `local s = "hello world and more" for i = 1, 1000 do local x = s:find("and") end`,
	"find pattern":  `local s = "user:1234:name" for i = 1, 1000 do local x = s:find("%d+") end`,
	"match":         `local s = "user:1234:name" for i = 1, 1000 do local a, b = s:match("^(%a+):(%d+)") end`,
	"find in long":  `local s = ("x"):rep(200) .. "name: 1" for i = 1, 1000 do local x = s:find("name:%s") end`,
	"gsub byte":     `local s = "a,b,c,d,e,f" for i = 1, 1000 do local x = s:gsub(",", ";") end`,
	"gsub function": `local s = "a1b2c3d4" for i = 1, 1000 do local x = s:gsub("%a", function(c) return c end) end`,
	"gmatch":        `local s = "the quick brown fox jumps" for i = 1, 1000 do for w in s:gmatch("%a+") do end end`,
}

func BenchmarkStrings(b *testing.B) {
	for name, script := range stringScripts {
		b.Run(name, func(b *testing.B) {
			s := newStateWith(b, lua.Options{Hook: func() error { return nil }, Memory: 1 << 30}, nil)
			p, err := lua.Compile(script, "@user_script")
			if err != nil {
				b.Fatal(err)
			}
			f := s.Load(p, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Call(f); err != nil {
					b.Fatal(err)
				}
				s.Settle()
			}
		})
	}
}
