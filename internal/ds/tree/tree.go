// SPDX-License-Identifier: BSD-3-Clause

// Package tree is a counted B+ tree off the Go heap: a sequence of blocks that is found by position or by key, and changed while
// somebody reads it as it was.
//
// Terms:
//
//   - A leaf is a block of the owner's. The tree knows of it how many entries it has, at least one, and its key.
//   - A node is a block of children, which are leaves in the lowest level of nodes and nodes in the others. It knows of each
//     child the key and the entries that are in it.
//   - The key of a node is that of its first leaf. In a tree that is searched by key no leaf's is below the one's before it; in
//     others all keys are 0.
//   - A Cursor is the way from the root to a leaf.
//
// Invariants:
//
//   - All leaves are equally deep. No node is empty; a tree without leaves has no nodes.
//   - All nodes but the root have room for fanout children. A root begins with room for a few.
//   - A node from which a child was taken has been merged with its neighbour if together they were no fuller than mergeLimit. So
//     hardly any two neighbours are, and depth is bounded by maxDepth with more leaves than memory has.
//   - Memory is allocated before anything changes: when a change panics with mem.ErrNoMemory the leaves are what they were, though
//     nodes may have been copied or split.
//   - A frozen node (see mem.Heap.Freeze) is copied before it is written to, and so are all above it. So whoever keeps the Root of
//     the time of a freeze sees the leaves of then, until the thaw. Leaves are the owner's to copy.
//
// Nodes filled in order, from the front or the back, are full. A tree is used under its owner's lock; one whose nodes are frozen
// may be read by any goroutine. It keeps no Go pointers.
package tree

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/mem"
)

const (
	fanout     = 66             // children of a node; such a node fills its size class
	firstRoom  = 4              // children that a tree's first node has room for
	mergeLimit = fanout * 3 / 4 // children of two nodes that become one
	maxDepth   = 12             // levels of nodes
)

// Root is what a tree consists of. It has no Go pointers and may lie anywhere that is aligned to 8 bytes. The zero value is an
// empty tree. Whatever changes in a frozen heap changes it.
type Root struct {
	node   mem.Ref // 0: there is none
	n      int64   // entries of all leaves
	leaves int64
	nodes  uint32
	depth  uint32 // levels of nodes
}

// Tree is a tree with the heap that it lies in, cheap to make. Both pointers are the owner's.
type Tree struct {
	Heap *mem.Heap
	Root *Root
}

// child is what a node knows of one of its children.
type child struct {
	key uint64
	n   int64 // entries
	ref mem.Ref
}

// header is what a node begins with; the children follow.
type header struct {
	n, room uint16 // children that there are, and that there is room for
	_       uint32
}

const (
	headerSize = int(unsafe.Sizeof(header{}))
	childSize  = int(unsafe.Sizeof(child{}))
)

// nodeSize gives the bytes of a node with room for so many children.
func nodeSize(room int) int { return headerSize + room*childSize }

// Len tells how many entries the leaves have together.
func (t Tree) Len() int { return int(t.Root.n) }

// Leaves tells how many leaves there are.
func (t Tree) Leaves() int { return int(t.Root.leaves) }

// Bytes tells how much memory the nodes take, without the leaves.
func (t Tree) Bytes() int64 {
	if t.Root.node == 0 {
		return 0
	}
	return int64(mem.Usable(nodeSize(t.room(t.Root.node)))) + int64(t.Root.nodes-1)*int64(mem.Usable(nodeSize(fanout)))
}

// Prefetch asks for the first node, which whoever looks for a leaf needs first.
func (t Tree) Prefetch() {
	if t.Root.node != 0 {
		mem.Prefetch(t.Heap.Pointer(t.Root.node))
	}
}

func (t Tree) header(node mem.Ref) *header { return (*header)(t.Heap.Pointer(node)) }

func (t Tree) room(node mem.Ref) int { return int(t.header(node).room) }

func (t Tree) full(node mem.Ref) bool { return t.header(node).n == t.header(node).room }

// children gives a node's children in place; the slice's capacity is the node's room.
func (t Tree) children(node mem.Ref) []child {
	p := t.Heap.Pointer(node)
	h := (*header)(p)
	return unsafe.Slice((*child)(unsafe.Add(p, headerSize)), h.room)[:h.n]
}

// resize gives a node's children as n, the first of which are those that it has; the others are undefined.
func (t Tree) resize(node mem.Ref, n int) []child {
	t.header(node).n = uint16(n)
	return t.children(node)
}

// insert opens a place among a node's children, which has room, and fills it.
func (t Tree) insert(node mem.Ref, at int, c child) {
	list := t.resize(node, len(t.children(node))+1)
	copy(list[at+1:], list[at:])
	list[at] = c
}

// cut closes the place of one of a node's children.
func (t Tree) cut(node mem.Ref, at int) {
	list := t.children(node)
	copy(list[at:], list[at+1:])
	t.resize(node, len(list)-1)
}

// newNode allocates a node without children.
func (t Tree) newNode(room int) mem.Ref {
	r := t.Heap.Alloc(nodeSize(room))
	*t.header(r) = header{room: uint16(room)}
	t.Root.nodes++
	return r
}

func (t Tree) freeNode(node mem.Ref) {
	t.Heap.Free(node, nodeSize(t.room(node)))
	t.Root.nodes--
}

// Each calls fn with every leaf and its number of entries until fn gives false. fn must not change the tree.
func (t Tree) Each(fn func(leaf mem.Ref, n int) bool) {
	var c Cursor
	for ok := t.First(&c); ok; ok = c.Next() {
		if !fn(c.Leaf(), c.Count()) {
			return
		}
	}
}

// Drain takes up to max leaves out, calls free with each, and tells whether the tree is empty now. From the first call until
// then nothing else may be done with the tree but ask Len. It needs no memory. The heap has no open freezes.
func (t Tree) Drain(max int, free func(leaf mem.Ref)) (done bool) {
	for ; t.Root.node != 0 && max > 0; max-- {
		t.dropLast(free)
	}
	return t.Root.node == 0
}

// dropLast takes the last leaf out, and the nodes that become empty. What nodes know of their entries is no longer kept.
func (t Tree) dropLast(free func(leaf mem.Ref)) {
	var path [maxDepth]mem.Ref
	level, r := 0, t.Root.node
	for ; level < int(t.Root.depth); level++ {
		path[level] = r
		list := t.children(r)
		r = list[len(list)-1].ref
	}
	lowest := t.children(path[level-1])
	t.Root.n -= lowest[len(lowest)-1].n
	t.Root.leaves--
	free(r)
	for level--; ; level-- {
		list := t.children(path[level])
		if len(list) > 1 {
			t.resize(path[level], len(list)-1)
			return
		}
		t.freeNode(path[level])
		if level == 0 {
			*t.Root = Root{}
			return
		}
	}
}

// Discard empties the tree at one go: it calls free with every leaf, and frees the nodes. It writes to none of them, so unlike with Drain
// the heap may be frozen. It needs no memory.
func (t Tree) Discard(free func(leaf mem.Ref)) {
	if t.Root.node != 0 {
		t.discard(t.Root.node, int(t.Root.depth), free)
		*t.Root = Root{}
	}
}

// discard frees a node with so many levels of nodes from it on, and what is below it.
func (t Tree) discard(node mem.Ref, levels int, free func(leaf mem.Ref)) {
	for _, c := range t.children(node) {
		if levels == 1 {
			free(c.ref)
		} else {
			t.discard(c.ref, levels-1, free)
		}
	}
	t.Heap.Free(node, nodeSize(t.room(node)))
}

// Compact moves what lies on sparse pages (see mem.Heap.Relocate): the leaf that has the entry at the cursor, and the nodes that
// begin with it. It gives the cursor for the next call; the cursor 0 begins and is given at the end. fn is called with the leaf
// and its number of entries and gives where it lies now, having moved it perhaps; it must not change the tree. Of a tree that has changed
// between two calls some leaves may be passed over. It never needs memory.
func (t Tree) Compact(cursor uint64, fn func(leaf mem.Ref, n int) mem.Ref) (next uint64) {
	if cursor >= uint64(t.Root.n) {
		return 0
	}
	var c Cursor
	within := t.Seek(&c, int(cursor))
	for level := int(t.Root.depth) - 1; level >= 0 && c.at[level] == 0; level-- {
		if r := t.Heap.Relocate(c.nodes[level], nodeSize(t.room(c.nodes[level]))); r != 0 {
			t.replace(&c, level, r)
		}
	}
	last := c.last()
	last.ref = fn(last.ref, int(last.n))
	if next = cursor - uint64(within) + uint64(last.n); next >= uint64(t.Root.n) {
		return 0
	}
	return next
}

// replace makes another block the node of a level on the cursor's way.
func (t Tree) replace(c *Cursor, level int, node mem.Ref) {
	c.nodes[level] = node
	if level == 0 {
		t.Root.node = node
		return
	}
	c.child(level - 1).ref = node
}
