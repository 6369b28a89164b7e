// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/lua"
	"github.com/redpoll/redpoll/internal/mem"
)

// Terms:
//
//   - A library is a text that registers functions when it is run. It is known by its name, and replaced as a whole.
//   - A callback is a Lua function that a library has registered, in one Lua state.
//   - A function is called by its name, which no function of another library has, in any case of its letters.
//   - The set is all libraries that there are. It is never changed: whoever adds or removes libraries makes another set of it and publishes
//     that. So who has got the set, as a snapshot has at its instant, has all libraries as they were, without a lock.
//
// Commands that publish a set do so with the world still, so that the effect log has them in the order of the sets. What may take long, running
// a library that a client has sent, they do before that (library_change.go).
//
// Nothing of a set belongs to a Lua state: each worker runs a library's text in the state of its own when it first needs one of its functions
// (library_load.go). What is local to a library, and changes, is therefore a worker's.

// A library is never changed once it is in a set.
type library struct {
	name      string
	code      string      // the whole text, with the line that names the library
	body      *lua.Proto  // of what is behind that line
	functions []*function // in the order in which they were registered
}

// A function is never changed once its library is in a set, but for its counters.
type function struct {
	name        string
	description string
	described   bool // it has a description
	flags       command.ScriptFlags
	library     *library
	serial      int // unlike that of any other function there ever was
	counts      command.ScriptCounts
}

// What a library and a function take of memory beside their texts, in bytes, about.
const (
	libraryCost  = 256
	functionCost = 224
)

// size is about what the library takes of memory, in bytes.
func (l *library) size() int64 {
	n := libraryCost + int64(len(l.name)+len(l.code)) + l.body.Size()
	for _, f := range l.functions {
		n += f.size()
	}
	return n
}

// size is about what the function takes of memory, in bytes.
func (f *function) size() int64 { return int64(functionCost + 2*len(f.name) + len(f.description)) }

// librarySet is a set of libraries. nil is the empty set.
type librarySet struct {
	list      []*library           // by name
	functions map[string]*function // by name, in lower case
	size      int64                // bytes that the libraries take
}

// clone gives a set that may be changed until it is published.
func (s *librarySet) clone() *librarySet {
	if s == nil {
		return &librarySet{functions: map[string]*function{}}
	}
	return &librarySet{list: slices.Clone(s.list), functions: maps.Clone(s.functions), size: s.size}
}

// all gives the libraries by name.
func (s *librarySet) all() []*library {
	if s == nil {
		return nil
	}
	return s.list
}

// count gives the number of functions.
func (s *librarySet) count() int {
	if s == nil {
		return 0
	}
	return len(s.functions)
}

// bytes gives what the libraries take of memory.
func (s *librarySet) bytes() int64 {
	if s == nil {
		return 0
	}
	return s.size
}

// codes gives the texts of the libraries.
func (s *librarySet) codes() []string {
	codes := make([]string, 0, len(s.all()))
	for _, l := range s.all() {
		codes = append(codes, l.code)
	}
	return codes
}

// place finds where a library of that name is in the list, or would be.
func (s *librarySet) place(name string) (i int, found bool) {
	return slices.BinarySearchFunc(s.all(), name, func(l *library, name string) int { return cmp.Compare(l.name, name) })
}

// named gives the library of that name; nil when there is none.
func (s *librarySet) named(name string) *library {
	if i, found := s.place(name); found {
		return s.list[i]
	}
	return nil
}

// function gives the function of that name; nil when there is none.
func (s *librarySet) function(name []byte) *function {
	if s == nil {
		return nil
	}
	var room [64]byte
	low := room[:0]
	for _, c := range name {
		if c-'A' <= 'Z'-'A' {
			c += 'a' - 'A'
		}
		low = append(low, c)
	}
	return s.functions[string(low)]
}

// link adds a library, whose name and functions must be new to the set.
func (s *librarySet) link(l *library) {
	i, _ := s.place(l.name)
	s.list = slices.Insert(s.list, i, l)
	for _, f := range l.functions {
		s.functions[strings.ToLower(f.name)] = f
	}
	s.size += l.size()
}

// unlink removes a library of the set.
func (s *librarySet) unlink(l *library) {
	i, _ := s.place(l.name)
	s.list = slices.Delete(s.list, i, i+1)
	for _, f := range l.functions {
		delete(s.functions, strings.ToLower(f.name))
	}
	s.size -= l.size()
}

// clash gives the first function of a library that has the name of one in the set; nil when there is none.
func (s *librarySet) clash(l *library) *function {
	for _, f := range l.functions {
		if s.functions[strings.ToLower(f.name)] != nil {
			return f
		}
	}
	return nil
}

// errLibraryThere is the error for a library with the name of another.
func errLibraryThere(name string) error {
	return command.Error("ERR Library '" + name + "' already exists")
}

// errFunctionThere is the error for a function with the name of another library's.
func errFunctionThere(f *function) error {
	return command.Error("ERR Function " + f.name + " already exists")
}

// put adds a library to a set that is not published yet, with replace in the place of one with its name. With an error it is not added, and the
// set is of no use.
func (s *librarySet) put(l *library, replace bool) error {
	if old := s.named(l.name); old != nil {
		if !replace {
			return errLibraryThere(l.name)
		}
		s.unlink(old)
	}
	if f := s.clash(l); f != nil {
		return errFunctionThere(f)
	}
	s.link(l)
	return nil
}

// join adds libraries, which do not clash with each other: all of them, or with an error none. With replace they take the place of those that
// have their names.
func (s *librarySet) join(add []*library, replace bool) (*librarySet, error) {
	joined := s.clone()
	for _, l := range add {
		old := joined.named(l.name)
		switch {
		case old == nil:
		case !replace:
			return nil, command.Error("ERR Library " + l.name + " already exists")
		default:
			joined.unlink(old)
		}
	}
	for _, l := range add {
		if f := joined.clash(l); f != nil {
			return nil, errFunctionThere(f)
		}
	}
	for _, l := range add {
		joined.link(l)
	}
	return joined, nil
}

// libraries is the set that there is. Its zero value is ready, and has the empty one. Sets are published by one goroutine at a time: one that
// has the world still, or the one that loads data while nobody else may change any.
type libraries struct {
	current  atomic.Pointer[librarySet]
	serial   atomic.Int64 // of the function that was made last
	prepared atomic.Pointer[prepared]
	changes  command.ScriptCounts // see Machine.change
}

// set gives the set that there is.
func (l *libraries) set() *librarySet { return l.current.Load() }

// publish makes a set the one that there is.
func (m *Machine) publish(s *librarySet) {
	was := m.libraries.current.Swap(s)
	m.options.Account.Add(mem.Programs, s.bytes()-was.bytes())
}
