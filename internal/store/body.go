// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"unsafe"

	"github.com/redpoll/redpoll/internal/ds/dict"
	"github.com/redpoll/redpoll/internal/ds/scores"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/mem"
)

// A value of many blocks is one whose record has the root of what it consists of: a table of elements (EncTable), a tree of
// leaves (EncQuicklist), both (EncSkiplist), or a tree and a state (EncStream, EncArray). With its heap that is its body. What is done
// with all such values, they are freed in slices, compacted, moved, copied, counted and made big or small again, is done here and by
// those that use this; what there is to know of the leaves of an encoding is its leafKind.

// roots is all that a body can have.
type roots struct {
	table dict.Root
	tree  tree.Root
	state streamState
	array arrayState
}

// treeRoot is what a record with EncQuicklist keeps of its tree. That of a big value has the big's number in its first word, and
// is nothing else.
type treeRoot struct {
	tree.Root
	weight int64 // bytes that the tree and its leaves take, about
}

// treeAndTable is the same with EncSkiplist.
type treeAndTable struct {
	tableRoot // its weight is that of the tree, too
	tree      tree.Root
}

// The parts of a record that these take.
const (
	treeRootSize     = int(unsafe.Sizeof(treeRoot{}))
	treeAndTableSize = int(unsafe.Sizeof(treeAndTable{}))
)

// rooted tells whether a value of the encoding has many blocks; its record has a root then, which is aligned.
func (e Encoding) rooted() bool { return e >= EncArray && e <= EncTable }

// tree gives in place the root of a rooted value's tree, nil when it has none. The value is not big.
func (r record) tree() *tree.Root {
	p := unsafe.Pointer(unsafe.SliceData(r.value()))
	switch r.encoding() {
	case EncQuicklist, EncStream, EncArray:
		return &(*treeRoot)(p).Root
	case EncSkiplist:
		return &(*treeAndTable)(p).tree
	}
	return nil
}

// state gives in place a stream's state, nil when the value is none. It is not big.
func (r record) state() *streamState {
	if r.encoding() != EncStream {
		return nil
	}
	return &(*streamRoot)(unsafe.Pointer(unsafe.SliceData(r.value()))).state
}

// array gives in place an array's state, nil when the value is none. It is not big.
func (r record) array() *arrayState {
	if r.encoding() != EncArray {
		return nil
	}
	return &(*arrayRoot)(unsafe.Pointer(unsafe.SliceData(r.value()))).state
}

// tabled tells whether a rooted value of the encoding has a table.
func (e Encoding) tabled() bool { return e >= EncSkiplist }

// table gives in place the root of a rooted value's table, nil when it has none. The value is not big.
func (r record) table() *dict.Root {
	if !r.encoding().tabled() {
		return nil
	}
	return &(*tableRoot)(unsafe.Pointer(unsafe.SliceData(r.value()))).Root
}

// weight gives in place the bytes that a rooted value takes, about, besides its record. The value is not big.
func (r record) weight() *int64 {
	p := unsafe.Pointer(unsafe.SliceData(r.value()))
	if !r.encoding().tabled() {
		return &(*treeRoot)(p).weight
	}
	return &(*tableRoot)(p).weight
}

// body is a view of a value of many blocks.
type body struct {
	enc   Encoding
	heap  *mem.Heap
	table *dict.Root   // nil: it has none
	tree  *tree.Root   // nil: it has none
	state *streamState // nil, or of no use, if it is no stream
	array *arrayState  // the same for an array
}

// roots gives the roots of a rooted value that is not big.
func (r record) roots() (all roots) {
	if table := r.table(); table != nil {
		all.table = *table
	}
	if tree := r.tree(); tree != nil {
		all.tree = *tree
	}
	if state := r.state(); state != nil {
		all.state = *state
	}
	if array := r.array(); array != nil {
		all.array = *array
	}
	return all
}

// body gives the body of a rooted value.
func (it *Item) body() body {
	if it.isBig() {
		b := it.big()
		return b.roots.body(b.enc, it.heap())
	}
	return body{enc: it.Encoding(), heap: it.heap(), table: it.rec.table(), tree: it.rec.tree(), state: it.rec.state(), array: it.rec.array()}
}

func (b *big) body() body { return b.roots.body(b.enc, b.heap) }

func (r *roots) body(enc Encoding, heap *mem.Heap) body {
	return body{enc: enc, heap: heap, table: &r.table, tree: &r.tree, state: &r.state, array: &r.array}
}

// elements gives the table of a body that has one.
func (v body) elements() *dict.Table { return &dict.Table{Heap: v.heap, Root: v.table, Key: fieldKey} }

// leaves gives the tree of a body that has one.
func (v body) leaves() tree.Tree { return tree.Tree{Heap: v.heap, Root: v.tree} }

// parts tells how many elements, leaves and other blocks there are.
func (v body) parts() (n int) {
	if v.table != nil {
		n += v.elements().Len()
	}
	if v.tree != nil {
		n += v.leaves().Leaves()
	}
	v.eachPart(func(p streamPart) bool {
		n += p.blocks(v)
		return true
	})
	return n
}

// leafKind is what there is to know of the leaves of an encoding.
type leafKind struct {
	// size gives the bytes that a leaf was allocated with.
	size func(h *mem.Heap, leaf mem.Ref) int
	// copy makes an empty body, which may be of another heap, one of the same. Blocks of more than limit bytes are not copied: it
	// gets the other's own, which its heap is to adopt.
	copy func(to, from body, limit int, tick func() error) error
	// moved is called when an element lies elsewhere now; nil where leaves do not refer to elements.
	moved func(v body, from, to mem.Ref)
}

// leafKind gives what there is to know of the leaves of an encoding with a tree.
func (e Encoding) leafKind() leafKind {
	switch e {
	case EncSkiplist:
		return leafKind{size: func(*mem.Heap, mem.Ref) int { return scores.Size }, copy: copySorted, moved: movedSorted}
	case EncQuicklist:
		return leafKind{size: leafSize, copy: copyLeaves}
	case EncStream:
		return leafKind{size: entryBlockSize, copy: copyStream}
	case EncArray:
		return leafKind{size: cellBlockSize, copy: copyArray}
	}
	return leafKind{}
}

// copyLeaves is leafKind.copy for a tree whose leaves refer to nothing.
func copyLeaves(to, from body, limit int, tick func() error) error {
	const leavesATick = 64
	size := from.enc.leafKind().size
	var at, end tree.Cursor
	n := 0
	for ok := from.leaves().First(&at); ok; ok = at.Next() {
		old := at.Leaf()
		if bytes := size(from.heap, old); bytes > limit {
			to.leaves().Insert(&end, old, at.Count(), at.Key(), true)
		} else {
			insertLeaf(to.leaves(), &end, copyBlock(to.heap, from.heap, old, bytes), bytes, at.Count(), at.Key())
		}
		if n++; n%leavesATick == 0 {
			if err := tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyBlock gives a copy of a block of some heap.
func copyBlock(to, from *mem.Heap, ref mem.Ref, size int) mem.Ref {
	copied := to.Alloc(size)
	copy(to.Bytes(copied, size), from.Bytes(ref, size))
	return copied
}

// insertLeaf puts a leaf of so many bytes behind the cursor's, or frees it when memory is refused.
func insertLeaf(t tree.Tree, c *tree.Cursor, leaf mem.Ref, size, n int, key uint64) {
	placeLeaf(t, c, leaf, size, n, key, true)
}

// placeLeaf is insertLeaf for a place behind the cursor's leaf or before it.
func placeLeaf(t tree.Tree, c *tree.Cursor, leaf mem.Ref, size, n int, key uint64, behind bool) {
	placed := false
	defer func() {
		if !placed {
			t.Heap.Free(leaf, size)
		}
	}()
	t.Insert(c, leaf, n, key, behind)
	placed = true
}

// drain frees up to about max elements and leaves, and tells whether there are none any more.
func (v body) drain(max int) (done bool) {
	return v.drainBy(max, func(r mem.Ref, size int) { v.heap.Free(r, size) })
}

// drainBy is drain with another way to free an element or a leaf.
func (v body) drainBy(max int, free func(r mem.Ref, size int)) (done bool) {
	if v.tree != nil {
		size := v.enc.leafKind().size
		if !v.leaves().Drain(max, func(leaf mem.Ref) { free(leaf, size(v.heap, leaf)) }) {
			return false
		}
	}
	if v.table != nil {
		t := v.elements()
		done = t.Drain(max, func(e mem.Ref) { free(e, elementAt(v.heap, e).size) })
		if !done {
			return false
		}
	}
	done = true
	v.eachPart(func(p streamPart) bool {
		done = p.drain(v, max, free)
		return done
	})
	return done
}

// size gives about how many bytes a body takes, judged by so many of its elements and of its leaves; 0 is by all of them. tick is
// called every so often and ends the counting when it gives an error, which is returned.
func (v body) size(samples int, tick func() error) (n int64, err error) {
	if samples <= 0 {
		samples = v.parts()
	}
	if v.table != nil {
		t := v.elements()
		s := sample{max: samples, tick: tick}
		t.Each(func(e mem.Ref) bool { return s.add(elementAt(v.heap, e).size) })
		n += t.Bytes() + s.total(t.Len())
		err = s.err
	}
	if v.tree != nil && err == nil {
		t, size := v.leaves(), v.enc.leafKind().size
		s := sample{max: samples, tick: tick}
		t.Each(func(leaf mem.Ref, _ int) bool { return s.add(size(v.heap, leaf)) })
		n += t.Bytes() + s.total(t.Leaves())
		err = s.err
	}
	v.eachPart(func(p streamPart) bool {
		if err == nil {
			var more int64
			more, err = p.size(v, samples, tick)
			n += more
		}
		return err == nil
	})
	return n, err
}

// sample estimates the bytes of many blocks by some of them.
type sample struct {
	max  int
	tick func() error
	seen int
	sum  int64
	err  error
}

// add counts a block and tells whether to go on.
func (s *sample) add(size int) bool {
	s.sum += int64(mem.Usable(size))
	if s.seen++; s.seen%tickEvery == 0 {
		s.err = s.tick()
	}
	return s.err == nil && s.seen < s.max
}

// total gives the bytes of n blocks like those seen.
func (s *sample) total(n int) int64 {
	if s.seen == 0 || s.seen == n {
		return s.sum
	}
	return int64(float64(s.sum) / float64(s.seen) * float64(n))
}

// build makes a body of an encoding with a tree in a heap, which fill has filled, and gives its roots. Nothing stays of it when
// fill gives an error, which is returned, or panics.
func build(heap *mem.Heap, enc Encoding, fill func(v body) error) (r roots, err error) {
	v := r.body(enc, heap)
	whole := false
	defer func() {
		for !whole {
			whole = v.drain(lazyFrom)
		}
	}()
	err = fill(v)
	whole = err == nil
	return r, err
}

// buildBigBody makes a big value of an encoding with a tree, which fill has filled. Nothing stays of it when fill gives an error,
// which is returned, or panics.
func buildBigBody(sh *Shard, enc Encoding, fill func(v body) error) (b *big, err error) {
	b = sh.newBig()
	b.enc = enc
	whole := false
	defer func() {
		if !whole {
			b.dropUnowned()
		}
	}()
	err = fill(b.body())
	whole = err == nil
	return b, err
}

// createBody makes a key, which is not there, of an encoding with a tree, with a value of about size bytes that fill has filled.
// Nothing stays of it when fill gives an error, which is returned, or memory is refused. at is the key's expiry (Unix ms) or
// NoExpiry.
func (db *DB) createBody(key []byte, typ Type, enc Encoding, at int64, size int, fill func(v body) error) (it Item, err error) {
	whole := func(v body) error {
		if err := fill(v); err != nil {
			return err
		}
		it = db.create(key, rootedShape(typ, enc, at))
		return nil
	}
	if size >= db.s.bigTable {
		b, err := buildBigBody(db.shardOf(key), enc, whole)
		if err == nil {
			it.setBigBody(b)
		}
		return it, err
	}
	heap := db.place(key).heap
	before := heap.Live()
	r, err := build(heap, enc, whole)
	if err == nil {
		it.setRoots(r, heap.Live()-before)
	}
	return it, err
}

// becomeBody makes a value of another encoding one of an encoding with a tree, which fill fills from it. Nothing has changed when
// memory is refused.
func (it *Item) becomeBody(enc Encoding, fill func(v body)) {
	heap := it.t.heap
	var old block
	if it.rec.has(inBlock) {
		old = readBlock(it.rec.value())
	}
	before := heap.Live()
	r, _ := build(heap, enc, func(v body) error {
		fill(v)
		it.reshape(rootedShape(it.Type(), enc, it.Expiry()))
		return nil
	})
	it.setRoots(r, heap.Live()-before)
	if old.ref != 0 {
		heap.Free(old.ref, old.size)
	}
	it.fitBody()
}

// rootedShape gives the layout of a record of an encoding with a tree.
func rootedShape(typ Type, enc Encoding, at int64) recordShape {
	shape := recordShape{typ: typ, enc: enc, valLen: treeRootSize, expiry: at}
	switch enc {
	case EncSkiplist:
		shape.valLen = treeAndTableSize
	case EncStream:
		shape.valLen = streamRootSize
	case EncArray:
		shape.valLen = arrayRootSize
	}
	return shape
}

// setRoots makes a body of the shard's heap the value of a record of an encoding with a tree, which owns nothing.
func (it *Item) setRoots(r roots, weight int64) {
	clear(it.rec.value())
	*it.rec.tree() = r.tree
	if table := it.rec.table(); table != nil {
		*table = r.table
	}
	if state := it.rec.state(); state != nil {
		*state = r.state
	}
	if array := it.rec.array(); array != nil {
		*array = r.array
	}
	*it.rec.weight() = weight
}

// setBigBody makes a big the value of such a record.
func (it *Item) setBigBody(b *big) {
	clear(it.rec.value())
	it.setBig(b)
}

// fitBody gives a value with a tree the heap that it should have by its size, see fit, and tells whether that may be another than it
// was.
func (it *Item) fitBody() (moved bool) {
	if it.journal != nil {
		return false
	}
	limit := int64(it.sh.store.bigTable)
	if !it.isBig() {
		w := it.rec.weight()
		if *w < limit {
			return false
		}
		if !it.enlargeBody() {
			*w /= 2 // not at once again
		}
		return true
	}
	b := it.big()
	if b.heap.Live() > limit/bigShrink || b.moments != 0 {
		return false
	}
	it.diminishBody(b)
	return true
}

// neverEnds is the tick of what is not to be done by halves.
func neverEnds() error { return nil }

// enlargeBody makes a value with a tree a big one; false when there is no memory. Blocks that own their pages change heaps without
// a copy.
func (it *Item) enlargeBody() (done bool) {
	defer ignoreNoMemory()
	from := it.body()
	b, _ := buildBigBody(it.sh, from.enc, func(v body) error {
		return from.enc.leafKind().copy(v, from, mem.MaxSmall, neverEnds)
	})
	for !from.drainBy(tickEvery, func(r mem.Ref, size int) {
		if !b.heap.Adopt(from.heap, r, size) {
			from.heap.Free(r, size)
		}
	}) {
	}
	it.setBigBody(b)
	return true
}

// diminishBody makes a big value with a tree one in its shard's heap, if there is memory.
func (it *Item) diminishBody(b *big) {
	defer ignoreNoMemory()
	heap, from := it.t.heap, b.body()
	before := heap.Live()
	r, _ := build(heap, from.enc, func(v body) error {
		return from.enc.leafKind().copy(v, from, MaxKey, neverEnds)
	})
	*it.rec.byteAt(1) &^= isBig
	it.setRoots(r, heap.Live()-before)
	b.leave()
	b.heap.ReleaseAll()
}
