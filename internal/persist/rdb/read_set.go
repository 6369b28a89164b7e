// SPDX-License-Identifier: BSD-3-Clause

package rdb

import (
	"github.com/redpoll/redpoll/internal/ds/intset"
	"github.com/redpoll/redpoll/internal/store"
)

// readSet reads a set of texts.
func (r *Reader) readSet(db *store.DB) {
	r.set.Begin(db, true)
	n := r.count()
	if n > uint64(min(db.Settings().SetMaxIntsetEntries.Load(), intset.MaxLen)) {
		r.set.Spread()
	}
	for ; n > 0 && r.err == nil; n-- {
		if member := r.Text(db); r.err == nil && !r.set.Add(member) {
			r.fail(twice)
		}
		r.step(db)
	}
}

// readIntset reads a set of integers in one intset.
func (r *Reader) readIntset(db *store.DB) {
	r.set.Begin(db, true)
	b := r.bytes(db)
	if !intset.Valid(b) || intset.Len(b) == 0 {
		r.corrupt("Intset")
		return
	}
	r.set.SetInts(b)
	if int64(intset.Len(b)) > db.Settings().SetMaxIntsetEntries.Load() {
		r.set.Spread()
	}
}

// readSetListpack reads a set in one listpack.
func (r *Reader) readSetListpack(db *store.DB) {
	r.set.Begin(db, false)
	c := r.cells("Set listpack", r.bytes(db), false)
	most := db.Settings().SetMaxListpackEntries.Load()
	for v, ok := c.next(); ok && r.err == nil; v, ok = c.next() {
		if int64(r.set.Len()) == most {
			r.set.Spread()
		}
		if !r.set.AddPacked(v) {
			r.corrupt(c.what)
		}
		r.step(db)
	}
	r.endCells(c, r.set.Len())
}
