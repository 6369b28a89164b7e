// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/store"
)

// What becomes of pending entries goes to the effect log as commands that do not depend on what time it is, or on who reads what.

// logClaim says that entries belong to a consumer, to whom they were delivered at a time (Unix ms), each the count-th time. The group's last
// ID goes with it.
func logClaim(c *command.Ctx, key []byte, g *store.Group, to store.Consumer, at int64, count uint64, ids ...store.StreamID) {
	if !c.Logs() {
		return
	}
	argv := [][]byte{[]byte("XCLAIM"), key, clone(g.Name()), clone(to.Name()), []byte("0")}
	for _, id := range ids {
		argv = append(argv, id.AppendText(nil))
	}
	c.Propagate(append(argv, []byte("TIME"), num.AppendInt(nil, at), []byte("RETRYCOUNT"), num.AppendUint(nil, count),
		[]byte("FORCE"), []byte("JUSTID"), []byte("LASTID"), g.Last().AppendText(nil))...)
}

// logAck says that an entry is not pending any more.
func logAck(c *command.Ctx, key []byte, g *store.Group, id store.StreamID) {
	if c.Logs() {
		c.Propagate([]byte("XACK"), key, clone(g.Name()), id.AppendText(nil))
	}
}

// logLast says up to which entry a group has delivered, and how many it has read.
func logLast(c *command.Ctx, key []byte, g *store.Group) {
	if c.Logs() {
		c.Propagate([]byte("XGROUP"), []byte("SETID"), key, clone(g.Name()), g.Last().AppendText(nil), []byte("ENTRIESREAD"), num.AppendInt(nil, g.Read()))
	}
}

// clone copies a name that lies in a stream: the log is written when the command has run.
func clone(name []byte) []byte { return append([]byte{}, name...) }
