// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"strconv"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
)

// A run goes like this: the host begins it; the script runs, and calls commands; the host ends it; its result becomes the reply. What the
// script did until an error of its own stays. What else may end it (a kill, a shard that is busy, the server's end) goes through all of
// Lua uncaught, and undoes the run: nothing was replied then, and the whole call may be made again.

// run calls fn as r says, for the call c, and replies with its first result.
func (b *sandbox) run(c *command.Ctx, r *command.ScriptRun, fn lua.Value, args ...lua.Value) error {
	host := c.Script()
	r.MostReply = b.state.Limit()
	if err := host.BeginScript(r); err != nil {
		return err
	}
	b.call, b.host, b.proto = c, host, 2
	b.codecs.Begin()
	e := encoder{call: c, host: host}
	result, raised, err := b.invoke(&e, fn, args)
	if err == nil {
		b.codecs.Commit()
	}
	b.call, b.host = nil, nil
	if ended := host.EndScript(err); ended != nil {
		return ended
	}
	switch {
	case err != nil:
		b.killed(&e, r)
		err = nil
	case raised != nil:
		e.raised(raised, r.Name)
	case e.tooLong:
		err = command.ErrTooLong
	default:
		err = e.value(result, stackBegin)
	}
	b.state.Settle()
	b.report()
	if err == nil && e.failed {
		err = command.ErrQuiet
	}
	return err
}

// invoke calls fn, and has a look at how long its result would be as a reply, since who wants to kill the script may still do so. err is
// what has ended the run from outside.
func (b *sandbox) invoke(e *encoder, fn lua.Value, args []lua.Value) (result lua.Value, raised *lua.Error, err error) {
	results, err := b.state.Call(fn, args...)
	e.booleans = b.proto == 3
	if own, ok := err.(*lua.Error); ok {
		return lua.Nil, own, nil
	}
	if err != nil || len(results) == 0 {
		return lua.Nil, nil, err
	}
	if result = results[0]; result.IsTable() {
		b.source, b.line = "", -1
		_, err = e.measure(result, stackBegin, min(b.state.Limit(), mostReply))
	}
	return result, nil, err
}

// mostReply is how many bytes a reply may have that is a table, if the values that it is made of may have more.
const mostReply = 4 << 30

// killed replies for a run that was killed. The words are Redis's, for functions too.
func (b *sandbox) killed(e *encoder, r *command.ScriptRun) {
	b.machine.options.Log.Info("Lua script killed by user with SCRIPT KILL.")
	e.error(place("ERR Script killed by user with SCRIPT KILL...", r.Name, b.source, b.line), true)
}

// raised writes an error that the script has raised: its text, and where that was.
func (e *encoder) raised(err *lua.Error, name string) {
	t := err.Value.Table()
	counted := t != nil && t.Get(nameIgnore).Truthy()
	source, line := err.Where()
	e.error(place(raisedText(err.Value), name, source, line), !counted)
}

// raisedText gives the text, its code first, of a value that was raised: that of the field err if it is a table.
func raisedText(v lua.Value) string {
	switch v.Type() {
	case lua.TypeTable:
		text, ok := bytesOf(v.Table().Get(nameErr))
		if !ok {
			return errUnknownRaised
		}
		return cut(text)
	case lua.TypeNil, lua.TypeBoolean, lua.TypeNumber, lua.TypeString:
		return "ERR " + cut(lua.Text(v))
	}
	return "ERR " + lua.TypeName(v)
}

// place adds to an error which script it comes from, and where, if that is in a function of Lua.
func place(text, name, source string, line int) string {
	if line < 0 {
		return text
	}
	return text + " script: " + name + ", on " + source + ":" + strconv.Itoa(line) + "."
}
