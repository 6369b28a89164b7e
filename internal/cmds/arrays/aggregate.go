// SPDX-License-Identifier: BSD-3-Clause

package arrays

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// An aggregate is what AROP computes of elements, which are added one by one.
type aggregate interface {
	add(v store.Value)
	reply(c *command.Ctx)
}

func arop(c *command.Ctx) error {
	s, err := readSpan(c.Argv[2], c.Argv[3])
	if err != nil {
		return err
	}
	result, err := aggregateOf(c)
	if err != nil {
		return err
	}
	a, err := c.DB.FindArray(c.Argv[1])
	if err != nil {
		return err
	}
	if err := each(c, &a, s, func(_ uint64, v store.Value) bool {
		result.add(v)
		return true
	}); err != nil {
		return err
	}
	result.reply(c)
	return nil
}

// aggregateOf gives what the call asks for.
func aggregateOf(c *command.Ctx) (result aggregate, err error) {
	args := command.MakeArgs(c.Argv[4:])
	switch {
	case args.Keyword("SUM"):
		result = &sum{}
	case args.Keyword("MIN"):
		result = &extreme{sign: -1}
	case args.Keyword("MAX"):
		result = &extreme{sign: 1}
	case args.Keyword("AND"):
		result = &bitwise{combine: func(a, b int64) int64 { return a & b }}
	case args.Keyword("OR"):
		result = &bitwise{combine: func(a, b int64) int64 { return a | b }}
	case args.Keyword("XOR"):
		result = &bitwise{combine: func(a, b int64) int64 { return a ^ b }}
	case args.Keyword("USED"):
		result = &counter{}
	case args.Keyword("MATCH"):
		if args.Len() != 1 {
			return nil, command.Error("ERR MATCH requires a value argument")
		}
		return &counter{only: true, text: store.NeedleOf(args.Bytes())}, nil
	default:
		return nil, command.Error("ERR unknown operation")
	}
	if args.More() {
		return nil, command.ErrArity("arop")
	}
	return result, nil
}

// counter counts elements, or only those that have a text.
type counter struct {
	only bool
	text store.Needle
	n    int64
}

func (n *counter) add(v store.Value) {
	if !n.only || n.text.Is(v) {
		n.n++
	}
}

func (n *counter) reply(c *command.Ctx) { c.Reply.Int(n.n) }

// number reads an element as a number of Redis's widest type; what is none is passed over. One that is whole is given as an integer.
func number(v store.Value) (i int64, whole bool, l num.LongDouble, ok bool) {
	if v.IsInt() {
		return v.Int, true, l, true
	}
	if i, ok := num.ParseInt(v.Bytes); ok {
		return i, true, l, true
	}
	l, ok = num.ParseLongDouble(v.Bytes)
	return 0, false, l, ok
}

// bitwise combines the bits of integers; of other numbers the whole part counts, if it is one.
type bitwise struct {
	combine func(a, b int64) int64
	some    bool
	bits    int64
}

func (b *bitwise) add(v store.Value) {
	i, whole, l, ok := number(v)
	if ok && !whole {
		i, ok = l.Int64()
	}
	switch {
	case !ok:
	case b.some:
		b.bits = b.combine(b.bits, i)
	default:
		b.bits, b.some = i, true
	}
}

func (b *bitwise) reply(c *command.Ctx) {
	if !b.some {
		c.Reply.Null()
		return
	}
	c.Reply.Int(b.bits)
}

// sum adds numbers up. As long as they are integers, and their sum is one, it is kept as one.
type sum struct {
	some, wide bool
	int        int64
	long       num.LongDouble // once wide
}

func (s *sum) add(v store.Value) {
	i, whole, l, ok := number(v)
	if !ok {
		return
	}
	s.some = true
	if whole {
		if total := s.int + i; !s.wide && (total < s.int) == (i < 0) {
			s.int = total
			return
		}
		l = num.LongDoubleOf(i)
	}
	if !s.wide {
		s.wide, s.long = true, num.LongDoubleOf(s.int)
	}
	s.long = s.long.Plus(l)
}

func (s *sum) reply(c *command.Ctx) {
	if !s.wide {
		s.long = num.LongDoubleOf(s.int)
	}
	replyNumber(c, s.some, s.long)
}

// replyNumber writes a number, or that there is none. Redis gives no more than 17 digits, of integers neither.
func replyNumber(c *command.Ctx, some bool, l num.LongDouble) {
	if !some {
		c.Reply.Null()
		return
	}
	c.Reply.Bulk(num.AppendLongDoubleShort(nil, l))
}

// extreme finds the least number or, with the other sign, the greatest.
type extreme struct {
	sign int
	some bool
	best num.LongDouble
}

func (e *extreme) add(v store.Value) {
	i, whole, l, ok := number(v)
	if whole {
		l = num.LongDoubleOf(i)
	}
	if ok && (!e.some || l.Cmp(e.best) == e.sign) {
		e.best, e.some = l, true
	}
}

func (e *extreme) reply(c *command.Ctx) { replyNumber(c, e.some, e.best) }
