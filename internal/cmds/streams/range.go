// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// tickEvery is how many entries a handler treats before it asks whether it has taken long.
const tickEvery = 1000

// longRange is the bytes of entries past which they count as long: freezing a stream costs who changes it next.
const longRange = 256 << 10

func xlen(c *command.Ctx) error {
	s, err := c.DB.FindStream(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Int(int64(s.Len()))
	return nil
}

func xrange(c *command.Ctx) error    { return replyRange(c, c.Argv[2], c.Argv[3], false) }
func xrevrange(c *command.Ctx) error { return replyRange(c, c.Argv[3], c.Argv[2], true) }

// replyRange replies with the entries of an interval, up to COUNT of them.
func replyRange(c *command.Ctx, start, end []byte, reverse bool) error {
	from, err := parseStart(start)
	if err != nil {
		return err
	}
	to, err := parseEnd(end)
	if err != nil {
		return err
	}
	count := int64(math.MaxInt64)
	args := command.MakeArgs(c.Argv[4:])
	for args.More() {
		if args.Len() > 1 && args.Keyword("COUNT") {
			count = max(args.Int(), 0)
		} else {
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return err
	}
	s, err := c.DB.FindStream(c.Argv[1])
	switch {
	case err != nil:
		return err
	case count == 0 && s.Exists():
		c.Reply.NullArray()
		return nil
	}
	_, err = replyEntries(c, &s, from, to, reverse, int(count))
	return err
}

// replyEntries writes an array of up to count entries with IDs between two, these included, and tells how many there are. Many of a stream
// that IsBig, or long ones, are sent from where they lie.
func replyEntries(c *command.Ctx, s *store.Stream, from, to store.StreamID, reverse bool, count int) (n int, err error) {
	if s.IsBig() {
		n, bytes, err := s.Extent(from, to, reverse, count, c.Tick)
		if err != nil {
			return 0, err
		}
		if n > tickEvery || bytes > longRange {
			stream(c, s, from, to, reverse, n)
			return n, nil
		}
	}
	length := c.Reply.DeferLen()
	if count > 0 {
		s.Each(from, to, reverse, func(e *store.StreamEntry) bool {
			replyEntry(c, e)
			if n++; n%tickEvery == 0 {
				err = c.Tick()
			}
			return n < count && err == nil
		})
	}
	c.Reply.SetArrayLen(length, n)
	return n, err
}

// replyEntry writes an entry as an array of its ID and an array of its fields and values by turns.
func replyEntry(c *command.Ctx, e *store.StreamEntry) {
	c.Reply.Array(2)
	replyParts(c, e)
}

// replyParts writes what replyEntry does as parts of an array that may have more.
func replyParts(c *command.Ctx, e *store.StreamEntry) {
	replyID(c, e.ID())
	c.Reply.Array(2 * e.Len())
	e.Each(func(field, value store.Value) bool {
		c.ReplyValue(field)
		c.ReplyValue(value)
		return true
	})
}
