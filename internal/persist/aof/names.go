// SPDX-License-Identifier: BSD-3-Clause

package aof

import (
	"fmt"
	"strconv"
	"strings"
)

// Names gives the files of a directory their names, which all begin with one word: the directive appendfilename.
type Names string

// Base gives the name of a base. rdb says that it has the form of a snapshot.
func (n Names) Base(seq int64, rdb bool) string {
	suffix := "aof"
	if rdb {
		suffix = "rdb"
	}
	return fmt.Sprintf("%s.%d.base.%s", n, seq, suffix)
}

// Incr gives the name of an increment.
func (n Names) Incr(seq int64) string { return fmt.Sprintf("%s.%d.incr.aof", n, seq) }

// parse tells of a name what Base or Incr was called with to give it; ok is false if neither gives it.
func (n Names) parse(name string) (f File, ok bool) {
	rest, ok := strings.CutPrefix(name, string(n)+".")
	digits, _, _ := strings.Cut(rest, ".")
	seq, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return File{}, false
	}
	switch name {
	case n.Base(seq, true), n.Base(seq, false):
		return File{name, seq, Base}, true
	case n.Incr(seq):
		return File{name, seq, Incr}, true
	}
	return File{}, false
}

// Manifest gives the name of the manifest.
func (n Names) Manifest() string { return string(n) + ".manifest" }

// tempManifest gives the name of a manifest that is being written.
func (n Names) tempManifest() string { return tempPrefix + n.Manifest() }

// TempIncr gives the name of the increment that is written while the first base is made: it has no number before there is one.
func (n Names) TempIncr() string { return tempPrefix + string(n) + ".incr" }

const tempPrefix = "temp-"
