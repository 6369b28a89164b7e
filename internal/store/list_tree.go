// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/ds/tree"
	"github.com/redpoll/redpoll/internal/lzf"
	"github.com/redpoll/redpoll/internal/mem"
)

// A large list is a tree of leaves (see list_leaf.go). They come about as Redis's nodes do, so that a list has but one when it has
// but one in Redis: an element goes into the leaf at its place, or the one beside it, if it is not too full. All memory that a
// change takes is allocated before the leaves change.

const (
	firstRoom    = 256     // bytes that a leaf begins with
	leastSqueeze = 48      // bytes from which on a leaf is worth squeezing
	mostSqueeze  = 1 << 20 // bytes up to which one is, lest it take long
	squeezeGain  = 8       // bytes that this must save, and one more
)

// leafList is a large list as it is worked on.
type leafList struct {
	tree.Tree
	limit    listLimit
	plain    int // texts from this length on are a leaf of their own
	depth    int // leaves at either end that are not to be squeezed; 0: none is
	squeezer **squeezer
}

// leafList gives a large list that lies in a tree.
func (db *DB) leafList(t tree.Tree) leafList {
	l := leafList{Tree: t, limit: db.listLimit(), depth: int(db.s.Settings.ListCompressDepth.Load()), squeezer: &db.v.squeezer}
	l.plain = l.limit.bytes + 1
	if n := db.s.Settings.ListPlainSize.Load(); n > 0 {
		l.plain = int(n)
	}
	return l
}

// leaf gives the leaf at the cursor.
func (l leafList) leaf(c *tree.Cursor) leaf { return leafAt(l.Heap, c.Leaf()) }

// takes tells whether the leaf at the cursor has place for an element of a length that is an entry of so many bytes. The limit
// is that of the block, header included, since such blocks fill their pages.
func (l leafList) takes(c *tree.Cursor, length, entry int) bool {
	f := l.leaf(c)
	return length < l.plain && f.form != leafPlain && !l.limit.exceeded(f.entrySize()+entry+leafHeaderSize, c.Count()+1)
}

// roomFor gives the room that a packed leaf gets which is to have so many bytes and may grow: twice as much, up to the limit.
func (l leafList) roomFor(size int) int {
	most := l.limit.bytes - leafHeaderSize
	if size >= most {
		return size
	}
	room := min(max(2*size, firstRoom), most)
	if n := l.limit.elements; n < room/size {
		room = n * size
	}
	return room
}

// each is List.Each.
func (l leafList) each(from, n int, reverse bool, fn func(v Value) bool) {
	var c tree.Cursor
	within := l.Seek(&c, from)
	for {
		if !l.leaf(&c).each(within, n, reverse, fn) {
			return
		}
		if reverse {
			n -= within + 1
		} else {
			n -= c.Count() - within
		}
		if n <= 0 {
			return
		}
		if reverse {
			if !c.Prev() {
				return
			}
			within = c.Count() - 1
		} else {
			if !c.Next() {
				return
			}
			within = 0
		}
	}
}

// push adds an element at one end.
func (l leafList) push(text []byte, head bool) {
	var c tree.Cursor
	some := false
	if head {
		some = l.First(&c)
	} else {
		some = l.Last(&c)
	}
	if v := listpack.Bytes(text); some && l.takes(&c, len(text), v.Size()) {
		i := 0
		if !head {
			i = c.Count()
		}
		l.put(&c, i, v)
		return
	}
	l.add(&c, text, !head)
	l.settle(&c)
}

// add puts an element into a leaf of its own, behind that at the cursor or before it.
func (l leafList) add(c *tree.Cursor, text []byte, behind bool) {
	f := l.newElement(text)
	if !behind {
		f.toEnd()
	}
	l.place(c, f, 1, behind)
}

// newElement makes a leaf of one element.
func (l leafList) newElement(text []byte) leaf {
	if len(text) >= l.plain {
		f := newLeaf(l.Heap, leafPlain, len(text), 0)
		copy(f.data(), text)
		return f
	}
	v := listpack.Bytes(text)
	size := listpack.EmptySize + v.Size()
	f := newLeaf(l.Heap, leafPacked, size, l.roomFor(size))
	v.Put(f.data()[listpack.HeaderSize:])
	listpack.Seal(f.data(), 1)
	return f
}

// place puts a leaf of n elements behind that at the cursor or before it, or frees it when memory is refused.
func (l leafList) place(c *tree.Cursor, f leaf, n int, behind bool) {
	placeLeaf(l.Tree, c, f.ref, leafSize(l.Heap, f.ref), n, 0, behind)
}

// put puts an entry into the leaf at the cursor, which is not plain.
func (l leafList) put(c *tree.Cursor, i int, v listpack.Value) {
	n := c.Count()
	f := l.own(c, v.Size(), i < n/2 || i == 0)
	at := seekEntry(f.data(), i, n)
	b := f.open(gap{at: at, n: v.Size()})
	v.Put(b[at:])
	listpack.Seal(b, n+1)
	l.Set(c, f.ref, n+1, 0)
	l.settle(c)
}

// own makes the leaf at the cursor, which is not plain, one that may be written to, is not squeezed and has room for so many bytes
// more, with front before the data. Nothing more needs memory then to change it, or to have the tree know of the change.
func (l leafList) own(c *tree.Cursor, more int, front bool) leaf {
	l.Own(c)
	old := l.leaf(c)
	frozen := l.Heap.Freezing() && l.Heap.Frozen(old.ref)
	if old.form == leafPacked && !frozen && int(old.room-old.size) >= more {
		return old
	}
	size := old.entrySize()
	f := newLeaf(l.Heap, leafPacked, size, l.roomFor(size+more))
	if old.form == leafSqueezed {
		old.unpack(f.data())
	} else {
		copy(f.data(), old.data())
	}
	if front {
		f.toEnd()
	}
	l.swap(c, old, f)
	return f
}

// swap puts a leaf in the place of the old one at the cursor, which the tree owns the way to.
func (l leafList) swap(c *tree.Cursor, old, f leaf) {
	l.Set(c, f.ref, c.Count(), 0)
	old.free()
}

// insert makes text the element at an index, from 0 to Len.
func (l leafList) insert(i int, text []byte) {
	if i == l.Len() {
		l.push(text, false)
		return
	}
	var c tree.Cursor
	within := l.Seek(&c, i)
	v := listpack.Bytes(text)
	switch {
	case l.takes(&c, len(text), v.Size()):
		l.put(&c, within, v)
		return
	case within == 0:
		if before := c; before.Prev() && l.takes(&before, len(text), v.Size()) {
			l.put(&before, before.Count(), v)
			return
		}
		l.add(&c, text, false)
	default:
		l.split(&c, within)
		if l.takes(&c, len(text), v.Size()) {
			l.put(&c, within, v)
		} else {
			l.add(&c, text, true)
		}
		l.merge(i+1, false)
		l.merge(i, true)
		l.Seek(&c, i)
	}
	l.settle(&c)
}

// split makes two leaves of that at the cursor, which is not plain. The cursor is at the first then, which has n elements.
func (l leafList) split(c *tree.Cursor, n int) {
	f, count := l.own(c, 0, false), c.Count()
	b := f.data()
	at := listpack.Seek(b, n)
	rest := b[at : len(b)-1]
	size := listpack.EmptySize + len(rest)
	second := newLeaf(l.Heap, leafPacked, size, l.roomFor(size))
	copy(second.data()[listpack.HeaderSize:], rest)
	listpack.Seal(second.data(), count-n)
	l.place(c, second, count-n, true)
	c.Prev()
	listpack.Seal(f.open(gap{at: at, cut: len(rest)}), n)
	l.Set(c, f.ref, n, 0)
}

// merge makes the leaf of the element at an index one with that behind it, or before it, if it is not too large and there is
// memory.
func (l leafList) merge(i int, before bool) {
	defer ignoreNoMemory()
	var second tree.Cursor
	if i >= l.Len() {
		return
	}
	l.Seek(&second, i)
	if !before && !second.Next() {
		return
	}
	first := second
	if !first.Prev() {
		return
	}
	a, b := l.leaf(&first), l.leaf(&second)
	if a.form != leafPacked || b.form != leafPacked || a.size+b.size > math.MaxInt32 {
		return
	}
	na, nb := first.Count(), second.Count()
	if l.limit.exceeded(int(a.size+b.size)-listpack.EmptySize+leafHeaderSize, na+nb) {
		return
	}
	l.Own(&second)
	first = second
	first.Prev()
	entries := b.data()[listpack.HeaderSize : b.size-1]
	a = l.own(&first, len(entries), false)
	at := int(a.size) - 1
	data := a.open(gap{at: at, n: len(entries)})
	copy(data[at:], entries)
	listpack.Seal(data, na+nb)
	l.Set(&first, a.ref, na+nb, 0)
	l.Tree.Remove(&second)
	b.free()
}

// set puts text in the place of the element at an index; false when that takes other leaves than there are.
func (l leafList) set(i int, text []byte) bool {
	var c tree.Cursor
	within := l.Seek(&c, i)
	wasPlain, plain := l.leaf(&c).form == leafPlain, len(text) >= l.plain
	switch {
	case wasPlain != plain:
		return false
	case plain:
		l.Own(&c)
		l.swap(&c, l.leaf(&c), l.newElement(text))
	case !l.replace(&c, within, listpack.Bytes(text)):
		return false
	default:
		l.settle(&c)
	}
	return true
}

// replace puts an entry in the place of another in the leaf at the cursor; false when that would become too large.
func (l leafList) replace(c *tree.Cursor, i int, v listpack.Value) bool {
	f := l.own(c, 0, false)
	b := f.data()
	at := listpack.Seek(b, i)
	cut := listpack.After(b, at) - at
	if more := v.Size() - cut; more > 0 {
		if l.limit.exceeded(len(b)+more+leafHeaderSize, c.Count()) {
			return false
		}
		f = l.own(c, more, false)
	}
	b = f.open(gap{at: at, cut: cut, n: v.Size()})
	v.Put(b[at:])
	listpack.Seal(b, c.Count())
	return true
}

// remove removes n elements from an index on, which are there.
func (l leafList) remove(from, n int, tick func() error) {
	const leavesATick = 64
	var c tree.Cursor
	within := l.Seek(&c, from)
	if within+n <= c.Count() {
		l.cut(&c, within, n)
		return
	}
	if within > 0 {
		l.own(&c, 0, false) // all that takes memory, but for nodes while the list is frozen, comes before anything goes
	}
	if last := l.Seek(&c, from+n-1); last < c.Count()-1 {
		l.own(&c, 0, false)
	}
	for leaves := 1; n > 0; leaves++ {
		within := l.Seek(&c, from)
		some := min(n, c.Count()-within)
		l.cut(&c, within, some)
		n -= some
		if leaves%leavesATick == 0 {
			_ = tick()
		}
	}
}

// cut removes n elements from the leaf at the cursor, and the leaf if these are all; the cursor is no longer good then.
func (l leafList) cut(c *tree.Cursor, i, n int) {
	count := c.Count()
	if n == count {
		f := l.leaf(c)
		l.Tree.Remove(c)
		f.free()
		return
	}
	f := l.own(c, 0, false)
	b := f.data()
	at := listpack.Seek(b, i)
	end := seekEntry(b, i+n, count)
	listpack.Seal(f.open(gap{at: at, cut: end - at}), count-n)
	l.Set(c, f.ref, count-n, 0)
	l.fitLeaf(c, f)
	l.settle(c)
}

// fitLeaf gives a leaf that is hardly filled less room, if there is memory for it.
func (l leafList) fitLeaf(c *tree.Cursor, f leaf) {
	if f.room <= 2*firstRoom || f.size > f.room/4 {
		return
	}
	defer ignoreNoMemory()
	less := newLeaf(l.Heap, leafPacked, int(f.size), l.roomFor(int(f.size)))
	copy(less.data(), f.data())
	l.swap(c, f, less)
}

// changeSize gives the bytes that a change at one place or at both ends of some elements takes at most, besides what is added: copies of
// leaves, and of nodes while they are frozen.
func (l leafList) changeSize() int {
	n := 3 * l.limit.bytes
	if l.Heap.Freezing() {
		n += int(l.Bytes())
	}
	return n
}

// copySize gives the bytes that it takes at most to change all leaves. tick is called every so often.
func (l leafList) copySize(tick func() error) (n int) {
	freezing := l.Heap.Freezing()
	if freezing {
		n = int(l.Bytes())
	} else if l.depth == 0 {
		return 0
	}
	leaves := 0
	l.Each(func(ref mem.Ref, _ int) bool {
		if f := leafAt(l.Heap, ref); freezing || f.form == leafSqueezed {
			n += f.entrySize() + leafHeaderSize
		}
		if leaves++; leaves%tickEvery == 0 {
			_ = tick()
		}
		return true
	})
	return n
}

// removeEqual removes up to limit elements that are text from one end on, and tells how many.
func (l leafList) removeEqual(text Needle, limit int, reverse bool, tick func() error) (removed int) {
	const leavesATick = 4
	var c tree.Cursor
	ok := false
	if reverse {
		ok = l.Last(&c)
	} else {
		ok = l.First(&c)
	}
	for leaves := 1; ok && removed < limit; leaves++ {
		before, count := c.Before(), c.Count()
		n := l.cutEqual(&c, text, limit-removed, reverse)
		removed += n
		switch {
		case n == 0 && reverse:
			ok = c.Prev()
		case n == 0:
			ok = c.Next()
		case reverse:
			if ok = before > 0; ok {
				l.Seek(&c, before-1)
			}
		default:
			next := before + count - n
			if ok = next < l.Len(); ok {
				l.Seek(&c, next)
			}
		}
		if leaves%leavesATick == 0 {
			_ = tick()
		}
	}
	return removed
}

// cutEqual removes up to limit elements that are text from the leaf at the cursor, and the leaf with the last; it tells how many. If
// there were any the cursor is no longer good.
func (l leafList) cutEqual(c *tree.Cursor, text Needle, limit int, reverse bool) (n int) {
	f, count := l.leaf(c), c.Count()
	if f.form == leafPlain {
		if !text.Is(Value{Bytes: f.data()}) {
			return 0
		}
		l.cut(c, 0, 1)
		return 1
	}
	b, _ := f.listpack(nil)
	matches := countEqual(b, text)
	if n = min(matches, limit); n == 0 {
		return 0
	}
	if n == count {
		l.cut(c, 0, n)
		return n
	}
	skip := 0
	if reverse {
		skip = matches - n
	}
	f = l.own(c, 0, false)
	b = f.data()
	at := closeEqual(b, text, skip, n)
	listpack.Seal(f.open(gap{at: at, cut: len(b) - 1 - at}), count-n)
	l.Set(c, f.ref, count-n, 0)
	l.fitLeaf(c, f)
	l.settle(c)
	return n
}

// squeezer is what squeezing a leaf takes.
type squeezer struct {
	table lzf.Table
	buf   []byte
}

// settle squeezes those leaves that should be after a change at the cursor, which is no longer good then: that of the cursor and
// those that the change may have moved away from the ends.
func (l leafList) settle(c *tree.Cursor) {
	if l.depth == 0 {
		return
	}
	l.squeeze(c)
	var end tree.Cursor
	if l.First(&end) && forward(&end, l.depth) {
		l.squeeze(&end)
	}
	if l.Last(&end) && back(&end, l.depth) {
		l.squeeze(&end)
	}
}

// forward goes on by n leaves; false when there are not so many.
func forward(c *tree.Cursor, n int) bool {
	for ; n > 0; n-- {
		if !c.Next() {
			return false
		}
	}
	return true
}

// back goes back by n leaves; false when there are not so many.
func back(c *tree.Cursor, n int) bool {
	for ; n > 0; n-- {
		if !c.Prev() {
			return false
		}
	}
	return true
}

// squeeze squeezes the leaf at the cursor if it is an inner one and worth it, and there is memory.
func (l leafList) squeeze(c *tree.Cursor) {
	f := l.leaf(c)
	if f.form != leafPacked || f.size < leastSqueeze || f.size > mostSqueeze {
		return
	}
	before, behind := *c, *c
	if !back(&before, l.depth) || !forward(&behind, l.depth) {
		return
	}
	if *l.squeezer == nil {
		*l.squeezer = &squeezer{}
	}
	q := *l.squeezer
	packed, ok := q.table.Pack(q.buf[:0], f.data(), int(f.size))
	q.buf = packed
	if !ok || len(packed)+squeezeGain >= int(f.size) {
		return
	}
	defer ignoreNoMemory()
	l.Own(c)
	less := newLeaf(l.Heap, leafSqueezed, len(packed), 0)
	less.at = uint32(f.size)
	copy(less.data(), packed)
	l.swap(c, f, less)
}

// Leaves calls fn with the number of elements of every leaf of a large list, the bytes of its data and what they are, from the
// head on until it gives false: for DEBUG.
func (l *List) Leaves(fn func(elements, bytes int, form string) bool) {
	leaves := l.leaves()
	leaves.Each(func(ref mem.Ref, n int) bool {
		f := leafAt(leaves.Heap, ref)
		return fn(n, int(f.size), [...]string{"packed", "plain", "squeezed"}[f.form])
	})
}
