// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"crypto/sha1"
	"encoding/hex"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

func (m *Machine) eval(c *command.Ctx) error            { return m.evalText(c, false) }
func (m *Machine) evalReadOnly(c *command.Ctx) error    { return m.evalText(c, true) }
func (m *Machine) evalSHA(c *command.Ctx) error         { return m.evalNamed(c, false) }
func (m *Machine) evalSHAReadOnly(c *command.Ctx) error { return m.evalNamed(c, true) }

// evalText is EVAL and EVAL_RO.
func (m *Machine) evalText(c *command.Ctx, readOnly bool) error {
	if err := announce(c); err != nil {
		return err
	}
	keys, args, err := keysAndArgs(c.Argv)
	if err != nil {
		return err
	}
	s, err := m.know(c, c.Argv[1], false)
	if err != nil {
		return err
	}
	return m.runScript(c, s, keys, args, readOnly)
}

// evalNamed is EVALSHA and EVALSHA_RO.
func (m *Machine) evalNamed(c *command.Ctx, readOnly bool) error {
	if err := announce(c); err != nil {
		return err
	}
	if len(c.Argv[1]) != hex.EncodedLen(sha1.Size) {
		return errNoScript
	}
	keys, args, err := keysAndArgs(c.Argv)
	if err != nil {
		return err
	}
	s := m.scripts.named(c.Argv[1])
	if s == nil {
		return errNoScript
	}
	return m.runScript(c, s, keys, args, readOnly)
}

// keysAndArgs gives the keys and the other arguments of a call whose third word says how many are keys.
func keysAndArgs(argv [][]byte) (keys, args [][]byte, err error) {
	n, ok := num.ParseInt(argv[2])
	rest := argv[3:]
	switch {
	case !ok:
		return nil, nil, command.ErrNotInteger
	case n > int64(len(rest)):
		return nil, nil, errTooManyKeys
	case n < 0:
		return nil, nil, errNegativeKeys
	}
	return rest[:n], rest[n:], nil
}

// know gives the script with this text: the one that is known, or a new one. keep says that SCRIPT LOAD asks.
func (m *Machine) know(c *command.Ctx, text []byte, keep bool) (*cached, error) {
	s := sum(sha1.Sum(text))
	if known := m.scripts.find(&s); known != nil {
		if keep {
			known = m.scripts.add(known, true)
		}
		return known, nil
	}
	flags, code, err := shebang(text)
	if err != nil {
		return nil, err
	}
	proto, err := m.compile(c, string(code))
	if err != nil {
		return nil, err
	}
	return m.scripts.add(&cached{
		sum: s, name: hex.EncodeToString(s[:]), text: string(text), proto: proto, flags: flags,
		bytes: int64(len(text)) + proto.Size() + scriptCost,
	}, keep), nil
}

// compile compiles the text of a script. Others are served while it takes long.
func (m *Machine) compile(c *command.Ctx, code string) (*lua.Proto, error) {
	b, err := m.sandbox(c, forScripts)
	if err != nil {
		return nil, err
	}
	b.call = c
	proto, err := b.state.CompileProto(code, "@user_script")
	b.call = nil
	switch err.(type) {
	case *lua.SyntaxError, *lua.Error:
		return nil, command.Error("ERR Error compiling script (new function): " + err.Error())
	}
	return proto, err
}

// runScript runs a script for the call c.
func (m *Machine) runScript(c *command.Ctx, s *cached, keys, args [][]byte, readOnly bool) error {
	if wants := c.Client.WantsDebugger(); *wants {
		*wants = false
		return errNoDebugger
	}
	b, err := m.sandbox(c, forScripts)
	if err != nil {
		return err
	}
	m.scripts.use(s)
	if err := b.fill(b.keys, keys); err != nil {
		return lackOfMemory(err)
	}
	if err := b.fill(b.args, args); err != nil {
		return lackOfMemory(err)
	}
	r := &b.scriptRun
	r.Name, r.Flags, r.ReadOnly, r.Counts = s.name, s.flags, readOnly, &s.counts
	return b.run(c, r, b.function(s))
}

// lackOfMemory makes of an error of the Lua machine, outside of a run, one for the client.
func lackOfMemory(err error) error { return command.Error("ERR " + err.Error()) }

// function gives a script as a function of the state.
func (b *sandbox) function(s *cached) lua.Value {
	fn, ok := b.functions[s]
	if !ok {
		if len(b.functions) >= b.forgetFrom {
			b.forget()
		}
		fn = b.state.Load(s.proto, b.globals)
		b.functions[s] = fn
	}
	return fn
}

// forget drops the functions of scripts that are no longer known.
func (b *sandbox) forget() {
	for s := range b.functions {
		if s.gone.Load() {
			delete(b.functions, s)
		}
	}
	b.forgetFrom = 2 * max(maxEvals, len(b.functions))
}

// callFlags gives the flags of a call that runs a script which says of itself what it does; base is the command's own.
func callFlags(base command.Flags, s command.ScriptFlags) command.Flags {
	if s.Has(command.ScriptUnflagged) {
		return base
	}
	base &^= command.Stale | command.DenyOOM | command.Write | command.MayReplicate
	if s&(command.ScriptAllowOOM|command.ScriptNoWrites) == 0 {
		base |= command.DenyOOM
	}
	if !s.Has(command.ScriptNoWrites) {
		base |= command.Write
	}
	if s.Has(command.ScriptAllowStale) {
		base |= command.Stale
	}
	return base
}

// textFlags is Spec.FlagsOf for a command that is given a script's text.
func textFlags(base command.Flags) func(argv [][]byte) command.Flags {
	return func(argv [][]byte) command.Flags {
		flags, _, err := shebang(argv[1])
		if err != nil {
			return base
		}
		return callFlags(base, flags)
	}
}

// namedFlags is Spec.FlagsOf for a command that is given a script's sum.
func (m *Machine) namedFlags(base command.Flags) func(argv [][]byte) command.Flags {
	return func(argv [][]byte) command.Flags {
		s := m.scripts.named(argv[1])
		if s == nil {
			return base
		}
		return callFlags(base, s.flags)
	}
}
