// SPDX-License-Identifier: BSD-3-Clause

package resp

import (
	"strings"

	"github.com/redpoll/redpoll/internal/num"
)

// Writer builds replies in RESP2 or RESP3. It is made for being embedded in a session: call Init once. Replies gather in chunks
// of the loop's pool until the owner has sent them (Next, Consume); a Writer with nothing pending holds no chunk. It is not safe
// for concurrent use. Methods copy what they are given, but for Stream, which sends long replies from where they lie.
//
// Aggregates are written as a header followed by that many further replies; nothing checks the count.
type Writer struct {
	// Proto is the protocol version, 2 or 3. It may change between replies.
	Proto int
	c     chunks
}

// Mark is a point in the reply stream to go back to.
type Mark uint64

// Deferred is an aggregate header to be filled in by SetArrayLen or its like.
type Deferred uint64

// gap is the room kept for a deferred header: type, 13 digits and CRLF.
const gap = 16

// Init makes the Writer usable, in RESP2, with chunks from pool.
func (w *Writer) Init(pool *ChunkPool) {
	*w = Writer{Proto: 2, c: chunks{pool: pool}}
}

// SetPool makes the Writer take and return chunks from and to another pool, when its session moves to another loop. What is
// pending stays: its chunks go back to the new pool.
func (w *Writer) SetPool(pool *ChunkPool) { w.c.pool = pool }

// Pending returns the number of bytes written and not yet consumed. A Source counts as one byte until it is closed.
func (w *Writer) Pending() int { return int(w.c.end() - w.c.done) }

// Next returns the first unsent bytes, empty when nothing is pending. They stay valid until the next call of any method but
// Pending.
func (w *Writer) Next() []byte { return w.c.next() }

// AppendChunks appends to dst, up to its capacity, the unsent bytes in order, for a gathering write; of a Source one piece,
// and nothing behind it. The slices stay valid as those of Next.
func (w *Writer) AppendChunks(dst [][]byte) [][]byte {
	off := w.c.off
	for i := w.c.head; i < len(w.c.full); i++ {
		p := &w.c.full[i]
		if len(dst) == cap(dst) {
			return dst
		}
		if p.src != nil {
			if p.ready() {
				return append(dst, p.b)
			}
			continue
		}
		dst = append(dst, p.b[off:])
		off = 0
	}
	if len(w.c.buf) > off && len(dst) < cap(dst) {
		dst = append(dst, w.c.buf[off:])
	}
	return dst
}

// Consume marks the first n pending bytes as sent: at most what Next, or one AppendChunks, has returned, if there is a Source
// among it. It panics when fewer are pending.
func (w *Writer) Consume(n int) { w.c.consume(n) }

// Reset drops all that is pending, gives the chunks back and closes the Sources.
func (w *Writer) Reset() { w.c.reset() }

// Mark returns the present end of the reply stream. It survives Consume.
func (w *Writer) Mark() Mark { return Mark(w.c.end()) }

// Since returns the number of bytes written after m.
func (w *Writer) Since(m Mark) int { return int(w.c.end() - uint64(m)) }

// Truncate drops what was written since m, except what is already consumed. Sources among it are closed.
func (w *Writer) Truncate(m Mark) { w.c.truncate(uint64(m)) }

// OK writes the status "+OK".
func (w *Writer) OK() { w.c.buf = append(w.c.room(), "+OK\r\n"...) }

// Simple writes a status reply; line breaks in s become spaces.
func (w *Writer) Simple(s string) { w.line('+', s) }

// Error writes an error reply. s is the whole text after the dash, its code first ("ERR syntax error"). Line breaks at its ends
// are dropped and those inside become spaces, so that a client's own bytes in an error cannot forge a second reply.
func (w *Writer) Error(s string) { w.line('-', strings.Trim(s, "\r\n")) }

func (w *Writer) line(kind byte, s string) {
	w.c.buf = append(w.c.room(), kind)
	if strings.ContainsAny(s, "\r\n") {
		s = strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
	}
	w.c.putString(s)
	w.crlf()
}

// Int writes an integer reply.
func (w *Writer) Int(n int64) { w.header(':', n) }

// Uint writes an integer reply that may be past what 63 bits hold.
func (w *Writer) Uint(n uint64) {
	buf := num.AppendUint(append(w.c.room(), ':'), n)
	w.c.buf = append(buf, '\r', '\n')
}

// Bulk writes a binary-safe string.
func (w *Writer) Bulk(b []byte) {
	buf := w.c.buf
	if cap(buf)-len(buf) < len(b)+slack {
		w.bulkSlow(b)
		return
	}
	buf = num.AppendUint(append(buf, '$'), uint64(len(b)))
	buf = append(buf, '\r', '\n')
	buf = append(buf, b...)
	w.c.buf = append(buf, '\r', '\n')
}

func (w *Writer) bulkSlow(b []byte) {
	w.header('$', int64(len(b)))
	w.c.put(b)
	w.crlf()
}

// BulkString is Bulk for a string.
func (w *Writer) BulkString(s string) {
	w.header('$', int64(len(s)))
	w.c.putString(s)
	w.crlf()
}

// BulkInt writes the decimal text of n as a bulk.
func (w *Writer) BulkInt(n int64) {
	buf := num.AppendUint(append(w.c.room(), '$'), uint64(num.IntLen(n)))
	buf = num.AppendInt(append(buf, '\r', '\n'), n)
	w.c.buf = append(buf, '\r', '\n')
}

// BulkLen begins a bulk of n bytes that the caller writes in pieces with Raw and ends with BulkEnd.
func (w *Writer) BulkLen(n int) { w.header('$', int64(n)) }

// BulkEnd ends a bulk begun with BulkLen.
func (w *Writer) BulkEnd() { w.crlf() }

// Null writes the absent value.
func (w *Writer) Null() { w.c.buf = append(w.c.room(), w.NullText()...) }

// NullText gives what Null writes, for a Source.
func (w *Writer) NullText() string {
	if w.Proto == 3 {
		return "_\r\n"
	}
	return "$-1\r\n"
}

// NullArray writes the absent array, which RESP3 does not tell from Null.
func (w *Writer) NullArray() {
	if w.Proto == 3 {
		w.c.buf = append(w.c.room(), "_\r\n"...)
		return
	}
	w.c.buf = append(w.c.room(), "*-1\r\n"...)
}

// Array begins an array of n replies.
func (w *Writer) Array(n int) { w.header('*', int64(n)) }

// Map begins a map of n pairs, in RESP2 an array of twice as many replies.
func (w *Writer) Map(n int) { w.aggregate('%', n) }

// Set begins a set of n replies, in RESP2 an array.
func (w *Writer) Set(n int) { w.aggregate('~', n) }

// Push begins an out-of-band message of n replies, in RESP2 an array.
func (w *Writer) Push(n int) { w.aggregate('>', n) }

// Attribute begins n pairs of auxiliary data before the next reply and reports true; in RESP2, which has none, it writes nothing
// and reports false: the caller then leaves the pairs out.
func (w *Writer) Attribute(n int) bool {
	if w.Proto == 3 {
		w.header('|', int64(n))
	}
	return w.Proto == 3
}

// Decimal writes a number given by its digits as a double, in RESP2 as a bulk.
func (w *Writer) Decimal(digits []byte) {
	if w.Proto != 3 {
		w.Bulk(digits)
		return
	}
	w.c.buf = append(w.c.room(), ',')
	w.c.put(digits)
	w.crlf()
}

// Double writes f with 17 significant digits, in RESP2 as a bulk.
func (w *Writer) Double(f float64) {
	buf := w.c.room()
	if w.Proto == 3 {
		buf = num.AppendDouble(append(buf, ','), f)
		w.c.buf = append(buf, '\r', '\n')
		return
	}
	var text [num.MaxDoubleLen]byte
	b := num.AppendDouble(text[:0], f)
	buf = num.AppendUint(append(buf, '$'), uint64(len(b)))
	buf = append(append(buf, '\r', '\n'), b...)
	w.c.buf = append(buf, '\r', '\n')
}

// Bool writes a boolean, in RESP2 the integer 1 or 0.
func (w *Writer) Bool(v bool) {
	s := ":0\r\n"
	switch {
	case w.Proto == 3 && v:
		s = "#t\r\n"
	case w.Proto == 3:
		s = "#f\r\n"
	case v:
		s = ":1\r\n"
	}
	w.c.buf = append(w.c.room(), s...)
}

// BigNumber writes the decimal text of an integer of any size, in RESP2 as a bulk.
func (w *Writer) BigNumber(s string) {
	if w.Proto == 3 {
		w.line('(', s)
		return
	}
	w.BulkString(s)
}

// Verbatim writes text with a format of exactly three bytes ("txt", "mkd"), in RESP2 as a bulk without the format.
func (w *Writer) Verbatim(format, text string) {
	if w.Proto != 3 {
		w.BulkString(text)
		return
	}
	w.header('=', int64(len(format)+1+len(text)))
	w.c.putString(format)
	w.c.buf = append(w.c.room(), ':')
	w.c.putString(text)
	w.crlf()
}

// Raw writes bytes that are already in the protocol's form.
func (w *Writer) Raw(b []byte) { w.c.put(b) }

// DeferLen reserves the header of an aggregate whose length is not known yet. Its elements follow, then SetArrayLen, SetMapLen or
// SetSetLen with the value returned here. Nothing may be consumed in between, and nested ones are set innermost first.
func (w *Writer) DeferLen() Deferred {
	buf := w.c.room()
	at := w.c.base + uint64(len(buf))
	w.c.buf = append(buf, "0000000000000000"[:gap]...)
	return Deferred(at)
}

// SetArrayLen makes d the header of an array of n replies.
func (w *Writer) SetArrayLen(d Deferred, n int) { w.setLen(d, '*', n) }

// SetMapLen makes d the header of a map of n pairs, in RESP2 of an array of twice as many replies.
func (w *Writer) SetMapLen(d Deferred, n int) {
	if w.Proto != 3 {
		w.setLen(d, '*', 2*n)
		return
	}
	w.setLen(d, '%', n)
}

// SetSetLen makes d the header of a set of n replies, in RESP2 of an array.
func (w *Writer) SetSetLen(d Deferred, n int) {
	if w.Proto != 3 {
		w.setLen(d, '*', n)
		return
	}
	w.setLen(d, '~', n)
}

func (w *Writer) setLen(d Deferred, kind byte, n int) {
	header := num.AppendUint(append(w.c.at(uint64(d))[:0:gap], kind), uint64(n))
	header = append(header, '\r', '\n')
	w.c.cut(uint64(d)+uint64(len(header)), gap-len(header))
}

func (w *Writer) aggregate(kind byte, n int) {
	if w.Proto != 3 {
		if kind == '%' {
			n *= 2
		}
		kind = '*'
	}
	w.header(kind, int64(n))
}

func (w *Writer) header(kind byte, n int64) {
	buf := num.AppendInt(append(w.c.room(), kind), n)
	w.c.buf = append(buf, '\r', '\n')
}

// crlf fits in the current chunk or begins a new one.
func (w *Writer) crlf() { w.c.buf = append(w.c.room(), '\r', '\n') }
