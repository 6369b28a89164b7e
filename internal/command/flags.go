// SPDX-License-Identifier: BSD-3-Clause

package command

// Flags is the set of a command's properties, as COMMAND reports them.
type Flags uint32

const (
	Write           Flags = 1 << iota // may change the keyspace
	ReadOnly                          // reads keys, never changes them
	DenyOOM                           // refused when memory is over maxmemory
	Module                            // comes from a module
	Admin                             // administration
	PubSub                            // about publish and subscribe
	NoScript                          // refused in scripts
	Blocking                          // may park its client
	Loading                           // allowed while the data set is loading
	Stale                             // allowed on a replica with stale data
	SkipMonitor                       // not shown to MONITOR
	SkipSlowlog                       // not in the slow log
	Asking                            // taken for an importing slot without ASKING
	Fast                              // never takes long: the @fast category instead of @slow
	NoAuth                            // allowed before authentication
	MayReplicate                      // may go to replicas without being a write
	Sentinel                          // exists in sentinel mode too
	OnlySentinel                      // exists in sentinel mode only
	NoMandatoryKeys                   // may be called with no keys at all
	Protected                         // refused unless the configuration allows it to the client
	NoAsyncLoading                    // refused while an asynchronous load runs
	NoMulti                           // refused inside MULTI
	MovableKeys                       // derived: key positions need more than first, last and step
	AllowBusy                         // allowed while a script or module keeps the server busy
	RunsScript                        // runs a script or a function: see ScriptHost
)

// flagText is one flag's word in replies.
type flagText[T any] struct {
	flag T
	text string
}

// flagTexts is in the order of replies. MayReplicate, Sentinel, OnlySentinel, Protected and RunsScript are not shown to clients.
var flagTexts = [...]flagText[Flags]{
	{Write, "write"},
	{ReadOnly, "readonly"},
	{DenyOOM, "denyoom"},
	{Module, "module"},
	{Admin, "admin"},
	{PubSub, "pubsub"},
	{NoScript, "noscript"},
	{Blocking, "blocking"},
	{Loading, "loading"},
	{Stale, "stale"},
	{SkipMonitor, "skip_monitor"},
	{SkipSlowlog, "skip_slowlog"},
	{Asking, "asking"},
	{Fast, "fast"},
	{NoAuth, "no_auth"},
	{NoMandatoryKeys, "no_mandatory_keys"},
	{NoAsyncLoading, "no_async_loading"},
	{NoMulti, "no_multi"},
	{MovableKeys, "movablekeys"},
	{AllowBusy, "allow_busy"},
}

// Has tells whether all flags of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Words gives the words of the flags that clients see, in the order of COMMAND's reply.
func (f Flags) Words() []string { return words(f, flagTexts[:]) }

// Category is a set of ACL categories.
type Category uint32

const (
	CatKeyspace Category = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
	CatArray
)

// categoryTexts is in the order of ACL CAT and of COMMAND's reply.
var categoryTexts = [...]flagText[Category]{
	{CatKeyspace, "keyspace"},
	{CatRead, "read"},
	{CatWrite, "write"},
	{CatSet, "set"},
	{CatSortedSet, "sortedset"},
	{CatList, "list"},
	{CatHash, "hash"},
	{CatString, "string"},
	{CatBitmap, "bitmap"},
	{CatHyperLogLog, "hyperloglog"},
	{CatGeo, "geo"},
	{CatStream, "stream"},
	{CatPubSub, "pubsub"},
	{CatAdmin, "admin"},
	{CatFast, "fast"},
	{CatSlow, "slow"},
	{CatBlocking, "blocking"},
	{CatDangerous, "dangerous"},
	{CatConnection, "connection"},
	{CatTransaction, "transaction"},
	{CatScripting, "scripting"},
	{CatArray, "array"},
}

// Has tells whether all categories of want are set.
func (c Category) Has(want Category) bool { return c&want == want }

// Words gives the names of the categories, without '@', in the order of ACL CAT.
func (c Category) Words() []string { return words(c, categoryTexts[:]) }

// CategoryNamed gives the category of that name (without '@', in any case); false when there is none.
func CategoryNamed(name []byte) (Category, bool) {
	for _, t := range categoryTexts {
		if foldedEqual(name, t.text) {
			return t.flag, true
		}
	}
	return 0, false
}

// implied gives the categories that follow from flags, explicit being those that the record states.
func implied(f Flags, explicit Category) Category {
	var c Category
	if f.Has(Write) {
		c |= CatWrite
	}
	if f.Has(ReadOnly) && !explicit.Has(CatScripting) {
		c |= CatRead // a read-only script is no read in the eyes of ACL
	}
	if f.Has(Admin) {
		c |= CatAdmin | CatDangerous
	}
	if f.Has(PubSub) {
		c |= CatPubSub
	}
	if f.Has(Blocking) {
		c |= CatBlocking
	}
	if f.Has(Fast) {
		return c | CatFast
	}
	return c | CatSlow
}

// DocFlags is the set of flags in COMMAND DOCS.
type DocFlags uint8

const (
	DocDeprecated DocFlags = 1 << iota // implied by DeprecatedSince
	DocSysCmd                          // for the system's own use
)

// docFlagTexts is in the order of replies.
var docFlagTexts = [...]flagText[DocFlags]{
	{DocDeprecated, "deprecated"},
	{DocSysCmd, "syscmd"},
}

// Has tells whether all flags of want are set.
func (f DocFlags) Has(want DocFlags) bool { return f&want == want }

// Words gives the words of the flags in the order of COMMAND DOCS.
func (f DocFlags) Words() []string { return words(f, docFlagTexts[:]) }

// words gives the texts of the bits of set, in the table's order.
func words[T ~uint8 | ~uint16 | ~uint32](set T, texts []flagText[T]) []string {
	out := make([]string, 0, 4)
	for _, t := range texts {
		if set&t.flag != 0 {
			out = append(out, t.text)
		}
	}
	return out
}

// Tips to clients and proxies, for Spec.Tips.
const (
	TipNondeterministicOutput      = "nondeterministic_output"
	TipNondeterministicOutputOrder = "nondeterministic_output_order"
	TipRequestAllNodes             = "request_policy:all_nodes"
	TipRequestAllShards            = "request_policy:all_shards"
	TipRequestMultiShard           = "request_policy:multi_shard"
	TipRequestSpecial              = "request_policy:special"
	TipResponseOneSucceeded        = "response_policy:one_succeeded"
	TipResponseAllSucceeded        = "response_policy:all_succeeded"
	TipResponseAggLogicalAnd       = "response_policy:agg_logical_and"
	TipResponseAggLogicalOr        = "response_policy:agg_logical_or"
	TipResponseAggMin              = "response_policy:agg_min"
	TipResponseAggMax              = "response_policy:agg_max"
	TipResponseAggSum              = "response_policy:agg_sum"
	TipResponseSpecial             = "response_policy:special"
)

// lower gives the lower case of an ASCII letter and any other byte as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
