// SPDX-License-Identifier: BSD-3-Clause

package script

import "github.com/redpoll/redpoll/internal/command"

// Errors of FCALL.
const (
	errNoFunction = command.Error("ERR Function not found")
	errBadKeys    = command.Error("ERR Bad number of keys provided")
)

// functionFlags is Spec.FlagsOf for a command that calls a function, and has these flags: the function says whether it writes.
func (m *Machine) functionFlags(base command.Flags) func(argv [][]byte) command.Flags {
	return func(argv [][]byte) command.Flags {
		fn := m.libraries.set().function(argv[1])
		if fn == nil {
			return base
		}
		return callFlags(base, fn.flags)
	}
}

func (m *Machine) functionCall(c *command.Ctx) error         { return m.callFunction(c, false) }
func (m *Machine) functionCallReadOnly(c *command.Ctx) error { return m.callFunction(c, true) }

// callFunction is FCALL and FCALL_RO.
func (m *Machine) callFunction(c *command.Ctx, readOnly bool) error {
	if err := announce(c); err != nil {
		return err
	}
	fn := m.libraries.set().function(c.Argv[1])
	if fn == nil {
		return errNoFunction
	}
	keys, args, err := keysAndArgs(c.Argv)
	if err == command.ErrNotInteger {
		err = errBadKeys
	}
	if err != nil {
		return err
	}
	b, err := m.sandbox(c, forFunctions)
	if err != nil {
		return err
	}
	callback, err := b.callback(fn, c.Tick)
	if err != nil {
		return err
	}
	keyList, err := b.list(keys)
	if err != nil {
		return lackOfMemory(err)
	}
	argList, err := b.list(args)
	if err != nil {
		return lackOfMemory(err)
	}
	r := &b.libraries.run
	r.Name, r.Function, r.Flags, r.ReadOnly, r.Counts = fn.name, true, fn.flags, readOnly, &fn.counts
	return b.run(c, r, callback, keyList, argList)
}
