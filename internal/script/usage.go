// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"cmp"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
)

// A Usage is what the runs of a script, or a function, took, since it is known.
type Usage struct {
	Name string // its SHA-1; of a function its name
	// Runs is how many have ended, Undeclared how many of these have used keys that their call did not declare, Still how many have had
	// the world still. Undone runs were begun again, since an undeclared key was busy.
	Runs, Undeclared, Undone, Still int64
}

// trouble is how many of its runs were not like those of a script that declares its keys.
func (u *Usage) trouble() int64 { return u.Undeclared + u.Undone + u.Still }

// Strays gives the scripts and functions whose runs have most often used keys that were not declared, or for other reasons have had the world still: at
// most n of them, the worst one first. Any goroutine may call it.
func (m *Machine) Strays(n int) []Usage {
	var all []Usage
	m.scripts.each(func(s *cached) { all = appendUsage(all, s.name, &s.counts) })
	for _, l := range m.libraries.set().all() {
		for _, f := range l.functions {
			all = appendUsage(all, f.name, &f.counts)
		}
	}
	slices.SortFunc(all, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(b.trouble(), a.trouble()), strings.Compare(a.Name, b.Name))
	})
	return all[:min(n, len(all))]
}

// appendUsage appends what is counted of a script if there is something to tell.
func appendUsage(all []Usage, name string, c *command.ScriptCounts) []Usage {
	u := Usage{Name: name, Runs: c.Runs.Load(), Undeclared: c.Undeclared.Load(), Undone: c.Undone.Load(), Still: c.Still.Load()}
	if u.trouble() == 0 {
		return all
	}
	return append(all, u)
}
