// SPDX-License-Identifier: BSD-3-Clause

package hll

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestAgainstSketch: a value, sparse and then dense, has the ranks of a sketch that was shown the same, and gives its estimate.
func TestAgainstSketch(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, most := range []int{60, 3000, MaxSize} {
		value, want := AppendNew(nil), Sketch{}
		for n := range 30_000 {
			text := []byte(textOf(rng.IntN(registers), uint8(1+min(rng.IntN(32), rng.IntN(32)))))
			now, changed, err := Add(value, text, int64(most))
			value = now
			if err != nil || changed != want.Add(text) {
				t.Fatalf("after %d texts: %v, changed %v", n, err, changed)
			}
			if n%1000 != 0 && n > 100 {
				continue
			}
			var got Sketch
			if err := got.Merge(value); err != nil || got != want {
				t.Fatalf("after %d texts the registers are others: %v", n, err)
			}
			if c, err := Count(value); err != nil || c != want.Count() {
				t.Fatalf("after %d texts the estimate is %d, not %d: %v", n, c, want.Count(), err)
			}
		}
		if e := encodingOf(value); (e == Dense) != (most < MaxSize) || e == Sparse && len(value) > MaxSize {
			t.Errorf("up to %d bytes it is %s, with %d bytes", most, e, len(value))
		}
	}
}

// TestEncodingOf: what is no value, or cannot be one.
func TestEncodingOf(t *testing.T) {
	fresh := string(AppendNew(nil))
	long := fresh + string(make([]byte, MaxSize))
	for _, test := range []struct {
		value string
		want  error
	}{
		{"", ErrNotValue},
		{fresh, nil},
		{fresh[:headerSize], nil},
		{fresh[:headerSize-1], ErrNotValue},
		{"HYLX" + fresh[4:], ErrNotValue},
		{"HYLL\x02" + fresh[5:], ErrNotValue},
		{"HYLL\x00" + fresh[5:], ErrNotValue},
		{"HYLL\x00" + long[5:DenseSize], nil},
		{"HYLL\x00" + long[5:DenseSize+1], ErrNotValue},
		{long, ErrDamaged},
	} {
		v := []byte(test.value)
		if _, err := EncodingOf(v[:min(len(v), MaxSize)], len(v)); !errors.Is(err, test.want) {
			t.Errorf("%.20q with %d bytes: %v", test.value, len(v), err)
		}
	}
}

// TestWords: what is done with eight registers at once is what it is with each.
func TestWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for range 10_000 {
		a, b := rng.Uint64()&0x3f3f3f3f_3f3f3f3f, rng.Uint64()&0x3f3f3f3f_3f3f3f3f
		if rng.IntN(2) == 0 {
			b = a&0x00ff00ff_00ff00ff | b&0xff00ff00_ff00ff00
		}
		if got := spread(gather(a)); got != a {
			t.Fatalf("%x becomes %x", a, got)
		}
		var want uint64
		for i := 0; i < 64; i += 8 {
			want |= max(a>>i&0xff, b>>i&0xff) << i
		}
		if got := greater(a, b); got != want {
			t.Fatalf("of %x and %x the greater is %x, not %x", a, b, got, want)
		}
	}
}

// FuzzValue: whatever bytes a value has, nothing panics, and a value whose registers can be told keeps them but for the one that is raised.
func FuzzValue(f *testing.F) {
	f.Add([]byte("\x7f\xff"), uint16(3), uint8(5))
	f.Add([]byte("\x3f\x80\x41"), uint16(64), uint8(40))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\xdb"), uint16(30), uint8(33))
	f.Fuzz(func(t *testing.T, runs []byte, index uint16, rank uint8) {
		value := append(AppendNew(nil)[:headerSize], runs...)
		if _, err := EncodingOf(value, len(value)); err != nil {
			return
		}
		var before, after Sketch
		sound := before.Merge(value) == nil
		n, err := Count(value)
		if (err == nil) != sound || sound && n != before.Count() {
			t.Fatalf("the estimate is %d, %v", n, err)
		}
		AppendRuns(nil, value)
		i, r := int(index%registers), rank%maxRank+1
		now, changed, err := Raise(bytes.Clone(value), i, r, 3000)
		if err != nil && (sound || !bytes.Equal(now, value)) {
			t.Fatalf("raising gives %v", err)
		}
		if !sound {
			return
		}
		if err := after.Merge(now); err != nil {
			t.Fatalf("raising a register has left damage: %v", err)
		}
		if changed != (r > before.ranks[i]) {
			t.Fatalf("from %d to %d: changed is %v", before.ranks[i], r, changed)
		}
		before.ranks[i] = max(before.ranks[i], r)
		if after != before {
			t.Fatal("other registers have changed")
		}
		if _, err := Unite(now, &before, 3000); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	for name, most := range map[string]int64{"sparse": 3000, "dense": 0} {
		b.Run(name, func(b *testing.B) {
			value, texts := AppendNew(nil), make([][]byte, 1000)
			for i := range texts {
				texts[i] = []byte(textOf(i*16%registers, 3))
				var err error
				if value, _, err = Add(value, texts[i], most); err != nil {
					b.Fatal(err)
				}
			}
			for i := 0; b.Loop(); i++ {
				if _, changed, err := Add(value, texts[i%1000], most); changed || err != nil {
					b.Fatal("it has changed", err)
				}
			}
		})
	}
}

func BenchmarkDense(b *testing.B) {
	value, err := MakeDense(AppendNew(nil))
	if err != nil {
		b.Fatal(err)
	}
	for i := range registers {
		setDenseRank(value, i, uint8(1+i%7))
	}
	var all Sketch
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			_, _ = Count(value)
		}
	})
	b.Run("merge", func(b *testing.B) {
		for b.Loop() {
			_ = all.Merge(value)
		}
	})
	b.Run("pack", func(b *testing.B) {
		for b.Loop() {
			all.pack(value)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for _, apart := range []int{8, 40, 100, 160} {
		value := AppendNew(nil)
		rng := rand.New(rand.NewPCG(1, 1))
		for i := 0; i < registers; i += 1 + rng.IntN(2*apart) {
			value, _, _ = Raise(value, i, 3, MaxSize)
		}
		b.Run(strconv.Itoa(apart), func(b *testing.B) {
			for i := 0; b.Loop(); i += 4099 {
				if _, err := find(value, run{at: headerSize}, i%registers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
