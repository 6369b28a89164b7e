// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// end is the end of a sorted set that is popped from.
type end struct {
	command, event string
	highest        bool
}

func lowestEnd() end  { return end{command: "ZPOPMIN", event: "zpopmin"} }
func highestEnd() end { return end{command: "ZPOPMAX", event: "zpopmax", highest: true} }

// span gives n members of that end, the outermost first.
func (e end) span(length, n int) span {
	if e.highest {
		return between(length-n, length, true)
	}
	return between(0, n, false)
}

func zpopmin(c *command.Ctx) error { return popOne(c, lowestEnd()) }
func zpopmax(c *command.Ctx) error { return popOne(c, highestEnd()) }

// popOne implements ZPOPMIN and ZPOPMAX. Only a reply to a call with a count is nested, and that in RESP3 only.
func popOne(c *command.Ctx, e end) error {
	if len(c.Argv) > 3 {
		return command.ErrSyntax
	}
	key, count, nested := c.Argv[1], int64(1), false
	if len(c.Argv) == 3 {
		var ok bool
		if count, ok = num.ParseInt(c.Argv[2]); !ok || count < 0 {
			return command.ErrMustBePositive
		}
		nested = c.Reply.Proto == 3
	}
	z, err := c.DB.FindZSetWrite(key)
	if err != nil {
		return err
	}
	n := int(min(count, int64(z.Len())))
	if nested {
		c.Reply.Array(n)
	} else {
		c.Reply.Array(2 * n)
	}
	return pop(c, &z, key, e, n, nested)
}

// pop writes and removes n members.
func pop(c *command.Ctx, z *store.ZSet, key []byte, e end, n int, nested bool) (err error) {
	s := e.span(z.Len(), n)
	shown := 0
	z.Each(s.from, s.n, s.reverse, func(m store.Value, score float64) bool {
		if nested {
			c.Reply.Array(2)
		}
		c.ReplyValue(m)
		c.Reply.Double(score)
		if shown++; shown%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	removeSpan(c, z, s)
	tellRemoved(c, z, key, e.event, s.n)
	return nil
}

// several is a pop of some members from the first of several keys that is there.
type several struct {
	keys  [][]byte
	end   end
	count int64
	one   bool // a member alone: its key, itself and its score; else a key and an array of pairs
}

// pop pops, and goes to the log as a pop from the key that was found; false when there is none of them.
func (s *several) pop(c *command.Ctx) (done bool, err error) {
	for i, key := range s.keys {
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return false, err
			}
		}
		if !c.Holds(key) {
			continue
		}
		z, err := c.DB.FindZSetWrite(key)
		if err != nil {
			return false, err
		}
		if z.Len() == 0 {
			continue
		}
		n := int(min(s.count, int64(z.Len())))
		if s.one {
			c.Reply.Array(3)
			c.Reply.Bulk(key)
		} else {
			c.Reply.Array(2)
			c.Reply.Bulk(key)
			c.Reply.Array(n)
		}
		if err := pop(c, &z, key, s.end, n, !s.one); err != nil {
			return false, err
		}
		effect := [][]byte{[]byte(s.end.command), key}
		if !s.one {
			effect = append(effect, strconv.AppendInt(nil, int64(n), 10))
		}
		c.Propagate(effect...)
		return true, nil
	}
	return false, nil
}

// wait is pop for a command that waits so many ms for one of the keys, or for ever with 0.
func (s *several) wait(c *command.Ctx, timeout int64) error {
	if done, err := s.pop(c); done || err != nil {
		return err
	}
	if !c.MayWait() {
		c.Reply.NullArray()
		return nil
	}
	return c.Wait(command.Wait{Keys: s.keys, Type: store.TypeZSet, Timeout: timeout})
}

func bzpopmin(c *command.Ctx) error { return waitForOne(c, lowestEnd()) }
func bzpopmax(c *command.Ctx) error { return waitForOne(c, highestEnd()) }

func waitForOne(c *command.Ctx, e end) error {
	last := len(c.Argv) - 1
	args := command.MakeArgs(c.Argv[last:])
	timeout := args.Timeout()
	if err := args.Done(); err != nil {
		return err
	}
	s := several{keys: c.Argv[1:last], end: e, count: 1, one: true}
	return s.wait(c, timeout)
}

// parseSeveral reads the arguments of ZMPOP, the number of keys first.
func parseSeveral(args *command.Args) (s several, err error) {
	n := args.IntOr(command.ErrNumKeys)
	switch {
	case args.Err() != nil:
	case n < 1:
		args.Fail(command.ErrNumKeys)
	case n >= int64(args.Len()):
		args.Fail(command.ErrSyntax)
	}
	if err := args.Err(); err != nil {
		return s, err
	}
	s.keys = make([][]byte, n)
	for i := range s.keys {
		s.keys[i] = args.Key()
	}
	switch {
	case args.Keyword("MIN"):
		s.end = lowestEnd()
	case args.Keyword("MAX"):
		s.end = highestEnd()
	default:
		args.Fail(command.ErrSyntax)
	}
	s.count = 1
	if args.Len() >= 2 && args.Keyword("COUNT") {
		s.count = args.IntOr(command.ErrCount)
		if args.Err() == nil && s.count < 1 {
			args.Fail(command.ErrCount)
		}
	}
	return s, args.Done()
}

func zmpop(c *command.Ctx) error {
	args := c.Args()
	s, err := parseSeveral(&args)
	if err != nil {
		return err
	}
	done, err := s.pop(c)
	if !done && err == nil {
		c.Reply.NullArray()
	}
	return err
}

func bzmpop(c *command.Ctx) error {
	args := command.MakeArgs(c.Argv[2:])
	s, err := parseSeveral(&args)
	if err != nil {
		return err
	}
	args = command.MakeArgs(c.Argv[1:2])
	timeout := args.Timeout()
	if err := args.Done(); err != nil {
		return err
	}
	return s.wait(c, timeout)
}
