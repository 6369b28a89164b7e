// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// pendingRange is what XPENDING asks for when it asks for entries.
type pendingRange struct {
	from, to store.StreamID
	count    int64
	idle     int64  // ms since the delivery at least
	consumer []byte // nil: any
}

func xpending(c *command.Ctx) error {
	var r pendingRange
	if len(c.Argv) != 3 {
		var err error
		if r, err = parsePendingRange(c.Argv[3:]); err != nil {
			return err
		}
	}
	key, group := c.Argv[1], c.Argv[2]
	s, err := c.DB.FindStream(key)
	if err != nil {
		return err
	}
	g, ok := s.Group(group)
	switch {
	case !ok:
		return errNoGroup(key, group, "")
	case len(c.Argv) == 3:
		return replySummary(c, g)
	}
	return r.reply(c, g)
}

// parsePendingRange reads [IDLE ms] start end count [consumer].
func parsePendingRange(args [][]byte) (r pendingRange, err error) {
	if len(args) < 3 || len(args) > 6 {
		return r, command.ErrSyntax
	}
	a := command.MakeArgs(args)
	if a.Keyword("IDLE") {
		if r.idle = a.Int(); a.Err() == nil && a.Len() < 3 {
			a.Fail(command.ErrSyntax)
		}
	}
	start, end := a.Bytes(), a.Bytes()
	r.count = max(a.Int(), 0)
	if a.More() { // what comes behind it counts for nothing
		r.consumer = a.Bytes()
		a.Rest()
	}
	if err = a.Done(); err != nil {
		return r, err
	}
	if r.from, err = parseStart(start); err != nil {
		return r, err
	}
	r.to, err = parseEnd(end)
	return r, err
}

// errNoGroup is the error for a key that is not there, or has no such group; where is the end of the text.
func errNoGroup(key, group []byte, where string) error {
	return command.Error("NOGROUP No such key '" + string(command.UpToNUL(key)) + "' or consumer group '" +
		string(command.UpToNUL(group)) + "'" + where)
}

// replySummary replies with the number of a group's pending entries, the least and the greatest ID, and how many each consumer has.
func replySummary(c *command.Ctx, g store.Group) (err error) {
	n := g.Pending()
	c.Reply.Array(4)
	c.Reply.Int(int64(n))
	if n == 0 {
		c.Reply.Null()
		c.Reply.Null()
		c.Reply.NullArray()
		return nil
	}
	replyID(c, g.FirstPending().ID)
	replyID(c, g.LastPending().ID)
	length, owners := c.Reply.DeferLen(), 0
	g.EachOwner(func(consumer store.Consumer) bool {
		c.Reply.Array(2)
		c.Reply.Bulk(consumer.Name())
		c.Reply.BulkInt(int64(consumer.Pending()))
		if owners++; owners%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	c.Reply.SetArrayLen(length, owners)
	return err
}

// reply replies with pending entries.
func (r *pendingRange) reply(c *command.Ctx, g store.Group) (err error) {
	var consumer store.Consumer
	if r.consumer != nil {
		var ok bool
		if consumer, ok = g.Consumer(r.consumer); !ok {
			c.Reply.Array(0)
			return nil
		}
	}
	length, n, seen, now := c.Reply.DeferLen(), int64(0), 0, c.Now()
	show := func(p store.Pending) bool {
		if seen++; seen%tickEvery == 0 {
			err = c.Tick()
		}
		if now-p.Delivered >= r.idle || r.idle == 0 {
			replyPending(c, g, p, now)
			n++
		}
		return n < r.count && err == nil
	}
	switch {
	case r.count == 0:
	case r.consumer != nil:
		consumer.Each(r.from, r.to, show)
	default:
		g.Each(r.from, r.to, show)
	}
	c.Reply.SetArrayLen(length, int(n))
	return err
}

// replyPending writes a pending entry: its ID, its owner, the ms since its delivery, and how many there were.
func replyPending(c *command.Ctx, g store.Group, p store.Pending, now int64) {
	c.Reply.Array(4)
	replyID(c, p.ID)
	replyOwner(c, g, p)
	if p.Owned() {
		c.Reply.Int(max(now-p.Delivered, 0))
	} else {
		c.Reply.Int(-1)
	}
	c.Reply.Int(int64(p.Count))
}

// replyOwner writes the name of a pending entry's owner, nothing if it is nobody's.
func replyOwner(c *command.Ctx, g store.Group, p store.Pending) {
	if owner, ok := g.Owner(p); ok {
		c.Reply.Bulk(owner.Name())
	} else {
		c.Reply.BulkString("")
	}
}
