// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"slices"
	"unsafe"
)

// What a run does to whole databases can be undone as well. The world is still from then on until the run ends.
//
// Terms:
//
//   - A move is what has become of tables: one was put aside, since its database was emptied, or two databases were swapped.
//   - A table is the run's own if it was made in it.
//
// Invariants:
//
//   - What was put aside stays as it is until the run's end, and counts as used. A walk finds it as it was: it belongs to its part still.
//   - In the run's own tables there are no keys but the run's, and no blocks that a journal keeps but those of bigs. So one that is to be
//     emptied is given back at once: a run that empties a database time and again takes no more memory for that.

// move is one move.
type move struct {
	t    *table // that was put aside; nil: a and b were swapped
	sh   *Shard
	db   int
	live int64 // bytes of its heap in Store.used

	a, b int
}

const (
	moveSize  = int(unsafe.Sizeof(move{}))
	tableSize = 1 << 10 // about what a table takes on the Go heap, and its heap
)

// Flush is Store.Flush, which the run, if there is one, can undo.
func (v *View) Flush(db int) (removed int) {
	if !v.undoing {
		return v.s.Flush(db)
	}
	u := &v.undo
	return v.s.flush(db, func(sh *Shard, db int, t *table) {
		if t.made {
			u.bringHome(v.s, t)
			v.s.drop(sh, t)
			return
		}
		live := t.heap.Live()
		sh.heapBytes -= live
		u.moves = append(u.moves, move{t: t, sh: sh, db: db, live: live})
		u.bytes += moveSize
	})
}

// Swap is Store.Swap at the view's time, which the run, if there is one, can undo.
func (v *View) Swap(a, b int) (moved int) {
	if v.undoing {
		v.undo.moves = append(v.undo.moves, move{a: a, b: b})
		v.undo.bytes += moveSize
	}
	return v.s.Swap(a, b, v.NowMillis)
}

// PutsAside tells whether the run has put anything aside.
func (v *View) PutsAside() bool {
	return slices.ContainsFunc(v.undo.moves, func(m move) bool { return m.t != nil })
}

// noteTable notes a table that the run makes.
func (u *undo) noteTable(t *table) {
	t.made = true
	u.made = append(u.made, t)
	u.bytes += tableSize
}

// bringHome takes from one of the run's own tables, which is about to be given back, the bigs that have a journal: they become those of the
// tables that they came from, and no key has them.
func (u *undo) bringHome(s *Store, t *table) {
	if len(t.bigs) == 0 {
		return
	}
	for i := range u.changes {
		if c := &u.changes[i]; c.t == t && c.journal() != nil {
			s.takeBack(c)
		}
	}
	for _, j := range u.journals {
		if j.big != nil && j.big.owner == t {
			j.t.adopt(j.big)
		}
	}
}

// undoMoves puts back what was put aside, and swaps again what was swapped. The run's own tables have no keys any more.
func (v *View) undoMoves() {
	u := &v.undo
	for _, m := range slices.Backward(u.moves) {
		if m.t == nil {
			v.s.exchange(m.a, m.b)
			continue
		}
		if own := m.sh.tables[m.db].Load(); own != nil {
			v.s.drop(m.sh, own)
		}
		m.sh.tables[m.db].Store(m.t)
		m.sh.heapBytes += m.live
	}
	u.forgetMoves()
}

// keepMoves gives back what was put aside, as Store.Flush does.
func (v *View) keepMoves() {
	u := &v.undo
	for _, m := range u.moves {
		if m.t == nil {
			continue
		}
		v.s.Settle(m.sh.number)
		live := m.t.heap.Live()
		v.s.used.Add(live - m.live)
		m.sh.heapBytes += live
		v.s.detach(m.sh, m.t)
		v.s.Settle(m.sh.number)
	}
	u.forgetMoves()
}

// forgetMoves forgets all moves, and which tables are the run's own.
func (u *undo) forgetMoves() {
	for _, t := range u.made {
		t.made = false
	}
	u.moves, u.made, u.bytes = nil, nil, 0
}
