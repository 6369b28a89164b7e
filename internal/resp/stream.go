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

// stream ends the current chunk and puts src behind it. What room the chunk has left goes to what comes next: a reply may
// have very many sources.
func (c *chunks) stream(src Source) {
	b := c.buf
	c.seal()
	if n := len(b); n > 0 {
		c.full[len(c.full)-1].b = b[:n:n]
		c.buf = b[n:]
	}
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
