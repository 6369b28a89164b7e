// SPDX-License-Identifier: BSD-3-Clause

package tree

import "github.com/redpoll/redpoll/internal/mem"

// Own makes the nodes on the way to the cursor's leaf ones that are not frozen. After it Set needs no memory, nor does Remove, as
// long as the heap is not frozen again. It may panic with mem.ErrNoMemory. Cursors at other leaves are no longer good then.
func (t Tree) Own(c *Cursor) {
	if !t.Heap.Freezing() {
		return
	}
	for level := range int(t.Root.depth) {
		old := c.nodes[level]
		if !t.Heap.Frozen(old) {
			continue
		}
		size := nodeSize(t.room(old))
		node := t.Heap.Alloc(size)
		copy(t.Heap.Bytes(node, size), t.Heap.Bytes(old, size))
		t.replace(c, level, node)
		t.Heap.Free(old, size)
	}
}

// Set says what the cursor's leaf is now: its block, its number of entries, at least one, and its key. See Own for when it may
// panic with mem.ErrNoMemory. The old block, if it is another, is the caller's to free.
func (t Tree) Set(c *Cursor, leaf mem.Ref, n int, key uint64) {
	t.Own(c)
	last := c.last()
	added := int64(n) - last.n
	rekeyed := last.key != key
	last.ref, last.key = leaf, key
	if added != 0 {
		t.add(c, int(t.Root.depth), added)
	}
	if rekeyed {
		t.rekey(c, int(t.Root.depth)-1)
	}
}

// add notes in the first so many levels on the cursor's way, and in the root, that there are more entries.
func (t Tree) add(c *Cursor, levels int, n int64) {
	for level := range levels {
		c.child(level).n += n
	}
	t.Root.n += n
}

// rekey has the nodes above that of a level know the key that it has now, which may be another.
func (t Tree) rekey(c *Cursor, level int) {
	key := t.children(c.nodes[level])[0].key
	for level--; level >= 0; level-- {
		c.child(level).key = key
		if c.at[level] > 0 {
			return
		}
	}
}

// Insert puts a leaf of n entries, at least one, behind or before that of the cursor, which is at the new one then. Into an empty
// tree it puts the first leaf, whatever the cursor is. Its key is neither below that of the leaf before nor above that of the one behind.
// It may panic with mem.ErrNoMemory, with the leaves as they were.
func (t Tree) Insert(c *Cursor, leaf mem.Ref, n int, key uint64, behind bool) {
	if t.Root.node == 0 {
		t.begin(c, child{key, int64(n), leaf})
		return
	}
	t.Own(c)
	t.makeRoom(c, behind)
	lowest := int(t.Root.depth) - 1
	if behind {
		c.at[lowest]++
	}
	t.insert(c.nodes[lowest], int(c.at[lowest]), child{key, int64(n), leaf})
	t.Root.leaves++
	t.add(c, lowest, int64(n))
	t.rekey(c, lowest)
}

// begin makes a tree of one leaf.
func (t Tree) begin(c *Cursor, leaf child) {
	r := t.newNode(firstRoom)
	t.insert(r, 0, leaf)
	t.Root.node, t.Root.depth, t.Root.leaves, t.Root.n = r, 1, 1, leaf.n
	t.First(c)
}

// makeRoom sees to it that the lowest node on the cursor's way, which is not frozen, has room for a child before or behind the
// leaf.
func (t Tree) makeRoom(c *Cursor, behind bool) {
	full := int(t.Root.depth) // this level and those below it are full
	for full > 0 && t.full(c.nodes[full-1]) {
		full--
	}
	if full == 0 {
		if room := t.room(t.Root.node); room < fanout {
			t.enlargeRoot(c, min(2*room, fanout))
		} else {
			t.raise(c)
		}
		full = 1
	}
	for level := full; level < int(t.Root.depth); level++ {
		t.split(c, level, behind)
	}
}

// enlargeRoot gives the root room for more children.
func (t Tree) enlargeRoot(c *Cursor, room int) {
	old := t.Root.node
	r := t.newNode(room)
	copy(t.resize(r, len(t.children(old))), t.children(old))
	t.replace(c, 0, r)
	t.freeNode(old)
}

// raise makes a new root above the old one.
func (t Tree) raise(c *Cursor) {
	if t.Root.depth == maxDepth {
		panic("tree: too deep")
	}
	r := t.newNode(firstRoom)
	t.insert(r, 0, child{t.children(t.Root.node)[0].key, t.Root.n, t.Root.node})
	copy(c.nodes[1:], c.nodes[:t.Root.depth])
	copy(c.at[1:], c.at[:t.Root.depth])
	t.Root.depth++
	t.Root.node, c.nodes[0], c.at[0] = r, r, 0
}

// split makes two nodes of that of a level on the cursor's way, which is full; the one above has room.
func (t Tree) split(c *Cursor, level int, behind bool) {
	r := t.newNode(fanout)
	left, mid := t.children(c.nodes[level]), t.middle(c, behind)
	right := t.resize(r, len(left)-mid)
	copy(right, left[mid:])
	t.resize(c.nodes[level], mid)
	n := int64(0)
	for i := range right {
		n += right[i].n
	}
	c.child(level - 1).n -= n
	t.insert(c.nodes[level-1], int(c.at[level-1])+1, child{right[0].key, n, r})
	if int(c.at[level]) >= mid {
		c.nodes[level] = r
		c.at[level] -= uint8(mid)
		c.at[level-1]++
	}
}

// middle tells how many children stay in a full node that is split for a leaf before or behind the cursor's: as many as possible
// where the tree grows at its end, as few as possible where it grows at its beginning.
func (t Tree) middle(c *Cursor, behind bool) int {
	for level := range int(t.Root.depth) {
		end := 0
		if behind {
			end = len(t.children(c.nodes[level])) - 1
		}
		if int(c.at[level]) != end {
			return fanout / 2
		}
	}
	if behind {
		return fanout - 1
	}
	return 1
}

// Remove takes the cursor's leaf out, which is the caller's to free; the cursor is no longer good then. See Own for when it may
// panic with mem.ErrNoMemory, with the leaves as they were.
func (t Tree) Remove(c *Cursor) {
	t.Own(c)
	level := int(t.Root.depth) - 1
	t.add(c, level, -c.last().n)
	t.Root.leaves--
	t.cut(c.nodes[level], int(c.at[level]))
	for len(t.children(c.nodes[level])) == 0 {
		t.freeNode(c.nodes[level])
		if level == 0 {
			*t.Root = Root{}
			return
		}
		level--
		t.cut(c.nodes[level], int(c.at[level]))
	}
	t.rekey(c, level)
	for ; level > 0; level-- {
		t.merge(c, level)
	}
	for t.Root.depth > 1 && len(t.children(t.Root.node)) == 1 {
		top := t.Root.node
		t.Root.node = t.children(top)[0].ref
		t.Root.depth--
		t.freeNode(top)
	}
}

// merge makes the node of a level on the cursor's way one with a neighbour, if they have few children together. Nothing is
// written to but the node and the one above it.
func (t Tree) merge(c *Cursor, level int) {
	node, above, i := c.nodes[level], c.nodes[level-1], int(c.at[level-1])
	around := t.children(above)
	have := len(t.children(node))
	if i+1 < len(around) {
		if next := t.children(around[i+1].ref); have+len(next) <= mergeLimit {
			copy(t.resize(node, have+len(next))[have:], next)
			t.absorb(above, i, i+1)
			return
		}
	}
	if i > 0 {
		if before := t.children(around[i-1].ref); have+len(before) <= mergeLimit {
			list := t.resize(node, have+len(before))
			copy(list[len(before):], list)
			copy(list, before)
			around[i].key = around[i-1].key
			t.absorb(above, i, i-1)
			c.at[level-1]--
		}
	}
}

// absorb notes that one child of a node has the children of another now, which is freed.
func (t Tree) absorb(above mem.Ref, one, other int) {
	list := t.children(above)
	list[one].n += list[other].n
	t.freeNode(list[other].ref)
	t.cut(above, other)
}
