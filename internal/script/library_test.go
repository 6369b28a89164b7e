// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redpoll/redpoll/internal/clock"
	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/mem"
)

// libraryBox gives a sandbox for functions, whose values may take so many bytes.
func libraryBox(t testing.TB, limit int64) *sandbox {
	t.Helper()
	m := New(Options{
		Log: slog.New(slog.DiscardHandler), MemoryLimit: func() int64 { return limit }, Version: func() string { return "7.0.15" }, Clock: clock.Real(),
		Account: new(mem.Account),
	})
	box, err := m.newSandbox(forFunctions)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func noTick() error { return nil }

// libraryNamed gives a library with functions that have these names.
func libraryNamed(name string, functions ...string) *library {
	l := &library{name: name, code: name, body: new(lua.Proto)}
	for _, f := range functions {
		l.functions = append(l.functions, &function{name: f, library: l})
	}
	return l
}

// show writes a set as text.
func (s *librarySet) show() string {
	var words []string
	for _, l := range s.all() {
		words = append(words, l.name)
	}
	return fmt.Sprint(strings.Join(words, " "), " with ", s.count())
}

// TestLibrarySets makes sets of sets: those that there were stay what they are.
func TestLibrarySets(t *testing.T) {
	empty := (*librarySet)(nil)
	ab, err := empty.join([]*library{libraryNamed("b", "f", "g"), libraryNamed("a", "h")}, false)
	if err != nil || ab.show() != "a b with 3" {
		t.Fatalf("%v, %v", ab.show(), err)
	}
	for _, tc := range []struct {
		add     *library
		replace bool
		want    string // the set, or the error
	}{
		{libraryNamed("c", "i"), false, "a b c with 4"},
		{libraryNamed("A", "i"), false, "A a b with 4"},
		{libraryNamed("a", "i"), false, "ERR Library a already exists"},
		{libraryNamed("a", "i", "j"), true, "a b with 4"},
		{libraryNamed("a", "H"), true, "a b with 3"},
		{libraryNamed("c", "H"), true, "ERR Function H already exists"},
		{libraryNamed("b", "h"), true, "ERR Function h already exists"},
	} {
		joined, err := ab.join([]*library{tc.add}, tc.replace)
		got := joined.show()
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s, replace %v: %s, want %s", tc.add.name, tc.replace, got, tc.want)
		}
		put := ab.clone()
		if perr := put.put(tc.add, tc.replace); (perr == nil) != (err == nil) || err == nil && put.show() != joined.show() {
			t.Errorf("%s, replace %v: %v when it is put into the set", tc.add.name, tc.replace, perr)
		}
	}
	if ab.show() != "a b with 3" || empty.show() != " with 0" || empty.function([]byte("f")) != nil || len(empty.codes()) != 0 {
		t.Errorf("%s, %s", ab.show(), empty.show())
	}
	size := ab.bytes()
	less := ab.clone()
	less.unlink(less.named("b"))
	if less.show() != "a with 1" || less.bytes() >= size || !slices.Equal(ab.codes(), []string{"a", "b"}) {
		t.Errorf("%s, %d bytes of %d", less.show(), less.bytes(), size)
	}
	for name, want := range map[string]bool{"f": true, "F": true, "H": true, "": false, "i": false, "f\x00": false, strings.Repeat("f", 1000): false} {
		if got := ab.function([]byte(name)) != nil; got != want {
			t.Errorf("the function %.10q is there: %v", name, got)
		}
	}
}

// TestLibraryCallbacks has a sandbox run libraries as their functions are called, and forget those that are gone.
func TestLibraryCallbacks(t *testing.T) {
	box := libraryBox(t, 10<<20)
	m := box.machine
	load := func(code string) {
		t.Helper()
		next := m.libraries.set().clone()
		l, err := box.newLibrary(code, next, true, time.Minute, noTick)
		if err == nil {
			err = next.put(l, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		m.publish(next)
	}
	call := func(name string) float64 {
		t.Helper()
		v, err := box.callback(m.libraries.set().function([]byte(name)), noTick)
		if err != nil {
			t.Fatal(err)
		}
		results, err := box.state.Call(v)
		if err != nil {
			t.Fatal(err)
		}
		return results[0].Num()
	}
	load("#!lua name=a\nlocal n = 0 redis.register_function('f', function() n = n + 1 return n end) redis.register_function('g', function() return n end)")
	load("#!lua name=b\nlocal n = 10 redis.register_function('h', function() n = n + 1 return n end)")
	for _, tc := range []struct {
		name string
		want float64
	}{{"f", 1}, {"f", 2}, {"g", 2}, {"h", 11}} {
		if got := call(tc.name); got != tc.want {
			t.Errorf("%s gives %v, want %v", tc.name, got, tc.want)
		}
	}
	load("#!lua name=b\nlocal n = 20 redis.register_function('h', function() n = n + 1 return n end)")
	if f, h := call("f"), call("h"); f != 3 || h != 21 {
		t.Errorf("with b replaced f gives %v, h %v", f, h)
	}
	m.ClearLibraries()
	load("#!lua name=a\nredis.register_function('f', function() return 7 end)")
	if f := call("f"); f != 7 || len(box.libraries.callbacks) != 1 {
		t.Errorf("f gives %v, and there are %d callbacks", f, len(box.libraries.callbacks))
	}
}

// TestLibraryEnds has what ends a library from outside come through.
func TestLibraryEnds(t *testing.T) {
	box, stopped := libraryBox(t, 1<<20), errors.New("stopped")
	const endless = "#!lua name=a\nredis.register_function('f', function() end) while true do end"
	if _, err := box.newLibrary(endless, nil, false, 0, func() error { return stopped }); err != stopped {
		t.Errorf("stopped: %v", err)
	}
	if _, err := box.newLibrary(endless, nil, false, time.Millisecond, noTick); err != errTimeout {
		t.Errorf("too slow: %v", err)
	}
	const want = command.Error("ERR Error registering functions: ERR not enough memory")
	if _, err := box.newLibrary("#!lua name=a\nlocal s = ('x'):rep(1000000) s = s .. s", nil, false, time.Minute, noTick); err != want {
		t.Errorf("too large: %v", err)
	}
	if _, err := box.newLibrary("#!lua name=a\nredis.register_function('f', function() end)", nil, false, time.Minute, noTick); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// FuzzLibrary loads texts as libraries, as FUNCTION LOAD does: they are refused, or can be loaded again, and their functions called.
func FuzzLibrary(f *testing.F) {
	for _, body := range []string{
		"redis.register_function('f', function(keys, args) return #keys end)",
		"redis.register_function{function_name='f', callback=redis.log, flags={'no-writes', 'allow-oom'}, description='d'}",
		"local t = {} for i = 1, 100 do t[i] = ('x'):rep(i) redis.register_function('f' .. i, function() return t[i] end) end",
		"local r = redis.register_function r('f', function() r('g', r) end)",
		"redis.register_function({[1]=2}) while true do end", "x = 1", "return redis.x", "\x1bLua", "goto x", "f(",
	} {
		f.Add("#!lua name=a\n" + body)
	}
	f.Add("#!lua \"name=a\" \n")
	f.Add("#!\x00\n")
	box := libraryBox(f, 4<<20)
	f.Fuzz(func(t *testing.T, code string) {
		l, err := box.newLibrary(code, nil, false, 50*time.Millisecond, noTick)
		if err != nil {
			if bad := command.Error(""); !errors.As(err, &bad) || !strings.HasPrefix(string(bad), "ERR ") {
				t.Fatalf("%q", err)
			}
			return
		}
		set := (*librarySet)(nil).clone()
		if err := set.put(l, false); err != nil || len(l.functions) == 0 || set.function([]byte(l.functions[0].name)) == nil {
			t.Fatalf("%v, %d functions", err, len(l.functions))
		}
		box.machine.publish(set)
		for _, fn := range l.functions {
			if _, err := box.callback(fn, noTick); err != nil {
				t.Fatalf("%s: %v", fn.name, err)
			}
		}
	})
}
