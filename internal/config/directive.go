// SPDX-License-Identifier: BSD-3-Clause

package config

import "math"

// Kind says what the value of a directive is: how its text is checked and which handle reads it.
type Kind uint8

// The kinds of directives and the handle of each.
const (
	Bool            Kind = iota // yes or no (handle Bool)
	Int                         // a decimal integer within Min..Max (handle Int)
	Memory                      // bytes, with the units b k kb m mb g gb (handle Int)
	PercentOrMemory             // as Memory, or "n%", which is held as -n (handle Int)
	Octal                       // file permissions in octal (handle Int)
	Enum                        // one of Names, in any case (handle Enum)
	EnumSet                     // some of Names[1:], or Names[0] for none (handle Enum)
	String                      // any text (handle Str)
	Special                     // its own grammar and its own accessor on Config
)

// Flags are properties of a directive that CONFIG looks at.
type Flags uint8

// The properties of directives.
const (
	Immutable   Flags = 1 << iota // CONFIG SET refuses it
	Sensitive                     // its value is a secret: never logged
	Hidden                        // CONFIG GET shows it only when asked by its exact name
	Protected                     // CONFIG SET refuses it unless enable-protected-configs allows it
	Debug                         // there for developers of the server
	DenyLoading                   // CONFIG SET refuses it while data is being loaded
	Once                          // it is for one start: CONFIG REWRITE leaves it as the file has it
	KeepEmpty                     // String: "" is a value, and CONFIG REWRITE keeps a line that says so
)

// Status says what a directive does in Redpoll.
type Status uint8

// The states of directives.
const (
	Works   Status = iota // it does what it does in Redis, but for what Here says
	Ignored               // by design there is nothing here that it could set
	Later                 // what it sets is not in this version
)

// A Directive is one record of the table from which the parser, CONFIG and the documentation derive.
type Directive struct {
	Name    string
	Aliases []string // other names of the same value; CONFIG GET shows each of them
	Kind    Kind
	Flags   Flags
	Min     int64    // smallest value of the numeric kinds
	Max     uint64   // largest value of the numeric kinds
	Names   []string // the words of Enum and EnumSet
	Newer   int      // the last so many Names are newer than Redis 7.0, whose errors do not list them
	Default string   // as in a configuration file
	Status  Status
	Here    string // what is different in Redpoll, or why the directive has no effect
	Doc     string // one line

	check func(old, s string) (string, error)             // String: the value to keep for s
	fix   func(v int64) int64                             // numeric kinds: the value to keep for v
	words func(set []string) error                        // EnumSet: which words may not stand together
	make  func(d *Directive, defaults []string) anyHandle // Special: its value
}

// Numeric bounds as the directives of Redis have them.
const (
	minI32 = math.MinInt32
	maxI32 = math.MaxInt32
	maxU32 = math.MaxUint32
	maxI64 = math.MaxInt64
	maxU64 = math.MaxUint64
)

// Directives returns the whole table, in the order of CONFIG GET *. The slice is the caller's.
func Directives() []Directive {
	var all []Directive
	for _, part := range [][]Directive{
		networkTable(), processTable(), memoryTable(), encodingTable(), persistenceTable(), backupTable(),
		replicationTable(), clusterTable(), tlsTable(), monitoringTable(), debugTable(),
	} {
		all = append(all, part...)
	}
	return all
}

// lineOnly names the directives that a configuration file may have and CONFIG does not know, with the numbers of
// their arguments (max < 0: any number).
func lineOnly(name string) (min, max int, ok bool) {
	switch name {
	case "include", "list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands":
		return 1, 1, true
	case "rename-command":
		return 2, 2, true
	case "user", "loadmodule":
		return 1, -1, true
	}
	return 0, 0, false
}
