// SPDX-License-Identifier: BSD-3-Clause

package bits

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// span is a part of a string: the bits first to last, both included.
type span struct{ first, last int64 }

// indexes are the ends of a part as a command names them.
type indexes struct {
	start, end int64 // negative ones count from the end
	hasEnd     bool
	bits       bool // they count bits, not bytes
}

// parseUnit reads the word behind the two ends.
func (x *indexes) parseUnit(word []byte) error {
	switch {
	case command.EqualFold(word, "BIT"):
		x.bits = true
	case !command.EqualFold(word, "BYTE"):
		return command.ErrSyntax
	}
	return nil
}

// span gives the part of a string of size bytes that is meant; false when it is empty.
func (x *indexes) span(size int64) (span, bool) {
	unit := int64(8)
	if x.bits {
		size, unit = size*8, 1
	}
	start, end := x.start, x.end
	if !x.hasEnd {
		end = size - 1
	}
	if start < 0 {
		start = max(start+size, 0)
	}
	if end < 0 {
		end = max(end+size, 0)
	}
	end = min(end, size-1)
	if start > end {
		return span{}, false
	}
	return span{start * unit, end*unit + unit - 1}, true
}

func bitCount(c *command.Ctx) error {
	var x indexes
	a := command.MakeArgs(c.Argv[2:])
	switch a.Len() {
	case 0:
	case 2, 3:
		x.start, x.end, x.hasEnd = a.Int(), a.Int(), true
		if a.More() {
			a.Fail(x.parseUnit(a.Bytes()))
		}
	default:
		a.Fail(command.ErrSyntax)
	}
	if err := a.Done(); err != nil {
		return err
	}
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	var n int64
	if ok && !(x.start < 0 && x.end < 0 && x.start > x.end) {
		if part, some := x.span(int64(it.TextLen())); some {
			n, err = countBits(c, &it, part)
		}
	}
	if err != nil {
		return err
	}
	c.Reply.Int(n)
	return nil
}

// inside gives the bits of the byte at that lie in a span, as a mask.
func (s span) inside(at int64) byte {
	mask := byte(0xff)
	if at == s.first/8 {
		mask &= 0xff >> (s.first % 8)
	}
	if at == s.last/8 {
		mask &= 0xff << (7 - s.last%8)
	}
	return mask
}

// byteAt gives the byte of a string at that place, which it has.
func byteAt(it *store.Item, at int64) byte {
	var scratch [24]byte
	return it.Slice(int(at), 1, scratch[:0])[0]
}

func countBits(c *command.Ctx, it *store.Item, s span) (n int64, err error) {
	first, last := s.first/8, s.last/8
	err = c.Pieces(it, int(first), int(last-first+1), func(b []byte) bool {
		n += int64(onesCount(b))
		return true
	})
	outside := []byte{byteAt(it, first) &^ s.inside(first), 0}
	if last != first {
		outside[1] = byteAt(it, last) &^ s.inside(last)
	}
	return n - int64(onesCount(outside)), err
}

func bitPos(c *command.Ctx) error {
	a := command.MakeArgs(c.Argv[2:])
	bit := a.Int()
	if a.Err() == nil && bit != 0 && bit != 1 {
		return command.Error("ERR The bit argument must be 1 or 0.")
	}
	var x indexes
	if a.Len() > 3 {
		a.Fail(command.ErrSyntax)
	}
	if a.More() {
		x.start = a.Int()
	}
	if a.Err() == nil && a.Len() == 2 { // the unit is looked at before the end, as in Redis
		a.Fail(x.parseUnit(c.Argv[5]))
	}
	if a.More() {
		x.end, x.hasEnd = a.Int(), true
	}
	if a.Len() == 1 {
		a.Bytes()
	}
	if err := a.Done(); err != nil {
		return err
	}
	it, ok, err := c.DB.FindType(c.Argv[1], store.TypeString)
	if err != nil {
		return err
	}
	pos := int64(-1)
	if !ok && bit == 0 {
		pos = 0 // the bits of a missing key are all clear
	}
	if ok {
		size := int64(it.TextLen())
		if part, some := x.span(size); some {
			pos, err = findBit(c, &it, part, bit == 1)
			if pos < 0 && bit == 0 && !x.hasEnd {
				pos = size * 8 // as if zeros came behind
			}
		}
	}
	if err != nil {
		return err
	}
	c.Reply.Int(pos)
	return nil
}

// findBit gives the place of the first bit of a part that is set, or that is not; -1 when there is none.
func findBit(c *command.Ctx, it *store.Item, s span, set bool) (int64, error) {
	at, last := s.first/8, s.last/8
	edge := func(at int64) int64 {
		b := byteAt(it, at)
		if !set {
			b = ^b
		}
		if i := firstSet([]byte{b & s.inside(at)}, true); i >= 0 {
			return at*8 + int64(i)
		}
		return -1
	}
	if pos := edge(at); pos >= 0 || at == last {
		return pos, nil
	}
	at++
	pos := int64(-1)
	err := c.Pieces(it, int(at), int(last-at), func(b []byte) bool {
		if i := firstSet(b, set); i >= 0 {
			pos = at*8 + int64(i)
			return false
		}
		at += int64(len(b))
		return true
	})
	if err != nil || pos >= 0 {
		return pos, err
	}
	return edge(last), nil
}
