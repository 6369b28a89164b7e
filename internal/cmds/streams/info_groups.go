// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// xinfoGroups is XINFO GROUPS.
func xinfoGroups(c *command.Ctx) (err error) {
	s, err := findInfo(c)
	if err != nil {
		return err
	}
	n := 0
	c.Reply.Array(s.Groups())
	s.EachGroup(func(g store.Group) bool {
		c.Reply.Map(6)
		c.Reply.BulkString("name")
		c.Reply.Bulk(g.Name())
		replyField(c, "consumers", int64(g.Consumers()))
		replyField(c, "pending", int64(g.Pending()))
		replyProgress(c, s, g)
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	return err
}

// findInfo finds the stream that a subcommand of XINFO asks about, which must be there.
func findInfo(c *command.Ctx) (*store.Stream, error) {
	s, err := c.DB.FindStream(c.Argv[2])
	if err == nil && !s.Exists() {
		err = command.ErrNoSuchKey
	}
	return &s, err
}

// replyProgress writes the three fields that tell how far a group has come.
func replyProgress(c *command.Ctx, s *store.Stream, g store.Group) {
	replyFieldID(c, "last-delivered-id", g.Last())
	c.Reply.BulkString("entries-read")
	if read := g.Read(); read != store.NoCount {
		c.Reply.Int(read)
	} else {
		c.Reply.Null()
	}
	c.Reply.BulkString("lag")
	if lag, ok := s.Lag(g); ok {
		c.Reply.Int(lag)
	} else {
		c.Reply.Null()
	}
}

// xinfoConsumers is XINFO CONSUMERS.
func xinfoConsumers(c *command.Ctx) (err error) {
	s, err := findInfo(c)
	if err != nil {
		return err
	}
	g, ok := s.Group(c.Argv[3])
	if !ok {
		return errNotGroup(c.Argv[3], c.Argv[2])
	}
	now, n := c.Now(), 0
	c.Reply.Array(g.Consumers())
	g.EachConsumer(func(consumer store.Consumer) bool {
		c.Reply.Map(4)
		c.Reply.BulkString("name")
		c.Reply.Bulk(consumer.Name())
		replyField(c, "pending", int64(consumer.Pending()))
		replyField(c, "idle", max(now-consumer.Seen(), 0))
		inactive := consumer.Active()
		if inactive != store.Never {
			inactive = now - inactive
		}
		replyField(c, "inactive", inactive)
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	return err
}

// errNotGroup is the error for a group that a stream does not have.
func errNotGroup(group, key []byte) error {
	return command.Error("NOGROUP No such consumer group '" + string(command.UpToNUL(group)) + "' for key name '" +
		string(command.UpToNUL(key)) + "'")
}

// fullGroups writes the groups of XINFO STREAM FULL, with up to count pending entries of each and of each consumer, 0 being all.
func fullGroups(c *command.Ctx, s *store.Stream, count int) (err error) {
	if count == 0 {
		count = math.MaxInt
	}
	w := fullWriter{c: c, count: count}
	c.Reply.Array(s.Groups())
	s.EachGroup(func(g store.Group) bool {
		c.Reply.Map(8)
		c.Reply.BulkString("name")
		c.Reply.Bulk(g.Name())
		replyProgress(c, s, g)
		replyField(c, "pel-count", int64(g.Pending()))
		w.pending(g.Pending(), g.Each, func(p store.Pending) {
			c.Reply.Array(4)
			replyID(c, p.ID)
			replyOwner(c, g, p)
		})
		c.Reply.BulkString("consumers")
		c.Reply.Array(g.Consumers())
		g.EachConsumer(w.consumer)
		replyField(c, "nacked-count", int64(g.Unowned()))
		return w.tick()
	})
	return w.err
}

// fullWriter writes what is part of XINFO STREAM FULL.
type fullWriter struct {
	c     *command.Ctx
	count int // of pending entries of a list
	n     int // things written
	err   error
}

// tick counts something that was written, and tells whether to go on.
func (w *fullWriter) tick() bool {
	if w.n++; w.n%tickEvery == 0 {
		w.err = w.c.Tick()
	}
	return w.err == nil
}

// consumer writes a consumer.
func (w *fullWriter) consumer(consumer store.Consumer) bool {
	c := w.c
	c.Reply.Map(5)
	c.Reply.BulkString("name")
	c.Reply.Bulk(consumer.Name())
	replyField(c, "seen-time", consumer.Seen())
	replyField(c, "active-time", consumer.Active())
	replyField(c, "pel-count", int64(consumer.Pending()))
	w.pending(consumer.Pending(), consumer.Each, func(p store.Pending) {
		c.Reply.Array(3)
		replyID(c, p.ID)
	})
	return w.tick()
}

// pending writes some of n pending entries, which head begins, up to the two fields that are the same everywhere.
func (w *fullWriter) pending(n int, each func(from, to store.StreamID, fn func(p store.Pending) bool), head func(p store.Pending)) {
	w.c.Reply.BulkString("pending")
	n = min(n, w.count)
	w.c.Reply.Array(n)
	if n == 0 {
		return
	}
	each(store.StreamID{}, store.MaxStreamID(), func(p store.Pending) bool {
		head(p)
		w.c.Reply.Int(p.Delivered)
		w.c.Reply.Int(int64(p.Count))
		n--
		return w.tick() && n > 0
	})
}
