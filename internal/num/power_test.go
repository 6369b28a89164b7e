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

// TestLikeC computes with arguments of all sizes here and in Lua, whose functions are C's.
func TestLikeC(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	one := map[string]func(float64) float64{"exp": Exp, "log": Log, "log10": Log10, "acos": Acos}
	two := map[string]func(x, y float64) float64{"pow": Pow, "fmod": Mod}
	wide := func() float64 {
		switch rnd.IntN(5) {
		case 0:
			return float64(rnd.IntN(40) - 20)
		case 1:
			return rnd.Float64()*2 - 1
		case 2:
			return math.Pow10(rnd.IntN(600) - 300)
		case 3:
			return rnd.NormFloat64() * math.Pow10(rnd.IntN(8)-3)
		}
		return float64(rnd.IntN(64)) / 4
	}
	var script strings.Builder
	var calls []string
	var ours []float64
	call := func(name, args string, result float64) {
		calls, ours = append(calls, name+"("+args+")"), append(ours, result)
		fmt.Fprintf(&script, "print(string.format('%%.17g', math.%s(%s)))\n", name, args)
	}
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', 17, 64) }
	for range 2000 {
		x, y := wide(), wide()
		for _, name := range []string{"exp", "log", "log10", "acos"} {
			call(name, text(x), one[name](x))
		}
		for _, name := range []string{"pow", "fmod"} {
			call(name, text(x)+", "+text(y), two[name](x, y))
		}
	}
	off := map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(testutil.Lua(t, script.String())), "\n") {
		name, _, _ := strings.Cut(calls[i], "(")
		got := string(AppendShort(nil, ours[i], 17))
		if got == line {
			continue
		}
		want, _ := ParseC(line)
		if want != want || math.Abs(ours[i]-want) > 1.2*(math.Nextafter(math.Abs(want), math.Inf(1))-math.Abs(want)) {
			t.Errorf("%s = %s, want %s", calls[i], got, line)
		}
		off[name]++
	}
	for name, n := range off {
		if n > 20 && name != "log10" && name != "acos" { // C's own are not rounded correctly
			t.Errorf("%s: %d of 2000 differ in the last place", name, n)
		}
	}
}

func TestPowSpecial(t *testing.T) {
	inf := math.Inf(1)
	for _, x := range []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, .5, inf, -inf, math.MaxFloat64, 5e-324} {
		for _, y := range []float64{0, 1, -1, 2, 3, -3, .5, -.5, inf, -inf, 1e300, 1023, 1024, -1074, -1075, 5e-324} {
			got, want := Pow(x, y), math.Pow(x, y)
			if got == got && got != want && math.Nextafter(got, want) != want || math.IsNaN(want) != math.IsNaN(got) || got == 0 && math.Signbit(got) != math.Signbit(want) {
				t.Errorf("Pow(%v, %v) = %v, want %v", x, y, got, want)
			}
		}
	}
}

func BenchmarkPow(b *testing.B) {
	for name, y := range map[string]float64{"square": 2, "whole": 13, "root": .5, "negative": -7.5} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Pow(1.2345, y)
			}
		})
	}
}
