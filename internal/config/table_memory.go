// SPDX-License-Identifier: BSD-3-Clause

package config

// memoryTable has the directives of memory: its limit, eviction, lazy freeing and defragmentation.
func memoryTable() []Directive {
	const noDefrag = "the allocator moves records off sparse pages by itself"
	return []Directive{
		{Name: "maxmemory", Kind: Memory, Max: maxU64, Default: "0",
			Here: "the data is counted, not clients' buffers", Doc: "bytes of data past which writes are refused, 0 for no limit"},
		{Name: "maxmemory-policy", Kind: Enum, Default: "noeviction",
			Names: []string{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
				"allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"},
			Status: Later, Here: "nothing is evicted: writes are refused at the limit", Doc: "which keys go when the limit is reached"},
		{Name: "maxmemory-samples", Kind: Int, Min: 1, Max: maxI32, Default: "5", Status: Later, Doc: "keys looked at to find one to evict"},
		{Name: "maxmemory-eviction-tenacity", Kind: Int, Max: 100, Default: "10", Status: Later,
			Doc: "how much time eviction may take from clients"},
		{Name: "maxmemory-clients", Kind: PercentOrMemory, Min: -100, Max: maxI64, Default: "0", Status: Later,
			Doc: "memory of all clients together past which the biggest are closed, in bytes or per cent of maxmemory"},
		{Name: "lfu-log-factor", Kind: Int, Max: maxI32, Default: "10", Doc: "how slowly the counter of uses grows"},
		{Name: "lfu-decay-time", Kind: Int, Max: maxI32, Default: "1", Doc: "minutes after which the counter of uses falls by one"},
		{Name: "lazyfree-lazy-eviction", Kind: Bool, Default: "no", Status: Ignored, Here: "big values are always freed in the background",
			Doc: "free evicted values in the background"},
		{Name: "lazyfree-lazy-expire", Kind: Bool, Default: "no", Status: Ignored, Here: "big values are always freed in the background",
			Doc: "free expired values in the background"},
		{Name: "lazyfree-lazy-server-del", Kind: Bool, Default: "no", Status: Ignored, Here: "big values are always freed in the background",
			Doc: "free overwritten values in the background"},
		{Name: "lazyfree-lazy-user-del", Kind: Bool, Default: "no", Status: Ignored, Here: "big values are always freed in the background",
			Doc: "make DEL behave as UNLINK"},
		{Name: "lazyfree-lazy-user-flush", Kind: Bool, Default: "no", Status: Ignored,
			Here: "the tables are always detached at once and freed in the background",
			Doc:  "make FLUSHALL, FLUSHDB and SCRIPT FLUSH free in the background"},
		{Name: "activedefrag", Kind: Bool, Default: "no", Status: Ignored, Here: noDefrag, Doc: "move data together while the server runs"},
		{Name: "active-defrag-cycle-min", Kind: Int, Min: 1, Max: 99, Default: "1", Status: Ignored, Here: noDefrag,
			Doc: "least per cent of CPU for defragmentation"},
		{Name: "active-defrag-cycle-max", Kind: Int, Min: 1, Max: 99, Default: "25", Status: Ignored, Here: noDefrag,
			Doc: "most per cent of CPU for defragmentation"},
		{Name: "active-defrag-threshold-lower", Kind: Int, Max: 1000, Default: "10", Status: Ignored, Here: noDefrag,
			Doc: "per cent of fragmentation at which defragmentation begins"},
		{Name: "active-defrag-threshold-upper", Kind: Int, Max: 1000, Default: "100", Status: Ignored, Here: noDefrag,
			Doc: "per cent of fragmentation at which it works hardest"},
		{Name: "active-defrag-ignore-bytes", Kind: Memory, Min: 1, Max: maxI64, Default: "100mb", Status: Ignored, Here: noDefrag,
			Doc: "bytes of fragmentation below which it rests"},
		{Name: "active-defrag-max-scan-fields", Kind: Int, Min: 1, Max: maxI64, Default: "1000", Status: Ignored, Here: noDefrag,
			Doc: "elements of a collection that are moved in one go"},
		{Name: "jemalloc-bg-thread", Kind: Bool, Default: "yes", Status: Ignored, Here: "the allocator is Redpoll's own",
			Doc: "let the allocator give memory back in the background"},
		{Name: "activerehashing", Kind: Bool, Default: "yes", Status: Ignored, Here: "tables grow a bucket at a time, there is nothing left to do",
			Doc: "move entries of growing tables in the background"},
		{Name: "active-expire-effort", Kind: Int, Min: 1, Max: 10, Default: "1", Status: Ignored, Here: "keys are removed at their time without a search",
			Doc: "how hard to look for expired keys"},
	}
}

// encodingTable has the directives of how values are laid out.
func encodingTable() []Directive {
	return []Directive{
		{Name: "hash-max-listpack-entries", Aliases: []string{"hash-max-ziplist-entries"}, Kind: Int, Max: maxI64, Default: "512",
			Doc: "fields up to which a hash is one packed block"},
		{Name: "hash-max-listpack-value", Aliases: []string{"hash-max-ziplist-value"}, Kind: Memory, Max: maxI64, Default: "64",
			Doc: "longest field or value in a packed hash"},
		{Name: "list-max-listpack-size", Aliases: []string{"list-max-ziplist-size"}, Kind: Int, Min: minI32, Max: maxI32, Default: "-2",
			Status: Later, Doc: "elements in a packed block of a list, or -1..-5 for 4, 8, 16, 32 or 64 kB"},
		{Name: "list-compress-depth", Kind: Int, Flags: Debug, Max: maxI32, Default: "0", Status: Later,
			Doc: "blocks at each end of a list that stay uncompressed, 0 for all"},
		{Name: "set-max-intset-entries", Kind: Int, Max: maxI64, Default: "512", Status: Later,
			Doc: "integers up to which a set is a sorted array"},
		{Name: "set-max-listpack-entries", Kind: Int, Max: maxI64, Default: "128", Status: Later,
			Doc: "members up to which a set is one packed block (Redis 7.2 and later)"},
		{Name: "set-max-listpack-value", Kind: Memory, Max: maxI64, Default: "64", Status: Later, Doc: "longest member in a packed set"},
		{Name: "zset-max-listpack-entries", Aliases: []string{"zset-max-ziplist-entries"}, Kind: Int, Max: maxI64, Default: "128",
			Status: Later, Doc: "members up to which a sorted set is one packed block"},
		{Name: "zset-max-listpack-value", Aliases: []string{"zset-max-ziplist-value"}, Kind: Memory, Max: maxI64, Default: "64",
			Status: Later, Doc: "longest member in a packed sorted set"},
		{Name: "hll-sparse-max-bytes", Kind: Memory, Max: maxI64, Default: "3000", Status: Later,
			Doc: "bytes up to which a HyperLogLog is sparse"},
		{Name: "stream-node-max-bytes", Kind: Memory, Max: maxI64, Default: "4096", Status: Later, Doc: "bytes in a packed block of a stream"},
		{Name: "stream-node-max-entries", Kind: Int, Max: maxI64, Default: "100", Status: Later, Doc: "entries in a packed block of a stream"},
	}
}
