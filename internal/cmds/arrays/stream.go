// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// How much of an array is sent from where it lies: to freeze an array costs who changes it next.
const (
	manyElements = 1000      // elements past which they are many
	longRange    = 256 << 10 // bytes past which they are long
)

// isLong tells whether a range has many elements, or long ones.
func isLong(a *store.Array, s span) (long bool) {
	n, bytes := 0, 0
	a.Each(s.first, s.last, false, func(_ uint64, v store.Value) bool {
		n, bytes = n+1, bytes+len(v.Bytes)
		long = n > manyElements || bytes > longRange
		return !long
	})
	return long
}

// measure counts up to limit elements of a range, and their bytes.
func measure(c *command.Ctx, a *store.Array, s span, limit int64) (n, bytes int, err error) {
	err = each(c, a, s, func(_ uint64, v store.Value) bool {
		n, bytes = n+1, bytes+len(v.Bytes)
		return int64(n) < limit
	})
	return n, bytes, err
}

// streamAll writes what is at each index of a range, which has elements, of an array that IsBig, as it is when it is sent.
func streamAll(c *command.Ctx, a *store.Array, s span) {
	view := a.Freeze()
	walk, null := view.Cells(s.first, s.last, s.reverse), c.Reply.NullText()
	at, left := s.first, s.last-s.first+1
	if s.reverse {
		at = s.last
	}
	var raw []byte
	var digits [num.MaxIntLen]byte
	c.Reply.Stream(resp.NewMixed(func() (_, text []byte, ok bool) {
		index, v, ok := walk.Next()
		holes := left
		switch {
		case ok && s.reverse:
			holes, at = at-index, index-1
		case ok:
			holes, at = index-at, index+1
		}
		raw = raw[:0]
		for range holes {
			raw = append(raw, null...)
		}
		left -= holes
		if !ok {
			return raw, nil, false
		}
		left--
		return raw, store.Text(v, digits[:0]), true
	}, view.Release))
}

// streamPairs writes an array of the first n elements of a range, of which there are so many, with their indices, of an array that IsBig, as
// they are when they are sent. If only is not nil it has their indices, in the order of the range.
func streamPairs(c *command.Ctx, a *store.Array, s span, n int, only []uint64) {
	view := a.Freeze()
	walk := view.Cells(s.first, s.last, s.reverse)
	var raw []byte
	var digits [num.MaxIntLen]byte
	sent := 0
	c.Reply.Array(n)
	c.Reply.Stream(resp.NewMixed(func() (_, text []byte, ok bool) {
		if sent == n {
			return nil, nil, false
		}
		index, v, ok := walk.Next()
		for ok && only != nil && index != only[sent] {
			index, v, ok = walk.Next()
		}
		sent++
		raw = append(num.AppendUint(append(raw[:0], "*2\r\n:"...), index), "\r\n"...)
		return raw, store.Text(v, digits[:0]), ok
	}, view.Release))
}
