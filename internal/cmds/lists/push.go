// SPDX-License-Identifier: BSD-3-Clause

package lists

import "github.com/redpoll/redpoll/internal/command"

func lpush(c *command.Ctx) error  { return push(c, true, false) }
func lpushx(c *command.Ctx) error { return push(c, true, true) }
func rpush(c *command.Ctx) error  { return push(c, false, false) }
func rpushx(c *command.Ctx) error { return push(c, false, true) }

// push adds elements at one end, with ifThere only if there is a list.
func push(c *command.Ctx, head, ifThere bool) error {
	key, elements := c.Argv[1], c.Argv[2:]
	l, err := c.DB.FindListWrite(key)
	if err != nil {
		return err
	}
	if ifThere && l.Len() == 0 {
		c.Reply.Int(0)
		return nil
	}
	l.Push(elements, head, c.Tick)
	pushed(c, key, head, len(elements))
	c.Reply.Int(int64(l.Len()))
	return nil
}

// pushed tells that n elements have been added to a list: those, too, who wait for so many.
func pushed(c *command.Ctx, key []byte, head bool, n int) {
	event := "rpush"
	if head {
		event = "lpush"
	}
	c.DB.SignalReady(key)
	c.Modified(event, key)
	c.Dirty += int64(n - 1)
}
