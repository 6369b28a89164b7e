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
// Redis does not keep the shortest list of them: what it makes of a list when a register rises (Draft.Raise) is a part of the format, since
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

// end gives the place behind it, and the register.
func (r run) end() (at, index int) { return r.at + r.size, r.first + r.n }

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
	r := from
	for r.at < len(value) {
		if skip, n := skipEight(value[r.at:], index-r.first); skip {
			r = run{at: r.at + 8, first: r.first + n, before: r.at + 7}
			continue
		}
		r.size, r.n, r.rank = runAt(value, r.at)
		at, next := r.end()
		if next > registers {
			return r, ErrDamaged
		}
		if index < next {
			return r, nil
		}
		r = run{at: at, first: next, before: r.at}
	}
	return r, ErrDamaged
}

// skipEight tells whether the next eight runs are of a byte each and have at most as many registers together, n, as are to be passed over.
func skipEight(b []byte, over int) (skip bool, n int) {
	if len(b) < 8 {
		return false, 0
	}
	const ones = 0x01010101_01010101
	v := binary.LittleEndian.Uint64(b)
	ranked := v >> 7 & ones
	if v>>6&ones&^ranked != 0 {
		return false, 0
	}
	v &= ones*(maxShortRun-1) ^ ranked*((maxShortRun-1)^(maxRankRun-1)) // what each run has beyond its first register
	v = v&0x00ff00ff_00ff00ff + v>>8&0x00ff00ff_00ff00ff
	n = int(v*0x00010001_00010001>>48) + 8
	return n <= over, n
}

// A Draft is a value that is being changed.
type Draft struct {
	Value     []byte // has been looked at by EncodingOf; if it is sparse its length changes, and it may come to lie elsewhere
	MaxSparse int64  // bytes past which a value that grows becomes a dense one

	near run // where Raise looks from: the run before the one that it changed last
}

// Add shows a text, and tells whether a register has risen, of which the value takes no note: see Touch. The error is ErrDamaged, and the
// value the same as before.
func (d *Draft) Add(text []byte) (changed bool, err error) {
	d.near = run{}
	index, rank := place(text)
	return d.Raise(index, rank)
}

// Touch has the value forget the estimate that it remembers.
func (d *Draft) Touch() { d.Value[headerSize-1] |= stale }

// Merge has the value see what a sketch has seen, its own texts among it. The error is ErrDamaged.
func (d *Draft) Merge(s *Sketch) error {
	for i := 0; i < registers; i++ {
		if encodingOf(d.Value) == Dense {
			s.pack(d.Value)
			return nil
		}
		if s.ranks[i] == 0 {
			continue
		}
		if _, err := d.Raise(i, s.ranks[i]); err != nil {
			return err
		}
	}
	return nil
}

// Raise gives a register a rank, from 1 to 63, if it has a lower one, and tells whether it had. The error is ErrDamaged, and the value the
// same as before.
func (d *Draft) Raise(index int, rank uint8) (changed bool, err error) {
	if encodingOf(d.Value) == Dense {
		if denseRank(d.Value, index) >= rank {
			return false, nil
		}
		setDenseRank(d.Value, index, rank)
		return true, nil
	}
	if rank > maxSparseRank {
		return d.raiseDense(index, rank)
	}
	r, err := d.find(index)
	if err != nil || r.rank >= rank {
		return false, err
	}
	if r.n == 1 && r.size == 1 {
		d.Value[r.at] = appendRun(d.Value[r.at:r.at], rank, 1)[0]
	} else {
		var room [maxRunSize + 1 + maxRunSize]byte
		_, next := r.end()
		parts := appendRun(room[:0], r.rank, index-r.first)
		parts = appendRun(parts, rank, 1)
		parts = appendRun(parts, r.rank, next-1-index)
		if more := len(parts) - r.size; more > 0 && int64(len(d.Value)+more) > d.MaxSparse {
			return d.raiseDense(index, rank)
		}
		d.Value = slices.Replace(d.Value, r.at, r.at+r.size, parts...)
	}
	d.unite(max(r.before, headerSize))
	return true, nil
}

// find gives the run that a register lies in, and the one before.
func (d *Draft) find(index int) (r run, err error) {
	if d.near.at > 0 && index >= d.near.first {
		if r, err = find(d.Value, d.near, index); err != nil || r.before > 0 {
			d.remember(r)
			return r, err
		}
	}
	r, err = find(d.Value, run{at: headerSize}, index)
	d.remember(r)
	return r, err
}

// remember has the next search begin at the run before r.
func (d *Draft) remember(r run) {
	d.near = run{}
	if r.before > 0 {
		_, n, _ := runAt(d.Value, r.before)
		d.near = run{at: r.before, first: r.first - n}
	}
}

// unite makes one run of neighbours of the same rank, as far as Redis looks for them: over five runs from a place on.
func (d *Draft) unite(at int) {
	for looks := 5; looks > 0 && at+1 < len(d.Value); looks-- {
		size, n, rank := runAt(d.Value, at)
		if rank == 0 {
			at += size
			continue
		}
		if _, m, other := runAt(d.Value, at+1); other == rank && n+m <= maxRankRun {
			d.Value = slices.Replace(d.Value, at, at+2, rankBit|(rank-1)<<2|byte(n+m-1))
			continue
		}
		at++
	}
}

// raiseDense is Raise for a register that cannot be raised in a sparse value, which it makes dense.
func (d *Draft) raiseDense(index int, rank uint8) (changed bool, err error) {
	if err := d.MakeDense(); err != nil {
		return false, err
	}
	return d.Raise(index, rank)
}

// MakeDense makes a sparse value dense. The error is ErrDamaged, and the value the same as before.
func (d *Draft) MakeDense() error {
	var s Sketch
	if err := s.Merge(d.Value); err != nil {
		return err
	}
	var header [headerSize]byte
	copy(header[:], d.Value)
	header[encodingAt] = byte(Dense)
	if cap(d.Value) < DenseSize {
		d.Value = make([]byte, DenseSize)
	}
	d.Value = d.Value[:DenseSize]
	copy(d.Value, header[:])
	s.pack(d.Value)
	return nil
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
