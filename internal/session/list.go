// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/resp"
)

const errClientID command.Error = "ERR Invalid client ID"

// clientType is a class of clients as CLIENT LIST and KILL filter by it.
type clientType int

const (
	anyType clientType = iota
	typeNormal
	typeOther // replicas, masters and subscribers: nobody is one
)

// parseType reads the name of a type.
func parseType(word []byte) (clientType, error) {
	if command.EqualFold(word, "NORMAL") {
		return typeNormal, nil
	}
	for _, other := range [...]string{"MASTER", "SLAVE", "REPLICA", "PUBSUB"} {
		if command.EqualFold(word, other) {
			return typeOther, nil
		}
	}
	return anyType, command.Error("ERR Unknown client type '" + string(word) + "'")
}

func clientInfo(c *command.Ctx) error {
	s := of(c)
	line := s.describeSelf(c, nil)
	c.Reply.Verbatim("txt", string(line))
	return nil
}

func clientList(c *command.Ctx) error {
	self, args := of(c), c.Argv[2:]
	var list []*Session
	switch {
	case len(args) == 0:
		list = self.hub.Sessions()
	case len(args) == 2 && command.EqualFold(args[0], "TYPE"):
		t, err := parseType(args[1])
		if err != nil {
			return err
		}
		if t != typeOther {
			list = self.hub.Sessions()
		}
	case len(args) > 1 && command.EqualFold(args[0], "ID"):
		for _, arg := range args[1:] {
			id, ok := num.ParseInt(arg)
			if !ok {
				return errClientID
			}
			if s := self.hub.Session(id); s != nil {
				list = append(list, s)
			}
		}
	default:
		return command.ErrSyntax
	}
	text := make([]byte, 0, 400*len(list))
	for i, s := range list {
		if s == self {
			text = s.describeSelf(c, text)
		} else {
			text = s.describe(text)
		}
		if i%1000 == 999 {
			if err := c.Tick(); err != nil {
				return err
			}
		}
	}
	c.Reply.Verbatim("txt", string(text))
	return nil
}

// describeSelf appends the line of the session whose command runs: of it more is known than was published.
func (s *Session) describeSelf(c *command.Ctx, b []byte) []byte {
	s.publish()
	args := 0
	for _, arg := range c.Argv {
		args += len(arg)
	}
	return s.line(b, c.Spec.FullName(), args)
}

// describe appends the session's line. Any goroutine may call it.
func (s *Session) describe(b []byte) []byte {
	last := "NULL"
	if id := s.shared.last.Load(); id >= 0 {
		last = s.hub.engine.Registry.ByID(int(id)).FullName()
	}
	return s.line(b, last, 0)
}

// sessionBytes is about what a connection takes beside its buffers.
const sessionBytes = 1 << 10

// line appends the session's line of CLIENT LIST, the fields as Redis 7.0 has them with the library of 7.2 behind.
func (s *Session) line(b []byte, lastCommand string, argBytes int) []byte {
	p := &s.shared
	now := s.hub.engine.Clock().Mono()
	told := p.told()
	number := func(field string, n int64) {
		b = append(b, field...)
		b = num.AppendInt(b, n)
	}
	text := func(field, value string) {
		b = append(b, field...)
		b = append(b, value...)
	}
	input, buffer, pending, queued := p.input.Load(), p.buffer.Load(), p.pending.Load(), p.queuedBy.Load()
	// The first chunk of pending replies is what Redis calls the reply buffer, the others are its reply list.
	chunk, chunks, events := int64(0), int64(0), "r"
	if pending > 0 {
		chunk, chunks, events = resp.ChunkSize, (pending-1)/resp.ChunkSize, "rw"
	}
	number("id=", s.id)
	text(" addr=", s.conn.RemoteAddr())
	text(" laddr=", p.local)
	number(" fd=", int64(p.fd))
	text(" name=", told.name)
	number(" age=", (now-p.created)/1e9)
	number(" idle=", max(now-p.active.Load()*activeUnit, 0)/1e9)
	b = p.appendFlags(append(b, " flags="...))
	number(" db=", int64(p.db.Load()))
	text(" sub=0 psub=0 ssub=0", "")
	number(" multi=", int64(p.queued.Load()))
	number(" qbuf=", input)
	number(" qbuf-free=", max(buffer-input, 0))
	number(" argv-mem=", int64(argBytes))
	number(" multi-mem=", queued)
	number(" rbs=", chunk)
	number(" rbp=", chunk)
	number(" obl=", min(pending, chunk))
	number(" oll=", chunks)
	number(" omem=", chunks*resp.ChunkSize)
	number(" tot-mem=", sessionBytes+buffer+int64(argBytes)+queued+chunk+chunks*resp.ChunkSize)
	text(" events=", events)
	text(" cmd=", lastCommand)
	text(" user=", defaultUser)
	text(" redir=-1 resp=", strconv.Itoa(int(p.proto.Load())))
	text(" lib-name=", told.libName)
	text(" lib-ver=", told.libVersion)
	return append(b, '\n')
}

// appendFlags appends the letters of the session's state.
func (p *shared) appendFlags(b []byte) []byte {
	start, state := len(b), p.flags.Load()
	for _, f := range [...]struct {
		on     bool
		letter byte
	}{
		{p.queued.Load() >= 0, 'x'},
		{p.changed(), 'd'},
		{state&stateClosing != 0, 'c'},
		{p.unix, 'U'},
		{state&stateNoEvict != 0, 'e'},
		{state&stateNoTouch != 0, 'T'},
	} {
		if f.on {
			b = append(b, f.letter)
		}
	}
	if len(b) == start {
		b = append(b, 'N')
	}
	return b
}

// changed tells whether a watched key has changed.
func (p *shared) changed() bool {
	w := p.watch.Load()
	return w != nil && w.Dirty()
}
