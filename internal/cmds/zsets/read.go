// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// tickEvery is how many members a handler treats before it asks whether it has taken long.
const tickEvery = 1000

func zcard(c *command.Ctx) error {
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Int(int64(z.Len()))
	return nil
}

func zscore(c *command.Ctx) error {
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	replyScore(c, &z, c.Argv[2])
	return nil
}

// replyScore writes a member's score, or that there is none.
func replyScore(c *command.Ctx, z *store.ZSet, member []byte) {
	if score, ok := z.Score(member); ok {
		c.Reply.Double(score)
	} else {
		c.Reply.Null()
	}
}

func zmscore(c *command.Ctx) error {
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	members := c.Argv[2:]
	c.Reply.Array(len(members))
	for i, member := range members {
		replyScore(c, &z, member)
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

func zcount(c *command.Ctx) error {
	r, err := parseScoreRange(c.Argv[2], c.Argv[3])
	if err != nil {
		return err
	}
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Int(int64(r.span(&z, false).n))
	return nil
}

func zlexcount(c *command.Ctx) error {
	r, err := parseLexRange(c.Argv[2], c.Argv[3])
	if err != nil {
		return err
	}
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	s, err := r.span(c, &z, false)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(s.n))
	return nil
}

func zrank(c *command.Ctx) error    { return replyRank(c, false) }
func zrevrank(c *command.Ctx) error { return replyRank(c, true) }

// replyRank writes a member's rank, from the highest on with reverse, and with WITHSCORE its score.
func replyRank(c *command.Ctx, reverse bool) error {
	if len(c.Argv) > 4 {
		return command.ErrArity(c.Spec.FullName())
	}
	withScore := len(c.Argv) == 4
	if withScore && !command.EqualFold(c.Argv[3], "WITHSCORE") {
		return command.ErrSyntax
	}
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	rank, score, ok := z.Rank(c.Argv[2])
	if reverse {
		rank = z.Len() - 1 - rank
	}
	switch {
	case !ok && withScore:
		c.Reply.NullArray()
	case !ok:
		c.Reply.Null()
	case withScore:
		c.Reply.Array(2)
		c.Reply.Int(int64(rank))
		c.Reply.Double(score)
	default:
		c.Reply.Int(int64(rank))
	}
	return nil
}

// zscan shows a packed set whole, whatever COUNT says. As in Redis, the options of a scan of nothing are not looked at.
func zscan(c *command.Ctx) error {
	args := command.MakeArgs(c.Argv[2:])
	var scan command.ScanArgs
	if err := scan.ParseCursor(&args); err != nil {
		return err
	}
	z, err := c.DB.FindZSet(c.Argv[1])
	if err != nil {
		return err
	}
	if z.Len() == 0 {
		c.Reply.Array(2)
		c.Reply.BulkInt(0)
		c.Reply.Array(0)
		return nil
	}
	if err := scan.ParseOptions(&args, command.ScanNoScores); err != nil {
		return err
	}
	type found struct {
		m     store.Value
		score float64
	}
	var room [64]found
	list := room[:0]
	var scratch [num.MaxDoubleLen]byte
	next, err := scan.Walk(c, func(cursor uint64, count int) (next uint64) {
		return z.Scan(cursor, count, func(m store.Value, score float64) {
			if scan.Match(store.Text(m, scratch[:0])) {
				list = append(list, found{m, score})
			}
		})
	})
	if err != nil {
		return err
	}
	c.Reply.Array(2)
	c.Reply.Bulk(num.AppendUint(scratch[:0], next))
	if !scan.NoValues {
		c.Reply.Array(2 * len(list))
	} else {
		c.Reply.Array(len(list))
	}
	for i := range list {
		c.ReplyValue(list[i].m)
		if !scan.NoValues {
			c.Reply.Bulk(num.AppendDouble(scratch[:0], list[i].score))
		}
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}
