// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// someInts returns the corners of every decimal and binary length and random values of all magnitudes.
func someInts() []int64 {
	ints := []int64{0, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1}
	for p := int64(1); p > 0 && p <= 1e18; p *= 10 {
		ints = append(ints, p, p-1, p+1, -p, 1-p, -p-1)
		if p == 1e18 {
			break
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		v := int64(rnd.Uint64() >> rnd.IntN(64))
		ints = append(ints, v, -v)
	}
	return ints
}

func TestIntTextRoundTrips(t *testing.T) {
	for _, v := range someInts() {
		want := strconv.FormatInt(v, 10)
		got := AppendInt([]byte("x"), v)
		if string(got) != "x"+want {
			t.Errorf("AppendInt(%s) = %s", want, got[1:])
		}
		if n := IntLen(v); n != len(want) {
			t.Errorf("IntLen(%s) = %d", want, n)
		}
		if back, ok := ParseInt([]byte(want)); !ok || back != v {
			t.Errorf("ParseInt(%s) = %d, %v", want, back, ok)
		}
		u := uint64(v)
		want = strconv.FormatUint(u, 10)
		if got := AppendUint(nil, u); string(got) != want || UintLen(u) != len(want) {
			t.Errorf("AppendUint(%s) = %s, length %d", want, got, UintLen(u))
		}
		if back, ok := ParseUint([]byte(want)); !ok || back != u {
			t.Errorf("ParseUint(%s) = %d, %v", want, back, ok)
		}
	}
}

func TestParseIntIsStrict(t *testing.T) {
	for _, s := range []string{
		"", "-", "+", "+1", " 1", "1 ", "01", "00", "-0", "-01", "1a", "a", "0x1", "1.0", "--1", "1-", "/", ":", "-/", "1/", "1:",
		"9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999", "-99999999999999999999",
		"100000000000000000000", "1_000", "\x001", "1\x00", "\xb1",
	} {
		if v, ok := ParseInt([]byte(s)); ok {
			t.Errorf("ParseInt(%q) = %d, want it refused", s, v)
		}
	}
	for _, s := range []string{"", "-1", "18446744073709551616", "18446744073709551620", "99999999999999999999", "00", "1844674407370955161x"} {
		if v, ok := ParseUint([]byte(s)); ok {
			t.Errorf("ParseUint(%q) = %d, want it refused", s, v)
		}
	}
}

func FuzzParseInt(f *testing.F) {
	for _, s := range []string{"0", "-1", "9223372036854775807", "-9223372036854775808", "+1", "007", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := ParseInt(b)
		want, err := strconv.ParseInt(string(b), 10, 64)
		wantOK := err == nil && strconv.FormatInt(want, 10) == string(b)
		if ok != wantOK || ok && v != want {
			t.Errorf("ParseInt(%q) = %d, %v; want %d, %v", b, v, ok, want, wantOK)
		}
	})
}

func TestIntsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 32)
	text := []byte("-1234567890123")
	if n := testing.AllocsPerRun(100, func() {
		v, _ := ParseInt(text)
		buf = AppendInt(buf[:0], v)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParseInt(b *testing.B) {
	for _, s := range []string{"7", "1234", "1234567890123"} {
		text := []byte(s)
		b.Run(s, func(b *testing.B) {
			for b.Loop() {
				ParseInt(text)
			}
		})
	}
}

func BenchmarkAppendInt(b *testing.B) {
	buf := make([]byte, 0, 32)
	for _, v := range []int64{7, 1234, 1234567890123} {
		b.Run(strconv.FormatInt(v, 10), func(b *testing.B) {
			for b.Loop() {
				buf = AppendInt(buf[:0], v)
			}
		})
	}
}
