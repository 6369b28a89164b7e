// SPDX-License-Identifier: BSD-3-Clause

package hashes

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors that only hashes have.
const (
	errNotInteger command.Error = "ERR hash value is not an integer"
	errNotFloat   command.Error = "ERR hash value is not a float"
	errNotFinite  command.Error = "ERR value is NaN or Infinity"
)

// hset implements HSET and HMSET, which differ in their replies.
func hset(c *command.Ctx) error {
	key, pairs := c.Argv[1], c.Argv[2:]
	if len(pairs)%2 != 0 {
		return command.ErrArity(c.Spec.FullName())
	}
	h, err := c.DB.FindHashWrite(key)
	if err != nil {
		return err
	}
	created := setAll(c, &h, pairs, store.NoExpiry)
	c.ModifiedFields("hset", key, pairs, 2)
	c.Dirty += int64(len(pairs)/2 - 1)
	if c.Spec.Name == "HMSET" {
		c.Reply.OK()
	} else {
		c.Reply.Int(int64(created))
	}
	return nil
}

// setAll sets fields to the values behind them, with that expiration (see store.Hash.Set), and tells how many are new.
func setAll(c *command.Ctx, h *store.Hash, pairs [][]byte, at int64) (created int) {
	for len(pairs) > 0 {
		n := min(len(pairs), 2*tickEvery)
		created += h.Set(pairs[:n], at)
		if pairs = pairs[n:]; len(pairs) > 0 {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
	return created
}

func hsetnx(c *command.Ctx) error {
	key, pair := c.Argv[1], c.Argv[2:]
	h, err := c.DB.FindHashWrite(key)
	if err != nil {
		return err
	}
	if _, ok := h.Get(pair[0]); ok {
		c.Reply.Int(0)
		return nil
	}
	h.Set(pair, store.NoExpiry)
	c.ModifiedFields("hset", key, pair[:1], 1)
	c.Reply.Int(1)
	return nil
}

func hdel(c *command.Ctx) error {
	key, fields := c.Argv[1], c.Argv[2:]
	h, err := c.DB.FindHashWrite(key)
	if err != nil {
		return err
	}
	var deleted int64
	var names [][]byte // of those deleted, if somebody wants to know
	hears := c.HearsFields()
	for i := 0; i < len(fields) && h.Len() > 0; i++ {
		if h.Delete(fields[i]) {
			deleted++
			if hears {
				names = append(names, fields[i])
			}
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see setAll
		}
	}
	if deleted > 0 {
		c.ModifiedFields("hdel", key, names, 1)
		c.Dirty += deleted - 1
		if h.Len() == 0 {
			c.Host.Notify("del", key)
		}
	}
	c.Reply.Int(deleted)
	return nil
}

func hincrby(c *command.Ctx) error {
	key, field := c.Argv[1], c.Argv[2]
	by, ok := num.ParseInt(c.Argv[3])
	if !ok {
		return command.ErrNotInteger
	}
	h, err := c.DB.FindHashWrite(key)
	if err != nil {
		return err
	}
	var n int64
	if v, ok := h.Get(field); ok {
		if n, ok = v.Int, v.IsInt(); !ok {
			if n, ok = num.ParseInt(v.Bytes); !ok {
				return errNotInteger
			}
		}
	}
	if by < 0 && n < math.MinInt64-by || by > 0 && n > math.MaxInt64-by {
		return command.ErrOverflow
	}
	n += by
	var scratch [num.MaxIntLen]byte
	h.SetOne(field, num.AppendInt(scratch[:0], n), store.KeepExpiry)
	c.ModifiedFields("hincrby", key, c.Argv[2:3], 1)
	c.Reply.Int(n)
	return nil
}

// hincrbyfloat goes to the log as the setting of what came out, so that no other machine's arithmetic matters. HSET would take
// the field's expiration away.
func hincrbyfloat(c *command.Ctx) error {
	key, field := c.Argv[1], c.Argv[2]
	by, ok := num.ParseLongDouble(c.Argv[3])
	switch {
	case !ok:
		return command.ErrNotFloat
	case by.IsInf():
		return errNotFinite
	}
	h, err := c.DB.FindHashWrite(key)
	if err != nil {
		return err
	}
	var old num.LongDouble
	var digits [num.MaxIntLen]byte
	if v, ok := h.Get(field); ok {
		if old, ok = num.ParseLongDouble(store.Text(v, digits[:0])); !ok {
			return errNotFloat
		}
	}
	sum, ok := old.Add(by)
	if !ok || sum.IsInf() {
		return command.ErrNaN
	}
	var scratch [64]byte
	value := num.AppendLongDouble(scratch[:0], sum)
	h.SetOne(field, value, store.KeepExpiry)
	c.ModifiedFields("hincrbyfloat", key, c.Argv[2:3], 1)
	value = append([]byte(nil), value...)
	if at, _ := h.Expiry(field); at != 0 {
		c.Propagate([]byte("HSETEX"), key, []byte("KEEPTTL"), []byte("FIELDS"), []byte("1"), field, value)
	} else {
		c.Propagate([]byte("HSET"), key, field, value)
	}
	c.Reply.Bulk(value)
	return nil
}
