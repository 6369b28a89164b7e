// SPDX-License-Identifier: BSD-3-Clause

package intset

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// insert is Insert for a blob on the Go heap.
func insert(b []byte, v int64) []byte {
	i, ok := Find(b, v)
	if ok {
		return b
	}
	b = append(b, make([]byte, Grown(b, v)-len(b))...)
	Insert(b, i, v)
	return b
}

func empty() []byte {
	b := make([]byte, HeaderSize)
	Init(b, 2)
	return b
}

// TestFormat holds blobs against the bytes that redis-server 7.0 dumps.
func TestFormat(t *testing.T) {
	for _, c := range []struct {
		values []int64
		want   string
	}{
		{nil, "\x02\x00\x00\x00\x00\x00\x00\x00"},
		{[]int64{1, -1, 300}, "\x02\x00\x00\x00\x03\x00\x00\x00\xff\xff\x01\x00\x2c\x01"},
		{[]int64{5, 32768}, "\x04\x00\x00\x00\x02\x00\x00\x00\x05\x00\x00\x00\x00\x80\x00\x00"},
		{[]int64{5, math.MinInt64}, "\x08\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x05\x00\x00\x00\x00\x00\x00\x00"},
	} {
		b := empty()
		for _, v := range c.values {
			b = insert(b, v)
		}
		if string(b) != c.want || !Valid(b) {
			t.Errorf("%v is %q, want %q", c.values, b, c.want)
		}
	}
}

// some gives an integer of some width.
func some(rng *rand.Rand) int64 { return rng.Int64() >> rng.IntN(64) * (1 - 2*rng.Int64N(2)) }

func TestAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		b, want := empty(), []int64{}
		for range 400 {
			v := some(rng)
			if rng.IntN(3) == 0 && len(want) > 0 {
				v = want[rng.IntN(len(want))]
			}
			at, there := slices.BinarySearch(want, v)
			if i, ok := Find(b, v); i != at || ok != there {
				t.Fatalf("Find(%d) gives %d %v, want %d %v", v, i, ok, at, there)
			}
			if !there {
				b, want = insert(b, v), slices.Insert(want, at, v)
			} else if rng.IntN(2) == 0 {
				less := Remove(b, at)
				b, want = b[:len(b)-less], slices.Delete(want, at, at+1)
			}
			if Len(b) != len(want) || Size(b) != len(b) || !Valid(b) {
				t.Fatalf("%d elements in %d bytes, want %d in %d", Len(b), len(b), len(want), Size(b))
			}
			for i, v := range want {
				if At(b, i) != v {
					t.Fatalf("element %d is %d, want %d", i, At(b, i), v)
				}
			}
		}
	}
}

func TestAppend(t *testing.T) {
	for _, w := range []int{2, 4, 8} {
		b := make([]byte, SizeFor(3, w))
		Init(b, w)
		want := empty()
		for _, v := range []int64{-3, 0, int64(1) << (8*w - 2)} {
			Append(b, v)
			want = insert(want, v)
		}
		if !bytes.Equal(b, want) {
			t.Errorf("appended %q, inserted %q", b, want)
		}
	}
}

func TestValid(t *testing.T) {
	good := insert(insert(empty(), 1), 2)
	for name, b := range map[string][]byte{
		"short":     good[:7],
		"cut off":   good[:len(good)-1],
		"too long":  append(slices.Clone(good), 0),
		"width":     append([]byte{3}, good[1:]...),
		"repeated":  {2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0},
		"unsorted":  {2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0},
		"too many":  {8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"no header": nil,
	} {
		if Valid(b) {
			t.Errorf("%s: %q is valid", name, b)
		}
	}
}

func FuzzValid(f *testing.F) {
	f.Add(insert(insert(empty(), 1), 70000))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !Valid(b) {
			return
		}
		for i := range Len(b) {
			if at, ok := Find(b, At(b, i)); !ok || at != i {
				t.Fatalf("element %d is found at %d, %v", i, at, ok)
			}
		}
	})
}
