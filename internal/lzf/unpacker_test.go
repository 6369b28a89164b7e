// SPDX-License-Identifier: BSD-3-Clause

package lzf

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// unpackBy unpacks pieces of so many bytes.
func unpackBy(packed []byte, n, step int) ([]byte, error) {
	u := Unpacker{Src: packed}
	text := make([]byte, n)
	for at := 0; at < n; at += step {
		if err := u.Next(text[at:min(at+step, n)]); err != nil {
			return nil, err
		}
	}
	return text, nil
}

func TestUnpackerAndLen(t *testing.T) {
	var table Table
	for _, text := range append(samples(), words()...) {
		packed, _ := table.Pack(nil, text, 2*len(text)+10)
		if n, err := Len(packed); n != len(text) || err != nil {
			t.Errorf("%.20q of %d bytes: %d, %v", text, len(text), n, err)
		}
		if !CanBe(uint64(len(text)), len(packed)) {
			t.Errorf("%.20q of %d bytes cannot be of %d", text, len(text), len(packed))
		}
		for _, step := range []int{maxBack, maxBack + 1, 10_000, 1 << 15} {
			if got, err := unpackBy(packed, len(text), step); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%.20q of %d bytes by %d: %v", text, len(text), step, err)
			}
		}
		if _, err := unpackBy(packed, len(text)+1, maxBack); err == nil {
			t.Errorf("%.20q of %d bytes is longer by 1", text, len(text))
		}
	}
}

// Len says of any bytes whether they unpack, and to how many.
func TestLenLikeUnpack(t *testing.T) {
	var table Table
	rng := rand.New(rand.NewPCG(5, 6))
	sound := 0
	for _, text := range append(samples(), words()...) {
		packed, _ := table.Pack(nil, text, 2*len(text)+10)
		for range 20 {
			if len(packed) == 0 {
				break
			}
			b := bytes.Clone(packed)
			b[rng.IntN(len(b))] = byte(rng.Uint32())
			b = b[:len(b)-rng.IntN(2)]
			n, err := Len(b)
			got := make([]byte, n)
			if (err == nil) != (Unpack(got, b) == nil && !(n == 0 && len(b) > 0)) {
				t.Fatalf("%q: %d, %v", b, n, err)
			}
			piecewise, failed := unpackBy(b, n, maxBack)
			if err == nil && (failed != nil || !bytes.Equal(piecewise, got)) {
				t.Fatalf("%q: unpacked to other bytes piece by piece, %v", b, failed)
			}
			if err == nil {
				sound++
			}
		}
	}
	if sound == 0 {
		t.Error("nothing was sound")
	}
	if CanBe(1<<60, 100) || CanBe(89, 1) || !CanBe(88, 1) || !CanBe(0, 0) {
		t.Error("more bytes than there can be, or fewer")
	}
}
