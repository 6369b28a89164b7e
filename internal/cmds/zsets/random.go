// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

func zrandmember(c *command.Ctx) error {
	if len(c.Argv) > 2 {
		return zrandmemberCount(c)
	}
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	if z.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	z.Draw(1, func(m store.Value, _ float64) bool {
		c.ReplyValue(m)
		return true
	})
	return nil
}

// zrandmemberCount implements the forms with a count: so many members, each at most once, or with a negative count so many
// draws, which may give a member again.
func zrandmemberCount(c *command.Ctx) error {
	args := c.Args()
	key, count := args.Key(), args.Int()
	if args.Err() == nil && count == math.MinInt64 {
		args.Fail(command.ErrNoOpposite)
	}
	withScores := args.Keyword("WITHSCORES")
	if err := args.Done(); err != nil {
		return err
	}
	if withScores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		return command.ErrOutOfRange
	}
	z, err := c.DB.FindZSet(key)
	if err != nil {
		return err
	}
	distinct := count >= 0
	switch {
	case z.Len() == 0:
		count = 0
	case distinct:
		count = min(count, int64(z.Len()))
	default:
		count = -count
	}
	if count > command.MaxElements {
		return command.ErrTooLong
	}
	replyLen(c, int(count), withScores)
	n := 0
	show := func(m store.Value, score float64) bool {
		replyScored(c, m, score, withScores)
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	}
	if distinct {
		z.Sample(int(count), show)
	} else {
		z.Draw(int(count), show)
	}
	return err
}
