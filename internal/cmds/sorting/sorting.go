// SPDX-License-Identifier: BSD-3-Clause

// Package sorting is SORT and SORT_RO: table first, what a call asks for in options.go, the values that patterns name in pattern.go,
// the order of the elements in order.go, what is done with them in sort.go. It knows nothing of locks, sockets or other families.
package sorting

import "github.com/redpoll/redpoll/internal/command"

const (
	syntax     = "key [BY pattern@1] [LIMIT (offset:int count:int)] [GET pattern@1]... order=[ASC | DESC] [sorting=ALPHA]"
	complexity = "O(N+M*log(M)), N being the elements and M those that are sorted; O(N) without sorting"
	categories = command.CatList | command.CatSet | command.CatSortedSet | command.CatDangerous
	aboutGets  = "the keys that BY and GET name follow from the elements"
	aboutStore = "STORE may stand anywhere"
)

// Family declares what sorts the elements of a list, a set or a sorted set.
var Family = command.Family{Name: "sorting", Group: "generic", Category: categories, Commands: []command.Spec{
	{
		Name: "SORT", Since: "1.0.0", Complexity: complexity,
		Summary: "Sorts the elements of a list, a set or a sorted set, and returns them or stores them as a list.",
		Syntax:  syntax + " [STORE destination:key@2]",
		Flags:   command.Write | command.DenyOOM,
		Keys: []command.KeySpec{
			command.KeyAt(1, command.RO|command.Access),
			command.KeysUnknown(command.RO | command.Access).WithNotes(aboutGets),
			command.KeysUnknown(command.OW | command.Update).WithNotes(aboutStore),
		},
		FindKeys: sortKeys, NeedsAll: needsAll,
		Run: func(c *command.Ctx) error { return run(c, true) },
	},
	{
		Name: "SORT_RO", Since: "7.0.0", Complexity: complexity,
		Summary: "Returns the elements of a list, a set or a sorted set in order.",
		Syntax:  syntax,
		Flags:   command.ReadOnly,
		Keys: []command.KeySpec{
			command.KeyAt(1, command.RO|command.Access),
			command.KeysUnknown(command.RO | command.Access).WithNotes(aboutGets),
		},
		FindKeys: sortROKeys, NeedsAll: needsAllRO,
		Run: func(c *command.Ctx) error { return run(c, false) },
	},
}}
