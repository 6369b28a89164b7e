// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

func hrandfield(c *command.Ctx) error {
	if len(c.Argv) > 2 {
		return hrandfieldCount(c)
	}
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	if err := purge(c, &h); err != nil {
		return err
	}
	if h.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	c.ReplyValue(h.Random().Field)
	return nil
}

// hrandfieldCount implements the forms with a count: so many fields, each at most once, or with a negative count so many
// draws, which may give a field again.
func hrandfieldCount(c *command.Ctx) error {
	args := c.Args()
	key, count := args.Key(), args.Int()
	if args.Err() == nil && count == math.MinInt64 {
		args.Fail(command.ErrNoOpposite)
	}
	withValues := args.Keyword("WITHVALUES")
	if err := args.Done(); err != nil {
		return err
	}
	if withValues && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		return command.ErrOutOfRange
	}
	h, err := c.DB.FindHash(key)
	if err != nil {
		return err
	}
	if err := purge(c, &h); err != nil {
		return err
	}
	distinct := count >= 0
	if !distinct {
		count = -count
	}
	if distinct {
		count = min(count, int64(h.Len()))
	}
	if h.Len() == 0 {
		count = 0
	}
	if count > command.MaxElements {
		return command.ErrTooLong
	}
	if withValues && c.Reply.Proto < 3 {
		c.Reply.Array(int(2 * count))
	} else {
		c.Reply.Array(int(count))
	}
	return replySample(c, &h, int(count), distinct, withValues)
}

// replySample writes count random fields. With values, RESP3 has an array for each pair.
func replySample(c *command.Ctx, h *store.Hash, count int, distinct, withValues bool) (err error) {
	n := 0
	show := func(p store.Pair) bool {
		if withValues && c.Reply.Proto == 3 {
			c.Reply.Array(2)
		}
		c.ReplyValue(p.Field)
		if withValues {
			c.ReplyValue(p.Value)
		}
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	}
	if distinct {
		h.Sample(count, show)
	} else {
		h.Draw(count, show)
	}
	return err
}
