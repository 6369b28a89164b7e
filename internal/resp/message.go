// SPDX-License-Identifier: BSD-3-Clause

package resp

import "github.com/redpoll/redpoll/internal/num"

// shareFrom is the length in bytes from which a Message is sent from where it lies instead of being copied into the chunks of
// each receiver.
const shareFrom = 4 << 10

// A Message is an out-of-band message of bulks, encoded once for any number of receivers. It does not change, so any number of
// goroutines may write it at the same time.
type Message struct {
	array []byte // as RESP2 has it
	push  []byte // as RESP3 has it; nil for a short one, which differs in the first byte only
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
	m := Message{array: b}
	if len(b) >= shareFrom {
		m.push = append([]byte{'>'}, b[1:]...)
	}
	return m
}

// Len gives the message's length in bytes as it is sent.
func (m Message) Len() int { return len(m.array) }

// Copied gives how many bytes of it each receiver gets a copy of.
func (m Message) Copied() int { return min(len(m.array), shareFrom) }

// Message writes a message, as a push where the protocol has them.
func (w *Writer) Message(m Message) {
	switch {
	case m.push == nil && w.Proto != 3:
		w.c.put(m.array)
	case m.push == nil:
		w.c.buf = append(w.c.room(), '>')
		w.c.put(m.array[1:])
	case w.Proto != 3:
		w.c.share(m.array)
	default:
		w.c.share(m.push)
	}
}

// share makes bytes that others send too the next of the stream, without a copy.
func (c *chunks) share(b []byte) {
	c.split()
	c.full = append(c.full, part{b: b, shared: true})
	c.base += uint64(len(b))
}
