// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"bytes"
	"slices"

	"github.com/redpoll/redpoll/internal/mem"
)

// HasIdmp tells whether there is anything to know of the stream's producers, were it only settings of its own.
func (s *Stream) HasIdmp() bool { return s.Exists() && s.state().idmp != 0 }

// HasIdmp is Stream.HasIdmp for a stream that is frozen.
func (f *Frozen) HasIdmp() bool { return f.at.root.state.idmp != 0 }

// Idmp is Stream.Idmp for a stream that is frozen and HasIdmp. It takes IIDs that were past their time when it was frozen for such.
func (f *Frozen) Idmp() StreamIdmp {
	sum, _ := f.stream().idmp().sum(f.now, neverEnds)
	return sum
}

// Producers goes through the producers that a stream HasIdmp of, by their names.
type Producers struct {
	d    idmp
	refs []mem.Ref
}

// Producers begins a walk, which is good as long as the stream does not change.
func (s *Stream) Producers() Producers { return s.body().idmp().walk() }

// Producers begins a walk, which is good until the view is released.
func (f *Frozen) Producers() Producers { return f.stream().idmp().walk() }

func (d idmp) walk() Producers {
	w := Producers{d: d, refs: make([]mem.Ref, 0, d.tree().Leaves())}
	d.tree().Each(func(leaf mem.Ref, _ int) bool {
		w.refs = append(w.refs, leaf)
		return true
	})
	slices.SortFunc(w.refs, func(a, b mem.Ref) int { return bytes.Compare(d.producer(a).name(), d.producer(b).name()) })
	return w
}

// Len tells how many producers are still to come.
func (w *Producers) Len() int { return len(w.refs) }

// Next gives the next producer; false at the end.
func (w *Producers) Next() (p Producer, ok bool) {
	if len(w.refs) == 0 {
		return p, false
	}
	p = Producer{w.d.producer(w.refs[0])}
	w.refs = w.refs[1:]
	return p, true
}

// Producer is somebody who has added entries by IIDs, in place; it is good as long as what it is got from.
type Producer struct{ p producer }

// Name gives the producer's name, in place.
func (p Producer) Name() []byte { return p.p.name() }

// Len tells how many IIDs are known of the producer, among them such as are past their time.
func (p Producer) Len() int { return p.p.len() }

// Each calls fn with the producer's IIDs, in place, and their entries, in the order in which they were used.
func (p Producer) Each(fn func(iid []byte, id StreamID)) {
	p.p.each(func(m *iidMark) { fn(m.iid(p.p.heap), m.id) })
}
