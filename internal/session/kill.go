// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"bytes"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
)

const (
	errNoSuchClient command.Error = "ERR No such client"
	errKillID       command.Error = "ERR client-id should be greater than 0"
)

// killFilter says which connections CLIENT KILL means: those that match in all that is set.
type killFilter struct {
	addr, laddr []byte
	kind        clientType
	id          int64
	self        bool // the caller's own may be among them
}

func parseKill(args [][]byte) (f killFilter, err error) {
	if len(args) == 1 { // the old form: an address
		return killFilter{addr: args[0], self: true}, nil
	}
	for ; len(args) > 0 && err == nil; args = args[2:] {
		if len(args) == 1 {
			return f, command.ErrSyntax
		}
		switch word, value := args[0], args[1]; {
		case command.EqualFold(word, "ID"):
			var ok bool
			if f.id, ok = num.ParseInt(value); !ok || f.id < 1 {
				err = errKillID
			}
		case command.EqualFold(word, "TYPE"):
			f.kind, err = parseType(value)
		case command.EqualFold(word, "ADDR"):
			f.addr = value
		case command.EqualFold(word, "LADDR"):
			f.laddr = value
		case command.EqualFold(word, "USER"):
			if !bytes.Equal(value, []byte(defaultUser)) {
				err = command.Error("ERR No such user '" + string(value) + "'")
			}
		case command.EqualFold(word, "SKIPME") && command.EqualFold(value, "YES"):
			f.self = false
		case command.EqualFold(word, "SKIPME") && command.EqualFold(value, "NO"):
			f.self = true
		default:
			err = command.ErrSyntax
		}
	}
	return f, err
}

// matches tells whether a connection is one of those meant, but for self.
func (f *killFilter) matches(s *Session) bool {
	return (f.addr == nil || string(f.addr) == s.conn.RemoteAddr()) &&
		(f.laddr == nil || string(f.laddr) == s.shared.local) &&
		f.kind != typeOther && (f.id == 0 || f.id == s.id)
}

// clientKill closes connections. Those of other loops, and those in the middle of a long command, run no further command
// from the reply on but end a little later.
func clientKill(c *command.Ctx) error {
	self := of(c)
	f, err := parseKill(c.Argv[2:])
	if err != nil {
		return err
	}
	killed := 0
	for _, s := range self.hub.Sessions() {
		switch {
		case !f.matches(s):
		case s != self:
			if s.kill() {
				killed++
			}
		case f.self:
			s.Client.CloseAfterReply = true
			killed++
		}
	}
	switch {
	case len(c.Argv) > 3:
		c.Reply.Int(int64(killed))
	case killed == 0:
		return errNoSuchClient
	default:
		c.Reply.OK()
	}
	return nil
}
