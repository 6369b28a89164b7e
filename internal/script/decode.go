// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"bytes"
	"math"
	"strconv"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// A decoder makes Lua values of a reply to a command, which is whole and well formed:
//
//   - status        {ok = text}                      - error     {err = text, ignore_error_stats_update = true}
//     : integer       number                           $ bulk      string; false when there is none
//   - array         table; false when there is none  % map       {map = table}
//     ~ set           {set = table}                    _ null      nil
//     # boolean       boolean                          , double    {double = number}
//     ( big number    {big_number = text}              = verbatim  {verbatim_string = {string = text, format = text}}
//
// Attributes are left out.
type decoder struct {
	state *lua.State
	rest  []byte // of the reply
}

// next takes the next value of the reply. Its error is Lua's, that of a lack of memory.
func (d *decoder) next() (lua.Value, error) {
	kind, line := d.line()
	switch kind {
	case '$', '=':
		return d.bulk(kind, line)
	case ':':
		n, ok := num.ParseInt(line)
		if !ok { // it has 64 bits without a sign
			return lua.Number(double(line)), nil
		}
		return lua.Number(float64(n)), nil
	case '+':
		return d.labelled(nameOK, line)
	case '-':
		return d.failure(line)
	case '*':
		return d.array(line)
	case '%':
		return d.table(nameMap, count(line), 2)
	case '~':
		return d.table(nameSet, count(line), 1)
	case '#':
		return lua.Bool(len(line) > 0 && line[0] == 't'), nil
	case ',':
		return d.wrapped(nameDouble, lua.Number(double(line)))
	case '(':
		return d.labelled(nameBigNumber, line)
	case '|':
		for range 2 * count(line) {
			if _, err := d.next(); err != nil {
				return lua.Nil, err
			}
		}
		return d.next()
	}
	return lua.Nil, nil
}

// line takes a line and gives what its first byte says and the rest of it.
func (d *decoder) line() (kind byte, line []byte) {
	end := bytes.IndexByte(d.rest, '\n')
	if end < 2 {
		d.rest = nil
		return '_', nil
	}
	kind, line = d.rest[0], d.rest[1:end-1]
	d.rest = d.rest[end+1:]
	return kind, line
}

// count reads a length.
func count(line []byte) int {
	n, _ := num.ParseInt(line)
	return int(n)
}

// double reads a number.
func double(line []byte) float64 {
	f, err := strconv.ParseFloat(string(line), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// bulk takes a string whose length is in line.
func (d *decoder) bulk(kind byte, line []byte) (lua.Value, error) {
	n := count(line)
	if n < 0 {
		return lua.False, nil
	}
	text := d.rest[:n]
	d.rest = d.rest[n+len("\r\n"):]
	if kind == '$' || n < len("txt:") {
		return d.state.Bytes(text)
	}
	inner, err := d.state.NewTable(0, 2)
	if err != nil {
		return lua.Nil, err
	}
	outer, err := d.wrapped(nameVerbatim, lua.TableValue(inner))
	if err != nil {
		return lua.Nil, err
	}
	if err := d.put(inner, nameFormat, text[:3]); err != nil {
		return lua.Nil, err
	}
	return outer, d.put(inner, nameString, text[4:])
}

// put sets t[name] to a text.
func (d *decoder) put(t *lua.Table, name lua.Value, text []byte) error {
	v, err := d.state.Bytes(text)
	if err != nil {
		return err
	}
	return d.state.Set(t, name, v)
}

// wrapped gives {name = v}.
func (d *decoder) wrapped(name, v lua.Value) (lua.Value, error) {
	t, err := d.state.NewTable(0, 1)
	if err != nil {
		return lua.Nil, err
	}
	return lua.TableValue(t), d.state.Set(t, name, v)
}

// labelled gives {name = text}.
func (d *decoder) labelled(name lua.Value, text []byte) (lua.Value, error) {
	v, err := d.state.Bytes(text)
	if err != nil {
		return lua.Nil, err
	}
	return d.wrapped(name, v)
}

// failure gives an error reply as a table. It is in the statistics already.
func (d *decoder) failure(line []byte) (lua.Value, error) {
	return errorTable(d.state, errorText(string(line)), true)
}

// array takes the elements of an array whose length is in line.
func (d *decoder) array(line []byte) (lua.Value, error) {
	n := count(line)
	if n < 0 {
		return lua.False, nil
	}
	t, err := d.state.NewTable(n, 0)
	if err != nil {
		return lua.Nil, err
	}
	for i := 1; i <= n; i++ {
		v, err := d.next()
		if err != nil {
			return lua.Nil, err
		}
		if v.IsNil() {
			continue
		}
		if err := d.state.SetInt(t, i, v); err != nil {
			return lua.Nil, err
		}
	}
	return lua.TableValue(t), nil
}

// table takes n members of a set (of 1 value each) or a map (of 2), and gives {name = table}.
func (d *decoder) table(name lua.Value, n, each int) (lua.Value, error) {
	t, err := d.state.NewTable(0, n)
	if err != nil {
		return lua.Nil, err
	}
	outer, err := d.wrapped(name, lua.TableValue(t))
	if err != nil {
		return lua.Nil, err
	}
	for range n {
		key, err := d.next()
		if err != nil {
			return lua.Nil, err
		}
		v := lua.True
		if each == 2 {
			if v, err = d.next(); err != nil {
				return lua.Nil, err
			}
		}
		if key.IsNil() {
			continue
		}
		if err := d.state.Set(t, key, v); err != nil {
			return lua.Nil, err
		}
	}
	return outer, nil
}
