// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"time"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/glob"
)

// Errors of FUNCTION.
const (
	errNoLibrary     = command.Error("ERR Library not found")
	errNoPattern     = command.Error("ERR library name argument was not given")
	errFunctionFlush = command.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
	errPolicy        = command.Error("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
)

// errUsage is the error for a subcommand with too many words.
func errUsage(c *command.Ctx) error {
	return command.Error("ERR unknown subcommand or wrong number of arguments for '" + string(c.Argv[1]) + "'. Try FUNCTION HELP.")
}

// loadLimit is for how long a library may run that a call has brought. One without a client comes from a log.
func loadLimit(c *command.Ctx) time.Duration {
	if c.Client.ClientID() == 0 {
		return fileLoadTime
	}
	return loadTime
}

// functionLoad implements FUNCTION LOAD.
func (m *Machine) functionLoad(c *command.Ctx) error {
	if err := announce(c); err != nil {
		return err
	}
	last := len(c.Argv) - 1
	replace := false
	for _, word := range c.Argv[2:last] {
		if !command.EqualFold(word, "REPLACE") {
			return command.Error("ERR Unknown option given: " + string(command.UpToNUL(word)))
		}
		replace = true
	}
	code := c.Argv[last]
	made, err := m.prepare(c, code, func(box *sandbox) ([]*library, error) {
		l, err := box.newLibrary(string(code), m.libraries.set(), replace, loadLimit(c), c.Tick)
		return []*library{l}, err
	})
	if err != nil {
		return err
	}
	l := made[0]
	err = m.change(c, func(set *librarySet) (*librarySet, error) {
		next := set.clone()
		return next, next.put(l, replace)
	})
	if err != nil {
		return err
	}
	c.Reply.BulkString(l.name)
	return nil
}

// functionDelete implements FUNCTION DELETE.
func (m *Machine) functionDelete(c *command.Ctx) error {
	err := m.change(c, func(set *librarySet) (*librarySet, error) {
		l := set.named(string(c.Argv[2]))
		if l == nil {
			return nil, errNoLibrary
		}
		next := set.clone()
		next.unlink(l)
		return next, nil
	})
	if err == nil {
		c.Reply.OK()
	}
	return err
}

// functionFlush implements FUNCTION FLUSH. Both modes are one thing: what was a library's is garbage then.
func (m *Machine) functionFlush(c *command.Ctx) error {
	switch {
	case len(c.Argv) > 3:
		return errUsage(c)
	case len(c.Argv) == 3 && !command.EqualFold(c.Argv[2], "SYNC") && !command.EqualFold(c.Argv[2], "ASYNC"):
		return errFunctionFlush
	}
	err := m.change(c, func(*librarySet) (*librarySet, error) { return nil, nil })
	if err == nil {
		c.Reply.OK()
	}
	return err
}

// functionList implements FUNCTION LIST.
func (m *Machine) functionList(c *command.Ctx) error {
	var pattern []byte
	named, withCode := false, false
	for i := 2; i < len(c.Argv); i++ {
		switch word := c.Argv[i]; {
		case !withCode && command.EqualFold(word, "WITHCODE"):
			withCode = true
		case !named && command.EqualFold(word, "LIBRARYNAME"):
			if i++; i == len(c.Argv) {
				return errNoPattern
			}
			pattern, named = c.Argv[i], true
		default:
			return command.Error("ERR Unknown argument " + string(command.UpToNUL(word)))
		}
	}
	length, n := c.Reply.DeferLen(), 0
	for _, l := range m.libraries.set().all() {
		if named && !glob.Match(pattern, []byte(l.name), true) {
			continue
		}
		n++
		replyLibrary(c, l, withCode)
		if err := c.Tick(); err != nil {
			return err
		}
	}
	c.Reply.SetArrayLen(length, n)
	return nil
}

// replyLibrary describes a library.
func replyLibrary(c *command.Ctx, l *library, withCode bool) {
	w := c.Reply
	fields := 3
	if withCode {
		fields++
	}
	w.Map(fields)
	w.BulkString("library_name")
	w.BulkString(l.name)
	w.BulkString("engine")
	w.BulkString(engineName)
	w.BulkString("functions")
	w.Array(len(l.functions))
	for _, f := range l.functions {
		w.Map(3)
		w.BulkString("name")
		w.BulkString(f.name)
		w.BulkString("description")
		if f.described {
			w.BulkString(f.description)
		} else {
			w.Null()
		}
		w.BulkString("flags")
		replyFlags(c, f.flags)
	}
	if withCode {
		w.BulkString("library_code")
		w.BulkString(l.code)
	}
}

// replyFlags replies with the words of flags.
func replyFlags(c *command.Ctx, flags command.ScriptFlags) {
	n := 0
	for _, f := range flagWords {
		if flags.Has(f.flag) {
			n++
		}
	}
	c.Reply.Set(n)
	for _, f := range flagWords {
		if flags.Has(f.flag) {
			c.Reply.Simple(f.word)
		}
	}
}

// functionDump implements FUNCTION DUMP.
func (m *Machine) functionDump(c *command.Ctx) error {
	c.Reply.Bulk(m.options.Codec.AppendLibraries(nil, m.Libraries()))
	return nil
}

// functionRestore implements FUNCTION RESTORE.
func (m *Machine) functionRestore(c *command.Ctx) error {
	flush, replace := false, false
	switch {
	case len(c.Argv) > 4:
		return errUsage(c)
	case len(c.Argv) == 3, command.EqualFold(c.Argv[3], "APPEND"):
	case command.EqualFold(c.Argv[3], "REPLACE"):
		replace = true
	case command.EqualFold(c.Argv[3], "FLUSH"):
		flush = true
	default:
		return errPolicy
	}
	made, err := m.prepare(c, c.Argv[2], func(box *sandbox) ([]*library, error) {
		codes, err := m.options.Codec.ReadLibraries(c.Argv[2], c.DB, c.Tick)
		if err != nil {
			return nil, err
		}
		set := (*librarySet)(nil).clone()
		for _, code := range codes {
			l, err := box.newLibrary(code, set, false, loadLimit(c), c.Tick)
			if err == nil {
				err = set.put(l, false)
			}
			if err != nil {
				return nil, err
			}
		}
		return set.list, nil
	})
	if err != nil {
		return err
	}
	err = m.change(c, func(set *librarySet) (*librarySet, error) {
		if flush {
			set = nil
		}
		return set.join(made, replace)
	})
	if err == nil {
		c.Reply.OK()
	}
	return err
}

// functionStats implements FUNCTION STATS.
func (m *Machine) functionStats(c *command.Ctx) error {
	w, set := c.Reply, m.libraries.set()
	w.Map(2)
	w.BulkString("running_script")
	if run, ok := c.Script().RunningScript(); !ok || !run.Function {
		w.Null()
	} else {
		w.Map(3)
		w.BulkString("name")
		w.BulkString(run.Name)
		w.BulkString("command")
		w.Array(len(run.Argv))
		for _, word := range run.Argv {
			w.Bulk(word)
		}
		w.BulkString("duration_ms")
		w.Int(run.Millis)
	}
	w.BulkString("engines")
	w.Map(1)
	w.BulkString(engineName)
	w.Map(2)
	w.BulkString("libraries_count")
	w.Int(int64(len(set.all())))
	w.BulkString("functions_count")
	w.Int(int64(set.count()))
	return nil
}

// functionKill implements FUNCTION KILL.
func functionKill(c *command.Ctx) error { return kill(c, true) }
