// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/cmds/arrays"
	"github.com/redpoll/redpoll/internal/cmds/bits"
	"github.com/redpoll/redpoll/internal/cmds/geos"
	"github.com/redpoll/redpoll/internal/cmds/hashes"
	"github.com/redpoll/redpoll/internal/cmds/hyperloglog"
	"github.com/redpoll/redpoll/internal/cmds/keys"
	"github.com/redpoll/redpoll/internal/cmds/lists"
	"github.com/redpoll/redpoll/internal/cmds/sets"
	"github.com/redpoll/redpoll/internal/cmds/sorting"
	"github.com/redpoll/redpoll/internal/cmds/streams"
	"github.com/redpoll/redpoll/internal/cmds/strings"
	"github.com/redpoll/redpoll/internal/cmds/zsets"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/session"
)

// Families gives the records of all commands, for what is made from them. Their handlers have no server behind them and
// must not be called.
func Families() []command.Family { return new(Server).families() }

// families is the one list of all command families.
func (s *Server) families() []command.Family {
	return append([]command.Family{
		engine.Acknowledgements,
		arrays.Family,
		bits.Family,
		command.CommandFamily(),
		engine.Transactions,
		geos.Family,
		hashes.Family,
		hyperloglog.Family,
		keys.Family,
		lists.Family,
		s.codec.Family(),
		s.family(),
		session.Family(),
		session.PubSub(),
		sets.Family,
		sorting.Family,
		streams.Family,
		strings.Family,
		zsets.Family,
	}, s.scripts.Families()...)
}
