// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of ZADD.
const (
	errNaN    command.Error = "ERR resulting score is not a number (NaN)"
	errNXXX   command.Error = "ERR XX and NX options at the same time are not compatible"
	errGTLTNX command.Error = "ERR GT, LT, and/or NX options at the same time are not compatible"
	errIncr   command.Error = "ERR INCR option supports a single increment-element pair"
)

// addOptions are the options of ZADD.
type addOptions struct{ nx, xx, gt, lt, ch, incr bool }

// parse takes options from the begin of args and gives the scores and members behind them, by turns.
func (o *addOptions) parse(args [][]byte) (pairs [][]byte, err error) {
	words := [...]struct {
		word string
		set  *bool
	}{{"NX", &o.nx}, {"XX", &o.xx}, {"CH", &o.ch}, {"INCR", &o.incr}, {"GT", &o.gt}, {"LT", &o.lt}}
next:
	for len(args) > 0 {
		for _, w := range words {
			if command.EqualFold(args[0], w.word) {
				*w.set = true
				args = args[1:]
				continue next
			}
		}
		break
	}
	switch {
	case len(args) == 0 || len(args)%2 != 0:
		return nil, command.ErrSyntax
	case o.nx && o.xx:
		return nil, errNXXX
	case o.nx && (o.gt || o.lt) || o.gt && o.lt:
		return nil, errGTLTNX
	case o.incr && len(args) > 2:
		return nil, errIncr
	}
	return args, nil
}

func zadd(c *command.Ctx) error { return addAll(c, addOptions{}) }

// zincrby takes options as Redis does: it is ZADD with INCR.
func zincrby(c *command.Ctx) error { return addAll(c, addOptions{incr: true}) }

// addAll implements ZADD and ZINCRBY.
func addAll(c *command.Ctx, o addOptions) error {
	key := c.Argv[1]
	pairs, err := o.parse(c.Argv[2:])
	if err != nil {
		return err
	}
	var room [16]float64
	scores, size := room[:0], 0
	for i := 0; i < len(pairs); i += 2 {
		score, ok := num.ParseFloat(pairs[i])
		if !ok {
			return command.ErrNotFloat
		}
		scores = append(scores, score)
		size += len(pairs[i+1]) + store.MemberCost
	}
	z, err := c.DB.FindZSetWrite(key)
	if err != nil {
		return err
	}
	if len(scores) > 1 {
		z.Reserve(len(scores), size)
	}
	var added, changed int64
	var last outcome
	for i, score := range scores {
		if last, err = o.put(&z, pairs[2*i+1], score); err != nil {
			return err // of INCR, which has a single member
		}
		if last.added {
			added++
		} else if last.changed {
			changed++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
	event := "zadd"
	if o.incr {
		event = "zincr"
	}
	if added+changed > 0 {
		c.Modified(event, key)
		c.Dirty += added + changed - 1
	}
	switch {
	case o.incr && last.skipped:
		c.Reply.Null()
	case o.incr:
		c.Reply.Double(last.score)
	case o.ch:
		c.Reply.Int(added + changed)
	default:
		c.Reply.Int(added)
	}
	return nil
}

// outcome is what became of a member: it is skipped when a condition did not hold.
type outcome struct {
	score                   float64
	added, changed, skipped bool
}

// put gives a member its score, if the options let it.
func (o *addOptions) put(z *store.ZSet, member []byte, score float64) (r outcome, err error) {
	if o.nx || o.xx || o.gt || o.lt || o.incr {
		old, there := z.Score(member)
		if there && o.incr && !o.nx {
			if score += old; score != score {
				return r, errNaN
			}
		}
		if there && (o.nx || o.gt && score <= old || o.lt && score >= old) || !there && o.xx {
			r.skipped = true
			return r, nil
		}
	}
	r.score = score
	r.added, r.changed = z.Put(member, score)
	return r, nil
}

func zrem(c *command.Ctx) error {
	key, members := c.Argv[1], c.Argv[2:]
	z, err := c.DB.FindZSetWrite(key)
	if err != nil {
		return err
	}
	if len(members) > 1 {
		z.Reserve(len(members), 0)
	}
	removed := 0
	for i := 0; i < len(members) && z.Len() > 0; i++ {
		if z.Remove(members[i]) {
			removed++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see addAll
		}
	}
	tellRemoved(c, &z, key, "zrem", removed)
	c.Reply.Int(int64(removed))
	return nil
}

// tellRemoved says that so many members are gone by what event names, and the key with the last one.
func tellRemoved(c *command.Ctx, z *store.ZSet, key []byte, event string, removed int) {
	if removed == 0 {
		return
	}
	c.Modified(event, key)
	c.Dirty += int64(removed - 1)
	if z.Len() == 0 {
		c.Host.Notify("del", key)
	}
}

func zremrangebyrank(c *command.Ctx) error {
	start, stop, err := parseRanks(c.Argv[2], c.Argv[3])
	q := rangeQuery{kind: byRank, start: start, stop: stop}
	return removeFound(c, q, err, "zremrangebyrank")
}

func zremrangebyscore(c *command.Ctx) error {
	r, err := parseScoreRange(c.Argv[2], c.Argv[3])
	return removeFound(c, rangeQuery{kind: byScore, scores: r, count: -1}, err, "zremrangebyscore")
}

func zremrangebylex(c *command.Ctx) error {
	r, err := parseLexRange(c.Argv[2], c.Argv[3])
	return removeFound(c, rangeQuery{kind: byLex, texts: r, count: -1}, err, "zremrangebylex")
}

// removeFound removes what a query finds; err is what was wrong with its bounds.
func removeFound(c *command.Ctx, q rangeQuery, err error, event string) error {
	if err != nil {
		return err
	}
	key := c.Argv[1]
	z, err := c.DB.FindZSetWrite(key)
	if err != nil {
		return err
	}
	s, err := q.find(c, &z)
	if err != nil {
		return err
	}
	removeSpan(c, &z, s)
	tellRemoved(c, &z, key, event, s.n)
	c.Reply.Int(int64(s.n))
	return nil
}

// removeSpan removes members, a part at a time unless they are all.
func removeSpan(c *command.Ctx, z *store.ZSet, s span) {
	s = s.upwards()
	if s.n == z.Len() {
		z.RemoveRange(0, s.n, nil)
		return
	}
	if s.n > 1 {
		z.Reserve(s.n, 0)
	}
	for s.n > 0 {
		n := min(s.n, tickEvery)
		z.RemoveRange(s.from, n, nil)
		if s.n -= n; s.n > 0 {
			_ = c.Tick() // see addAll
		}
	}
}
