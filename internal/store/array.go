// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"math"

	"github.com/redpoll/redpoll/internal/ds/cells"
	"github.com/redpoll/redpoll/internal/ds/tree"
)

// MaxIndex is the greatest index of an array's elements.
const MaxIndex = math.MaxUint64 - 1

// Array is the array under a key, or one without elements when there is no such key: to set an element makes the key, to take away the
// last one removes it. It is valid until its table changes by anything but the Array itself.
type Array struct {
	db  *DB
	key []byte
	it  Item // its ref is 0 while there is no key

	draft *ArrayDraft // of an array that has no key yet; nil else
}

// FindArray finds an array for reading; see Find. The error is ErrWrongType.
func (db *DB) FindArray(key []byte) (Array, error) {
	it, _, err := db.FindType(key, TypeArray)
	return Array{db: db, key: key, it: it}, err
}

// FindArrayWrite finds an array to be changed; see FindWrite. The error is ErrWrongType. Even to take elements away takes memory while the
// array is frozen: if hardly any is left it panics with mem.ErrNoMemory.
func (db *DB) FindArrayWrite(key []byte) (Array, error) {
	it, err := db.findCollection(key, TypeArray)
	return Array{db: db, key: key, it: it}, err
}

// ArrayOf gives the array of a key that was found and is one.
func (db *DB) ArrayOf(it *Item) Array { return Array{db: db, key: it.Key(), it: *it} }

// Exists tells whether there is the key. A draft's array exists when it has elements.
func (a *Array) Exists() bool {
	if a.draft != nil {
		return a.draft.body().leaves().Len() > 0
	}
	return a.it.ref != 0
}

func (a *Array) body() body {
	if a.draft != nil {
		return a.draft.body()
	}
	return a.it.body()
}

// change has an array that exists changed; see Stream.change.
func (a *Array) change(fn func(v body)) {
	v := a.body()
	before := v.heap.Live()
	fn(v)
	if a.draft == nil {
		a.it.weigh(v.heap.Live() - before)
		a.it.fitBody()
	}
}

// Count tells how many elements there are.
func (a *Array) Count() int {
	if !a.Exists() {
		return 0
	}
	return a.body().leaves().Len()
}

// Len gives the greatest index and one more, 0 without elements.
func (a *Array) Len() uint64 {
	var c tree.Cursor
	if !a.Exists() || !a.body().leaves().Last(&c) {
		return 0
	}
	return a.body().cells(&c).Last() + 1
}

// Next gives the index at which ARINSERT goes on, math.MaxUint64 when that was the last one.
func (a *Array) Next() uint64 {
	if !a.Exists() {
		return 0
	}
	return a.body().array.next
}

// SetNext says where ARINSERT goes on in an array that exists; see Next.
func (a *Array) SetNext(index uint64) {
	a.change(func(v body) { v.array.next = index })
}

// Reserve makes it all but certain that n elements of so many bytes in all can be set; see DB.Reserve. It is for commands that make several
// changes.
func (a *Array) Reserve(n, bytes int) {
	const overhead = 2 * cells.HeaderSize // of an element, if each gets a block of its own
	a.db.Reserve(bytes + n*overhead + 4*cellLimit + a.thawSize(n))
}

// ReserveDelete makes it all but certain that elements can be taken away n times, as Reserve does.
func (a *Array) ReserveDelete(n int) {
	if size := a.thawSize(2 * n); size > 0 {
		a.db.Reserve(size)
	}
}

// thawSize gives the bytes that it takes at most to change n blocks that may be frozen; 0 when none is.
func (a *Array) thawSize(n int) int {
	if !a.Exists() || !a.body().heap.Freezing() {
		return 0
	}
	t := a.body().leaves()
	return int(t.Bytes()) + min(n, t.Leaves())*cellLimit
}

// Get gives the element at an index, valid until the array changes; false when there is none.
func (a *Array) Get(index uint64) (v Value, ok bool) {
	if !a.Exists() {
		return v, false
	}
	return a.body().getCell(index)
}

func (v body) getCell(index uint64) (Value, bool) {
	var c tree.Cursor
	var cell cells.Cell
	if !v.findCells(&c, index) || v.cells(&c).Last() < index {
		return Value{}, false
	}
	_, found := v.cells(&c).Find(index, &cell)
	return Value{Bytes: cell.Bytes, Int: cell.Int}, found
}

// Set sets the element at an index, up to MaxIndex, and tells whether there was none. The text is copied and must not be part of this
// array. Nothing has changed when memory is refused.
func (a *Array) Set(index uint64, text []byte) (added bool) {
	if a.draft == nil && !a.Exists() {
		a.it, _ = a.db.createBody(a.key, TypeArray, EncArray, NoExpiry, cells.FirstSize(text), func(v body) error {
			added = v.setCell(index, text)
			return nil
		})
		return added
	}
	a.change(func(v body) { added = v.setCell(index, text) })
	return added
}

// Delete takes away the elements between two indices, these included, and the key with the last one, and tells how many there were. tick
// is as for List.Push. See ReserveDelete: some are gone and others are not when it is refused memory, as it may be if the array is frozen.
func (a *Array) Delete(from, to uint64, tick func() error) (removed int) {
	if !a.Exists() || from > to {
		return 0
	}
	v := a.body()
	var c tree.Cursor
	v.leaves().First(&c)
	if from <= v.cells(&c).First() && a.Len()-1 <= to {
		removed = a.Count()
		a.db.Remove(&a.it)
		a.it.ref = 0
		return removed
	}
	a.change(func(v body) { removed = v.deleteCells(from, to, tick) })
	return removed
}

// Each calls fn with the elements between two indices, these included, in the order of their indices or from the last to the first, until it
// gives false. An element is valid until fn returns. fn must not change the array.
func (a *Array) Each(from, to uint64, reverse bool, fn func(index uint64, v Value) bool) {
	if !a.Exists() || from > to {
		return
	}
	w := CellWalk{v: a.body(), from: from, to: to, reverse: reverse}
	w.begin()
	for index, v, ok := w.Next(); ok && fn(index, v); index, v, ok = w.Next() {
	}
}

// Become gives an array that exists the elements, and the rest, of a draft, and drops that. Nothing has changed when memory is refused; the
// draft is to be dropped then.
func (a *Array) Become(d *ArrayDraft) {
	a.it = d.attach(a.key, TypeArray, KeepExpiry, 0)
	a.db.v.TakeDisplaced() // it is not another value in the eyes of who listens
}

// Blocks tells how many blocks the elements lie in.
func (a *Array) Blocks() int {
	if !a.Exists() {
		return 0
	}
	return a.body().leaves().Leaves()
}

// IsBig tells whether the array can be frozen.
func (a *Array) IsBig() bool { return a.it.ref != 0 && a.it.isBig() }

// Freeze gives the array, which IsBig, as it is now; see DB.Freeze.
func (a *Array) Freeze() *Frozen { return a.db.Freeze(&a.it) }

// CellWalk goes through the elements between two indices of an array that is frozen, or does not change meanwhile.
type CellWalk struct {
	v        body
	from, to uint64
	reverse  bool // from the last to the first

	open  bool // there may be more
	c     tree.Cursor
	ahead cells.Walk
	back  cells.Back
	cell  cells.Cell
}

// Cells begins to go through the elements between two indices, these included, of an array, in the order of their indices or from the last
// to the first.
func (f *Frozen) Cells(from, to uint64, reverse bool) *CellWalk {
	w := &CellWalk{v: f.at.root.body(EncArray, f.at.b.heap), from: from, to: to, reverse: reverse}
	w.begin()
	return w
}

func (w *CellWalk) begin() {
	start := w.from
	if w.reverse {
		start = w.to
	}
	w.enter(w.v.findCells(&w.c, start))
}

// enter begins with the leaf at the cursor, if there is one.
func (w *CellWalk) enter(ok bool) {
	switch w.open = ok; {
	case !ok:
	case w.reverse:
		w.back.Begin(w.v.cells(&w.c))
	default:
		w.ahead = w.v.cells(&w.c).Walk()
	}
}

// Next gives the next element, valid until the following call, or a text until the view is released; false at the end.
func (w *CellWalk) Next() (index uint64, v Value, ok bool) {
	for w.open {
		switch {
		case w.reverse && !w.back.Next(&w.cell):
			w.enter(w.c.Prev())
		case !w.reverse && !w.ahead.Next(&w.cell):
			w.enter(w.c.Next())
		case w.cell.Index < w.from:
			w.open = !w.reverse
		case w.cell.Index > w.to:
			w.open = w.reverse
		default:
			return w.cell.Index, Value{Bytes: w.cell.Bytes, Int: w.cell.Int}, true
		}
	}
	return 0, Value{}, false
}

// ArrayDraft is an array in the making.
type ArrayDraft struct{ bodyDraft }

var _ Draft = (*ArrayDraft)(nil)

// Begin begins an array without elements.
func (d *ArrayDraft) Begin(db *DB) {
	d.db = db
	d.open(EncArray)
}

// Type gives TypeArray.
func (d *ArrayDraft) Type() Type { return TypeArray }

// Array gives the draft as an array that can be read and changed, but for the deletion of all. It is good until the draft is attached or
// dropped.
func (d *ArrayDraft) Array() Array { return Array{db: d.db, draft: d} }

// Attach is Draft.Attach.
func (d *ArrayDraft) Attach(key []byte, at int64) { d.attach(key, TypeArray, at, 0) }
