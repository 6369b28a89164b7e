// SPDX-License-Identifier: BSD-3-Clause

package session

import (
	"bytes"
	"slices"
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/num"
)

// Errors of filters.
const (
	errClientID      command.Error = "ERR Invalid client ID"
	errKillID        command.Error = "ERR client-id should be greater than 0"
	errMaxAgeInteger command.Error = "ERR maxage is not an integer or out of range"
	errMaxAge        command.Error = "ERR maxage should be greater than 0"
	errIdleInteger   command.Error = "ERR idle is not an integer or out of range"
	errIdle          command.Error = "ERR idle should be greater than 0"
)

// filter says which connections CLIENT LIST and CLIENT KILL mean: those that match in all that is set.
type filter struct {
	ids        []int64 // in the order given; nil: any
	conditions []condition
	self       bool // the caller's own may be among them
}

// condition is one word of a filter: it is for or, with NOT- before the word, against those that match.
type condition struct {
	word    string
	matches func(*Session) bool
	not     bool
}

// parse reads the words and values of a filter. A word that comes again takes the place of the earlier one.
func (f *filter) parse(h *Hub, args [][]byte, readIDs idReader) error {
	for len(args) > 0 {
		word := strings.ToUpper(string(args[0]))
		if len(args) == 1 {
			return command.ErrSyntax
		}
		value, n, err := args[1], 2, error(nil)
		switch word {
		case "ID":
			f.ids, n, err = readIDs(args)
		case "NOT-ID":
			var ids []int64
			ids, n, err = readIDs(args)
			slices.Sort(ids) // they may be very many
			f.set(condition{word, func(s *Session) bool {
				_, found := slices.BinarySearch(ids, s.id)
				return found
			}, true})
		case "SKIPME":
			f.self, err = parseSkipMe(value)
		case "MAXAGE":
			var age int64
			age, err = positive(value, errMaxAgeInteger, errMaxAge)
			f.set(condition{word, func(s *Session) bool { return s.age() >= age }, false})
		case "IDLE":
			var idle int64
			idle, err = positive(value, errIdleInteger, errIdle)
			f.set(condition{word, func(s *Session) bool { return s.idle() >= idle }, false})
		default:
			c := condition{word: word}
			var plain string
			plain, c.not = strings.CutPrefix(word, "NOT-")
			c.matches, err = h.matcher(plain, value)
			f.set(c)
		}
		if err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// set adds a condition, or replaces the one with the same word.
func (f *filter) set(c condition) {
	if i := slices.IndexFunc(f.conditions, func(old condition) bool { return old.word == c.word }); i >= 0 {
		f.conditions[i] = c
		return
	}
	f.conditions = append(f.conditions, c)
}

// idReader reads the ids after the word args[0], of which there is one at least, and gives the number of arguments read.
type idReader func(args [][]byte) (ids []int64, n int, err error)

// listIDs takes any number. What is none and no word of a filter either was meant as one.
func listIDs(args [][]byte) (ids []int64, n int, err error) {
	for n = 1; n < len(args); n++ {
		id, ok := num.ParseInt(args[n])
		if !ok && n > 1 && isFilterWord(args[n]) {
			break
		}
		if !ok {
			return nil, n, errClientID
		}
		ids = append(ids, id)
	}
	return ids, n, nil
}

// killIDs takes numbers from 1 on; what is no number is the next word.
func killIDs(args [][]byte) (ids []int64, n int, err error) {
	for n = 1; n < len(args); n++ {
		id, ok := num.ParseInt(args[n])
		if !ok && n > 1 {
			break
		}
		if id < 1 {
			return nil, n, errKillID
		}
		ids = append(ids, id)
	}
	return ids, n, nil
}

// isFilterWord tells whether an argument is a word that a filter may have.
func isFilterWord(arg []byte) bool {
	word := strings.ToUpper(string(arg))
	switch word {
	case "SKIPME", "MAXAGE", "IDLE":
		return true
	}
	switch strings.TrimPrefix(word, "NOT-") {
	case "ADDR", "CAPA", "DB", "FLAGS", "ID", "IP", "LADDR", "LIB-NAME", "LIB-VER", "NAME", "TYPE", "USER":
		return true
	}
	return false
}

func parseSkipMe(value []byte) (self bool, err error) {
	switch {
	case command.EqualFold(value, "YES"):
		return false, nil
	case command.EqualFold(value, "NO"):
		return true, nil
	}
	return false, command.ErrSyntax
}

// positive reads a number of seconds.
func positive(value []byte, noNumber, notPositive error) (int64, error) {
	n, ok := num.ParseInt(value)
	switch {
	case !ok:
		return 0, noNumber
	case n <= 0:
		return 0, notPositive
	}
	return n, nil
}

// clientFlags are the letters of flags that CLIENT LIST may show in Redis, not all of them here.
const clientFlags = "AbBcdeIMNOPrRStTuUx"

// matcher gives the meaning of a word that may be negated.
func (h *Hub) matcher(word string, value []byte) (func(*Session) bool, error) {
	text := string(value)
	same := func(of func(*Session) string) (func(*Session) bool, error) {
		return func(s *Session) bool { return of(s) == text }, nil
	}
	switch word {
	case "ADDR":
		return same(func(s *Session) string { return s.conn.RemoteAddr() })
	case "LADDR":
		return same(func(s *Session) string { return s.shared.local })
	case "IP":
		return same((*Session).ip)
	case "NAME":
		return same(func(s *Session) string { return s.shared.told().name })
	case "LIB-NAME":
		return same(func(s *Session) string { return s.shared.told().libName })
	case "LIB-VER":
		return same(func(s *Session) string { return s.shared.told().libVersion })
	case "USER":
		if text != defaultUser {
			return nil, command.Error("ERR No such user '" + text + "'")
		}
		return func(*Session) bool { return true }, nil
	case "TYPE":
		t, err := parseType(value)
		return func(s *Session) bool { return s.shared.class() == t }, err
	case "DB":
		a := command.MakeArgs([][]byte{value})
		db := a.Int32()
		if err := a.Err(); err != nil {
			return nil, err
		}
		if db < 0 || db >= h.engine.Store.Databases() {
			return nil, command.ErrDBIndex
		}
		return func(s *Session) bool { return int(s.shared.db.Load()) == db }, nil
	case "FLAGS":
		if strings.Trim(text, clientFlags) != "" {
			return nil, command.Error("ERR Unknown flags found in the provided filter: " + text)
		}
		return func(s *Session) bool { return containsAll(s.shared.appendFlags(nil), value) }, nil
	case "CAPA":
		if strings.Trim(text, capabilities) != "" {
			return nil, command.Error("ERR Unknown capa found in the provided filter: " + text)
		}
		return func(s *Session) bool { return containsAll([]byte(s.shared.told().capa), value) }, nil
	}
	return nil, command.ErrSyntax
}

// containsAll tells whether all of the letters are among those of b.
func containsAll(b, letters []byte) bool {
	for _, c := range letters {
		if bytes.IndexByte(b, c) < 0 {
			return false
		}
	}
	return true
}

// matches tells whether a connection is one of those meant, but for ids and self.
func (f *filter) matches(s *Session) bool {
	for _, c := range f.conditions {
		if c.matches(s) == c.not {
			return false
		}
	}
	return true
}

// sessions gives those that the filter means: in the order of the ids given, or of all ids.
func (f *filter) sessions(c *command.Ctx) (list []*Session, err error) {
	self := of(c)
	self.publish()
	want := func(s *Session) bool { return (s != self || f.self) && f.matches(s) }
	if f.ids == nil {
		return slices.DeleteFunc(self.hub.Sessions(), func(s *Session) bool { return !want(s) }), nil
	}
	for i, id := range f.ids {
		if s := self.hub.Session(id); s != nil && want(s) {
			list = append(list, s)
		}
		if i%1000 == 999 && err == nil {
			err = c.Tick()
		}
	}
	return list, err
}
