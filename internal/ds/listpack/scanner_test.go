// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A Scanner takes what Validate accepts, and shows the same entries.
func TestScannerLikeValidate(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	good := build("abc", "1000", strings.Repeat("x", 100), "-5000000000", "", "7", strings.Repeat("y", 5000))
	taken := 0
	for i := range 20_000 {
		b := bytes.Clone(good)
		if i > 0 {
			b[rng.IntN(min(len(b), 1+rng.IntN(len(b))))] += byte(1 + rng.IntN(255))
			b = b[:len(b)-rng.IntN(2)]
		}
		s := Scan(b)
		var got []string
		for e, ok := s.Next(); ok; e, ok = s.Next() {
			got = append(got, string(e.Append(nil)))
		}
		if (s.Err() == nil) != (Validate(b) == nil) {
			t.Fatalf("%x: the scanner says %v", b, s.Err())
		}
		if s.Err() != nil {
			continue
		}
		if taken++; !slices.Equal(got, texts(b)) {
			t.Fatalf("%x: got %.100q", b, got)
		}
	}
	if taken < 100 {
		t.Errorf("%d were taken", taken)
	}
	for _, b := range [][]byte{nil, {1}, AppendEmpty(nil)} {
		s := Scan(b)
		if _, ok := s.Next(); ok || (s.Err() == nil) != (Validate(b) == nil) {
			t.Errorf("%x: %v", b, s.Err())
		}
	}
}
