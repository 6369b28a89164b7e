// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"encoding/binary"
	"math"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// maxPacked is how deep tables are packed: one nested deeper, or within itself, is nil.
const maxPacked = 16

func (k *Codecs) msgpackFunctions() functions {
	return functions{
		{"pack", k.pack}, {"unpack", k.unpack}, {"unpack_one", k.unpackOne}, {"unpack_limit", k.unpackLimit},
	}
}

// msgpackFields are the fields by which scripts recognise the library.
func msgpackFields() []field {
	return []field{
		{"_NAME", "cmsgpack"}, {"_VERSION", "lua-cmsgpack 0.4.0"}, {"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"},
		{"_DESCRIPTION", "MessagePack C implementation for Lua"},
	}
}

// pack implements cmsgpack.pack(…): the values one behind the other.
func (k *Codecs) pack(c *lua.Call) error {
	switch n := c.N(); {
	case n == 0:
		return c.ArgError(-1, "MessagePack pack needs input.")
	case 2*n > maxSlots:
		return c.ArgError(-1, "Too many arguments for MessagePack pack.")
	}
	w := k.writer()
	for i := range c.N() {
		if err := w.pack(c.Arg(i), 0); err != nil {
			return w.finish(c, err)
		}
	}
	return w.finish(c, nil)
}

// pack appends a value within level tables. What MessagePack has no word for is nil.
func (w *writer) pack(v lua.Value, level int) error {
	if err := w.room(16); err != nil {
		return err
	}
	switch v.Type() {
	case lua.TypeString:
		return w.packString(v.Str())
	case lua.TypeNumber:
		w.packNumeric(v.Num())
		return nil
	case lua.TypeTable:
		if level < maxPacked {
			return w.packTable(v.Table(), level)
		}
	case lua.TypeBoolean:
		if v.Bool() {
			w.b = append(w.b, 0xc3)
		} else {
			w.b = append(w.b, 0xc2)
		}
		return nil
	}
	w.b = append(w.b, 0xc0)
	return nil
}

func (w *writer) packString(s string) error {
	switch n := len(s); {
	case n < 32:
		w.b = append(w.b, 0xa0|byte(n))
	case n <= math.MaxUint8:
		w.b = append(w.b, 0xd9, byte(n))
	default:
		w.packSize(0xda, uint64(n))
	}
	if err := w.state.Spend(1 + len(s)/64); err != nil {
		return err
	}
	if err := w.room(len(s)); err != nil {
		return err
	}
	w.b = append(w.b, s...)
	return nil
}

// packSize appends the 16 or 32 bits of a size, after the code that says which.
func (w *writer) packSize(code byte, n uint64) {
	if n <= math.MaxUint16 {
		w.b = binary.BigEndian.AppendUint16(append(w.b, code), uint16(n))
		return
	}
	w.b = binary.BigEndian.AppendUint32(append(w.b, code+1), uint32(n))
}

// packNumeric appends a number: whole ones as integers, others as floats of 4 bytes where that loses nothing.
func (w *writer) packNumeric(f float64) {
	if i := num.Truncate(f); float64(i) == f { // also -2^63, the only one that Truncate gives for others too
		w.packInteger(i)
		return
	}
	if short := float32(f); float64(short) == f {
		w.b = binary.BigEndian.AppendUint32(append(w.b, 0xca), math.Float32bits(short))
		return
	}
	w.b = binary.BigEndian.AppendUint64(append(w.b, 0xcb), math.Float64bits(f))
}

// packInteger appends an integer in as few bytes as it needs.
func (w *writer) packInteger(i int64) {
	switch {
	case -32 <= i && i <= math.MaxInt8:
		w.b = append(w.b, byte(i))
	case i > math.MaxUint32:
		w.b = binary.BigEndian.AppendUint64(append(w.b, 0xcf), uint64(i))
	case i > math.MaxUint16:
		w.b = binary.BigEndian.AppendUint32(append(w.b, 0xce), uint32(i))
	case i > math.MaxUint8:
		w.b = binary.BigEndian.AppendUint16(append(w.b, 0xcd), uint16(i))
	case i > 0:
		w.b = append(w.b, 0xcc, byte(i))
	case i >= math.MinInt8:
		w.b = append(w.b, 0xd0, byte(i))
	case i >= math.MinInt16:
		w.b = binary.BigEndian.AppendUint16(append(w.b, 0xd1), uint16(i))
	case i >= math.MinInt32:
		w.b = binary.BigEndian.AppendUint32(append(w.b, 0xd2), uint32(i))
	default:
		w.b = binary.BigEndian.AppendUint64(append(w.b, 0xd3), uint64(i))
	}
}

// packTable appends an array when the keys are 1 to some n, else a map.
func (w *writer) packTable(t *lua.Table, level int) error {
	entries, array := 0, true
	highest := float64(0)
	for k, _, i := t.Entry(0); i >= 0; k, _, i = t.Entry(i) {
		entries++
		array = array && k.IsNumber() && arrayIndex(k.Num())
		if array {
			highest = max(highest, k.Num())
		}
	}
	if err := w.state.Spend(1 + entries); err != nil {
		return err
	}
	if array && highest == float64(entries) {
		return w.packArray(t, entries, level)
	}
	if entries < 16 {
		w.b = append(w.b, 0x80|byte(entries))
	} else {
		w.packSize(0xde, uint64(entries))
	}
	for k, v, i := t.Entry(0); i >= 0; k, v, i = t.Entry(i) {
		if err := w.state.Spend(2); err != nil {
			return err
		}
		if err := w.pack(k, level+1); err != nil {
			return err
		}
		if err := w.pack(v, level+1); err != nil {
			return err
		}
	}
	return nil
}

// arrayIndex says whether a key can be one of an array: a whole number that C's int has.
func arrayIndex(f float64) bool { return f > 0 && f <= math.MaxInt32 && math.Trunc(f) == f }

func (w *writer) packArray(t *lua.Table, n, level int) error {
	if n < 16 {
		w.b = append(w.b, 0x90|byte(n))
	} else {
		w.packSize(0xdc, uint64(n))
	}
	for i := 1; i <= n; i++ {
		if err := w.state.Spend(1); err != nil {
			return err
		}
		if err := w.pack(t.GetInt(i), level+1); err != nil {
			return err
		}
	}
	return nil
}
