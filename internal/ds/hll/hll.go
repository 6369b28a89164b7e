// SPDX-License-Identifier: BSD-3-Clause

// Package hll estimates how many different texts it was shown, in a memory that does not grow: HyperLogLog (Flajolet, Fusy,
// Gandouet and Meunier, 2007) with Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches",
// 2017). Hash, registers and estimator are those of Redis, so that the same texts give the same number; and a value is, byte for
// byte, the string that Redis keeps.
//
// A register belongs to one of 16384 parts of the hashes, and holds the greatest rank that was seen there: one more than the zero bits
// that a hash ends with behind the bits that tell the part. 0 says that no text was seen.
//
// A Sketch has a byte a register, to work with. A value (value.go) is a header and the registers, either dense, six bits each, or
// sparse, a list of runs of equal registers. Values come from clients, who can make them of any bytes: whatever reads one looks first
// whether it holds together, and a damaged one gives an error.
package hll

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	indexBits = 14
	registers = 1 << indexBits
	rankBits  = 64 - indexBits // of a hash, whose trailing zeros are counted
)

// place gives the register that a text belongs to, and its rank, from 1 to 51.
func place(text []byte) (index int, rank uint8) {
	h := murmur(text)
	return int(h % registers), uint8(bits.TrailingZeros64(h>>indexBits|1<<rankBits)) + 1
}

// Sketch is what is kept of the texts: of each part of the hashes the greatest rank that has been seen. The zero value has seen
// nothing. Its standard error is 0.81 %.
type Sketch struct{ ranks [registers]uint8 }

// Add shows a text, and tells whether it may have changed the estimate.
func (s *Sketch) Add(text []byte) (changed bool) {
	index, rank := place(text)
	r := &s.ranks[index]
	if rank <= *r {
		return false
	}
	*r = rank
	return true
}

// Count estimates the number of different texts.
func (s *Sketch) Count() int64 {
	var of histogram
	for i := 0; i < registers; i += 8 {
		of.add(binary.LittleEndian.Uint64(s.ranks[i:]))
	}
	return of.estimate()
}

// A histogram counts registers by their ranks. It has several rows, over which the registers are spread: a counter that is raised
// again at once is slow.
type histogram [histogramRows][maxRank + 1]uint16

const (
	maxRank       = 63 // that six bits can hold; no hash has more than 51
	histogramRows = 4
)

// add counts eight registers, a byte each.
func (of *histogram) add(ranks uint64) {
	of[0][ranks&maxRank]++
	of[1][ranks>>8&maxRank]++
	of[2][ranks>>16&maxRank]++
	of[3][ranks>>24&maxRank]++
	of[0][ranks>>32&maxRank]++
	of[1][ranks>>40&maxRank]++
	of[2][ranks>>48&maxRank]++
	of[3][ranks>>56&maxRank]++
}

// of tells how many registers have a rank.
func (of *histogram) of(rank int) float64 {
	n := 0
	for i := range of {
		n += int(of[i][rank])
	}
	return float64(n)
}

// alpha is 1 / (2 ln 2), as Redis has it.
const alpha = 0.721347520444481703680

// estimate is Ertl's estimator. The conversions keep the compiler from rounding less often than Redis does.
func (of *histogram) estimate() int64 {
	z := registers * tau((registers-of.of(rankBits+1))/registers)
	for rank := rankBits; rank > 0; rank-- {
		z = float64(z+of.of(rank)) * 0.5
	}
	z += float64(registers * sigma(of.of(0)/registers))
	return int64(math.Round(alpha * registers * registers / z))
}

// sigma is Ertl's function for the registers that saw nothing.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	for y, z, before := 1.0, x, math.NaN(); ; y += y {
		if z == before {
			return z
		}
		x *= x
		before = z
		z += float64(x * y)
	}
}

// tau is Ertl's function for the registers that cannot rise.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	for y, z, before := 1.0, 1-x, math.NaN(); ; {
		if z == before {
			return z / 3
		}
		x = math.Sqrt(x)
		before = z
		y /= 2
		z -= float64(float64((1-x)*(1-x)) * y)
	}
}

// seed is that of Redis's hash.
const seed = 0xadc83b19

// murmur is MurmurHash64A (Appleby).
func murmur(b []byte) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k = (k ^ k>>r) * m
		h = (h ^ k) * m
	}
	if len(b) > 0 {
		h = (h ^ short(b)) * m
	}
	h = (h ^ h>>r) * m
	return h ^ h>>r
}

// short reads one to seven bytes, the others being 0. Where two reads overlap they see the same.
func short(b []byte) uint64 {
	switch n := len(b); {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n >= 2:
		return uint64(binary.LittleEndian.Uint16(b)) | uint64(binary.LittleEndian.Uint16(b[n-2:]))<<(8*(n-2))
	default:
		return uint64(b[0])
	}
}
