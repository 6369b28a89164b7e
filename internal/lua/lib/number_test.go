// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/redpoll/redpoll/internal/num"
)

// TestQuickNumber compares the quick way to read a number of JSON with the thorough one, where it takes a number at all.
func TestQuickNumber(t *testing.T) {
	const bytes = "00123456789999....-+eEx, ]"
	rnd := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for range 200_000 {
		text := make([]byte, 1+rnd.IntN(20))
		for i := range text {
			text[i] = bytes[rnd.IntN(len(bytes))]
		}
		s := string(text)
		f, n := quickNumber(s)
		if n == 0 {
			continue
		}
		taken++
		want, ok := num.ParseC(s[:n])
		if length := numberLen(s); !ok || n != length || math.Float64bits(f) != math.Float64bits(want) {
			t.Fatalf("%q is read as %v of %d bytes, not as %v of %d", s, f, n, want, length)
		}
	}
	if taken < 1000 {
		t.Errorf("only %d numbers were read the quick way", taken)
	}
	for _, s := range []string{"1.", ".5", "-", "1e5", "0x10", "1234567890123456", "1.2.3", "+1", "inf", "-nan"} {
		if f, n := quickNumber(s); n != 0 {
			t.Errorf("%q is read as %v", s, f)
		}
	}
}
