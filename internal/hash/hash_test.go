// SPDX-License-Identifier: BSD-3-Clause

package hash

import (
	"fmt"
	"testing"
)

func TestBytesAgreesOnContents(t *testing.T) {
	for _, s := range []string{"", "a", "user:1000", "a rather longer key than most of the others are"} {
		if Bytes([]byte(s)) != Bytes(append([]byte(nil), s...)) {
			t.Errorf("two copies of %q have different hashes", s)
		}
	}
	if Bytes(nil) != Bytes([]byte{}) {
		t.Error("nil and the empty slice have different hashes")
	}
}

// Every field that is cut from the hash must be spread evenly, since shards,
// segments, buckets and tags are filled by them alone.
func TestBytesSpreadsEveryField(t *testing.T) {
	fields := []struct {
		name  string
		shift uint
		bits  uint
	}{{"shard", 0, 6}, {"bucket", 16, 6}, {"directory low", 22, 6}, {"directory high", 50, 6}, {"tag", 56, 8}}
	const keys = 64 * 1024
	for _, f := range fields {
		counts := make([]int, 1<<f.bits)
		for i := range keys {
			h := Bytes(fmt.Appendf(nil, "key:%d", i))
			counts[h>>f.shift&(1<<f.bits-1)]++
		}
		want := keys >> f.bits
		for v, n := range counts {
			if n < want/2 || n > want*2 {
				t.Errorf("%s: value %d occurs %d times, want about %d", f.name, v, n, want)
			}
		}
	}
}

func BenchmarkBytes(b *testing.B) {
	for _, size := range []int{8, 16, 40, 200} {
		key := make([]byte, size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				Bytes(key)
			}
		})
	}
}
