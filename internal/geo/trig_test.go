// SPDX-License-Identifier: BSD-3-Clause

package geo

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

const bigPrec = 200

func bigOf(x float64) *big.Float { return new(big.Float).SetPrec(bigPrec).SetFloat64(x) }

// bigSine adds up Taylor's series, from the term x on (the sine) or 1 on (the cosine).
func bigSine(x float64, cosine bool) *big.Float {
	total, term := new(big.Float).SetPrec(bigPrec), bigOf(1)
	square := new(big.Float).SetPrec(bigPrec).Mul(bigOf(x), bigOf(x))
	n := 1
	if !cosine {
		term.Set(bigOf(x))
		n = 2
	}
	for ; term.Sign() != 0 && (total.Sign() == 0 || term.MantExp(nil) > total.MantExp(nil)-bigPrec); n += 2 {
		total.Add(total, term)
		term.Mul(term, square).Quo(term, bigOf(float64(-n*(n+1))))
	}
	return total
}

// nearest fails the test if got is not the double nearest to want, unless want lies almost in the middle between two.
func nearest(t *testing.T, name string, x, got float64, want *big.Float) {
	t.Helper()
	rounded, _ := want.Float64()
	if rounded == got {
		return
	}
	ulp := math.Abs(math.Nextafter(rounded, math.Inf(1)) - rounded)
	off := new(big.Float).SetPrec(bigPrec).Sub(bigOf(got), want)
	if d, _ := off.Quo(off, bigOf(ulp)).Float64(); math.Abs(d) > 0.501 {
		t.Fatalf("%s(%v) = %v, want %v: off by %v in the last place", name, x, got, rounded, d)
	}
}

func TestTrigonometry(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	angles := []float64{math.Pi, math.Pi / 2, math.Pi / 4, 3 * math.Pi / 4, 1e-300, 1e-9, 0.5, 1, 2, 3}
	for range 20_000 {
		angles = append(angles, (rng.Float64()-0.5)*2*math.Pi, rng.NormFloat64()*1e-5)
	}
	for _, x := range angles {
		nearest(t, "sin", x, sin(x), bigSine(x, false))
		nearest(t, "sin", -x, sin(-x), bigSine(-x, false))
		nearest(t, "cos", x, cos(x), bigSine(x, true))
	}
	if sin(0) != 0 || !math.Signbit(sin(math.Copysign(0, -1))) || cos(0) != 1 || asin(0) != 0 || asin(1) != math.Pi/2 {
		t.Error("at 0 and 1")
	}
	for _, x := range []float64{math.Inf(1), math.NaN()} {
		if sin(x) == sin(x) || cos(x) == cos(x) || asin(x) == asin(x) {
			t.Errorf("of %v there is a number", x)
		}
	}
	if math.Abs(cos(1e300)-math.Cos(1e300)) > 1e-15 {
		t.Error("a large angle")
	}
}

// TestArcSine: the sine of what asin gives, and of its neighbours, lies around x.
func TestArcSine(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 20_000 {
		x := rng.Float64()
		switch i % 4 {
		case 1:
			x *= 1e-8
		case 2:
			x = 1 - x*1e-12
		case 3:
			x = math.Sqrt(x)
		}
		if x >= 1 {
			continue
		}
		y := asin(x)
		// between the middles of y and its neighbours
		low, high := bigOf(y), bigOf(y)
		low.Add(low, bigOf(math.Nextafter(y, -1))).Quo(low, bigOf(2))
		high.Add(high, bigOf(math.Nextafter(y, 2))).Quo(high, bigOf(2))
		if below, above := bigSineOf(low), bigSineOf(high); below.Cmp(bigOf(x)) > 0 || above.Cmp(bigOf(x)) < 0 {
			slack := new(big.Float).Sub(above, below)
			slack.Quo(slack, bigOf(1000))
			if below.Sub(below, slack).Cmp(bigOf(x)) > 0 || above.Add(above, slack).Cmp(bigOf(x)) < 0 {
				t.Fatalf("asin(%v) = %v", x, y)
			}
		}
	}
}

// bigSineOf is the sine of a number that is no double.
func bigSineOf(x *big.Float) *big.Float {
	total, term := new(big.Float).SetPrec(bigPrec), new(big.Float).SetPrec(bigPrec).Set(x)
	square := new(big.Float).SetPrec(bigPrec).Mul(x, x)
	for n := 2; term.Sign() != 0 && (total.Sign() == 0 || term.MantExp(nil) > total.MantExp(nil)-bigPrec); n += 2 {
		total.Add(total, term)
		term.Mul(term, square).Quo(term, bigOf(float64(-n*(n+1))))
	}
	return total
}

func BenchmarkTrigonometry(b *testing.B) {
	b.Run("sin", func(b *testing.B) {
		for b.Loop() {
			sin(0.7)
		}
	})
	b.Run("distance", func(b *testing.B) {
		for b.Loop() {
			Distance(Point{13.361389, 38.115556}, Point{15.087269, 37.502669})
		}
	})
}
