// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"fmt"
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
)

// Errors of CLIENT PAUSE and CLIENT UNBLOCK.
const (
	errPauseMode     command.Error = "ERR CLIENT PAUSE mode must be WRITE or ALL"
	errUnblockReason command.Error = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
)

// errManyArgs is the error for a subcommand with more arguments than it knows.
func errManyArgs(c *command.Ctx) error {
	return command.Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try %s HELP.",
		command.UpToNUL(c.Argv[1]), c.Spec.Parent().Name))
}

// maxPause is the longest pause, in ms: its end in ns must be a number yet.
const maxPause = math.MaxInt64 / 1_000_000 / 2

// clientPause runs with the world still, as engine.Pause wants it.
func clientPause(c *command.Ctx) error {
	mode, a := engine.PauseAll, command.MakeArgs(c.Argv[2:])
	switch {
	case len(c.Argv) > 4:
		return errManyArgs(c)
	case len(c.Argv) == 4 && command.EqualFold(c.Argv[3], "WRITE"):
		mode = engine.PauseWrite
	case len(c.Argv) == 4 && !command.EqualFold(c.Argv[3], "ALL"):
		return errPauseMode
	}
	ms := a.IntOr(command.ErrTimeoutInteger)
	switch {
	case a.Err() != nil:
		return a.Err()
	case ms < 0:
		return command.ErrTimeoutNegative
	case ms > maxPause:
		return command.ErrTimeoutRange
	}
	of(c).hub.engine.Pause(mode, ms)
	c.Reply.OK()
	return nil
}

func clientUnpause(c *command.Ctx) error {
	of(c).hub.engine.Unpause()
	c.Reply.OK()
	return nil
}

// clientUnblock ends the wait of a client that waits for a key. Who waits for the end of a pause goes on waiting.
func clientUnblock(c *command.Ctx) error {
	withError := false
	switch {
	case len(c.Argv) > 4:
		return errManyArgs(c)
	case len(c.Argv) == 4 && command.EqualFold(c.Argv[3], "ERROR"):
		withError = true
	case len(c.Argv) == 4 && !command.EqualFold(c.Argv[3], "TIMEOUT"):
		return errUnblockReason
	}
	a := command.MakeArgs(c.Argv[2:])
	id := a.Int()
	if a.Err() != nil {
		return a.Err()
	}
	if s := of(c).hub.Session(id); s != nil && s.Client.Unblock(withError) {
		c.Reply.Int(1)
	} else {
		c.Reply.Int(0)
	}
	return nil
}
