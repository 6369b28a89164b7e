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

// TestCombine cuts bytes in two at every place.
func TestCombine(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		begin, cut := rng.Uint64(), rng.IntN(n+1)
		first, second := Update(begin, b[:cut]), Update(0, b[cut:])
		if got, want := Combine(first, second, int64(n-cut)), Update(begin, b); got != want {
			t.Fatalf("%d bytes of %d: %#x, want %#x", cut, n, got, want)
		}
	}
	zeros, sum := make([]byte, 1<<20), uint64(0x1234567)
	for range 5 {
		sum = Update(sum, zeros)
	}
	if got := Combine(0x1234567, 0, 5<<20); got != sum {
		t.Errorf("5 MB of zeros: %#x, want %#x", got, sum)
	}
}
