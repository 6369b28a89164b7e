// SPDX-License-Identifier: BSD-3-Clause

package lib

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/lua"
)

// jsonSettings are what the functions of cjson that are neither encode nor decode set.
type jsonSettings struct {
	sparseConvert  int32 // 1: a sparse array is encoded as an object; 0: it is an error
	sparseRatio    int32 // an array is sparse when its length is beyond so many times its elements; 0: none is
	sparseSafe     int32 // unless its length is at most this
	encodeDepth    int32 // greatest depth of tables
	decodeDepth    int32
	precision      int32 // digits of numbers, 1 to 14
	keepBuffer     int32 // kept, of no effect
	encodeInvalid  int32 // infinite numbers and NaN are an error (0), written as they are (1), or null (2)
	decodeInvalid  int32 // 1: numbers that JSON does not have are read
	decodeArrayTag int32 // 1: an empty array is marked, so that it is encoded as one
}

func defaultJSONSettings() jsonSettings {
	return jsonSettings{
		sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14, keepBuffer: 1, decodeInvalid: 1,
	}
}

// Settings are those of the global cjson table, which last longer than the script that sets them: all states of a server have them
// in common. The zero value has the defaults. Any goroutine may use it.
type Settings struct {
	json atomic.Pointer[jsonSettings] // what it points to is not changed; nil: the defaults
}

// Begin gives the state the settings that are current. It is to be called before a script runs, so that a script neither sees what
// one beside it is setting, nor what one left behind that was undone.
func (k *Codecs) Begin() {
	if current := k.settings.json.Load(); current != nil {
		k.json = *current
	} else {
		k.json = defaultJSONSettings()
	}
	k.begun = k.json
}

// Commit makes the settings of the state current, if the script that has run changed them. Of two scripts at a time that do so, the
// one that ends last has its way.
func (k *Codecs) Commit() {
	if k.json == k.begun {
		return
	}
	changed := k.json
	k.settings.json.Store(&changed)
	k.begun = changed
}

// newJSON makes a module table of functions with the given settings.
func (k *Codecs) newJSON(set *jsonSettings) (*lua.Table, error) {
	offOn := []string{"off", "on"}
	t, err := newModule(k.state, functions{
		{"encode", func(c *lua.Call) error { return k.encode(c, set) }},
		{"decode", func(c *lua.Call) error { return k.decode(c, set) }},
		{"new", func(c *lua.Call) error {
			fresh := defaultJSONSettings()
			t, err := k.newJSON(&fresh)
			if err != nil {
				return err
			}
			return c.Return(lua.TableValue(t))
		}},
		{"encode_sparse_array", func(c *lua.Call) error { return setSparse(c, set) }},
		{"encode_max_depth", integerSetting(&set.encodeDepth, 1, math.MaxInt32)},
		{"decode_max_depth", integerSetting(&set.decodeDepth, 1, math.MaxInt32)},
		{"encode_number_precision", integerSetting(&set.precision, 1, 14)},
		{"encode_keep_buffer", choiceSetting(&set.keepBuffer, offOn)},
		{"encode_invalid_numbers", choiceSetting(&set.encodeInvalid, []string{"off", "on", "null"})},
		{"decode_invalid_numbers", choiceSetting(&set.decodeInvalid, offOn)},
		{"decode_array_with_array_mt", choiceSetting(&set.decodeArrayTag, offOn)},
	}, []field{{"_NAME", "cjson"}, {"_VERSION", "2.1.0"}})
	if err != nil {
		return nil, err
	}
	return t, k.state.SetStr(t, "null", lua.NullPointer)
}

// integerSetting makes a function that changes a setting, if it is given a number, and returns it.
func integerSetting(setting *int32, least, most int32) lua.GoFunc {
	return func(c *lua.Call) error {
		if c.N() > 1 {
			return c.ArgError(1, "found too many arguments")
		}
		if err := setInteger(c, 0, setting, least, most); err != nil {
			return err
		}
		return c.Return(lua.Int(int(*setting)))
	}
}

// choiceSetting makes a function that changes a setting, if it is given one of the words or a boolean, and returns it: a boolean for
// the first two words.
func choiceSetting(setting *int32, words []string) lua.GoFunc {
	return func(c *lua.Call) error {
		if c.N() > 1 {
			return c.ArgError(1, "found too many arguments")
		}
		if err := setChoice(c, 0, setting, words); err != nil {
			return err
		}
		if *setting < 2 {
			return c.Return(lua.Bool(*setting == 1))
		}
		word, err := c.State().NewString(words[*setting])
		if err != nil {
			return err
		}
		return c.Return(word)
	}
}

// setSparse implements cjson.encode_sparse_array([convert [, ratio [, safe]]]).
func setSparse(c *lua.Call, set *jsonSettings) error {
	if c.N() > 3 {
		return c.ArgError(3, "found too many arguments")
	}
	if err := setChoice(c, 0, &set.sparseConvert, []string{"off", "on"}); err != nil {
		return err
	}
	if err := setInteger(c, 1, &set.sparseRatio, 0, math.MaxInt32); err != nil {
		return err
	}
	if err := setInteger(c, 2, &set.sparseSafe, 0, math.MaxInt32); err != nil {
		return err
	}
	return c.Return(lua.Bool(set.sparseConvert == 1), lua.Int(int(set.sparseRatio)), lua.Int(int(set.sparseSafe)))
}

// setInteger changes a setting to an argument, unless that is nil. Whichever argument is wrong, the first is blamed.
func setInteger(c *lua.Call, i int, setting *int32, least, most int32) error {
	if c.Arg(i).IsNil() {
		return nil
	}
	n, err := c.CheckInt(i)
	if err != nil {
		return err
	}
	value := int32(n)
	if value < least || value > most {
		return c.ArgError(0, fmt.Sprintf("expected integer between %d and %d", least, most))
	}
	*setting = value
	return nil
}

// setChoice changes a setting to what an argument says, unless that is nil.
func setChoice(c *lua.Call, i int, setting *int32, words []string) error {
	switch v := c.Arg(i); v.Type() {
	case lua.TypeNil:
	case lua.TypeBoolean:
		*setting = 0
		if v.Bool() {
			*setting = 1
		}
	default:
		word, err := c.CheckString(i)
		if err != nil {
			return err
		}
		choice := slices.Index(words, word)
		if choice < 0 {
			return c.ArgError(i, "invalid option '"+word+"'")
		}
		*setting = int32(choice)
	}
	return nil
}
