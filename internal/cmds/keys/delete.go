// SPDX-License-Identifier: BSD-3-Clause

package keys

import "github.com/redpoll/redpoll/internal/command"

// count replies with the number of keys for which one holds.
func count(c *command.Ctx, one func(key []byte) bool) error {
	n := 0
	for i, key := range c.Argv[1:] {
		if one(key) {
			n++
		}
		if i%1000 == 999 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	c.Reply.Int(int64(n))
	return nil
}

func del(c *command.Ctx) error {
	return count(c, func(key []byte) bool {
		if !c.DB.Delete(key) {
			return false
		}
		c.Modified("del", key)
		return true
	})
}

func exists(c *command.Ctx) error {
	return count(c, func(key []byte) bool {
		_, ok := c.DB.Look(key)
		return ok
	})
}

// touch notes the use of its keys even for a client that leaves no traces.
func touch(c *command.Ctx) error {
	return count(c, func(key []byte) bool {
		it, ok := c.DB.Look(key)
		if ok {
			c.DB.Use(&it)
		}
		return ok
	})
}

func typeOf(c *command.Ctx) error {
	it, ok := c.DB.Look(c.Argv[1])
	if !ok {
		c.Reply.Simple("none")
		return nil
	}
	c.Reply.Simple(it.Type().String())
	return nil
}
