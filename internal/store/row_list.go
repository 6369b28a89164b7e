// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/rows"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// A row list is a sorted list of rows of numbers (ds/rows): a tree of leaves, whose keys are the first values of their first rows.
//
// Invariants:
//
//   - Memory is allocated before anything changes: when it is refused the rows are what they were.
//   - A leaf, and the nodes on the way to it, that are frozen are copied before they are written to.
//   - A leaf is no larger than rowsBlock, but for one of a few rows that are wide.
const (
	rowsBlock = 1088 // bytes; fills its size class
	rowsFirst = 64   // bytes of a list's first leaf

	mergeRows  = rows.Max * 3 / 4 // rows, and
	mergeBytes = rowsBlock * 3 / 4
	mergeEvery = 8 // removals from a leaf that has become small until a merge is tried again
)

// rowList is a row list with what is known of all its leaves, cheap to make.
type rowList struct {
	tree.Tree
	kind rows.Kind
}

// leaf gives the cursor's leaf.
func (l rowList) leaf(c *tree.Cursor) rows.Leaf { return rows.At(l.Heap, c.Leaf()) }

// find puts the cursor at the leaf that a row belongs into; false when the list is empty. The row's place is what Leaf.Find says.
func (l rowList) find(c *tree.Cursor, key *rows.Row) bool {
	return l.Search(c, key[0], func(ref mem.Ref) bool {
		leaf := rows.At(l.Heap, ref)
		return leaf.Compare(0, key) <= 0
	})
}

// get gives the row with a key.
func (l rowList) get(key *rows.Row) (r rows.Row, ok bool) {
	var c tree.Cursor
	if !l.find(&c, key) {
		return r, false
	}
	leaf := l.leaf(&c)
	i, ok := leaf.Find(key)
	if ok {
		r = leaf.Row(i)
	}
	return r, ok
}

// first gives the first row, which there is.
func (l rowList) first() rows.Row {
	var c tree.Cursor
	l.First(&c)
	leaf := l.leaf(&c)
	return leaf.Row(0)
}

// last gives the last row, which there is.
func (l rowList) last() rows.Row {
	var c tree.Cursor
	l.Last(&c)
	leaf := l.leaf(&c)
	return leaf.Row(leaf.Len() - 1)
}

// each calls fn with every row from a key on, until it gives false. fn must not change the list.
func (l rowList) each(from *rows.Row, fn func(r *rows.Row) bool) {
	var c tree.Cursor
	if !l.find(&c, from) {
		return
	}
	leaf := l.leaf(&c)
	i, _ := leaf.Find(from)
	var r rows.Row // one for all: it escapes
	for {
		for ; i < leaf.Len(); i++ {
			if r = leaf.Row(i); !fn(&r) {
				return
			}
		}
		if !c.Next() {
			return
		}
		leaf, i = l.leaf(&c), 0
	}
}

// put puts a row in, in the place of the one with its key if there is one.
func (l rowList) put(r *rows.Row) {
	var c tree.Cursor
	if !l.Last(&c) {
		l.begin(&c, r)
		return
	}
	leaf := l.leaf(&c)
	if i := leaf.Len(); leaf.Compare(i-1, r) < 0 {
		l.insert(&c, leaf, i, r, true)
		return
	}
	l.find(&c, r)
	leaf = l.leaf(&c)
	i, ok := leaf.Find(r)
	if !ok {
		l.insert(&c, leaf, i, r, false)
		return
	}
	if leaf.Fits(r) {
		l.ownLeaf(&c, &leaf)
		leaf.Set(i, r)
		return
	}
	var room [rows.Max + 1]rows.Row
	list := leaf.Rows(room[:0])
	list[i] = *r
	l.rebuild(&c, list, 0)
}

// begin makes the first leaf.
func (l rowList) begin(c *tree.Cursor, r *rows.Row) {
	one := [1]rows.Row{*r}
	ref, size := l.newLeaf(rows.LayoutOf(l.kind, one[:]), one[:], rowsFirst)
	insertLeaf(l.Tree, c, ref, size, 1, r[0])
}

// newLeaf allocates a leaf of some rows, with room for as many bytes as are given at least.
func (l rowList) newLeaf(layout rows.Layout, list []rows.Row, room int) (ref mem.Ref, size int) {
	size = mem.Usable(max(layout.Size(len(list)), room))
	ref = l.Heap.Alloc(size)
	leaf := rows.New(l.Heap.Bytes(ref, size), layout)
	leaf.Append(list)
	return ref, size
}

// insert makes a row the i-th of the cursor's leaf; last tells that this is the list's last row then.
func (l rowList) insert(c *tree.Cursor, leaf rows.Leaf, i int, r *rows.Row, last bool) {
	n := leaf.Len()
	switch fits := leaf.Fits(r); {
	case fits && n < leaf.Room():
		l.ownLeaf(c, &leaf)
		leaf.Insert(i, r)
		key := c.Key()
		if i == 0 {
			key = r[0]
		}
		l.Set(c, c.Leaf(), n+1, key)
	case last && (n == rows.Max || leaf.Needs(n+1) > rowsBlock):
		l.extend(c, &leaf, r)
	default:
		var room [rows.Max + 1]rows.Row
		list := leaf.Rows(room[:0])
		list = append(list, rows.Row{})
		copy(list[i+1:], list[i:])
		list[i] = *r
		more := leaf.Used() * 5 / 4
		if last {
			more = leaf.Used() * 2 // as there will be more
		}
		l.rebuild(c, list, more)
	}
}

// extend puts a row into a new leaf behind the cursor's, which is the last one and full.
func (l rowList) extend(c *tree.Cursor, full *rows.Leaf, r *rows.Row) {
	one := [1]rows.Row{*r}
	old, used, layout := c.Leaf(), full.Used(), full.Layout()
	ref, size := l.newLeaf(layout.For(r), one[:], rowsBlock)
	insertLeaf(l.Tree, c, ref, size, 1, r[0])
	if rows.Size(l.Heap, old) > mem.Usable(used) {
		c.Prev()
		l.shrink(c)
	}
}

// ownLeaf makes the cursor's leaf, and the nodes on the way to it, ones that are not frozen. It may panic with mem.ErrNoMemory.
func (l rowList) ownLeaf(c *tree.Cursor, leaf *rows.Leaf) {
	if !l.Heap.Freezing() {
		return
	}
	l.Own(c)
	if ref := c.Leaf(); l.Heap.Frozen(ref) {
		l.swap(c, copyBlock(l.Heap, l.Heap, ref, rows.Size(l.Heap, ref)), c.Count(), c.Key())
		*leaf = l.leaf(c)
	}
}

// own sees to it that to remove the row with a key needs no memory, whatever is put in until then. It may panic with mem.ErrNoMemory.
func (l rowList) own(key *rows.Row) {
	var c tree.Cursor
	if l.Heap.Freezing() && l.find(&c, key) {
		leaf := l.leaf(&c)
		l.ownLeaf(&c, &leaf)
	}
}

// rebuild makes these rows, which are up to one more than a leaf may have, those of the cursor's leaf, or of it and another one behind
// it. It has room for as many bytes as are given, if that is not too much. The cursor is not to be used any more then.
func (l rowList) rebuild(c *tree.Cursor, list []rows.Row, room int) {
	layout := rows.LayoutOf(l.kind, list)
	room = min(room, rowsBlock)
	l.Own(c)
	old := c.Leaf()
	var behind []rows.Row
	if len(list) > rows.Max || layout.Size(len(list)) > max(rowsBlock, rows.Size(l.Heap, old)) && len(list) > 1 {
		mid := len(list) / 2
		list, behind = list[:mid], list[mid:]
		layout = rows.LayoutOf(l.kind, list)
	}
	ref, size := l.newLeaf(layout, list, room)
	if behind != nil {
		placed := false
		defer func() {
			if !placed {
				l.Heap.Free(ref, size)
			}
		}()
		other, otherSize := l.newLeaf(rows.LayoutOf(l.kind, behind), behind, room)
		insertLeaf(l.Tree, c, other, otherSize, len(behind), behind[0][0])
		c.Prev()
		placed = true
	}
	l.swap(c, ref, len(list), list[0][0])
}

// remove takes the row with a key out and gives it; false when it is not there. It needs memory only while the heap is frozen, see own.
func (l rowList) remove(key *rows.Row) (r rows.Row, ok bool) {
	var c tree.Cursor
	if !l.find(&c, key) {
		return r, false
	}
	leaf := l.leaf(&c)
	i, ok := leaf.Find(key)
	if !ok {
		return r, false
	}
	l.ownLeaf(&c, &leaf)
	r = leaf.Row(i)
	if leaf.Len() == 1 {
		ref, size := c.Leaf(), rows.Size(l.Heap, c.Leaf())
		l.Remove(&c)
		l.Heap.Free(ref, size)
		return r, true
	}
	leaf.Remove(i)
	first := c.Key()
	if i == 0 {
		row := leaf.Row(0)
		first = row[0]
	}
	l.Set(&c, c.Leaf(), leaf.Len(), first)
	if !l.Heap.Freezing() {
		l.tidy(&c, &leaf)
	}
	return r, true
}

// tidy makes a leaf that has lost rows one with a neighbour if both are small, or gives back the half of its block, if there is memory.
func (l rowList) tidy(c *tree.Cursor, leaf *rows.Leaf) {
	if n := leaf.Len(); n <= mergeRows/2 && n%mergeEvery == 0 && leaf.Used() <= mergeBytes/2 && l.merge(c, leaf) {
		return
	}
	if size := rows.Size(l.Heap, c.Leaf()); size > rowsFirst && leaf.Used() <= size/2 {
		l.shrink(c)
	}
}

// merge makes the cursor's leaf one with a neighbour; false if none is small enough, or there is no memory.
func (l rowList) merge(c *tree.Cursor, leaf *rows.Leaf) (done bool) {
	defer ignoreNoMemory()
	var other tree.Cursor
	for _, behind := range [...]bool{true, false} {
		other = *c
		if behind && !other.Next() || !behind && !other.Prev() || other.Count()+leaf.Len() > mergeRows {
			continue
		}
		var room [mergeRows]rows.Row
		next, list := l.leaf(&other), room[:0]
		if behind {
			list = next.Rows(leaf.Rows(list))
		} else {
			list = leaf.Rows(next.Rows(list))
		}
		layout := rows.LayoutOf(l.kind, list)
		if layout.Size(len(list)) > mergeBytes {
			continue
		}
		ref, _ := l.newLeaf(layout, list, 0)
		l.swap(c, ref, len(list), list[0][0])
		gone := other.Leaf()
		l.Remove(&other)
		l.Heap.Free(gone, rows.Size(l.Heap, gone))
		return true
	}
	return false
}

// swap makes another block the cursor's leaf and frees the old one.
func (l rowList) swap(c *tree.Cursor, ref mem.Ref, n int, key uint64) {
	old := c.Leaf()
	l.Set(c, ref, n, key)
	l.Heap.Free(old, rows.Size(l.Heap, old))
}

// shrink gives the cursor's leaf a block that it fills, if there is memory.
func (l rowList) shrink(c *tree.Cursor) {
	defer ignoreNoMemory()
	if l.Heap.Freezing() {
		return
	}
	leaf := l.leaf(c)
	size := mem.Usable(leaf.Used())
	ref := l.Heap.Alloc(size)
	b := l.Heap.Bytes(ref, size)
	copy(b, l.Heap.Bytes(c.Leaf(), leaf.Used()))
	rows.Moved(b)
	l.swap(c, ref, c.Count(), c.Key())
}

// copyTo makes an empty list of another heap one of the same rows. What there is of it when tick gives an error, which is returned, or
// memory is refused, is the caller's to drain.
func (l rowList) copyTo(to rowList, tick func() error) error {
	const leavesATick = 64
	var c, end tree.Cursor
	n := 0
	for ok := l.First(&c); ok; ok = c.Next() {
		size := rows.Size(l.Heap, c.Leaf())
		insertLeaf(to.Tree, &end, copyBlock(to.Heap, l.Heap, c.Leaf(), size), size, c.Count(), c.Key())
		if n++; n%leavesATick == 0 {
			if err := tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

// drain frees up to max leaves and tells whether the list is empty now.
func (l rowList) drain(max int, free func(r mem.Ref, size int)) (done bool) {
	return l.Drain(max, func(leaf mem.Ref) { free(leaf, rows.Size(l.Heap, leaf)) })
}

// compact goes on with a walk at a cursor, which 0 begins and ends, and has move tell where leaves lie now.
func (l rowList) compact(cursor uint64, move func(r mem.Ref, size int) mem.Ref) (next uint64) {
	return l.Compact(cursor, func(leaf mem.Ref, _ int) mem.Ref { return move(leaf, rows.Size(l.Heap, leaf)) })
}

// bytes gives the bytes that the list takes.
func (l rowList) bytes() int64 {
	n := l.Bytes()
	l.Each(func(leaf mem.Ref, _ int) bool {
		n += int64(mem.Usable(rows.Size(l.Heap, leaf)))
		return true
	})
	return n
}
