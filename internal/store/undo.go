// SPDX-License-Identifier: BSD-3-Clause

package store

// A run is what a view does from BeginUndo to RollBack or ForgetUndo: what a script does. Its changes can be undone.
//
// Terms:
//
//   - A change is what there is to know of a key that the run may have changed: what it was before, its image, and where that lies.
//   - The image of a key that was there is its record's bytes, and those of a packed value's block if it has one. They lie on the Go heap,
//     since to undo must not need what an arena may refuse.
//   - Of a value of many blocks the image has the root only. The blocks are changed through a journal (mem.Arena.NewJournal), which keeps
//     those that were there. A string's block has a journal that needs no such thing: it is copied before its first change.
//
// Invariants:
//
//   - A key is noted before it is changed or made: when it is looked up, unless the view only reads, and by create. One that is found dead
//     is none of the run's: it goes for good, as others are told at once. Its time stood still since the run began, so it was not noted.
//   - A value with a journal is changed through it alone, wherever it goes (RENAME takes it to another key), and stays big or does not become
//     so. An Item that was looked up knows its journal.
//   - What the run takes a value with a journal from, or puts another in its place, is left as it is until the run's end.
//   - An index of fields' times is no part of what a journal keeps: it is dropped and made again.
//   - A change names a table, wherever that lies: so whole databases may be emptied and swapped meanwhile; see undo_databases.go.
//   - The shards of all that the run has changed are held until its end, so nobody else sees any of this.

// undo is what a view keeps of its run.
type undo struct {
	on       bool // a run is under way
	spoiled  bool // it cannot be undone
	changes  []change
	places   []int32    // changes' numbers, from 1 on, by hash; a power of two of them, or none while the changes are few
	journals []*journal // that the run has begun
	spare    []*journal // for the next runs
	moves    []move     // what has become of whole databases, in its order; see undo_databases.go
	made     []*table   // tables that the run has made
	room     []byte     // what is left of chunk, for images
	chunk    []byte     // the last that was taken
	bytes    int        // of images, moves and tables
}

const (
	fewChanges  = 8       // up to which they are looked through
	keptChanges = 1 << 10 // that a view keeps the room for
	keptSpare   = 16      // journals that it does
)

// BeginUndo begins a run. What the view changes in it is noted, and must lie in shards that stay held until the run ends. A view has
// one run at a time.
func (v *View) BeginUndo() {
	if v.undo.on {
		panic("store: a run begins within another")
	}
	v.undo.on, v.undo.spoiled, v.undoing = true, false, true
}

// UndoBytes gives about how many bytes on the Go heap the run takes so far.
func (v *View) UndoBytes() int { return v.undo.bytes + len(v.undo.changes)*changeSize }

// Undoes tells whether a run is under way that can be undone: SpoilUndo has not been called.
func (v *View) Undoes() bool { return v.undoing }

// SpoilUndo says that the run, if there is one, cannot be undone any more: what it has put aside is given back. It is to be called before
// what is not noted, such as Store.Flush and Store.Swap.
func (v *View) SpoilUndo() {
	if v.undo.on {
		v.keepChanges()
		v.undo.spoiled, v.undoing = true, false
	}
}

// ForgetUndo ends the run; what it has changed stays.
func (v *View) ForgetUndo() {
	v.keepChanges()
	v.undo.on, v.undoing = false, false
}

// RollBack ends the run, which Undoes tells of, and makes everything what it was: keys, values, how these are laid out, expiries, and when
// they were last used. Keys that the run has found dead are gone all the same. Watched keys that the run has changed count as changed. No
// memory is refused.
func (v *View) RollBack() {
	u := &v.undo
	if u.spoiled {
		panic("store: a run that cannot be undone is to be")
	}
	u.on, v.undoing = false, false
	if len(u.changes) > 0 {
		v.s.arena.WithoutLimit(func() {
			for i := range u.changes {
				v.s.takeBack(&u.changes[i])
			}
			for _, j := range u.journals {
				j.undo()
			}
			for i := range u.changes {
				v.s.bringBack(&u.changes[i], v.NowMillis)
			}
		})
		u.reset()
	}
	if len(u.moves)+len(u.made) > 0 {
		v.undoMoves()
	}
}

// keepChanges forgets what was noted, so that the changes stay.
func (v *View) keepChanges() {
	u := &v.undo
	if len(u.changes) > 0 {
		for _, j := range u.journals {
			j.keep(v.s)
		}
		for i := range u.changes {
			if c := &u.changes[i]; c.journal() != nil {
				c.fit(v.DB(0))
			}
		}
		u.reset()
	}
	if len(u.moves)+len(u.made) > 0 { // afterwards: changes may be of what was put aside
		v.keepMoves()
	}
}

// reset forgets all changes, of which there is one at least.
func (u *undo) reset() {
	for _, j := range u.journals {
		if len(u.spare) < keptSpare {
			*j = journal{heap: j.heap}
			u.spare = append(u.spare, j)
		}
	}
	clear(u.journals)
	clear(u.changes)
	clear(u.places)
	u.journals, u.changes, u.places = u.journals[:0], u.changes[:0], u.places[:0]
	if cap(u.changes) > keptChanges {
		u.journals, u.changes, u.places = nil, nil, nil
	}
	u.room, u.bytes = u.chunk, 0
}

// change gives what there is of a key, nil if it is not noted.
func (u *undo) change(t *table, hash uint64, key []byte) *change {
	if len(u.places) == 0 {
		for i := range u.changes {
			if c := &u.changes[i]; c.is(t, hash, key) {
				return c
			}
		}
		return nil
	}
	mask := uint64(len(u.places) - 1)
	for i := placeOf(hash) & mask; u.places[i] != 0; i = (i + 1) & mask {
		if c := &u.changes[u.places[i]-1]; c.is(t, hash, key) {
			return c
		}
	}
	return nil
}

// placeOf gives where a hash's place is looked for first. Keys of one shard have the low bits in common.
func placeOf(hash uint64) uint64 { return hash >> 20 }

// add notes a key that is not.
func (u *undo) add(c change) *change {
	u.changes = append(u.changes, c)
	n := len(u.changes)
	switch {
	case n <= fewChanges:
	case 2*n <= len(u.places):
		u.enter(n)
	default:
		u.enlarge()
	}
	return &u.changes[n-1]
}

// enlarge makes places for four times as many changes as there are, and enters those.
func (u *undo) enlarge() {
	size := 8 * fewChanges
	for size < 4*len(u.changes) {
		size *= 2
	}
	if cap(u.places) >= size {
		u.places = u.places[:size] // all 0 since they were last used
	} else {
		u.places = make([]int32, size)
	}
	for i := range u.changes {
		u.enter(i + 1)
	}
}

// enter gives a change its place.
func (u *undo) enter(number int) {
	mask := uint64(len(u.places) - 1)
	i := placeOf(u.changes[number-1].hash) & mask
	for u.places[i] != 0 {
		i = (i + 1) & mask
	}
	u.places[i] = int32(number)
}
