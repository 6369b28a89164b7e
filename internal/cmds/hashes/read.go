// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// tickEvery is how many fields a handler treats before it asks whether it has taken long.
const tickEvery = 1000

// replyGet writes the value of a field, or that there is none.
func replyGet(c *command.Ctx, h *store.Hash, field []byte) {
	v, ok := h.Get(field)
	switch {
	case !ok:
		c.Reply.Null()
	case len(v.Bytes) > longValue && h.IsBig():
		replyLong(c, h, v.Bytes)
	default:
		c.ReplyValue(v)
	}
}

func hget(c *command.Ctx) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	replyGet(c, &h, c.Argv[2])
	return nil
}

func hmget(c *command.Ctx) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	fields := c.Argv[2:]
	c.Reply.Array(len(fields))
	for i, field := range fields {
		replyGet(c, &h, field)
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}

func hexists(c *command.Ctx) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	var n int64
	if _, ok := h.Get(c.Argv[2]); ok {
		n = 1
	}
	c.Reply.Int(n)
	return nil
}

func hlen(c *command.Ctx) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	if err := purge(c, &h); err != nil {
		return err
	}
	c.Reply.Int(int64(h.Len()))
	return nil
}

// purge makes a hash's length what it is without fields past their time.
func purge(c *command.Ctx, h *store.Hash) error {
	if h.Overdue() {
		return h.Purge(c.Tick)
	}
	return nil
}

func hstrlen(c *command.Ctx) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	n := 0
	if v, ok := h.Get(c.Argv[2]); ok {
		n = v.Len()
	}
	c.Reply.Int(int64(n))
	return nil
}

func hgetall(c *command.Ctx) error { return replyAll(c, true, true) }
func hkeys(c *command.Ctx) error   { return replyAll(c, true, false) }
func hvals(c *command.Ctx) error   { return replyAll(c, false, true) }

// replyAll writes all fields, all values, or both as a map.
func replyAll(c *command.Ctx, fields, values bool) error {
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	if err := purge(c, &h); err != nil {
		return err
	}
	if fields && values {
		c.Reply.Map(h.Len())
	} else {
		c.Reply.Array(h.Len())
	}
	if h.IsBig() {
		c.Reply.Stream(newFieldStream(&h, fields, values))
		return nil
	}
	n := 0
	h.Each(func(p store.Pair) bool {
		if fields {
			c.ReplyValue(p.Field)
		}
		if values {
			c.ReplyValue(p.Value)
		}
		if n++; n%tickEvery == 0 {
			err = c.Tick()
		}
		return err == nil
	})
	return err
}

// hscan shows a packed hash whole, whatever COUNT says. As in Redis, the options of a scan of nothing are not looked at.
func hscan(c *command.Ctx) error {
	args := command.MakeArgs(c.Argv[2:])
	var scan command.ScanArgs
	if err := scan.ParseCursor(&args); err != nil {
		return err
	}
	h, err := c.DB.FindHash(c.Argv[1])
	if err != nil {
		return err
	}
	if h.Len() == 0 {
		c.Reply.Array(2)
		c.Reply.BulkInt(0)
		c.Reply.Array(0)
		return nil
	}
	if err := scan.ParseOptions(&args, command.ScanNoValues); err != nil {
		return err
	}
	var room [64]store.Pair
	found := room[:0]
	var scratch [num.MaxIntLen]byte
	next, err := scan.Walk(c, func(cursor uint64, count int) (next uint64) {
		return h.Scan(cursor, count, func(p store.Pair) {
			if scan.Match(store.Text(p.Field, scratch[:0])) {
				found = append(found, p)
			}
		})
	})
	if err != nil {
		return err
	}
	c.Reply.Array(2)
	c.Reply.Bulk(num.AppendUint(scratch[:0], next))
	if !scan.NoValues {
		c.Reply.Array(2 * len(found))
	} else {
		c.Reply.Array(len(found))
	}
	for i := range found {
		c.ReplyValue(found[i].Field)
		if !scan.NoValues {
			c.ReplyValue(found[i].Value)
		}
		if i%tickEvery == tickEvery-1 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	return nil
}
