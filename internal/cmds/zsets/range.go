// SPDX-License-Identifier: BSD-3-Clause

package zsets

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of options that do not go together.
const (
	errLimitByRank   command.Error = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	errWithScoresLex command.Error = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
)

// rangeKind is what a range is of.
type rangeKind uint8

const (
	anyKind rangeKind = iota // BYSCORE and BYLEX may say
	byRank
	byScore
	byLex
)

// rangeQuery is what ZRANGE and its like are asked for.
type rangeQuery struct {
	kind       rangeKind
	reverse    bool
	withScores bool
	offset     int64
	count      int64 // of LIMIT; negative: all

	start, stop int64
	scores      scoreRange
	texts       lexRange
}

// parseRange reads bounds and options behind the key. kind and reverse are what the command's name says; kind anyKind leaves
// both to options. stored is for a command that keeps the scores anyway.
func parseRange(args *command.Args, kind rangeKind, reverse, stored bool) (q rangeQuery, err error) {
	low, high := args.Bytes(), args.Bytes()
	q = rangeQuery{kind: kind, reverse: reverse, count: -1}
	for args.More() {
		switch {
		case !stored && args.Keyword("WITHSCORES"):
			q.withScores = true
		case args.Len() >= 3 && args.Keyword("LIMIT"):
			q.offset, q.count = args.Int(), args.Int()
		case kind == anyKind && !q.reverse && args.Keyword("REV"):
			q.reverse = true
		case q.kind == anyKind && args.Keyword("BYLEX"):
			q.kind = byLex
		case q.kind == anyKind && args.Keyword("BYSCORE"):
			q.kind = byScore
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return q, err
	}
	if q.kind == anyKind {
		q.kind = byRank
	}
	switch {
	case q.count != -1 && q.kind == byRank:
		return q, errLimitByRank
	case q.withScores && q.kind == byLex:
		return q, errWithScoresLex
	}
	return q, q.parseBounds(low, high)
}

// parseBounds reads the bounds; those of scores and texts have the upper one first when the range is reversed.
func (q *rangeQuery) parseBounds(low, high []byte) (err error) {
	if q.reverse && q.kind != byRank {
		low, high = high, low
	}
	switch q.kind {
	case byScore:
		q.scores, err = parseScoreRange(low, high)
	case byLex:
		q.texts, err = parseLexRange(low, high)
	default:
		q.start, q.stop, err = parseRanks(low, high)
	}
	return err
}

func parseRanks(first, last []byte) (start, stop int64, err error) {
	start, ok1 := num.ParseInt(first)
	stop, ok2 := num.ParseInt(last)
	if !ok1 || !ok2 {
		return 0, 0, command.ErrNotInteger
	}
	return start, stop, nil
}

// find gives the members that are asked for.
func (q *rangeQuery) find(c *command.Ctx, z *store.ZSet) (span, error) {
	switch q.kind {
	case byScore:
		return q.scores.span(z, q.reverse).limited(q.offset, q.count), nil
	case byLex:
		s, err := q.texts.span(c, z, q.reverse)
		return s.limited(q.offset, q.count), err
	}
	return rankSpan(q.start, q.stop, z.Len(), q.reverse), nil
}

func zrange(c *command.Ctx) error           { return replyRange(c, anyKind, false) }
func zrevrange(c *command.Ctx) error        { return replyRange(c, byRank, true) }
func zrangebyscore(c *command.Ctx) error    { return replyRange(c, byScore, false) }
func zrevrangebyscore(c *command.Ctx) error { return replyRange(c, byScore, true) }
func zrangebylex(c *command.Ctx) error      { return replyRange(c, byLex, false) }
func zrevrangebylex(c *command.Ctx) error   { return replyRange(c, byLex, true) }

// replyRange implements ZRANGE and its older relatives.
func replyRange(c *command.Ctx, kind rangeKind, reverse bool) error {
	args := c.Args()
	key := args.Key()
	q, err := parseRange(&args, kind, reverse, false)
	if err != nil {
		return err
	}
	z, err := c.DB.FindZSet(key)
	if err != nil {
		return err
	}
	s, err := q.find(c, &z)
	if err != nil {
		return err
	}
	replyLen(c, s.n, q.withScores)
	return replySpan(c, &z, s, q.withScores)
}

// replyLen begins the reply of n members: with scores an array of pairs, or of twice as many replies in RESP2.
func replyLen(c *command.Ctx, n int, withScores bool) {
	if withScores && c.Reply.Proto < 3 {
		n *= 2
	}
	c.Reply.Array(n)
}

// longReply is the bytes of members past which a reply is sent from where they lie, if their set can be frozen: to freeze it costs
// who changes it next.
const longReply = 32 << 10

// replySpan writes members behind a header that replyLen has written.
func replySpan(c *command.Ctx, z *store.ZSet, s span, withScores bool) (err error) {
	n, size := 0, 0
	big := z.IsBig()
	z.Each(s.from, s.n, s.reverse, func(m store.Value, score float64) bool {
		if size += m.Len(); big && size > longReply {
			return false
		}
		replyScored(c, m, score, withScores)
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	if err == nil && n < s.n {
		c.Reply.Stream(newSpanStream(z, s.limited(int64(n), -1), withScores, c.Reply.Proto))
	}
	return err
}

// replyScored writes a member of a reply that replyLen has begun.
func replyScored(c *command.Ctx, m store.Value, score float64, withScores bool) {
	if withScores && c.Reply.Proto == 3 {
		c.Reply.Array(2)
	}
	c.ReplyValue(m)
	if withScores {
		c.Reply.Double(score)
	}
}

func zrangestore(c *command.Ctx) error {
	args := c.Args()
	dst, src := args.Key(), args.Key()
	q, err := parseRange(&args, anyKind, false, true)
	if err != nil {
		return err
	}
	z, err := c.DB.FindZSet(src)
	if err != nil {
		return err
	}
	s, err := q.find(c, &z)
	if err != nil {
		return err
	}
	s = s.upwards()
	g := gathering{c: c, list: make([]store.Scored, 0, s.n)}
	if err := g.span(&z, s); err != nil {
		return err
	}
	g.store(dst, [][]byte{src}, "zrangestore")
	return nil
}
