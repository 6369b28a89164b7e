// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
)

func ping(c *command.Ctx) error {
	if s := of(c); s.Client.Subscribed && c.Reply.Proto == 2 && len(c.Argv) <= 2 {
		c.Reply.Array(2)
		c.Reply.BulkString("pong")
		if len(c.Argv) == 2 {
			c.Reply.Bulk(c.Argv[1])
		} else {
			c.Reply.Bulk(nil)
		}
		return nil
	}
	switch len(c.Argv) {
	case 1:
		c.Reply.Simple("PONG")
	case 2:
		c.Reply.Bulk(c.Argv[1])
	default:
		return command.ErrArity("ping")
	}
	return nil
}

func echo(c *command.Ctx) error {
	c.Reply.Bulk(c.Argv[1])
	return nil
}

func selectDB(c *command.Ctx) error {
	s, a := of(c), c.Args()
	n := a.Int32()
	if err := a.Done(); err != nil {
		return err
	}
	if n < 0 || n >= s.hub.engine.Store.Databases() {
		return command.ErrDBIndex
	}
	c.Host.(*engine.Worker).Select(n)
	c.Reply.OK()
	return nil
}

func quit(c *command.Ctx) error {
	of(c).Client.CloseAfterReply = true
	c.Reply.OK()
	return nil
}

// reset leaves the transaction, the database, the protocol, the name and the user, as if the client had just come.
func reset(c *command.Ctx) error {
	s := of(c)
	c.Host.(*engine.Worker).Reset(&s.Client)
	s.noEvict = false
	s.unsubscribeAll(c)
	s.fieldsets.Clear()
	s.wantsDebugger = false
	s.Client.Authenticated = s.hub.password() == ""
	s.tell(func(n *names) { n.name = "" })
	c.Reply.Proto = s.hub.proto
	c.Reply.Simple("RESET")
	return nil
}
