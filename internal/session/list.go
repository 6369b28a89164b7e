// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"net"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/pubsub"
	"github.com/redpoll/redpoll/internal/resp"
)

// clientType is a class of clients as CLIENT LIST and KILL filter by it.
type clientType int

const (
	anyType clientType = iota
	typeNormal
	typePubSub
	typeOther // replicas and masters: nobody is one
)

// parseType reads the name of a type.
func parseType(word []byte) (clientType, error) {
	switch {
	case command.EqualFold(word, "NORMAL"):
		return typeNormal, nil
	case command.EqualFold(word, "PUBSUB"):
		return typePubSub, nil
	}
	for _, other := range [...]string{"MASTER", "SLAVE", "REPLICA"} {
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
	self, f := of(c), filter{self: true}
	if err := f.parse(self.hub, c.Argv[2:], listIDs); err != nil {
		return err
	}
	list, err := f.sessions(c)
	if err != nil {
		return err
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
	store64(&s.shared.commands, s.Client.Commands+c.Host.(*engine.Worker).Ran())
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
	return s.line(b, last, int(s.shared.waitArgs.Load()))
}

// sessionBytes is about what a connection takes beside its buffers.
const sessionBytes = 1 << 10

// age gives the seconds since the client connected.
func (s *Session) age() int64 { return (s.hub.engine.Clock().Mono() - s.shared.created) / 1e9 }

// idle gives the seconds since something came from or went to the client.
func (s *Session) idle() int64 {
	return max(s.hub.engine.Clock().Mono()-s.shared.active.Load()*activeUnit, 0) / 1e9
}

// ip gives the peer's address without the port, of a Unix socket the path.
func (s *Session) ip() string {
	addr := s.conn.RemoteAddr()
	if host, _, err := net.SplitHostPort(addr); err == nil && !s.shared.unix {
		return host
	}
	return strings.TrimSuffix(addr, ":0")
}

// line appends the session's line of CLIENT LIST: the fields of Redis 8, and capa of Valkey.
func (s *Session) line(b []byte, lastCommand string, argBytes int) []byte {
	p := &s.shared
	told := p.told()
	number := func(field string, n int64) {
		b = append(b, field...)
		b = num.AppendInt(b, n)
	}
	text := func(field, value string) {
		b = append(b, field...)
		b = append(b, value...)
	}
	input, buffer, pending, queued := p.input.Load(), p.buffer.Load(), p.pending.Load()+p.missed.Load(), p.queuedBy.Load()
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
	number(" age=", s.age())
	number(" idle=", s.idle())
	b = p.appendFlags(append(b, " flags="...))
	number(" db=", int64(p.db.Load()))
	number(" sub=", int64(p.topics[pubsub.Channel].Load()))
	number(" psub=", int64(p.topics[pubsub.Pattern].Load()))
	number(" ssub=", int64(p.topics[pubsub.Shard].Load()))
	number(" multi=", int64(p.queued.Load()))
	number(" watch=", int64(p.watched.Load()))
	number(" qbuf=", input)
	number(" qbuf-free=", max(buffer-input, 0))
	number(" argv-mem=", int64(argBytes))
	number(" multi-mem=", queued)
	number(" rbs=", chunk)
	number(" rbp=", chunk)
	number(" obl=", min(pending, chunk))
	number(" oll=", chunks)
	number(" omem=", chunks*resp.ChunkSize)
	number(" tot-mem=", sessionBytes+buffer+max(int64(argBytes), p.waitB.Load())+p.queuedM.Load()+p.watchedB.Load()+
		p.prepared.Load()+p.topicsB.Load()+chunk+chunks*resp.ChunkSize)
	text(" events=", events)
	text(" cmd=", lastCommand)
	text(" user=", defaultUser)
	text(" redir=-1 resp=", strconv.Itoa(int(p.proto.Load())))
	text(" lib-name=", told.libName)
	text(" lib-ver=", told.libVersion)
	number(" io-thread=", int64(p.loop))
	number(" tot-net-in=", p.netIn.Load())
	number(" tot-net-out=", p.netOut.Load())
	number(" tot-cmds=", p.commands.Load())
	text(" capa=", told.capa)
	return append(b, '\n')
}

// appendFlags appends the letters of the session's state.
func (p *shared) appendFlags(b []byte) []byte {
	start, state := len(b), p.flags.Load()
	for _, f := range [...]struct {
		on     bool
		letter byte
	}{
		{state&statePubSub != 0, 'P'},
		{p.queued.Load() >= 0, 'x'},
		{state&stateBlocked != 0, 'b'},
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

// class gives the type of client that the session is.
func (p *shared) class() clientType {
	if p.flags.Load()&statePubSub != 0 {
		return typePubSub
	}
	return typeNormal
}

// changed tells whether a watched key has changed.
func (p *shared) changed() bool {
	w := p.watch.Load()
	return w != nil && w.Dirty()
}
