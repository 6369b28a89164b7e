// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/redpoll/redpoll/internal/crc64"
	"github.com/redpoll/redpoll/internal/lzf"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// ErrFormat is what errors.Is finds in every error about bytes that are no value of the format.
var ErrFormat = errors.New("Bad data format")

// FormatError is the error for bytes that are no value of the format.
type FormatError struct {
	Offset int64  // of the bytes that were read when it was noticed, about
	Reason string // for a log
	Empty  bool   // it would be a value if there were such without elements
}

// Error gives the reason and the offset.
func (e *FormatError) Error() string { return fmt.Sprintf("%s at offset %d", e.Reason, e.Offset) }

// Is tells that it is ErrFormat.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// Reasons that are given more than once.
const (
	tooShort  = "The bytes end too early"
	twice     = "Duplicate element detected"
	notPacked = "Invalid LZF compressed string"
)

const (
	firstBuffer = 64 << 10 // bytes of a stream that are read at a time
	keptRoom    = 1 << 20  // bytes up to which a room for texts is kept for the next value
	maxUnpacked = 1 << 30  // bytes of a text within a value, when it is unpacked; Redis has no longer listpacks
	bigUnpacked = 1 << 20  // bytes from which on there must be memory for as much
)

// Reader reads lengths, texts and values, from bytes or from a stream of them. The first error stays: whatever is read after it is zero
// or empty. It is used by one goroutine at a time.
//
// What it gives lies in the bytes that it was made of, or in memory of its own that the next text or value needs.
type Reader struct {
	version int
	buf     []byte    // bytes that there are
	at      int       // of them have been read
	gone    int64     // bytes that were read before those of buf
	src     io.Reader // where more come from; nil: there are no more
	err     error
	lacking int64 // offset of what the stream had too few bytes for, when err is its own

	piece    int  // bytes of the stream that are read at a time; 0: firstBuffer
	most     int  // bytes that are kept behind the mark
	marked   bool // bytes of buf are kept from mark on, not only from at on
	mark     int
	overflow func(bytes []byte) // is given what is between mark and at when that has become much; then mark is at

	sums   bool   // a checksum is made of the stream
	sum    uint64 // of what precedes buf[summed]
	summed int

	steps     int // since the last tick
	rooms     [2]room
	blob      cells
	name, iid []byte // of what is being read
	template  []byte // fields of a hash that is being read, a listpack

	templates *templates // of the file that is read; nil: it is no file

	text   store.StringDraft
	list   store.ListDraft
	set    store.SetDraft
	zset   store.ZSetDraft
	hash   store.HashDraft
	array  store.ArrayDraft
	stream store.StreamDraft
}

// room is where a text lies that does not lie in the Reader's bytes as it is.
type room struct {
	b     []byte
	digit [num.MaxIntLen]byte
}

// room gives room for n bytes, which is never nil.
func (m *room) room(n int) []byte {
	if m.b == nil || cap(m.b) < n || cap(m.b) > keptRoom && n <= keptRoom {
		return make([]byte, n, max(n, 1))
	}
	return m.b[:n]
}

// NewReader makes a reader of bytes that were written in a version of the format. They must stay what they are as long as what was read
// from them is used.
func NewReader(b []byte, version int) *Reader { return &Reader{buf: b, version: version} }

// NewStreamReader makes a reader of a stream that was written in a version of the format.
func NewStreamReader(src io.Reader, version int) *Reader { return &Reader{src: src, version: version} }

// Reset makes the reader one of other bytes, as NewReader does; the memory that it has is used again.
func (r *Reader) Reset(b []byte, version int) {
	r.buf, r.at, r.gone, r.src, r.err, r.version = b, 0, 0, nil, nil, version
	r.sums, r.sum, r.summed, r.marked = false, 0, 0, false
}

// resetStream makes the reader one of a stream, as NewStreamReader does; the memory that it has is used again.
func (r *Reader) resetStream(src io.Reader, version int) {
	if cap(r.buf) > keptRoom {
		r.buf = nil
	}
	r.Reset(r.buf[:0], version)
	r.src = src
}

// Err gives the first error: it is ErrFormat, or one of the stream.
func (r *Reader) Err() error { return r.err }

// Len tells how many bytes are left of those that the reader was made of, or have come from its stream and were not read.
func (r *Reader) Len() int { return len(r.buf) - r.at }

// Offset tells how many bytes have been read.
func (r *Reader) Offset() int64 { return r.gone + int64(r.at) }

// fail notes that the bytes are no value, unless an error was noted already.
func (r *Reader) fail(reason string) {
	if r.err == nil {
		r.err = &FormatError{Offset: r.Offset(), Reason: reason}
	}
}

// corrupt notes that the bytes of something are not what they should be.
func (r *Reader) corrupt(what string) { r.fail(what + " integrity check failed") }

// failEmpty notes that there is a value without elements.
func (r *Reader) failEmpty() {
	if r.err == nil {
		r.err = &FormatError{Offset: r.Offset(), Reason: "A value without elements", Empty: true}
	}
}

// next reads n bytes; nil, or fewer, when they are not there.
func (r *Reader) next(n uint64) []byte {
	if n > uint64(len(r.buf)-r.at) && !r.fill(n) {
		return nil
	}
	end := r.at + int(n)
	b := r.buf[r.at:end:end]
	r.at = end
	return b
}

// fill has n bytes come from the stream that have not been read; false when there are not so many. It takes no more memory than twice
// what has come.
func (r *Reader) fill(n uint64) bool {
	if r.err != nil {
		return false
	}
	if r.src == nil {
		r.fail(tooShort)
		return false
	}
	r.Sum()
	have, most := r.makeRoom(), uint64(cmp.Or(r.piece, firstBuffer))
	n = min(n, math.MaxInt64) + uint64(r.at)
	for uint64(have) < n {
		if have == cap(r.buf) {
			grown := make([]byte, have, max(2*have, int(most)))
			copy(grown, r.buf)
			r.buf = grown
		}
		got, err := io.ReadAtLeast(r.src, r.buf[have:min(uint64(cap(r.buf)), max(n, most))], 1)
		have += got
		r.buf = r.buf[:have]
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			r.err, r.lacking = err, r.Offset()
			return false
		}
	}
	return true
}

// makeRoom moves what is still needed to the beginning of the buffer, and tells how many bytes that is.
func (r *Reader) makeRoom() (have int) {
	from := r.at
	if r.marked {
		if r.at-r.mark > r.most {
			r.overflow(r.buf[r.mark:r.at])
			r.mark = r.at
		}
		from = r.mark
		r.mark = 0
	}
	have = copy(r.buf, r.buf[from:])
	r.gone += int64(from)
	r.at -= from
	r.buf, r.summed = r.buf[:have], r.at
	return have
}

// pass reads n bytes that nobody wants to see, in pieces.
func (r *Reader) pass(n uint64) {
	for n > 0 {
		if r.at == len(r.buf) && !r.fill(1) {
			return
		}
		step := min(n, uint64(len(r.buf)-r.at))
		r.at += int(step)
		n -= step
	}
}

// Sum gives the checksum of what has been read of a stream whose checksum is made; 0 of another.
func (r *Reader) Sum() uint64 {
	if r.sums {
		r.sum, r.summed = crc64.Update(r.sum, r.buf[r.summed:r.at]), r.at
	}
	return r.sum
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if b := r.next(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// uint64 reads eight bytes, little-endian.
func (r *Reader) uint64() uint64 {
	if b := r.next(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// number reads a number that is written as a length, and may be any.
func (r *Reader) number() uint64 {
	n, _ := r.lengthOrForm()
	return n
}

// length reads a length. What is no length but begins a text is one of the six bits that say how that is written, as for Redis.
func (r *Reader) length() uint64 {
	n := r.number()
	if n == math.MaxUint64 {
		r.fail("A length that there cannot be")
		return 0
	}
	return n
}

// lengthOrForm reads a length, or the form of a text if coded is set.
func (r *Reader) lengthOrForm() (n uint64, coded bool) {
	c := r.Byte()
	switch c & lenForm {
	case 0:
		return uint64(c), false
	case len14:
		return uint64(c&^lenForm)<<8 | uint64(r.Byte()), false
	case textForm:
		return uint64(c &^ textForm), true
	}
	switch c {
	case len32:
		if b := r.next(4); len(b) == 4 {
			return uint64(binary.BigEndian.Uint32(b)), false
		}
	case len64:
		if b := r.next(8); len(b) == 8 {
			return binary.BigEndian.Uint64(b), false
		}
	default:
		r.fail("A length of an unknown form")
	}
	return 0, false
}

// count reads the number of elements of a value, of which there must be some.
func (r *Reader) count() uint64 {
	n := r.length()
	if n == 0 {
		r.failEmpty()
	}
	return n
}

// Text reads a text, which is valid until the next is read; an integer if it is written as one.
func (r *Reader) Text(db *store.DB) store.Value { return r.read(db, 0) }

// earlier reads a text that is valid until the one after the next is read.
func (r *Reader) earlier(db *store.DB) store.Value {
	return r.keep(r.read(db, 1), 1)
}

// keep makes a text one that stays what it is when more bytes come from the stream, which moves those that there are.
func (r *Reader) keep(v store.Value, room int) store.Value {
	if r.src != nil && !v.IsInt() {
		to := &r.rooms[room]
		to.b = append(to.room(len(v.Bytes))[:0], v.Bytes...)
		v.Bytes = to.b
	}
	return v
}

// bytes reads a text as bytes, valid until the next text is read.
func (r *Reader) bytes(db *store.DB) []byte {
	return store.Text(r.read(db, 0), r.rooms[0].digit[:0])
}

// read reads a text, which is unpacked into a room if it has to be.
func (r *Reader) read(db *store.DB, room int) store.Value {
	n, coded := r.lengthOrForm()
	switch {
	case !coded:
		return store.Value{Bytes: r.raw(n)}
	case n == textLZF:
		packed, size := r.packed()
		return store.Value{Bytes: r.unpack(db, &r.rooms[room], packed, size)}
	}
	return store.Value{Int: r.shortInt(n)}
}

// raw reads n bytes of a text, which are never nil.
func (r *Reader) raw(n uint64) []byte {
	if b := r.next(n); b != nil {
		return b
	}
	return []byte{}
}

// shortInt reads an integer that is written in a form.
func (r *Reader) shortInt(form uint64) int64 {
	switch form {
	case textInt8:
		return int64(int8(r.Byte()))
	case textInt16:
		if b := r.next(2); len(b) == 2 {
			return int64(int16(binary.LittleEndian.Uint16(b)))
		}
	case textInt32:
		if b := r.next(4); len(b) == 4 {
			return int64(int32(binary.LittleEndian.Uint32(b)))
		}
	default:
		r.fail("A text of an unknown form")
	}
	return 0
}

// packed reads the bytes of a text that is packed, and its size, which they can be of.
func (r *Reader) packed() (packed []byte, size uint64) {
	n := r.length()
	size = r.length()
	packed = r.raw(n)
	if !lzf.CanBe(size, len(packed)) {
		r.fail("A packed text of more bytes than there can be")
		return nil, 0
	}
	return packed, size
}

// unpack unpacks a text into a room.
func (r *Reader) unpack(db *store.DB, to *room, packed []byte, size uint64) []byte {
	if size > maxUnpacked {
		r.fail("A packed text that is too long")
		size = 0
	}
	n := int(size)
	if n > bigUnpacked {
		db.Reserve(n)
	}
	to.b = to.room(n)
	if r.err == nil && lzf.Unpack(to.b, packed) != nil {
		r.fail(notPacked)
	}
	return to.b
}

// step counts a step of something long, and ticks every so often.
func (r *Reader) step(db *store.DB) {
	const stepsATick = 1000
	if r.steps++; r.steps%stepsATick == 0 {
		db.Tick()
	}
}
