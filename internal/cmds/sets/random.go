// SPDX-License-Identifier: BSD-3-Clause

package sets

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

func srandmember(c *command.Ctx) error {
	if len(c.Argv) > 2 {
		return srandmemberCount(c)
	}
	s, err := c.DB.FindSet(c.Argv[1])
	if err != nil {
		return err
	}
	if s.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	c.ReplyValue(s.Random())
	return nil
}

// srandmemberCount implements the form with a count: so many members, each at most once, or with a negative count so many draws,
// which may give a member again.
func srandmemberCount(c *command.Ctx) error {
	args := c.Args()
	key, count := args.Key(), args.Int()
	if args.Len() > 0 {
		return command.ErrSyntax
	}
	if args.Err() == nil && count == math.MinInt64 {
		args.Fail(command.ErrNoOpposite)
	}
	if err := args.Done(); err != nil {
		return err
	}
	s, err := c.DB.FindSet(key)
	if err != nil {
		return err
	}
	size := int64(s.Len())
	distinct := count >= 0
	switch {
	case size == 0:
		count = 0
	case distinct:
		count = min(count, size)
	default:
		count = -count
	}
	if count > command.MaxElements {
		return command.ErrTooLong
	}
	c.Reply.Array(int(count))
	n := 0
	show := func(member store.Value) bool {
		c.ReplyValue(member)
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	}
	if distinct {
		s.Sample(int(count), show)
	} else {
		s.Draw(int(count), show)
	}
	return err
}

// spop goes to the log as the removal of what it drew.
func spop(c *command.Ctx) error {
	if len(c.Argv) > 2 {
		return spopCount(c)
	}
	s, err := c.DB.FindSetWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if s.Len() == 0 {
		c.Reply.Null()
		return nil
	}
	p := popping{c: c, key: c.Argv[1], left: 1}
	s.Pop(1, p.show)
	p.done(&s)
	return nil
}

// spopCount implements the form with a count. A reply with all members is one of the key's deletion to the log.
func spopCount(c *command.Ctx) error {
	args := c.Args()
	key, count := args.Key(), args.IntOr(command.ErrMustBePositive)
	if args.Len() > 0 {
		return command.ErrSyntax
	}
	if args.Err() == nil && count < 0 {
		args.Fail(command.ErrMustBePositive)
	}
	if err := args.Done(); err != nil {
		return err
	}
	s, err := c.DB.FindSetWrite(key)
	if err != nil {
		return err
	}
	size := int64(s.Len())
	if count < size && count > 0 {
		c.Reply.Set(int(count))
		p := popping{c: c, key: key, left: int(count)}
		s.Pop(int(count), p.show)
		p.done(&s)
		return nil
	}
	if count == 0 || size == 0 {
		c.Reply.Set(0)
		return nil
	}
	if err := replyAll(c, &s); err != nil {
		return err
	}
	c.DB.Delete(key)
	c.Modified("spop", key)
	c.Host.Notify("del", key)
	c.Dirty += size - 1
	c.Propagate([]byte("DEL"), key)
	return nil
}

// popBatch is how many members an SREM in the log removes at most, as in Redis.
const popBatch = 1024

// popping replies with members that are about to be removed, and tells the log of them.
type popping struct {
	c     *command.Ctx
	key   []byte
	n     int      // members that were shown
	left  int      // members that are still to be shown
	argv  [][]byte // of an SREM: what the log has not been told yet
	texts []byte   // that its members lie in, or did until it was full
}

// show replies with a member.
func (p *popping) show(member store.Value) {
	p.c.ReplyValue(member)
	if p.argv == nil {
		p.argv = append(make([][]byte, 0, 2+min(p.left, popBatch)), []byte("SREM"), p.key)
	}
	if n := member.Len(); cap(p.texts)-len(p.texts) < n { // what refers to the old texts keeps them
		p.texts = make([]byte, 0, max(n, min(2*cap(p.texts), 64<<10)))
	}
	start := len(p.texts)
	if member.IsInt() {
		p.texts = store.Text(member, p.texts)
	} else {
		p.texts = append(p.texts, member.Bytes...)
	}
	p.argv = append(p.argv, p.texts[start:])
	if len(p.argv) == popBatch+2 {
		p.flush()
	}
	p.left--
	if p.n++; p.n%tickEvery == 0 {
		_ = p.c.Tick() // see sadd
	}
}

// flush tells the log.
func (p *popping) flush() {
	if p.argv != nil {
		p.c.Propagate(p.argv...)
		p.argv = nil
	}
}

// done ends the command, whose members have been removed from the set.
func (p *popping) done(s *store.Set) {
	p.flush()
	p.c.Modified("spop", p.key)
	p.c.Dirty += int64(p.n - 1)
	if s.Len() == 0 {
		p.c.Host.Notify("del", p.key)
	}
}
