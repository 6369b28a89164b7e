// SPDX-License-Identifier: BSD-3-Clause

package geo

import (
	"math"

	"github.com/redpoll/redpoll/internal/num"
)

// Go's sines are off by a unit in the last place now and then, which shows: the arc sine of almost 1 multiplies an error by millions. The C
// library's are hardly ever; so these compute with some 65 bits, as a sum of two doubles, and round once.

// Half of pi, the first two parts as doubles.
const (
	halfPi1 = 0x1.921fb54442d18p0
	halfPi2 = 0x1.1a62633145c07p-54
	halfPi3 = math.Pi/2 - halfPi1 - halfPi2
)

// The doubles nearest to 1/3!, 1/4! and 1/5!.
const (
	third  = 0x1.5555555555555p-3
	fourth = 0x1.5555555555555p-5
	fifth  = 0x1.1111111111111p-7
)

// widest is the largest angle that is computed in pairs: no distance has a larger one.
const widest = 3.2

// reduced gives the angle x, of at most widest, as quadrant quarters of a turn and a rest of at most an eighth.
func reduced(x float64) (rest num.Pair, quadrant int) {
	n := math.RoundToEven(x / halfPi1)
	first := x - n*halfPi1 // exact
	rest = num.Sum(first, -n*halfPi2)
	rest = num.Sum(rest.Hi, rest.Lo-n*halfPi3)
	return rest, int(n) & 3
}

// sineOf is the sine of at most an eighth of a turn, by Taylor's series: the later terms need fewer bits.
func sineOf(x num.Pair) num.Pair {
	z := x.Mul(x)
	t := z.Hi
	tail := -1/5040. + t*(1/362880.+t*(-1/39916800.+t*(1/6227020800.+t*(-1/1307674368000.+t*(1/355687428096000.+
		t*(-1/121645100408832000.+t*(1/51090942171709440000.)))))))
	p := num.Sum(fifth, (1/120.-fifth)+tail*t)
	p = num.Pair{Hi: -third, Lo: third - 1/6.}.Add(p.Mul(z)).Mul(z)
	return x.Add(x.Mul(p))
}

// cosineOf is the cosine, likewise.
func cosineOf(x num.Pair) num.Pair {
	z := x.Mul(x)
	t := z.Hi
	tail := -1/720. + t*(1/40320.+t*(-1/3628800.+t*(1/479001600.+t*(-1/87178291200.+t*(1/20922789888000.+
		t*(-1/6402373705728000.+t*(1/2432902008176640000.+t*(-1/1124000727777607680000.))))))))
	p := num.Sum(fourth, (1/24.-fourth)+tail*t)
	p = num.Pair{Hi: -0.5}.Add(p.Mul(z)).Mul(z)
	return num.Pair{Hi: 1}.Add(p)
}

// sinePair is the sine of an angle of at most widest.
func sinePair(x float64) num.Pair {
	rest, quadrant := reduced(x)
	var s num.Pair
	if quadrant&1 == 0 {
		s = sineOf(rest)
	} else {
		s = cosineOf(rest)
	}
	if quadrant&2 != 0 {
		return num.Pair{Hi: -s.Hi, Lo: -s.Lo}
	}
	return s
}

// sin is the double nearest to the sine of x.
func sin(x float64) float64 {
	if !(math.Abs(x) <= widest) || x == 0 {
		return math.Sin(x)
	}
	return sinePair(x).Hi
}

// cos is the double nearest to the cosine of x.
func cos(x float64) float64 {
	if !(math.Abs(x) <= widest) {
		return math.Cos(x)
	}
	rest, quadrant := reduced(x)
	switch quadrant {
	case 0:
		return cosineOf(rest).Hi
	case 1:
		return -sineOf(rest).Hi
	case 2:
		return -cosineOf(rest).Hi
	}
	return sineOf(rest).Hi
}

// asin is the double nearest to the arc sine of x, which is not negative; NaN past 1.
func asin(x float64) float64 {
	t := math.Asin(x)
	if !(x < 1) || x == 0 {
		return t
	}
	s := sinePair(t)
	return t + ((x-s.Hi)-s.Lo)/math.Sqrt((1-x)*(1+x)) // the cosine, of which few digits matter
}
