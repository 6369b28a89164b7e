// SPDX-License-Identifier: BSD-3-Clause

package sorting

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// A pattern names the value that goes with an element: under the key that the pattern becomes when its first * is replaced by the
// element, the string or, behind "->", a field of the hash. As in Redis a zero byte ends the search for * and ->.
type pattern struct {
	self   bool // "#": the element itself
	varies bool // there is a *: no value goes with an element otherwise

	before, after []byte // of the *, without the field
	field         []byte // nil: a string
}

func parsePattern(text []byte) (p pattern) {
	seen := command.UpToNUL(text)
	star := bytes.IndexByte(seen, '*')
	if star < 0 {
		p.self = string(seen) == "#"
		return p
	}
	p.varies, p.before, p.after = true, text[:star], text[star+1:]
	arrow := bytes.Index(seen[star+1:], []byte("->"))
	if arrow >= 0 && star+1+arrow+2 < len(seen) {
		p.after, p.field = text[star+1:][:arrow], text[star+1+arrow+2:]
	}
	return p
}

// A text is a string in place, or a big one that is to be looked at piece by piece.
type text struct {
	bytes []byte // nil for a big one
	big   *store.Item
}

func (t text) missing() bool { return t.bytes == nil && t.big == nil }

// A finder finds the values that go with elements. Those that it gives are in place or kept by it until the command ends.
type finder struct {
	c    *command.Ctx
	key  []byte // the last
	room []byte // what is left of a piece of memory for texts that are kept as numbers
}

// find gives the value that goes with an element, a missing text when there is none.
func (f *finder) find(p *pattern, element []byte) text {
	switch {
	case p.self:
		return text{bytes: element}
	case !p.varies:
		return text{}
	}
	f.key = append(append(append(f.key[:0], p.before...), element...), p.after...)
	if p.field != nil {
		h, err := f.c.DB.FindHash(f.key)
		if err != nil {
			return text{}
		}
		if v, ok := h.Get(p.field); ok {
			return text{bytes: f.text(v)}
		}
		return text{}
	}
	it, ok, err := f.c.DB.FindType(f.key, store.TypeString)
	if !ok || err != nil {
		return text{}
	}
	if n, ok := it.Int(); ok {
		return text{bytes: f.text(store.Value{Int: n})}
	}
	if it.IsBig() {
		big := it
		return text{big: &big}
	}
	return text{bytes: it.Blob()}
}

// text gives a value's text.
func (f *finder) text(v store.Value) []byte {
	if !v.IsInt() {
		return v.Bytes
	}
	const roomSize = 16 << 10
	if cap(f.room)-len(f.room) < num.MaxIntLen {
		f.room = make([]byte, 0, roomSize)
	}
	from := len(f.room)
	f.room = num.AppendInt(f.room, v.Int)
	return f.room[from:len(f.room):len(f.room)]
}
