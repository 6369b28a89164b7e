// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"math"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/num"
)

// spare is the room for any value but strings, with the punctuation around it, in bytes.
const spare = 64

// arrayTag is the field of a metatable that says that an empty table stands for an array.
const arrayTag = "__is_cjson_array"

// escapes has for every byte how it is written within a string: 0 as it is, 'u' as \u00XX, else as a backslash and that letter.
var escapes = makeEscapes()

func makeEscapes() (table [256]byte) {
	for b := range 0x20 {
		table[b] = 'u'
	}
	table[0x7f] = 'u'
	for b, letter := range map[byte]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r', '"': '"', '/': '/', '\\': '\\'} {
		table[b] = letter
	}
	return table
}

// encode implements cjson.encode(value).
func (k *Codecs) encode(c *lua.Call, set *jsonSettings) error {
	if c.N() != 1 {
		return c.ArgError(0, "expected 1 argument")
	}
	e := jsonEncoder{writer: k.writer(), call: c, set: set}
	return e.finish(c, e.value(c.Arg(0), 0, 1))
}

// A jsonEncoder is a call of cjson.encode.
type jsonEncoder struct {
	*writer
	call *lua.Call
	set  *jsonSettings
}

// value appends a value that is within depth tables. Slots is how much of Lua's stack the original would have in use.
func (e *jsonEncoder) value(v lua.Value, depth int32, slots int) error {
	if err := e.room(spare); err != nil {
		return err
	}
	switch v.Type() {
	case lua.TypeString:
		return e.text(v.Str())
	case lua.TypeNumber:
		return e.number(v.Num())
	case lua.TypeTable:
		return e.table(v.Table(), depth+1, slots)
	case lua.TypeBoolean:
		if v.Bool() {
			e.b = append(e.b, "true"...)
		} else {
			e.b = append(e.b, "false"...)
		}
		return nil
	case lua.TypeNil:
		e.b = append(e.b, "null"...)
		return nil
	case lua.TypeUserdata:
		if lua.RawEqual(v, lua.NullPointer) {
			e.b = append(e.b, "null"...)
			return nil
		}
	}
	return e.refuse(v, "type not supported")
}

func (e *jsonEncoder) refuse(v lua.Value, why string) error {
	return e.call.Errorf("Cannot serialise %s: %s", lua.TypeName(v), why)
}

// text appends a string, with room for all of it.
func (e *jsonEncoder) text(s string) error {
	if err := e.state.Spend(1 + len(s)/8); err != nil {
		return err
	}
	if err := e.room(len(s) + spare); err != nil {
		return err
	}
	e.b = append(e.b, '"')
	plain := 0 // where the bytes begin that are written as they are
	for i := range len(s) {
		escape := escapes[s[i]]
		if escape == 0 {
			continue
		}
		e.b = append(e.b, s[plain:i]...)
		plain = i + 1
		if err := e.room(len(s) - i + spare); err != nil {
			return err
		}
		if escape == 'u' {
			const digits = "0123456789abcdef"
			e.b = append(e.b, '\\', 'u', '0', '0', digits[s[i]>>4], digits[s[i]&15])
		} else {
			e.b = append(e.b, '\\', escape)
		}
	}
	e.b = append(append(e.b, s[plain:]...), '"')
	return nil
}

// number appends a number, for which there is room.
func (e *jsonEncoder) number(f float64) error {
	if math.IsInf(f, 0) || f != f {
		switch e.set.encodeInvalid {
		case 0:
			return e.refuse(lua.Number(f), "must not be NaN or Inf")
		case 2:
			e.b = append(e.b, "null"...)
			return nil
		}
		if f != f {
			f = math.NaN() // without a sign
		}
	}
	e.b = num.AppendShort(e.b, f, int(e.set.precision))
	return nil
}

// table appends an array or an object.
func (e *jsonEncoder) table(t *lua.Table, depth int32, slots int) error {
	if depth > e.set.encodeDepth || slots+3 > maxSlots {
		return e.call.Errorf("Cannot serialise, excessive nesting (%d)", depth)
	}
	n, err := e.arrayLen(t)
	if err != nil {
		return err
	}
	if n > 0 || n == 0 && t.Meta != nil && !t.Meta.GetStr(arrayTag).IsNil() {
		return e.array(t, int(n), depth, slots+1)
	}
	return e.object(t, depth, slots+2)
}

// arrayLen returns the highest key if all keys are whole numbers above 0, and -1 if not, or if the array is too sparse to be one.
// The highest key and the products are C's int, with what overflows.
func (e *jsonEncoder) arrayLen(t *lua.Table) (int32, error) {
	var highest, items int32
	for k, _, i := t.Entry(0); i >= 0; k, _, i = t.Entry(i) {
		if !k.IsNumber() {
			return -1, nil
		}
		f := k.Num()
		if f < 1 || math.Floor(f) != f {
			return -1, nil
		}
		if f > float64(highest) {
			highest = truncate32(f)
		}
		items++
	}
	if err := e.state.Spend(1 + int(items)/2); err != nil {
		return 0, err
	}
	if e.set.sparseRatio > 0 && highest > items*e.set.sparseRatio && highest > e.set.sparseSafe {
		if e.set.sparseConvert == 0 {
			return 0, e.refuse(lua.TableValue(t), "excessively sparse array")
		}
		return -1, nil
	}
	return highest, nil
}

// truncate32 converts a number to C's int as on x86.
func truncate32(f float64) int32 {
	if f > -1<<31-1 && f < 1<<31 {
		return int32(f)
	}
	return math.MinInt32
}

func (e *jsonEncoder) array(t *lua.Table, n int, depth int32, slots int) error {
	e.b = append(e.b, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			e.b = append(e.b, ',')
		}
		if err := e.state.Spend(4); err != nil {
			return err
		}
		if err := e.value(t.GetInt(i), depth, slots); err != nil {
			return err
		}
	}
	e.b = append(e.b, ']')
	return nil
}

func (e *jsonEncoder) object(t *lua.Table, depth int32, slots int) error {
	e.b = append(e.b, '{')
	first := true
	for k, v, i := t.Entry(0); i >= 0; k, v, i = t.Entry(i) {
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		if err := e.state.Spend(8); err != nil { // mostly for numbers: strings spend more themselves
			return err
		}
		if err := e.key(k); err != nil {
			return err
		}
		if err := e.value(v, depth, slots); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}

// key appends the key of an entry and the colon.
func (e *jsonEncoder) key(k lua.Value) error {
	if err := e.room(spare); err != nil {
		return err
	}
	switch k.Type() {
	case lua.TypeString:
		if err := e.text(k.Str()); err != nil {
			return err
		}
	case lua.TypeNumber:
		e.b = append(e.b, '"')
		if err := e.number(k.Num()); err != nil {
			return err
		}
		e.b = append(e.b, '"')
	default:
		return e.refuse(k, "table key must be a number or string")
	}
	e.b = append(e.b, ':')
	return nil
}
