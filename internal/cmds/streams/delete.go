// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of commands that name entries behind IDS.
const (
	errNumIDs     command.Error = "ERR Number of IDs must be a positive integer"
	errIDsMissing command.Error = "ERR The `numids` parameter must match the number of arguments"
	errNoIDs      command.Error = "ERR IDS option is required"
)

// What XDELEX replies for each entry.
const (
	noEntry         = -1
	entryDeleted    = 1
	entryReferenced = 2 // it stays
)

// entryList is what commands say that name entries behind IDS.
type entryList struct {
	refs refPolicy
	ids  [][]byte
}

// parseEntryList reads a policy and IDS, in any order, up to the end of the arguments. IDS that come again count as they came last.
func parseEntryList(a *command.Args) (l entryList, err error) {
	for a.More() {
		switch {
		case l.refs.option(a):
		case a.Len() > 1 && a.Keyword("IDS"):
			n := a.IntOr(errNumIDs)
			rest := a.Len()
			switch {
			case n < 1:
				a.Fail(errNumIDs)
			case n > int64(rest):
				a.Fail(errIDsMissing)
			default:
				l.ids = a.Take(int(n))
			}
		default:
			a.Fail(command.ErrSyntax)
		}
	}
	if err = a.Done(); err == nil && l.ids == nil {
		err = errNoIDs
	}
	return l, err
}

// replyNone replies that there is none of the entries.
func (l *entryList) replyNone(c *command.Ctx) {
	c.Reply.Array(len(l.ids))
	for range l.ids {
		c.Reply.Int(noEntry)
	}
}

// parseIDs reads IDs that are written out.
func parseIDs(room []store.StreamID, texts [][]byte) ([]store.StreamID, error) {
	for _, text := range texts {
		id, err := parseID(text, 0)
		if err != nil {
			return nil, err
		}
		room = append(room, id)
	}
	return room, nil
}

// fewIDs is how many IDs need no memory of their own.
const fewIDs = 16

// reserveDelete makes it certain that there is memory to delete so many entries.
func reserveDelete(c *command.Ctx, s *store.Stream, n int) {
	if size := s.DeleteSize(n); size > 0 {
		c.DB.Reserve(size)
	}
}

func xdel(c *command.Ctx) error {
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if !s.Exists() {
		c.Reply.Int(0)
		return nil
	}
	var few [fewIDs]store.StreamID
	ids, err := parseIDs(few[:0], c.Argv[2:])
	if err != nil {
		return err
	}
	reserveDelete(c, &s, len(ids))
	deleted := int64(0)
	for i, id := range ids {
		if s.Delete(id) {
			deleted++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // half a command cannot be told to the log
		}
	}
	if deleted > 0 {
		c.Modified("xdel", c.Argv[1])
		c.Dirty = deleted
	}
	c.Reply.Int(deleted)
	return nil
}

func xdelex(c *command.Ctx) error {
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	if err != nil {
		return err
	}
	args := command.MakeArgs(c.Argv[2:])
	l, err := parseEntryList(&args)
	if err != nil {
		return err
	}
	if !s.Exists() {
		l.replyNone(c)
		return nil
	}
	var few [fewIDs]store.StreamID
	ids, err := parseIDs(few[:0], l.ids)
	if err != nil {
		return err
	}
	reserveDelete(c, &s, len(ids))
	deleted, forgotten, every := int64(0), 0, l.refs.pace(&s)
	c.Reply.Array(len(ids))
	for i, id := range ids {
		result := int64(noEntry)
		groups, free := l.refs.release(&s, id)
		forgotten += groups
		switch {
		case !free:
			result = entryReferenced
		case s.Delete(id):
			deleted++
			result = entryDeleted
		}
		c.Reply.Int(result)
		if i%every == every-1 {
			_ = c.Tick() // see xdel
		}
	}
	if deleted > 0 {
		c.Modified("xdel", c.Argv[1])
	}
	c.Dirty = max(deleted, int64(min(forgotten, 1))) // Redis does not log that an entry which had been deleted is forgotten
	return nil
}

func xtrim(c *command.Ctx) error {
	var t trimming
	args := command.MakeArgs(c.Argv[2:])
	for args.More() {
		if !t.option(&args) {
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return err
	}
	if err := t.check(true); err != nil {
		return err
	}
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if n := t.size(c, &s, 0); n > 0 {
		c.DB.Reserve(n)
	}
	removed := t.run(c, &s)
	c.Reply.Int(int64(removed))
	if removed == 0 {
		return nil
	}
	c.Modified("xtrim", c.Argv[1])
	c.Dirty = int64(removed)
	if t.approx {
		c.Propagate(t.appendTo([][]byte{c.Argv[0], c.Argv[1]}, &s)...)
	}
	return nil
}

// Errors of XSETID.
const (
	errAdded       command.Error = "ERR entries_added must be positive"
	errBelowGiven  command.Error = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
	errBelowDead   command.Error = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
	errBelowTop    command.Error = "ERR The ID specified in XSETID is smaller than the target stream top item"
	errBelowLength command.Error = "ERR The entries_added specified in XSETID is smaller than the target stream length"
)

func xsetid(c *command.Ctx) error {
	id, err := parseID(c.Argv[2], 0)
	if err != nil {
		return err
	}
	added, deleted := int64(-1), store.StreamID{}
	args := command.MakeArgs(c.Argv[3:])
	for args.More() {
		switch {
		case args.Len() > 1 && args.Keyword("ENTRIESADDED"):
			if added = args.Int(); added < 0 {
				args.Fail(errAdded)
			}
		case args.Len() > 1 && args.Keyword("MAXDELETEDID"):
			if deleted, err = parseID(args.Bytes(), 0); err != nil {
				args.Fail(err)
			} else if id.Less(deleted) {
				args.Fail(errBelowGiven)
			}
		default:
			args.Fail(command.ErrSyntax)
		}
	}
	if err := args.Done(); err != nil {
		return err
	}
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	if err != nil {
		return err
	}
	info := s.Info()
	switch {
	case !s.Exists():
		return command.ErrNoSuchKey
	case id.Less(info.MaxDeleted):
		return errBelowDead
	case s.Len() > 0 && id.Less(lastEntry(&s)):
		return errBelowTop
	case s.Len() > 0 && added >= 0 && int64(s.Len()) > added:
		return errBelowLength
	}
	s.SetLast(id)
	if added >= 0 {
		s.SetAdded(uint64(added))
	}
	if deleted != (store.StreamID{}) {
		s.SetMaxDeleted(deleted)
	}
	c.Reply.OK()
	c.Dirty++ // nobody who watches the key is told: what is in it has not changed
	c.Host.Notify("xsetid", c.Argv[1])
	return nil
}

// lastEntry gives the ID of the last entry of a stream that has one.
func lastEntry(s *store.Stream) (id store.StreamID) {
	s.Each(store.StreamID{}, store.MaxStreamID(), true, func(e *store.StreamEntry) bool {
		id = e.ID()
		return false
	})
	return id
}
