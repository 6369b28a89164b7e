// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/lua"
)

// tenKB is a document of some 10 KB as programs keep them.
func tenKB() string {
	var b strings.Builder
	b.WriteString(`{"users":[`)
	for i := range 80 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"User number %d","email":"user%d@example.com","score":%d.25,"tags":["a","bb","ccc"],"active":true}`, i, i, i, i*7)
	}
	b.WriteString(`]}`)
	return b.String()
}

func BenchmarkCodecs(b *testing.B) {
	s := newCodecs(b, lua.Options{Hook: func() error { return nil }, Memory: 1 << 30}, nil)
	text := tenKB()
	v := s.decode(b, text)
	s.Keep(v)
	packed := s.must(b, "cmsgpack.pack", v)
	s.Keep(packed)
	for _, bench := range []struct {
		name string
		arg  lua.Value
	}{{"cjson.decode", s.string(b, text)}, {"cjson.encode", v}, {"cmsgpack.unpack", packed}, {"cmsgpack.pack", v}} {
		b.Run(bench.name, func(b *testing.B) {
			f := s.function(bench.name)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Call(f, bench.arg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
