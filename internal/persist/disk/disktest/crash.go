// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// An Order says what a file system does with what is pending of a file's end when power is lost.
type Order uint8

// Orders. With Ordered what was appended is there up to some byte, as on file systems that set the size after the bytes, in their order;
// pages that were written over are as with Unordered: any of them are there, zeros standing in the place of others.
const (
	Ordered Order = iota
	Unordered
)

// Crash gives a disk such as there may be if power were lost now. The disk itself goes on as if nothing were.
func (d *Disk) Crash(r *rand.Rand, order Order) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := map[*node]map[string]*node{}
	of := func(dir *node) map[string]*node {
		if names[dir] == nil {
			names[dir] = maps.Clone(dir.keptNames)
		}
		return names[dir]
	}
	for _, s := range d.steps {
		if r.IntN(2) == 0 {
			continue
		}
		for _, p := range s {
			if p.node == nil {
				delete(of(p.dir), p.name)
			} else {
				of(p.dir)[p.name] = p.node
			}
		}
	}
	done := map[*node]*node{}
	c := &Disk{root: d.root.copies(done, func(n *node) []byte { return n.left(r, order) }, of), ticks: d.ticks}
	c.limit.Store(d.limit.Load())
	for _, n := range done {
		c.used += int64(len(n.seen))
	}
	return c
}

// Kill gives a disk such as there is if the process is killed now: all that was written is there, but what is pending is so still. The disk
// itself goes on as if nothing were.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := map[*node]*node{nil: nil}
	c := &Disk{root: d.root.clone(done), ticks: d.ticks}
	c.limit.Store(d.limit.Load())
	for _, s := range d.steps {
		var same step
		for _, p := range s {
			same = append(same, place{p.dir.clone(done), p.name, p.node.clone(done)})
		}
		c.steps = append(c.steps, same)
	}
	for _, n := range done {
		if n != nil && n.links > 0 {
			c.used += int64(len(n.seen))
		}
	}
	return c
}

// clone gives a copy of everything below a node, with what is pending. Nodes that were copied already are in done.
func (n *node) clone(done map[*node]*node) *node {
	if c, ok := done[n]; ok {
		return c
	}
	c := &node{isDir: n.isDir, links: n.links, changed: n.changed}
	done[n] = c
	if !n.isDir {
		c.seen, c.kept = slices.Clone(n.seen), slices.Clone(n.kept)
		c.pending, c.doubtful = slices.Clone(n.pending), maps.Clone(n.doubtful)
		return c
	}
	below := func(names map[string]*node) map[string]*node {
		same := make(map[string]*node, len(names))
		for name, child := range names {
			same[name] = child.clone(done)
		}
		return same
	}
	c.names, c.keptNames = below(n.names), below(n.keptNames)
	return c
}
