// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/ds/tree"
)

// ListDraft is a list in the making. It is one listpack as long as it may be, or until it is given a second one; then it is a tree of
// leaves, which are what it is given.
type ListDraft struct {
	bodyDraft
	n     int    // elements of a draft in one listpack
	blob  []byte // the listpack; its end and header are written when it is attached, unless it was given
	given bool   // the listpack was given
	own   []byte // where the listpack is made if it was not
	stays bool   // a tree stays one
}

// Begin begins a list. It will be a tree if that is set, otherwise only if it has to be.
func (d *ListDraft) Begin(db *DB, asTree bool) {
	d.db, d.enc, d.n, d.given, d.stays = db, EncListpack, 0, false, asTree
	if cap(d.own) > keptBlob {
		d.own = nil
	}
	d.own = append(d.own[:0], make([]byte, listpack.HeaderSize)...)
	d.blob = d.own
}

// Type gives TypeList.
func (d *ListDraft) Type() Type { return TypeList }

// Len tells how many elements there are.
func (d *ListDraft) Len() int {
	if d.enc == EncQuicklist {
		return d.leaves().Len()
	}
	return d.n
}

func (d *ListDraft) leaves() leafList { return d.db.leafList(d.body().leaves()) }

// Push adds an element at the tail, which is copied.
func (d *ListDraft) Push(text []byte) {
	const estimate = 8 // bytes that Redis takes an entry to need besides its text
	limit := d.db.listLimit()
	if d.enc != EncQuicklist && !d.given && !limit.exceeded(len(d.blob)+len(text)+estimate+1, d.n+1) {
		d.own = listpack.AppendText(d.own, text)
		d.blob = d.own
		d.n++
		return
	}
	d.Spread()
	d.leaves().push(text, false)
}

// AddPacked adds a valid listpack with n elements, one at least, at the tail. If it is the first one it must stay what it is until the
// draft is attached, or something else is added; that is copied.
func (d *ListDraft) AddPacked(blob []byte, n int) {
	if d.enc != EncQuicklist && d.n == 0 {
		d.blob, d.n, d.given = blob, n, true
		return
	}
	d.Spread()
	d.addLeaf(leafPacked, blob, n)
}

// AddPlain adds an element at the tail, which is copied, as a leaf of its own.
func (d *ListDraft) AddPlain(text []byte) {
	d.Spread()
	d.addLeaf(leafPlain, text, 1)
}

// addLeaf adds a leaf.
func (d *ListDraft) addLeaf(form leafForm, data []byte, n int) {
	l := d.leaves()
	f := newLeaf(l.Heap, form, len(data), 0)
	copy(f.data(), data)
	var c tree.Cursor
	l.Last(&c)
	l.place(&c, f, n, true)
	if l.depth > 0 {
		l.settle(&c)
	}
}

// seal finishes the listpack.
func (d *ListDraft) seal() {
	if !d.given {
		d.blob = append(d.own, 0)
		listpack.Seal(d.blob, d.n)
		d.own, d.given = d.blob, true
	}
}

// Spread makes the draft a tree, if it is none, so that what is added next is copied at once.
func (d *ListDraft) Spread() {
	if d.enc == EncQuicklist {
		return
	}
	d.seal()
	d.open(EncQuicklist)
	if d.n > 0 {
		d.addLeaf(leafPacked, d.blob, d.n)
	}
}

// settle makes the list a tree if it is too large for one listpack, and one listpack if it is a tree but need not be.
func (d *ListDraft) settle() {
	limit := d.db.listLimit()
	if d.enc != EncQuicklist {
		if d.seal(); d.stays || limit.exceeded(len(d.blob), d.n) {
			d.Spread()
		}
		return
	}
	l := d.leaves()
	if d.stays || l.Leaves() > 1 {
		return
	}
	var c tree.Cursor
	l.First(&c)
	if f := l.leaf(&c); f.form == leafPacked && !limit.exceeded(int(f.size), c.Count()) {
		d.blob, d.n, d.enc = append(d.own[:0], f.data()...), c.Count(), EncListpack
		d.bodyDraft.Drop()
	}
}

// Attach makes the draft the value of a key; see Draft.
func (d *ListDraft) Attach(key []byte, at int64) {
	d.settle()
	if d.enc == EncQuicklist {
		d.attach(key, TypeList, at, 0)
		return
	}
	d.db.putBlob(key, TypeList, EncListpack, d.blob, at)
}

// Drop is Draft.Drop.
func (d *ListDraft) Drop() {
	d.bodyDraft.Drop()
	d.blob = nil
}
