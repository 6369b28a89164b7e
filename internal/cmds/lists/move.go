// SPDX-License-Identifier: BSD-3-Clause

package lists

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// move is what LMOVE and its like are asked for: elements are taken from one end of a list and put at an end of another or the
// same.
type move struct {
	from, to       []byte
	fromHead       bool
	toHead         bool
	count          int64 // elements at most
	exactly        bool  // not fewer either
	bulk           bool  // they keep their order; else they come as if they were moved one by one
	source, target store.List
}

func lmove(c *command.Ctx) error {
	m := move{from: c.Argv[1], to: c.Argv[2], count: 1}
	if err := m.parseEnds(c.Argv[3], c.Argv[4]); err != nil {
		return err
	}
	return m.one(c)
}

func rpoplpush(c *command.Ctx) error {
	m := move{from: c.Argv[1], to: c.Argv[2], toHead: true, count: 1}
	return m.one(c)
}

// parseEnds reads the words for the ends.
func (m *move) parseEnds(from, to []byte) (err error) {
	if m.fromHead, err = end(from); err == nil {
		m.toHead, err = end(to)
	}
	return err
}

// one replies with the element that it moves, or that there is none.
func (m *move) one(c *command.Ctx) error {
	n, err := m.find(c)
	if err != nil {
		return err
	}
	if n == 0 {
		c.Reply.Null()
		return nil
	}
	m.replyOne(c)
	return nil
}

// replyOne replies with the element that it moves.
func (m *move) replyOne(c *command.Ctx) {
	v, _ := m.source.At(m.first(1))
	c.ReplyValue(v)
	m.run(c, 1)
}

func lmovem(c *command.Ctx) error {
	m := move{from: c.Argv[1], to: c.Argv[2]}
	if err := m.parseEnds(c.Argv[3], c.Argv[4]); err != nil {
		return err
	}
	if err := m.parseHowMany(c.Argv[5:]); err != nil {
		return err
	}
	n, err := m.several(c)
	if err == nil && n == 0 {
		c.Reply.NullArray()
	}
	return err
}

// parseHowMany reads what stands behind the ends of LMOVEM; nothing is the same as one element.
func (m *move) parseHowMany(args [][]byte) (err error) {
	if len(args) == 0 {
		m.count = 1
		return nil
	}
	m.exactly = command.EqualFold(args[0], "EXACTLY")
	if !m.exactly && !command.EqualFold(args[0], "COUNT") || len(args) < 2 {
		return command.ErrSyntax
	}
	if m.count, err = number(args[1], 1, command.ErrCount); err != nil {
		return err
	}
	if len(args) != 3 {
		return command.ErrSyntax
	}
	m.bulk = command.EqualFold(args[2], "BULK")
	if !m.bulk && !command.EqualFold(args[2], "OBO") {
		return command.ErrSyntax
	}
	return nil
}

// several replies with the elements that it moves as they come to stand, if there are enough, and tells how many.
func (m *move) several(c *command.Ctx) (n int, err error) {
	if n, err = m.find(c); n == 0 || err != nil {
		return 0, err
	}
	c.Reply.Array(n)
	first, reverse := m.first(n), m.reversed()
	if reverse {
		first += n - 1
	}
	if err := replyEach(c, &m.source, first, n, reverse); err != nil {
		return 0, err
	}
	m.run(c, n)
	return n, nil
}

// find looks both keys up and tells how many elements are to be moved: none when there are not enough.
func (m *move) find(c *command.Ctx) (n int, err error) {
	if m.source, err = c.DB.FindListWrite(m.from); err != nil {
		return 0, err
	}
	n = m.source.Len()
	if n == 0 || m.exactly && int64(n) < m.count {
		return 0, nil
	}
	if m.target, err = c.DB.FindListWrite(m.to); err != nil {
		return 0, err
	}
	return int(min(m.count, int64(n))), nil
}

// first gives the index in the source of the one nearest to its head of n elements that are moved.
func (m *move) first(n int) int {
	if m.fromHead {
		return 0
	}
	return m.source.Len() - n
}

// reversed tells whether the elements come to stand in the other order than they had.
func (m *move) reversed() bool { return !m.bulk && m.fromHead == m.toHead }

// run moves n elements, and tells of it as Redis does: of the addition first.
func (m *move) run(c *command.Ctx, n int) {
	if string(m.from) == string(m.to) {
		m.rotate(c, n)
	} else {
		m.source.Move(m.first(n), n, m.toHead != m.reversed(), &m.target, m.toHead, c.Tick)
	}
	pushed(c, m.to, m.toHead, 0) // as changes they count once
	popped(c, &m.source, m.from, m.fromHead, n)
}

// rotate moves elements within a list. To the end that they come from it only turns them round.
func (m *move) rotate(c *command.Ctx, n int) {
	switch l := &m.source; {
	case m.reversed():
		l.Reverse(m.first(n), n, c.Tick)
	case m.fromHead != m.toHead && n < l.Len():
		l.Rotate(n, m.toHead, c.Tick)
	}
}
