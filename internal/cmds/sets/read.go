// SPDX-License-Identifier: BSD-3-Clause

package sets

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
	"github.com/redpoll/redpoll/internal/store"
)

// tickEvery is how many members a handler treats before it asks whether it has taken long.
const tickEvery = 1000

func sismember(c *command.Ctx) error {
	s, err := c.DB.FindSet(c.Argv[1])
	if err != nil {
		return err
	}
	replyHas(c, &s, c.Argv[2])
	return nil
}

// replyHas writes 1 when the set has the member, else 0.
func replyHas(c *command.Ctx, s *store.Set, member []byte) {
	var n int64
	if s.Has(member) {
		n = 1
	}
	c.Reply.Int(n)
}

func smismember(c *command.Ctx) error {
	s, err := c.DB.FindSet(c.Argv[1])
	if err != nil {
		return err
	}
	members := c.Argv[2:]
	c.Reply.Array(len(members))
	for i, member := range members {
		replyHas(c, &s, member)
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

func scard(c *command.Ctx) error {
	s, err := c.DB.FindSet(c.Argv[1])
	if err != nil {
		return err
	}
	c.Reply.Int(int64(s.Len()))
	return nil
}

func smembers(c *command.Ctx) error {
	s, err := c.DB.FindSet(c.Argv[1])
	if err != nil {
		return err
	}
	return replyAll(c, &s)
}

// replyAll writes all members of a set.
func replyAll(c *command.Ctx, s *store.Set) (err error) {
	c.Reply.Set(s.Len())
	if s.IsBig() {
		view := s.Freeze()
		walk := view.Fields()
		c.Reply.Stream(resp.NewBulks(func() ([]byte, bool) {
			p, ok := walk.Next()
			return p.Field.Bytes, ok
		}, view.Release))
		return nil
	}
	n := 0
	s.Each(func(member store.Value) bool {
		c.ReplyValue(member)
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	return err
}

// sscan shows a set that is no table whole, whatever COUNT says. As in Redis, the options of a scan of nothing are not looked at.
func sscan(c *command.Ctx) error {
	args := command.MakeArgs(c.Argv[2:])
	var scan command.ScanArgs
	if err := scan.ParseCursor(&args); err != nil {
		return err
	}
	s, err := c.DB.FindSet(c.Argv[1])
	if err != nil {
		return err
	}
	if s.Len() == 0 {
		c.Reply.Array(2)
		c.Reply.BulkInt(0)
		c.Reply.Array(0)
		return nil
	}
	if err := scan.ParseOptions(&args, 0); err != nil {
		return err
	}
	var room [64]store.Value
	found := room[:0]
	var scratch [num.MaxIntLen]byte
	next, err := scan.Walk(c, func(cursor uint64, count int) (next uint64) {
		return s.Scan(cursor, count, func(member store.Value) {
			if scan.Match(store.Text(member, scratch[:0])) {
				found = append(found, member)
			}
		})
	})
	if err != nil {
		return err
	}
	c.Reply.Array(2)
	c.Reply.Bulk(num.AppendUint(scratch[:0], next))
	c.Reply.Array(len(found))
	for i, member := range found {
		c.ReplyValue(member)
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}
