// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// longValue is the length in bytes past which a value that is the whole reply is sent from where it lies: freezing its hash costs
// who changes it next.
const longValue = 256 << 10

// fieldTexts gives the texts that HGETALL and its like reply for a hash that IsBig.
type fieldTexts struct {
	walk           store.Fields
	fields, values bool
	value          []byte // of the field that was given last; nil when it is not to be given
}

// newFieldStream gives the source of all fields, all values, or both.
func newFieldStream(h *store.Hash, fields, values bool) resp.Source {
	view := h.Freeze()
	texts := &fieldTexts{walk: view.Fields(), fields: fields, values: values}
	return resp.NewBulks(texts.next, view.Release)
}

// next gives the next field or value; false at the end.
func (s *fieldTexts) next() (text []byte, ok bool) {
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
