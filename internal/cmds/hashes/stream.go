// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

const (
	pieceSize = 64 << 10  // bytes of bulks that are made at one go, about
	longText  = 32 << 10  // bytes past which a text within many is sent from where it lies
	longValue = 256 << 10 // the same for a value that is the whole reply: freezing its hash costs who changes it next
)

// fieldStream is the source of what HGETALL and its like reply for a hash that IsBig: bulks that are made when they are sent.
type fieldStream struct {
	view           *store.Frozen
	walk           store.Fields
	fields, values bool
	value          []byte // of the field that was given last; nil when it is not to be given
	buf            []byte // the bulks that were made last
	long           []byte // the text that follows them; nil: none
	open           bool   // a long text was given, whose bulk is to be ended
}

func newFieldStream(h *store.Hash, fields, values bool) *fieldStream {
	view := h.Freeze()
	return &fieldStream{view: view, walk: view.Fields(), fields: fields, values: values}
}

// Next implements resp.Source.
func (s *fieldStream) Next() []byte {
	if text := s.long; text != nil {
		s.long, s.open = nil, true
		return text
	}
	b := s.buf[:0]
	if b == nil {
		b = make([]byte, 0, pieceSize+longText)
	}
	if s.open {
		b = append(b, "\r\n"...)
		s.open = false
	}
	for len(b) < pieceSize {
		text, ok := s.text()
		if !ok {
			break
		}
		b = resp.AppendBulkLen(b, len(text))
		if len(text) > longText {
			s.long = text
			break
		}
		b = append(append(b, text...), "\r\n"...)
	}
	s.buf = b
	return b
}

// text gives the next field or value; false at the end.
func (s *fieldStream) text() (text []byte, ok bool) {
	if s.value != nil {
		text, s.value = s.value, nil
		return text, true
	}
	p, ok := s.walk.Next()
	switch {
	case !s.fields:
		return p.Value.Bytes, ok
	case s.values:
		s.value = p.Value.Bytes
	}
	return p.Field.Bytes, ok
}

// Close implements resp.Source.
func (s *fieldStream) Close() { s.view.Release() }

// valueStream is the source of one long value of a hash that IsBig.
type valueStream struct {
	view  *store.Frozen
	value []byte // what is still to be given
}

// replyLong writes a hash's value as a bulk that is sent from where it lies.
func replyLong(c *command.Ctx, h *store.Hash, value []byte) {
	c.Reply.BulkLen(len(value))
	c.Reply.Stream(&valueStream{view: h.Freeze(), value: value})
	c.Reply.BulkEnd()
}

// Next implements resp.Source.
func (s *valueStream) Next() []byte {
	b := s.value
	s.value = nil
	return b
}

// Close implements resp.Source.
func (s *valueStream) Close() { s.view.Release() }
