// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"maps"
	"math/rand/v2"
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
	return d.image(func(n *node) []byte { return n.left(r, order) }, of)
}

// Kill gives a disk such as there is if the process is killed now: with all that was written.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.image(func(n *node) []byte { return append([]byte{}, n.seen...) }, func(n *node) map[string]*node { return n.names })
}

// image gives a disk with a copy of everything.
func (d *Disk) image(bytes func(*node) []byte, names func(*node) map[string]*node) *Disk {
	done := map[*node]*node{}
	c := &Disk{root: d.root.copies(done, bytes, names), ticks: d.ticks}
	c.limit.Store(d.limit.Load())
	for _, n := range done {
		c.used += int64(len(n.seen))
	}
	return c
}
