// SPDX-License-Identifier: BSD-3-Clause

package config

// persistenceTable has the directives of snapshots and the append-only file.
func persistenceTable() []Directive {
	return []Directive{
		{Name: "save", Kind: Special, Default: "3600 1 300 100 60 10000", make: special(readSave, formatSave),
			Doc: "pairs of seconds and changes after which a snapshot is written"},
		{Name: "dbfilename", Kind: String, Flags: Protected, Default: "dump.rdb", check: fileName("dbfilename", "filename", true),
			Doc: "file of the snapshot, in dir; the server starts from it"},
		{Name: "rdbcompression", Kind: Bool, Default: "yes",
			Here: "strings of more than 1 MB are never compressed", Doc: "compress strings in snapshots"},
		{Name: "rdb-version", Kind: Int, Min: 6, Max: 15, Default: "10",
			Here: "Redis has no such directive", Doc: "version of the format that values and snapshots are written in"},
		{Name: "rdbchecksum", Kind: Bool, Flags: Immutable, Default: "yes", Doc: "end snapshots with a checksum, and check it"},
		{Name: "rdb-del-sync-files", Kind: Bool, Default: "no", Status: Later, Here: "the server has no replicas",
			Doc: "remove snapshots made for replicas when nothing else needs them"},
		{Name: "rdb-save-incremental-fsync", Kind: Bool, Default: "yes",
			Here: "each 32 MB, and without waiting for the disk", Doc: "write a snapshot to disk bit by bit"},
		{Name: "sanitize-dump-payload", Kind: Enum, Flags: Debug, Names: []string{"no", "yes", "clients"}, Default: "no", Status: Ignored,
			Here: "all data are always checked", Doc: "check data of RESTORE and snapshots in depth"},
		{Name: "stop-writes-on-bgsave-error", Kind: Bool, Default: "yes",
			Doc: "refuse writes after a snapshot failed"},
		{Name: "appendonly", Kind: Bool, Flags: DenyLoading, Default: "no", Doc: "log every write to disk"},
		{Name: "appendfilename", Kind: String, Flags: Immutable, Default: "appendonly.aof",
			check: fileName("appendfilename", "filename", false), Doc: "base name of the append-only files"},
		{Name: "appenddirname", Kind: String, Flags: Immutable, Default: "appendonlydir",
			check: fileName("appenddirname", "dirname", false), Doc: "directory of the append-only files, in dir"},
		{Name: "appendfsync", Kind: Enum, Names: []string{"everysec", "always", "no"}, Default: "everysec",
			Doc: "when the append-only file is forced to disk"},
		{Name: "no-appendfsync-on-rewrite", Kind: Bool, Default: "no", Status: Ignored, Here: "a rewrite does not disturb the log",
			Doc: "do not force the append-only file to disk during a rewrite"},
		{Name: "auto-aof-rewrite-percentage", Kind: Int, Max: maxI32, Default: "100",
			Doc: "growth of the append-only file that starts a rewrite, 0 for never"},
		{Name: "auto-aof-rewrite-min-size", Kind: Memory, Max: maxI64, Default: "64mb",
			Doc: "size of the append-only file below which it is not rewritten"},
		{Name: "aof-load-truncated", Kind: Bool, Default: "yes", Doc: "start from an append-only file with a torn end, which is cut off"},
		{Name: "aof-load-corrupt-tail-max-size", Kind: Memory, Max: maxI64, Default: "0",
			Doc: "bytes at the end of the last append-only file that may be damaged: they are cut off"},
		{Name: "aof-use-rdb-preamble", Kind: Bool, Default: "yes", Doc: "begin rewritten files with a snapshot"},
		{Name: "aof-timestamp-enabled", Kind: Bool, Default: "no", Doc: "write times to the append-only file"},
		{Name: "aof-rewrite-incremental-fsync", Kind: Bool, Default: "yes", Doc: "write a rewrite to disk bit by bit"},
		{Name: "aof-disable-auto-gc", Kind: Bool, Flags: Debug, Default: "no",
			Doc: "keep append-only files that are no longer used"},
	}
}
