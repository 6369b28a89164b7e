// SPDX-License-Identifier: BSD-3-Clause

package command

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/store"
)

// StoreZSet ends a command that stores members as a sorted set: they become the value of dst in place of whatever that held, which event
// tells of, and the reply is how many they are. Without any the key is removed. The members are all different and in their order; borrowed
// says that some of their texts lie in the old value.
func (c *Ctx) StoreZSet(dst []byte, members []store.Scored, borrowed bool, event string) {
	if len(members) == 0 {
		if c.DB.Delete(dst) {
			c.Modified("del", dst)
		}
		c.Reply.Int(0)
		return
	}
	size := 0
	for i := range members {
		size += len(members[i].Member) + store.MemberCost
	}
	c.DB.Reserve(size)
	if borrowed {
		for i := range members { // the old value's memory goes
			members[i].Member = bytes.Clone(members[i].Member)
			if i%1024 == 1023 {
				_ = c.Tick() // its result would leave the members half copied
			}
		}
	}
	c.DB.Displace(dst, false)
	c.DB.CreateZSet(dst, members, c.Tick)
	c.Modified(event, dst)
	c.Reply.Int(int64(len(members)))
}
