// SPDX-License-Identifier: BSD-3-Clause

package hll

import (
	"encoding/binary"
	"errors"
)

// A value begins with a header: "HYLL", the encoding, three bytes that mean nothing and stay what they are, and the estimate as it was
// computed last, eight bytes from the lowest on, of which the topmost bit says that a register has risen since.
const (
	magic      = "HYLL"
	encodingAt = len(magic)
	countAt    = 8
	headerSize = 16
	stale      = 0x80 // in the header's last byte
)

// Encoding is how a value holds its registers.
type Encoding uint8

// The encodings, as the header has them.
const (
	Dense Encoding = iota
	Sparse
)

// String gives the name that PFDEBUG has for it.
func (e Encoding) String() string {
	if e == Dense {
		return "dense"
	}
	return "sparse"
}

const (
	// DenseSize is the bytes of a dense value.
	DenseSize = headerSize + registers*rankWidth/8
	// MaxSize is the most bytes that a value can have: a sparse one in which each register is a run of its own.
	MaxSize = headerSize + registers*maxRunSize

	rankWidth = 6 // bits of a register of a dense value
)

var (
	// ErrNotValue is given for a string that is no value: it does not begin as one, or has not the length of a dense one.
	ErrNotValue = errors.New("hll: not a HyperLogLog")
	// ErrDamaged is given for a value whose runs do not make up its registers.
	ErrDamaged = errors.New("hll: the HyperLogLog is damaged")
)

// EncodingOf looks at a string's length in bytes and at its first bytes, MaxSize of them if there are so many. The error is ErrNotValue
// or ErrDamaged; that there is none does not say that the runs of a sparse value are in order.
func EncodingOf(start []byte, length int) (Encoding, error) {
	if length < headerSize || string(start[:encodingAt]) != magic {
		return 0, ErrNotValue
	}
	switch e := Encoding(start[encodingAt]); {
	case e == Dense && length == DenseSize:
		return e, nil
	case e != Sparse:
		return 0, ErrNotValue
	case length > MaxSize:
		return 0, ErrDamaged
	default:
		return e, nil
	}
}

// encodingOf is EncodingOf for a value that was looked at.
func encodingOf(value []byte) Encoding { return Encoding(value[encodingAt]) }

// AppendNew appends a value that has seen nothing; it is sparse, as all begin.
func AppendNew(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, byte(Sparse), 0, 0, 0)
	dst = append(dst, make([]byte, headerSize-countAt)...)
	return appendRun(dst, 0, registers)
}

// Cached gives the estimate that a value remembers; false when it has changed since.
func Cached(value []byte) (n int64, ok bool) {
	return int64(binary.LittleEndian.Uint64(value[countAt:])), value[headerSize-1]&stale == 0
}

// CacheAt and CacheSize tell where in a value PutCache writes.
const CacheAt, CacheSize = countAt, headerSize - countAt

// PutCache writes an estimate to the part of a value where it is remembered.
func PutCache(cache []byte, n int64) { binary.LittleEndian.PutUint64(cache, uint64(n)) }

// Count estimates how many different texts a value was shown. The error is ErrDamaged.
func Count(value []byte) (int64, error) {
	var of histogram
	if encodingOf(value) == Dense {
		for at := headerSize; at < DenseSize; at += blockBytes {
			w, x, y, z := readBlock((*block)(value[at:]))
			of.add(w)
			of.add(x)
			of.add(y)
			of.add(z)
		}
		return of.estimate(), nil
	}
	err := eachRun(value, func(_, n int, rank uint8) { of[0][rank] += uint16(n) })
	return of.estimate(), err
}

// Rank gives a register, of which there are Registers.
func (s *Sketch) Rank(index int) uint8 { return s.ranks[index] }

// Registers is the number of registers.
const Registers = registers

// Merge has the sketch see what a value has seen. The error is ErrDamaged; what the sketch has seen by then is undefined.
func (s *Sketch) Merge(value []byte) error {
	if encodingOf(value) == Sparse {
		return eachRun(value, func(first, n int, rank uint8) {
			if rank == 0 {
				return
			}
			for i := range s.ranks[first : first+n] {
				s.ranks[first+i] = max(s.ranks[first+i], rank)
			}
		})
	}
	for i, at := 0, headerSize; i < registers; i, at = i+blockRanks, at+blockBytes {
		w, x, y, z := readBlock((*block)(value[at:]))
		ranks := (*[blockRanks]byte)(s.ranks[i:])
		raiseEight(ranks[0:8], w)
		raiseEight(ranks[8:16], x)
		raiseEight(ranks[16:24], y)
		raiseEight(ranks[24:32], z)
	}
	return nil
}

// raiseEight raises eight registers to at least those of another eight.
func raiseEight(ranks []byte, others uint64) {
	binary.LittleEndian.PutUint64(ranks, greater(binary.LittleEndian.Uint64(ranks), others))
}

// pack writes the registers to a dense value.
func (s *Sketch) pack(value []byte) {
	for i, at := 0, headerSize; i < registers; i, at = i+blockRanks, at+blockBytes {
		b, ranks := (*block)(value[at:]), (*[blockRanks]byte)(s.ranks[i:])
		w, x := gather(binary.LittleEndian.Uint64(ranks[0:])), gather(binary.LittleEndian.Uint64(ranks[8:]))
		y, z := gather(binary.LittleEndian.Uint64(ranks[16:])), gather(binary.LittleEndian.Uint64(ranks[24:]))
		binary.LittleEndian.PutUint64(b[0:], w|x<<48)
		binary.LittleEndian.PutUint64(b[8:], x>>16|y<<32)
		binary.LittleEndian.PutUint64(b[16:], y>>32|z<<16)
	}
}

// A block is so many registers of a dense value that they end where a word does.
type block [blockBytes]byte

const (
	blockRanks = 32
	blockBytes = blockRanks * rankWidth / 8
)

// readBlock gives the registers of a block, a byte each.
func readBlock(b *block) (w, x, y, z uint64) {
	w, x, y = binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	return spread(w), spread(w>>48 | x<<16), spread(x>>32 | y<<32), spread(y >> 16)
}

// spread gives each of eight registers, which are the lower 48 bits of v, a byte, halving the pieces that have moved together so far.
func spread(v uint64) uint64 {
	v = v&0xffffff | v<<8&(0xffffff<<32)
	v = v&0x00000fff_00000fff | v<<4&0x0fff0000_0fff0000
	return v&0x003f003f_003f003f | v<<2&0x3f003f00_3f003f00
}

// gather is the way back from spread.
func gather(v uint64) uint64 {
	v = v&0x003f003f_003f003f | v>>2&0x0fc00fc0_0fc00fc0
	v = v&0x00000fff_00000fff | v>>4&0x00fff000_00fff000
	return v&0xffffff | v>>8&(0xffffff<<24)
}

// greater gives the greater byte of each of eight pairs. None has its topmost bit set.
func greater(a, b uint64) uint64 {
	const tops = 0x80808080_80808080
	atLeast := ((a | tops) - b) & tops // the top bits of the bytes in which a is not less
	mask := atLeast - atLeast>>7 | atLeast
	return a&mask | b&^mask
}

// denseRank reads a register of a dense value.
func denseRank(value []byte, index int) uint8 {
	at, shift := denseAt(index)
	if shift <= 8-rankWidth {
		return value[at] >> shift & maxRank
	}
	return (value[at]>>shift | value[at+1]<<(8-shift)) & maxRank
}

// setDenseRank writes a register of a dense value.
func setDenseRank(value []byte, index int, rank uint8) {
	at, shift := denseAt(index)
	value[at] = value[at]&^(maxRank<<shift) | rank<<shift
	if shift > 8-rankWidth {
		value[at+1] = value[at+1]&^(maxRank>>(8-shift)) | rank>>(8-shift)
	}
}

// denseAt tells in which byte of a dense value a register begins, and with which bit.
func denseAt(index int) (at int, shift uint) {
	bit := index * rankWidth
	return headerSize + bit/8, uint(bit % 8)
}
