// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"math"
	"slices"
)

// zipf draws ranks from [0, n), the i-th with a probability in proportion to 1/(i+1)^theta, theta below 1, by the method of Gray
// and others ("Quickly Generating Billion-Record Synthetic Databases", 1994): exact for the first two ranks, close for the
// others, and without a table.
type zipf struct {
	n                 int
	theta, zeta       float64
	alpha, eta, limit float64
}

func newZipf(n int, theta float64) zipf {
	z := zipf{n: n, theta: theta, alpha: 1 / (1 - theta), limit: 1 + math.Pow(0.5, theta)}
	for i := range n {
		z.zeta += math.Pow(float64(i+1), -theta)
	}
	z.eta = (1 - math.Pow(2/float64(n), 1-theta)) / (1 - z.limit/z.zeta)
	return z
}

// rank gives the rank that belongs to a random number u of [0, 1).
func (z *zipf) rank(u float64) int {
	switch at := u * z.zeta; {
	case at < 1:
		return 0
	case at < z.limit:
		return 1
	}
	return min(int(float64(z.n)*math.Pow(z.eta*u-z.eta+1, z.alpha)), z.n-1)
}

// share gives the probability of a rank.
func (z *zipf) share(rank int) float64 { return math.Pow(float64(rank+1), -z.theta) / z.zeta }

// content gives about size ranks that a cache by last use holds when it has run for long, the least popular first: a rank is
// there with the probability 1-exp(-share·t), with the t that makes it so many (Che and others, "Hierarchical Web Caching
// Systems", 2002). The same size gives the same ranks.
func (z *zipf) content(size int) []uint32 {
	low, high := 0.0, 1.0
	for z.expected(high) < float64(size) && high < 1e15 {
		high *= 2
	}
	for range 50 {
		if mid := (low + high) / 2; z.expected(mid) < float64(size) {
			low = mid
		} else {
			high = mid
		}
	}
	var list []uint32
	pick := newPicker(0)
	for i := range z.n {
		if pick.share() < -math.Expm1(-z.share(i)*high) {
			list = append(list, uint32(i))
		}
	}
	slices.Reverse(list)
	return list
}

// expected gives how many ranks are there with t, added up by groups of ranks of nearly the same share.
func (z *zipf) expected(t float64) (sum float64) {
	for i := 0; i < z.n; {
		group := min(1+i/256, z.n-i)
		sum += float64(group) * -math.Expm1(-z.share(i+group/2)*t)
		i += group
	}
	return sum
}
