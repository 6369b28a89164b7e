// SPDX-License-Identifier: BSD-3-Clause

// Package bits is the family of commands on the bits of strings: table first, handlers in the files named after what they
// do (bit.go, count.go, combine.go, field.go); words.go has the loops over bytes. Bit 0 is the highest of the first byte. The
// package knows nothing of locks, sockets or other families.
package bits

import "github.com/redpoll/redpoll/internal/command"

// Family declares every bitmap command.
var Family = command.Family{Name: "bitmap", Category: command.CatBitmap, Commands: []command.Spec{
	{
		Name: "BITCOUNT", Since: "2.6.0", Complexity: "O(N), N being the bytes that are looked at",
		Summary: "Counts the bits of a string, or of a part of it, that are set.",
		Syntax:  "key index=[start:int end:int index_unit=[BYTE | BIT]{7.0.0}]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "7.0.0", Text: "The options `BYTE` and `BIT` came."}},
		Run:     bitCount,
	},
	{
		Name: "BITFIELD", Since: "3.2.0", Complexity: "O(1) for each operation",
		Summary: "Reads, sets and raises integers of any width within a string.",
		Syntax: "key operation=[GET (encoding offset:int) | write=([OVERFLOW (WRAP | SAT | FAIL)] " +
			"write_operation=(SET (encoding offset:int value:int) | INCRBY (encoding offset:int increment:int)))]...",
		Flags: command.Write | command.DenyOOM,
		Keys:  command.OneKey(command.RW | command.Access | command.Update | command.VariableFlags), FindKeys: bitFieldKeys,
		Run: bitField,
	},
	{
		Name: "BITFIELD_RO", Since: "6.0.0", Complexity: "O(1) for each operation",
		Summary: "Reads integers of any width within a string.",
		Syntax:  "key [GET (encoding offset:int)]...",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     bitFieldRO,
	},
	{
		Name: "BITOP", Since: "2.6.0", Complexity: "O(N), N being the bytes of all sources",
		Summary: "Combines the bits of strings and stores the result.",
		Syntax: "operation=(AND | OR | XOR | NOT | DIFF{8.2.0} | DIFF1{8.2.0} | ANDOR{8.2.0} | ONE{8.2.0}) " +
			"destkey:key key@1...",
		Flags: command.Write | command.DenyOOM,
		Keys: []command.KeySpec{
			command.KeyAt(2, command.OW|command.Update), command.KeyRange(3, -1, 1, 0, command.RO|command.Access),
		},
		Run: bitOp,
	},
	{
		Name: "BITPOS", Since: "2.8.7", Complexity: "O(N), N being the bytes that are looked at",
		Summary: "Finds the first bit of a string, or of a part of it, that is set or that is clear.",
		Syntax:  "key bit:int index=[start:int end_index=[end:int index_unit=[BYTE | BIT]{7.0.0}]]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "7.0.0", Text: "The options `BYTE` and `BIT` came."}},
		Run:     bitPos,
	},
	{
		Name: "GETBIT", Since: "2.2.0", Complexity: "O(1)",
		Summary: "Returns a bit of a string.",
		Syntax:  "key offset:int",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     getBit,
	},
	{
		Name: "SETBIT", Since: "2.2.0", Complexity: "O(1), and the zero bytes by which the string grows",
		Summary: "Sets or clears a bit of a string, which grows with zero bytes if needed.",
		Syntax:  "key offset:int value:int",
		Flags:   command.Write | command.DenyOOM,
		Keys:    command.OneKey(command.RW | command.Access | command.Update),
		Run:     setBit,
	},
}}
