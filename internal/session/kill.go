// SPDX-License-Identifier: BSD-3-Clause

package session

import "github.com/redpoll/redpoll/internal/command"

const errNoSuchClient command.Error = "ERR No such client"

// clientKill closes connections. Those of other loops, and those in the middle of a long command, end a little later: with the batch
// of commands that they are at.
func clientKill(c *command.Ctx) error {
	self, args := of(c), c.Argv[2:]
	address := len(args) == 1 // the old form
	if address {
		args = [][]byte{[]byte("ADDR"), args[0], []byte("SKIPME"), []byte("NO")}
	}
	f := filter{}
	if err := f.parse(self.hub, args, killIDs); err != nil {
		return err
	}
	list, err := f.sessions(c)
	if err != nil {
		return err
	}
	killed := 0
	for _, s := range list {
		switch {
		case s != self:
			if s.kill() {
				killed++
			}
		case !s.Client.CloseAfterReply:
			s.Client.CloseAfterReply = true
			killed++
		}
	}
	switch {
	case !address:
		c.Reply.Int(int64(killed))
	case killed == 0:
		return errNoSuchClient
	default:
		c.Reply.OK()
	}
	return nil
}
