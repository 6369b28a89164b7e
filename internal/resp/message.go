// SPDX-License-Identifier: BSD-3-Clause

package resp

import "github.com/redpoll/redpoll/internal/num"

// shareFrom is the length in bytes from which a Message is sent from where it lies even behind other replies, instead of being
// copied into the chunks of each receiver.
const shareFrom = 4 << 10

// A Message is an out-of-band message of bulks, or several of them, encoded once for any number of receivers. What it was encoded into
// never changes, so that copies of a Message can be written by other goroutines; one itself belongs to one goroutine.
type Message struct {
	array []byte // as RESP2 has it
	push  []byte // as RESP3 has it; nil until somebody wants it
}

// MakeMessage encodes a message. The parts are copied.
func MakeMessage(parts ...[]byte) Message {
	size := slack
	for _, p := range parts {
		size += len(p) + slack/2
	}
	b := num.AppendUint(append(make([]byte, 0, size), '*'), uint64(len(parts)))
	b = append(b, '\r', '\n')
	for _, p := range parts {
		b = num.AppendUint(append(b, '$'), uint64(len(p)))
		b = append(append(b, '\r', '\n'), p...)
		b = append(b, '\r', '\n')
	}
	return Message{array: b}
}

// Append puts a copy of another message, that MakeMessage has made, behind what m has. m was empty before the first Append.
func (m *Message) Append(other *Message) {
	m.array = append(m.array, other.array...)
	m.push = append(append(m.push, '>'), other.array[1:]...)
}

// Len gives the message's length in bytes as it is sent.
func (m *Message) Len() int { return len(m.array) }

// Message writes a message, as a push where the protocol has them. It is copied if it is short and there is something before it
// that has not been sent.
func (w *Writer) Message(m *Message) {
	b := m.array
	if w.Proto == 3 {
		if m.push == nil {
			m.push = append([]byte{'>'}, m.array[1:]...)
		}
		b = m.push
	}
	switch {
	case len(b) >= shareFrom || w.Pending() == 0:
		w.c.share(b)
	case !w.c.gather(b):
		w.c.put(b)
	}
}

// gathered is the bytes that short messages for one client are gathered in. Those who get a few between two writes are many at a time:
// a chunk for each would be more than the pool has.
const gathered = 1 << 10

// gather copies a shared part that is all there is, and b behind it, into one small chunk, if they fit: a write of one piece costs
// less than one of two.
func (c *chunks) gather(b []byte) (done bool) {
	if c.buf != nil || c.off != 0 || c.head != len(c.full)-1 {
		return false
	}
	p := c.full[c.head]
	if !p.shared || len(p.b)+len(b) > gathered {
		return false
	}
	c.base -= uint64(len(p.b))
	c.full[c.head] = part{}
	c.full, c.head = c.full[:0], 0
	c.buf = append(append(make([]byte, 0, gathered), p.b...), b...)
	return true
}

// share makes bytes that others send too the next of the stream, without a copy.
func (c *chunks) share(b []byte) {
	c.split()
	c.full = append(c.full, part{b: b, shared: true})
	c.base += uint64(len(b))
}
