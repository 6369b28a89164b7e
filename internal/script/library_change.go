// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"crypto/sha256"

	"github.com/redpoll/redpoll/internal/command"
)

// A command that changes the set of libraries is called twice, unless the world is still already, as in a transaction: first it makes the
// libraries of what its client has sent, which may take as long as that likes to run, while everybody else is served; then, with the world
// still, it finds them made and puts them into the set.

// prepared is libraries that were made of a text, and are to be put into the set.
type prepared struct {
	of   [sha256.Size]byte // the text
	made []*library
}

// prepare gives the libraries of a text: those that the call has made when it was made before, or new ones. load makes them in a sandbox.
func (m *Machine) prepare(c *command.Ctx, text []byte, load func(*sandbox) ([]*library, error)) ([]*library, error) {
	of := sha256.Sum256(text)
	if p := m.libraries.prepared.Load(); p != nil && p.of == of {
		return p.made, nil
	}
	box, err := m.sandbox(c, forFunctions)
	if err != nil {
		return nil, err
	}
	made, err := load(box)
	if err == nil {
		m.libraries.prepared.Store(&prepared{of, made})
	}
	return made, err
}

// change publishes what edit makes of the set that there is, with the world still, unless that fails, and notes the change. Before the world
// is still it gives the error that has the engine call the command once more.
func (m *Machine) change(c *command.Ctx, edit func(*librarySet) (*librarySet, error)) error {
	host := c.Script()
	run := command.ScriptRun{Name: "FUNCTION", Function: true, Flags: command.ScriptUnflagged, Counts: &m.libraries.changes}
	run.Counts.NeedsAll.Store(true)
	if err := host.BeginScript(&run); err != nil {
		return err
	}
	m.libraries.prepared.Store(nil)
	next, err := edit(m.libraries.set())
	if err == nil {
		m.publish(next)
	}
	if ended := host.EndScript(nil); ended != nil {
		return ended
	}
	if err == nil {
		c.Dirty++
	}
	return err
}
