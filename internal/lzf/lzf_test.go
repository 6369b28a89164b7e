// SPDX-License-Identifier: BSD-3-Clause

package lzf

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// samples are texts of many kinds.
func samples() [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	list := [][]byte{nil, []byte("a"), []byte("ab"), []byte("abc"), []byte("abcd"), []byte("aaaa"), []byte("aaaaaaaaaa")}
	for _, n := range []int{31, 32, 33, 264, 265, 266, 267, 268, 8191, 8192, 8193, 8194, 20_000} {
		list = append(list, bytes.Repeat([]byte("x"), n), bytes.Repeat([]byte("abcdefghijk"), n/11+1))
		noise := make([]byte, n)
		few := make([]byte, n)
		for i := range noise {
			noise[i], few[i] = byte(rng.Uint32()), 'a'+byte(rng.IntN(3))
		}
		list = append(list, noise, few, append(append([]byte("far away: hello"), noise...), "far away: hello"...))
	}
	return list
}

func TestPackUnpack(t *testing.T) {
	var table Table
	for _, text := range samples() {
		packed, ok := table.Pack([]byte("before"), text, 2*len(text)+10)
		if !ok || !bytes.HasPrefix(packed, []byte("before")) {
			t.Fatalf("%.20q of %d bytes: not packed", text, len(text))
		}
		packed = packed[len("before"):]
		got := make([]byte, len(text))
		if err := Unpack(got, packed); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%.20q of %d bytes: unpacked to %.20q, %v", text, len(text), got, err)
		}
		if again, ok := table.Pack(nil, text, len(packed)+4); !ok || !bytes.Equal(again, packed) {
			t.Fatalf("%.20q of %d bytes: packed otherwise the second time", text, len(text))
		}
		if len(packed) > 0 {
			if dst, ok := table.Pack([]byte("x"), text, len(packed)-1); ok || string(dst) != "x" {
				t.Fatalf("%.20q of %d bytes: packed to more than the limit", text, len(text))
			}
		}
		for _, n := range []int{len(text) - 1, len(text) + 1} {
			if n >= 0 && Unpack(make([]byte, n), packed) == nil {
				t.Fatalf("%.20q of %d bytes: unpacked to %d", text, len(text), n)
			}
		}
	}
}

// What is known of the format by its description.
func TestFormat(t *testing.T) {
	for _, c := range []struct{ packed, text string }{
		{"\x00a", "a"},
		{"\x02abc", "abc"},
		{"\x00a\x20\x00", "aaaa"},
		{"\x02abc\x60\x02", "abcabcab"},
		{"\x00a\xe0\x00\x00", "a" + strings.Repeat("a", 9)},
		{"\x00a\xe0\xff\x00", "a" + strings.Repeat("a", 264)},
	} {
		got := make([]byte, len(c.text))
		if err := Unpack(got, []byte(c.packed)); err != nil || string(got) != c.text {
			t.Errorf("%q: %q, %v", c.packed, got, err)
		}
	}
	var table Table
	if packed, _ := table.Pack(nil, bytes.Repeat([]byte("a"), 10_000), 1000); len(packed) > 130 {
		t.Errorf("the same byte 10000 times takes %d bytes", len(packed))
	}
}

// What redis-server packs is what is packed here, and unpacks: strings in DUMP, whose frame has the byte 0xc3 and both lengths.
func TestRedis(t *testing.T) {
	c := testutil.Oracle(t).Dial(t)
	var table Table
	for _, text := range append(samples(), words()...) {
		c.Must(t, "SET", "k", string(text))
		b := []byte(c.Must(t, "DUMP", "k").Str)
		const plain, packed, long = 0, 0xc3, 0x80
		want, ok := table.Pack(nil, text, len(text)-4)
		if is := len(b) > 20 && b[0] == plain && b[1] == packed; is != (ok && len(text) > 20) {
			t.Errorf("%.20q of %d bytes: packed is %v, in Redis %v", text, len(text), ok, is)
		} else if !is {
			continue
		}
		var n [2]int
		b = b[2 : len(b)-10]
		for i := range n {
			switch {
			case b[0] == long:
				n[i], b = int(binary.BigEndian.Uint32(b[1:])), b[5:]
			case b[0] < 64:
				n[i], b = int(b[0]), b[1:]
			default:
				n[i], b = int(b[0]&63)<<8|int(b[1]), b[2:]
			}
		}
		got := make([]byte, n[1])
		if err := Unpack(got, b); err != nil || len(b) != n[0] || !bytes.Equal(got, text) {
			t.Errorf("%.20q of %d bytes: %v", text, len(text), err)
		}
		if !bytes.Equal(b, want) {
			t.Errorf("%.20q of %d bytes: packed to %d bytes, in Redis to %d", text, len(text), len(want), len(b))
		}
	}
}

// words are texts of which parts come again and again, of many lengths.
func words() (list [][]byte) {
	rng := rand.New(rand.NewPCG(3, 4))
	some := strings.Fields("a bb off the eleven name:true, 10000 ------------------------ \x00\x00\x00\x00\x00")
	for n := range 400 {
		var b []byte
		for len(b) < n {
			b = append(append(b, some[rng.IntN(1+rng.IntN(len(some)))]...), byte(rng.IntN(2))*' ')
		}
		list = append(list, b[:n])
	}
	return list
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x02abc\x60\x02"), 8)
	f.Add([]byte("\xe0\xff\x00"), 266)
	f.Fuzz(func(t *testing.T, packed []byte, n int) {
		dst := make([]byte, uint(n)%(1<<16))
		_ = Unpack(dst, packed)
		var table Table
		again, ok := table.Pack(nil, dst, 2*len(dst)+10)
		got := make([]byte, len(dst))
		if err := Unpack(got, again); !ok || err != nil || !bytes.Equal(got, dst) {
			t.Fatalf("%d bytes do not come back: %v", len(dst), err)
		}
	})
}
