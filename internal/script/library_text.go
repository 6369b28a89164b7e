// SPDX-License-Identifier: BSD-3-Clause

package script

import (
	"strings"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/resp"
)

// Errors of a library's text.
const (
	errNoMetadata  = command.Error("ERR Missing library metadata")
	errMetadata    = command.Error("ERR Invalid library metadata")
	errTwoNames    = command.Error("ERR Invalid metadata value, name argument was given multiple times")
	errNoName      = command.Error("ERR Library name was not given")
	errName        = command.Error("ERR " + badName)
	errNoFunctions = command.Error("ERR No functions registered")
)

const badName = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"

// libraryText is a library's text taken apart.
type libraryText struct {
	name   string
	engine string // the language, as it is written
	body   string // from the end of the first line on, so that lines have their numbers
}

// parseLibrary takes the text of a library apart. Its first line is "#!", the engine, and words of which one is "name=", the library's name.
func parseLibrary(code string) (t libraryText, err error) {
	line, rest, _ := strings.Cut(code, "\n")
	switch {
	case !strings.HasPrefix(code, "#!"):
		return t, errNoMetadata
	case len(line) == len(code), strings.IndexByte(line, 0) >= 0:
		return t, errMetadata
	}
	words, ok := resp.SplitWords(line)
	if !ok {
		return t, errMetadata
	}
	const prefix = "name="
	named := false
	for _, word := range words[1:] {
		switch {
		case len(word) < len(prefix) || !strings.EqualFold(word[:len(prefix)], prefix):
			word, _, _ = strings.Cut(word, "\x00")
			return t, command.Error("ERR Invalid metadata value given: " + word)
		case named:
			return t, errTwoNames
		}
		t.name, named = word[len(prefix):], true
	}
	if !named {
		return t, errNoName
	}
	t.engine, t.body = words[0][len("#!"):], code[len(code)-len(rest)-1:]
	return t, nil
}

// check tells what is wrong with the name and the engine of a text.
func (t *libraryText) check() error {
	switch {
	case !validName(t.name):
		return errName
	case !strings.EqualFold(t.engine, engineName):
		return command.Error("ERR Engine '" + t.engine + "' not found")
	}
	return nil
}

// engineName is the name of the one engine that there is.
const engineName = "LUA"

// validName tells whether a library or a function may be called so.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && c-'0' > 9 && c|0x20-'a' > 'z'-'a' {
			return false
		}
	}
	return name != ""
}
