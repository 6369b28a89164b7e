// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/ds/pairs"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/num"
)

// A set of integers is an intset (ds/intset). One with something else in it is packed (ds/pairs, with empty values), its members
// in the order in which they came. One with too many members, or too long a one, is a table, as that of a hash with empty
// values. A set only ever changes from the first to the second or third, and from the second to the third.

// Set is the set under a key, or one without members when there is no such key: adding a member makes the key, and deleting the
// last one removes it. It is valid until its table changes by anything but the Set itself. Members that are integers may be shown
// as such or as texts.
type Set struct{ collection }

// FindSet finds a set for reading; see Find. The error is ErrWrongType.
func (db *DB) FindSet(key []byte) (Set, error) {
	it, _, err := db.FindType(key, TypeSet)
	return Set{collection{db: db, key: key, it: it}}, err
}

// FindSetWrite finds a set to be changed; see FindWrite. The error is ErrWrongType. Even to delete members takes memory while
// the set is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindSetWrite(key []byte) (Set, error) {
	it, err := db.findCollection(key, TypeSet)
	return Set{collection{db: db, key: key, it: it}}, err
}

// SetOf gives the set of a key that was found and is one.
func (db *DB) SetOf(it *Item) Set { return Set{collection{db: db, key: it.Key(), it: *it}} }

// Has tells whether the set has a member.
func (s *Set) Has(member []byte) bool {
	switch {
	case s.it.ref == 0:
		return false
	case s.isTable():
		t := s.it.elements()
		e, _ := t.Find(hash.Bytes(member), member)
		return e != 0
	case s.it.Encoding() == EncIntset:
		n, ok := num.ParseInt(member)
		return ok && s.hasInt(n)
	}
	off, _ := pairs.Find(s.it.Blob(), member)
	return off != 0
}

// Same tells whether two sets are those of the same key, which there is.
func (s *Set) Same(other *Set) bool { return s.it.ref != 0 && s.it.ref == other.it.ref }

// HasValue is Has for a member that another set has shown. scratch has room for an integer's text, num.MaxIntLen bytes.
func (s *Set) HasValue(member Value, scratch []byte) bool {
	if member.IsInt() && s.it.ref != 0 && s.it.Encoding() == EncIntset {
		return s.hasInt(member.Int)
	}
	return s.Has(Text(member, scratch))
}

func (s *Set) hasInt(n int64) bool {
	_, ok := intset.Find(s.it.Blob(), n)
	return ok
}

// Add adds a member, which is copied; false when the set has it already.
func (s *Set) Add(member []byte) (added bool) {
	if s.it.ref == 0 {
		s.create([][]byte{member}, 1)
		return true
	}
	switch s.it.Encoding() {
	case EncTable:
		return s.addTable(member)
	case EncIntset:
		if n, ok := num.ParseInt(member); ok {
			return s.addInt(n, member)
		}
		if s.packs(member) {
			s.pack(member)
			return true
		}
	default:
		var p pairs.Pair
		p.Encode(member, nil)
		b := s.it.Blob()
		off, end := p.Find(b)
		if off != 0 {
			return false
		}
		if s.packs(member) {
			b = s.it.splice(gap{at: end, cut: len(b) - end, n: p.Size()}, pairs.Filler)
			p.Put(b, end)
			pairs.AddCount(b, 1)
			return true
		}
	}
	s.spread()
	return s.addTable(member)
}

// Reserve is DB.Reserve for members that are to be added.
func (s *Set) Reserve(members [][]byte) {
	n := len(members) * ElementCost
	for _, member := range members {
		n += len(member)
	}
	s.db.Reserve(n)
}

// AddAll adds members, which are copied, and tells how many are new. They are some of hint members that are to be added in turn:
// so many decide what a new set is laid out as, and make one that is packed a table.
func (s *Set) AddAll(members [][]byte, hint int) (added int) {
	if s.it.ref == 0 {
		n := s.create(members, hint)
		added, members = s.Len(), members[n:]
	} else if settings := &s.db.s.Settings; s.it.Encoding() == EncIntset && hint > int(settings.SetMaxIntsetEntries.Load()) ||
		s.it.Encoding() == EncListpack && hint > int(settings.SetMaxListpackEntries.Load()) {
		s.spread()
	}
	for _, member := range members {
		if s.Add(member) {
			added++
		}
	}
	return added
}

// packs tells whether a set that is no table can be packed with another member, which it has not.
func (s *Set) packs(member []byte) bool {
	longest, b := len(member), s.it.Blob()
	size, n := len(b), 0
	if s.it.Encoding() == EncIntset {
		n = intset.Len(b)
		longest = max(longest, num.IntLen(intset.At(b, 0)), num.IntLen(intset.At(b, n-1)))
		size = n * num.MaxIntLen
	} else {
		n = pairs.Count(b)
	}
	return s.db.s.Settings.packsMember(n, longest, size+len(member))
}

// packsMember tells whether a set of n members can be packed with one more: the longest has so many bytes then, and all of them have
// size.
func (s *Settings) packsMember(n, longest, size int) bool {
	return n < int(s.SetMaxListpackEntries.Load()) && longest <= int(s.SetMaxListpackValue.Load()) && size < maxPacked
}

// create makes the key with some of the members, and tells how many those are, the repeated ones among them. A set of hint
// members is expected.
func (s *Set) create(members [][]byte, hint int) (done int) {
	settings, first := &s.db.s.Settings, members[0]
	_, isInt := num.ParseInt(first)
	switch {
	case isInt && hint <= min(int(settings.SetMaxIntsetEntries.Load()), intset.MaxLen):
		return s.createInts(members)
	case hint <= int(settings.SetMaxListpackEntries.Load()) && len(first) <= int(settings.SetMaxListpackValue.Load()):
		return s.createPacked(members)
	}
	s.createTable(members)
	return len(members)
}

// createInts is create for an intset: it ends before the first member that is no integer.
func (s *Set) createInts(members [][]byte) (done int) {
	var room [256]byte
	b := room[:intset.HeaderSize]
	intset.Init(b, intset.Width(0))
	for _, member := range members {
		n, ok := num.ParseInt(member)
		if !ok {
			break
		}
		if i, repeated := intset.Find(b, n); !repeated {
			b = append(b, make([]byte, intset.Grown(b, n)-len(b))...)
			intset.Insert(b, i, n)
		}
		done++
	}
	s.it = s.db.createBlob(s.key, TypeSet, EncIntset, b, NoExpiry)
	return done
}

// createPacked is create for a packed set: it ends before the first member that is too long.
func (s *Set) createPacked(members [][]byte) (done int) {
	longest := int(s.db.s.Settings.SetMaxListpackValue.Load())
	var room [256]byte
	b, n := room[:pairs.HeaderSize], 0
	for _, member := range members {
		if len(member) > longest || len(b)+len(member) >= maxPacked {
			break
		}
		if off, _ := pairs.Find(b, member); off == 0 {
			b = appendMember(b, member)
			n++
		}
		done++
	}
	pairs.SetCount(b, n)
	s.it = s.db.createBlob(s.key, TypeSet, EncListpack, b, NoExpiry)
	return done
}

// appendMember adds a member to the end of a packed set, whose count it does not change.
func appendMember(b, member []byte) []byte {
	var p pairs.Pair
	p.Encode(member, nil)
	end := len(b)
	b = append(b, make([]byte, p.Size())...)
	p.Put(b, end)
	return b
}

// createTable is create for a table, which takes all members.
func (s *Set) createTable(members [][]byte) {
	size := 0
	for _, member := range members {
		size += len(member)
	}
	shape := recordShape{typ: TypeSet, enc: EncTable, valLen: rootSize}
	s.it, _ = s.db.createTable(s.key, shape, size, func(t *dict.Table) error {
		for _, member := range members {
			addMember(t, member)
		}
		return nil
	})
}

// addMember adds a member to a table; false when it is there already.
func addMember(t *dict.Table, member []byte) (added bool) {
	hashed := hash.Bytes(member)
	if e, _ := t.Find(hashed, member); e != 0 {
		return false
	}
	addField(t, hashed, member, nil, NoExpiry)
	return true
}

// addTable is Add for a table.
func (s *Set) addTable(member []byte) (added bool) {
	t := s.it.elements()
	before := t.Heap.Live()
	if !addMember(&t, member) {
		return false
	}
	s.it.weigh(t.Heap.Live() - before)
	s.fit()
	return true
}

// addInt is Add for an intset and the integer n, whose text the member is.
func (s *Set) addInt(n int64, member []byte) (added bool) {
	b := s.it.Blob()
	i, ok := intset.Find(b, n)
	if ok {
		return false
	}
	grown := intset.Grown(b, n)
	if most := s.db.s.Settings.SetMaxIntsetEntries.Load(); intset.Len(b) >= int(min(most, intset.MaxLen)) || grown > maxPacked {
		s.spread()
		return s.addTable(member)
	}
	if size := intset.Size(b); grown > len(b) {
		b = s.it.splice(gap{at: size, cut: len(b) - size, n: grown - size}, 0)
	}
	intset.Insert(b, i, n)
	return true
}

// pack makes an intset a packed set, with another member.
func (s *Set) pack(member []byte) {
	ints := s.it.Blob()
	b := packInts(ints, len(member))
	b = appendMember(b, member)
	pairs.SetCount(b, intset.Len(ints)+1)
	s.db.replaceBlob(&s.it, TypeSet, EncListpack, b, s.it.Expiry())
}

// packInts gives the members of an intset packed, without their count, and with room for one more text.
func packInts(ints []byte, more int) []byte {
	n := intset.Len(ints)
	b := make([]byte, pairs.HeaderSize, pairs.HeaderSize+(n+1)*(num.MaxIntLen+1)+more)
	var text [num.MaxIntLen]byte
	for i := range n {
		b = appendMember(b, num.AppendInt(text[:0], intset.At(ints, i)))
	}
	return b
}

// Each calls fn with every member until fn gives false: those of an intset in ascending order, those of a packed set in theirs.
// The set must not change meanwhile.
func (s *Set) Each(fn func(member Value) bool) {
	s.collection.Each(func(p Pair) bool { return fn(p.Field) })
}

// Scan calls fn with about count members from cursor on (0 begins) and gives the cursor to go on from, 0 at the end. A member
// that is there from a scan's begin to its end is shown at least once. A set that is no table is shown whole, whatever cursor and
// count are.
func (s *Set) Scan(cursor uint64, count int, fn func(member Value)) (next uint64) {
	return s.collection.Scan(cursor, count, func(p Pair) { fn(p.Field) })
}

// Random gives some member, each as likely. The set must not be empty.
func (s *Set) Random() Value { return s.collection.Random().Field }

// Draw calls fn n times, or until it gives false, with some member, which may have been shown before. The set must not be empty
// unless n is 0.
func (s *Set) Draw(n int, fn func(member Value) bool) {
	s.collection.Draw(n, func(p Pair) bool { return fn(p.Field) })
}

// Sample calls fn with n different members, or until it gives false: any n of them are as likely as any others. Those of a set that
// is no table come in its order. n is at most Len.
func (s *Set) Sample(n int, fn func(member Value) bool) {
	s.collection.Sample(n, func(p Pair) bool { return fn(p.Field) })
}
