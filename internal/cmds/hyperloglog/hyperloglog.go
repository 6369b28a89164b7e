// SPDX-License-Identifier: BSD-3-Clause

// Package hyperloglog is the family of commands on HyperLogLogs, which are strings whose bytes are those that Redis keeps (ds/hll): the table
// first, handlers in the files named after what they do (change.go, count.go, debug.go, selftest.go). The package knows nothing of locks,
// sockets or other families.
package hyperloglog

import (
	"errors"

	"github.com/redpoll/redpoll/internal/command"
	"github.com/redpoll/redpoll/internal/ds/hll"
	"github.com/redpoll/redpoll/internal/store"
)

// Family declares every command on HyperLogLogs.
var Family = command.Family{Name: "hyperloglog", Category: command.CatHyperLogLog, Commands: []command.Spec{
	{
		Name: "PFADD", Since: "2.8.9", Complexity: "O(1) for each element",
		Summary: "Adds elements to a HyperLogLog, which is made if it is not there.",
		Syntax:  "key [element]...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Insert),
		Run:     pfadd,
	},
	{
		Name: "PFCOUNT", Since: "2.8.9", Complexity: "O(1), or O(N) for several keys, N being their number",
		Summary: "Estimates how many different elements were added to HyperLogLogs, to all of them together.",
		Syntax:  "key...",
		Flags:   command.ReadOnly | command.MayReplicate,
		Keys:    []command.KeySpec{command.KeyRange(1, -1, 1, 0, command.RW|command.Access)},
		Run:     pfcount,
	},
	{
		Name: "PFDEBUG", Since: "2.8.9", Complexity: "N/A",
		Summary:  "Shows how a HyperLogLog is kept.",
		Syntax:   "subcommand key",
		Flags:    command.Write | command.DenyOOM | command.Admin,
		DocFlags: command.DocSysCmd,
		Keys:     []command.KeySpec{command.KeyAt(2, command.RW|command.Access)},
		Run:      pfdebug,
	},
	{
		Name: "PFMERGE", Since: "2.8.9", Complexity: "O(N), N being the number of HyperLogLogs",
		Summary: "Makes a HyperLogLog count what it and others do together.",
		Syntax:  "destkey:key [sourcekey:key@1]...",
		Flags:   command.Write | command.DenyOOM,
		Keys: []command.KeySpec{
			command.KeyAt(1, command.RW|command.Access|command.Insert), command.KeyRange(2, -1, 1, 0, command.RO|command.Access),
		},
		Run: pfmerge,
	},
	{
		Name: "PFSELFTEST", Since: "2.8.9", Complexity: "N/A",
		Summary:  "Tests that HyperLogLogs estimate well.",
		Flags:    command.Admin,
		DocFlags: command.DocSysCmd,
		Run:      pfselftest,
	},
}}

// The errors of ds/hll, as clients see them.
const (
	errNotValue command.Error = "WRONGTYPE Key is not a valid HyperLogLog string value."
	errDamaged  command.Error = "INVALIDOBJ Corrupted HLL object detected"
)

// shown gives the error that a client gets for one of ds/hll.
func shown(err error) error {
	switch {
	case errors.Is(err, hll.ErrNotValue):
		return errNotValue
	case errors.Is(err, hll.ErrDamaged):
		return errDamaged
	}
	return err
}

// valueOf gives the HyperLogLog that a string is, in place. The error goes to the client.
func valueOf(it *store.Item) (value []byte, e hll.Encoding, err error) {
	n := it.TextLen()
	value = it.Slice(0, min(n, hll.MaxSize), nil) // a long string's beginning lies in one piece
	e, err = hll.EncodingOf(value, n)
	return value, e, shown(err)
}
