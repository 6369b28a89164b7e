// SPDX-License-Identifier: BSD-3-Clause

package lib

import "github.com/redpoll/redpoll/internal/lua"

// The codecs are the tables that Redis adds to Lua's own: cjson, cmsgpack, struct and bit. What they give, their error texts, limits
// and faults are those of the libraries that Redis 7.0 has.
//
//	cjson.go, cjson_encode.go, cjson_decode.go   JSON
//	cmsgpack.go, cmsgpack_unpack.go              MessagePack
//	struct.go                                    C's layouts
//	bit.go                                       operations on 32 bits
//
// None of them calls Lua. Their work is spent from the state's budget, what they make is counted in its memory before it is made, and
// the depth they recurse to is limited.

const (
	// maxSlots is how many values a C function may have on Lua's stack. The libraries keep there what they are at, one or two values
	// a level, so this is what limits how deep they go, and how many results they give.
	maxSlots = 8000
	// keptBuffer is how much of a buffer is kept from one call to the next, in bytes.
	keptBuffer = 64 << 10
)

// Codecs is what the codecs of one state share. Like the state it is for one goroutine at a time.
type Codecs struct {
	state    *lua.State
	out      writer
	json     jsonSettings // of the table cjson; those made by cjson.new have their own
	begun    jsonSettings // what json was at Begin
	settings *Settings
}

// OpenCodecs puts the tables cjson, cmsgpack, struct and bit into the globals of a state. Shared has the settings of cjson that all
// states of a server have in common; nil: the state has its own. The error is one of memory.
func OpenCodecs(s *lua.State, shared *Settings) (*Codecs, error) {
	if shared == nil {
		shared = new(Settings)
	}
	k := &Codecs{state: s, settings: shared}
	k.out.state = s
	k.Begin()
	json, err := k.newJSON(&k.json)
	if err != nil {
		return nil, err
	}
	if err := s.SetStr(s.Globals(), "cjson", lua.TableValue(json)); err != nil {
		return nil, err
	}
	for _, t := range []struct {
		name      string
		functions functions
		fields    []field
	}{
		{"cmsgpack", k.msgpackFunctions(), msgpackFields()},
		{"struct", k.structFunctions(), nil},
		{"bit", bitFunctions(), nil},
	} {
		table, err := newModule(s, t.functions, t.fields)
		if err != nil {
			return nil, err
		}
		if err := s.SetStr(s.Globals(), t.name, lua.TableValue(table)); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// A field is an entry of a module's table that is a text.
type field struct{ name, text string }

// newModule makes a table of functions and texts.
func newModule(s *lua.State, fs functions, fields []field) (*lua.Table, error) {
	t, err := s.NewTable(0, len(fs)+len(fields))
	if err != nil {
		return nil, err
	}
	if err := fs.into(s, t); err != nil {
		return nil, err
	}
	for _, f := range fields {
		v, err := s.NewString(f.text)
		if err != nil {
			return nil, err
		}
		if err := s.SetStr(t, f.name, v); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// A writer is a buffer for what an encoder makes. Whoever appends makes room first: there the memory is counted.
type writer struct {
	state *lua.State
	b     []byte
}

// writer gives the state's buffer, empty. One call uses it at a time, since no codec calls Lua.
func (k *Codecs) writer() *writer {
	k.out.b = k.out.b[:0]
	return &k.out
}

// room makes sure that n bytes can be appended without an allocation.
func (w *writer) room(n int) error {
	if cap(w.b)-len(w.b) >= n {
		return nil
	}
	size := max(2*cap(w.b), len(w.b)+n, 256)
	if err := w.state.Alloc(size); err != nil {
		return err
	}
	larger := make([]byte, len(w.b), size)
	copy(larger, w.b)
	w.b = larger
	return nil
}

// finish returns what was written as a string, unless there was an error, and lets go of a buffer that has become large.
func (w *writer) finish(c *lua.Call, err error) error {
	if err == nil {
		var v lua.Value
		if v, err = w.state.Bytes(w.b); err == nil {
			err = c.Return(v)
		}
	}
	if cap(w.b) > keptBuffer {
		w.b = nil
	}
	return err
}
