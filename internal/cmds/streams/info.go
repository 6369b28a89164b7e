// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"fmt"
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// xinfoStream is XINFO STREAM: the fields that are in both of its replies, then those of the one that is asked for.
func xinfoStream(c *command.Ctx) error {
	s, err := findInfo(c)
	if err != nil {
		return err
	}
	full, count, err := parseFull(c)
	if err != nil {
		return err
	}
	if full {
		c.Reply.Map(15)
	} else {
		c.Reply.Map(16)
	}
	if err := replyInfo(c, s); err != nil {
		return err
	}
	if full {
		return replyFull(c, s, int(count))
	}
	replyField(c, "groups", int64(s.Groups()))
	c.Reply.BulkString("first-entry")
	replyEdge(c, s, false)
	c.Reply.BulkString("last-entry")
	replyEdge(c, s, true)
	return nil
}

// parseFull reads FULL and how many entries of everything are asked for, 0 for all.
func parseFull(c *command.Ctx) (full bool, count int64, err error) {
	const fullCount = 10
	args := c.Argv[3:]
	switch {
	case len(args) == 0:
		return false, 0, nil
	case len(args) != 1 && len(args) != 3, !command.EqualFold(args[0], "FULL"), len(args) == 3 && !command.EqualFold(args[1], "COUNT"):
		return false, 0, errUsage(c)
	case len(args) == 1:
		return true, fullCount, nil
	}
	cursor := command.MakeArgs(args[2:])
	if count = cursor.Int(); count < 0 {
		count = fullCount
	}
	return true, count, cursor.Done()
}

// errUsage is the error of a subcommand for arguments that it does not know.
func errUsage(c *command.Ctx) error {
	return command.Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try %s HELP.",
		command.UpToNUL(c.Argv[1]), c.Spec.Parent().Name))
}

// replyField writes a field of XINFO whose value is a number.
func replyField(c *command.Ctx, name string, n int64) {
	c.Reply.BulkString(name)
	c.Reply.Int(n)
}

// replyFieldID writes a field of XINFO whose value is an ID.
func replyFieldID(c *command.Ctx, name string, id store.StreamID) {
	c.Reply.BulkString(name)
	replyID(c, id)
}

// replyInfo writes thirteen fields with their values.
func replyInfo(c *command.Ctx, s *store.Stream) error {
	info := s.Info()
	nodes, err := s.RadixNodes(c.Tick)
	if err != nil {
		return err
	}
	producers, err := s.Idmp(c.Tick)
	if err != nil {
		return err
	}
	replyField(c, "length", int64(s.Len()))
	replyField(c, "radix-tree-keys", int64(info.Leaves))
	replyField(c, "radix-tree-nodes", int64(nodes))
	replyFieldID(c, "last-generated-id", info.Last)
	replyFieldID(c, "max-deleted-entry-id", info.MaxDeleted)
	replyField(c, "entries-added", int64(info.Added))
	replyFieldID(c, "recorded-first-entry-id", info.First)
	replyField(c, "idmp-duration", int64(producers.Duration))
	replyField(c, "idmp-maxsize", int64(producers.MaxSize))
	replyField(c, "pids-tracked", int64(producers.Producers))
	replyField(c, "iids-tracked", int64(producers.IIDs))
	replyField(c, "iids-added", int64(producers.Added))
	replyField(c, "iids-duplicates", int64(producers.Duplicates))
	return nil
}

// replyEdge writes the first entry of a stream, or the last one; null when there is none.
func replyEdge(c *command.Ctx, s *store.Stream, last bool) {
	none := true
	s.Each(store.StreamID{}, store.MaxStreamID(), last, func(e *store.StreamEntry) bool {
		replyEntry(c, e)
		none = false
		return false
	})
	if none {
		c.Reply.Null()
	}
}

// replyFull writes the fields that only FULL has.
func replyFull(c *command.Ctx, s *store.Stream, count int) error {
	c.Reply.BulkString("entries")
	most := count
	if most == 0 {
		most = math.MaxInt
	}
	if _, err := replyEntries(c, s, store.StreamID{}, store.MaxStreamID(), false, most); err != nil {
		return err
	}
	c.Reply.BulkString("groups")
	return fullGroups(c, s, count)
}
