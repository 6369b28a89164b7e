// SPDX-License-Identifier: BSD-3-Clause

// Package streams is the family of commands on streams: table first, handlers in the files named after what they do (add.go, range.go,
// delete.go, idmp.go, info.go). id.go reads IDs, options.go the options that several commands have, stream.go sends what is long. It knows
// nothing of locks, sockets or other families; how a stream is laid out is the store's business.
package streams

import "github.com/redpoll/redpoll/internal/command"

// Parts of the syntax of commands that delete.
const (
	policySyntax = " condition=[KEEPREF | DELREF | ACKED]{8.2.0}"
	trimSyntax   = `strategy=(MAXLEN | MINID{6.2.0}) operator=[equal="=" | approximately="~"] threshold [LIMIT count:int]{6.2.0}`
)

// readSyntax is how many entries commands that read streams are to give.
const readSyntax = "[COUNT count:int] [MAXCOUNT maxcount:int]{8.10.0} [MAXSIZE maxsize:int]{8.10.0}"

// Family declares every stream command.
var Family = command.Family{Name: "stream", Category: command.CatStream, Commands: []command.Spec{
	{
		Name: "XACK", Since: "5.0.0", Complexity: "O(log(N)) for each entry, N being the pending ones",
		Summary: "Acknowledges entries that a consumer of a group has got, and returns how many were pending.",
		Syntax:  "key group id...",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     xack,
	},
	{
		Name: "XACKDEL", Since: "8.2.0", Complexity: "O(log(N)) for each entry, N being the entries of the stream",
		Summary: "Acknowledges entries and deletes them, as far as other groups allow it, and returns what has become of each.",
		Syntax:  "key group condition=[KEEPREF | DELREF | ACKED] IDS ids=(numids:int id...)",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update | command.Delete),
		Run:     xackdel,
	},
	{
		Name: "XADD", Since: "5.0.0", Complexity: "O(1), and O(N) to trim, N being the entries removed",
		Summary: "Adds an entry to a stream, which is made if it is missing.",
		Syntax: "key [NOMKSTREAM]{6.2.0}" + policySyntax +
			" idmp=[idmpauto=(idmpauto-token=IDMPAUTO pid) | idmp=(idmp-token=IDMP pid iid)]{8.6.0}" +
			" trim=[" + trimSyntax + `] id_or_auto=(auto_id="*" | id) (field value)...`,
		Flags: command.Write | command.DenyOOM | command.Fast,
		Keys:  command.OneKey(command.RW | command.Update),
		Tips:  []string{command.TipNondeterministicOutput},
		History: []command.Change{
			{Version: "6.2.0", Text: "`NOMKSTREAM`, `MINID` and `LIMIT` came."},
			{Version: "7.0.0", Text: "The form `<ms>-*` of an ID came."},
			{Version: "8.2.0", Text: "`KEEPREF`, `DELREF` and `ACKED` came."},
			{Version: "8.6.0", Text: "`IDMP` and `IDMPAUTO` came."},
		},
		Run: xadd,
	},
	{
		Name: "XAUTOCLAIM", Since: "6.2.0", Complexity: "O(N), N being the pending entries that are looked at",
		Summary: "Has a consumer take over entries that have been pending for long, and returns them.",
		Syntax:  "key group consumer min-idle-time start [COUNT count:int] [JUSTID]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Delete),
		Tips:    []string{command.TipNondeterministicOutput},
		History: []command.Change{{Version: "7.0.0", Text: "The reply names entries that were pending and are deleted."}},
		Run:     xautoclaim,
	},
	{
		Name: "XCFGSET", Since: "8.6.0", Complexity: "O(1), and O(N) to forget, N being the producers",
		Summary: "Sets how long a stream remembers who has added what, and how much of it.",
		Syntax:  "key [IDMP-DURATION duration:int] [IDMP-MAXSIZE maxsize:int]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     xcfgset,
	},
	{
		Name: "XCLAIM", Since: "5.0.0", Complexity: "O(log(N)) for each entry, N being the pending ones",
		Summary: "Has a consumer take over pending entries, and returns them.",
		Syntax: "key group consumer min-idle-time id... [IDLE ms:int] [TIME unix-time-milliseconds:unix] [RETRYCOUNT count:int] " +
			"[FORCE] [JUSTID] [LASTID id]",
		Flags: command.Write | command.Fast,
		Keys:  command.OneKey(command.RW | command.Update),
		Tips:  []string{command.TipNondeterministicOutput},
		Run:   xclaim,
	},
	{
		Name: "XDEL", Since: "5.0.0", Complexity: "O(log(N)) for each entry, N being the entries of the stream",
		Summary: "Deletes entries of a stream, and returns how many there were.",
		Syntax:  "key id...",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     xdel,
	},
	{
		Name: "XDELEX", Since: "8.2.0", Complexity: "O(log(N)) for each entry, N being the entries of the stream",
		Summary: "Deletes entries of a stream, as far as groups allow it, and returns what has become of each.",
		Syntax:  "key condition=[KEEPREF | DELREF | ACKED] IDS ids=(numids:int id...)",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Delete),
		Run:     xdelex,
	},
	{
		Name: "XGROUP", Since: "5.0.0", Complexity: "Depends on the subcommand",
		Summary: "Makes, changes and removes groups of consumers of a stream.",
		Subcommands: []command.Spec{
			{
				Name: "CREATE", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Makes a group.",
				Syntax:  `key groupname id=(id | new_id="$") [MKSTREAM] [ENTRIESREAD entries_read:int]`,
				Flags:   command.Write | command.DenyOOM,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RW|command.Insert)},
				History: []command.Change{{Version: "7.0.0", Text: "`ENTRIESREAD` came."}},
				Run:     xgroupCreate,
			},
			{
				Name: "CREATECONSUMER", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Makes a consumer of a group, and tells whether there was none of the name.",
				Syntax:  "key groupname consumername",
				Flags:   command.Write | command.DenyOOM,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RW|command.Insert)},
				Run:     xgroupCreateConsumer,
			},
			{
				Name: "DELCONSUMER", Since: "5.0.0", Complexity: "O(N), N being the entries that are pending for it",
				Summary: "Removes a consumer of a group, and returns how many entries were pending for it.",
				Syntax:  "key groupname consumername",
				Flags:   command.Write,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RW|command.Delete)},
				Run:     xgroupDelConsumer,
			},
			{
				Name: "DESTROY", Since: "5.0.0", Complexity: "O(N), N being the pending entries",
				Summary: "Removes a group, and tells whether there was one.",
				Syntax:  "key groupname",
				Flags:   command.Write,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RW|command.Delete)},
				Run:     xgroupDestroy,
			},
			{
				Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale,
				Run:     command.Help,
			},
			{
				Name: "SETID", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Sets up to which entry a group has got them.",
				Syntax:  `key groupname id=(id | new_id="$") [ENTRIESREAD entries_read:int]`,
				Flags:   command.Write,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RW|command.Update)},
				History: []command.Change{{Version: "7.0.0", Text: "`ENTRIESREAD` came."}},
				Run:     xgroupSetID,
			},
		},
	},
	{
		Name: "XIDMPRECORD", Since: "8.6.2", Complexity: "O(1)",
		Summary: "Notes which entry a producer has added by an idempotent ID. The server itself logs it.",
		Syntax:  "key pid iid stream-id",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     xidmprecord,
	},
	{
		Name: "XINFO", Since: "5.0.0", Complexity: "Depends on the subcommand",
		Summary: "Tells about streams, their groups and consumers.",
		Subcommands: []command.Spec{
			{
				Name: "CONSUMERS", Since: "5.0.0", Complexity: "O(N*log(N)), N being the consumers",
				Summary: "Returns what there is to know of the consumers of a group.",
				Syntax:  "key groupname",
				Flags:   command.ReadOnly,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RO|command.Access)},
				Tips:    []string{command.TipNondeterministicOutput},
				History: []command.Change{{Version: "7.2.0", Text: "`inactive` came, and `idle` is since a consumer was last heard of."}},
				Run:     xinfoConsumers,
			},
			{
				Name: "GROUPS", Since: "5.0.0", Complexity: "O(N*log(N)), N being the groups",
				Summary: "Returns what there is to know of the groups of a stream.",
				Syntax:  "key",
				Flags:   command.ReadOnly,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RO|command.Access)},
				History: []command.Change{{Version: "7.0.0", Text: "`entries-read` and `lag` came."}},
				Run:     xinfoGroups,
			},
			{
				Name: "HELP", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Returns a text on the subcommands.",
				Flags:   command.Loading | command.Stale,
				Run:     command.Help,
			},
			{
				Name: "STREAM", Since: "5.0.0", Complexity: "O(N), N being the entries, groups and consumers returned",
				Summary: "Returns what there is to know of a stream.",
				Syntax:  "key [FULL full=([COUNT count:int])]",
				Flags:   command.ReadOnly,
				Keys:    []command.KeySpec{command.KeyAt(2, command.RO|command.Access)},
				History: []command.Change{
					{Version: "6.0.0", Text: "`FULL` came."},
					{Version: "7.0.0", Text: "`max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` came."},
					{Version: "7.2.0", Text: "`active-time` came, and `seen-time` is when a consumer was last heard of."},
					{Version: "8.6.0", Text: "The fields on idempotent production came."},
					{Version: "8.8.0", Text: "`nacked-count` came."},
				},
				Run: xinfoStream,
			},
		},
	},
	{
		Name: "XLEN", Since: "5.0.0", Complexity: "O(1)",
		Summary: "Returns the number of entries of a stream.",
		Syntax:  "key",
		Flags:   command.ReadOnly | command.Fast,
		Keys:    command.OneKey(command.RO),
		Run:     xlen,
	},
	{
		Name: "XNACK", Since: "8.8.0", Complexity: "O(log(N)) for each entry, N being the pending ones",
		Summary: "Gives pending entries back to the group, for others to take them, and returns how many.",
		Syntax:  "key group mode=(SILENT | FAIL | FATAL) IDS ids=(numids:int id...) [RETRYCOUNT count:int] [FORCE]",
		Flags:   command.Write | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		Run:     xnack,
	},
	{
		Name: "XPENDING", Since: "5.0.0", Complexity: "O(N) for N entries returned or passed over for IDLE; the summary O(N*log(N)), N being consumers",
		Summary: "Returns the entries that a group has delivered and that are not acknowledged, or how many there are.",
		Syntax:  "key group filters=[[IDLE min-idle-time:int]{6.2.0} start end count:int [consumer]]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		Tips:    []string{command.TipNondeterministicOutput},
		History: []command.Change{{Version: "6.2.0", Text: "`IDLE` came, and an interval may exclude its ends."}},
		Run:     xpending,
	},
	{
		Name: "XRANGE", Since: "5.0.0", Complexity: "O(log(N)+M), N being the entries of the stream and M those returned",
		Summary: "Returns the entries of a stream within an interval of IDs.",
		Syntax:  "key start end [COUNT count:int]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "6.2.0", Text: "An interval may exclude its ends."}},
		Run:     xrange,
	},
	{
		Name: "XREAD", Since: "5.0.0", Complexity: "O(log(N)+M) for each stream, N being its entries and M those returned",
		Summary: "Returns the entries of streams behind IDs; waits until there is one, if that is wanted.",
		Syntax:  readSyntax + " [BLOCK milliseconds:int] STREAMS streams=(key... id...)",
		Flags:   command.ReadOnly | command.Blocking,
		Keys:    []command.KeySpec{command.KeyRangeAfter("STREAMS", 1, -1, 1, 2, command.RO|command.Access)},
		History: []command.Change{
			{Version: "7.4.0", Text: "The ID `+` came."},
			{Version: "8.10.0", Text: "`MAXCOUNT` and `MAXSIZE` came."},
		},
		Run: xread,
	},
	{
		Name: "XREADGROUP", Since: "5.0.0", Complexity: "O(log(N)+M) for each stream, N being its entries and M those returned",
		Summary: "Returns entries of streams that no consumer of a group has got yet, or that a consumer has not acknowledged; waits until there " +
			"is one, if that is wanted.",
		Syntax: "GROUP (group consumer) " + readSyntax +
			" [BLOCK milliseconds:int] [CLAIM min-idle-time:int]{8.4.0} [NOACK] STREAMS streams=(key... id...)",
		Flags:    command.Write | command.Blocking,
		Keys:     []command.KeySpec{command.KeyRangeAfter("STREAMS", 4, -1, 1, 2, command.RO|command.Access)},
		NeedsAll: hidesKeys,
		History: []command.Change{
			{Version: "8.4.0", Text: "`CLAIM` came."},
			{Version: "8.10.0", Text: "`MAXCOUNT` and `MAXSIZE` came."},
		},
		Run: xreadgroup,
	},
	{
		Name: "XREVRANGE", Since: "5.0.0", Complexity: "O(log(N)+M), N being the entries of the stream and M those returned",
		Summary: "Returns the entries of a stream within an interval of IDs, from its end to its beginning.",
		Syntax:  "key end start [COUNT count:int]",
		Flags:   command.ReadOnly,
		Keys:    command.OneKey(command.RO | command.Access),
		History: []command.Change{{Version: "6.2.0", Text: "An interval may exclude its ends."}},
		Run:     xrevrange,
	},
	{
		Name: "XSETID", Since: "5.0.0", Complexity: "O(1)",
		Summary: "Sets a stream's last ID and its counters. The server itself logs it.",
		Syntax:  "key last-id [ENTRIESADDED entries_added:int]{7.0.0} [MAXDELETEDID max_deleted_entry_id]{7.0.0}",
		Flags:   command.Write | command.DenyOOM | command.Fast,
		Keys:    command.OneKey(command.RW | command.Update),
		History: []command.Change{{Version: "7.0.0", Text: "The arguments `entries_added` and `max_deleted_entry_id` came."}},
		Run:     xsetid,
	},
	{
		Name: "XTRIM", Since: "5.0.0", Complexity: "O(N), N being the entries removed",
		Summary: "Removes entries from the beginning of a stream.",
		Syntax:  "key trim=(" + trimSyntax + policySyntax + ")",
		Flags:   command.Write,
		Keys:    command.OneKey(command.RW | command.Delete),
		Tips:    []string{command.TipNondeterministicOutput},
		History: []command.Change{
			{Version: "6.2.0", Text: "`MINID` and `LIMIT` came."},
			{Version: "8.2.0", Text: "`KEEPREF`, `DELREF` and `ACKED` came."},
		},
		Run: xtrim,
	},
}}
