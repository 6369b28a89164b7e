// SPDX-License-Identifier: BSD-3-Clause

package resp

// chunks is the byte stream under a Writer: sealed chunks followed by the one being filled. Positions count the bytes of the
// whole stream since Init, so that they stay valid while chunks come and go.
type chunks struct {
	pool *ChunkPool
	buf  []byte   // the chunk being filled; nil when there is none
	full [][]byte // sealed chunks that are not wholly sent: full[head:]
	head int
	off  int    // bytes sent of the first unsent chunk
	base uint64 // position of buf[0]
	done uint64 // position of the first unsent byte
}

// slack is the room that the fixed-size parts of a reply (a header, a number) may need.
const slack = 64

// end returns the position after the last byte written.
func (c *chunks) end() uint64 { return c.base + uint64(len(c.buf)) }

// room returns the current chunk with at least slack free bytes; the caller appends at most that and stores the result in c.buf.
func (c *chunks) room() []byte {
	if b := c.buf; cap(b)-len(b) >= slack {
		return b
	}
	return c.grow()
}

// grow seals the current chunk and takes an empty one from the pool.
func (c *chunks) grow() []byte {
	c.seal()
	c.buf = c.pool.Get()
	return c.buf
}

// seal ends the current chunk.
func (c *chunks) seal() {
	if c.buf == nil {
		return
	}
	if len(c.buf) == 0 {
		c.pool.Put(c.buf)
		c.buf = nil
		return
	}
	c.full = append(c.full, c.buf)
	c.base += uint64(len(c.buf))
	c.buf = nil
}

// put appends b: to the current chunk as far as it fits, then to a new one, or, when it is larger than a chunk, to one of its own.
func (c *chunks) put(b []byte) {
	if len(b) <= cap(c.buf)-len(c.buf) {
		c.buf = append(c.buf, b...)
		return
	}
	if len(b) > ChunkSize {
		c.seal()
		c.buf = append([]byte(nil), b...)
		return
	}
	n := cap(c.buf) - len(c.buf)
	if c.buf != nil {
		c.buf = append(c.buf, b[:n]...)
	}
	c.buf = append(c.grow(), b[n:]...)
}

// putString is put for a string.
func (c *chunks) putString(s string) {
	if len(s) <= cap(c.buf)-len(c.buf) {
		c.buf = append(c.buf, s...)
		return
	}
	if len(s) > ChunkSize {
		c.seal()
		c.buf = append([]byte(nil), s...)
		return
	}
	n := cap(c.buf) - len(c.buf)
	if c.buf != nil {
		c.buf = append(c.buf, s[:n]...)
	}
	c.buf = append(c.grow(), s[n:]...)
}

// next returns the first unsent bytes.
func (c *chunks) next() []byte {
	if c.head < len(c.full) {
		return c.full[c.head][c.off:]
	}
	return c.buf[c.off:]
}

// consume marks n bytes as sent and gives finished chunks back.
func (c *chunks) consume(n int) {
	if uint64(n) > c.end()-c.done {
		panic("resp: more consumed than written")
	}
	c.done += uint64(n)
	n += c.off
	for c.head < len(c.full) && n >= len(c.full[c.head]) {
		n -= len(c.full[c.head])
		c.pool.Put(c.full[c.head])
		c.full[c.head] = nil
		c.head++
	}
	c.off = n
	if c.head == len(c.full) {
		c.full, c.head = c.full[:0], 0
		if cap(c.full) > 16 { // a burst must not weigh on an idle session
			c.full = nil
		}
		if n == len(c.buf) {
			c.releaseBuf()
		}
	}
}

// truncate drops what was written at and after position to; what was sent stays sent.
func (c *chunks) truncate(to uint64) {
	to = max(to, c.done)
	for to < c.base {
		c.pool.Put(c.buf)
		last := len(c.full) - 1
		c.buf = c.full[last]
		c.full[last] = nil
		c.full = c.full[:last]
		c.base -= uint64(len(c.buf))
	}
	if to < c.end() {
		c.buf = c.buf[:to-c.base]
	}
	if c.done == c.end() {
		c.consume(0)
	}
}

// releaseBuf gives the current chunk back, all of whose bytes are sent.
func (c *chunks) releaseBuf() {
	c.base += uint64(len(c.buf))
	if c.buf != nil {
		c.pool.Put(c.buf)
	}
	c.buf, c.off = nil, 0
}

// reset drops everything and gives the chunks back.
func (c *chunks) reset() {
	c.consume(int(c.end() - c.done))
}

// cut removes n bytes at position at, which all lie in one chunk. Later positions move down by n.
func (c *chunks) cut(at uint64, n int) {
	b, base := &c.buf, c.base
	for i := len(c.full) - 1; at < base; i-- {
		b = &c.full[i]
		base -= uint64(len(*b))
	}
	i := int(at - base)
	*b = append((*b)[:i], (*b)[i+n:]...)
	if b != &c.buf {
		c.base -= uint64(n)
	}
}

// at returns the bytes from position pos to the end of its chunk.
func (c *chunks) at(pos uint64) []byte {
	b, base := c.buf, c.base
	for i := len(c.full) - 1; pos < base; i-- {
		b = c.full[i]
		base -= uint64(len(b))
	}
	return b[pos-base:]
}
