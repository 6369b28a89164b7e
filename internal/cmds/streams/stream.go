// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// stream writes an array of the first n entries, of which there are so many, with IDs between two, as they are when they are sent.
func stream(c *command.Ctx, s *store.Stream, from, to store.StreamID, reverse bool, n int) {
	view := s.Freeze()
	texts := &entryTexts{walk: view.Entries(from, to, reverse), left: n}
	c.Reply.Array(n)
	c.Reply.Stream(resp.NewMixed(texts.next, view.Release))
}

// entryTexts gives what a reply with entries of a stream that is frozen is made of, one bulk after the other.
type entryTexts struct {
	walk  *store.Entries
	left  int              // entries
	pairs store.EntryPairs // of the entry that was begun last
	value store.Value      // of the field that was given last
	owed  bool             // it is to be given

	digits [num.MaxIntLen]byte
	head   []byte // of an entry
}

// next gives the next field or value; see resp.NewMixed.
func (t *entryTexts) next() (raw, text []byte, ok bool) {
	if t.owed {
		t.owed = false
		return nil, store.Text(t.value, t.digits[:0]), true
	}
	raw = t.head[:0]
	for {
		var field store.Value
		if field, t.value, t.owed = t.pairs.Next(); t.owed {
			return raw, store.Text(field, t.digits[:0]), true
		}
		if t.left == 0 {
			return raw, nil, false
		}
		t.left--
		e, _ := t.walk.Next()
		raw = appendHead(raw, e)
		t.head, t.pairs = raw, e.Pairs()
	}
}

// appendHead appends how an entry's reply begins, up to its first field.
func appendHead(b []byte, e *store.StreamEntry) []byte {
	var room [store.MaxStreamIDText]byte
	id := e.ID().AppendText(room[:0])
	b = resp.AppendBulkLen(append(b, "*2\r\n"...), len(id))
	b = append(append(b, id...), "\r\n*"...)
	return append(num.AppendInt(b, int64(2*e.Len())), "\r\n"...)
}
