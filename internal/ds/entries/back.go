// SPDX-License-Identifier: BSD-3-Clause

package entries

import "math"

// window is how many entries Back keeps the places of without memory on the Go heap: as many as Redis puts into a block by default,
// and some.
const window = 128

// Back goes through a block's entries and tombstones from the last to the first. Since they can only be read forwards, it keeps the
// places of a stretch of them, and of where each stretch begins.
type Back struct {
	b       Block
	fields  int     // of the master
	stretch int     // entries of one
	starts  []place // of the stretches before that at hand
	n       int     // entries of the stretch at hand that are still to be given
	far     []place // their places, in a block of more than window
	near    [window]place
}

// place is where an entry is.
type place struct {
	at int
	id ID
}

// Begin begins with a block.
func (w *Back) Begin(b Block) {
	walk, n := b.Walk(), b.Len()
	w.b, w.fields = walk.b, walk.fields
	w.starts, w.far, w.stretch = nil, nil, window
	if n > window {
		w.stretch = int(math.Sqrt(float64(n))) + 1
		w.far = make([]place, w.stretch)
		w.starts = make([]place, 0, n/w.stretch+1)
	}
	if n <= window {
		w.take(walk)
		return
	}
	var e Entry
	for i := 0; i < n; i++ {
		before := walk.id
		walk.Next(&e)
		if i%w.stretch == 0 {
			w.starts = append(w.starts, place{e.at, before})
		}
	}
	w.fill()
}

// fill takes up the last stretch of those that are left; false when there is none.
func (w *Back) fill() bool {
	last := len(w.starts) - 1
	if last < 0 {
		return false
	}
	from := w.starts[last]
	w.starts = w.starts[:last]
	w.take(Walk{b: w.b, fields: w.fields, at: from.at, id: from.id})
	return true
}

// take notes the places of a stretch.
func (w *Back) take(walk Walk) {
	places, e := w.places(), Entry{}
	for w.n = 0; w.n < w.stretch && walk.Next(&e); w.n++ {
		places[w.n] = place{e.at, e.id}
	}
}

func (w *Back) places() []place {
	if w.far != nil {
		return w.far
	}
	return w.near[:]
}

// Next makes e the one before the last that was given; false when that was the first.
func (w *Back) Next(e *Entry) bool {
	if w.n == 0 && !w.fill() {
		return false
	}
	w.n--
	p := w.places()[w.n]
	// The ID is known; what is read of it is the place behind.
	_, behind := readHead(w.b, p.at, ID{})
	e.read(w.b, p.at, p.id, behind, w.fields)
	return true
}
