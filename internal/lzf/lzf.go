// SPDX-License-Identifier: BSD-3-Clause

// Package lzf packs and unpacks bytes in Marc Lehmann's LZF format, in which Redis compresses strings of RDB files and the inner
// nodes of lists.
//
// Packed bytes are a row of pieces. Each begins with a control byte c:
//
//	c < 32   c+1 bytes follow that stand for themselves
//	else     a reference to bytes that have come already: c>>5 is their number less 2, or when that is 7 the next byte is added to
//	         it; the low five bits of c and the byte after that, big-endian, tell how far back they begin, less 1
//
// The bytes of a reference may reach into what it stands for.
package lzf

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

const (
	maxLiteral = 32      // bytes that stand for themselves in one piece
	maxBack    = 1 << 13 // how far back a reference may begin
	maxRun     = 264     // bytes that a reference may stand for
	minRun     = 3       // bytes from which on one is worth while

	hashBits = 16
)

// ErrCorrupt is the error for bytes that do not unpack to what they should.
var ErrCorrupt = errors.New("lzf: corrupt")

// Table is what Pack needs to remember while it works: by the hash of three bytes, where they were met last. It may be used again and
// need not be cleared, by one at a time.
type Table struct {
	places [1 << hashBits]uint32 // with base added to each
	base   uint32                // what is not greater was left by texts before
}

// Pack appends src, packed, to dst, and gives false when there seems to be no room for that in max bytes: dst is then returned as it was.
// src has less than 2 GB.
//
// There are many ways to pack a text. This one gives the bytes that Redis gives, so it finds what LibLZF finds: it remembers the place
// of every three bytes that it comes to, and of those within a reference the last two, never that at the very beginning; the hash
// is the same, since who is forgotten depends on it. It gives up where LibLZF does, which wants a few bytes more than it needs.
func (t *Table) Pack(dst, src []byte, max int) (packed []byte, ok bool) {
	const wantedBefore = 4 // bytes for a reference and what may follow
	base := t.begin(len(src))
	start, at, literal := len(dst), 0, 0 // src[literal:at] are to stand for themselves
	for at+minRun <= len(src) {
		three := (*[minRun]byte)(src[at:])
		slot := &t.places[hash(three)]
		from := int(*slot) - base
		*slot = uint32(base + at)
		if from <= 0 || at-from > maxBack || *(*[minRun]byte)(src[from:]) != *three {
			at++
			continue
		}
		dst = appendLiterals(dst, src[literal:at])
		if len(dst)-start+wantedBefore >= max {
			return dst[:start], false
		}
		n := runLen(src, from, at)
		dst = appendReference(dst, at-from-1, n)
		at += n
		literal = at
		if at+minRun > len(src) {
			break
		}
		t.places[hash((*[minRun]byte)(src[at-2:]))] = uint32(base + at - 2)
		t.places[hash((*[minRun]byte)(src[at-1:]))] = uint32(base + at - 1)
	}
	const wantedAtEnd = 3 // for bytes that are too few for a reference
	before := at - literal
	dst = appendLiterals(dst, src[literal:])
	if size := len(dst) - start - literals(len(src)-literal) + before + before/maxLiteral + 1; size+wantedAtEnd > max {
		return dst[:start], false
	}
	return dst, true
}

// begin gives what is to be added to places in a text of that length, to tell them from those of others.
func (t *Table) begin(length int) (base int) {
	if int64(t.base)+int64(length) > math.MaxUint32 {
		t.base = 0
		clear(t.places[:])
	}
	base = int(t.base)
	t.base += uint32(length)
	return base
}

// hash gives the place of three bytes in a Table.
func hash(b *[minRun]byte) uint16 {
	return uint16(b[0])<<8 + uint16(b[1]) - 5*(uint16(b[1])<<8+uint16(b[2]))
}

// runLen tells how many bytes from one place on are those from another on, minRun at least and maxRun at most. LibLZF does not look
// at the last two of the text, unless they are among the 16 that it compares at once if there are more.
func runLen(src []byte, from, at int) int {
	limit := min(maxRun, len(src)-at-2)
	if limit > 16 {
		limit = max(limit, minRun+16)
	}
	n := minRun
	for n+8 <= limit {
		if x := binary.LittleEndian.Uint64(src[from+n:]) ^ binary.LittleEndian.Uint64(src[at+n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < limit && src[from+n] == src[at+n] {
		n++
	}
	return n
}

// literals gives the bytes that so many take which stand for themselves.
func literals(n int) int { return n + (n+maxLiteral-1)/maxLiteral }

func appendLiterals(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), maxLiteral)
		dst = append(append(dst, byte(n-1)), b[:n]...)
		b = b[n:]
	}
	return dst
}

func appendReference(dst []byte, back, n int) []byte {
	if n -= 2; n < 7 {
		return append(dst, byte(n<<5|back>>8), byte(back))
	}
	return append(dst, byte(7<<5|back>>8), byte(n-7), byte(back))
}

// word is the bytes that Unpack copies at a time where it can.
const word = 8

// Unpack writes what src stands for into dst, which has just the room for it. Any bytes may be given; the error is ErrCorrupt.
func Unpack(dst, src []byte) error {
	at := 0
	for len(src) > 0 {
		c := int(src[0])
		src = src[1:]
		if c < maxLiteral {
			n := c + 1
			if n > len(src) || n > len(dst)-at {
				return ErrCorrupt
			}
			if len(src) >= maxLiteral && len(dst)-at >= maxLiteral { // a copy of a fixed length is faster
				*(*[maxLiteral]byte)(dst[at:]) = *(*[maxLiteral]byte)(src)
			} else {
				copy(dst[at:], src[:n])
			}
			at += n
			src = src[n:]
			continue
		}
		n := c >> 5
		if n == 7 {
			if len(src) == 0 {
				return ErrCorrupt
			}
			n += int(src[0])
			src = src[1:]
		}
		if len(src) == 0 {
			return ErrCorrupt
		}
		from := at - (c&31)<<8 - int(src[0]) - 1
		src = src[1:]
		if n += 2; from < 0 || n > len(dst)-at {
			return ErrCorrupt
		}
		end := at + n
		if at-from >= word && len(dst)-end >= word { // what is written too far is written again
			for ; at < end; at, from = at+word, from+word {
				*(*[word]byte)(dst[at:]) = *(*[word]byte)(dst[from:])
			}
			at = end
			continue
		}
		for at < end { // a copy of bytes that the copy itself makes
			at += copy(dst[at:end], dst[from:at])
		}
	}
	if at != len(dst) {
		return ErrCorrupt
	}
	return nil
}

// maxRatio is how many bytes a packed one can stand for at most: a reference has three.
const maxRatio = maxRun / 3

// CanBe tells whether so many packed bytes can stand for n.
func CanBe(n uint64, packed int) bool { return n <= uint64(packed)*maxRatio }

// Len tells how many bytes src stands for. Any bytes may be given; the error is ErrCorrupt, and if there is none the bytes unpack.
func Len(src []byte) (n int, err error) {
	var p piece
	for len(src) > 0 {
		if src, err = p.read(src); err != nil || p.back > n {
			return 0, ErrCorrupt
		}
		n += p.n
		if p.back == 0 {
			src = src[p.n:]
		}
	}
	return n, nil
}

// piece is a piece of packed bytes: n of them that stand for themselves, or a reference to n that begin back before.
type piece struct{ n, back int }

// read reads a piece that src begins with, and gives what comes after its control bytes. What stands for itself is there.
func (p *piece) read(src []byte) (rest []byte, err error) {
	c := int(src[0])
	src = src[1:]
	if c < maxLiteral {
		if *p = (piece{n: c + 1}); p.n > len(src) {
			return nil, ErrCorrupt
		}
		return src, nil
	}
	p.n = c>>5 + 2
	if p.n == 7+2 {
		if len(src) == 0 {
			return nil, ErrCorrupt
		}
		p.n += int(src[0])
		src = src[1:]
	}
	if len(src) == 0 {
		return nil, ErrCorrupt
	}
	p.back = (c&31)<<8 + int(src[0]) + 1
	return src[1:], nil
}

// Unpacker unpacks bytes that are too many to be unpacked at one go.
type Unpacker struct {
	Src []byte // what is still to be unpacked

	piece        // of which the destination had no room for all
	last  []byte // what was unpacked last
}

// Next unpacks as many bytes as dst has room for; there are so many. dst must stay what it is until the call after the next, and all but
// the last are of 8 KB at least. The error is ErrCorrupt.
func (u *Unpacker) Next(dst []byte) (err error) {
	for at := 0; at < len(dst); {
		if u.n == 0 {
			if len(u.Src) == 0 {
				return ErrCorrupt
			}
			if u.Src, err = u.read(u.Src); err != nil {
				return err
			}
		}
		n := min(u.n, len(dst)-at)
		switch from := at - u.back; {
		case u.back == 0:
			n = copy(dst[at:], u.Src[:n])
			u.Src = u.Src[n:]
		case from >= 0:
			n = copy(dst[at:at+n], dst[from:at])
		case -from <= len(u.last):
			n = copy(dst[at:at+n], u.last[len(u.last)+from:])
		default:
			return ErrCorrupt
		}
		at += n
		u.n -= n
	}
	u.last = dst
	return nil
}
