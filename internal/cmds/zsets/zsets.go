// SPDX-License-Identifier: BSD-3-Clause

// Package zsets is the family of commands on sorted sets: table first, handlers in the files named after what they do (read.go,
// range.go, write.go, pop.go, random.go, combine.go). Ranges of scores and of texts become ranges of ranks (bounds.go); results of
// several sets are gathered on the Go heap (gather.go). It knows nothing of locks, sockets or other families; how a sorted set is
// laid out is the store's business.
package zsets

import "github.com/redpoll/redpoll/internal/command"

// Parts of the syntax.
const (
	limitSyntax   = " [LIMIT (offset:int count:int)]"
	weightsSyntax = " [WEIGHTS weight:int...] [AGGREGATE aggregate=(SUM | MIN | MAX | COUNT{8.8.0})]"
	popSyntax     = "numkeys:int key... where=(MIN | MAX) [COUNT count:int]"
)

// countHistory is the history of commands with weightsSyntax.
func countHistory() []command.Change {
	return []command.Change{{Version: "8.8.0", Text: "AGGREGATE COUNT adds up the weights of the sets that have the member."}}
}

// fractionHistory is the history of commands whose timeout was a whole number once.
func fractionHistory() []command.Change {
	return []command.Change{{Version: "6.0.0", Text: "The timeout may be a fraction of a second."}}
}

// readKeys is the Keys of a command that reads the sets named behind their number.
func readKeys() []command.KeySpec {
	return []command.KeySpec{command.KeyNum(1, command.RO|command.Access)}
}

// storeKeys is the same with a destination before them.
func storeKeys() []command.KeySpec {
	return []command.KeySpec{command.KeyAt(1, command.OW|command.Update), command.KeyNum(2, command.RO|command.Access)}
}

// Family declares every command on sorted sets.
var Family = command.Family{Name: "sorted-set", Category: command.CatSortedSet, Commands: []command.Spec{
	{
		Name: "BZMPOP", Since: "7.0.0", Complexity: "O(K)+O(M*log(N)), K being the number of keys, M of members popped from N",
		Summary: "Pops members from the first of several sorted sets that is there, and waits for one if none is.",
		Syntax:  "timeout:double " + popSyntax,
		Flags:   command.Write | command.Blocking,
		Keys:    []command.KeySpec{command.KeyNum(2, command.RW|command.Access|command.Delete)},
		Run:     bzmpop,
	},
	{
		Name: "BZPOPMAX", Since: "5.0.0", Complexity: "O(log(N)), N being the number of members",
		Summary: "Pops the highest member of the first of several sorted sets that is there, and waits for one if none is.",
		Syntax:  "key... timeout:double",
		Flags:   command.Write | command.Blocking | command.Fast,
		Keys:    []command.KeySpec{command.KeyRange(1, -2, 1, 0, command.RW|command.Access|command.Delete)},
		History: fractionHistory(),
		Run:     bzpopmax,
	},
	{
		Name: "BZPOPMIN", Since: "5.0.0", Complexity: "O(log(N)), N being the number of members",
		Summary: "Pops the lowest member of the first of several sorted sets that is there, and waits for one if none is.",
		Syntax:  "key... timeout:double",
		Flags:   command.Write | command.Blocking | command.Fast,
		Keys:    []command.KeySpec{command.KeyRange(1, -2, 1, 0, command.RW|command.Access|command.Delete)},
		History: fractionHistory(),
		Run:     bzpopmin,
	},
	{
		Name: "ZADD", Since: "1.2.0", Complexity: "O(log(N)) for each member named, N being the number of members",
		Summary: "Gives members of a sorted set their scores, and adds those that are not there.",
		Syntax: "key condition=[NX | XX]{3.0.2} comparison=[GT | LT]{6.2.0} [change=CH{3.0.2}] [increment=INCR{3.0.2}] " +
			"(score:double member)...",
		Flags: command.Write | command.DenyOOM | command.Fast,
		Keys:  command.OneKey(command.RW | command.Update),
		History: []command.Change{
			{Version: "2.4.0", Text: "Several members may be named."},
			{Version: "3.0.2", Text: "XX, NX, CH and INCR."},
			{Version: "6.2.0", Text: "GT and LT."},
		},
		Run: zadd,
	},
	{
		Name: "ZCARD", Since: "1.2.0", Complexity: "O(1)",
		Summary: "Returns the number of members of a sorted set.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO),
		Run:     zcard,
	},
	{
		Name: "ZCOUNT", Since: "2.0.0", Complexity: "O(log(N)), N being the number of members",
		Summary: "Counts the members whose scores are between two.",
		Syntax:  "key min:double max:double",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zcount,
	},
	{
		Name: "ZDIFF", Since: "6.2.0", Complexity: "O(L+K*log(K)), L being the members of all sets, K those of the result",
		Summary: "Returns the members of the first sorted set that no other one has.",
		Syntax:  "numkeys:int key... [WITHSCORES]",
		Flags:   command.ReadOnly,
		Keys:    readKeys(),
		Run:     zdiff,
	},
	{
		Name: "ZDIFFSTORE", Since: "6.2.0", Complexity: "O(L+K*log(K)), L being the members of all sets, K those of the result",
		Summary: "Stores the members of the first sorted set that no other one has.",
		Syntax:  "destination:key numkeys:int key@1...",
		Flags:   command.Write | command.DenyOOM,
		Keys:    storeKeys(),
		Run:     zdiffstore,
	},
	{
		Name: "ZINCRBY", Since: "1.2.0", Complexity: "O(log(N)), N being the number of members",
		Summary: "Adds to the score of a member, which is added if it is not there.",
		Syntax:  "key increment:int member",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Access | command.Update),
		Run:     zincrby,
	},
	{
		Name: "ZINTER", Since: "6.2.0", Complexity: "O(N*S+K*log(K)), N being the members of the smallest set, S the sets, K the result's members",
		Summary: "Returns the members that all of some sorted sets have.",
		Syntax:  "numkeys:int key..." + weightsSyntax + " [WITHSCORES]",
		Flags:   command.ReadOnly,
		Keys:    readKeys(),
		History: countHistory(),
		Run:     zinter,
	},
	{
		Name: "ZINTERCARD", Since: "7.0.0", Complexity: "O(N*S), N being the members of the smallest set, S the number of sets",
		Summary: "Counts the members that all of some sorted sets have.",
		Syntax:  "numkeys:int key... [LIMIT limit:int]",
		Flags:   command.ReadOnly,
		Keys:    readKeys(),
		Run:     zintercard,
	},
	{
		Name: "ZINTERSTORE", Since: "2.0.0", Complexity: "O(N*S+K*log(K)), N being the members of the smallest set, S the sets, K the result's members",
		Summary: "Stores the members that all of some sorted sets have.",
		Syntax:  "destination:key numkeys:int key@1..." + weightsSyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    storeKeys(),
		History: countHistory(),
		Run:     zinterstore,
	},
	{
		Name: "ZLEXCOUNT", Since: "2.8.9", Complexity: "O(log(N)), N being the number of members",
		Summary: "Counts the members between two texts, all scores being equal.",
		Syntax:  "key min max",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zlexcount,
	},
	{
		Name: "ZMPOP", Since: "7.0.0", Complexity: "O(K)+O(M*log(N)), K being the number of keys, M of members popped from N",
		Summary: "Pops members from the first of several sorted sets that is there.",
		Syntax:  popSyntax,
		Flags:   command.Write,
		Keys:    []command.KeySpec{command.KeyNum(1, command.RW|command.Access|command.Delete)},
		Run:     zmpop,
	},
	{
		Name: "ZMSCORE", Since: "6.2.0", Complexity: "O(N), N being the number of members named",
		Summary: "Returns the scores of several members of a sorted set.",
		Syntax:  "key member...",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zmscore,
	},
	{
		Name: "ZPOPMAX", Since: "5.0.0", Complexity: "O(M*log(N)), M being the number of members popped, N of all",
		Summary: "Returns the highest members of a sorted set and removes them.",
		Syntax:  "key [count:int]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Access | command.Delete),
		Run:     zpopmax,
	},
	{
		Name: "ZPOPMIN", Since: "5.0.0", Complexity: "O(M*log(N)), M being the number of members popped, N of all",
		Summary: "Returns the lowest members of a sorted set and removes them.",
		Syntax:  "key [count:int]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Access | command.Delete),
		Run:     zpopmin,
	},
	{
		Name: "ZRANDMEMBER", Since: "6.2.0", Complexity: "O(N*log(M)), N being the number of members returned, M of all",
		Summary: "Returns members of a sorted set at random.",
		Syntax:  "key options=[count:int [WITHSCORES]]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Tips:    []string{command.TipNondeterministicOutput},
		Run:     zrandmember,
	},
	{
		Name: "ZRANGE", Since: "1.2.0", Complexity: "O(log(N)+M), N being the number of members, M of those returned",
		Summary: "Returns the members of a sorted set between two ranks, scores or texts.",
		Syntax: "key start stop sortby=[BYSCORE | BYLEX]{6.2.0} [REV{6.2.0}] [LIMIT (offset:int count:int){6.2.0}] " +
			"[WITHSCORES]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "6.2.0", Text: "REV, BYSCORE, BYLEX and LIMIT."}},
		Run:     zrange,
	},
	{
		Name: "ZRANGEBYLEX", Since: "2.8.9", Complexity: "O(log(N)+M), N being the number of members, M of those returned",
		Summary: "Returns the members of a sorted set between two texts, all scores being equal.",
		Syntax:  "key min max" + limitSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zrangebylex, DeprecatedSince: "6.2.0", ReplacedBy: "ZRANGE with BYLEX",
	},
	{
		Name: "ZRANGEBYSCORE", Since: "1.0.5", Complexity: "O(log(N)+M), N being the number of members, M of those returned",
		Summary: "Returns the members of a sorted set whose scores are between two.",
		Syntax:  "key min:double max:double [WITHSCORES{2.0.0}]" + limitSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "2.0.0", Text: "WITHSCORES."}},
		Run:     zrangebyscore, DeprecatedSince: "6.2.0", ReplacedBy: "ZRANGE with BYSCORE",
	},
	{
		Name: "ZRANGESTORE", Since: "6.2.0", Complexity: "O(log(N)+M), N being the number of members, M of those stored",
		Summary: "Stores the members of a sorted set between two ranks, scores or texts.",
		Syntax:  "dst:key src:key@1 min max sortby=[BYSCORE | BYLEX] [REV]" + limitSyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    []command.KeySpec{command.KeyAt(1, command.OW|command.Update), command.KeyAt(2, command.RO|command.Access)},
		Run:     zrangestore,
	},
	{
		Name: "ZRANK", Since: "2.0.0", Complexity: "O(log(N)), N being the number of members",
		Summary: "Returns how many members of a sorted set are lower than a member.",
		Syntax:  "key member [WITHSCORE{7.2.0}]",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "7.2.0", Text: "WITHSCORE."}},
		Run:     zrank,
	},
	{
		Name: "ZREM", Since: "1.2.0", Complexity: "O(log(N)) for each member named, N being the number of members",
		Summary: "Removes members from a sorted set, and its key with the last one.",
		Syntax:  "key member...",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Delete),
		History: []command.Change{{Version: "2.4.0", Text: "Several members may be named."}},
		Run:     zrem,
	},
	{
		Name: "ZREMRANGEBYLEX", Since: "2.8.9", Complexity: "O(log(N)+M), N being the number of members, M of those removed",
		Summary: "Removes the members of a sorted set between two texts, all scores being equal.",
		Syntax:  "key min max",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     zremrangebylex,
	},
	{
		Name: "ZREMRANGEBYRANK", Since: "2.0.0", Complexity: "O(log(N)+M), N being the number of members, M of those removed",
		Summary: "Removes the members of a sorted set between two ranks.",
		Syntax:  "key start:int stop:int",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     zremrangebyrank,
	},
	{
		Name: "ZREMRANGEBYSCORE", Since: "1.2.0", Complexity: "O(log(N)+M), N being the number of members, M of those removed",
		Summary: "Removes the members of a sorted set whose scores are between two.",
		Syntax:  "key min:double max:double",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     zremrangebyscore,
	},
	{
		Name: "ZREVRANGE", Since: "1.2.0", Complexity: "O(log(N)+M), N being the number of members, M of those returned",
		Summary: "Returns the members of a sorted set between two ranks, which count from the highest member.",
		Syntax:  "key start:int stop:int [WITHSCORES]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zrevrange, DeprecatedSince: "6.2.0", ReplacedBy: "ZRANGE with REV",
	},
	{
		Name: "ZREVRANGEBYLEX", Since: "2.8.9", Complexity: "O(log(N)+M), N being the number of members, M of those returned",
		Summary: "Returns the members of a sorted set between two texts, the highest first, all scores being equal.",
		Syntax:  "key max min" + limitSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zrevrangebylex, DeprecatedSince: "6.2.0", ReplacedBy: "ZRANGE with REV and BYLEX",
	},
	{
		Name: "ZREVRANGEBYSCORE", Since: "2.2.0", Complexity: "O(log(N)+M), N being the number of members, M of those returned",
		Summary: "Returns the members of a sorted set whose scores are between two, the highest first.",
		Syntax:  "key max:double min:double [WITHSCORES]" + limitSyntax,
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "2.1.6", Text: "The bounds may be left out of the range."}},
		Run:     zrevrangebyscore, DeprecatedSince: "6.2.0", ReplacedBy: "ZRANGE with REV and BYSCORE",
	},
	{
		Name: "ZREVRANK", Since: "2.0.0", Complexity: "O(log(N)), N being the number of members",
		Summary: "Returns how many members of a sorted set are higher than a member.",
		Syntax:  "key member [WITHSCORE{7.2.0}]",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "7.2.0", Text: "WITHSCORE."}},
		Run:     zrevrank,
	},
	{
		Name: "ZSCAN", Since: "2.8.0", Complexity: "O(1) a call, O(N) for all, N being the number of members",
		Summary: "Goes through the members of a sorted set and their scores with a cursor.",
		Syntax:  "key cursor:int [MATCH pattern] [COUNT count:int] [NOSCORES{8.1.0}]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Tips:    []string{command.TipNondeterministicOutput},
		Run:     zscan,
	},
	{
		Name: "ZSCORE", Since: "1.2.0", Complexity: "O(1)",
		Summary: "Returns the score of a member of a sorted set.",
		Syntax:  "key member",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO | command.Access),
		Run:     zscore,
	},
	{
		Name: "ZUNION", Since: "6.2.0", Complexity: "O(L+K*log(K)), L being the members of all sets, K those of the result",
		Summary: "Returns the members that any of some sorted sets has.",
		Syntax:  "numkeys:int key..." + weightsSyntax + " [WITHSCORES]",
		Flags:   command.ReadOnly,
		Keys:    readKeys(),
		History: countHistory(),
		Run:     zunion,
	},
	{
		Name: "ZUNIONSTORE", Since: "2.0.0", Complexity: "O(L+K*log(K)), L being the members of all sets, K those of the result",
		Summary: "Stores the members that any of some sorted sets has.",
		Syntax:  "destination:key numkeys:int key@1..." + weightsSyntax,
		Flags:   command.Write | command.DenyOOM,
		Keys:    storeKeys(),
		History: countHistory(),
		Run:     zunionstore,
	},
}}
