// SPDX-License-Identifier: BSD-3-Clause

package num

import "math"

// Go's math functions may be off by some units in the last place, and on some machines differently than on others; C's are rounded
// correctly but in one case of a hundred or so, and 14 digits show the difference now and then. Pow, Exp, Log and Log10 compute with
// pairs of doubles, some 100 bits, and round once.

// ln2 and ln10 are the natural logarithms, to twice the precision of a double.
var (
	ln2  = Pair{0.6931471805599453, 2.3190468138462996e-17}
	ln10 = Pair{2.302585092994046, -2.1707562233822494e-16}
)

// roots are the powers of two with the exponents 0/32, 1/32, … 31/32.
var roots = func() (roots [32]Pair) {
	step := Pair{2, 0}
	for range 5 {
		y := math.Sqrt(step.Hi)
		rest := Product(y, y).Scale(-1).Add(step)
		step = Sum(y, rest.Hi/(2*y))
	}
	roots[0] = Pair{1, 0}
	for i := 1; i < len(roots); i++ {
		roots[i] = roots[i-1].Mul(step)
	}
	return roots
}()

// expPair returns e to the power of x, as a number in [1, 2) and an exponent of two; |x| is at most 800.
func expPair(x Pair) (m Pair, exponent int) {
	n := math.Round(x.Hi * (float64(len(roots)) / ln2.Hi))
	r := x.Add(ln2.Scale(-n / float64(len(roots))))
	// e^r - 1 by the series; the first terms need all digits.
	s := Pair{1.0 / 120, 0}
	s.Hi += r.Hi * (1.0/720 + r.Hi*(1.0/5040+r.Hi*(1.0/40320)))
	for _, f := range [...]Pair{{0.041666666666666664, 2.3129646346357427e-18}, {0.16666666666666666, 9.25185853854297e-18}, {.5, 0}, {1, 0}} {
		s = s.Mul(r).Add(f)
	}
	root := roots[int(n)&(len(roots)-1)]
	return root.Add(root.Mul(s.Mul(r))), int(n) >> 5
}

// logPair returns the natural logarithm of x, which is finite and above 0.
func logPair(x float64) Pair {
	m, exponent := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, exponent = m*2, exponent-1
	}
	y := math.Log(m)
	// One step of Newton's: y + m/e^y - 1, of which the last is tiny.
	e, n := expPair(Pair{-y, 0})
	d := e.Scale(math.Ldexp(m, n)).Add(Pair{-1, 0})
	l := Sum(y, 0).Add(d).Add(d.Mul(d).Scale(-.5))
	return ln2.Scale(float64(exponent)).Add(l)
}

// round returns the pair times two to the power of exponent.
func (x Pair) round(exponent int) float64 {
	if exponent > -1000 {
		return math.Ldexp(x.Hi+x.Lo, exponent)
	}
	// A denormal result is rounded here, at its own last place: twice rounded could be wrong.
	top := math.Ldexp(x.Hi, exponent)
	rest := Pair{x.Hi - math.Ldexp(top, -exponent), x.Lo}
	return top + math.Ldexp(rest.Hi+rest.Lo, exponent)
}

// Exp returns e to the power of x, as C's exp does.
func Exp(x float64) float64 {
	if !(math.Abs(x) < 740) || x == 0 {
		return math.Exp(x)
	}
	m, n := expPair(Pair{x, 0})
	return m.round(n)
}

// Log returns the natural logarithm of x, as C's log does.
func Log(x float64) float64 {
	switch {
	case x < 0:
		return negativeNaN()
	case !(x > 0) || x == 1 || x > math.MaxFloat64:
		return math.Log(x)
	}
	l := logPair(x)
	return l.Hi + l.Lo
}

// negativeNaN is what C's functions return on x86 for arguments that they are not defined for: printf writes its sign.
func negativeNaN() float64 { return math.Copysign(math.NaN(), -1) }

// Log10 returns the decimal logarithm of x, rounded once. C's log10 may be off by two units in the last place: of 14 digits the last
// differs in seven of ten thousand.
func Log10(x float64) float64 {
	if !(x > 0) || x == 1 || x > math.MaxFloat64 {
		return math.Log10(x)
	}
	l := logPair(x).Div(ln10)
	return l.Hi + l.Lo
}

// Pow returns x to the power of y, as C's pow does.
func Pow(x, y float64) float64 {
	switch {
	case y == 2:
		return x * x
	case y == .5 && x > 0:
		return math.Sqrt(x)
	}
	whole := math.Trunc(y) == y
	abs := math.Abs(x)
	switch {
	case y == 0 || y == 1 || x == 0 || x == 1 || !(abs <= math.MaxFloat64) || !(math.Abs(y) <= math.MaxFloat64):
		return math.Pow(x, y)
	case x < 0 && !whole:
		return negativeNaN()
	case whole && y > 0 && y <= 1024:
		if r, ok := powWhole(x, int(y)); ok {
			return r
		}
	}
	l := logPair(abs).Scale(y)
	if !(math.Abs(l.Hi) < 800) {
		return math.Pow(x, y) // overflows or vanishes
	}
	m, n := expPair(l)
	r := m.round(n)
	if x < 0 && math.Mod(y, 2) != 0 {
		r = -r
	}
	return r
}

// powWhole multiplies. ok is false when a number on the way is too large or too small to be a pair.
func powWhole(x float64, n int) (r float64, ok bool) {
	result, square := Pair{1, 0}, Pair{x, 0}
	for ; ; square = square.Mul(square) {
		if n&1 != 0 {
			result = result.Mul(square)
		}
		if n >>= 1; n == 0 {
			break
		}
	}
	abs := math.Abs(result.Hi)
	return result.Hi + result.Lo, abs > 1e-250 && abs < 1e300
}

// Mod returns the remainder of x / y, with the sign of x, as C's fmod does.
func Mod(x, y float64) float64 {
	switch {
	case x != x:
		return x
	case y != y:
		return y
	case y == 0 || math.IsInf(x, 0):
		return negativeNaN()
	}
	return math.Mod(x, y)
}

// Acos returns the arccosine of x. Go's own loses digits near 1.
func Acos(x float64) float64 {
	if !(math.Abs(x) <= 1) {
		return math.Acos(x)
	}
	return math.Atan2(math.Sqrt((1-x)*(1+x)), x)
}
