// SPDX-License-Identifier: BSD-3-Clause

package num

import "math"

// Pair is the unevaluated sum of two doubles, Hi being the one nearest to it: a number of some 100 bits (T. J. Dekker, "A floating-point
// technique for extending the available precision", 1971). Its sums and products lose the last few of them.
type Pair struct{ Hi, Lo float64 }

// Sum returns a + b, all of it.
func Sum(a, b float64) Pair {
	s := a + b
	t := s - a
	return Pair{s, (a - (s - t)) + (b - t)}
}

// Product returns a * b, all of it.
func Product(a, b float64) Pair {
	p := a * b
	return Pair{p, math.FMA(a, b, -p)}
}

// Add returns x + y.
func (x Pair) Add(y Pair) Pair {
	s, t := Sum(x.Hi, y.Hi), Sum(x.Lo, y.Lo)
	s = Sum(s.Hi, s.Lo+t.Hi)
	return Sum(s.Hi, s.Lo+t.Lo)
}

// Mul returns x * y. Its products are rounded each by itself, so that all machines find the same.
func (x Pair) Mul(y Pair) Pair {
	p := Product(x.Hi, y.Hi)
	return Sum(p.Hi, p.Lo+(float64(x.Hi*y.Lo)+float64(x.Lo*y.Hi)))
}

// Scale returns x * f.
func (x Pair) Scale(f float64) Pair {
	p := Product(x.Hi, f)
	return Sum(p.Hi, p.Lo+float64(x.Lo*f))
}

// Div returns x / y.
func (x Pair) Div(y Pair) Pair {
	q := x.Hi / y.Hi
	rest := x.Add(y.Scale(-q))
	return Sum(q, rest.Hi/y.Hi)
}
