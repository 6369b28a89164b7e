// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
)

// Errors of AUTH and HELLO.
const (
	errNoPassword command.Error = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errWrongPass    command.Error = "WRONGPASS invalid username-password pair or user is disabled."
	errProtoInteger command.Error = "ERR Protocol version is not an integer or out of range"
	errNoProto      command.Error = "NOPROTO unsupported protocol version"
	errHelloAuth    command.Error = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
		"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)

// defaultUser is the only user there is.
const defaultUser = "default"

func auth(c *command.Ctx) error {
	s := of(c)
	user, password := []byte(defaultUser), c.Argv[len(c.Argv)-1]
	switch len(c.Argv) {
	case 2:
		if s.hub.password() == "" {
			return errNoPassword
		}
	case 3:
		user = c.Argv[1]
	default:
		return command.ErrSyntax
	}
	if err := s.authenticate(user, password); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// authenticate lets the client in if the password is right, or none is set. One who is in stays in when it is wrong.
func (s *Session) authenticate(user, password []byte) error {
	if !bytes.Equal(user, []byte(defaultUser)) || s.hub.password() != "" && !s.hub.passwordOK(password) {
		s.hub.denials.Add(1)
		return errWrongPass
	}
	s.Client.Authenticated = true
	return nil
}

// helloOptions are what HELLO was given.
type helloOptions struct {
	proto          int    // 0: stays
	user, password []byte // nil: no AUTH
	name           []byte // nil: no SETNAME
}

func parseHello(args [][]byte) (o helloOptions, err error) {
	if len(args) == 0 {
		return o, nil
	}
	n, ok := num.ParseInt(args[0])
	switch {
	case !ok:
		return o, errProtoInteger
	case n < 2 || n > 3:
		return o, errNoProto
	}
	o.proto = int(n)
	for rest := args[1:]; len(rest) > 0; {
		switch {
		case command.EqualFold(rest[0], "AUTH") && len(rest) > 2:
			o.user, o.password, rest = rest[1], rest[2], rest[3:]
		case command.EqualFold(rest[0], "SETNAME") && len(rest) > 1:
			if !validName(rest[1]) {
				return o, errClientName
			}
			o.name, rest = rest[1], rest[2:]
		default:
			return o, command.Error("ERR Syntax error in HELLO option '" + string(rest[0]) + "'")
		}
	}
	return o, nil
}

func hello(c *command.Ctx) error {
	s := of(c)
	o, err := parseHello(c.Argv[1:])
	if err != nil {
		return err
	}
	if o.user != nil {
		if err := s.authenticate(o.user, o.password); err != nil {
			return err
		}
	}
	if !s.Client.Authenticated {
		return errHelloAuth
	}
	if o.name != nil {
		s.tell(func(n *names) { n.name = string(o.name) })
	}
	if o.proto != 0 {
		c.Reply.Proto = o.proto
	}
	c.Reply.Map(7)
	text := func(field, value string) {
		c.Reply.BulkString(field)
		c.Reply.BulkString(value)
	}
	text("server", "redis")
	text("version", s.hub.version())
	c.Reply.BulkString("proto")
	c.Reply.Int(int64(c.Reply.Proto))
	c.Reply.BulkString("id")
	c.Reply.Int(s.id)
	text("mode", "standalone")
	text("role", "master")
	c.Reply.BulkString("modules")
	c.Reply.Array(0)
	return nil
}
