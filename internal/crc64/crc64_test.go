// SPDX-License-Identifier: BSD-3-Clause

package crc64

import (
	"hash/crc64"
	"math/rand/v2"
	"testing"
)

// TestUpdate compares with the standard library, which inverts the checksum before and after, and with the value by which the
// algorithm is known.
func TestUpdate(t *testing.T) {
	if got := Update(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("the checksum of 123456789 is %#x", got)
	}
	jones := crc64.MakeTable(polynomial)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := make([]byte, rng.IntN(100))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		begin := rng.Uint64()
		if got, want := Update(begin, b), ^crc64.Update(^begin, jones, b); got != want {
			t.Fatalf("%d bytes from %#x on: %#x, want %#x", len(b), begin, got, want)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{100, 64 << 10} {
		b.Run("", func(b *testing.B) {
			bytes := make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				Update(0, bytes)
			}
		})
	}
}
