// SPDX-License-Identifier: BSD-3-Clause

package resp

// A Source gives a part of a reply piece by piece, as the client reads: what is long need not be copied into chunks. The
// Writer that it was given to with Stream owns it, and calls it from whichever goroutine uses the Writer.
type Source interface {
	// Next gives the next bytes, valid until the following call of Next or Close; none at the end, after which it is not
	// called again. It must not panic: what it reads was made sure of when the reply was written.
	Next() []byte
	// Close is called once: when the source has come to its end, or when the rest of it is not wanted.
	Close()
}

// Stream makes what src gives the next bytes of the reply stream. The Writer closes src when these are sent, or dropped by
// Truncate or Reset. src is asked for bytes only when all that stands before them has been sent, or is sent together with them.
func (w *Writer) Stream(src Source) { w.c.stream(src) }

// Streaming tells whether there is a Source that has not come to its end.
func (w *Writer) Streaming() bool { return w.c.sources > 0 }

// split ends the current chunk for something else to be put behind it. What room the chunk has left goes to what comes after
// that: a reply may have very many sources.
func (c *chunks) split() {
	b := c.buf
	c.seal()
	if n := len(b); n > 0 {
		c.full[len(c.full)-1].b = b[:n:n]
		c.buf = b[n:]
	}
}

// stream puts src behind what was written.
func (c *chunks) stream(src Source) {
	c.split()
	c.full = append(c.full, part{src: src})
	c.base++
	c.sources++
}

// ready has a Source give its next piece when the one before is sent; false when there is none.
func (p *part) ready() bool {
	if len(p.b) == 0 && !p.ended {
		p.b = p.src.Next()
		p.ended = len(p.b) == 0
	}
	return !p.ended
}

// close ends a Source.
func (c *chunks) close(p *part) {
	c.sources--
	p.src.Close()
}

// Take moves all that is pending in from, of which nothing has been sent, behind what is pending in w.
func (w *Writer) Take(from *Writer) { w.c.take(&from.c) }

func (c *chunks) take(from *chunks) {
	from.seal()
	for i := range from.full {
		switch p := &from.full[i]; {
		case p.src != nil:
			c.stream(p.src)
		case len(p.b) <= ChunkSize:
			c.put(p.b)
			c.pool.Put(p.b)
		default:
			c.seal()
			c.full = append(c.full, part{b: p.b})
			c.base += uint64(len(p.b))
		}
	}
	*from = chunks{pool: c.pool}
}

// Compact gives a chunk back that hardly anything is in, for a Writer that stays as it is for a while: what is pending takes as much
// memory then as it is long.
func (w *Writer) Compact() {
	if c := &w.c; c.off == 0 && len(c.buf) > 0 && len(c.buf) < ChunkSize/4 && cap(c.buf) == ChunkSize {
		b := make([]byte, len(c.buf))
		copy(b, c.buf)
		c.pool.Put(c.buf)
		c.buf = b
	}
}
