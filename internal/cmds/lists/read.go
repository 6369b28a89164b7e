// SPDX-License-Identifier: BSD-3-Clause

package lists

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// tickEvery is how many elements a handler treats before it asks whether it has taken long.
const tickEvery = 1000

// longRange is the bytes of elements past which they count as long: freezing a list costs who changes it next.
const longRange = 256 << 10

// Errors of LPOS's options, and of numbers that must have an opposite.
const (
	errRank command.Error = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
		"or use negative to start from the end of the list"
	errMatches command.Error = "ERR COUNT can't be negative"
	errMaxLen  command.Error = "ERR MAXLEN can't be negative"
)

// replyEach writes n elements from an index on, which are there, towards the tail or with reverse the head. Many of a list that
// IsBig, or long ones, are sent from where they lie.
func replyEach(c *command.Ctx, l *store.List, from, n int, reverse bool) (err error) {
	first := from
	if reverse {
		first -= n - 1
	}
	if l.IsBig() && (n > tickEvery || l.Size(first, n) > longRange) {
		stream(c, l, from, n, reverse)
		return nil
	}
	written := 0
	l.Each(from, n, reverse, func(v store.Value) bool {
		c.ReplyValue(v)
		if written++; written%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	return err
}

// stream writes n elements of a list that IsBig, from an index on, as bulks that are made when they are sent.
func stream(c *command.Ctx, l *store.List, from, n int, reverse bool) {
	view := l.Freeze()
	walk := view.Elements(from, n, reverse)
	var digits [num.MaxIntLen]byte
	c.Reply.Stream(resp.NewBulks(func() ([]byte, bool) {
		v, ok := walk.Next()
		return store.Text(v, digits[:0]), ok
	}, view.Release))
}

func llen(c *command.Ctx) error {
	l, err := c.DB.FindList(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Int(int64(l.Len()))
	return nil
}

// lindex, as Redis does, looks at the index only when there is a list.
func lindex(c *command.Ctx) error {
	l, err := c.DB.FindList(c.Argv[1])
	if err != nil {
		return err
	}
	if l.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	i, ok := num.ParseInt(c.Argv[2])
	if !ok {
		return command.ErrNotInteger
	}
	at, ok := place(&l, i)
	if !ok {
		c.Reply.Null()
		return nil
	}
	return replyEach(c, &l, at, 1, false)
}

// place gives an index, which counts from the tail if it is negative, as one from 0 on; false when it is not in the list.
func place(l *store.List, i int64) (from0 int, ok bool) {
	n := int64(l.Len())
	if i < 0 {
		i += n
	}
	return int(i), i >= 0 && i < n
}

// span gives the first index and the number of elements that start and stop, either of which counts from the tail if it is
// negative, have between them in a list of n.
func span(start, stop int64, n int) (from, count int) {
	length := int64(n)
	if start < 0 {
		start = max(start+length, 0)
	}
	if stop < 0 {
		stop += length
	}
	stop = min(stop, length-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop - start + 1)
}

func lrange(c *command.Ctx) error {
	args := c.Args()
	key, start, stop := args.Key(), args.Int(), args.Int()
	if err := args.Done(); err != nil {
		return err
	}
	l, err := c.DB.FindList(key)
	if err != nil {
		return err
	}
	from, n := span(start, stop, l.Len())
	c.Reply.Array(n)
	return replyEach(c, &l, from, n, false)
}

// search is what LPOS is asked for.
type search struct {
	rank    int64 // the match that is the first to be given, counted from 1
	reverse bool  // from the tail
	count   int64 // of matches, 0 for all; -1: one, not in an array
	maxLen  int64 // elements to look at; 0 for all
}

// parseSearch reads LPOS's options. One that comes twice counts as it was given last.
func parseSearch(args *command.Args) (s search) {
	s.rank, s.count = 1, -1
	for args.More() {
		switch {
		case args.Len() == 1:
			args.Fail(command.ErrSyntax)
		case args.Keyword("RANK"):
			if s.rank = args.IntIn(-math.MaxInt64, math.MaxInt64, command.ErrNoOpposite); s.rank == 0 {
				args.Fail(errRank)
			}
		case args.Keyword("COUNT"):
			s.count = natural(args, errMatches)
		case args.Keyword("MAXLEN"):
			s.maxLen = natural(args, errMaxLen)
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if s.rank < 0 {
		s.rank, s.reverse = -s.rank, true
	}
	return s
}

// natural reads an integer that is not negative; anything else is err.
func natural(args *command.Args, err error) int64 {
	n := args.IntOr(err)
	if n < 0 {
		args.Fail(err)
	}
	return n
}

func lpos(c *command.Ctx) error {
	args := c.Args()
	key, element := args.Key(), store.NeedleOf(args.Bytes())
	s := parseSearch(&args)
	if err := args.Done(); err != nil {
		return err
	}
	l, err := c.DB.FindList(key)
	if err != nil {
		return err
	}
	if s.count < 0 {
		found := int64(-1)
		err := s.each(c, &l, element, func(i int) bool {
			found = int64(i)
			return false
		})
		if found < 0 {
			c.Reply.Null()
		} else {
			c.Reply.Int(found)
		}
		return err
	}
	length, n := c.Reply.DeferLen(), 0
	err = s.each(c, &l, element, func(i int) bool {
		c.Reply.Int(int64(i))
		n++
		return s.count == 0 || int64(n) < s.count
	})
	c.Reply.SetArrayLen(length, n)
	return err
}

// each calls fn with the index of every match from the one of the rank on, until it gives false.
func (s *search) each(c *command.Ctx, l *store.List, element store.Needle, fn func(i int) bool) (err error) {
	length := l.Len()
	from, step, looked, rank := 0, 1, 0, s.rank
	if s.reverse {
		from, step = length-1, -1
	}
	n := length
	if s.maxLen > 0 {
		n = int(min(s.maxLen, int64(n)))
	}
	i := from
	l.Each(from, n, s.reverse, func(v store.Value) bool {
		if looked++; looked%tickEvery == 0 {
			if err = c.Tick(); err != nil {
				return false
			}
		}
		if element.Is(v) {
			if rank--; rank <= 0 && !fn(i) {
				return false
			}
		}
		i += step
		return true
	})
	return err
}
