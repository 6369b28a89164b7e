// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/config"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/stats"
	"github.com/redpoll/redpoll/internal/store"
)

// The subcommands of DEBUG by which test suites bring a server into a state, or have it end.

// debugCrash makes the handler that ends the server as a signal does, after lines in the log.
func (s *Server) debugCrash(sig syscall.Signal, lines ...string) func(*command.Ctx) error {
	return func(c *command.Ctx) error {
		for _, line := range lines {
			s.log.Warn(line)
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Signal(sig)
		}
		if err != nil {
			return command.Error("ERR this system cannot send the signal")
		}
		const longest = time.Minute
		if err := doze(c, longest); err != nil { // until the process ends
			return err
		}
		return command.Error("ERR the process lives on")
	}
}

// debugAccepted takes a switch for something that is not there to be switched.
func debugAccepted(c *command.Ctx) error {
	c.Reply.OK()
	return nil
}

// debugFlushSleep has everything wait before it is written to the append-only file.
func (s *Server) debugFlushSleep(c *command.Ctx) error {
	micros, _ := num.ParseInt(c.Argv[2])
	s.aof.rest.Store(max(micros, 0))
	c.Reply.OK()
	return nil
}

// debugPauseCron holds back what the server does by the clock, but for what loops do for their shards and clients.
func (s *Server) debugPauseCron(c *command.Ctx) error {
	on, _ := num.ParseInt(c.Argv[2])
	s.pauseCron(on != 0)
	c.Reply.OK()
	return nil
}

// debugReplyBuffer takes settings of reply buffers of another kind than those here.
func debugReplyBuffer(c *command.Ctx) error {
	a := command.MakeArgs(c.Argv[2:])
	switch {
	case a.Keyword("PEAK-RESET-TIME"):
		if !a.Keyword("NEVER") && !a.Keyword("RESET") {
			a.Int()
		}
	case a.Keyword("RESIZING"):
		a.Bytes()
	default:
		return errDebugUsage(c.Argv[1])
	}
	if err := a.Done(); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}

// debugClientEviction tells what clients take of maxmemory-clients.
func (s *Server) debugClientEviction(c *command.Ctx) error {
	limit := shareOf(s.config.Int("maxmemory-clients").Load(), s.config.Int("maxmemory").Load())
	if limit == 0 {
		return command.Error("ERR maxmemory-clients is disabled.")
	}
	_, clients := s.usedMemory()
	c.Reply.Verbatim("txt", fmt.Sprintf("%d clients take %s of %s\n", s.openClients(), stats.Human(clients), stats.Human(limit)))
	return nil
}

// bytesPerSlot is what a table takes for each entry that it has room for.
const bytesPerSlot = 8

// appendTable words the figures of one table.
func appendTable(b []byte, bytes, elements int64) []byte {
	b = append(b, "Hash table 0 stats (main hash table):\n"...)
	if elements == 0 {
		return append(b, "No stats available for empty dictionaries\n"...)
	}
	return fmt.Appendf(b, " table size: %d\n number of elements: %d\n bytes: %d\n", bytes/bytesPerSlot, elements, bytes)
}

// debugHTStats tells the figures of a database's tables, all shards together.
func (s *Server) debugHTStats(c *command.Ctx) error {
	a := command.MakeArgs(c.Argv[2:3])
	db := a.Int()
	if err := a.Done(); err != nil {
		return err
	}
	counts := s.counts()
	if db < 0 || db >= int64(len(counts)) {
		return command.Error("ERR Out of range database")
	}
	n := counts[db]
	b := appendTable([]byte("[Dictionary HT]\n"), n.TableBytes, n.Keys)
	b = appendTable(append(b, "[Expires HT]\n"...), n.IndexBytes, n.Expires)
	c.Reply.Verbatim("txt", string(b))
	return nil
}

// debugHTStatsKey tells the figures of the table that a key holds.
func debugHTStatsKey(c *command.Ctx) error {
	return c.DB.Hold(c.Argv[2], func() error {
		it, ok := c.DB.Peek(c.Argv[2])
		if !ok {
			return command.ErrNoSuchKey
		}
		bytes, elements, ok := it.TableSize()
		if !ok {
			return command.Error("ERR The value stored at the specified key is not represented using an hash table")
		}
		c.Reply.Verbatim("txt", string(appendTable(nil, bytes, int64(elements))))
		return nil
	})
}

// maxListed is how many elements of a packed value DEBUG LISTPACK writes to the log.
const maxListed = 100

// debugListpack writes the elements of a packed value to the log.
func (s *Server) debugListpack(c *command.Ctx) error {
	return c.DB.Hold(c.Argv[2], func() error {
		it, ok := c.DB.Peek(c.Argv[2])
		if !ok {
			return command.ErrNoSuchKey
		}
		if it.Encoding() != store.EncListpack {
			return command.Error("ERR Not a listpack encoded object.")
		}
		var words []string
		note := func(values ...store.Value) bool {
			var line []string
			for _, v := range values {
				line = append(line, strconv.Quote(string(store.Text(v, nil))))
			}
			words = append(words, strings.Join(line, " "))
			return len(words) < maxListed
		}
		switch {
		case s.config.Bool("hide-user-data-from-log").Load():
		case it.Type() == store.TypeHash:
			h := c.DB.HashOf(&it)
			h.Each(func(p store.Pair) bool { return note(p.Field, p.Value) })
		case it.Type() == store.TypeList:
			l := c.DB.ListOf(&it)
			l.Each(0, maxListed, false, func(v store.Value) bool { return note(v) })
		}
		s.log.Warn("listpack: " + strings.Join(words, ", "))
		c.Reply.Simple("Listpack structure printed on stdout")
		return nil
	})
}

// debugQuicklist writes to the log how the elements of a large list are spread over its leaves.
func (s *Server) debugQuicklist(c *command.Ctx) error {
	return c.DB.Hold(c.Argv[2], func() error {
		it, ok := c.DB.Peek(c.Argv[2])
		if !ok {
			return command.ErrNoSuchKey
		}
		if it.Encoding() != store.EncQuicklist {
			return command.Error("ERR Not a quicklist encoded object.")
		}
		l := c.DB.ListOf(&it)
		var leaves []string
		l.Leaves(func(elements, bytes int, form string) bool {
			leaves = append(leaves, fmt.Sprintf("%d in %d bytes, %s", elements, bytes, form))
			return len(leaves) < maxListed
		})
		s.log.Warn(fmt.Sprintf("quicklist of %d elements: %s", l.Len(), strings.Join(leaves, "; ")))
		c.Reply.Simple("Quicklist structure printed on stdout")
		return nil
	})
}

// debugPlainSize sets the length from which an element of a large list is a leaf of its own; 0 is what it is by itself.
func (s *Server) debugPlainSize(c *command.Ctx) error {
	const most = 1<<32 - 1<<20
	n, ok := config.ParseMemory(string(c.Argv[2]))
	if !ok || n > most {
		return command.Error("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
	}
	s.engine.Store.Settings.ListPlainSize.Store(int64(n))
	c.Reply.OK()
	return nil
}
