// SPDX-License-Identifier: BSD-3-Clause

package lib_test

import (
	"testing"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/lua/lib"
)

// A state is a machine with all libraries.
type state struct {
	*lua.State
	codecs *lib.Codecs
}

func newState(t testing.TB) *state {
	t.Helper()
	return newStateWith(t, lua.Options{Memory: 512 << 20}, nil)
}

func newStateWith(t testing.TB, o lua.Options, shared *lib.Settings) *state {
	t.Helper()
	s := lua.New(o)
	if _, err := lib.Open(s, clock.Real()); err != nil {
		t.Fatal(err)
	}
	codecs, err := lib.OpenCodecs(s, shared)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cjson", "cmsgpack", "struct", "bit"} { // as the server does with all that scripts can reach
		s.Globals().GetStr(name).Table().Readonly = true
	}
	return &state{s, codecs}
}

// call runs a script whose global ARGV is argv.
func (s *state) call(t testing.TB, script string, argv ...string) ([]lua.Value, error) {
	t.Helper()
	p, err := lua.Compile(script, "@user_script")
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.NewTable(len(argv), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, arg := range argv {
		v, err := s.NewString(arg)
		if err == nil {
			err = s.SetInt(list, i+1, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetStr(s.Globals(), "ARGV", lua.TableValue(list)); err != nil {
		t.Fatal(err)
	}
	return s.Call(s.Load(p, nil))
}

// strings runs a script that returns an array of strings.
func (s *state) strings(t testing.TB, script string, argv []string) (all []string) {
	t.Helper()
	results, err := s.call(t, script, argv...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range argv {
		all = append(all, results[0].Table().GetInt(i+1).Str())
	}
	return all
}
