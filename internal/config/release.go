// SPDX-License-Identifier: BSD-3-Clause

package config

import (
	"fmt"
	"hash/fnv"
	"runtime/debug"
)

// Release is Redpoll's own version, beside the version of Redis that redis-version names.
const Release = "0.1.0"

// Build says what the running program was made from.
type Build struct {
	Commit   string // eight hexadecimal digits, zeros when not known
	Modified bool   // the source differed from that commit
	ID       string // hexadecimal digits that differ from build to build
}

// ReadBuild gives what the Go tool noted in the program.
func ReadBuild() Build {
	b := Build{Commit: "00000000"}
	id := fnv.New64a()
	if info, ok := debug.ReadBuildInfo(); ok {
		id.Write([]byte(info.String()))
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && len(s.Value) >= len(b.Commit):
				b.Commit = s.Value[:len(b.Commit)]
			case s.Key == "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	b.ID = fmt.Sprintf("%x", id.Sum64())
	return b
}
