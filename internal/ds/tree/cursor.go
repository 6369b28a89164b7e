// SPDX-License-Identifier: BSD-3-Clause

package tree

import "github.com/redpoll/redpoll/internal/mem"

// Cursor is at a leaf of a tree that is not empty. It is good until the tree changes by anything but a call that is given it.
type Cursor struct {
	t     Tree
	nodes [maxDepth]mem.Ref // from the root down
	at    [maxDepth]uint8   // the child of each that is on the way
}

// child gives the child that the way leads to in a level.
func (c *Cursor) child(level int) *child { return &c.t.children(c.nodes[level])[c.at[level]] }

// last gives what is known of the leaf.
func (c *Cursor) last() *child { return c.child(int(c.t.Root.depth) - 1) }

// Leaf gives the leaf's block.
func (c *Cursor) Leaf() mem.Ref { return c.last().ref }

// Count gives the number of the leaf's entries.
func (c *Cursor) Count() int { return int(c.last().n) }

// Key gives the leaf's key.
func (c *Cursor) Key() uint64 { return c.last().key }

// Before gives the number of entries before the leaf.
func (c *Cursor) Before() int {
	n := int64(0)
	for level := range int(c.t.Root.depth) {
		for _, before := range c.t.children(c.nodes[level])[:c.at[level]] {
			n += before.n
		}
	}
	return int(n)
}

// First puts the cursor at the first leaf; false when there is none.
func (t Tree) First(c *Cursor) bool {
	c.t = t
	return t.Root.node != 0 && c.descend(0, t.Root.node, false)
}

// Last puts the cursor at the last leaf; false when there is none.
func (t Tree) Last(c *Cursor) bool {
	c.t = t
	return t.Root.node != 0 && c.descend(0, t.Root.node, true)
}

// descend has the way go on from a node, which is of that level, to its first or its last leaf. It gives true.
func (c *Cursor) descend(level int, node mem.Ref, last bool) bool {
	for ; level < int(c.t.Root.depth); level++ {
		list, i := c.t.children(node), 0
		if last {
			i = len(list) - 1
		}
		c.nodes[level], c.at[level] = node, uint8(i)
		node = list[i].ref
	}
	return true
}

// Next goes on to the leaf after this one; false at the end, where the cursor stays.
func (c *Cursor) Next() bool {
	for level := int(c.t.Root.depth) - 1; level >= 0; level-- {
		if list := c.t.children(c.nodes[level]); int(c.at[level])+1 < len(list) {
			c.at[level]++
			return c.descend(level+1, list[c.at[level]].ref, false)
		}
	}
	return false
}

// Prev goes back to the leaf before this one; false at the beginning, where the cursor stays.
func (c *Cursor) Prev() bool {
	for level := int(c.t.Root.depth) - 1; level >= 0; level-- {
		if c.at[level] > 0 {
			c.at[level]--
			return c.descend(level+1, c.child(level).ref, true)
		}
	}
	return false
}

// Seek puts the cursor at the leaf that has the entry at a position, from 0 to Len-1, and tells how many entries of the leaf are
// before that one.
func (t Tree) Seek(c *Cursor, pos int) (within int) {
	c.t = t
	r, left := t.Root.node, int64(pos)
	for level := range int(t.Root.depth) {
		list, i := t.children(r), 0
		for ; left >= list[i].n; i++ {
			left -= list[i].n
		}
		c.nodes[level], c.at[level] = r, uint8(i)
		r = list[i].ref
	}
	return int(left)
}

// Search puts the cursor at the last leaf whose key is below the given one, or equal to it and tie tells so: it is asked of some
// of the leaves with that key, and gives true for none that is behind one for which it gives false; nil always gives false. When
// there is no such leaf the cursor is at the first one. It is false when there is no leaf at all.
func (t Tree) Search(c *Cursor, key uint64, tie func(leaf mem.Ref) bool) bool {
	c.t = t
	r := t.Root.node
	if r == 0 {
		return false
	}
	for level := range int(t.Root.depth) {
		list := t.children(r)
		i := below(list, key)
		if tie != nil && i < len(list) && list[i].key == key {
			i = t.tied(list, i, level, tie)
		}
		i = max(i-1, 0)
		c.nodes[level], c.at[level] = r, uint8(i)
		r = list[i].ref
	}
	return true
}

// below tells how many children, of which there is one at least, have keys below the given one.
func below(list []child, key uint64) int {
	first, n := 0, len(list)
	for n > 1 {
		half := n / 2
		if list[first+half-1].key < key {
			first += half
		}
		n -= half
	}
	if list[first].key < key {
		first++
	}
	return first
}

// tied tells how many children of a node of that level are before the place that is searched, the i-th being the first with the
// key that is.
func (t Tree) tied(list []child, i, level int, tie func(leaf mem.Ref) bool) int {
	key, end := list[i].key, len(list)
	for i < end {
		mid := (i + end) / 2
		if list[mid].key == key && tie(t.firstLeaf(list[mid].ref, level+1)) {
			i = mid + 1
		} else {
			end = mid
		}
	}
	return i
}

// firstLeaf gives the first leaf below what may be a node of that level or a leaf.
func (t Tree) firstLeaf(r mem.Ref, level int) mem.Ref {
	for ; level < int(t.Root.depth); level++ {
		r = t.children(r)[0].ref
	}
	return r
}
