// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"cmp"
	"math"
	"strings"
	"testing"
)

// wrongFloats are refused as double and as long double.
var wrongFloats = []string{
	"", " 1", "1 ", "\t1", "1\n", "+", "-", ".", "-.", "+-1", "e", "e5", ".e5", "1e", "1e+", "1e-", "1e5.5", "1.2.3", "1,5", "1_0", "0x_1", "abc",
	"nan", "NaN", "-nan", "nan(1)", "infx", "in", "infinit", "infinityx", "0x", "0x.", "0xg", "0x1p", "0x1p+", "0x1e+5", "0b1", "1d", "1f", "1L",
	"1\x00", "\x001", "1e5\x00", "\xff", "0x1p1p1",
}

// rightFloats are read as both.
var rightFloats = []string{
	"0", "-0", "+0", "1", "+1", "-1", "01", "-007.50", "1.", ".5", "-.5", "+.5e1", "1e5", "1E5", "1e+5", "1e-5", "1e0005", "3.14159", "1e17", "1e16",
	"123456789012345678", "0.1", "0.2", "0.30000000000000004", "1e-10", "0x10", "0X1F", "0x1.8", "0x.8p1", "0x1p-3", "0x1P+4", "-0xA.", "0e99999999", "0.0e-99999999",
	"4503599627370495", "4503599627370496", "4503599627370497", "-4503599627370495", "-4503599627370496", "9007199254740993", "1e15", "1e300", "1e-300",
	"5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "99999999999999999", "100000000000000000", "0.00001", "0.0001", "123456.789e-3",
	"0.000000000000000005", "0.00000000000000000499999999", "0.000000000000000015", "-0.000000000000000001", "1.000000000000000005",
}

func TestParseFloatRefuses(t *testing.T) {
	for _, s := range append([]string{"1e400", "-1e400", "1e-400", "0x1p1024", "0x1p-1076", "1e99999999999999999999", "1e-99999999999999999999"}, wrongFloats...) {
		if f, ok := ParseFloat([]byte(s)); ok {
			t.Errorf("ParseFloat(%q) = %v, want it refused", s, f)
		}
	}
	for _, s := range append([]string{"1e5000", "-1e5000", "1e-5000", "0x1p16384", "0x1p-16446", strings.Repeat("1", 5120)}, wrongFloats...) {
		if l, ok := ParseLongDouble([]byte(s)); ok {
			t.Errorf("ParseLongDouble(%q) = %s, want it refused", s, AppendLongDouble(nil, l))
		}
	}
}

func TestParseFloatReads(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
	}{
		{"1", 1}, {"-12345", -12345}, {"+1", 1}, {"1.5e3", 1500}, {".5", .5}, {"5.", 5}, {"0x10", 16}, {"0x1.8p1", 3}, {"-0x.8", -.5},
		{"inf", math.Inf(1)}, {"-INFINITY", math.Inf(-1)}, {"+Inf", math.Inf(1)}, {"0e9999", 0}, {"0x0p99999", 0}, {"5e-324", 5e-324},
		{"0x1p-1074", 5e-324}, {"123456789012345678", 123456789012345678}, {"999999999999999", 999999999999999},
	} {
		if f, ok := ParseFloat([]byte(c.text)); !ok || f != c.want {
			t.Errorf("ParseFloat(%q) = %v, %v; want %v", c.text, f, ok, c.want)
		}
	}
	if f, ok := ParseFloat([]byte("-0")); !ok || !math.Signbit(f) {
		t.Errorf("ParseFloat(-0) = %v, %v", f, ok)
	}
	for _, s := range rightFloats {
		if _, ok := ParseFloat([]byte(s)); !ok {
			t.Errorf("ParseFloat(%q) is refused", s)
		}
	}
}

func TestParseBound(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
	}{
		{"", 0}, {"\x00", 0}, {"1", 1}, {" \t\n\v\f\r-1.5", -1.5}, {"0x10", 16}, {"0x.8p1", 1}, {"1\x00x", 1}, {"1e400", math.Inf(1)},
		{"-1e400", math.Inf(-1)}, {"1e-400", 0}, {"1e-99999999999", 0}, {"inf", math.Inf(1)}, {"-Infinity", math.Inf(-1)}, {"5e-324", 5e-324},
	} {
		if f, ok := ParseBound([]byte(c.text)); !ok || f != c.want {
			t.Errorf("ParseBound(%q) = %v, %v; want %v", c.text, f, ok, c.want)
		}
	}
	for _, s := range []string{" ", "1 ", "x", "nan", "1e", "0x", "(1", "1,5", "--1", "\xa01", "inf1"} {
		if f, ok := ParseBound([]byte(s)); ok {
			t.Errorf("ParseBound(%q) = %v, want it refused", s, f)
		}
	}
}

func TestAppendDouble(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-1, "-1"}, {1.5, "1.5"}, {0.1, "0.10000000000000001"}, {1e16, "10000000000000000"},
		{1e17, "1e+17"}, {123456789012345680, "1.2345678901234568e+17"}, {1e-5, "1.0000000000000001e-05"}, {0.0001, "0.0001"}, {1e100, "1e+100"},
		{math.Inf(1), "inf"}, {math.Inf(-1), "-inf"}, {math.NaN(), "nan"}, {math.MaxFloat64, "1.7976931348623157e+308"}, {-5e-324, "-4.9406564584124654e-324"},
		{1 << 52, "4503599627370496"}, {1<<52 + 1, "4503599627370497"}, {-1 << 53, "-9007199254740992"},
	} {
		got := AppendDouble(nil, c.f)
		if string(got) != c.want {
			t.Errorf("AppendDouble(%v) = %s, want %s", c.f, got, c.want)
		}
		if len(got) > MaxDoubleLen {
			t.Errorf("%s is longer than MaxDoubleLen", got)
		}
	}
}

func TestLongDoubleSums(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"10.50", "0.1", "10.6"}, {"5.0e3", "2.0e2", "5200"}, {"0", "-0", "0"}, {"-0", "-0", "0"}, {"1", "-1", "0"}, {"0.1", "0.2", "0.3"},
		{"3", "1.000000000000000000000001", "4"}, {"1e-20", "0", "0"}, {"-1e-20", "0", "0"}, {"0x10", "0x.8", "16.5"}, {"0", "0e99999999", "0"},
		{"9223372036854775807", "1", "9223372036854775808"}, {"18446744073709551615", "1", "18446744073709551616"},
		{"18446744073709551616", "1", "18446744073709551616"}, {"1e30", "0", "1000000000000000000024696061952"},
	} {
		a, okA := ParseLongDouble([]byte(c.a))
		b, okB := ParseLongDouble([]byte(c.b))
		sum, ok := a.Add(b)
		if got := AppendLongDouble(nil, sum); !okA || !okB || !ok || string(got) != c.want {
			t.Errorf("%s + %s = %s (%v %v %v), want %s", c.a, c.b, got, okA, okB, ok, c.want)
		}
	}
}

func TestLongDoubleRefusesInfinity(t *testing.T) {
	inf, ok := ParseLongDouble([]byte("-inf"))
	if !ok || !inf.IsInf() || string(AppendLongDouble(nil, inf)) != "-inf" {
		t.Fatalf("-inf is read as %v", inf)
	}
	top, ok := ParseLongDouble([]byte("1.1e4932"))
	if !ok {
		t.Fatal("1.1e4932 must be read")
	}
	one, _ := ParseLongDouble([]byte("1"))
	plus, _ := ParseLongDouble([]byte("inf"))
	for _, c := range [][2]LongDouble{{inf, one}, {one, inf}, {inf, plus}, {top, top}} {
		if sum, ok := c[0].Add(c[1]); ok {
			t.Errorf("%s + %s = %s, want it refused", AppendLongDouble(nil, c[0]), AppendLongDouble(nil, c[1]), AppendLongDouble(nil, sum))
		}
	}
	if string(AppendLongDouble(nil, plus)) != "inf" {
		t.Error("inf is not written as inf")
	}
}

func FuzzParseLongDouble(f *testing.F) {
	for _, s := range append(rightFloats, wrongFloats...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, okD := ParseFloat(b)
		l, okL := ParseLongDouble(b)
		if okD && !okL && len(b) <= MaxLongDoubleText {
			t.Fatalf("%q is a double (%v) but no long double", b, d)
		}
		if !okL {
			return
		}
		text := AppendLongDouble(nil, l)
		back, ok := ParseLongDouble(text)
		if !ok {
			t.Fatalf("%q is written as %q, which is refused", b, text)
		}
		if again := AppendLongDouble(nil, back); string(again) != string(text) && len(text) < 20 {
			t.Fatalf("%q is written as %q, which is read as %q", b, text, again)
		}
	})
}

func BenchmarkFloat(b *testing.B) {
	text := []byte("3.14159")
	b.Run("ParseFloat", func(b *testing.B) {
		for b.Loop() {
			ParseFloat(text)
		}
	})
	buf := make([]byte, 0, 64)
	b.Run("AppendDouble", func(b *testing.B) {
		for b.Loop() {
			buf = AppendDouble(buf[:0], 3.14159)
		}
	})
	b.Run("LongDouble", func(b *testing.B) {
		for b.Loop() {
			x, _ := ParseLongDouble(text)
			sum, _ := x.Add(x)
			buf = AppendLongDouble(buf[:0], sum)
		}
	})
}

// TestLongDoubleOrder: comparison, difference and the greatest numbers.
func TestLongDoubleOrder(t *testing.T) {
	texts := []string{"-inf", "-1e4932", "-1.5", "-1", "0", "1e-4940", "1", "1.25", "1e4932", "inf"}
	for i, a := range texts {
		x, ok := ParseLongDouble([]byte(a))
		if !ok {
			t.Fatalf("%s is no number", a)
		}
		for j, b := range texts {
			y, _ := ParseLongDouble([]byte(b))
			if got := x.Cmp(y); got != cmp.Compare(i, j) {
				t.Errorf("%s and %s compare as %d", a, b, got)
			}
			d, ok := x.Sub(y)
			if sum, _ := y.Add(d); ok && i == j && sum.Cmp(x) != 0 {
				t.Errorf("%s - %s + %s is %s", a, b, b, AppendLongDouble(nil, sum))
			}
			if ok && i == j && d.Cmp(LongDouble{}) != 0 {
				t.Errorf("%s - %s is %s", a, b, AppendLongDouble(nil, d))
			}
		}
		if high, low := MaxLongDouble(false), MaxLongDouble(true); !x.IsInf() && (x.Cmp(high) > 0 || x.Cmp(low) < 0) {
			t.Errorf("%s is out of bounds", a)
		}
	}
	one, _ := ParseLongDouble([]byte("1"))
	if sum, ok := MaxLongDouble(false).Add(one); !ok || sum.Cmp(MaxLongDouble(false)) != 0 {
		t.Error("the greatest number and one are not the greatest number")
	}
	if _, ok := MaxLongDouble(false).Add(MaxLongDouble(false)); ok {
		t.Error("twice the greatest number is finite")
	}
	if _, ok := MaxLongDouble(true).Sub(MaxLongDouble(false)); ok {
		t.Error("the least number less the greatest is finite")
	}
}

// TestSecondsToMillis: as timeouts are read.
func TestSecondsToMillis(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.0": 0, "1": 1000, "0.001": 1, "0.0001": 1, "0.0015": 2, "-0.0001": 0, "-1": -1000, "0x10": 16000,
		"1e30": math.MaxInt64, "-1e30": math.MinInt64, "inf": math.MaxInt64, "-inf": math.MinInt64,
		"9223372036854775.807": math.MaxInt64, "9223372036854775.7": 9223372036854775700,
	} {
		l, ok := ParseLongDouble([]byte(text))
		if got := l.Mul(1000).Ceil(); !ok || got != want {
			t.Errorf("%s s: %d ms, want %d", text, got, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	for f, want := range map[float64]int64{
		1.9: 1, -1.9: -1, 1 << 62: 1 << 62, 1 << 63: math.MinInt64, -1 << 63: math.MinInt64, -1 << 64: math.MinInt64,
		math.Inf(1): math.MinInt64, math.NaN(): math.MinInt64,
	} {
		if got := Truncate(f); got != want {
			t.Errorf("%g: %d, want %d", f, got, want)
		}
	}
}
