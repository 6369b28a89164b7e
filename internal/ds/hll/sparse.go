// SPDX-License-Identifier: BSD-3-Clause

package hll

import (
	"encoding/binary"
	"slices"

	"github.com/redpoll/redpoll/internal/num"
)

// The runs of a sparse value, each of equal registers:
//
//	00nnnnnn           n+1 registers of rank 0, 64 at most
//	01nnnnnn nnnnnnnn  n+1 registers of rank 0, 16384 at most, the upper bits first
//	1rrrrrnn           n+1 registers of rank r+1, 32 at most
//
// Redis does not keep the shortest list of them: what it makes of a list when a register rises (raise) is a part of the format, since
// the same texts are to give the same bytes.
const (
	rankBit       = 0x80
	longBit       = 0x40
	maxShortRun   = 64
	maxRankRun    = 4
	maxSparseRank = 32
	maxRunSize    = 2
)

// A run is one of a value's runs.
type run struct {
	at, size int // in bytes
	first, n int // registers
	rank     uint8
	before   int // where the run before it is; 0: not known, or there is none
}

// runAt reads the run at a place within a value. Of one that is cut off the missing byte counts as 0, as in Redis.
func runAt(value []byte, at int) (size, n int, rank uint8) {
	switch b := value[at]; {
	case b&rankBit != 0:
		return 1, int(b&(maxRankRun-1)) + 1, b>>2&(maxSparseRank-1) + 1
	case b&longBit == 0:
		return 1, int(b) + 1, 0
	case at+1 == len(value):
		return 1, int(b&^longBit)<<8 + 1, 0
	default:
		return 2, int(b&^longBit)<<8 + int(value[at+1]) + 1, 0
	}
}

// appendRun appends a run of n registers; of a rank that is not 0 there are maxRankRun at most, of none none.
func appendRun(dst []byte, rank uint8, n int) []byte {
	switch {
	case n == 0:
		return dst
	case rank > 0:
		return append(dst, rankBit|(rank-1)<<2|byte(n-1))
	case n > maxShortRun:
		return append(dst, longBit|byte((n-1)>>8), byte(n-1))
	default:
		return append(dst, byte(n-1))
	}
}

// eachRun calls fn with the first register of each run of a sparse value, their number and their rank. The error is ErrDamaged.
func eachRun(value []byte, fn func(first, n int, rank uint8)) error {
	first := 0
	for at := headerSize; at < len(value); {
		size, n, rank := runAt(value, at)
		if n > registers-first {
			return ErrDamaged
		}
		fn(first, n, rank)
		at, first = at+size, first+n
	}
	if first < registers {
		return ErrDamaged
	}
	return nil
}

// find gives the run that a register lies in, looking from a run on, of which only at, first and before need be set. The error is ErrDamaged.
func find(value []byte, from run, index int) (run, error) {
	at, first, before := from.at, from.first, from.before
	for at < len(value) {
		if len(value)-at >= 8 {
			size, n, last := runsIn(binary.LittleEndian.Uint64(value[at:]))
			if size > 0 && n <= index-first {
				at, first, before = at+size, first+n, at+last
				continue
			}
		}
		for eight := min(at+8, len(value)); at < eight; {
			size, n, rank := runAt(value, at)
			if index-first < n {
				r := run{at: at, size: size, first: first, n: n, rank: rank, before: before}
				if first+n > registers {
					return r, ErrDamaged
				}
				return r, nil
			}
			at, first, before = at+size, first+n, at
		}
	}
	return run{}, ErrDamaged
}

// runsIn reads the runs that lie in eight bytes, of which the first begins one: it gives the bytes that the whole ones take, how many
// registers they have together, and where the last begins; no bytes when it cannot tell.
func runsIn(v uint64) (size, n, last int) {
	const ones = 0x01010101_01010101
	ranked := v >> 7 & ones
	long := v >> 6 & ones &^ ranked                                                 // or the second byte of a long one that looks like the first of another
	beyond := uint64(ones*(maxShortRun-1)) &^ (ranked * (maxShortRun - maxRankRun)) // the bits that say what a run has beyond its first register
	if long == 0 {
		return 8, sumOfBytes(v&beyond) + 8, 7
	}
	if long&(long<<8)&(long<<16) != 0 {
		return 0, 0, 0
	}
	long &^= long << 8
	seconds := long << 8
	size, last = 8, 7
	if long>>56 != 0 { // the last one goes on behind
		v, long, size = v<<8>>8, long<<8>>8, 7
		last = 6
	}
	if seconds>>(8*(size-1))&1 != 0 {
		last--
	}
	v &= beyond | seconds*0xff
	upper := v & (long * 0xff)
	return size, sumOfBytes(v&^upper) + sumOfBytes(upper)<<8 + size - int(seconds*ones>>56), last
}

// sumOfBytes adds eight bytes up.
func sumOfBytes(v uint64) int {
	v = v&0x00ff00ff_00ff00ff + v>>8&0x00ff00ff_00ff00ff
	return int(v * 0x00010001_00010001 >> 48)
}

// Add shows a value a text, and tells whether a register has risen, of which the value takes no note: see Touch. A sparse value past
// maxSparse bytes becomes dense. now is the value from then on: it may have another length, and lie elsewhere. The error is ErrDamaged, and
// the value the same as before.
func Add(value, text []byte, maxSparse int64) (now []byte, changed bool, err error) {
	index, rank := place(text)
	return Raise(value, index, rank, maxSparse)
}

// Raise gives a register of a value a rank, from 1 to 63, if it has a lower one, and tells whether it had. For the rest it is like Add.
func Raise(value []byte, index int, rank uint8, maxSparse int64) (now []byte, changed bool, err error) {
	var near run
	return raise(value, &near, index, rank, maxSparse)
}

// Unite has a value see what a sketch has seen, the value's own texts among it. Parameters and results are as for Add.
func Unite(value []byte, s *Sketch, maxSparse int64) (now []byte, err error) {
	var near run
	for i := 0; i < registers && encodingOf(value) == Sparse; i++ {
		if s.ranks[i] == 0 {
			continue
		}
		if value, _, err = raise(value, &near, i, s.ranks[i], maxSparse); err != nil {
			return value, err
		}
	}
	if encodingOf(value) == Dense {
		s.pack(value)
	}
	return value, nil
}

// Touch has a value forget the estimate that it remembers.
func Touch(value []byte) { value[headerSize-1] |= stale }

// MakeDense makes a sparse value dense; it may come to lie elsewhere. The error is ErrDamaged, and the value the same as before.
func MakeDense(value []byte) (now []byte, err error) {
	var s Sketch
	if err := s.Merge(value); err != nil {
		return value, err
	}
	var header [headerSize]byte
	copy(header[:], value)
	header[encodingAt] = byte(Dense)
	value = slices.Grow(value[:0], DenseSize)[:DenseSize]
	copy(value, header[:])
	s.pack(value)
	return value, nil
}

// raise is Raise for one who raises registers in ascending order: near is a run before the one that was changed last, from which the
// search begins, or empty.
func raise(value []byte, near *run, index int, rank uint8, maxSparse int64) (now []byte, changed bool, err error) {
	if encodingOf(value) == Dense {
		if denseRank(value, index) >= rank {
			return value, false, nil
		}
		setDenseRank(value, index, rank)
		return value, true, nil
	}
	if rank > maxSparseRank {
		return raiseDense(value, index, rank)
	}
	r, err := findNear(value, near, index)
	if err != nil || r.rank >= rank {
		return value, false, err
	}
	if r.n == 1 && r.size == 1 {
		value[r.at] = appendRun(value[r.at:r.at], rank, 1)[0]
	} else {
		var room [maxRunSize + 1 + maxRunSize]byte
		parts := appendRun(room[:0], r.rank, index-r.first)
		parts = appendRun(parts, rank, 1)
		parts = appendRun(parts, r.rank, r.first+r.n-1-index)
		if more := len(parts) - r.size; more > 0 && int64(len(value)+more) > maxSparse {
			return raiseDense(value, index, rank)
		}
		value = slices.Replace(value, r.at, r.at+r.size, parts...)
	}
	return unite(value, max(r.before, headerSize)), true, nil
}

// raiseDense is raise for a register that cannot be raised in a sparse value, which it makes dense.
func raiseDense(value []byte, index int, rank uint8) (now []byte, changed bool, err error) {
	if value, err = MakeDense(value); err != nil {
		return value, false, err
	}
	setDenseRank(value, index, rank)
	return value, true, nil
}

// findNear gives the run that a register lies in, and the one before, and sets near for the next search.
func findNear(value []byte, near *run, index int) (r run, err error) {
	if near.at > 0 && index >= near.first {
		r, err = find(value, *near, index)
	}
	if r.before == 0 && err == nil { // it is near itself, and what is before that is not known
		r, err = find(value, run{at: headerSize}, index)
	}
	*near = run{}
	if err == nil && r.before > 0 {
		_, n, _ := runAt(value, r.before)
		*near = run{at: r.before, first: r.first - n}
	}
	return r, err
}

// unite makes one run of neighbours of the same rank, as far as Redis looks for them: over five runs from a place on.
func unite(value []byte, at int) []byte {
	for looks := 5; looks > 0 && at+1 < len(value); looks-- {
		size, n, rank := runAt(value, at)
		if rank == 0 {
			at += size
			continue
		}
		if _, m, other := runAt(value, at+1); other == rank && n+m <= maxRankRun {
			value = slices.Replace(value, at, at+2, rankBit|(rank-1)<<2|byte(n+m-1))
			continue
		}
		at++
	}
	return value
}

// AppendRuns appends a description of a sparse value's runs, damaged ones too: Z and z with the number of registers of rank 0, in a long
// and in a short run, v with rank and number.
func AppendRuns(dst, value []byte) []byte {
	for at := headerSize; at < len(value); {
		size, n, rank := runAt(value, at)
		if at > headerSize {
			dst = append(dst, ' ')
		}
		switch {
		case rank > 0:
			dst = append(num.AppendInt(append(dst, "v:"...), int64(rank)), ',')
		case value[at]&longBit == 0:
			dst = append(dst, "z:"...)
		default:
			dst = append(dst, "Z:"...)
		}
		dst = num.AppendInt(dst, int64(n))
		at += size
	}
	return dst
}
