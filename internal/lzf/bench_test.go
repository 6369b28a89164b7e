// SPDX-License-Identifier: BSD-3-Clause

package lzf

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func BenchmarkPack(b *testing.B) {
	noise := make([]byte, 64<<10)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	text := bytes.Join(words(), nil)
	for _, bench := range []struct {
		name string
		text []byte
	}{{"noise", noise}, {"text", text[:64<<10]}, {"short", text[1000:1064]}} {
		b.Run(bench.name, func(b *testing.B) {
			var table Table
			var dst []byte
			b.SetBytes(int64(len(bench.text)))
			for b.Loop() {
				dst, _ = table.Pack(dst[:0], bench.text, 2*len(bench.text))
			}
		})
	}
}
