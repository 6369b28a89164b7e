// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// An encoder writes a script's result as the reply of its call: the tables that a decoder makes of replies are written as these, any
// other table as an array that ends before its first nil.
type encoder struct {
	call     *command.Ctx
	host     command.ScriptHost
	booleans bool // true and false are such (redis.setresp(3)) and not 1 and nil
	failed   bool // an error was written
	tooLong  bool // it would be larger than is allowed
	values   int  // written so far
}

const (
	// stackLimit is how many values deep a result may lie: as many as Redis's stack of Lua values holds. A table in an array takes one
	// of them, one in a map or a set three.
	stackLimit = 8000
	// stackRoom is how many must be free to look at a value, and stackBegin how many are used when a result is.
	stackRoom, stackBegin = 4, 2

	tickEvery = 1024 // values
)

// value writes v, depth values deep. Its error is one of Tick.
func (e *encoder) value(v lua.Value, depth int) error {
	if depth+stackRoom > stackLimit {
		e.error("ERR reached lua stack limit", true)
		return nil
	}
	if e.values++; e.values%tickEvery == 0 {
		if err := e.call.Tick(); err != nil {
			return err
		}
	}
	reply := e.call.Reply
	switch v.Type() {
	case lua.TypeString:
		reply.BulkString(v.Str())
	case lua.TypeNumber:
		reply.Int(num.Truncate(v.Num()))
	case lua.TypeBoolean:
		switch {
		case e.booleans:
			reply.Bool(v.Bool())
		case v.Bool():
			reply.Int(1)
		default:
			reply.Null()
		}
	case lua.TypeTable:
		return e.table(v.Table(), depth)
	default:
		reply.Null()
	}
	return nil
}

// measure gives about how many bytes value will write for v. When they are more than most it ends, and notes that: a result may be far
// larger than the values that it is made of, when they are in it many times. Its error is one of Tick.
func (e *encoder) measure(v lua.Value, depth int, most int64) (size int64, err error) {
	const each = 16
	size = each + int64(len(v.Str()))
	t := v.Table()
	if t == nil || depth+stackRoom > stackLimit {
		return size, nil
	}
	if e.values++; e.values%tickEvery == 0 {
		if err := e.call.Tick(); err != nil {
			return 0, err
		}
	}
	add := func(v lua.Value, deeper int) (more bool) {
		var n int64
		n, err = e.measure(v, depth+deeper, most-size)
		size += n
		e.tooLong = e.tooLong || size > most
		return err == nil && !e.tooLong
	}
	if inner, _ := members(t); inner != nil {
		for i := 0; ; {
			k, v, next := inner.Entry(i)
			if next < 0 || !add(k, 4) || !add(v, 3) {
				return size, err
			}
			i = next
		}
	}
	if v := t.Get(nameErr); v.IsString() {
		return size + int64(len(v.Str())), nil
	}
	for i := 1; ; i++ {
		if v := t.GetInt(i); v.IsNil() || !add(v, 1) {
			return size, err
		}
	}
}

// members gives the table of what a map or a set has; nil for any other table.
func members(t *lua.Table) (inner *lua.Table, isMap bool) {
	if inner := t.Get(nameMap).Table(); inner != nil {
		return inner, true
	}
	return t.Get(nameSet).Table(), false
}

// error writes an error reply. count says that it is not in the statistics yet.
func (e *encoder) error(text string, count bool) {
	text = replyLine(text)
	if count {
		e.host.CountError(text)
	}
	e.call.Reply.Error(text)
	e.failed = true
}

// table writes a table.
func (e *encoder) table(t *lua.Table, depth int) error {
	if _, _, next := t.Entry(t.Len()); next < 0 { // nothing but elements
		return e.array(t, depth)
	}
	reply := e.call.Reply
	if v := t.Get(nameErr); v.IsString() {
		e.error(v.Str(), !t.Get(nameIgnore).Truthy())
		return nil
	}
	if v := t.Get(nameOK); v.IsString() {
		reply.Simple(cut(v.Str()))
		return nil
	}
	if v := t.Get(nameDouble); v.IsNumber() {
		if f := v.Num(); f == f {
			reply.Double(f)
		} else {
			reply.Decimal(num.AppendShort(nil, f, 17)) // with its sign
		}
		return nil
	}
	if v := t.Get(nameBigNumber); v.IsString() {
		reply.BigNumber(oneLine(v.Str()))
		return nil
	}
	if inner := t.Get(nameVerbatim).Table(); inner != nil {
		format, text := inner.Get(nameFormat), inner.Get(nameString)
		if format.IsString() && text.IsString() {
			reply.Verbatim(verbatimFormat(format.Str()), text.Str())
			return nil
		}
	}
	inner, isMap := members(t)
	switch {
	case inner == nil:
		return e.array(t, depth)
	case isMap:
		reply.Map(entries(inner))
	default:
		reply.Set(entries(inner))
	}
	return e.entries(inner, depth, isMap)
}

// verbatimFormat makes a format of three bytes.
func verbatimFormat(format string) string {
	return (cut(format) + "   ")[:3]
}

// entries counts what is in a table.
func entries(t *lua.Table) (n int) {
	for i := 0; ; n++ {
		if _, _, i = t.Entry(i); i < 0 {
			return n
		}
	}
}

// entries writes the keys of a table, and with values what they stand for.
func (e *encoder) entries(t *lua.Table, depth int, values bool) error {
	for i := 0; ; {
		k, v, next := t.Entry(i)
		if next < 0 {
			return nil
		}
		i = next
		if !values {
			if err := e.value(k, depth+3); err != nil {
				return err
			}
			continue
		}
		if err := e.value(k, depth+4); err != nil {
			return err
		}
		if err := e.value(v, depth+3); err != nil {
			return err
		}
	}
}

// array writes a table's elements from 1 up to the first nil.
func (e *encoder) array(t *lua.Table, depth int) error {
	n := 0
	for !t.GetInt(n + 1).IsNil() {
		n++
	}
	e.call.Reply.Array(n)
	for i := 1; i <= n; i++ {
		if err := e.value(t.GetInt(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}
