// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/scores"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/hash"
	"github.com/redpoll/redpoll/internal/mem"
)

// A large sorted set is a table of elements as that of a hash (see field.go), whose values are the scores, and beside it a tree of
// leaves (ds/scores) that refer to the elements in their order. So a member is found by its text in the table and by its score or
// rank in the tree.
//
// Invariants:
//
//   - Every element of the table has one entry in the tree, with the key of its score, and there are no others. Entries of one
//     key are in the order of their members' texts.
//   - A leaf's key is that of its first entry.
//   - Memory is allocated before anything changes: when it is refused the table and the entries are what they were, though the entries
//     may lie in other leaves.
//   - What is frozen is copied before it is written to: nodes and segments by ds/tree and ds/dict, leaves and elements here.

const (
	lendUpTo  = scores.Room * 7 / 8 // entries of a leaf that a full one beside it still gives some of its own to
	mergeUpTo = scores.Room * 3 / 4 // entries of two leaves that become one
)

// sorted is a view of a large sorted set.
type sorted struct {
	body

	// An element that lies elsewhere now than the tree says, 0: none.
	was, is mem.Ref
}

// sorted gives the large sorted set.
func (z *ZSet) sorted() sorted { return sorted{body: z.it.body()} }

// scoreAt gives an element's score.
func scoreAt(h *mem.Heap, e mem.Ref) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(fieldValue(h, e)))
}

// putScore writes a score.
func putScore(b []byte, score float64) { binary.LittleEndian.PutUint64(b, math.Float64bits(score)) }

// newScored allocates an element.
func newScored(h *mem.Heap, member []byte, score float64) mem.Ref {
	var b [scoreSize]byte
	putScore(b[:], score)
	return newField(h, member, b[:], 0)
}

// scoredAt gives an element's member and score.
func scoredAt(h *mem.Heap, e mem.Ref) (m Value, score float64) {
	member, b := fieldPair(h, e)
	return Value{Bytes: member}, math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// member gives the text of an entry's member.
func (v sorted) member(l *scores.Leaf, i int) []byte {
	e := l.Ref(i)
	if e == v.was {
		e = v.is
	}
	return fieldKey(v.heap, e)
}

// place puts the cursor at the leaf that an entry belongs into, and tells how many entries there are before it; the last of its leaf if
// it belongs between two. If the entry is there it is the one at that place.
func (v sorted) place(c *tree.Cursor, key uint64, member []byte) (l *scores.Leaf, i int) {
	v.leaves().Search(c, key, func(leaf mem.Ref) bool {
		return bytes.Compare(v.member(scores.At(v.heap, leaf), 0), member) <= 0
	})
	l = scores.At(v.heap, c.Leaf())
	return l, v.placeIn(l, key, member)
}

// placeIn tells how many entries of a leaf are before one with that key and member.
func (v sorted) placeIn(l *scores.Leaf, key uint64, member []byte) int {
	first := l.Below(key)
	if first == l.Len() || l.Keys()[first] != key {
		return first
	}
	for end := l.UpTo(key); first < end; {
		mid := (first + end) / 2
		if bytes.Compare(v.member(l, mid), member) < 0 {
			first = mid + 1
		} else {
			end = mid
		}
	}
	return first
}

// own makes the cursor's leaf, and the nodes on the way to it, ones that are not frozen. It may panic with mem.ErrNoMemory.
func (v sorted) own(c *tree.Cursor) *scores.Leaf {
	if v.heap.Freezing() {
		t := v.leaves()
		t.Own(c)
		if leaf := c.Leaf(); v.heap.Frozen(leaf) {
			t.Set(c, copyBlock(v.heap, v.heap, leaf, scores.Size), c.Count(), c.Key())
			v.heap.Free(leaf, scores.Size)
		}
	}
	return scores.At(v.heap, c.Leaf())
}

// room is place for an entry that is to be inserted: the leaf has room for it and is not frozen. It may panic with mem.ErrNoMemory.
func (v sorted) room(c *tree.Cursor, key uint64, member []byte) (l *scores.Leaf, i int) {
	for {
		if l, i = v.place(c, key, member); l.Len() < scores.Room {
			return v.own(c), i
		}
		if !v.lend(c) {
			v.split(c, i)
		}
	}
}

// set notes what the cursor's leaf, which is not frozen, has come to.
func (v sorted) set(c *tree.Cursor, l *scores.Leaf) {
	v.leaves().Set(c, c.Leaf(), l.Len(), l.Keys()[0])
}

// lend has the full leaf at the cursor and a neighbour be equally full; false if both of them are rather full. It needs no memory, and
// does nothing while something is frozen. The cursor is not to be used any more then.
func (v sorted) lend(c *tree.Cursor) (done bool) {
	if v.heap.Freezing() {
		return false
	}
	l := scores.At(v.heap, c.Leaf())
	other := *c
	if other.Next() && other.Count() <= lendUpTo {
		o := scores.At(v.heap, other.Leaf())
		n := (l.Len() - o.Len() + 1) / 2
		o.Take(0, l, l.Len()-n, n)
		l.Remove(l.Len()-n, n)
		v.set(&other, o)
		v.set(c, l)
		return true
	}
	other = *c
	if other.Prev() && other.Count() <= lendUpTo {
		o := scores.At(v.heap, other.Leaf())
		n := (l.Len() - o.Len() + 1) / 2
		o.Take(o.Len(), l, 0, n)
		l.Remove(0, n)
		v.set(&other, o)
		v.set(c, l)
		return true
	}
	return false
}

// split makes two leaves of the full one at the cursor, before the i-th entry of which another is to come. At the ends of the set,
// where it may go on so, one of them is left as full as possible. It may panic with mem.ErrNoMemory. The cursor is not to be used any
// more then.
func (v sorted) split(c *tree.Cursor, i int) {
	mid, end := scores.Room/2, *c
	switch {
	case i == scores.Room && !end.Next():
		mid = scores.Room - 1
	case i == 0 && !end.Prev():
		mid = 1
	}
	l, t := v.own(c), v.leaves()
	leaf := v.heap.Alloc(scores.Size)
	o := scores.At(v.heap, leaf)
	o.Reset()
	o.Take(0, l, mid, scores.Room-mid)
	insertLeaf(t, c, leaf, scores.Size, o.Len(), o.Keys()[0])
	c.Prev()
	l.Remove(mid, scores.Room-mid)
	v.set(c, l)
}

// take takes n entries out of the cursor's leaf, which is not frozen, from the i-th on. It needs no memory. The cursor is not to be
// used any more then.
func (v sorted) take(c *tree.Cursor, i, n int) {
	leaf := c.Leaf()
	l := scores.At(v.heap, leaf)
	if n == l.Len() {
		v.leaves().Remove(c)
		v.heap.Free(leaf, scores.Size)
		return
	}
	l.Remove(i, n)
	v.set(c, l)
	if l.Len() <= mergeUpTo/2 && !v.heap.Freezing() {
		v.merge(c, l)
	}
}

// merge makes the leaf at the cursor one with a neighbour, if that has few entries.
func (v sorted) merge(c *tree.Cursor, l *scores.Leaf) {
	other := *c
	if other.Next() && l.Len()+other.Count() <= mergeUpTo {
		l.Take(l.Len(), scores.At(v.heap, other.Leaf()), 0, other.Count())
	} else if other = *c; other.Prev() && l.Len()+other.Count() <= mergeUpTo {
		l.Take(0, scores.At(v.heap, other.Leaf()), 0, other.Count())
	} else {
		return
	}
	v.set(c, l)
	leaf := other.Leaf()
	v.leaves().Remove(&other)
	v.heap.Free(leaf, scores.Size)
}

// insert adds an element, whose member has that hash and is not there. Nothing has changed when memory is refused.
func (v sorted) insert(hashed uint64, member []byte, score float64) {
	e := newScored(v.heap, member, score)
	added := false
	defer func() {
		if !added {
			freeField(v.heap, e)
		}
	}()
	var c tree.Cursor
	key := scores.Key(score)
	l, i := v.room(&c, key, member)
	v.elements().Insert(hashed, e)
	added = true
	l.Insert(i, key, e)
	v.set(&c, l)
}

// change gives an element, at a place of the table, another score. Nothing has changed when memory is refused.
func (v sorted) change(e mem.Ref, pos dict.Pos, score float64) {
	var from, to tree.Cursor
	member, key, old := fieldKey(v.heap, e), scores.Key(score), scores.Key(scoreAt(v.heap, e))
	l, i := v.place(&from, old, member)
	if j, ok := v.stays(&from, l, i, key, member); ok {
		l = v.own(&from)
		l.Move(i, j, key, v.rescore(e, pos, score))
		if i == 0 || j == 0 {
			v.set(&from, l)
		}
		return
	}
	o, j := v.room(&to, key, member)
	_, i = v.place(&from, old, member)
	l = v.own(&from)
	if v.heap.Freezing() {
		o, j = v.place(&to, key, member) // the way to it may be another now
	}
	moved := v.rescore(e, pos, score)
	if to.Leaf() == from.Leaf() {
		if j > i {
			j--
		}
		l.Move(i, j, key, moved)
		v.set(&from, l)
		return
	}
	o.Insert(j, key, moved)
	v.set(&to, o)
	v.take(&from, i, 1)
}

// stays tells whether the i-th entry of the cursor's leaf still belongs there with another key, and as which of them.
func (v sorted) stays(c *tree.Cursor, l *scores.Leaf, i int, key uint64, member []byte) (j int, ok bool) {
	other := *c
	if j = v.placeIn(l, key, member); j > i {
		return j - 1, j < l.Len() || !other.Next() || key < other.Key()
	}
	return j, j > 0 || !other.Prev()
}

// rescore gives an element another score and tells where it lies then: elsewhere if it is frozen, when the old one is freed, which the
// tree still refers to. It may panic with mem.ErrNoMemory, having changed nothing.
func (v sorted) rescore(e mem.Ref, pos dict.Pos, score float64) mem.Ref {
	el := elementAt(v.heap, e)
	if !v.heap.Freezing() || !v.heap.Frozen(e) {
		putScore(v.heap.Bytes(e, el.size)[el.value:], score)
		return e
	}
	moved := copyBlock(v.heap, v.heap, e, el.size)
	placed := false
	defer func() {
		if !placed {
			v.heap.Free(moved, el.size)
		}
	}()
	putScore(v.heap.Bytes(moved, el.size)[el.value:], score)
	v.elements().Set(pos, moved)
	placed = true
	v.heap.Free(e, el.size)
	return moved
}

// remove removes an element at a place of the table. Nothing has changed when memory is refused.
func (v sorted) remove(e mem.Ref, pos dict.Pos) {
	var c tree.Cursor
	_, i := v.place(&c, scores.Key(scoreAt(v.heap, e)), fieldKey(v.heap, e))
	v.own(&c)
	v.elements().Remove(pos)
	v.take(&c, i, 1)
	freeField(v.heap, e)
}

// removeRow removes up to n elements from that rank on, of one leaf, and tells how many. Nothing has changed when memory is refused.
func (v sorted) removeRow(rank, n int) int {
	if v.heap.Freezing() {
		n = 1 // each may be refused memory
	}
	var c tree.Cursor
	i := v.leaves().Seek(&c, rank)
	l, t := v.own(&c), v.elements()
	n = min(n, l.Len()-i)
	for j := i; j < i+n; j++ {
		prefetchEntry(v.heap, l, j+ahead)
		e := l.Ref(j)
		member := fieldKey(v.heap, e)
		_, pos := t.Find(hash.Bytes(member), member)
		t.Remove(pos)
		freeField(v.heap, e)
	}
	v.take(&c, i, n)
	return n
}

// sorter makes a large sorted set of members that come in their order.
type sorter struct {
	v   sorted
	end tree.Cursor // at the last leaf
	n   int         // entries of that
}

// add adds an element that lies in the set's heap already; what becomes of it when memory is refused is the caller's business. The
// member has that hash.
func (s *sorter) add(hashed uint64, e mem.Ref, key uint64) {
	s.append(e, key)
	s.v.elements().Insert(hashed, e)
}

// append is add for an element that is in the table already.
func (s *sorter) append(e mem.Ref, key uint64) {
	t := s.v.leaves()
	if s.n%scores.Room == 0 {
		leaf := s.v.heap.Alloc(scores.Size)
		l := scores.At(s.v.heap, leaf)
		l.Reset()
		l.Insert(0, key, e)
		insertLeaf(t, &s.end, leaf, scores.Size, 1, key)
		s.n = 1
	} else {
		l := scores.At(s.v.heap, s.end.Leaf())
		l.Insert(s.n, key, e)
		s.n++
		t.Set(&s.end, s.end.Leaf(), s.n, s.end.Key())
	}
}

// addNew adds a member. What there is of it when memory is refused goes with the set.
func (s *sorter) addNew(member []byte, score float64) {
	s.place(hash.Bytes(member), newScored(s.v.heap, member, score), scores.Key(score))
}

// place is add for an element that is freed when memory is refused.
func (s *sorter) place(hashed uint64, e mem.Ref, key uint64) {
	placed := false
	defer func() {
		if !placed {
			freeField(s.v.heap, e)
		}
	}()
	s.add(hashed, e, key)
	placed = true
}

// copySorted is leafKind.copy for sorted sets.
func copySorted(to, from body, limit int, tick func() error) error {
	s, n := sorter{v: sorted{body: to}}, 0
	var c tree.Cursor
	for ok := from.leaves().First(&c); ok; ok = c.Next() {
		l := scores.At(from.heap, c.Leaf())
		for i, key := range l.Keys() {
			prefetchEntry(from.heap, l, i+ahead)
			e := l.Ref(i)
			hashed := hash.Bytes(fieldKey(from.heap, e))
			if size := elementAt(from.heap, e).size; size > limit {
				s.add(hashed, e, key)
			} else {
				s.place(hashed, copyBlock(to.heap, from.heap, e, size), key)
			}
			if n++; n%tickEvery == 0 {
				if err := tick(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// movedSorted is leafKind.moved for sorted sets.
func movedSorted(b body, from, to mem.Ref) {
	v := sorted{body: b, was: from, is: to}
	var c tree.Cursor
	l, i := v.place(&c, scores.Key(scoreAt(v.heap, to)), fieldKey(v.heap, to))
	l.SetRef(i, to)
}

// ahead is how many entries further on an element is asked for that a walk will come to.
const ahead = 8

// prefetchEntry asks for the element of a leaf's i-th entry, if there is one.
func prefetchEntry(h *mem.Heap, l *scores.Leaf, i int) {
	if i >= 0 && i < l.Len() {
		mem.PrefetchSome(h.Pointer(l.Ref(i)))
	}
}

// Members goes through a large sorted set by ranks, upwards or downwards. The set must not change meanwhile.
type Members struct {
	heap *mem.Heap
	c    tree.Cursor
	leaf *scores.Leaf
	i    int // the next entry, or one that is not in the leaf
	step int // 1, or -1
}

// ranked begins a walk at the member of a rank, which is there.
func (v sorted) walk(rank int, reverse bool) Members {
	w := Members{heap: v.heap, step: 1}
	w.i = v.leaves().Seek(&w.c, rank)
	if reverse {
		w.step = -1
	}
	w.enter()
	return w
}

// enter begins with a leaf.
func (w *Members) enter() {
	w.leaf = scores.At(w.heap, w.c.Leaf())
	for n := range ahead {
		prefetchEntry(w.heap, w.leaf, w.i+n*w.step)
	}
}

// Next gives the next member, in place, and its score; false at the end.
func (w *Members) Next() (m Value, score float64, ok bool) {
	if uint(w.i) >= uint(w.leaf.Len()) && !w.turn() {
		return Value{}, 0, false
	}
	prefetchEntry(w.heap, w.leaf, w.i+ahead*w.step)
	m, score = scoredAt(w.heap, w.leaf.Ref(w.i))
	w.i += w.step
	return m, score, true
}

// turn goes on to the next leaf; false at the end.
func (w *Members) turn() bool {
	if w.step > 0 {
		if !w.c.Next() {
			return false
		}
		w.i = 0
	} else {
		if !w.c.Prev() {
			return false
		}
		w.i = w.c.Count() - 1
	}
	w.enter()
	return true
}
