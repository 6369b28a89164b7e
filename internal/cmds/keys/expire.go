// SPDX-License-Identifier: BSD-3-Clause

package keys

import (
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

func expire(c *command.Ctx) error    { return expireBy(c, 1000, c.Now()) }
func pexpire(c *command.Ctx) error   { return expireBy(c, 1, c.Now()) }
func expireAt(c *command.Ctx) error  { return expireBy(c, 1000, 0) }
func pexpireAt(c *command.Ctx) error { return expireBy(c, 1, 0) }

// conditions are under which EXPIRE and its like change anything.
type conditions struct{ nx, xx, gt, lt bool }

func parseConditions(args [][]byte) (w conditions, err error) {
	for _, arg := range args {
		switch {
		case command.EqualFold(arg, "NX"):
			w.nx = true
		case command.EqualFold(arg, "XX"):
			w.xx = true
		case command.EqualFold(arg, "GT"):
			w.gt = true
		case command.EqualFold(arg, "LT"):
			w.lt = true
		default:
			return w, command.Error("ERR Unsupported option " + string(command.UpToNUL(arg)))
		}
	}
	switch {
	case w.nx && (w.xx || w.gt || w.lt):
		return w, command.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
	case w.gt && w.lt:
		return w, command.Error("ERR GT and LT options at the same time are not compatible")
	}
	return w, nil
}

// hold tells whether an expiration may go from old (0: none) to at.
func (w conditions) hold(old, at int64) bool {
	switch {
	case w.nx && old != 0, w.xx && old == 0:
		return false
	case w.gt && (old == 0 || at <= old), w.lt && old != 0 && at >= old:
		return false
	}
	return true
}

// expireBy sets the expiration that the command names in units of so many ms from base (Unix ms) on.
func expireBy(c *command.Ctx, unit, base int64) error {
	key := c.Argv[1]
	when, err := parseConditions(c.Argv[3:])
	if err != nil {
		return err
	}
	at, ok := num.ParseInt(c.Argv[2])
	if !ok {
		return command.ErrNotInteger
	}
	if at > math.MaxInt64/unit || at < math.MinInt64/unit || at*unit > math.MaxInt64-base {
		return command.Error("ERR invalid expire time in '" + c.Spec.FullName() + "' command")
	}
	at = at*unit + base
	it, ok := c.DB.FindWrite(key)
	if !ok || !when.hold(it.Expiry(), at) {
		c.Reply.Int(0)
		return nil
	}
	if c.DB.Over(at) {
		c.DB.Remove(&it)
		c.Modified("del", key)
		c.Propagate([]byte("DEL"), key)
	} else {
		c.DB.SetExpiry(&it, at)
		c.Modified("expire", key)
		c.Propagate([]byte("PEXPIREAT"), key, strconv.AppendInt(nil, at, 10))
	}
	c.Reply.Int(1)
	return nil
}

func persist(c *command.Ctx) error {
	it, ok := c.DB.FindWrite(c.Argv[1])
	if !ok || it.Expiry() == 0 {
		c.Reply.Int(0)
		return nil
	}
	c.DB.SetExpiry(&it, store.NoExpiry)
	c.Modified("persist", c.Argv[1])
	c.Reply.Int(1)
	return nil
}

func ttl(c *command.Ctx) error         { return replyExpiry(c, 1000, c.Now()) }
func pttl(c *command.Ctx) error        { return replyExpiry(c, 1, c.Now()) }
func expireTime(c *command.Ctx) error  { return replyExpiry(c, 1000, 0) }
func pexpireTime(c *command.Ctx) error { return replyExpiry(c, 1, 0) }

// replyExpiry replies with a key's expiration in units of so many ms from base on, rounded; -2 without a key, -1 without
// an expiration.
func replyExpiry(c *command.Ctx, unit, base int64) error {
	it, ok := c.DB.Look(c.Argv[1])
	switch {
	case !ok:
		c.Reply.Int(-2)
	case it.Expiry() == 0:
		c.Reply.Int(-1)
	default:
		ms := max(it.Expiry()-base, 0)
		c.Reply.Int(ms/unit + (ms%unit+unit/2)/unit) // the sum of ms and half a unit could overflow
	}
	return nil
}
