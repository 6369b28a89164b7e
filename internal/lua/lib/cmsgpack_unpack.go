// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"

	"github.com/redpoll/redpoll/internal/lua"
)

// unpack implements cmsgpack.unpack(data): all values of the data.
func (k *Codecs) unpack(c *lua.Call) error { return k.unpackSome(c, 0, 0) }

// unpackOne implements cmsgpack.unpack_one(data [, offset]): the offset behind one value, -1 at the end, and the value.
func (k *Codecs) unpackOne(c *lua.Call) error {
	offset, err := c.OptInteger(1, 0)
	if err != nil {
		return err
	}
	return k.unpackSome(c, 1, offset)
}

// unpackLimit implements cmsgpack.unpack_limit(data, limit [, offset]): as unpack_one, for as many values as the limit says.
func (k *Codecs) unpackLimit(c *lua.Call) error {
	limit, err := c.CheckInteger(1)
	if err != nil {
		return err
	}
	offset, err := c.OptInteger(2, 0)
	if err != nil {
		return err
	}
	return k.unpackSome(c, limit, offset)
}

// unpackSome unpacks at most limit values from offset on; when both are 0, all of them, and without the offset before the values.
func (k *Codecs) unpackSome(c *lua.Call, limit, offset int64) error {
	data, err := c.CheckString(0)
	if err != nil {
		return err
	}
	if offset < 0 || limit < 0 { // what is said to be the limit is the length, as in the original
		return c.Errorf("Invalid request to unpack with offset of %d and limit of %d.", int32(offset), int32(len(data)))
	}
	if offset > int64(len(data)) {
		return c.Errorf("Start offset %d greater than input length %d.", int32(offset), int32(len(data)))
	}
	u := msgUnpacker{call: c, state: k.state, rest: data[offset:], slots: 1}
	if limit == 0 && offset == 0 {
		u.slots = c.N() // arguments too many are taken away only by the others
		return u.all(c.Push, math.MaxInt32)
	}
	var values []lua.Value
	err = u.all(func(v lua.Value) error {
		values = append(values, v)
		return c.Hold(v)
	}, limit)
	if err != nil {
		return err
	}
	if u.slots >= maxSlots {
		return c.Errorf("stack overflow (in function mp_unpack_full)")
	}
	next := len(data) - len(u.rest)
	if u.rest == "" {
		next = -1
	}
	if err := c.Push(lua.Int(next)); err != nil {
		return err
	}
	return c.Return(values...)
}

// For how many entries a map and an array have room at first, whatever the data say that there are.
const (
	mostRoom  = 64
	arrayRoom = 256
)

// A msgUnpacker reads values from MessagePack's bytes.
type msgUnpacker struct {
	call  *lua.Call
	state *lua.State
	rest  string
	slots int // of Lua's stack that the original would have in use; it limits the depth
}

// all takes at most limit values off the data and gives each to result, tables before they are filled: they are counted among what
// is in use only when the machine can find them.
func (u *msgUnpacker) all(result func(lua.Value) error, limit int64) error {
	for n := int64(0); u.rest != "" && n < limit; n++ {
		v, entries, err := u.begin()
		if err != nil {
			return err
		}
		if err := result(v); err != nil {
			return err
		}
		if err := u.fill(v.Table(), entries); err != nil {
			return err
		}
		u.slots++
	}
	return nil
}

// The number of entries of a table that was begun: those of arrays are counted from 0, those of maps from noEntries downwards.
const noEntries = -1

// begin takes a scalar off the data, or the head of a table, which it makes.
func (u *msgUnpacker) begin() (v lua.Value, entries int, err error) {
	if u.rest == "" {
		return lua.Nil, 0, u.missing()
	}
	if u.slots >= maxSlots {
		return lua.Nil, 0, u.call.Errorf("stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)")
	}
	if err := u.state.Spend(2); err != nil {
		return lua.Nil, 0, err
	}
	switch code := u.rest[0]; {
	case code < 0x80 || code >= 0xe0:
		u.rest = u.rest[1:]
		return lua.Int(int(int8(code))), 0, nil
	case code < 0x90:
		u.rest = u.rest[1:]
		return u.table(noEntries - int(code&15))
	case code < 0xa0:
		u.rest = u.rest[1:]
		return u.table(int(code & 15))
	case code < 0xc0:
		v, err = u.text(1, int(code&31))
		return v, 0, err
	default:
		return u.coded(code)
	}
}

// coded is begin where the kind has a code of its own.
func (u *msgUnpacker) coded(code byte) (v lua.Value, entries int, err error) {
	width, known := codedWidth(code)
	if !known {
		return lua.Nil, 0, u.call.Errorf("Bad data format in input.")
	}
	if len(u.rest) <= width {
		return lua.Nil, 0, u.missing()
	}
	n := uint64(0)
	for i := 1; i <= width; i++ {
		n = n<<8 | uint64(u.rest[i])
	}
	if code >= 0xd9 && code <= 0xdb {
		v, err = u.text(1+width, int(n))
		return v, 0, err
	}
	u.rest = u.rest[1+width:]
	switch code {
	case 0xc0:
		v = lua.Nil
	case 0xc2, 0xc3:
		v = lua.Bool(code == 0xc3)
	case 0xca:
		v = lua.Number(float64(math.Float32frombits(uint32(n))))
	case 0xcb:
		v = lua.Number(math.Float64frombits(n))
	case 0xcc, 0xcd, 0xce, 0xcf, 0xd3: // unsigned ones beyond 2^63 are taken for signed
		v = lua.Number(float64(int64(n)))
	case 0xd0:
		v = lua.Int(int(int8(n)))
	case 0xd1:
		v = lua.Int(int(int16(n)))
	case 0xd2:
		v = lua.Int(int(int32(n)))
	case 0xdc, 0xdd:
		return u.table(int(n))
	default: // 0xde, 0xdf
		return u.table(noEntries - int(n))
	}
	return v, 0, nil
}

// codedWidth says how many bytes of a number follow a code, and whether it is known: those for binary data and extensions are not.
func codedWidth(code byte) (width int, known bool) {
	switch code {
	case 0xc0, 0xc2, 0xc3:
		return 0, true
	case 0xcc, 0xd0, 0xd9:
		return 1, true
	case 0xcd, 0xd1, 0xda, 0xdc, 0xde:
		return 2, true
	case 0xca, 0xce, 0xd2, 0xdb, 0xdd, 0xdf:
		return 4, true
	case 0xcb, 0xcf, 0xd3:
		return 8, true
	}
	return 0, false
}

func (u *msgUnpacker) missing() error { return u.call.Errorf("Missing bytes in input.") }

// text takes off a string of n bytes behind its head.
func (u *msgUnpacker) text(head, n int) (lua.Value, error) {
	if len(u.rest)-head < n {
		return lua.Nil, u.missing()
	}
	v, err := u.state.Word(u.rest[head : head+n])
	u.rest = u.rest[head+n:]
	return v, err
}

// table makes the table of a head. An array grows with its elements, since what the length of one with holes is depends on that.
func (u *msgUnpacker) table(entries int) (v lua.Value, n int, err error) {
	var t *lua.Table
	if entries < 0 {
		t, err = u.state.NewTable(0, min(noEntries-entries, mostRoom))
	} else {
		t, err = u.state.NewArray(min(entries, arrayRoom))
	}
	if err != nil {
		return lua.Nil, 0, err
	}
	return lua.TableValue(t), entries, nil
}

// fill reads the entries of a table that was begun; of scalars there are none.
func (u *msgUnpacker) fill(t *lua.Table, entries int) error {
	switch {
	case t == nil:
		return nil
	case entries < 0:
		return u.fillMap(t, noEntries-entries)
	}
	if u.slots += 2; u.slots > maxSlots {
		return u.call.Errorf("stack overflow (in function mp_decode_to_lua_array)")
	}
	for i := 1; i <= entries; i++ {
		v, inner, err := u.begin()
		if err != nil {
			return err
		}
		if err := u.state.SetInt(t, i, v); err != nil {
			return err
		}
		if err := u.fill(v.Table(), inner); err != nil {
			return err
		}
	}
	u.slots -= 2
	return nil
}

// fillMap reads n keys and values.
func (u *msgUnpacker) fillMap(t *lua.Table, n int) error {
	for range n {
		u.slots++
		k, err := u.key(t)
		if err != nil {
			return err
		}
		u.slots++
		v, inner, err := u.begin()
		if err != nil {
			return err
		}
		wrong := u.state.Set(t, k, v) // nil and NaN are no keys
		if wrong != nil {
			if err := u.call.Hold(v); err != nil {
				return err
			}
		}
		if err := u.fill(v.Table(), inner); err != nil { // what is wrong with the value is told first
			return err
		}
		if wrong != nil {
			return wrong
		}
		u.slots -= 2
	}
	return nil
}

// key reads a key of a map. One that is a table is put into the map before it is filled.
func (u *msgUnpacker) key(t *lua.Table) (lua.Value, error) {
	k, inner, err := u.begin()
	if err != nil || !k.IsTable() {
		return k, err
	}
	if err := u.state.Set(t, k, lua.True); err != nil {
		return k, err
	}
	return k, u.fill(k.Table(), inner)
}
