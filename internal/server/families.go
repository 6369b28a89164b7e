// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/cmds/hashes"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/session"
)

// families is the one list of all command families.
func (s *Server) families() []command.Family {
	return []command.Family{
		command.CommandFamily(),
		engine.Transactions,
		hashes.Family,
		keys.Family,
		s.family(),
		session.Family(),
		strings.Family,
	}
}
