// SPDX-License-Identifier: BSD-3-Clause

package streams

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/store"
)

// Errors of XADD.
const (
	errZeroID    command.Error = "ERR The ID specified in XADD must be greater than 0-0"
	errLeastID   command.Error = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	errExhausted command.Error = "ERR The stream has exhausted the last possible ID, unable to add more items"
	errTooLarge  command.Error = "ERR Elements are too large to be stored"
)

// addition is what XADD is asked to add.
type addition struct {
	trim     trimming
	existing bool // the stream is not to be made
	producer production

	auto  bool           // the ID is to be made
	open  bool           // the ID's Seq is
	id    store.StreamID // as far as it is given
	idAt  int            // where the ID stands in the command
	pairs [][]byte       // fields and values by turns
}

// parse reads XADD's arguments.
func (a *addition) parse(c *command.Ctx) (err error) {
	args := command.MakeArgs(c.Argv[2:])
	for args.More() {
		if next := args.Peek(); len(next) == 1 && next[0] == '*' {
			a.auto = true
			break
		}
		if args.Keyword("NOMKSTREAM") {
			a.existing = true
			continue
		}
		if !a.trim.option(&args) && !a.producer.option(&args) {
			if a.id, a.open, err = parseNewID(args.Peek()); err != nil {
				return err
			}
			break
		}
	}
	rest := args.Rest()
	if err := args.Err(); err != nil {
		return err
	}
	if err := a.trim.check(false); err != nil {
		return err
	}
	if len(rest) < 3 || len(rest)%2 == 0 {
		return command.ErrArity(c.Spec.FullName())
	}
	a.idAt, a.pairs = len(c.Argv)-len(rest), rest[1:]
	switch {
	case a.producer.given() && !a.auto:
		return errIdmpGivenID
	case !a.auto && !a.open && a.id == store.StreamID{}:
		return errZeroID
	}
	return nil
}

// next gives the ID of the entry that is added to a stream whose last one is given, at a time in Unix ms.
func (a *addition) next(last store.StreamID, now int64) (id store.StreamID, err error) {
	if last == store.MaxStreamID() {
		return id, errExhausted
	}
	id = a.id
	switch {
	case a.auto && uint64(now) > last.Ms:
		id = store.StreamID{Ms: uint64(now)}
	case a.auto:
		id, _ = last.Next()
	case a.open && a.id.Ms == last.Ms:
		if id, _ = last.Next(); id.Ms != last.Ms {
			return id, errLeastID
		}
	}
	if !last.Less(id) {
		return id, errLeastID
	}
	return id, nil
}

// bytes gives the bytes of the fields and values together.
func (a *addition) bytes() (n int) {
	for _, text := range a.pairs {
		n += len(text)
	}
	return n
}

func xadd(c *command.Ctx) error {
	var a addition
	if err := a.parse(c); err != nil {
		return err
	}
	s, err := c.DB.FindStreamWrite(c.Argv[1])
	if err != nil {
		return err
	}
	if a.existing && !s.Exists() {
		c.Reply.Null()
		return nil
	}
	if a.producer.given() {
		a.producer.identify(a.pairs)
		if id, ok := s.FindIID(a.producer.name, a.producer.iid); ok {
			s.CountDuplicate()
			replyID(c, id)
			return nil
		}
	}
	id, err := a.next(s.Info().Last, c.Now())
	if err != nil {
		return err
	}
	size := a.bytes()
	if size > store.MaxEntry {
		return errTooLarge
	}
	if a.producer.given() {
		size += s.IIDCost(a.producer.name, a.producer.iid)
	}
	if a.trim.by != noThreshold {
		size += a.trim.size(c, &s, 1)
	}
	if a.trim.by != noThreshold || a.producer.given() {
		s.Reserve(1, size)
	}
	s.Append(id, a.pairs)
	replyID(c, id)
	c.Modified("xadd", c.Argv[1])
	c.DB.SignalReady(c.Argv[1])
	if a.producer.given() {
		s.RecordIID(a.producer.name, a.producer.iid, id)
	}
	if a.trim.by != noThreshold && a.trim.run(c, &s) > 0 {
		c.Host.Notify("xtrim", c.Argv[1])
	}
	if (a.auto || a.open || a.trim.approx) && c.Logs() {
		a.propagate(c, &s, id)
	}
	return nil
}

// propagate tells the effect log of an entry that was added: its ID as it has become, and to where the stream was trimmed.
func (a *addition) propagate(c *command.Ctx, s *store.Stream, id store.StreamID) {
	argv := [][]byte{c.Argv[0], c.Argv[1]}
	if !a.producer.given() {
		argv = a.trim.appendTo(argv, s)
	}
	idText := id.AppendText(nil)
	c.Propagate(append(append(argv, idText), a.pairs...)...)
	if !a.producer.given() {
		return
	}
	// Whoever runs this has another clock: that the entry is new is decided.
	c.Propagate([]byte("XIDMPRECORD"), c.Argv[1], a.producer.name, a.producer.iid, idText)
	if a.trim.by != noThreshold {
		c.Propagate(a.trim.appendTo([][]byte{[]byte("XTRIM"), c.Argv[1]}, s)...)
	}
}
