// SPDX-License-Identifier: BSD-3-Clause

// Package keys is the family of commands on keys whatever they hold: table first, handlers in the files named after what
// they do (delete.go, expire.go, move.go, scan.go, object.go). It knows nothing of locks, sockets or other families.
package keys

import "github.com/redpoll/redpoll/internal/command"

// expireSyntax is what follows the time in EXPIRE and its like.
const expireSyntax = " condition=[NX | XX | GT | LT]{7.0.0}"

var expireHistory = []command.Change{{Version: "7.0.0", Text: "The conditions `NX`, `XX`, `GT` and `LT` came."}}
var ttlHistory = []command.Change{{Version: "2.8.0", Text: "The reply -2 came."}}

// Family declares every command on keys as such.
var Family = command.Family{Name: "generic", Category: command.CatKeyspace, Commands: []command.Spec{
	{
		Name: "COPY", Since: "6.2.0", Complexity: "O(N) for collections with N elements, O(1) for strings",
		Summary: "Copies a key's value to another key.",
		Syntax:  "source:key destination:key@1 [DB destination-db:int] [REPLACE]",
		Flags:   command.Write | command.DenyOOM,
		Keys:    []command.KeySpec{command.KeyAt(1, command.RO|command.Access), command.KeyAt(2, command.OW|command.Update)},
		Run:     copyKey,
	},
	{
		Name: "DEL", Since: "1.0.0", Complexity: "O(N), N being the number of keys; large values are freed later",
		Summary: "Deletes keys.",
		Syntax:  "key...",
		Flags:   command.Write,
		Keys:    command.AllKeys(command.RM | command.Delete),
		Tips:    []string{command.TipRequestMultiShard, command.TipResponseAggSum},
		Run:     del,
	},
	{
		Name: "EXISTS", Since: "1.0.0", Complexity: "O(N), N being the number of keys",
		Summary: "Counts which of the keys exist.",
		Syntax:  "key...",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.AllKeys(command.RO),
		Tips:    []string{command.TipRequestMultiShard, command.TipResponseAggSum},
		History: []command.Change{{Version: "3.0.3", Text: "Several keys may be named."}},
		Run:     exists,
	},
	{
		Name: "EXPIRE", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Lets a key expire after so many seconds.",
		Syntax:  "key seconds:int" + expireSyntax,
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		History: expireHistory, Run: expire,
	},
	{
		Name: "EXPIREAT", Since: "1.2.0", Complexity: "O(1)",
		Summary: "Lets a key expire at a Unix time in seconds.",
		Syntax:  "key unix-time-seconds:unix" + expireSyntax,
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		History: expireHistory, Run: expireAt,
	},
	{
		Name: "EXPIRETIME", Since: "7.0.0", Complexity: "O(1)",
		Summary: "Returns the Unix time in seconds at which a key expires.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     expireTime,
	},
	{
		Name: "KEYS", Since: "1.0.0", Complexity: "O(N), N being the keys of the database",
		Summary: "Returns all keys that match a pattern.",
		Syntax:  "pattern",
		Flags:   command.ReadOnly, ACL: command.CatDangerous,
		Plan: command.PlanAll,
		Tips: []string{command.TipRequestAllShards, command.TipNondeterministicOutputOrder},
		Run:  keys,
	},
	{
		Name: "MOVE", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Moves a key to another database.",
		Syntax:  "key db:int",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Access | command.Update),
		Run:     move,
	},
	{
		Name: "OBJECT", Since: "2.2.3", Complexity: "Depends on the subcommand",
		Summary: "Looks into how a key's value is kept.",
		Subcommands: []command.Spec{
			{
				Name: "ENCODING", Since: "2.2.3", Complexity: "O(1)",
				Summary: "Returns how a value is laid out.",
				Syntax:  "key", Flags: command.ReadOnly,
				Keys: []command.KeySpec{command.KeyAt(2, command.RO)},
				Tips: []string{command.TipNondeterministicOutput}, Run: objectEncoding,
			},
			{
				Name: "FREQ", Since: "4.0.0", Complexity: "O(1)",
				Summary: "Returns how often a value is used, as a logarithmic counter.",
				Syntax:  "key", Flags: command.ReadOnly,
				Keys: []command.KeySpec{command.KeyAt(2, command.RO)},
				Tips: []string{command.TipNondeterministicOutput}, Run: objectFreq,
			},
			{
				Name: "HELP", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale, Run: command.Help,
			},
			{
				Name: "IDLETIME", Since: "2.2.3", Complexity: "O(1)",
				Summary: "Returns the seconds since a value was last used.",
				Syntax:  "key", Flags: command.ReadOnly,
				Keys: []command.KeySpec{command.KeyAt(2, command.RO)},
				Tips: []string{command.TipNondeterministicOutput}, Run: objectIdleTime,
			},
			{
				Name: "REFCOUNT", Since: "2.2.3", Complexity: "O(1)",
				Summary: "Returns how many references to a value there are.",
				Syntax:  "key", Flags: command.ReadOnly,
				Keys: []command.KeySpec{command.KeyAt(2, command.RO)},
				Tips: []string{command.TipNondeterministicOutput}, Run: objectRefCount,
			},
		},
	},
	{
		Name: "PERSIST", Since: "2.2.0", Complexity: "O(1)",
		Summary: "Takes a key's expiration away.",
		Syntax:  "key",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     persist,
	},
	{
		Name: "PEXPIRE", Since: "2.6.0", Complexity: "O(1)",
		Summary: "Lets a key expire after so many milliseconds.",
		Syntax:  "key milliseconds:int" + expireSyntax,
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		History: expireHistory, Run: pexpire,
	},
	{
		Name: "PEXPIREAT", Since: "2.6.0", Complexity: "O(1)",
		Summary: "Lets a key expire at a Unix time in milliseconds.",
		Syntax:  "key unix-time-milliseconds:unix" + expireSyntax,
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		History: expireHistory, Run: pexpireAt,
	},
	{
		Name: "PEXPIRETIME", Since: "7.0.0", Complexity: "O(1)",
		Summary: "Returns the Unix time in milliseconds at which a key expires.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     pexpireTime,
	},
	{
		Name: "PTTL", Since: "2.6.0", Complexity: "O(1)",
		Summary: "Returns the milliseconds that a key still has.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Tips:    []string{command.TipNondeterministicOutput},
		History: ttlHistory, Run: pttl,
	},
	{
		Name: "RANDOMKEY", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Returns some key.",
		Flags:   command.ReadOnly, Plan: command.PlanAll,
		Tips: []string{command.TipRequestAllShards, command.TipNondeterministicOutput},
		Run:  randomKey,
	},
	{
		Name: "RENAME", Since: "1.0.0", Complexity: "O(1), or O(N) for a collection that changes shards",
		Summary: "Renames a key, in place of whatever has the new name.",
		Syntax:  "key newkey:key@1",
		Flags:   command.Write,
		Keys: []command.KeySpec{
			command.KeyAt(1, command.RW|command.Access|command.Delete), command.KeyAt(2, command.OW|command.Update),
		},
		Run: rename,
	},
	{
		Name: "RENAMENX", Since: "1.0.0", Complexity: "O(1), or O(N) for a collection that changes shards",
		Summary: "Renames a key if no other has the new name.",
		Syntax:  "key newkey:key@1",
		Flags:   command.Write | command.Fast,
		Keys: []command.KeySpec{
			command.KeyAt(1, command.RW|command.Access|command.Delete), command.KeyAt(2, command.OW|command.Insert),
		},
		History: []command.Change{{Version: "3.2.0", Text: "The same name twice is no error any more."}},
		Run:     renameNX,
	},
	{
		Name: "SCAN", Since: "2.8.0", Complexity: "O(1) a call, O(N) for all N keys",
		Summary: "Goes through the keys of the database, a few at a call.",
		Syntax:  "cursor:int [MATCH pattern] [COUNT count:int] [TYPE type{6.0.0}]",
		Flags:   command.ReadOnly, Plan: command.PlanWalk,
		Tips:    []string{command.TipNondeterministicOutput, command.TipRequestSpecial},
		History: []command.Change{{Version: "6.0.0", Text: "The option `TYPE` came."}},
		Run:     scan,
	},
	{
		Name: "TOUCH", Since: "3.2.1", Complexity: "O(N), N being the number of keys",
		Summary: "Counts the keys that exist, and notes them as used.",
		Syntax:  "key...",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.AllKeys(command.RO),
		Tips:    []string{command.TipRequestMultiShard, command.TipResponseAggSum},
		Run:     touch,
	},
	{
		Name: "TTL", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Returns the seconds that a key still has.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Tips:    []string{command.TipNondeterministicOutput},
		History: ttlHistory, Run: ttl,
	},
	{
		Name: "TYPE", Since: "1.0.0", Complexity: "O(1)",
		Summary: "Returns the type of a key's value.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO),
		Run:     typeOf,
	},
	{
		Name: "UNLINK", Since: "4.0.0", Complexity: "O(N), N being the number of keys; values are freed later",
		Summary: "Deletes keys, whose memory may be freed later.",
		Syntax:  "key...",
		Flags:   command.Write | command.Fast,
		Keys:    command.AllKeys(command.RM | command.Delete),
		Tips:    []string{command.TipRequestMultiShard, command.TipResponseAggSum},
		Run:     del,
	},
}}
