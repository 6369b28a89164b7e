// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// openMath makes the table math.
func (l *Library) openMath() (*lua.Table, error) {
	fs := functions{
		{"abs", abs}, {"acos", number(num.Acos)}, {"asin", number(math.Asin)}, {"atan", number(math.Atan)}, {"atan2", numbers(math.Atan2)},
		{"ceil", number(math.Ceil)}, {"cos", periodic(math.Cos)}, {"cosh", number(math.Cosh)}, {"deg", number(func(x float64) float64 { return x / radian })},
		{"exp", number(num.Exp)}, {"floor", number(math.Floor)}, {"fmod", numbers(num.Mod)}, {"frexp", frexp}, {"ldexp", ldexp}, {"log", number(num.Log)},
		{"log10", number(num.Log10)}, {"max", extreme(func(x, y float64) bool { return x > y })}, {"min", extreme(func(x, y float64) bool { return x < y })},
		{"mod", numbers(num.Mod)}, {"modf", modf}, {"pow", numbers(num.Pow)}, {"rad", number(func(x float64) float64 { return x * radian })},
		{"random", l.mathRandom}, {"randomseed", l.randomSeed}, {"sin", periodic(math.Sin)}, {"sinh", number(math.Sinh)}, {"sqrt", number(math.Sqrt)},
		{"tan", periodic(math.Tan)}, {"tanh", number(math.Tanh)},
	}
	t, err := l.table(fs)
	if err != nil {
		return nil, err
	}
	if err := l.s.SetStr(t, "huge", lua.Number(math.Inf(1))); err != nil {
		return nil, err
	}
	return t, l.s.SetStr(t, "pi", lua.Number(math.Pi))
}

// radian is one degree.
const radian = math.Pi / 180

// number makes a function of scripts from one of a number.
func number(f func(float64) float64) lua.GoFunc {
	return func(c *lua.Call) error {
		x, err := c.CheckNumber(0)
		if err != nil {
			return err
		}
		if x != x {
			return c.Return(lua.Number(x)) // with its sign, which tostring shows
		}
		return c.Return(lua.Number(f(x)))
	}
}

// periodic makes a function of scripts from sine, cosine or tangent.
func periodic(f func(float64) float64) lua.GoFunc {
	return number(func(x float64) float64 {
		if math.IsInf(x, 0) {
			return num.Mod(x, 1) // C's NaN
		}
		return f(x)
	})
}

// numbers makes a function of scripts from one of two numbers, of which the second is looked at first, as compiled C does.
func numbers(f func(x, y float64) float64) lua.GoFunc {
	return func(c *lua.Call) error {
		y, err := c.CheckNumber(1)
		if err != nil {
			return err
		}
		x, err := c.CheckNumber(0)
		if err != nil {
			return err
		}
		return c.Return(lua.Number(f(x, y)))
	}
}

// extreme makes math.max or math.min.
func extreme(better func(x, y float64) bool) lua.GoFunc {
	return func(c *lua.Call) error {
		best, err := c.CheckNumber(0)
		if err != nil {
			return err
		}
		for i := 1; i < c.N(); i++ {
			x, err := c.CheckNumber(i)
			if err != nil {
				return err
			}
			if better(x, best) {
				best = x
			}
		}
		return c.Return(lua.Number(best))
	}
}

func abs(c *lua.Call) error {
	x, err := c.CheckNumber(0)
	if err != nil {
		return err
	}
	return c.Return(lua.Number(math.Abs(x)))
}

func frexp(c *lua.Call) error {
	x, err := c.CheckNumber(0)
	if err != nil {
		return err
	}
	fraction, exponent := math.Frexp(x)
	return c.Return(lua.Number(fraction), lua.Int(exponent))
}

func ldexp(c *lua.Call) error {
	exponent, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	x, err := c.CheckNumber(0)
	if err != nil {
		return err
	}
	return c.Return(lua.Number(math.Ldexp(x, exponent)))
}

func modf(c *lua.Call) error {
	x, err := c.CheckNumber(0)
	if err != nil {
		return err
	}
	whole := math.Trunc(x)
	fraction := math.Copysign(x-whole, x)
	if math.IsInf(x, 0) {
		fraction = math.Copysign(0, x)
	}
	return c.Return(lua.Number(whole), lua.Number(fraction))
}

// The generator of math.random is the one that POSIX calls lrand48: 48 bits, of which it gives the upper 31. Redis 7 uses it, and goes on
// with it from run to run.
const (
	randomFactor  = 0x5DEECE66D
	randomAddend  = 0xB
	randomMask    = 1<<48 - 1
	randomLow     = 0x330E // the lower 16 bits that a seed does not give
	randomHighest = 1<<31 - 1
)

// firstSeed is what Redis begins with.
const firstSeed = 0x1234ABCD

// Seed begins the series of math.random that belongs to a seed.
func (l *Library) Seed(seed int32) { l.random = uint64(uint32(seed))<<16 | randomLow }

// randomSeed implements math.randomseed.
func (l *Library) randomSeed(c *lua.Call) error {
	seed, err := c.CheckInt(0)
	if err != nil {
		return err
	}
	l.Seed(int32(seed))
	return nil
}

// mathRandom implements math.random: a number in [0, 1), a whole one in [1, u], or one in [from, to].
func (l *Library) mathRandom(c *lua.Call) error {
	l.random = (l.random*randomFactor + randomAddend) & randomMask
	r := float64(l.random>>17%randomHighest) / randomHighest
	from, to, bad := 1, 0, 0
	var err error
	switch c.N() {
	case 0:
		return c.Return(lua.Number(r))
	case 1:
		to, err = c.CheckInt(0)
	case 2:
		bad = 1
		if from, err = c.CheckInt(0); err == nil {
			to, err = c.CheckInt(1)
		}
	default:
		return c.Errorf("wrong number of arguments")
	}
	if err != nil {
		return err
	}
	if from > to {
		return c.ArgError(bad, "interval is empty")
	}
	width := float64(int32(to - from + 1)) // wraps around as C's int does
	return c.Return(lua.Number(math.Floor(r*width) + float64(from)))
}
