// SPDX-License-Identifier: BSD-3-Clause

package lists

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

const errIndex command.Error = "ERR index out of range"

// lset, as Redis does, looks at the index only when there is a list.
func lset(c *command.Ctx) error {
	key := c.Argv[1]
	l, err := c.DB.FindListWrite(key)
	if err != nil {
		return err
	}
	if l.Len() == 0 {
		return command.ErrNoSuchKey
	}
	index, ok := num.ParseInt(c.Argv[2])
	if !ok {
		return command.ErrNotInteger
	}
	i, ok := place(&l, index)
	if !ok {
		return errIndex
	}
	l.Set(i, c.Argv[3])
	c.Modified("lset", key)
	c.Reply.OK()
	return nil
}

func linsert(c *command.Ctx) error {
	key, after := c.Argv[1], command.EqualFold(c.Argv[2], "AFTER")
	if !after && !command.EqualFold(c.Argv[2], "BEFORE") {
		return command.ErrSyntax
	}
	l, err := c.DB.FindListWrite(key)
	if err != nil {
		return err
	}
	if l.Len() == 0 {
		c.Reply.Int(0)
		return nil
	}
	i := -1
	pivot := search{rank: 1}
	err = pivot.each(c, &l, store.NeedleOf(c.Argv[3]), func(found int) bool {
		i = found
		return false
	})
	if err != nil {
		return err
	}
	if i < 0 {
		c.Reply.Int(-1)
		return nil
	}
	if after {
		i++
	}
	l.Insert(i, c.Argv[4])
	c.DB.SignalReady(key)
	c.Modified("linsert", key)
	c.Reply.Int(int64(l.Len()))
	return nil
}

func lrem(c *command.Ctx) error {
	args := c.Args()
	key, count, element := args.Key(), args.IntIn(-math.MaxInt64, math.MaxInt64, command.ErrNoOpposite), args.Bytes()
	if err := args.Done(); err != nil {
		return err
	}
	l, err := c.DB.FindListWrite(key)
	if err != nil {
		return err
	}
	reverse := count < 0
	if reverse {
		count = -count
	}
	if count == 0 {
		count = math.MaxInt64
	}
	n := l.RemoveEqual(store.NeedleOf(element), int(count), reverse, c.Tick)
	if n > 0 {
		removed(c, &l, key, "lrem", n)
	}
	c.Reply.Int(int64(n))
	return nil
}

// ltrim counts as a change even if nothing goes, as in Redis, but not for the log then.
func ltrim(c *command.Ctx) error {
	args := c.Args()
	key, start, stop := args.Key(), args.Int(), args.Int()
	if err := args.Done(); err != nil {
		return err
	}
	l, err := c.DB.FindListWrite(key)
	if err != nil {
		return err
	}
	if length := l.Len(); length > 0 {
		from, n := span(start, stop, length)
		l.Trim(from, n, c.Tick)
		removed(c, &l, key, "ltrim", length-n)
	}
	c.Reply.OK()
	return nil
}
