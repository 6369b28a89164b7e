// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/engine"
	"github.com/redpoll/redpoll/internal/stats"
)

// Family gives the commands of this package, which cannot be run.
func Family() command.Family { return (&Server{}).family() }

// Aside has work done as by a command that does not wait for it, since it is to end at once.
func (s *Server) Aside(work func()) error { return s.aside(&command.Ctx{Host: hasty{}}, work) }

// hasty is a host whose commands are to end at once, and may do nothing else.
type hasty struct{ command.Host }

func (hasty) Tick() error { return command.Error("ERR end") }

// Registry gives a server's commands.
func (s *Server) Registry() *command.Registry { return s.registry }

// Effects gives the log of a server's effects.
func (s *Server) Effects() *engine.Log { return s.engine.Effects }

// Diagnose gives what MEMORY DOCTOR says about these figures.
func Diagnose(used, peak, clients, rss, resident, pages, live int64, n int) string {
	return diagnose(&memory{used: used, peak: peak, clients: clients, rss: rss}, resident, pages, live, n)
}

// Counters gives all numbers of INFO that only grow.
func (s *Server) Counters() map[string]float64 {
	all := map[string]float64{}
	s.stats.Visit(func(v stats.Sample) {
		if v.Field.Kind == stats.Counter {
			all[v.Name] = v.Number
		}
	})
	return all
}

// RewriteLimit is what holds back rewrites of the append-only files that begin by themselves.
type RewriteLimit struct{ rewriteLimit }

// Holds tells whether it does so at a time, Unix seconds, after so many failures, and the minutes for which it says so.
func (l *RewriteLimit) Holds(failures, now int64) (yes bool, said int64) {
	return l.holds(failures, now)
}
