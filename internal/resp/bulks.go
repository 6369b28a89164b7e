// SPDX-License-Identifier: BSD-3-Clause

package resp

// Bulks is a Source of bulk strings, as many as an aggregate whose header stands before it, that are made when they are sent.
type Bulks struct {
	next  func() (raw, text []byte, ok bool)
	close func()
	buf   []byte // the bulks that were made last
	long  []byte // the text that follows them; nil: none
	open  bool   // a long text was given, whose bulk is to be ended
	ended bool   // next has given false
}

// NewBulks gives a Source of the texts that next gives until it gives false, each valid until the following call, or if it is a
// long one until close is called, which is once.
func NewBulks(next func() (text []byte, ok bool), close func()) *Bulks {
	return NewMixed(func() (raw, text []byte, ok bool) {
		text, ok = next()
		return nil, text, ok
	}, close)
}

// NewMixed is NewBulks for bulks with something else around them: raw is sent before the bulk of text as it is, also that which
// comes with false. It is valid until the following call.
func NewMixed(next func() (raw, text []byte, ok bool), close func()) *Bulks {
	return &Bulks{next: next, close: close}
}

// Next implements Source.
func (s *Bulks) Next() []byte {
	if text := s.long; text != nil {
		s.long, s.open = nil, true
		return text
	}
	b := s.buf[:0]
	if b == nil {
		b = make([]byte, 0, PieceSize+LongText)
	}
	if s.open {
		b = append(b, "\r\n"...)
		s.open = false
	}
	for len(b) < PieceSize && !s.ended {
		raw, text, ok := s.next()
		b = append(b, raw...)
		if s.ended = !ok; s.ended {
			break
		}
		b = AppendBulkLen(b, len(text))
		if len(text) > LongText {
			s.long = text
			break
		}
		b = append(append(b, text...), "\r\n"...)
	}
	s.buf = b
	return b
}

// Close implements Source.
func (s *Bulks) Close() { s.close() }
