// SPDX-License-Identifier: BSD-3-Clause

package sorting

import "github.com/redpoll/redpoll/internal/command"

// options is what a call asks for.
type options struct {
	source, target []byte // target is that of STORE, nil without it
	by             pattern
	gets           []pattern
	offset, count  int64 // of LIMIT; as many as there are with a count below 0
	desc, alpha    bool
	unsorted       bool // BY named something that is the same for all elements
}

// parse reads a call's arguments. Options that come again count as they come last, but that unsorted stays.
func parse(a command.Args, store bool) (o options, err error) {
	o.source, o.count = a.Key(), -1
	for a.More() {
		switch {
		case a.Keyword("ASC"):
			o.desc = false
		case a.Keyword("DESC"):
			o.desc = true
		case a.Keyword("ALPHA"):
			o.alpha = true
		case a.Keyword("LIMIT") && a.Len() >= 2:
			o.offset, o.count = a.Int(), a.Int()
		case a.Keyword("BY"):
			o.by = parsePattern(a.Bytes())
			o.unsorted = o.unsorted || !o.by.varies
		case a.Keyword("GET"):
			o.gets = append(o.gets, parsePattern(a.Bytes()))
		case store && a.Keyword("STORE"):
			o.target = a.Key()
		default:
			a.Fail(command.ErrSyntax)
		}
	}
	return o, a.Done()
}

// lookups tells whether values are looked up under keys that no word of the call names.
func (o *options) lookups() bool {
	if o.by.varies && !o.unsorted {
		return true
	}
	for i := range o.gets {
		if o.gets[i].varies {
			return true
		}
	}
	return false
}

// limits gives the part of n elements that LIMIT asks for, from first up to before end.
func (o *options) limits(n int) (first, end int) {
	first = int(min(max(o.offset, 0), int64(n)))
	if o.count < 0 {
		return first, n
	}
	return first, first + int(min(o.count, int64(n-first)))
}

// needsAll and needsAllRO are the NeedsAll of the records.
func needsAll(argv [][]byte) bool {
	o, err := parse(command.MakeArgs(argv[1:]), true)
	if err != nil {
		return false
	}
	target := targetAt(argv)
	return o.lookups() || o.target != nil && (target == 0 || string(argv[target]) != string(o.target))
}

func needsAllRO(argv [][]byte) bool {
	o, err := parse(command.MakeArgs(argv[1:]), false)
	return err == nil && o.lookups()
}

// sortKeys and sortROKeys are the FindKeys of the records.
func sortKeys(dst []command.KeyRef, argv [][]byte) ([]command.KeyRef, bool) {
	dst, _ = sortROKeys(dst, argv)
	if at := targetAt(argv); at > 0 {
		dst = append(dst, command.KeyRef{Pos: at, Flags: command.OW | command.Update})
	}
	return dst, true
}

func sortROKeys(dst []command.KeyRef, _ [][]byte) ([]command.KeyRef, bool) {
	return append(dst, command.KeyRef{Pos: 1, Flags: command.RO | command.Access}), true
}

// targetAt finds the key behind the last STORE, 0 for none, in the way of Redis's COMMAND GETKEYS: what stands behind STORE may be an
// option too ("STORE get STORE k"). needsAll knows such calls.
func targetAt(argv [][]byte) (at int) {
	for i := 2; i < len(argv); i++ {
		switch word := argv[i]; {
		case command.EqualFold(word, "LIMIT"):
			i += 2
		case command.EqualFold(word, "GET"), command.EqualFold(word, "BY"):
			i++
		case command.EqualFold(word, "STORE") && i+1 < len(argv):
			at = i + 1
		}
	}
	return at
}
