// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/ds/listpack"
	"github.com/redpoll/redpoll/internal/store"
)

// readList reads a list of texts.
func (r *Reader) readList(db *store.DB) {
	r.list.Begin(db, false)
	for n := r.count(); n > 0 && r.err == nil; n-- {
		if text := r.bytes(db); r.err == nil {
			r.list.Push(text)
		}
		r.step(db)
	}
}

// readListZiplist reads a list in one ziplist. Its elements are dealt out anew.
func (r *Reader) readListZiplist(db *store.DB) {
	r.list.Begin(db, true)
	c := r.cells("List ziplist", r.bytes(db), true)
	var digits room
	for v, ok := c.next(); ok; v, ok = c.next() {
		r.list.Push(store.Text(v, digits.digit[:0]))
		r.step(db)
	}
	r.endCells(c, r.list.Len())
}

// readQuicklist reads a list of nodes: ziplists, or with listpacks set those, and elements by themselves.
func (r *Reader) readQuicklist(db *store.DB, listpacks bool) {
	r.list.Begin(db, false)
	nodes := r.count()
	if nodes > 1 {
		r.list.Spread()
	}
	for ; nodes > 0 && r.err == nil; nodes-- {
		form := uint64(nodePacked)
		if listpacks {
			if form = r.length(); form != nodePacked && form != nodePlain {
				r.corrupt("Quicklist")
				return
			}
		}
		b := r.bytes(db)
		if len(b) == 0 {
			r.corrupt("Quicklist")
		}
		switch {
		case r.err != nil:
		case form == nodePlain:
			r.list.AddPlain(b)
		case listpacks:
			r.addListpack(db, b)
		default:
			r.addZiplist(db, b)
		}
		db.Tick()
	}
	if r.list.Len() == 0 {
		r.failEmpty()
	}
}

// addListpack adds a node of a list that is a listpack, or nothing if that is empty.
func (r *Reader) addListpack(db *store.DB, b []byte) {
	c, n := listpack.Scan(b), 0
	for _, ok := c.Next(); ok; _, ok = c.Next() {
		n++
		r.step(db)
	}
	switch {
	case c.Err() != nil:
		r.corrupt("Listpack")
	case n > 0:
		r.list.AddPacked(b, n)
	}
}

// addZiplist adds a node of a list that is a ziplist, or nothing if that is empty, as a listpack.
func (r *Reader) addZiplist(db *store.DB, b []byte) {
	c := r.cells("Ziplist", b, true)
	blob, n := make([]byte, listpack.HeaderSize, listpack.EmptySize+len(b)+len(b)/4), 0
	for v, ok := c.next(); ok; v, ok = c.next() {
		blob = listpack.AppendEntry(blob, listpack.Entry(v))
		n++
		r.step(db)
	}
	if !c.sound() {
		r.corrupt(c.what)
		return
	}
	blob = append(blob, 0)
	listpack.Seal(blob, n)
	if n > 0 {
		r.list.AddPacked(blob, n)
	}
}
