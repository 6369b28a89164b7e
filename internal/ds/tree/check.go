// SPDX-License-Identifier: BSD-3-Clause

package tree

import (
	"fmt"

	"github.com/redpoll/redpoll/internal/mem"
)

// Check goes through all nodes and gives an error that says which invariant is broken. It is for tests and debug commands.
func (t Tree) Check() error {
	if t.Root.node == 0 {
		if *t.Root != (Root{}) {
			return fmt.Errorf("tree: empty tree has %+v", *t.Root)
		}
		return nil
	}
	if t.Root.depth == 0 || t.Root.depth > maxDepth {
		return fmt.Errorf("tree: %d levels", t.Root.depth)
	}
	var sum Root
	last := uint64(0)
	if _, err := t.check(t.Root.node, 0, &sum, &last); err != nil {
		return err
	}
	sum.node, sum.depth = t.Root.node, t.Root.depth
	if sum != *t.Root {
		return fmt.Errorf("tree: root says %+v, there is %+v", *t.Root, sum)
	}
	return nil
}

// check goes through a node of a level and what is below it. It adds up what there is, last being the key of the leaf before it,
// and gives what the node above has to know of it.
func (t Tree) check(node mem.Ref, level uint32, sum *Root, last *uint64) (of child, err error) {
	room, list := t.room(node), t.children(node)
	if len(list) == 0 || len(list) > room || room > fanout || level > 0 && room < fanout {
		return of, fmt.Errorf("tree: node of level %d has %d children, room for %d", level, len(list), room)
	}
	sum.nodes++
	of = child{key: list[0].key, ref: node}
	for i, c := range list {
		of.n += c.n
		if level+1 < t.Root.depth {
			below, err := t.check(c.ref, level+1, sum, last)
			if err != nil {
				return of, err
			}
			if below != c {
				return of, fmt.Errorf("tree: child %d of a node of level %d is %+v, known as %+v", i, level, below, c)
			}
			continue
		}
		if c.n < 1 || c.ref == 0 || c.key < *last {
			return of, fmt.Errorf("tree: leaf %+v behind one with key %d", c, *last)
		}
		sum.leaves++
		sum.n += c.n
		*last = c.key
	}
	return of, nil
}
