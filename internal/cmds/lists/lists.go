// SPDX-License-Identifier: BSD-3-Clause

// Package lists is the family of commands on lists: table first, handlers in the files named after what they do (push.go,
// pop.go, read.go, change.go, move.go, block.go). It knows nothing of locks, sockets or other families; how a list is laid out is the
// store's business.
package lists

import "github.com/redpoll/redpoll/internal/command"

// Parts of the syntax of commands that move elements.
const (
	moveSyntax    = "source:key destination:key@1 wherefrom=(LEFT | RIGHT) whereto=(LEFT | RIGHT)"
	howManySyntax = " how-many=[selector=(COUNT count:int | EXACTLY exactly:int) ordering=(OBO | BULK)]"
)

// moveKeys are the keys of commands that move elements from the first to the second.
var moveKeys = []command.KeySpec{
	command.KeyAt(1, command.RW|command.Access|command.Delete), command.KeyAt(2, command.RW|command.Insert),
}

// Family declares every list command.
var Family = command.Family{Name: "list", Category: command.CatList, Commands: []command.Spec{
	{
		Name: "BLMOVE", Since: "6.2.0", Complexity: "O(1)",
		Summary: "Takes an element from one end of a list, puts it at an end of another, and returns it; waits until there is one.",
		Syntax:  moveSyntax + " timeout:double",
		Flags:   command.Write | command.DenyOOM | command.Blocking,
		Keys:    moveKeys,
		Run:     blmove,
	},
	{
		Name: "BLMOVEM", Since: "8.10.0", Complexity: "O(N), N being the number of elements moved",
		Summary: "Takes some elements from one end of a list, puts them at an end of another, and returns them; waits until there are enough.",
		Syntax:  moveSyntax + " timeout:double" + howManySyntax,
		Flags:   command.Write | command.DenyOOM | command.Blocking,
		Keys:    moveKeys,
		Run:     blmovem,
	},
	{
		Name: "BLMPOP", Since: "7.0.0", Complexity: "O(N+M), N being the number of keys and M that of elements returned",
		Summary: "Takes some elements from one end of the first list that is there, and returns them with its key; waits for one.",
		Syntax:  "timeout:double numkeys:int key... where=(LEFT | RIGHT) [COUNT count:int]",
		Flags:   command.Write | command.Blocking,
		Keys:    []command.KeySpec{command.KeyNum(2, command.RW|command.Access|command.Delete)},
		Run:     blmpop,
	},
	{
		Name: "BLPOP", Since: "2.0.0", Complexity: "O(N), N being the number of keys",
		Summary: "Takes the first element of the first list that is there, and returns it with its key; waits for one.",
		Syntax:  "key... timeout:double",
		Flags:   command.Write | command.Blocking,
		Keys:    []command.KeySpec{command.KeyRange(1, -2, 1, 0, command.RW|command.Access|command.Delete)},
		History: []command.Change{{Version: "6.0.0", Text: "The timeout may have fractions."}},
		Run:     blpop,
	},
	{
		Name: "BRPOP", Since: "2.0.0", Complexity: "O(N), N being the number of keys",
		Summary: "Takes the last element of the first list that is there, and returns it with its key; waits for one.",
		Syntax:  "key... timeout:double",
		Flags:   command.Write | command.Blocking,
		Keys:    []command.KeySpec{command.KeyRange(1, -2, 1, 0, command.RW|command.Access|command.Delete)},
		History: []command.Change{{Version: "6.0.0", Text: "The timeout may have fractions."}},
		Run:     brpop,
	},
	{
		Name: "BRPOPLPUSH", Since: "2.2.0", Complexity: "O(1)",
		Summary: "Takes the last element of a list, puts it at the head of another, and returns it; waits until there is one.",
		Syntax:  "source:key destination:key@1 timeout:double",
		Flags:   command.Write | command.DenyOOM | command.Blocking,
		Keys:    moveKeys,
		History: []command.Change{{Version: "6.0.0", Text: "The timeout may have fractions."}},
		Run:     brpoplpush, DeprecatedSince: "6.2.0", ReplacedBy: "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
	},
	{
		Name: "LINDEX", Since: "1.0.0", Complexity: "O(log(N)), N being the length of the list",
		Summary: "Returns the element at an index of a list, counted from the tail if it is negative.",
		Syntax:  "key index:int",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     lindex,
	},
	{
		Name: "LINSERT", Since: "2.2.0", Complexity: "O(N), N being the elements up to the pivot",
		Summary: "Inserts an element into a list, before or after the first one that is the pivot.",
		Syntax:  "key where=(BEFORE | AFTER) pivot element",
		Flags:   command.Write | command.DenyOOM,
		Keys:    command.OneKey(command.RW | command.Insert),
		Run:     linsert,
	},
	{
		Name: "LLEN", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Returns the length of a list.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO),
		Run:     llen,
	},
	{
		Name: "LMOVE", Since: "6.2.0", Complexity: "O(1)",
		Summary: "Takes an element from one end of a list, puts it at an end of another, and returns it.",
		Syntax:  moveSyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    moveKeys,
		Run:     lmove,
	},
	{
		Name: "LMOVEM", Since: "8.10.0", Complexity: "O(N), N being the number of elements moved",
		Summary: "Takes some elements from one end of a list, puts them at an end of another, and returns them.",
		Syntax:  moveSyntax + howManySyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    moveKeys,
		Run:     lmovem,
	},
	{
		Name: "LMPOP", Since: "7.0.0", Complexity: "O(N+M), N being the number of keys and M that of elements returned",
		Summary: "Takes some elements from one end of the first list that is there, and returns them with its key.",
		Syntax:  "numkeys:int key... where=(LEFT | RIGHT) [COUNT count:int]",
		Flags:   command.Write,
		Keys:    []command.KeySpec{command.KeyNum(1, command.RW|command.Access|command.Delete)},
		Run:     lmpop,
	},
	{
		Name: "LPOP", Since: "1.0.0", Complexity: "O(N), N being the number of elements returned",
		Summary: "Takes the first element or several from a list, and returns them.",
		Syntax:  "key [count:int{6.2.0}]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Access | command.Delete),
		History: []command.Change{{Version: "6.2.0", Text: "The argument `count` came."}},
		Run:     lpop,
	},
	{
		Name: "LPOS", Since: "6.0.6", Complexity: "O(N), N being the number of elements looked at",
		Summary: "Returns the indices at which a list has an element.",
		Syntax:  "key element [RANK rank:int] [COUNT num-matches:int] [MAXLEN len:int]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     lpos,
	},
	{
		Name: "LPUSH", Since: "1.0.0", Complexity: "O(N), N being the number of elements",
		Summary: "Adds elements at the head of a list, which is made if it is missing, one after the other.",
		Syntax:  "key element...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Insert),
		History: []command.Change{{Version: "2.4.0", Text: "Several elements may be given."}},
		Run:     lpush,
	},
	{
		Name: "LPUSHX", Since: "2.2.0", Complexity: "O(N), N being the number of elements",
		Summary: "Adds elements at the head of a list if it is there, one after the other.",
		Syntax:  "key element...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Insert),
		History: []command.Change{{Version: "4.0.0", Text: "Several elements may be given."}},
		Run:     lpushx,
	},
	{
		Name: "LRANGE", Since: "1.0.0", Complexity: "O(log(N)+M), N being the length of the list and M the elements returned",
		Summary: "Returns the elements of a list from one index to another.",
		Syntax:  "key start:int stop:int",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     lrange,
	},
	{
		Name: "LREM", Since: "1.0.0", Complexity: "O(N), N being the length of the list",
		Summary: "Removes elements that are equal to one given, all of them or a number from one end.",
		Syntax:  "key count:int element",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     lrem,
	},
	{
		Name: "LSET", Since: "1.0.0", Complexity: "O(log(N)), N being the length of the list",
		Summary: "Puts an element in the place of the one at an index of a list.",
		Syntax:  "key index:int element",
		Flags:   command.Write | command.DenyOOM,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     lset,
	},
	{
		Name: "LTRIM", Since: "1.0.0", Complexity: "O(N), N being the number of elements removed",
		Summary: "Removes all elements of a list but those from one index to another.",
		Syntax:  "key start:int stop:int",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     ltrim,
	},
	{
		Name: "RPOP", Since: "1.0.0", Complexity: "O(N), N being the number of elements returned",
		Summary: "Takes the last element or several from a list, and returns them.",
		Syntax:  "key [count:int{6.2.0}]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Access | command.Delete),
		History: []command.Change{{Version: "6.2.0", Text: "The argument `count` came."}},
		Run:     rpop,
	},
	{
		Name: "RPOPLPUSH", Since: "1.2.0", Complexity: "O(1)",
		Summary: "Takes the last element of a list, puts it at the head of another, and returns it.",
		Syntax:  "source:key destination:key@1",
		Flags:   command.Write | command.DenyOOM,
		Keys:    moveKeys,
		Run:     rpoplpush, DeprecatedSince: "6.2.0", ReplacedBy: "`LMOVE` with the `RIGHT` and `LEFT` arguments",
	},
	{
		Name: "RPUSH", Since: "1.0.0", Complexity: "O(N), N being the number of elements",
		Summary: "Adds elements at the tail of a list, which is made if it is missing.",
		Syntax:  "key element...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Insert),
		History: []command.Change{{Version: "2.4.0", Text: "Several elements may be given."}},
		Run:     rpush,
	},
	{
		Name: "RPUSHX", Since: "2.2.0", Complexity: "O(N), N being the number of elements",
		Summary: "Adds elements at the tail of a list if it is there.",
		Syntax:  "key element...",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Insert),
		History: []command.Change{{Version: "4.0.0", Text: "Several elements may be given."}},
		Run:     rpushx,
	},
}}
