// SPDX-License-Identifier: BSD-3-Clause

package sorting

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// run implements SORT and, without STORE, SORT_RO.
func run(c *command.Ctx, mayStore bool) error {
	o, err := parse(c.Args(), mayStore)
	if err != nil {
		return err
	}
	s := sorter{options: &o, finder: finder{c: c}}
	if it, ok := c.DB.Find(o.source); ok {
		if err := s.load(&it); err != nil {
			return err
		}
	}
	texts, err := s.result()
	switch {
	case err != nil:
		return err
	case o.target != nil:
		return s.store(texts)
	}
	return s.reply(texts)
}

// load reads the elements of the source. Without sorting only those that LIMIT asks for are read, in the order that is asked for.
func (s *sorter) load(it *store.Item) error {
	take := func(v store.Value) bool {
		s.elements = append(s.elements, element{text: s.text(v)})
		return s.tick() == nil
	}
	switch it.Type() {
	case store.TypeList:
		l := s.c.DB.ListOf(it)
		from, n, reverse := s.part(l.Len())
		s.elements = make([]element, 0, n)
		l.Each(from, n, reverse, take)
	case store.TypeZSet:
		z := s.c.DB.ZSetOf(it)
		from, n, reverse := s.part(z.Len())
		s.elements = make([]element, 0, n)
		z.Each(from, n, reverse, func(m store.Value, _ float64) bool { return take(m) })
	case store.TypeSet:
		s.loadSet(it, take)
	default:
		return store.ErrWrongType
	}
	return s.err
}

// part says which of n elements of something ordered are to be read: n of them from the index from on.
func (s *sorter) part(n int) (from, count int, reverse bool) {
	if !s.unsorted {
		return 0, n, false
	}
	first, end := s.limits(n)
	s.offset, s.count = 0, -1 // done with
	if s.desc {
		first, end = n-1-first, n-1-end
		return first, first - end, true
	}
	return first, end - first, false
}

// loadSet reads the members of a set. They are sorted when they are stored, or a script wants them, lest a list's order be that of a table.
func (s *sorter) loadSet(it *store.Item, take func(v store.Value) bool) {
	if s.unsorted && (s.target != nil || s.c.InScript()) {
		s.unsorted, s.alpha, s.by = false, true, pattern{}
	}
	set := s.c.DB.SetOf(it)
	s.table = it.Encoding() == store.EncTable
	if !s.unsorted {
		s.elements = make([]element, 0, set.Len())
		set.Each(take)
		return
	}
	first, end := s.limits(set.Len())
	s.offset, s.count = 0, -1
	s.elements = make([]element, 0, end-first)
	at := 0
	set.Each(func(v store.Value) bool {
		if at++; at <= first {
			return s.tick() == nil
		}
		return at <= end && take(v)
	})
}

// result gives the texts of the elements that are asked for, in order.
func (s *sorter) result() ([][]byte, error) {
	if s.unsorted {
		texts := make([][]byte, len(s.elements))
		for i := range texts {
			texts[i] = s.elements[i].text
		}
		return texts, nil
	}
	places, err := s.weigh()
	if err != nil {
		return nil, err
	}
	first, end := s.limits(len(places))
	if places, err = s.order(places, end); err != nil {
		return nil, err
	}
	texts := make([][]byte, 0, end-first)
	for _, p := range places[first:] {
		texts = append(texts, s.elements[p.at].text)
	}
	return texts, nil
}

// reply writes the elements, or what GET asks for with each.
func (s *sorter) reply(texts [][]byte) error {
	s.c.Reply.Array(len(texts) * max(len(s.gets), 1))
	for _, element := range texts {
		if len(s.gets) == 0 {
			s.c.Reply.Bulk(element)
		}
		for i := range s.gets {
			switch t := s.find(&s.gets[i], element); {
			case t.missing():
				s.c.Reply.Null()
			case t.big != nil:
				s.c.Reply.BulkLen(t.big.TextLen())
				s.c.Reply.Stream(s.c.DB.StreamText(t.big, 0, t.big.TextLen()))
				s.c.Reply.BulkEnd()
			default:
				s.c.Reply.Bulk(t.bytes)
			}
			if err := s.tick(); err != nil {
				return err
			}
		}
		if err := s.tick(); err != nil {
			return err
		}
	}
	return nil
}

// store makes a list of the elements, or of what GET asks for with each, in place of whatever the target holds.
func (s *sorter) store(texts [][]byte) error {
	c := s.c
	texts, size, err := s.collect(texts)
	switch {
	case err != nil:
		return err
	case len(texts) == 0:
		if c.DB.Delete(s.target) {
			c.Modified("del", s.target)
		}
		c.Reply.Int(0)
		return nil
	}
	c.DB.Reserve(size)
	if c.DB.Exists(s.target) && (bytes.Equal(s.target, s.source) || len(s.gets) > 0) {
		texts = clone(texts, size) // they may lie in what is going to be deleted
	}
	c.DB.Displace(s.target, false)
	l, err := c.DB.FindListWrite(s.target)
	if err != nil {
		return err
	}
	l.Push(texts, false, c.Tick)
	c.Modified("sortstore", s.target)
	c.Dirty += int64(len(texts)) - 1
	c.Reply.Int(int64(len(texts)))
	return nil
}

// entrySize is more than what an element of a list takes beside its text, and no less than what collect needs for it.
const entrySize = 24

// collect gives what is to be stored: with each element what GET asks for, empty when it is missing, or else the element itself.
// size is the bytes that it takes. There is memory for it, or it panics with mem.ErrNoMemory, however often a long text comes.
func (s *sorter) collect(elements [][]byte) (texts [][]byte, size int, err error) {
	if len(s.gets) == 0 {
		for _, element := range elements {
			size += len(element) + entrySize
		}
		return elements, size, nil
	}
	texts = make([][]byte, 0, len(elements))
	for _, element := range elements {
		for i := range s.gets {
			t := s.find(&s.gets[i], element)
			if t.big != nil {
				size += t.big.TextLen()
				s.c.DB.Reserve(size)
				t.bytes = t.big.AppendText(nil)
			} else {
				size += len(t.bytes)
			}
			size += entrySize
			if len(texts)%tickEvery == 0 {
				s.c.DB.Reserve(size)
			}
			texts = append(texts, t.bytes)
			if err := s.tick(); err != nil {
				return nil, 0, err
			}
		}
	}
	return texts, size, nil
}

// clone copies texts of no more than n bytes in all.
func clone(texts [][]byte, n int) [][]byte {
	room := make([]byte, 0, n)
	copies := make([][]byte, len(texts))
	for i, text := range texts {
		from := len(room)
		room = append(room, text...)
		copies[i] = room[from:len(room):len(room)]
	}
	return copies
}
