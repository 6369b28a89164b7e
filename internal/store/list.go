// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/ds/tree"
)

// A small list is packed: a listpack, which lies in the record or in a block as other packed values do. One that outgrows
// list-max-listpack-size is a tree of leaves (see list_tree.go) until it has shrunk to half of that in a single leaf. So
// clients see the encodings that Redis would have.

// safeListpack is the bytes that a listpack has at most where the setting limits its elements, as in Redis.
const safeListpack = 8 << 10

// List is the list under a key, or one without elements when there is no such key: pushing an element makes the key, and
// removing the last one removes it. It is valid until its table changes by anything but the List itself.
type List struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key
}

// FindList finds a list for reading; see Find. The error is ErrWrongType.
func (db *DB) FindList(key []byte) (List, error) {
	it, _, err := db.FindType(key, TypeList)
	return List{db: db, key: key, it: it}, err
}

// FindListWrite finds a list to be changed; see FindWrite. The error is ErrWrongType. Even to remove elements takes memory while
// the list is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindListWrite(key []byte) (List, error) {
	it, err := db.findCollection(key, TypeList)
	return List{db: db, key: key, it: it}, err
}

// ListOf gives the list of a key that was found and is one.
func (db *DB) ListOf(it *Item) List { return List{db: db, key: it.Key(), it: *it} }

// listLimit is how much goes into one listpack of a list.
type listLimit struct{ bytes, elements int }

// listLimit gives what list-max-listpack-size says: a number of elements, or with -1 to -5 the bytes from 4 KB to 64 KB.
func (db *DB) listLimit() listLimit {
	n := db.s.Settings.ListMaxListpackSize.Load()
	if n >= 0 {
		return listLimit{bytes: safeListpack, elements: int(max(n, 1))}
	}
	return listLimit{bytes: 2048 << min(-n, 5), elements: math.MaxInt}
}

// exceeded tells whether a listpack of so many bytes and elements is too large.
func (l listLimit) exceeded(bytes, elements int) bool {
	return bytes > l.bytes || elements > l.elements
}

// roomy tells whether a listpack of so many bytes and elements has at most half of what it may have.
func (l listLimit) roomy(bytes, elements int) bool {
	if l.elements < math.MaxInt {
		return elements <= l.elements/2
	}
	return bytes <= l.bytes/2
}

func (l *List) isTree() bool { return l.it.Encoding() == EncQuicklist }

// leaves gives the leaves of a list that is a tree.
func (l *List) leaves() leafList { return l.db.leafList(l.it.body().leaves()) }

// Len tells how many elements there are.
func (l *List) Len() int {
	switch {
	case l.it.ref == 0:
		return 0
	case l.isTree():
		return l.it.body().leaves().Len()
	}
	return listpack.Count(l.it.listpack())
}

// At gives the element at an index from 0 on; false when there are not so many.
func (l *List) At(i int) (v Value, ok bool) {
	l.Each(i, 1, false, func(e Value) bool {
		v, ok = e, true
		return false
	})
	return v, ok
}

// Each calls fn with n elements, or as many as there are, from the index from on, or until it gives false: towards the tail,
// or with reverse towards the head. The list must not change meanwhile.
func (l *List) Each(from, n int, reverse bool, fn func(v Value) bool) {
	switch {
	case n <= 0 || from < 0 || from >= l.Len():
	case l.isTree():
		l.leaves().each(from, n, reverse, fn)
	default:
		eachEntry(l.it.listpack(), from, n, reverse, fn)
	}
}

// Size gives the bytes of the texts of n elements from the index from on.
func (l *List) Size(from, n int) (bytes int) {
	l.Each(from, n, false, func(v Value) bool {
		bytes += v.Len()
		return true
	})
	return bytes
}

// Reserve makes it all but certain that n elements of so many bytes in all can be pushed; see DB.Reserve.
func (l *List) Reserve(n, bytes int) {
	const (
		overhead = 16        // of an element, at most
		spans    = 128 << 10 // a leaf may grow through sizes of which there is none yet
	)
	l.db.Reserve(bytes + n*overhead + spans)
}

// Push adds elements at the head or the tail, one after the other, so that at the head the last one comes to be the first. The
// slices are copied and must not be part of this list. Nothing has changed when memory is refused. tick is called every so
// often; its error is of no consequence, since a command is not to be done by halves.
func (l *List) Push(texts [][]byte, head bool, tick func() error) {
	if len(texts) > 1 && !l.packsMore(texts) {
		l.Reserve(len(texts), sizeOf(texts))
	}
	l.push(texts, head, tick)
}

// push is Push for as much as memory has been reserved for.
func (l *List) push(texts [][]byte, head bool, tick func() error) {
	if l.packsMore(texts) {
		l.pushPacked(texts, head)
		return
	}
	if l.it.ref == 0 {
		l.createTree(texts[0])
		texts = texts[1:]
	} else if !l.isTree() {
		l.spread()
	}
	for len(texts) > 0 {
		some := texts[:min(len(texts), tickEvery)]
		l.change(func(leaves leafList) {
			for _, text := range some {
				leaves.push(text, head)
			}
		})
		if texts = texts[len(some):]; len(texts) > 0 {
			_ = tick()
		}
	}
}

// sizeOf gives the bytes of texts.
func sizeOf(texts [][]byte) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}

// packsMore tells whether a list is packed, or is none yet, and stays so with more elements.
func (l *List) packsMore(texts [][]byte) bool {
	bytes, elements := listpack.EmptySize, 0
	if l.it.ref != 0 {
		if l.isTree() {
			return false
		}
		b := l.it.listpack()
		bytes, elements = len(b), listpack.Count(b)
	}
	return !l.db.listLimit().exceeded(bytes+sizeOf(texts), elements+len(texts))
}

// createTree makes the key, with a tree of one element.
func (l *List) createTree(text []byte) {
	l.it, _ = l.db.createBody(l.key, TypeList, EncQuicklist, NoExpiry, len(text), func(v body) error {
		l.db.leafList(v.leaves()).push(text, false)
		return nil
	})
}

// spread makes a packed list a tree of one leaf.
func (l *List) spread() {
	b := l.it.listpack()
	l.it.becomeBody(EncQuicklist, func(v body) {
		leaves := l.db.leafList(v.leaves())
		f := newLeaf(leaves.Heap, leafPacked, len(b), leaves.roomFor(len(b)))
		copy(f.data(), b)
		leaves.place(new(tree.Cursor), f, listpack.Count(b), true)
	})
}

// change has a tree changed, and it is given the heap that it should have then.
func (l *List) change(fn func(leaves leafList)) {
	leaves := l.leaves()
	before := leaves.Heap.Live()
	fn(leaves)
	l.it.weigh(leaves.Heap.Live() - before)
	l.it.fitBody()
}

// pack makes a tree that has become small a packed list, if there is memory.
func (l *List) pack() {
	if l.it.body().leaves().Leaves() != 1 {
		return
	}
	leaves := l.leaves()
	var c tree.Cursor
	leaves.First(&c)
	f := leaves.leaf(&c)
	if f.form != leafPacked || !leaves.limit.roomy(int(f.size), c.Count()) {
		return
	}
	defer ignoreNoMemory()
	l.db.replaceBlob(&l.it, TypeList, EncListpack, f.data(), l.it.Expiry())
}

// Insert makes text the element at an index, which is at most Len; those from there on move up. The list is there. The slice
// is copied and must not be part of this list.
func (l *List) Insert(i int, text []byte) {
	if l.packsMore([][]byte{text}) {
		l.insertPacked(i, text)
		return
	}
	if !l.isTree() {
		l.spread()
	}
	l.change(func(leaves leafList) { leaves.insert(i, text) })
}

// Set puts text in the place of the element at an index, which is there. The slice is copied and must not be part of this
// list.
func (l *List) Set(i int, text []byte) { l.set(i, text, l.Reserve) }

// set is Set with another way to reserve memory.
func (l *List) set(i int, text []byte, reserve func(n, bytes int)) {
	if l.packsMore([][]byte{text}) {
		l.setPacked(i, text)
		return
	}
	if !l.isTree() {
		l.spread()
	}
	l.change(func(leaves leafList) {
		if !leaves.set(i, text) {
			reserve(1, len(text)+leaves.changeSize())
			leaves.insert(i+1, text)
			leaves.remove(i, 1, neverEnds)
		}
	})
	l.pack()
}

// Reverse turns the order of n elements from the index from on round. tick is as for Push.
func (l *List) Reverse(from, n int, tick func() error) {
	size := l.Size(from, n)
	if l.isTree() {
		leaves := l.leaves()
		size += leaves.copySize(tick) + leaves.changeSize()
	}
	l.Reserve(n, size)
	reserved := func(int, int) {}
	var room, other [64]byte
	for i, j := from, from+n-1; i < j; i, j = i+1, j-1 {
		a, _ := l.At(i)
		first := append(room[:0], Text(a, nil)...)
		b, _ := l.At(j)
		last := append(other[:0], Text(b, nil)...)
		l.set(i, last, reserved)
		l.set(j, first, reserved)
		if i%tickEvery == tickEvery-1 {
			_ = tick()
		}
	}
}

// Rotate takes n elements, fewer than there are, from one end and puts them at the other, towards which they keep their order.
// tick is as for Push. Of the list there is never more than there was.
func (l *List) Rotate(n int, toHead bool, tick func() error) {
	from := 0
	if toHead {
		from = l.Len() - n
	}
	l.Reserve(n, l.Size(from, n)+l.cutSize())
	for n > 0 {
		first := 0
		if toHead {
			first = l.Len() - 1
		}
		texts := l.texts(first, n, toHead)
		some, from := len(texts), 0
		if toHead {
			from = l.Len() - some
		}
		l.cut(from, some, tick)
		l.push(texts, toHead, tick)
		if n -= some; n > 0 {
			_ = tick()
		}
	}
	if l.isTree() {
		l.pack()
	}
}

// texts gives copies of n elements from the index from on; not of all if these are many or long, but of one at least.
func (l *List) texts(from, n int, reverse bool) (texts [][]byte) {
	const enough = 256 << 10 // bytes
	var buf []byte
	var digits [maxIntText]byte
	l.Each(from, min(n, tickEvery), reverse, func(v Value) bool {
		begin := len(buf)
		buf = append(buf, Text(v, digits[:0])...)
		texts = append(texts, buf[begin:])
		return len(buf) < enough
	})
	return texts
}

// Move takes n elements, the one nearest to the head being that at the index first, and adds them to an end of another list one
// after the other, the last one of them first if backwards is set. The key goes with its last element. Nothing has changed when
// memory is refused. tick is as for Push.
func (l *List) Move(first, n int, backwards bool, to *List, head bool, tick func() error) {
	if cut := l.cutSize(); n > 1 || cut > 0 {
		to.Reserve(n, l.Size(first, n)+cut)
	}
	if n == 1 {
		var digits [maxIntText]byte
		v, _ := l.At(first)
		to.push([][]byte{Text(v, digits[:0])}, head, tick)
	}
	for moved := 0; n > 1 && moved < n; {
		from := first + moved
		if backwards {
			from = first + n - 1 - moved
		}
		texts := l.texts(from, n-moved, backwards)
		to.push(texts, head, tick)
		moved += len(texts)
		_ = tick()
	}
	l.it, _ = l.db.lookup(l.key) // what the other list has allocated may have moved its place
	l.drop(first, n, tick)
}

// Remove removes n elements from the index from on, which are there, and the key with the last one. tick is as for Push. Nothing
// has changed when memory is refused.
func (l *List) Remove(from, n int, tick func() error) {
	if n > 1 && n < l.Len() {
		l.reserveCut()
	}
	l.drop(from, n, tick)
}

// Trim removes all elements but n from the index from on, and the key if these are none. See Remove.
func (l *List) Trim(from, n int, tick func() error) {
	if n > 0 {
		l.reserveCut()
	}
	l.drop(from+n, l.Len()-from-n, tick)
	l.drop(0, from, tick)
}

// reserveCut is Reserve for removing several elements. For one it is not needed: what that takes is allocated before it goes.
func (l *List) reserveCut() {
	if n := l.cutSize(); n > 0 {
		l.Reserve(0, n)
	}
}

// drop is Remove for as much as memory has been reserved for.
func (l *List) drop(from, n int, tick func() error) {
	switch {
	case n == 0:
	case n == l.Len():
		l.db.Remove(&l.it)
	default:
		if l.cut(from, n, tick); l.isTree() {
			l.pack()
		}
	}
}

// cut is drop for some of the elements, after which the list has the encoding that it had.
func (l *List) cut(from, n int, tick func() error) {
	if !l.isTree() {
		l.removePacked(from, n)
		return
	}
	l.change(func(leaves leafList) { leaves.remove(from, n, tick) })
}

// cutSize gives the bytes that removing elements takes at most, for copies of what is frozen or squeezed.
func (l *List) cutSize() int {
	if !l.isTree() {
		return 0
	}
	leaves := l.leaves()
	if !leaves.Heap.Freezing() && leaves.depth == 0 {
		return 0
	}
	return leaves.changeSize()
}

// RemoveEqual removes elements that are text, limit at most, beginning at the head or with reverse at the tail, and the key
// with the last element. It tells how many. tick is as for Push. The text must not be part of this list.
func (l *List) RemoveEqual(text Needle, limit int, reverse bool, tick func() error) (removed int) {
	switch {
	case l.it.ref == 0:
		return 0
	case !l.isTree():
		return l.removeEqualPacked(text, limit, reverse)
	}
	if n := l.leaves().copySize(tick); n > 0 {
		l.db.Reserve(n)
	}
	l.change(func(leaves leafList) { removed = leaves.removeEqual(text, limit, reverse, tick) })
	switch {
	case l.Len() == 0:
		l.db.Remove(&l.it)
	case removed > 0:
		l.pack()
	}
	return removed
}
