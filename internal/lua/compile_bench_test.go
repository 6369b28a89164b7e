// SPDX-License-Identifier: BSD-3-Clause

package lua

import (
	"strings"
	"testing"
)

// lockScript is a typical script.
const lockScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then
	return redis.call('DEL', KEYS[1])
end
return 0`

func BenchmarkCompile(b *testing.B) {
	for name, src := range map[string]string{
		"lock":  lockScript,
		"large": strings.Repeat("do local a, b = t.x[1], f(2, 'x') if a == b and not c then t.y = a .. b else g(function() return a end) end end\n", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(src, "@user_script"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
