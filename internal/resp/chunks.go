// SPDX-License-Identifier: BSD-3-Clause

package resp

// chunks is the byte stream under a Writer: sealed chunks and Sources, followed by the chunk being filled. Positions count the
// bytes of the whole stream since Init, so that they stay valid while chunks come and go. A Source takes one position, however
// much it gives: what stands before it and what behind are told apart by that.
type chunks struct {
	pool    *ChunkPool
	buf     []byte // the chunk being filled; nil when there is none
	full    []part // what is sealed and not wholly sent: full[head:]
	head    int
	off     int    // bytes sent of the first unsent chunk; 0 when that is a Source
	base    uint64 // position of buf[0]
	done    uint64 // position of the first unsent byte, or of the Source that is being sent
	sources int    // how many are in full
}

// part is a sealed chunk, a Source, or bytes that others send too.
type part struct {
	b      []byte // of a Source, what is unsent of the piece that it gave last
	src    Source // nil for a chunk
	ended  bool   // src has no more to give
	shared bool   // b is not the pool's, and must not be written to
}

// width gives the positions that the part takes.
func (p *part) width() uint64 {
	if p.src != nil {
		return 1
	}
	return uint64(len(p.b))
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
	c.full = append(c.full, part{b: c.buf})
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
	for c.head < len(c.full) {
		p := &c.full[c.head]
		if p.src == nil {
			return p.b[c.off:]
		}
		if p.ready() {
			return p.b
		}
		c.step()
	}
	c.settle()
	return c.buf[c.off:]
}

// consume marks n bytes as sent, gives finished chunks back and closes Sources that have come to their end.
func (c *chunks) consume(n int) {
	for c.head < len(c.full) {
		p := &c.full[c.head]
		k := min(n, len(p.b)-c.off)
		n -= k
		if p.src != nil {
			p.b = p.b[k:]
			if k == 0 && !p.ended || p.ready() { // one that has given nothing yet is not asked before it is its turn
				break
			}
		} else {
			c.off += k
			c.done += uint64(k)
			if c.off < len(p.b) {
				break
			}
		}
		c.step()
	}
	if c.head == len(c.full) {
		k := min(n, len(c.buf)-c.off)
		n -= k
		c.off += k
		c.done += uint64(k)
		c.settle()
	}
	if n > 0 {
		panic("resp: more consumed than written")
	}
}

// step lets go of the first part, which is sent.
func (c *chunks) step() {
	p := &c.full[c.head]
	if p.src != nil {
		c.close(p)
		c.done++
	} else if !p.shared {
		c.pool.Put(p.b)
	}
	*p = part{}
	c.head++
	c.off = 0
}

// settle forgets the list of parts when they are all sent, and the current chunk when it is.
func (c *chunks) settle() {
	if c.head < len(c.full) {
		return
	}
	c.full, c.head = c.full[:0], 0
	if cap(c.full) > 16 { // a burst must not weigh on an idle session
		c.full = nil
	}
	if c.off == len(c.buf) {
		c.releaseBuf()
	}
}

// truncate drops what was written at and after position to; what was sent stays sent.
func (c *chunks) truncate(to uint64) {
	to = max(to, c.done)
	for to < c.base {
		c.pool.Put(c.buf)
		last := len(c.full) - 1
		p := &c.full[last]
		c.buf = p.b
		c.base -= p.width()
		if p.src != nil {
			c.buf = nil
			c.close(p)
		}
		if p.shared {
			c.buf = nil
			if c.base < to { // all that is left of it has been sent: replies begin and end with it
				c.base, c.off = to, 0
			}
		}
		*p = part{}
		c.full = c.full[:last]
	}
	if to < c.end() {
		c.buf = c.buf[:to-c.base]
	}
	if c.done == c.end() {
		c.settle()
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
func (c *chunks) reset() { c.truncate(c.done) }

// cut removes n bytes at position at, which all lie in one chunk. Later positions move down by n.
func (c *chunks) cut(at uint64, n int) {
	b, base := &c.buf, c.base
	for i := len(c.full) - 1; at < base; i-- {
		b = &c.full[i].b
		base -= c.full[i].width()
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
		b = c.full[i].b
		base -= c.full[i].width()
	}
	return b[pos-base:]
}
