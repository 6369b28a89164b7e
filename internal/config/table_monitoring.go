// SPDX-License-Identifier: BSD-3-Clause

package config

// monitoringTable has the directives of notifications, latency, slow commands and scripts.
func monitoringTable() []Directive {
	return []Directive{
		{Name: "notify-keyspace-events", Kind: Special, Default: `""`, make: special(readEvents, Events.String),
			Doc: "which changes of keys are published, by letters"},
		{Name: "tracking-table-max-keys", Kind: Int, Max: maxI64, Default: "1000000", Status: Later,
			Doc: "keys remembered for clients that cache, 0 for no limit"},
		{Name: "slowlog-log-slower-than", Kind: Int, Min: -1, Max: maxI64, Default: "10000", Status: Later,
			Doc: "microseconds from which a command is logged as slow, -1 for never"},
		{Name: "slowlog-max-len", Kind: Int, Max: maxI64, Default: "128", Status: Later, Doc: "entries in the log of slow commands"},
		{Name: "latency-monitor-threshold", Kind: Int, Max: maxI64, Default: "0",
			Doc: "milliseconds from which a latency event is recorded, 0 for never"},
		{Name: "latency-tracking", Kind: Bool, Default: "yes", Doc: "keep a histogram of every command's duration"},
		{Name: "latency-tracking-info-percentiles", Kind: Special, Default: "50 99 99.9", make: special(readPercentiles, formatPercentiles),
			Doc: "percentiles that INFO latencystats shows"},
		{Name: "busy-reply-threshold", Aliases: []string{"lua-time-limit"}, Kind: Int, Max: maxI64, Default: "5000",
			Here: "clients wait for a long command; BUSY is what those get who want what a script holds",
			Doc:  "milliseconds after which a script is slow: clients that would wait for it get BUSY, and it can be killed; 0 for never"},
		{Name: "lua-memory-limit", Kind: Memory, Max: maxI64, Default: "256mb", Here: "Redis has no such directive",
			Doc: "bytes that the values of a running script may take, 0 for no limit"},
	}
}

// debugTable has the directives that only tests of the server use; CONFIG GET hides them.
func debugTable() []Directive {
	return []Directive{
		{Name: "rdb-key-save-delay", Kind: Int, Flags: Hidden, Min: minI32, Max: maxI32, Default: "0",
			Here: "a save that is under way follows a change", Doc: "microseconds to wait after each key of a snapshot"},
		{Name: "key-load-delay", Kind: Int, Flags: Hidden, Min: minI32, Max: maxI32, Default: "0",
			Here: "while several goroutines load, the one that reads waits", Doc: "microseconds to wait after each key that is loaded"},
		{Name: "loading-process-events-interval-bytes", Kind: Int, Flags: Hidden, Min: 1024, Max: maxI32, Default: "2097152", Status: Ignored,
			Here: "clients are answered meanwhile in any case", Doc: "bytes loaded between two looks at the clients"},
		{Name: "watchdog-period", Kind: Int, Flags: Hidden, Max: maxI32, Default: "0", Status: Ignored,
			Here: "use a profile of the process", Doc: "milliseconds after which the software watchdog logs a stack"},
		{Name: "use-exit-on-panic", Kind: Bool, Flags: Immutable | Hidden, Default: "no", Status: Ignored, Here: "there is no core dump to avoid",
			Doc: "exit instead of aborting on a failure"},
		{Name: "enable-debug-assert", Kind: Bool, Flags: Immutable | Hidden, Default: "no", Status: Ignored,
			Here: "the debug build has its own checks", Doc: "check more of the server's own state"},
		{Name: "lua-enable-deprecated-api", Kind: Bool, Flags: Immutable | Hidden, Default: "no",
			Doc: "keep functions that scripts should no longer use"},
	}
}
