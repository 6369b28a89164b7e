// SPDX-License-Identifier: BSD-3-Clause

package sets

import "github.com/redpoll/redpoll/internal/command"

func sadd(c *command.Ctx) error {
	key, members := c.Argv[1], c.Argv[2:]
	s, err := c.DB.FindSetWrite(key)
	if err != nil {
		return err
	}
	hint, added := len(members), 0
	if hint > 1 {
		s.Reserve(members)
	}
	for len(members) > 0 {
		n := min(len(members), tickEvery)
		added += s.AddAll(members[:n], hint)
		if members = members[n:]; len(members) > 0 {
			_ = c.Tick() // even when the server is closing: the log must not get half a command
		}
	}
	if added > 0 {
		c.Modified("sadd", key)
		c.Dirty += int64(added - 1)
	}
	c.Reply.Int(int64(added))
	return nil
}

func srem(c *command.Ctx) error {
	key, members := c.Argv[1], c.Argv[2:]
	s, err := c.DB.FindSetWrite(key)
	if err != nil {
		return err
	}
	if len(members) > 1 {
		s.ReserveDelete(len(members))
	}
	deleted := 0
	for i := 0; i < len(members) && s.Len() > 0; i++ {
		if s.Delete(members[i]) {
			deleted++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // see sadd
		}
	}
	if deleted > 0 {
		c.Modified("srem", key)
		c.Dirty += int64(deleted - 1)
		if s.Len() == 0 {
			c.Host.Notify("del", key)
		}
	}
	c.Reply.Int(int64(deleted))
	return nil
}

// smove takes the member out of the one set once the other has it, since that may be refused memory.
func smove(c *command.Ctx) error {
	from, to, member := c.Argv[1], c.Argv[2], c.Argv[3]
	src, err := c.DB.FindSetWrite(from)
	if err != nil {
		return err
	}
	if src.Len() == 0 { // then the destination may be anything
		c.Reply.Int(0)
		return nil
	}
	dst, err := c.DB.FindSetWrite(to)
	if err != nil {
		return err
	}
	if string(from) == string(to) || !src.Has(member) {
		replyHas(c, &src, member)
		return nil
	}
	c.DB.Reserve(len(member))
	added := dst.Add(member)
	src, _ = c.DB.FindSetWrite(from) // the new key may have moved its place
	src.Delete(member)
	c.Modified("srem", from)
	if src.Len() == 0 {
		c.Host.Notify("del", from)
	}
	if added {
		c.Modified("sadd", to)
	}
	c.Reply.Int(1)
	return nil
}
