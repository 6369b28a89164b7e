// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of XGROUP.
const (
	errBusyGroup   command.Error = "BUSYGROUP Consumer Group name already exists"
	errEntriesRead command.Error = "ERR value for ENTRIESREAD must be positive or -1"
	errNoStream    command.Error = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM " +
		"option to create an empty stream automatically."
)

// groupCall is a call of one of XGROUP's subcommands.
type groupCall struct {
	key, group []byte
	id         []byte
	read       int64 // ENTRIESREAD
	make       bool  // MKSTREAM
	s          store.Stream
}

// parseGroup reads the arguments of CREATE and SETID, the latter of which has no MKSTREAM.
func parseGroup(c *command.Ctx, creates bool) (call groupCall, err error) {
	a := c.Args()
	call = groupCall{key: a.Key(), group: a.Bytes(), id: a.Bytes(), read: store.NoCount}
	options := a.Len()
	for a.More() {
		switch {
		case creates && a.Keyword("MKSTREAM"):
			call.make = true
		case a.Len() > 1 && a.Keyword("ENTRIESREAD"):
			if call.read = a.Int(); a.Err() == nil && call.read < 0 && call.read != store.NoCount {
				a.Fail(errEntriesRead)
			}
		default:
			return call, errUsage(c)
		}
	}
	if err := a.Done(); err != nil {
		return call, err
	}
	if err := call.find(c); err != nil {
		return call, err
	}
	if creates && options > 3 || !creates && options > 2 {
		err = errUsage(c)
	}
	return call, err
}

// find finds the stream, which must be there unless it is to be made.
func (call *groupCall) find(c *command.Ctx) (err error) {
	call.s, err = c.DB.FindStreamWrite(call.key)
	if err == nil && !call.s.Exists() && !call.make {
		err = errNoStream
	}
	return err
}

// findGroup finds a group that must be there, for a change.
func (call *groupCall) findGroup(c *command.Ctx) (g store.Group, err error) {
	if err := call.find(c); err != nil {
		return g, err
	}
	return call.existing()
}

// existing gives the group of a stream that was found.
func (call *groupCall) existing() (store.Group, error) {
	g, ok := call.s.GroupWrite(call.group)
	if !ok {
		return g, errNotGroup(call.group, call.key)
	}
	return g, nil
}

// lastID reads the ID up to which a group is to have delivered everything: "$" is the stream's last one.
func (call *groupCall) lastID(parse func(text []byte) (store.StreamID, error)) (store.StreamID, error) {
	if string(command.UpToNUL(call.id)) == "$" {
		return call.s.Info().Last, nil
	}
	return parse(call.id)
}

func xgroupCreate(c *command.Ctx) error {
	call, err := parseGroup(c, true)
	if err != nil {
		return err
	}
	id, err := call.lastID(func(text []byte) (store.StreamID, error) { return parseID(text, 0) })
	if err != nil {
		return err
	}
	if !call.s.Exists() {
		const head = 1 << 10 // of a stream and a group
		c.DB.Reserve(head + len(call.key) + len(call.group))
		call.s = c.DB.CreateStream(call.key)
		c.DB.Touch(call.key)
	}
	if _, created := call.s.CreateGroup(call.group, id, call.read); !created {
		return errBusyGroup
	}
	c.Dirty++
	c.Host.Notify("xgroup-create", call.key)
	c.Reply.OK()
	return nil
}

func xgroupSetID(c *command.Ctx) error {
	call, err := parseGroup(c, false)
	if err != nil {
		return err
	}
	g, err := call.existing()
	if err != nil {
		return err
	}
	id, err := call.lastID(parseEdge)
	if err != nil {
		return err
	}
	g.SetLast(id, call.read)
	c.Dirty++
	c.Host.Notify("xgroup-setid", call.key)
	c.DB.SignalReady(call.key)
	c.Reply.OK()
	return nil
}

// parseEdge reads an ID, or "-" or "+" for the least and the greatest.
func parseEdge(text []byte) (store.StreamID, error) {
	if len(text) > 0 && text[0] == '(' {
		return store.StreamID{}, errID
	}
	id, _, err := parseBound(text, 0)
	return id, err
}

func xgroupDestroy(c *command.Ctx) error {
	a := c.Args()
	call := groupCall{key: a.Key(), group: a.Bytes()}
	if err := call.find(c); err != nil {
		return err
	}
	if !call.s.DestroyGroup(call.group, c.Tick) {
		c.Reply.Int(0)
		return nil
	}
	c.Dirty++
	c.Host.Notify("xgroup-destroy", call.key)
	c.DB.SignalReady(call.key) // who waits as one of the group is to learn of it
	c.Reply.Int(1)
	return nil
}

func xgroupCreateConsumer(c *command.Ctx) error {
	a := c.Args()
	call := groupCall{key: a.Key(), group: a.Bytes()}
	g, err := call.findGroup(c)
	if err != nil {
		return err
	}
	name := a.Bytes()
	if _, ok := g.Consumer(name); ok {
		c.Reply.Int(0)
		return nil
	}
	g.CreateConsumer(name, c.Now())
	c.Dirty++
	c.Host.Notify("xgroup-createconsumer", call.key)
	c.Reply.Int(1)
	return nil
}

func xgroupDelConsumer(c *command.Ctx) error {
	a := c.Args()
	call := groupCall{key: a.Key(), group: a.Bytes()}
	g, err := call.findGroup(c)
	if err != nil {
		return err
	}
	consumer, ok := g.Consumer(a.Bytes())
	if !ok {
		c.Reply.Int(0)
		return nil
	}
	pending := g.DeleteConsumer(consumer, c.Tick)
	c.Dirty++
	c.Host.Notify("xgroup-delconsumer", call.key)
	c.Reply.Int(int64(pending))
	return nil
}
