// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// claim is what XCLAIM and XAUTOCLAIM have in common: a consumer takes over pending entries.
type claim struct {
	c        *command.Ctx
	key      []byte
	group    []byte
	s        store.Stream
	g        store.Group
	consumer store.Consumer

	minIdle int64
	at      int64 // Unix ms of the delivery that it counts as
	count   int64 // deliveries that the entries are to have; -1: one more
	justID  bool
	force   bool

	changed bool // something went to the log with the group's last ID
}

// find finds the group, which must be there.
func (cl *claim) find() (err error) {
	if cl.s, err = cl.c.DB.FindStream(cl.key); err != nil {
		return err
	}
	if _, ok := cl.s.Group(cl.group); !ok {
		return errNoGroup(cl.key, cl.group, "")
	}
	return nil
}

// begin prepares for changes, of n entries at most.
func (cl *claim) begin(consumer []byte, n int) {
	cl.s, _ = cl.c.DB.FindStreamWrite(cl.key)
	cl.g, _ = cl.s.GroupWrite(cl.group)
	cl.g.Reserve(n)
	cl.consumer = touchConsumer(cl.c, cl.key, &cl.g, consumer)
}

// idleEnough tells whether a pending entry may be taken over.
func (cl *claim) idleEnough(p store.Pending) bool {
	return !p.Owned() || cl.minIdle == 0 || cl.c.Now()-p.Delivered >= cl.minIdle
}

// drop makes an entry that is not in the stream any more one that is not pending.
func (cl *claim) drop(p store.Pending) {
	if owner, ok := cl.g.Owner(p); ok {
		logClaim(cl.c, cl.key, &cl.g, owner, p.Delivered, p.Count, p.ID)
		cl.changed = true
	} else {
		logAck(cl.c, cl.key, &cl.g, p.ID)
	}
	cl.g.Ack(p.ID)
	cl.c.Dirty++
}

// take takes an entry over, and writes it.
func (cl *claim) take(id store.StreamID, deliveries uint64) {
	switch {
	case cl.count >= 0:
		deliveries = uint64(cl.count)
	case !cl.justID:
		deliveries = oneMore(deliveries)
	}
	cl.g.Deliver(id, cl.consumer, cl.at, deliveries)
	cl.consumer.SetActive(cl.c.Now())
	if cl.justID {
		replyID(cl.c, id)
	} else {
		replyByID(cl.c, &cl.s, id)
	}
	logClaim(cl.c, cl.key, &cl.g, cl.consumer, cl.at, deliveries, id)
	cl.changed = true
	cl.c.Dirty++
}

// parseOptions reads what follows XCLAIM's IDs; last is LASTID's.
func (cl *claim) parseOptions(a *command.Args) (last store.StreamID, err error) {
	now := cl.c.Now()
	cl.at, cl.count = -1, -1
	for a.More() {
		switch more := a.Len() > 1; {
		case a.Keyword("FORCE"):
			cl.force = true
		case a.Keyword("JUSTID"):
			cl.justID = true
		case more && a.Keyword("IDLE"):
			cl.at = now - a.IntOr(command.Error("ERR Invalid IDLE option argument for XCLAIM"))
		case more && a.Keyword("TIME"):
			cl.at = a.IntOr(command.Error("ERR Invalid TIME option argument for XCLAIM"))
		case more && a.Keyword("RETRYCOUNT"):
			cl.count = a.IntOr(command.Error("ERR Invalid RETRYCOUNT option argument for XCLAIM"))
		case more && a.Keyword("LASTID"):
			if last, err = parseID(a.Bytes(), 0); err != nil {
				return last, err
			}
		default:
			return last, command.Error("ERR Unrecognized XCLAIM option '" + string(command.UpToNUL(a.Peek())) + "'")
		}
	}
	if cl.at < 0 || cl.at > now { // nonsense: clients reckon it by clocks of their own
		cl.at = now
	}
	return last, a.Done()
}

func xclaim(c *command.Ctx) error {
	a := c.Args()
	cl := claim{c: c, key: a.Key(), group: a.Bytes()}
	consumer := a.Bytes()
	if err := cl.find(); err != nil {
		return err
	}
	cl.minIdle = max(a.IntOr(command.Error("ERR Invalid min-idle-time argument for XCLAIM")), 0)
	if err := a.Err(); err != nil {
		return err
	}
	words := a.Rest()
	n := 0
	for n < len(words) {
		if _, err := parseID(words[n], 0); err != nil {
			break
		}
		n++
	}
	options := command.MakeArgs(words[n:])
	last, err := cl.parseOptions(&options)
	if err != nil {
		return err
	}
	cl.begin(consumer, n)
	moved := cl.g.Last().Less(last)
	if moved {
		cl.g.SetLast(last, cl.g.Read())
	}
	head, taken := c.Reply.DeferLen(), 0
	for i, text := range words[:n] {
		id, _ := parseID(text, 0)
		if cl.one(id) {
			taken++
		}
		if i%tickEvery == tickEvery-1 {
			_ = c.Tick() // what is begun is done
		}
	}
	c.Reply.SetArrayLen(head, taken)
	if moved && !cl.changed {
		logLast(c, cl.key, &cl.g)
		c.Dirty++
	}
	if taken > 0 {
		c.DB.SignalDelivered(cl.key)
	}
	return nil
}

// one takes one entry over, if it may be.
func (cl *claim) one(id store.StreamID) bool {
	p, pending := cl.g.Find(id)
	switch {
	case !cl.s.Has(id):
		if pending {
			cl.drop(p)
		}
		return false
	case !pending && !cl.force:
		return false
	case !pending:
		p.Count = 1 // as if it had been delivered
	case !cl.idleEnough(p):
		return false
	}
	cl.take(id, p.Count)
	return true
}

// Limits of XAUTOCLAIM: what COUNT may be at most, how many entries are looked at for each that may be given, and a COUNT for which no
// server has memory.
const (
	mostCount    = 1<<59 - 1
	looksPerOne  = 10
	countTooHigh = 1 << 43
)

// Errors of XAUTOCLAIM's COUNT.
const (
	errCountZero   command.Error = "ERR COUNT must be > 0"
	errCountMemory command.Error = "ERR Insufficient memory, failed allocating transient memory, COUNT too high."
)

func xautoclaim(c *command.Ctx) error {
	a := c.Args()
	cl := claim{c: c, key: a.Key(), group: a.Bytes(), at: c.Now(), count: -1}
	consumer := a.Bytes()
	cl.minIdle = max(a.IntOr(command.Error("ERR Invalid min-idle-time argument for XAUTOCLAIM")), 0)
	if err := a.Err(); err != nil {
		return err
	}
	from, err := parseStart(a.Bytes())
	if err != nil {
		return err
	}
	count := int64(100)
	for a.More() {
		switch {
		case a.Len() > 1 && a.Keyword("COUNT"):
			if count = a.IntOr(errCountZero); count < 1 || count > mostCount {
				a.Fail(errCountZero)
			}
		case a.Keyword("JUSTID"):
			cl.justID = true
		default:
			a.Fail(command.ErrSyntax)
		}
	}
	if err := a.Done(); err != nil {
		return err
	}
	if err := cl.find(); err != nil {
		return err
	}
	if count > countTooHigh {
		return errCountMemory
	}
	return cl.auto(consumer, from, count)
}

// auto takes over what may be of the entries from an ID on: first all are looked for, since the ID to go on with comes first in the reply.
func (cl *claim) auto(consumer []byte, from store.StreamID, count int64) (err error) {
	g, _ := cl.s.Group(cl.group)
	var list []store.Pending
	var dead []store.Pending
	var next store.StreamID
	looks := count * looksPerOne
	n := 0
	g.Each(from, store.MaxStreamID(), func(p store.Pending) bool {
		if looks == 0 || count == 0 {
			next = p.ID
			return false
		}
		looks--
		switch {
		case !cl.s.Has(p.ID):
			dead = append(dead, p)
			count--
		case cl.idleEnough(p):
			list = append(list, p)
			count--
		}
		if n++; n%tickEvery == 0 {
			err = cl.c.Tick()
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	cl.begin(consumer, len(list)+len(dead))
	w := cl.c.Reply
	w.Array(3)
	replyID(cl.c, next)
	w.Array(len(list))
	for i := range list {
		cl.take(list[i].ID, list[i].Count)
		if i%tickEvery == tickEvery-1 {
			_ = cl.c.Tick() // what is begun is done
		}
	}
	w.Array(len(dead))
	for i := range dead {
		replyID(cl.c, dead[i].ID)
		cl.drop(dead[i])
		if i%tickEvery == tickEvery-1 {
			_ = cl.c.Tick() // as above
		}
	}
	if len(list) > 0 {
		cl.c.DB.SignalDelivered(cl.key)
	}
	return nil
}
