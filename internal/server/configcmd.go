// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
)

func (s *Server) configGet(c *command.Ctx) error {
	a := c.Args()
	patterns := make([]string, 0, a.Len())
	for _, p := range a.Rest() {
		patterns = append(patterns, string(p))
	}
	params := s.config.Get(patterns...)
	c.Reply.Map(len(params))
	for _, p := range params {
		c.Reply.BulkString(p.Name)
		c.Reply.BulkString(p.Value)
	}
	return nil
}

func (s *Server) configSet(c *command.Ctx) error {
	words := c.Argv[2:]
	if len(words)%2 != 0 {
		return command.ErrSyntax
	}
	params := make([]config.Param, 0, len(words)/2)
	for i := 0; i < len(words); i += 2 {
		params = append(params, config.Param{Name: string(words[i]), Value: string(words[i+1])})
	}
	err := s.config.Update(config.Caller{Local: local(c.Client), Loading: s.Loading()}, params)
	if err == nil {
		if err := s.applyAppendOnly(c); err != nil {
			return err
		}
		for _, line := range s.config.Lacking(params) {
			s.log.Warn(line)
		}
		c.Reply.OK()
		return nil
	}
	if errors.Is(err, config.ErrLoading) {
		return command.ErrLoading
	}
	if doubt := (*config.Restored)(nil); errors.As(err, &doubt) {
		s.log.Warn("Failed restoring failed CONFIG SET command: " + doubt.Failed.Error())
	}
	return command.Error("ERR " + err.Error())
}

// applyAppendOnly has the append-only files follow the directive appendonly. The disk may be slow: the loop serves others meanwhile. If they
// cannot be begun the directive is taken back.
func (s *Server) applyAppendOnly(c *command.Ctx) error {
	if s.config.Bool("appendonly").Load() != s.aof.is(aofOff) {
		return nil
	}
	var failure error
	inTransaction := !c.MayWait()
	if err := s.aside(c, func() { failure = s.switchAppendOnly(inTransaction) }); err != nil || failure == nil {
		return err
	}
	_ = s.config.Set("appendonly", "no") // which is a value that it has had
	return command.Error("ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.")
}

func (s *Server) configResetStat(c *command.Ctx) error {
	s.resetStats()
	c.Reply.OK()
	return nil
}

// configRewrite writes the configuration to its file.
func (s *Server) configRewrite(c *command.Ctx) error {
	err := s.rewriteConfig(c, false)
	if err != nil {
		return err
	}
	s.log.Warn("CONFIG REWRITE executed with success.")
	c.Reply.OK()
	return nil
}

// debugRewrite writes it with all defaults.
func (s *Server) debugRewrite(c *command.Ctx) error {
	if err := s.rewriteConfig(c, true); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// rewriteConfig writes the configuration to its file. The disk may be slow: the loop serves others meanwhile.
func (s *Server) rewriteConfig(c *command.Ctx, all bool) error {
	var failure error
	ended := s.aside(c, func() {
		failure = s.config.Rewrite(config.Rewriting{All: all, Users: s.userLines()})
	})
	switch {
	case ended != nil:
		return ended
	case failure == nil:
		return nil
	case errors.Is(failure, config.ErrNoFile):
		return command.Error("ERR " + failure.Error())
	}
	s.log.Warn("CONFIG REWRITE failed: " + config.SystemText(failure))
	return command.Error("ERR Rewriting config file: " + config.SystemText(failure))
}

// local tells whether a client came over the loopback interface or a Unix socket.
func local(client command.Client) bool {
	peer, ok := client.(interface{ Addr() string })
	if !ok {
		return false
	}
	addr := peer.Addr()
	if strings.HasPrefix(addr, "/") {
		return true
	}
	at, err := netip.ParseAddrPort(addr)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
