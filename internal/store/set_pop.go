// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
)

// keepShare says when what stays of a table is taken out of it instead of what goes: when it is less than one part in so many of that.
const keepShare = 5

// Pop removes n members, any as likely as any others, and the key with the last one. fn is called with each before it goes; it may
// tick. n is at most Len. Before the first call it is made all but certain that memory will not be refused half-way; when it is
// refused nothing has changed.
func (s *Set) Pop(n int, fn func(member Value)) {
	size := s.Len()
	switch {
	case n == 0:
	case n == size:
		s.Each(func(member Value) bool {
			fn(member)
			return true
		})
		s.db.Remove(&s.it)
	case !s.isTable():
		s.popBlob(n, fn)
	case (size-n)*keepShare > n:
		s.popDrawn(n, fn)
	default:
		s.popMost(n, fn)
	}
}

// popDrawn is Pop for a few members of a table.
func (s *Set) popDrawn(n int, fn func(member Value)) {
	s.ReserveDelete(n)
	var text []byte
	for range n {
		member := s.Random()
		fn(member)
		text = append(text[:0], member.Bytes...)
		s.Delete(text)
	}
}

// popMost is Pop for most members of a table: what stays is drawn, and becomes the set.
func (s *Set) popMost(n int, fn func(member Value)) {
	rest := s.db.DraftSet(false)
	defer rest.Drop()
	s.Sample(s.Len()-n, func(member Value) bool {
		if rest.Add(member); rest.Len()%tickEvery == 0 {
			s.db.v.tick()
		}
		return true
	})
	s.Each(func(member Value) bool {
		if !rest.Has(member) {
			fn(member)
		}
		return true
	})
	rest.Attach(s.key, KeepExpiry)
	s.it, _ = s.db.lookup(s.key)
}

// popBlob is Pop for a set that is no table.
func (s *Set) popBlob(n int, fn func(member Value)) {
	left := s.Len()
	goes := func() bool { // Knuth's selection sampling
		chosen := s.db.Rand()%uint64(left) < uint64(n)
		left--
		if chosen {
			n--
		}
		return chosen
	}
	var rest []byte
	if s.it.Encoding() == EncIntset {
		rest = popInts(s.it.Blob(), left-n, goes, fn)
	} else {
		rest = popPacked(s.it.Blob(), left-n, goes, fn)
	}
	s.db.replaceBlob(&s.it, TypeSet, s.it.Encoding(), rest, s.it.Expiry())
}

// popInts calls fn with the members of an intset that go, and gives one of the others, which are so many.
func popInts(b []byte, others int, goes func() bool, fn func(member Value)) (rest []byte) {
	width := intset.ElementSize(b)
	rest = make([]byte, intset.SizeFor(others, width))
	intset.Init(rest, width)
	for i := range intset.Len(b) {
		if v := intset.At(b, i); goes() {
			fn(Value{Int: v})
		} else {
			intset.Append(rest, v)
		}
	}
	return rest
}

// popPacked is popInts for a packed set.
func popPacked(b []byte, others int, goes func() bool, fn func(member Value)) (rest []byte) {
	rest = append(make([]byte, 0, len(b)), b[:pairs.HeaderSize]...)
	for off := pairs.First(b); off != 0; {
		member, _, next := pairs.Read(b, off)
		if goes() {
			fn(Value(member))
		} else {
			rest = appendMember(rest, Text(Value(member), nil))
		}
		off = next
	}
	pairs.SetCount(rest, others)
	return rest
}
