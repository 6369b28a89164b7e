// SPDX-License-Identifier: BSD-3-Clause

package pairs

import (
	"encoding/binary"
	"slices"
)

// A timed blob is
//
//	2 bytes  number of pairs, as in a plain blob
//	4 bytes  offset of the first pair without a time, little-endian
//	pairs with a time, in the order of their times; before each its time: TimeSize bytes, little-endian
//	pairs without a time
//	any number of bytes 0xff
//
// So the pairs whose time has passed come first, and one without a time costs nothing. The offset of a pair with a time is
// that of its time. A time is any number from 1 to MaxTime; the blob does not care what it counts. 0 stands for none.
const (
	// TimedHeader is the offset of the first pair of a timed blob.
	TimedHeader = HeaderSize + 4
	// TimeSize is the number of bytes of a time.
	TimeSize = 6
	// MaxTime is the greatest time that can be kept.
	MaxTime = 1<<48 - 1
)

// plain gives the offset of the first pair without a time.
func plain(b []byte) int { return int(binary.LittleEndian.Uint32(b[HeaderSize:])) }

func setPlain(b []byte, off int) { binary.LittleEndian.PutUint32(b[HeaderSize:], uint32(off)) }

func readTime(b []byte, off int) int64 {
	return int64(binary.LittleEndian.Uint32(b[off:])) | int64(binary.LittleEndian.Uint16(b[off+4:]))<<32
}

// PutTime writes a time in front of a pair.
func PutTime(b []byte, off int, at int64) {
	binary.LittleEndian.PutUint32(b[off:], uint32(at))
	binary.LittleEndian.PutUint16(b[off+4:], uint16(at>>32))
}

// TimeAt gives the time of the pair at off.
func TimeAt(b []byte, off int) int64 {
	if off >= plain(b) {
		return 0
	}
	return readTime(b, off)
}

// Least gives the earliest time of a timed blob, 0 when no pair has one.
func Least(b []byte) int64 { return TimeAt(b, TimedHeader) }

// Ends tells whether a timed blob has no more pairs from off on, where one begins if there is one.
func Ends(b []byte, off int) bool { return foundTimed(b, off) == 0 }

// FirstTimed gives the first pair of a timed blob, 0 when there is none.
func FirstTimed(b []byte) int { return foundTimed(b, TimedHeader) }

// foundTimed gives off if there is a pair, 0 if there is the end. (A time may look like the end.)
func foundTimed(b []byte, off int) int {
	if off < plain(b) {
		return off
	}
	return found(b, off)
}

// ReadTimed gives the pair at off of a timed blob, its time, and the pair after it, 0 when there is none.
func ReadTimed(b []byte, off int) (field, value Value, at int64, next int) {
	if at = TimeAt(b, off); at != 0 {
		off += TimeSize
	}
	head := b[off]
	field, next = read(b, off+1, head>>4)
	value, next = read(b, next, head&15)
	return field, value, at, foundTimed(b, next)
}

// CountTimed is Count for a timed blob.
func CountTimed(b []byte) int {
	n := int(binary.LittleEndian.Uint16(b))
	if n != unknownCount {
		return n
	}
	n = 0
	for off := FirstTimed(b); off != 0; _, _, _, off = ReadTimed(b, off) {
		n++
	}
	return n
}

// FindTimed is Find for a timed blob.
func FindTimed(b, field []byte) (off, end int) {
	var t text
	t.encode(field)
	return t.findTimed(b)
}

// FindTimed is FindTimed for the pair's field.
func (p *Pair) FindTimed(b []byte) (off, end int) { return p.field.findTimed(b) }

func (t *text) findTimed(b []byte) (off, end int) {
	for off = TimedHeader; off < plain(b); off = end {
		head := b[off+TimeSize]
		var v Value
		v, end = read(b, off+TimeSize+1, head>>4)
		_, end = read(b, end, head&15)
		if head>>4 == t.four && t.is(v) {
			return off, end
		}
	}
	return t.find(b, off)
}

// Dead gives the end of the pairs whose time is before now, TimedHeader when there are none, and their number.
func Dead(b []byte, now int64) (end, n int) {
	for end = TimedHeader; end < plain(b) && readTime(b, end) < now; n++ {
		end = Skip(b, end+TimeSize)
	}
	return end, n
}

// SetTimed says in the header that the pairs before end, which is the end of one or TimedHeader, have times and the others
// have none.
func SetTimed(b []byte, end int) { setPlain(b, end) }

// TimedEnd gives the offset of the first pair without a time, or of the end of all when each has one.
func TimedEnd(b []byte) int { return plain(b) }

// Removed says that the pair from off to end was cut out of a timed blob, or, with end before the first pair without a
// time, several were. It does not change the count.
func Removed(b []byte, off, end int) {
	if first := plain(b); off < first {
		setPlain(b, first-(end-off))
	}
}

// Arrange puts the n bytes at off where they belong: the pair that has just been written there, its time at in front of it
// unless that is 0. was is how many bytes a pair with a time took that lay there before, 0 when there was none or it had no
// time. Among equal times the latest to come is first; a pair that has lost its time goes to the end.
func Arrange(b []byte, off, n int, at int64, was int) {
	first := plain(b)
	if was > 0 {
		first += n - was
	}
	switch {
	case at == 0 && was > 0:
		rotate(b[off:end(b, first)], n)
		first -= n
	case at != 0:
		to := TimedHeader
		for to < first {
			if was > 0 && to == off {
				to += n
			} else if readTime(b, to) < at {
				to = Skip(b, to+TimeSize)
			} else {
				break
			}
		}
		if to > off {
			rotate(b[off:to], n)
		} else {
			rotate(b[to:off+n], off-to)
		}
		if was == 0 {
			first += n
		}
	}
	setPlain(b, first)
}

// end gives the end of the pairs, those from off on having no time.
func end(b []byte, off int) int {
	for !Ended(b, off) {
		off = Skip(b, off)
	}
	return off
}

// rotate moves the first n bytes behind the others.
func rotate(b []byte, n int) {
	slices.Reverse(b[:n])
	slices.Reverse(b[n:])
	slices.Reverse(b)
}
