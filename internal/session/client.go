// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
)

// errClientName refuses a name that would break the lines of CLIENT LIST.
const errClientName command.Error = "ERR Client names cannot contain spaces, newlines or special characters."

// validName tells whether b may stand in a field of CLIENT LIST.
func validName(b []byte) bool {
	for _, c := range b {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// tell changes what the client has told of itself.
func (s *Session) tell(change func(*names)) {
	n := s.shared.told()
	if change(&n); n != s.shared.told() {
		s.shared.names.Store(&n)
	}
}

func clientID(c *command.Ctx) error {
	c.Reply.Int(c.Client.ClientID())
	return nil
}

func clientGetName(c *command.Ctx) error {
	if name := of(c).shared.told().name; name != "" {
		c.Reply.BulkString(name)
	} else {
		c.Reply.Null()
	}
	return nil
}

func clientSetName(c *command.Ctx) error {
	name := c.Argv[2]
	if !validName(name) {
		return errClientName
	}
	of(c).tell(func(n *names) { n.name = string(name) })
	c.Reply.OK()
	return nil
}

func clientSetInfo(c *command.Ctx) error {
	attr, value := c.Argv[2], c.Argv[3]
	var field func(*names) *string
	switch {
	case command.EqualFold(attr, "LIB-NAME"):
		field = func(n *names) *string { return &n.libName }
	case command.EqualFold(attr, "LIB-VER"):
		field = func(n *names) *string { return &n.libVersion }
	default:
		return command.Error("ERR Unrecognized option '" + string(attr) + "'")
	}
	if !validName(value) {
		return command.Error("ERR " + string(attr) + " cannot contain spaces, newlines or special characters.")
	}
	of(c).tell(func(n *names) { *field(n) = string(value) })
	c.Reply.OK()
	return nil
}

// capabilities are the letters of what a client can tell that it is able to.
const capabilities = "r"

// clientCapa notes what the client is able to. Of what it says only "redirect" has a meaning (for a replica's -REDIRECT); the rest
// is for servers to come.
func clientCapa(c *command.Ctx) error {
	for _, word := range c.Argv[2:] {
		if command.EqualFold(word, "REDIRECT") {
			of(c).tell(func(n *names) { n.capa = capabilities })
		}
	}
	c.Reply.OK()
	return nil
}

// clientReply leaves a reply of its own to the engine: OFF and SKIP drop it like any other.
func clientReply(c *command.Ctx) error {
	cl := &of(c).Client
	a := c.Args()
	switch {
	case a.Keyword("ON"):
		cl.Mute = engine.MuteNone
		c.Reply.OK()
	case a.Keyword("OFF"):
		cl.Mute = engine.MuteAll
	case a.Keyword("SKIP"):
		if cl.Mute != engine.MuteAll {
			cl.Mute = engine.MuteNext
		}
	default:
		return command.ErrSyntax
	}
	return nil
}

// onOff reads the only argument of a switch.
func onOff(c *command.Ctx) (on bool, err error) {
	a := c.Args()
	switch {
	case a.Keyword("ON"):
		return true, nil
	case a.Keyword("OFF"):
		return false, nil
	}
	return false, command.ErrSyntax
}

// clientNoEvict notes whether the client may be closed for maxmemory-clients.
func clientNoEvict(c *command.Ctx) error {
	on, err := onOff(c)
	if err != nil {
		return err
	}
	of(c).noEvict = on
	c.Reply.OK()
	return nil
}

func clientNoTouch(c *command.Ctx) error {
	on, err := onOff(c)
	if err != nil {
		return err
	}
	of(c).Client.NoTouch = on
	c.Reply.OK()
	return nil
}

// clientGetRedir replies as to a client that has not turned tracking on.
func clientGetRedir(c *command.Ctx) error {
	c.Reply.Int(-1)
	return nil
}
