// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// IsBig tells whether the list can be frozen.
func (l *List) IsBig() bool { return l.it.ref != 0 && l.it.isBig() }

// Freeze gives the list, which IsBig, as it is now; see DB.Freeze.
func (l *List) Freeze() *Frozen { return l.db.Freeze(&l.it) }

// Elements goes through elements of a list that is frozen, from one index towards the tail or the head.
type Elements struct {
	heap *mem.Heap
	at   tree.Cursor
	leaf leaf
	b    []byte // the listpack of the leaf, if it is not plain
	off  int    // of the next entry in it; 0: the leaf has no more
	left int    // elements to be given, as many as there are at most
	room []byte // that leaves are unpacked to
	back bool   // towards the head
}

// keptUnpacked is the bytes of a leaf past which its elements are to stay what they are when the walk has gone on, since they may
// be long ones.
const keptUnpacked = 32 << 10

// Elements begins a walk over n elements from the index from on, with reverse towards the head. The value is a list, and has so
// many.
func (f *Frozen) Elements(from, n int, reverse bool) *Elements {
	w := &Elements{heap: f.at.b.heap, left: n, back: reverse}
	if n > 0 {
		t := tree.Tree{Heap: w.heap, Root: &f.at.root.tree}
		w.enter(t.Seek(&w.at, from))
	}
	return w
}

// enter begins with the leaf that the cursor is at, from an index in it on.
func (w *Elements) enter(i int) {
	w.leaf, w.off = leafAt(w.heap, w.at.Leaf()), 0
	if w.leaf.form == leafPlain {
		return
	}
	if w.leaf.entrySize() > keptUnpacked {
		w.b, _ = w.leaf.listpack(nil)
	} else {
		w.b, w.room = w.leaf.listpack(w.room)
	}
	w.off = listpack.Seek(w.b, i)
}

// Next gives the next element, valid until the call after this one, or one longer than 32 KB until the view is released; false at
// the end.
func (w *Elements) Next() (v Value, ok bool) {
	if w.left == 0 {
		return v, false
	}
	if w.leaf.leafHeader == nil {
		w.turn()
	}
	w.left--
	if w.leaf.form == leafPlain {
		v = Value{Bytes: w.leaf.data()}
	} else {
		e, next := listpack.Read(w.b, w.off)
		if v = Value(e); w.back {
			next = listpack.Prev(w.b, w.off)
		}
		w.off = next
	}
	if w.off == 0 {
		w.leaf = leaf{}
	}
	return v, true
}

// turn goes on to the next leaf.
func (w *Elements) turn() {
	if w.back {
		w.at.Prev()
		w.enter(w.at.Count() - 1)
		return
	}
	w.at.Next()
	w.enter(0)
}

// Leaf is a part of a list as it lies in memory, for who writes it to a file: a listpack, or an element by itself.
type Leaf struct {
	Data     []byte // in place
	Plain    bool   // they are an element
	Unpacked int    // 0, or the bytes that the listpack has, which is in the LZF format
}

// part gives a leaf as others see it.
func (l leaf) part() Leaf {
	p := Leaf{Data: l.data(), Plain: l.form == leafPlain}
	if l.form == leafSqueezed {
		p.Unpacked = int(l.at)
	}
	return p
}

// CountLeaves tells how many parts there are.
func (l *List) CountLeaves() int {
	switch {
	case l.it.ref == 0:
		return 0
	case l.isTree():
		return l.it.body().leaves().Leaves()
	}
	return 1
}

// EachLeaf calls fn with every part of the list, from the head on. The list must not change meanwhile.
func (l *List) EachLeaf(fn func(p Leaf)) {
	switch {
	case l.it.ref == 0:
	case l.isTree():
		t := l.it.body().leaves()
		t.Each(func(ref mem.Ref, _ int) bool {
			fn(leafAt(t.Heap, ref).part())
			return true
		})
	default:
		fn(Leaf{Data: l.it.listpack()})
	}
}

// LeafWalk goes through the parts of a list that is frozen, from the head on.
type LeafWalk struct {
	heap *mem.Heap
	at   tree.Cursor
	more bool
}

// Leaves begins a walk. The value is a list.
func (f *Frozen) Leaves() *LeafWalk {
	w := &LeafWalk{heap: f.at.b.heap}
	t := tree.Tree{Heap: w.heap, Root: &f.at.root.tree}
	w.more = t.First(&w.at)
	return w
}

// Next gives the next part, which stays what it is until the view is released; false at the end.
func (w *LeafWalk) Next() (p Leaf, ok bool) {
	if !w.more {
		return p, false
	}
	p = leafAt(w.heap, w.at.Leaf()).part()
	w.more = w.at.Next()
	return p, true
}
