// SPDX-License-Identifier: BSD-3-Clause

package sorting

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
)

// tickEvery is how many steps are done between two ticks.
const tickEvery = 1000

// errScore is the error for what is to be sorted as numbers and has others.
const errScore = command.Error("ERR One or more scores can't be converted into double")

// element is an element that is to be sorted.
type element struct {
	text   []byte  // in place or kept by the finder
	score  float64 // what counts without ALPHA
	weight text    // what counts with ALPHA
}

// A sorter puts elements in order. Numbers that are equal are in the order of the elements' texts, texts that are equal in the
// order of the source; so the order is the same every time, unless the source is a table, which has no order: then their elements
// decide.
type sorter struct {
	*options
	finder
	elements []element
	table    bool // the source has no order

	steps   int
	err     error // of a tick
	scratch [2][]byte
}

// tick counts a step.
func (s *sorter) tick() error {
	if s.steps++; s.steps%tickEvery == 0 && s.err == nil {
		s.err = s.c.Tick()
	}
	return s.err
}

// weigh finds out what each element is sorted by.
func (s *sorter) weigh() error {
	numbers := true
	for i := range s.elements {
		e := &s.elements[i]
		e.weight = text{bytes: e.text}
		if s.by.varies {
			e.weight = s.find(&s.by, e.text)
		}
		if !s.alpha && !e.weight.missing() {
			var ok bool
			e.score, ok = score(e.weight.bytes)
			numbers = numbers && ok && e.weight.big == nil // no number is written so long
		}
		if err := s.tick(); err != nil {
			return err
		}
	}
	if !numbers {
		return errScore
	}
	return nil
}

// score reads a number as C's strtod does, up to the end or a zero byte: with spaces before it, and nothing being 0.
func score(b []byte) (f float64, ok bool) {
	b = command.UpToNUL(b)
	if len(b) == 0 {
		return 0, true
	}
	return num.ParseFloat(bytes.TrimLeft(b, " \t\n\v\f\r"))
}

// order gives the numbers of all elements in the order that is asked for.
func (s *sorter) order() ([]int, error) {
	order := make([]int, len(s.elements))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		if s.tick() != nil {
			return 0
		}
		a, b := &s.elements[i], &s.elements[j]
		n := s.compare(a, b)
		switch {
		case n == 0 && s.table:
			n = bytes.Compare(a.text, b.text)
		case n == 0:
			return i - j
		}
		if s.desc {
			return -n
		}
		return n
	})
	return order, s.err
}

// compare compares what elements are sorted by, in ascending order. The missing is before the empty.
func (s *sorter) compare(a, b *element) int {
	if !s.alpha {
		return cmp.Or(cmp.Compare(a.score, b.score), bytes.Compare(a.text, b.text))
	}
	switch {
	case a.weight.missing() || b.weight.missing():
		return truth(!a.weight.missing()) - truth(!b.weight.missing())
	case a.weight.big != nil || b.weight.big != nil:
		return s.compareLong(a.weight, b.weight)
	}
	return s.collate(a.weight.bytes, b.weight.bytes)
}

// collate compares texts: with STORE as they are, else as C strings, which end at a zero byte.
func (s *sorter) collate(a, b []byte) int {
	if s.target == nil {
		a, b = command.UpToNUL(a), command.UpToNUL(b)
	}
	return bytes.Compare(a, b)
}

// compareLong is collate piece by piece.
func (s *sorter) compareLong(a, b text) int {
	const piece = 64 << 10
	for off := 0; ; off += piece {
		x, y := a.slice(off, piece, &s.scratch[0]), b.slice(off, piece, &s.scratch[1])
		ended := len(x) < piece || len(y) < piece || s.target == nil && bytes.IndexByte(x, 0) >= 0
		if n := s.collate(x, y); n != 0 || ended || s.tick() != nil {
			return n
		}
	}
}

// slice gives n bytes of a text from off on, as many as there are.
func (t text) slice(off, n int, scratch *[]byte) []byte {
	if t.big == nil {
		off = min(off, len(t.bytes))
		return t.bytes[off:][:min(n, len(t.bytes)-off)]
	}
	if *scratch == nil {
		*scratch = make([]byte, 0, n)
	}
	return t.big.Slice(off, n, *scratch)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
