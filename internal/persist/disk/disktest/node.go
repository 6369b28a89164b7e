// SPDX-License-Identifier: BSD-3-Clause

package disktest

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// page is the bytes that reach the disk together.
const page = 4096

// A node is a file or a directory.
type node struct {
	isDir        bool
	links, opens int
	changed      int64 // Disk.ticks at the last change

	names, keptNames map[string]*node // of a directory; what is pending is in Disk.steps

	seen, kept []byte
	pending    []change
	// doubtful are the pages that a failed sync was to keep: the system does not try again, though it still shows them. They are out
	// of doubt when they are written to anew and kept.
	doubtful map[int64]bool
}

// A change is a pending change of a file: bytes at an offset, or, if they are nil, a new size.
type change struct {
	at    int64
	bytes []byte
}

func newNode(isDir bool) *node {
	n := &node{isDir: isDir}
	if isDir {
		n.names, n.keptNames = map[string]*node{}, map[string]*node{}
	}
	return n
}

// keep has the disk know a place as a step has left it.
func (p place) keep() {
	if p.node == nil {
		delete(p.dir.keptNames, p.name)
	} else {
		p.dir.keptNames[p.name] = p.node
	}
}

// resized gives bytes of a size, cut off or followed by zeros.
func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// put gives bytes in which others stand at an offset.
func put(b []byte, at int64, with []byte) []byte {
	b = resized(b, max(int64(len(b)), at+int64(len(with))))
	copy(b[at:], with)
	return b
}

// resize gives a file another size.
func (d *Disk) resize(n *node, size int64) {
	d.used += size - int64(len(n.seen))
	n.seen = resized(n.seen, size)
	n.note(d, change{at: size})
}

// write puts bytes into a file as far as there is room, and gives how many.
func (d *Disk) write(n *node, at int64, b []byte) int {
	grows := at + int64(len(b)) - int64(len(n.seen))
	if limit := d.limit.Load(); limit > 0 && grows > 0 {
		if room := max(limit-d.used, 0); grows > room {
			b = b[:max(int64(len(b))-(grows-room), 0)]
		}
	}
	if len(b) == 0 {
		return 0
	}
	d.used -= int64(len(n.seen))
	n.seen = put(n.seen, at, b)
	d.used += int64(len(n.seen))
	n.note(d, change{at, append([]byte{}, b...)})
	return len(b)
}

func (n *node) note(d *Disk, c change) {
	d.ticks++
	n.changed = d.ticks
	n.pending = append(n.pending, c)
}

// pages gives the first page that a change touches and the one behind the last.
func (c change) pages() (from, to int64) {
	return c.at / page, (c.at + int64(len(c.bytes)) + page - 1) / page
}

// sync keeps what is seen, but for pages in doubt that were not written to since.
func (n *node) sync() {
	size := int64(len(n.seen))
	n.kept = resized(n.kept, size)
	for _, c := range n.pending {
		from, to := c.pages()
		for p := from; p < to; p++ {
			if at := p * page; at < size {
				copy(n.kept[at:], n.seen[at:min(at+page, size)])
			}
			delete(n.doubtful, p)
		}
	}
	n.pending = nil
}

// doubt is what a failed sync does: the size is kept, the pages may be.
func (n *node) doubt() {
	n.kept = resized(n.kept, int64(len(n.seen)))
	for _, c := range n.pending {
		from, to := c.pages()
		for p := from; p < to; p++ {
			if n.doubtful == nil {
				n.doubtful = map[int64]bool{}
			}
			n.doubtful[p] = true
		}
	}
	n.pending = nil
}

// left gives what may be left of a file after a loss of power.
func (n *node) left(r *rand.Rand, order Order) []byte {
	b := append([]byte{}, n.kept...)
	for _, p := range slices.Sorted(maps.Keys(n.doubtful)) { // which may have reached the disk all the same
		if at := p * page; at < int64(min(len(b), len(n.seen))) && r.IntN(2) == 0 {
			copy(b[at:], n.seen[at:min(at+page, int64(len(n.seen)))])
		}
	}
	if len(n.pending) == 0 {
		return b
	}
	size, upTo := n.sizeLeft(r)
	kept := int64(len(n.kept))
	times := map[int64]int{} // by page: how many of the changes have reached it
	timeOf := func(p int64) int {
		t, ok := times[p]
		if !ok {
			t = r.IntN(len(n.pending) + 1)
			if order == Ordered && (p+1)*page > kept {
				t = upTo
			}
			times[p] = t
		}
		return t
	}
	for i, c := range n.pending {
		if c.bytes == nil {
			for at := c.at; at < int64(len(b)); at++ {
				if i < timeOf(at/page) {
					b[at] = 0
				}
			}
			continue
		}
		b = resized(b, max(int64(len(b)), c.at+int64(len(c.bytes))))
		from, to := c.pages()
		for p := from; p < to; p++ {
			if i < timeOf(p) {
				first, last := max(c.at, p*page), min(c.at+int64(len(c.bytes)), (p+1)*page)
				copy(b[first:last], c.bytes[first-c.at:])
			}
		}
	}
	return resized(b, size)
}

// sizeLeft chooses how many of the pending changes the size of a file knows of, and the size, which may lie within the last of them.
func (n *node) sizeLeft(r *rand.Rand) (size int64, changes int) {
	changes = r.IntN(len(n.pending) + 1)
	size = int64(len(n.kept))
	before := size
	for _, c := range n.pending[:changes] {
		before = size
		if c.bytes == nil {
			size = c.at
		} else {
			size = max(size, c.at+int64(len(c.bytes)))
		}
	}
	if size > before && r.IntN(2) == 0 {
		size -= r.Int64N(size - before + 1)
	}
	return size, changes
}

// copies gives a copy of everything below a node, in which a file's bytes are what the function says, and a directory's names too. Nodes
// that were copied already are in done.
func (n *node) copies(done map[*node]*node, bytes func(*node) []byte, names func(*node) map[string]*node) *node {
	if c := done[n]; c != nil {
		return c
	}
	c := newNode(n.isDir)
	done[n], c.changed = c, n.changed
	if !n.isDir {
		c.seen = bytes(n)
		c.kept = append([]byte{}, c.seen...)
		return c
	}
	all := names(n)
	for _, name := range slices.Sorted(maps.Keys(all)) { // so that chance chooses the same again
		below := all[name].copies(done, bytes, names)
		below.links++
		c.names[name] = below
	}
	c.keptNames = maps.Clone(c.names)
	return c
}

// info tells of a node by a name.
func (n *node) info(name string) fs.FileInfo {
	return info{name: name, size: int64(len(n.seen)), isDir: n.isDir, changed: n.changed}
}

type info struct {
	name    string
	size    int64
	isDir   bool
	changed int64
}

func (i info) Name() string { return i.name }
func (i info) Size() int64  { return i.size }
func (i info) IsDir() bool  { return i.isDir }
func (i info) Sys() any     { return nil }

// ModTime grows by a second with each change of anything on the disk.
func (i info) ModTime() time.Time { return time.Unix(i.changed, 0) }

func (i info) Mode() fs.FileMode {
	if i.isDir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
