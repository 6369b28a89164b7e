// SPDX-License-Identifier: BSD-3-Clause

package script

import "github.com/redpoll/redpoll/internal/command"

// scriptLoad implements SCRIPT LOAD.
func (m *Machine) scriptLoad(c *command.Ctx) error {
	if err := announce(c); err != nil {
		return err
	}
	s, err := m.know(c, c.Argv[2], true)
	if err != nil {
		return err
	}
	c.Reply.BulkString(s.name)
	return nil
}

// scriptExists implements SCRIPT EXISTS.
func (m *Machine) scriptExists(c *command.Ctx) error {
	a := c.Args()
	names := a.Rest()
	c.Reply.Array(len(names))
	for _, name := range names {
		n := int64(0)
		if m.scripts.named(name) != nil {
			n = 1
		}
		c.Reply.Int(n)
	}
	return nil
}

// scriptShow implements SCRIPT SHOW.
func (m *Machine) scriptShow(c *command.Ctx) error {
	s := m.scripts.named(c.Argv[2])
	if s == nil {
		return errNoScript
	}
	c.Reply.BulkString(s.text)
	return nil
}

// scriptFlush implements SCRIPT FLUSH. Both of its modes only drop what the collector of the Go runtime then frees.
func (m *Machine) scriptFlush(c *command.Ctx) error {
	a := c.Args()
	if a.More() && !a.Keyword("ASYNC") && !a.Keyword("SYNC") || a.Len() > 0 {
		return errFlushMode
	}
	m.scripts.flush()
	m.epoch.Add(1)
	c.Reply.OK()
	return nil
}

// scriptKill implements SCRIPT KILL.
func scriptKill(c *command.Ctx) error { return kill(c, false) }

// kill ends slow scripts, or functions.
func kill(c *command.Ctx, functions bool) error {
	if err := c.Script().KillScripts(functions); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// scriptDebug implements SCRIPT DEBUG. A client that wants to debug its next script may not look at the reply (redis-cli --ldb does not),
// and expects that nothing will be changed: so that script is refused, too.
func scriptDebug(c *command.Ctx) error {
	switch mode := c.Argv[2]; {
	case command.EqualFold(mode, "NO"):
		*c.Client.WantsDebugger() = false
		c.Reply.OK()
		return nil
	case command.EqualFold(mode, "YES"), command.EqualFold(mode, "SYNC"):
		*c.Client.WantsDebugger() = true
		return errNoDebugger
	}
	return errDebugMode
}
