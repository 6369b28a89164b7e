// SPDX-License-Identifier: BSD-3-Clause

package aof

import "fmt"

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

// Manifest gives the name of the manifest.
func (n Names) Manifest() string { return string(n) + ".manifest" }

// tempManifest gives the name of a manifest that is being written.
func (n Names) tempManifest() string { return tempPrefix + n.Manifest() }

// TempIncr gives the name of the increment that is written while the first base is made: it has no number before there is one.
func (n Names) TempIncr() string { return tempPrefix + string(n) + ".incr" }

const tempPrefix = "temp-"
