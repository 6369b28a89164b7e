// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/lua/lib"
)

// A codecState is a state with the codecs alone, whose functions are called from Go.
type codecState struct {
	*lua.State
	codecs *lib.Codecs
}

func newCodecs(t testing.TB, o lua.Options, shared *lib.Settings) *codecState {
	t.Helper()
	s := lua.New(o)
	codecs, err := lib.OpenCodecs(s, shared)
	if err != nil {
		t.Fatal(err)
	}
	return &codecState{s, codecs}
}

// function gives a function by its name, such as "cjson.decode".
func (s *codecState) function(name string) lua.Value {
	module, f, _ := strings.Cut(name, ".")
	return s.Globals().GetStr(module).Table().GetStr(f)
}

func (s *codecState) string(t testing.TB, text string) lua.Value {
	t.Helper()
	v, err := s.NewString(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// must calls a function that returns one value.
func (s *codecState) must(t testing.TB, name string, args ...lua.Value) lua.Value {
	t.Helper()
	results, err := s.Call(s.function(name), args...)
	if err != nil || len(results) != 1 {
		t.Fatalf("%s: %d results, %v", name, len(results), err)
	}
	return results[0]
}

// decode reads JSON that is right.
func (s *codecState) decode(t testing.TB, json string) lua.Value {
	t.Helper()
	return s.must(t, "cjson.decode", s.string(t, json))
}

// TestRoundTrips sends a document through JSON and MessagePack. Objects keep the order of their keys.
func TestRoundTrips(t *testing.T) {
	s := newCodecs(t, lua.Options{}, nil)
	const document = `{"name":"caf\u00e9 \"x\"","n":-12.5,"big":1e+15,"list":[1,2,[3,{"deep":[true,false,null]}]],"empty":{},"\u0000":"\u007f\/"}`
	want := strings.ReplaceAll(document, `\u00e9`, "é")
	v := s.decode(t, document)
	if got := s.must(t, "cjson.encode", v).Str(); got != want {
		t.Errorf("JSON gives\n%s, want\n%s", got, want)
	}
	packed := s.must(t, "cmsgpack.pack", v)
	if got := s.must(t, "cjson.encode", s.must(t, "cmsgpack.unpack", packed)).Str(); got != strings.ReplaceAll(want, "true,false,null", "true,false") {
		t.Errorf("MessagePack, for which null is nil, gives\n%s", got)
	}
}

// TestArrayTag is about what Redis 8.4 has and the oracle has not.
func TestArrayTag(t *testing.T) {
	s := newCodecs(t, lua.Options{}, nil)
	again := func(json string) string { return s.must(t, "cjson.encode", s.decode(t, json)).Str() }
	if got := again(`[[],{},[1]]`); got != `[{},{},[1]]` {
		t.Errorf("got %s", got)
	}
	if v := s.must(t, "cjson.decode_array_with_array_mt", lua.True); !lua.RawEqual(v, lua.True) {
		t.Error("the setting is not returned")
	}
	if got := again(`[[],{},[1]]`); got != `[[],{},[1]]` {
		t.Errorf("with arrays marked: %s", got)
	}
	v := s.decode(t, `[]`)
	if err := s.SetStr(v.Table(), "k", lua.Int(1)); err != nil {
		t.Fatal(err)
	}
	if got := s.must(t, "cjson.encode", v).Str(); got != `{"k":1}` {
		t.Errorf("one that is no array any more: %s", got)
	}
	s.must(t, "cjson.decode_array_with_array_mt", lua.False)
	if got := again(`[]`); got != `{}` {
		t.Errorf("without: %s", got)
	}
}

// TestSettingsLast has states share what is set in one of them, once its script has ended well.
func TestSettingsLast(t *testing.T) {
	var shared lib.Settings
	a, b := newCodecs(t, lua.Options{}, &shared), newCodecs(t, lua.Options{}, &shared)
	depth := func(s *codecState) int { return int(s.must(t, "cjson.encode_max_depth").Num()) }
	a.codecs.Begin()
	b.codecs.Begin()
	a.must(t, "cjson.encode_max_depth", lua.Int(7))
	if depth(a) != 7 || depth(b) != 1000 {
		t.Error("what one script sets, another sees at once, or itself does not")
	}
	a.codecs.Commit()
	if depth(b) != 1000 {
		t.Error("a script sees what was set while it ran")
	}
	b.codecs.Commit() // has set nothing
	b.codecs.Begin()
	if depth(b) != 7 {
		t.Error("the next script does not see it")
	}
	b.must(t, "cjson.encode_max_depth", lua.Int(8)) // and is undone: no Commit
	b.codecs.Begin()
	if depth(b) != 7 {
		t.Error("what a script that was undone has set is left")
	}
	if fresh := newCodecs(t, lua.Options{}, &shared); depth(fresh) != 7 {
		t.Error("a new state does not see it")
	}
	if own := newCodecs(t, lua.Options{}, nil); depth(own) != 1000 {
		t.Error("a state of its own sees it")
	}
}

var errEnough = errors.New("enough")

// TestBudget has the hook end what would take long: each of these goes on for minutes without.
func TestBudget(t *testing.T) {
	for name, call := range map[string]func(*codecState) error{
		"a table within itself, fourteen times": func(s *codecState) error {
			table, err := s.NewTable(14, 0)
			if err != nil {
				return err
			}
			for i := range 14 {
				if err := s.SetInt(table, i+1, lua.TableValue(table)); err != nil {
					return err
				}
			}
			_, err = s.Call(s.function("cmsgpack.pack"), lua.TableValue(table))
			return err
		},
		"an array with one element at its end": func(s *codecState) error {
			s.must(t, "cjson.encode_number_precision", lua.Int(3))
			if _, err := s.Call(s.function("cjson.encode_sparse_array"), lua.True, lua.Int(0)); err != nil {
				return err
			}
			table, err := s.NewTable(0, 1)
			if err != nil {
				return err
			}
			if err := s.Set(table, lua.Number(math.MaxInt32), lua.True); err != nil {
				return err
			}
			_, err = s.Call(s.function("cjson.encode"), lua.TableValue(table))
			return err
		},
	} {
		left := 100
		hook := func() error {
			if left--; left < 0 {
				return errEnough
			}
			return nil
		}
		s := newCodecs(t, lua.Options{Hook: hook, Step: 1000}, nil)
		if err := call(s); !errors.Is(err, errEnough) {
			t.Errorf("%s: %v", name, err)
		}
		left = 1000
		if got := s.must(t, "cjson.encode", s.decode(t, `[1]`)).Str(); got != "[1]" {
			t.Errorf("%s: afterwards it encodes %s", name, got)
		}
	}
}

// TestMemory has the limit end what would take much, and the state is good afterwards.
func TestMemory(t *testing.T) {
	const limit = 1 << 20
	for name, call := range map[string]func(*codecState) error{
		"JSON of many arrays": func(s *codecState) error {
			_, err := s.Call(s.function("cjson.decode"), s.string(t, "["+strings.Repeat("[],", 100_000)+"1]"))
			return err
		},
		"JSON of many strings": func(s *codecState) error {
			_, err := s.Call(s.function("cjson.decode"), s.string(t, "["+strings.Repeat(`"a",`, 100_000)+"1]"))
			return err
		},
		"MessagePack of many maps": func(s *codecState) error {
			_, err := s.Call(s.function("cmsgpack.unpack"), s.string(t, "\xdd\x00\x01\x00\x00"+strings.Repeat("\x80", 65536)))
			return err
		},
		"MessagePack of tables as keys": func(s *codecState) error {
			_, err := s.Call(s.function("cmsgpack.unpack"), s.string(t, "\xdf\x00\x01\x00\x00"+strings.Repeat("\x81\x01\x02\x01", 65536)))
			return err
		},
		"a string that grows sixfold": func(s *codecState) error {
			_, err := s.Call(s.function("cjson.encode"), s.string(t, strings.Repeat("\x01", limit/4)))
			return err
		},
		"the same string many times": func(s *codecState) error {
			args := make([]lua.Value, 101)
			args[0] = s.string(t, strings.Repeat("s", 100))
			args[1] = s.string(t, strings.Repeat("x", limit/50))
			for i := range args[2:] {
				args[i+2] = args[1]
			}
			_, err := s.Call(s.function("struct.pack"), args...)
			return err
		},
	} {
		s := newCodecs(t, lua.Options{Memory: limit}, nil)
		var raised *lua.Error
		if err := call(s); !errors.As(err, &raised) || raised.Error() != "not enough memory" {
			t.Errorf("%s: %v", name, err)
		}
		if got := s.must(t, "cjson.encode", s.decode(t, `[1]`)).Str(); got != "[1]" {
			t.Errorf("%s: afterwards it encodes %s", name, got)
		}
	}
}
