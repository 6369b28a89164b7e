// SPDX-License-Identifier: BSD-3-Clause

package num

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/testutil"
)

// TestFormatLikePrintf formats numbers of all kinds in all forms here and with Lua's string.format, which is C's printf.
func TestFormatLikePrintf(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	floats := []float64{0, math.Copysign(0, -1), 1, -1, .5, 9.5, 99.95, 999999.5, 1e15, 1e16, 123456789012345678, 1e100, -1e-5, 1e-4, 5e-324, math.MaxFloat64,
		math.Inf(1), math.Inf(-1), 2147483648, -2147483649, 0x1p53, 0x1p62, 100, 1000, 100000, 1000000, .1, 1.0 / 3}
	for range 200 {
		floats = append(floats, math.Float64frombits(rnd.Uint64()), rnd.NormFloat64()*1000, float64(rnd.IntN(100000))/100, float64(int64(rnd.Uint64())>>rnd.IntN(64)))
	}
	var script strings.Builder
	var ours []string
	for i, v := range floats {
		if v != v {
			continue // Lua has no way to write one down
		}
		for range 12 {
			form, f := randomFormat(rnd)
			conversion := "eEfgGgdiouxXs"[rnd.IntN(13)]
			text := strconv.FormatFloat(v, 'g', 17, 64)
			if math.IsInf(v, 0) {
				text = strings.Replace(strings.TrimPrefix(text, "+"), "Inf", "1/0", 1)
			}
			switch conversion {
			case 'd', 'i':
				if math.Abs(v) >= 0x1p63 {
					continue
				}
				ours = append(ours, string(f.AppendInt(nil, int64(v))))
			case 'o', 'u', 'x', 'X':
				if v = math.Abs(v); v >= 0x1p63 {
					continue
				}
				text = strconv.FormatFloat(v, 'g', 17, 64)
				ours = append(ours, string(f.AppendUint(nil, uint64(v), conversion)))
			case 's':
				text = strconv.Quote(strings.Repeat("x", i%12))
				ours = append(ours, string(f.AppendString(nil, strings.Repeat("x", i%12))))
			default:
				ours = append(ours, string(f.AppendFloat(nil, v, conversion)))
			}
			fmt.Fprintf(&script, "print(string.format('%s%c', %s))\n", form, conversion, text)
		}
	}
	out := testutil.Lua(t, script.String())
	calls := strings.Split(script.String(), "\n")
	for i, want := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		if ours[i] != want {
			t.Errorf("%s: %q, want %q", calls[i], ours[i], want)
		}
	}
}

// randomFormat returns flags, width and precision as text and as Format.
func randomFormat(rnd *rand.Rand) (string, Format) {
	text, f := "%", Format{Precision: -1}
	for _, flag := range []struct {
		c   string
		set *bool
	}{{"-", &f.Left}, {"+", &f.Plus}, {" ", &f.Space}, {"#", &f.Alternate}, {"0", &f.Zero}} {
		if rnd.IntN(4) == 0 {
			text, *flag.set = text+flag.c, true
		}
	}
	if rnd.IntN(2) == 0 {
		f.Width = 1 + rnd.IntN(40)
		text += strconv.Itoa(f.Width)
	}
	if rnd.IntN(2) == 0 {
		f.Precision = rnd.IntN(31)
		text += "." + strconv.Itoa(f.Precision)
	}
	return text, f
}

func TestAppendShort(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{
		{0, 14, "0"}, {math.Copysign(0, -1), 14, "-0"}, {1, 1, "1"}, {12, 1, "1e+01"}, {-123, 3, "-123"}, {1234, 3, "1.23e+03"}, {1e14, 14, "1e+14"}, {99999999999999, 14, "99999999999999"},
		{999999999999999, 14, "1e+15"}, {1e15, 14, "1e+15"}, {1e15, 17, "1000000000000000"}, {123456789012345, 15, "123456789012345"}, {.1, 14, "0.1"}, {.1, 17, "0.10000000000000001"},
		{3.14159265358979, 14, "3.1415926535898"}, {1e-5, 14, "1e-05"}, {1e300, 14, "1e+300"}, {math.Inf(1), 14, "inf"}, {math.Inf(-1), 14, "-inf"},
		{math.Copysign(math.NaN(), 1), 14, "nan"}, {math.Copysign(math.NaN(), -1), 14, "-nan"}, {-9007199254740993, 14, "-9.007199254741e+15"}, {1e9, 9, "1e+09"}, {1e9, 10, "1000000000"},
	} {
		if got := string(AppendShort(nil, c.v, c.digits)); got != c.want {
			t.Errorf("%v with %d digits: %q, want %q", c.v, c.digits, got, c.want)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		v := math.Float64frombits(rnd.Uint64())
		if v != v || rnd.IntN(2) == 0 {
			v = math.Trunc(rnd.NormFloat64() * math.Pow10(rnd.IntN(18)))
		}
		digits := 1 + rnd.IntN(17)
		f := Format{Precision: digits}
		if got, want := AppendShort(nil, v, digits), f.AppendFloat(nil, v, 'g'); string(got) != string(want) {
			t.Errorf("%v with %d digits: %s, want %s", v, digits, got, want)
		}
	}
}

func TestParseC(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "10": 10, " 10 ": 10, "\t\n\v\f\r10\t\n\v\f\r": 10, "1e1": 10, "1E+1": 10, ".5": .5, "5.": 5, "-.5": -.5, "+7": 7, "0x10": 16, "0XfF": 255, "0x1.8p1": 3, " -0x10 ": -16,
		"123456789012345": 123456789012345, "1234567890123456": 1234567890123456, "9007199254740993": 9007199254740992, "1e400": math.Inf(1), "-1e400": math.Inf(-1), "1e-400": 0,
		"inf": math.Inf(1), "-Infinity": math.Inf(-1), "INF": math.Inf(1), "1\x00x": 1, "007": 7, "0x1p-1074": 5e-324, "0e999999999999": 0, "0x" + strings.Repeat("f", 300): math.Inf(1),
	} {
		if f, ok := ParseC(text); !ok || f != want {
			t.Errorf("ParseC(%q) = %v, %v; want %v", text, f, ok, want)
		}
	}
	for _, text := range []string{"", " ", "\x00", "\x001", "x", "1x", "0x", "0xg", "1e", "1e+", "0x1p", "--1", "+-1", "1 2", "- 1", ".", "1..2", "1_0", "infi", "nanx", "nan(", "nan)", "nan(.)", "0b1", "1\xa0"} {
		if f, ok := ParseC(text); ok {
			t.Errorf("ParseC(%q) = %v, want it refused", text, f)
		}
	}
	for text, negative := range map[string]bool{"nan": false, "-NaN": true, "+nan()": false, " nan(1_a) ": false} {
		if f, ok := ParseC(text); !ok || f == f || math.Signbit(f) != negative {
			t.Errorf("ParseC(%q) = %v, %v", text, f, ok)
		}
	}
}

func BenchmarkAppendShort(b *testing.B) {
	for name, v := range map[string]float64{"whole": 123456, "fraction": 3.25, "long": 1.0 / 3} {
		b.Run(name, func(b *testing.B) {
			var buf [32]byte
			for b.Loop() {
				AppendShort(buf[:0], v, 14)
			}
		})
	}
}
