// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/lua"
)

// fuzzBudget and fuzzMemory are what a decoder may take of whatever it is given: so many steps and bytes for each byte of it.
const (
	fuzzSteps  = 100
	fuzzMemory = 2000
)

// fuzzDecoder calls a decoder with whatever there is. It gives values or an error that scripts can catch, never takes more steps and
// memory than its data can account for, and leaves the state good for the next call.
func fuzzDecoder(f *testing.F, name, check string, call func(s *codecState, data, more string) ([]lua.Value, error)) {
	f.Fuzz(func(t *testing.T, data, more string) {
		if len(data)+len(more) > 1<<16 {
			return
		}
		size := len(data) + len(more) + 100
		ticks := 0
		hook := func() error {
			if ticks += 100; ticks > size*fuzzSteps {
				return errEnough
			}
			return nil
		}
		s := newCodecs(t, lua.Options{Hook: hook, Step: 100, Memory: int64(1<<20 + size*fuzzMemory)}, nil)
		results, err := call(s, data, more)
		var raised *lua.Error
		if err != nil && !errors.As(err, &raised) {
			t.Fatalf("%s(%q, %q): %v after %d steps", name, data, more, err, ticks)
		}
		if raised != nil && raised.Error() == "not enough memory" {
			t.Fatalf("%s(%q, %q): %v", name, data, more, err)
		}
		if err == nil && check != "" && len(results) > 0 {
			again(t, s, check, results[0])
		}
		if got := s.must(t, "cjson.encode", s.decode(t, `[1]`)).Str(); got != "[1]" {
			t.Fatalf("afterwards it encodes %s", got)
		}
	})
}

// again encodes a value that was decoded. It may be one that cannot be, but never one that does harm.
func again(t *testing.T, s *codecState, name string, v lua.Value) {
	t.Helper()
	var raised *lua.Error
	if _, err := s.Call(s.function(name), v); err != nil && !errors.As(err, &raised) && !errors.Is(err, errEnough) {
		t.Fatalf("%s: %v", name, err)
	}
}

func FuzzJSONDecode(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,2.5,-3e10,true,false,null,"\u20ac\ud83d\ude00\n"],"b":{}}`, `[[[[`, `"\ud800`, `nan(1)`, `-0x1.8p3`, "1\x00", strings.Repeat("[", 1002), `{"a":`,
		`[1,`, ``, ` `, `+1`, `"abc`, `tru`,
	} {
		f.Add(text, "")
	}
	fuzzDecoder(f, "cjson.decode", "cjson.encode", func(s *codecState, data, _ string) ([]lua.Value, error) {
		v, err := s.NewString(data)
		if err != nil {
			return nil, err
		}
		return s.Call(s.function("cjson.decode"), v)
	})
}

func FuzzMessagePackUnpack(f *testing.F) {
	for _, data := range []string{
		"\x93\x01\xa1a\xc0", "\x81\xc0\x01", "\xdd\xff\xff\xff\xff", "\xdf\x00\x00\x00\x01\x01\x02", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01", "\xdb\x00\x00\x00\x05abc",
		"\x81\x91\x01\x91\x02", "\xc1", "\xd9\x03abc\xcf\xff\xff\xff\xff\xff\xff\xff\xff", strings.Repeat("\x91", 5000), strings.Repeat("\x81", 9000),
	} {
		f.Add(data, "")
	}
	fuzzDecoder(f, "cmsgpack.unpack", "cmsgpack.pack", func(s *codecState, data, _ string) ([]lua.Value, error) {
		v, err := s.NewString(data)
		if err != nil {
			return nil, err
		}
		return s.Call(s.function("cmsgpack.unpack"), v)
	})
}

func FuzzStructUnpack(f *testing.F) {
	for format, data := range map[string]string{
		"<i4>h!8d": "abcdefghijklmnopqrstuvwxyz", "bc0": "\x03abc", "ss": "ab\x00c\x00", "!16i32I0x": strings.Repeat("z", 80), "c99999999999": "", "c1c0": "9a", "!3": "",
		"i33": "", "\x80": "", "s": "abc", "Tc0": "\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		f.Add(data, format)
	}
	fuzzDecoder(f, "struct.unpack", "", func(s *codecState, data, format string) ([]lua.Value, error) {
		d, err := s.NewString(data)
		if err != nil {
			return nil, err
		}
		v, err := s.NewString(format)
		if err != nil {
			return nil, err
		}
		if _, err := s.Call(s.function("struct.size"), v); err != nil {
			var raised *lua.Error
			if !errors.As(err, &raised) {
				return nil, err
			}
		}
		for _, first := range []int{-1, 3} {
			if _, err := s.Call(s.function("struct.unpack"), v, d, lua.Int(first)); err != nil {
				var raised *lua.Error
				if !errors.As(err, &raised) {
					return nil, err
				}
			}
		}
		return s.Call(s.function("struct.unpack"), v, d)
	})
}
