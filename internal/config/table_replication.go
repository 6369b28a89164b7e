// SPDX-License-Identifier: BSD-3-Clause

package config

// replicationTable has the directives of masters and replicas.
func replicationTable() []Directive {
	return []Directive{
		{Name: "replicaof", Aliases: []string{"slaveof"}, Kind: Special, Flags: Immutable, Default: "no one",
			make: special(readMaster, formatMaster), Status: Later, Here: "the server is a master", Doc: "host and port of the master"},
		{Name: "masteruser", Aliases: []string{"primaryuser"}, Kind: String, Flags: Sensitive, Status: Later, Doc: "user to log in to the master with"},
		{Name: "masterauth", Aliases: []string{"primaryauth"}, Kind: String, Flags: Sensitive, Status: Later,
			Doc: "password to log in to the master with"},
		{Name: "replica-serve-stale-data", Aliases: []string{"slave-serve-stale-data"}, Kind: Bool, Default: "yes", Status: Later,
			Doc: "answer clients without a link to the master"},
		{Name: "replica-read-only", Aliases: []string{"slave-read-only"}, Kind: Bool, Default: "yes", Status: Later,
			Doc: "refuse writes from clients of a replica"},
		{Name: "replica-ignore-maxmemory", Aliases: []string{"slave-ignore-maxmemory"}, Kind: Bool, Default: "yes", Status: Later,
			Doc: "leave eviction to the master"},
		{Name: "replica-lazy-flush", Aliases: []string{"slave-lazy-flush"}, Kind: Bool, Default: "no", Status: Ignored,
			Here: "the old data is always freed in the background", Doc: "free the old data in the background on a full sync"},
		{Name: "replica-priority", Aliases: []string{"slave-priority"}, Kind: Int, Max: maxI32, Default: "100", Status: Later,
			Doc: "rank among the replicas that may become master, 0 for never"},
		{Name: "replica-announced", Kind: Bool, Default: "yes", Status: Later, Doc: "let Sentinel list this replica"},
		{Name: "replica-announce-ip", Aliases: []string{"slave-announce-ip"}, Kind: String, Status: Later,
			Doc: "address by which the master knows this replica"},
		{Name: "replica-announce-port", Aliases: []string{"slave-announce-port"}, Kind: Int, Max: 65535, Default: "0", Status: Later,
			Doc: "port by which the master knows this replica, 0 for the real one"},
		{Name: "replica-ignore-disk-write-errors", Kind: Bool, Default: "no", Status: Later,
			Doc: "go on replicating when the disk cannot be written"},
		{Name: "propagation-error-behavior", Kind: Enum, Names: []string{"ignore", "panic", "panic-on-replicas"}, Default: "ignore",
			Status: Later, Doc: "what to do when a replicated command fails"},
		{Name: "min-replicas-to-write", Aliases: []string{"min-slaves-to-write"}, Kind: Int, Max: maxI32, Default: "0", Status: Later,
			Doc: "replicas without which writes are refused"},
		{Name: "min-replicas-max-lag", Aliases: []string{"min-slaves-max-lag"}, Kind: Int, Max: maxI32, Default: "10", Status: Later,
			Doc: "seconds that a replica may lag and still count"},
		{Name: "repl-timeout", Kind: Int, Min: 1, Max: maxI32, Default: "60", Status: Later, Doc: "seconds of silence that end a replication link"},
		{Name: "repl-ping-replica-period", Aliases: []string{"repl-ping-slave-period"}, Kind: Int, Min: 1, Max: maxI32, Default: "10",
			Status: Later, Doc: "seconds between pings to replicas"},
		{Name: "repl-backlog-size", Kind: Memory, Min: 1, Max: maxI64, Default: "1mb", fix: atLeastBacklog, Status: Later,
			Doc: "bytes of the stream kept for replicas that come back"},
		{Name: "repl-backlog-ttl", Kind: Int, Max: maxI64, Default: "3600", Status: Later,
			Doc: "seconds without replicas after which the backlog is dropped, 0 for never"},
		{Name: "repl-disable-tcp-nodelay", Kind: Bool, Default: "no", Status: Later, Doc: "send to replicas in fewer, later packets"},
		{Name: "repl-diskless-sync", Kind: Bool, Default: "yes", Status: Later, Doc: "send snapshots to replicas without a file"},
		{Name: "repl-diskless-sync-delay", Kind: Int, Max: maxI32, Default: "5", Status: Later,
			Doc: "seconds to wait for more replicas before a diskless sync"},
		{Name: "repl-diskless-sync-max-replicas", Kind: Int, Max: maxI32, Default: "0", Status: Later,
			Doc: "replicas that start a diskless sync at once, 0 for no such number"},
		{Name: "repl-diskless-load", Kind: Enum, Flags: Debug, Names: []string{"disabled", "on-empty-db", "swapdb"}, Default: "disabled",
			Status: Later, Doc: "load the master's snapshot straight from the connection"},
		{Name: "dual-channel-replication-enabled", Kind: Bool, Default: "no", Status: Later, Doc: "send snapshot and stream over two connections"},
	}
}

// atLeastBacklog brings the size of the backlog up to the least that is of use.
func atLeastBacklog(v int64) int64 { return max(v, 16<<10) }
