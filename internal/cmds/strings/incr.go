// SPDX-License-Identifier: BSD-3-Clause

package strings

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

func incr(c *command.Ctx) error { return add(c, 1) }
func decr(c *command.Ctx) error { return add(c, -1) }

func incrBy(c *command.Ctx) error {
	n, ok := num.ParseInt(c.Argv[2])
	if !ok {
		return command.ErrNotInteger
	}
	return add(c, n)
}

func decrBy(c *command.Ctx) error {
	n, ok := num.ParseInt(c.Argv[2])
	if !ok {
		return command.ErrNotInteger
	}
	if n == math.MinInt64 {
		return command.Error("ERR decrement would overflow")
	}
	return add(c, -n)
}

// The beginnings of texts, in bytes, that are looked at for a number: those of longer ones are none either.
const (
	longestInt        = 24
	longestLongDouble = 5 << 10
)

// longDoubleOf reads a string as a floating-point number.
func longDoubleOf(it *store.Item) (num.LongDouble, bool) {
	var scratch [longestInt]byte
	return num.ParseLongDouble(it.Slice(0, longestLongDouble, scratch[:0]))
}

// add changes the integer in a string by n.
func add(c *command.Ctx, n int64) error {
	key := c.Argv[1]
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	var old int64
	isInt := false
	if ok {
		if old, isInt = it.Int(); !isInt {
			var scratch [longestInt]byte
			if old, isInt = num.ParseInt(it.Slice(0, longestInt, scratch[:0])); !isInt {
				return command.ErrNotInteger
			}
			isInt = false
		}
	}
	if n < 0 && old < math.MinInt64-n || n > 0 && old > math.MaxInt64-n {
		return command.ErrOverflow
	}
	old += n
	if isInt {
		it.PutInt(old)
	} else {
		c.DB.SetInt(key, old, store.KeepExpiry)
	}
	c.Modified("incrby", key)
	c.Reply.Int(old)
	return nil
}

func incrByFloat(c *command.Ctx) error {
	key := c.Argv[1]
	it, ok, err := c.DB.FindTypeWrite(key, store.TypeString)
	if err != nil {
		return err
	}
	var old num.LongDouble
	if ok {
		if old, ok = longDoubleOf(&it); !ok {
			return command.ErrNotFloat
		}
	}
	by, ok := num.ParseLongDouble(c.Argv[2])
	if !ok {
		return command.ErrNotFloat
	}
	sum, ok := old.Add(by)
	if !ok || sum.IsInf() {
		return command.ErrNaN
	}
	var scratch [64]byte
	value := num.AppendLongDouble(scratch[:0], sum)
	c.DB.SetText(key, value, store.KeepExpiry)
	c.Modified("incrbyfloat", key)
	c.Propagate([]byte("SET"), key, append([]byte(nil), value...), []byte("KEEPTTL"))
	c.Reply.Bulk(value)
	return nil
}
