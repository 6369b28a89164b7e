// SPDX-License-Identifier: BSD-3-Clause

package sorting

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
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
	text   []byte // in place or kept by the finder
	weight text   // what it is sorted by, if that is a text
}

// place is an element in the order that is made: its number in the source, and so much of what it is sorted by as fits, so that few
// comparisons need the element itself. What has the lower key comes first, without DESC.
type place struct {
	key uint64
	at  int
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

// weigh gives the places of all elements as they are in the source, with what each is sorted by.
func (s *sorter) weigh() ([]place, error) {
	places := make([]place, len(s.elements))
	numbers := true
	for i := range s.elements {
		e := &s.elements[i]
		weight := text{bytes: e.text}
		if s.by.varies {
			weight = s.find(&s.by, e.text)
		}
		places[i].at = i
		if s.alpha {
			e.weight = weight
			places[i].key = s.textKey(weight)
		} else {
			score, ok := parseScore(weight.bytes)
			numbers = numbers && ok && weight.big == nil // no number is written so long
			places[i].key = scoreKey(score)
		}
		if err := s.tick(); err != nil {
			return nil, err
		}
	}
	if !numbers {
		return nil, errScore
	}
	return places, nil
}

// parseScore reads a number as C's strtod does, up to the end or a zero byte: with spaces before it, and nothing being 0.
func parseScore(b []byte) (f float64, ok bool) {
	b = command.UpToNUL(b)
	if len(b) == 0 {
		return 0, true
	}
	return num.ParseFloat(bytes.TrimLeft(b, " \t\n\v\f\r"))
}

// scoreKey gives a key in the order of numbers; 0 and -0 are the same.
func scoreKey(f float64) uint64 {
	bits := math.Float64bits(f + 0)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}

// textKey gives a key in the order of texts, which may be equal where the texts are not.
func (s *sorter) textKey(t text) uint64 {
	b := t.slice(0, 8, &s.scratch[0])
	if s.target == nil {
		b = command.UpToNUL(b)
	}
	var room [8]byte
	copy(room[:], b)
	return binary.BigEndian.Uint64(room[:])
}

// order puts places in the order that is asked for and gives as many of the first as are needed.
func (s *sorter) order(places []place, needed int) ([]place, error) {
	if needed < len(places)/8 { // to look through all of them once is less work than to sort them
		s.gather(places, needed)
		places = places[:needed]
	}
	slices.SortFunc(places, s.compare)
	return places[:needed], s.err
}

// gather brings the needed first ones of places to the front: they become a heap whose top is the last of them.
func (s *sorter) gather(places []place, needed int) {
	heap := places[:needed]
	for i := needed/2 - 1; i >= 0; i-- {
		s.sink(heap, i)
	}
	for i := needed; i < len(places) && needed > 0; i++ {
		if s.compare(places[i], heap[0]) < 0 {
			heap[0], places[i] = places[i], heap[0]
			s.sink(heap, 0)
		}
	}
}

// sink mends a heap whose element i may be before one of those below it.
func (s *sorter) sink(heap []place, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && s.compare(heap[child+1], heap[child]) > 0 {
			child++
		}
		if s.compare(heap[child], heap[i]) <= 0 {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// compare compares places in the order that is asked for. It is never 0 but when the call is to end.
func (s *sorter) compare(a, b place) int {
	if s.tick() != nil {
		return 0
	}
	n := cmp.Compare(a.key, b.key)
	if n == 0 {
		n = s.compareElements(&s.elements[a.at], &s.elements[b.at])
	}
	switch {
	case n == 0:
		return a.at - b.at
	case s.desc:
		return -n
	}
	return n
}

// compareElements compares elements with the same key, in ascending order. The missing is before the empty.
func (s *sorter) compareElements(a, b *element) (n int) {
	switch {
	case !s.alpha:
		return bytes.Compare(a.text, b.text)
	case a.weight.missing() || b.weight.missing():
		n = truth(!a.weight.missing()) - truth(!b.weight.missing())
	case a.weight.big != nil || b.weight.big != nil:
		n = s.compareLong(a.weight, b.weight)
	default:
		n = s.collate(a.weight.bytes, b.weight.bytes)
	}
	if n == 0 && s.table {
		n = bytes.Compare(a.text, b.text)
	}
	return n
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
	*scratch = slices.Grow((*scratch)[:0], n)
	return t.big.Slice(off, n, *scratch)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
