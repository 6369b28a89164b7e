// SPDX-License-Identifier: BSD-3-Clause

// Package sets is the family of commands on sets: table first, handlers in the files named after what they do (read.go, write.go,
// random.go). It knows nothing of locks, sockets or other families; how a set is laid out is the store's business.
package sets

import "github.com/redpoll/redpoll/internal/command"

// Family declares every set command.
var Family = command.Family{Name: "set", Category: command.CatSet, Commands: []command.Spec{
	{
		Name: "SADD", Since: "1.0.0", Complexity: "O(N), N being the number of members named",
		Summary: "Adds members to a set, which is made if it is missing, and tells how many are new.",
		Syntax:  "key member...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Insert),
		History: []command.Change{{Version: "2.4.0", Text: "Several members may be named."}},
		Run:     sadd,
	},
	{
		Name: "SCARD", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Returns the number of members of a set.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO),
		Run:     scard,
	},
	{
		Name: "SISMEMBER", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Tells whether a set has a member.",
		Syntax:  "key member",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO),
		Run:     sismember,
	},
	{
		Name: "SMEMBERS", Since: "1.0.0", Complexity: "O(N), N being the number of members",
		Summary: "Returns all members of a set.",
		Syntax:  "key",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Tips:    []string{command.TipNondeterministicOutputOrder},
		Run:     smembers,
	},
	{
		Name: "SMISMEMBER", Since: "6.2.0", Complexity: "O(N), N being the number of members named",
		Summary: "Tells of each of several members whether a set has it.",
		Syntax:  "key member...",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     smismember,
	},
	{
		Name: "SMOVE", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Moves a member from one set to another, which is made if it is missing.",
		Syntax:  "source:key destination:key@1 member",
		Flags:   command.Write | command.Fast,
		Keys: []command.KeySpec{
			command.KeyAt(1, command.RW|command.Access|command.Delete), command.KeyAt(2, command.RW|command.Insert),
		},
		Run: smove,
	},
	{
		Name: "SREM", Since: "1.0.0", Complexity: "O(N), N being the number of members named",
		Summary: "Removes members from a set, and its key with the last one.",
		Syntax:  "key member...",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Delete),
		History: []command.Change{{Version: "2.4.0", Text: "Several members may be named."}},
		Run:     srem,
	},
	{
		Name: "SSCAN", Since: "2.8.0",
		Complexity: "O(1) a call, O(N) for all calls from cursor 0 back to 0, N being the number of members",
		Summary:    "Walks over the members of a set, some of them a call.",
		Syntax:     "key cursor:int [MATCH pattern] [COUNT count:int]",
		Flags:      command.ReadOnly,
		Keys:       command.OneKey(command.RO | command.Access),
		Tips:       []string{command.TipNondeterministicOutput},
		Run:        sscan,
	},
}}
