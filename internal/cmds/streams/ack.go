// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"math"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of XNACK.
const (
	errNackMode   command.Error = "ERR mode must be SILENT, FAIL, or FATAL"
	errNackCount  command.Error = "ERR Invalid RETRYCOUNT value, must be >= 0"
	errNackIDs    command.Error = "ERR syntax error, expected IDS keyword"
	errNackNumber command.Error = "ERR numids must be a positive integer"
	errNackFew    command.Error = "ERR number of IDs doesn't match numids"
)

func xack(c *command.Ctx) error {
	key, group := c.Argv[1], c.Argv[2]
	s, err := c.DB.FindStream(key)
	if err != nil {
		return err
	}
	if _, ok := s.Group(group); !ok {
		c.Reply.Int(0)
		return nil
	}
	var room [fewIDs]store.StreamID
	ids, err := parseIDs(room[:0], c.Argv[3:])
	if err != nil {
		return err
	}
	s.Write()
	g, _ := s.GroupWrite(group)
	if len(ids) > 1 && s.IsBig() {
		g.Reserve(len(ids)) // somebody may be reading it
	}
	acked := int64(0)
	for i, id := range ids {
		if g.Ack(id) {
			acked++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // what is begun is done
		}
	}
	c.Dirty += acked
	c.Reply.Int(acked)
	return nil
}

func xackdel(c *command.Ctx) error {
	key, group := c.Argv[1], c.Argv[2]
	s, err := c.DB.FindStream(key)
	if err != nil {
		return err
	}
	args := command.MakeArgs(c.Argv[3:])
	list, err := parseEntryList(&args)
	if err != nil {
		return err
	}
	if _, ok := s.Group(group); !ok {
		list.replyNone(c)
		return nil
	}
	var room [fewIDs]store.StreamID
	ids, err := parseIDs(room[:0], list.ids)
	if err != nil {
		return err
	}
	s.Write()
	reserveDelete(c, &s, len(ids))
	c.Reply.Array(len(ids))
	acked, deleted, every := int64(0), 0, list.refs.pace(&s)
	for i, id := range ids {
		state := int64(noEntry)
		if g, _ := s.GroupWrite(group); g.Ack(id) {
			acked++
			state = entryDeleted
			if _, free := list.refs.release(&s, id); !free {
				state = entryReferenced
			} else if s.Delete(id) {
				deleted++
			}
		}
		c.Reply.Int(state)
		if i%every == every-1 {
			_ = c.Tick() // what is begun is done
		}
	}
	c.Dirty += acked
	if deleted > 0 {
		c.Modified("xdel", key)
	}
	return nil
}

// nack is a call of XNACK.
type nack struct {
	mode  []byte
	ids   []store.StreamID
	count int64 // deliveries that the entries are to have; -1: by the mode
	force bool
}

// parse reads what follows the group.
func (n *nack) parse(c *command.Ctx, a *command.Args) (err error) {
	n.count = -1
	n.mode = a.Bytes()
	if !command.EqualFold(n.mode, "SILENT") && !command.EqualFold(n.mode, "FAIL") && !command.EqualFold(n.mode, "FATAL") {
		return errNackMode
	}
	var words [][]byte
	for a.More() {
		switch more := a.Len() > 1; {
		case more && a.Keyword("IDS"):
			n := a.IntIn(1, math.MaxInt32, errNackNumber)
			if a.Err() != nil {
				return errNackNumber
			}
			if n > int64(a.Len()) {
				return errNackFew
			}
			words = a.Take(int(n))
		case a.Keyword("FORCE"):
			n.force = true
		case more && a.Keyword("RETRYCOUNT"):
			if n.count = a.Int(); a.Err() == nil && n.count < 0 {
				return errNackCount
			}
		default:
			return command.Error("ERR Unrecognized XNACK option '" + string(command.UpToNUL(a.Peek())) + "'")
		}
	}
	if err := a.Done(); err != nil {
		return err
	}
	if words == nil {
		return errNackIDs
	}
	n.ids, err = parseIDs(nil, words)
	return err
}

// deliveries gives what becomes of a number of deliveries.
func (n *nack) deliveries(count uint64) uint64 {
	switch {
	case n.count >= 0:
		return uint64(n.count)
	case command.EqualFold(n.mode, "FATAL"):
		return math.MaxInt64
	case command.EqualFold(n.mode, "SILENT") && count > 0:
		return count - 1
	}
	return count
}

func xnack(c *command.Ctx) error {
	args := c.Args()
	key, group := args.Key(), args.Bytes()
	s, err := c.DB.FindStreamWrite(key)
	if err != nil {
		return err
	}
	g, ok := s.GroupWrite(group)
	if !ok {
		return errNoGroup(key, group, "")
	}
	var n nack
	if err := n.parse(c, &args); err != nil {
		return err
	}
	if len(n.ids) > 1 {
		g.Reserve(len(n.ids))
	}
	given := int64(0)
	for i, id := range n.ids {
		p, pending := g.Find(id)
		if pending || n.force && s.Has(id) {
			g.Disown(id, n.deliveries(p.Count))
			given++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // what is begun is done
		}
	}
	if given > 0 {
		c.Dirty += given
		c.DB.SignalDelivered(key)
	}
	c.Reply.Int(given)
	return nil
}
