// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
	"github.com/redpoll/redpoll/internal/rlog"
)

// Errors that the functions of the table redis raise.
const (
	errNoArguments   = "ERR Please specify at least one argument for this redis lib call"
	errArgumentTypes = "ERR Lua redis lib command arguments must be strings or integers"
	errArgumentCount = "ERR wrong number of arguments"
	errArguments     = "ERR wrong number or type of arguments"
)

// logLevels are those of redis.log.
var logLevels = [...]slog.Level{rlog.Debug, rlog.Verbose, rlog.Notice, rlog.Warning}

// furnish puts Redis's own functions among the globals.
func (b *sandbox) furnish() error {
	api, err := b.state.NewTable(0, 32)
	if err != nil {
		return err
	}
	functions := map[string]lua.GoFunc{
		"call": b.redisCall, "pcall": b.redisPCall, "log": b.redisLog, "setresp": b.redisSetResp, "sha1hex": redisSHA1Hex,
		"error_reply": redisErrorReply, "status_reply": redisStatusReply, "set_repl": b.redisSetRepl, "acl_check_cmd": b.redisMayRun,
	}
	globals := map[string]lua.GoFunc{"pcall": pcall}
	if b.kind == forScripts {
		functions["breakpoint"], functions["debug"] = redisBreakpoint, redisDebug
		functions["replicate_commands"] = redisReplicateCommands
		globals["__redis__err__handler"] = b.errorHandler
	}
	version := b.machine.options.Version()
	for _, c := range []struct {
		name  string
		value lua.Value
	}{
		{"LOG_DEBUG", lua.Int(0)}, {"LOG_VERBOSE", lua.Int(1)}, {"LOG_NOTICE", lua.Int(2)}, {"LOG_WARNING", lua.Int(3)},
		{"REPL_NONE", lua.Int(int(command.ReplicateNone))}, {"REPL_AOF", lua.Int(int(command.ReplicateLog))},
		{"REPL_SLAVE", lua.Int(int(command.ReplicateReplicas))}, {"REPL_REPLICA", lua.Int(int(command.ReplicateReplicas))},
		{"REPL_ALL", lua.Int(int(command.ReplicateAll))},
		{"REDIS_VERSION", lua.ConstString(version)}, {"REDIS_VERSION_NUM", lua.Int(versionNumber(version))},
	} {
		if err := b.state.SetStr(api, c.name, c.value); err != nil {
			return err
		}
	}
	if err := b.define(api, functions); err != nil {
		return err
	}
	for _, name := range []string{"redis", "server"} {
		if err := b.state.SetStr(b.globals, name, lua.TableValue(api)); err != nil {
			return err
		}
	}
	b.tostring = b.globals.GetStr("tostring")
	return b.define(b.globals, globals)
}

// versionNumber gives a version, "7.0.15", as a number of which every byte is one of its parts.
func versionNumber(version string) (n int) {
	for part := range strings.SplitSeq(version, ".") {
		i, _ := strconv.Atoi(part)
		n = n<<8 | i
	}
	return n
}

// define puts functions into a table.
func (b *sandbox) define(t *lua.Table, functions map[string]lua.GoFunc) error {
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if err := b.state.SetStr(t, name, b.state.NewFunction(name, functions[name])); err != nil {
			return err
		}
	}
	return nil
}

// pcall is Lua's, but that an error of a command, which is a table, is given as its text: what scripts have always seen.
func pcall(c *lua.Call) error {
	if err := c.CheckAny(0); err != nil {
		return err
	}
	results, err := c.CallArgs(c.Arg(0), 1)
	if err == nil {
		return c.Return(slices.Insert(slices.Clone(results), 0, lua.True)...)
	}
	raised, ok := err.(*lua.Error)
	if !ok {
		return err
	}
	v := raised.Value
	if t := v.Table(); t != nil {
		if text := t.Get(nameErr); text.IsString() || text.IsNumber() {
			v = text
		}
	}
	return c.Return(lua.False, v)
}

// errorHandler makes a table of an error, with the place where it was raised. For xpcall.
func (b *sandbox) errorHandler(c *lua.Call) error {
	t := c.Arg(0).Table()
	if t == nil {
		text, err := c.Call(b.tostring, c.Arg(0))
		if err != nil {
			return err
		}
		v, err := errorTable(b.state, "ERR "+text[0].Str(), false)
		if err != nil {
			return err
		}
		t = v.Table()
	}
	source, line := b.running()
	name, err := b.state.NewString(source)
	if err != nil {
		return err
	}
	if err := b.state.Set(t, nameSource, name); err != nil {
		return err
	}
	if err := b.state.Set(t, nameLine, lua.Int(line)); err != nil {
		return err
	}
	return c.Return(lua.TableValue(t))
}

// raise raises {err = text}.
func raise(c *lua.Call, text string) error {
	v, err := errorTable(c.State(), text, false)
	if err != nil {
		return err
	}
	return c.State().Raise(v)
}

// redisCall is redis.call: it raises errors.
func (b *sandbox) redisCall(c *lua.Call) error { return b.command(c, true) }

// redisPCall is redis.pcall: it returns errors.
func (b *sandbox) redisPCall(c *lua.Call) error { return b.command(c, false) }

// command runs a command for the script.
func (b *sandbox) command(c *lua.Call, raises bool) error {
	if problem, err := b.words(c); err != nil {
		return err
	} else if problem != "" {
		return b.fail(c, problem, false, raises)
	}
	reply, err := b.host.CallScript(b.argv, b.proto)
	if err != nil {
		if refusal, ok := err.(command.Error); ok {
			return b.fail(c, errorText(string(refusal)), true, raises)
		}
		b.source, b.line = b.running()
		return err
	}
	d := decoder{state: b.state, rest: reply}
	v, err := d.next()
	switch {
	case err != nil:
		return err
	case raises && reply[0] == '-':
		return b.state.Raise(v)
	}
	return c.Return(v)
}

// fail returns {err = text}, or raises it. counted says that it is in the statistics.
func (b *sandbox) fail(c *lua.Call, text string, counted, raises bool) error {
	v, err := errorTable(b.state, text, counted)
	switch {
	case err != nil:
		return err
	case raises:
		return b.state.Raise(v)
	}
	return c.Return(v)
}

// words makes a command's words of the arguments of a call, in b.argv; or tells what is wrong with them. The error is one of memory: an
// argument may be there a thousand times.
func (b *sandbox) words(c *lua.Call) (problem string, err error) {
	n := c.N()
	if n == 0 {
		return errNoArguments, nil
	}
	const keep = 64 << 10
	if cap(b.room) > keep {
		b.room = nil
	}
	b.argv, b.room = b.argv[:0], b.room[:0]
	size := 0
	for i := range n {
		size += max(len(c.Arg(i).Str()), longestNumber)
	}
	if cap(b.room) < size {
		if size > keep {
			if err := b.afford(size); err != nil {
				return "", err
			}
		}
		b.room = make([]byte, 0, size)
	}
	for i := range n {
		start := len(b.room)
		switch v := c.Arg(i); {
		case v.IsString():
			b.room = append(b.room, v.Str()...)
		case v.IsNumber():
			b.room = num.AppendShort(b.room, v.Num(), 17)
		default:
			return errArgumentTypes, nil
		}
		b.argv = append(b.argv, b.room[start:len(b.room):len(b.room)])
	}
	return "", nil
}

// afford fails unless the script may have size bytes more, which are going to be filled for it.
func (b *sandbox) afford(size int) error {
	if err := b.state.Alloc(size); err != nil {
		return err
	}
	b.state.Free(size)
	return b.state.Spend(size / 32)
}

// longestNumber is how many bytes a number's text may have.
const longestNumber = 32

// redisLog is redis.log(level, text...).
func (b *sandbox) redisLog(c *lua.Call) error {
	if c.N() < 2 {
		return raise(c, "ERR redis.log() requires two arguments or more.")
	}
	f, ok := number(c.Arg(0))
	if !ok {
		return raise(c, "ERR First argument must be a number (log level).")
	}
	if !(f > -1 && f < float64(len(logLevels))) { // nor NaN
		return raise(c, "ERR Invalid debug level.")
	}
	level := int(f)
	log := b.machine.options.Log
	if !log.Enabled(context.Background(), logLevels[level]) {
		return nil
	}
	size := 0
	for i := range c.N() {
		size += 1 + len(c.Arg(i).Str())
	}
	if err := b.afford(size); err != nil {
		return err
	}
	var line strings.Builder
	for i := 1; i < c.N(); i++ {
		if s, ok := bytesOf(c.Arg(i)); ok {
			if i > 1 {
				line.WriteByte(' ')
			}
			line.WriteString(s)
		}
	}
	log.Log(context.Background(), logLevels[level], line.String())
	return nil
}

// redisSetResp is redis.setresp(2 or 3).
func (b *sandbox) redisSetResp(c *lua.Call) error {
	if c.N() != 1 {
		return raise(c, "ERR redis.setresp() requires one argument.")
	}
	f, _ := number(c.Arg(0))
	proto := int(int32(num.Truncate(f)))
	if proto != 2 && proto != 3 {
		return raise(c, "ERR RESP version must be 2 or 3.")
	}
	b.proto = proto
	return nil
}

// redisSetRepl is redis.set_repl(who).
func (b *sandbox) redisSetRepl(c *lua.Call) error {
	if c.N() != 1 {
		return raise(c, "ERR redis.set_repl() requires two arguments.")
	}
	f, _ := number(c.Arg(0))
	to := int32(num.Truncate(f))
	if to&^int32(command.ReplicateAll) != 0 {
		return raise(c, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	b.host.Replicate(command.ReplicateTo(to))
	return nil
}

// redisMayRun is redis.acl_check_cmd(command, argument...).
func (b *sandbox) redisMayRun(c *lua.Call) error {
	if problem, err := b.words(c); err != nil {
		return err
	} else if problem != "" {
		return raise(c, problem)
	}
	known, may := b.host.MayRun(b.argv)
	if !known {
		return raise(c, "ERR Invalid command passed to redis.acl_check_cmd()")
	}
	return c.Return(lua.Bool(may))
}

// A digest is made of so many bytes at a time, and costs a step for so many.
const (
	digestStep       = 16 << 10
	digestBytesAStep = 4
)

// redisSHA1Hex is redis.sha1hex(text).
func redisSHA1Hex(c *lua.Call) error {
	if c.N() != 1 {
		return raise(c, errArgumentCount)
	}
	s, _ := bytesOf(c.Arg(0))
	h := sha1.New()
	for len(s) > 0 {
		n := min(len(s), digestStep)
		_, _ = io.WriteString(h, s[:n]) // never fails
		s = s[n:]
		if err := c.State().Spend(n / digestBytesAStep); err != nil {
			return err
		}
	}
	v, err := c.State().NewString(hex.EncodeToString(h.Sum(nil)))
	if err != nil {
		return err
	}
	return c.Return(v)
}

// redisErrorReply is redis.error_reply(text): the text may begin with the dash.
func redisErrorReply(c *lua.Call) error {
	text := errArguments
	if c.N() == 1 && c.Arg(0).IsString() {
		text = errorText(strings.TrimPrefix(c.Arg(0).Str(), "-"))
	}
	v, err := errorTable(c.State(), text, false)
	if err != nil {
		return err
	}
	return c.Return(v)
}

// redisStatusReply is redis.status_reply(text).
func redisStatusReply(c *lua.Call) error {
	s := c.State()
	if c.N() != 1 || !c.Arg(0).IsString() {
		v, err := errorTable(s, errArguments, false)
		if err != nil {
			return err
		}
		return c.Return(v)
	}
	t, err := s.NewTable(0, 1)
	if err != nil {
		return err
	}
	if err := s.Set(t, nameOK, c.Arg(0)); err != nil {
		return err
	}
	return c.Return(lua.TableValue(t))
}

// redisBreakpoint is redis.breakpoint(): false, since there is no debugger.
func redisBreakpoint(c *lua.Call) error { return c.Return(lua.False) }

// redisDebug is redis.debug(value...), which tells a debugger.
func redisDebug(*lua.Call) error { return nil }

// redisReplicateCommands is redis.replicate_commands(): the effects of scripts are what is replicated in any case.
func redisReplicateCommands(c *lua.Call) error { return c.Return(lua.True) }

// bytesOf gives a string, or a number's text; false for anything else.
func bytesOf(v lua.Value) (string, bool) {
	switch {
	case v.IsString():
		return v.Str(), true
	case v.IsNumber():
		return lua.FormatNumber(v.Num()), true
	}
	return "", false
}

// number gives a number, or what a string says of one; 0 and false for anything else.
func number(v lua.Value) (float64, bool) {
	switch {
	case v.IsNumber():
		return v.Num(), true
	case v.IsString():
		return lua.ParseNumber(v.Str())
	}
	return 0, false
}
