// SPDX-License-Identifier: BSD-3-Clause

package hyperloglog

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/hll"
	"github.com/redpoll/redpoll/internal/store"
)

// pfcount notes the estimate of a single HyperLogLog in it, which is a change like any other.
func pfcount(c *command.Ctx) error {
	if len(c.Argv) > 2 {
		var all hll.Sketch
		if _, err := seeAll(c, &all, c.Argv[1:]); err != nil {
			return err
		}
		c.Reply.Int(all.Count())
		return nil
	}
	key := c.Argv[1]
	it, ok, err := c.DB.FindType(key, store.TypeString)
	if err != nil {
		return err
	}
	if !ok {
		c.Reply.Int(0)
		return nil
	}
	value, _, err := valueOf(&it)
	if err != nil {
		return err
	}
	n, ok := hll.Cached(value)
	if !ok {
		if n, err = hll.Count(value); err != nil {
			return shown(err)
		}
		c.DB.EditString(&it, hll.CacheAt, hll.CacheSize, func(cache []byte) { hll.PutCache(cache, n) })
		c.Modified("", key)
	}
	c.Reply.Int(n)
	return nil
}
