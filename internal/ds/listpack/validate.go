// SPDX-License-Identifier: BSD-3-Clause

package listpack

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt is the error for bytes that are no listpack.
var ErrCorrupt = errors.New("listpack: corrupt")

// Validate checks the form of a blob that came from outside: afterwards every function of the package can be used on it.
// What the entries mean (pairs, no field twice) is the caller's to check. Texts that read as integers may be stored as
// strings, and integers wider than needed: Redis accepts that too.
func Validate(b []byte) error {
	if !framed(b) {
		return ErrCorrupt
	}
	n, off := 0, HeaderSize
	for ; off < len(b)-1; n++ {
		size := validateEntry(b[off : len(b)-1])
		if size == 0 {
			return ErrCorrupt
		}
		off += size
	}
	if c := headerCount(b); c != n && c != unknownCount {
		return ErrCorrupt
	}
	return nil
}

// framed tells whether header and end of a blob are those of a listpack.
func framed(b []byte) bool {
	return len(b) >= EmptySize && len(b) <= MaxSize && Size(b) == len(b) && b[len(b)-1] == end
}

// validateEntry gives the size of the whole entry that b begins with, 0 when it is none.
func validateEntry(b []byte) int {
	if b[0] > int64Code {
		return 0
	}
	head := 1 // bytes that say how long the entry is
	if c := b[0]; c == str32 {
		head = 5
	} else if c >= 0xe0 && c < 0xf0 {
		head = 2
	}
	if len(b) < head {
		return 0
	}
	if b[0] == str32 && binary.LittleEndian.Uint32(b[1:]) > MaxSize {
		return 0
	}
	n := encodedSize(b)
	total := n + backLenSize(n)
	if total > len(b) {
		return 0
	}
	if back, width := backLen(b, total); back != n || width != total-n {
		return 0
	}
	return total
}

// Scanner reads the entries of a blob that came from outside and checks its form on the way.
type Scanner struct {
	b      []byte
	off, n int
	bad    bool
}

// Scan begins to read a blob, whatever bytes it has.
func Scan(b []byte) Scanner { return Scanner{b: b, off: HeaderSize, bad: !framed(b)} }

// Next gives the next entry; false at the end, or when the blob is corrupt.
func (s *Scanner) Next() (e Entry, ok bool) {
	if s.bad || s.off >= len(s.b)-1 {
		return e, false
	}
	if c := s.b[s.off]; c&0xc0 == 0x80 { // most are short texts
		n := s.off + 1 + int(c&0x3f)
		if n < len(s.b)-1 && int(s.b[n]) == n-s.off {
			e = Entry{Bytes: s.b[s.off+1 : n : n]}
			s.off = n + 1
			s.n++
			return e, true
		}
	}
	size := validateEntry(s.b[s.off : len(s.b)-1])
	if size == 0 {
		s.bad = true
		return e, false
	}
	e = Get(s.b, s.off)
	s.off += size
	s.n++
	return e, true
}

// Err tells, when all entries have been read, whether the blob was what Validate accepts: it is nil or ErrCorrupt.
func (s *Scanner) Err() error {
	if s.bad || s.off != len(s.b)-1 || headerCount(s.b) != s.n && headerCount(s.b) != unknownCount {
		return ErrCorrupt
	}
	return nil
}
