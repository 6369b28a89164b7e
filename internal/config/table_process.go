// SPDX-License-Identifier: BSD-3-Clause

package config

// processTable has the directives of the process, its log and what administrators may do.
func processTable() []Directive {
	shutdown := []string{"default", "save", "nosave", "now", "force"}
	who := []string{"no", "yes", "local"}
	return []Directive{
		{Name: "redis-version", Kind: String, Flags: Immutable, Default: "7.0.15", check: versionText,
			Doc: "the version of Redis that INFO, HELLO and --version name"},
		{Name: "shards", Kind: Int, Flags: Immutable, Min: 64, Max: 65536, Default: "64", fix: powerOfTwo,
			Doc: "parts of the keyspace with a lock each, rounded up to a power of two; some 16 a core let every core work, more cost cache"},
		{Name: "daemonize", Kind: Bool, Flags: Immutable, Default: "no",
			Here: "the server starts itself again, detached from the terminal", Doc: "run in the background"},
		{Name: "supervised", Kind: Enum, Flags: Immutable, Names: []string{"upstart", "systemd", "auto", "no"}, Default: "no",
			Here: "upstart is not supported; auto looks for NOTIFY_SOCKET", Doc: "tell a supervisor when the server is ready"},
		{Name: "pidfile", Kind: String, Flags: Immutable, Doc: "file that holds the process id while the server runs"},
		{Name: "dir", Kind: String, Flags: Protected | DenyLoading, Default: workingDir(), check: directory,
			Here: "the process does not change its directory: relative file names are looked up here",
			Doc:  "directory of the server's files"},
		{Name: "databases", Kind: Int, Flags: Immutable, Min: 1, Max: maxI32, Default: "16", Doc: "number of databases"},
		{Name: "loglevel", Kind: Enum, Names: []string{"debug", "verbose", "notice", "warning", "nothing"}, Newer: 1,
			Default: "notice", Doc: "how much is logged"},
		{Name: "logfile", Kind: String, Flags: Immutable | KeepEmpty, Doc: "log file; none means standard output"},
		{Name: "log-format", Kind: Enum, Names: []string{"legacy", "logfmt"}, Default: "legacy",
			Doc: "form of log lines: redis-server's, or name=value pairs"},
		{Name: "log-timestamp-format", Kind: Enum, Names: []string{"legacy", "iso8601", "milliseconds"}, Default: "legacy",
			Doc: "form of the time in log lines"},
		{Name: "hide-user-data-from-log", Kind: Bool, Default: "no", Doc: "keep keys and values out of the log"},
		{Name: "syslog-enabled", Kind: Bool, Flags: Immutable, Default: "no", Doc: "log to syslog as well"},
		{Name: "syslog-ident", Kind: String, Flags: Immutable | KeepEmpty, Default: "redis", Doc: "name in the lines of syslog"},
		{Name: "syslog-facility", Kind: Enum, Flags: Immutable, Default: "local0",
			Names: []string{"user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"},
			Doc:   "facility of the lines of syslog"},
		{Name: "crash-log-enabled", Kind: Bool, Default: "yes", Here: "a command that fails by a bug is always logged",
			Doc: "write a report to the log on a crash"},
		{Name: "crash-memcheck-enabled", Kind: Bool, Default: "yes", Status: Ignored, Here: "there is no memory test",
			Doc: "test the memory after a crash"},
		{Name: "always-show-logo", Kind: Bool, Flags: Immutable, Default: "no", Doc: "print the logo even when the log is no terminal"},
		{Name: "set-proc-title", Kind: Bool, Flags: Immutable, Default: "yes", Here: "Linux only", Doc: "show address and mode in the list of processes"},
		{Name: "proc-title-template", Kind: String, Default: "{title} {listen-addr} {server-mode}", check: titleTemplate,
			Doc: "what the list of processes shows"},
		{Name: "hz", Kind: Int, Max: maxI32, Default: "10", fix: clampHz, Here: "expiry is precise at any value",
			Doc: "how often a second background work runs, within 1..500"},
		{Name: "dynamic-hz", Kind: Bool, Default: "yes", Status: Ignored, Here: "background work follows the load by itself",
			Doc: "raise hz with the number of clients"},
		{Name: "shutdown-timeout", Kind: Int, Max: maxI32, Default: "10", Status: Later,
			Doc: "seconds to wait for replicas when the server stops"},
		{Name: "shutdown-on-sigint", Kind: EnumSet, Names: shutdown, Default: "default", words: shutdownWords,
			Doc: "how the server stops on SIGINT"},
		{Name: "shutdown-on-sigterm", Kind: EnumSet, Names: shutdown, Default: "default", words: shutdownWords,
			Doc: "how the server stops on SIGTERM"},
		{Name: "enable-protected-configs", Kind: Enum, Flags: Immutable, Names: who, Default: "no",
			Doc: "who may set protected directives: nobody, everybody, or clients of this machine"},
		{Name: "enable-debug-command", Kind: Enum, Flags: Immutable, Names: who, Default: "no", Doc: "who may use DEBUG"},
		{Name: "enable-module-command", Kind: Enum, Flags: Immutable, Names: who, Default: "no", Status: Ignored,
			Here: "there are no loadable modules", Doc: "who may use MODULE"},
		{Name: "oom-score-adj", Kind: Enum, Names: []string{"no", "yes", "relative", "absolute"}, Default: "no", Here: "Linux only",
			Doc: "tell the kernel which process to kill first when memory runs out"},
		{Name: "oom-score-adj-values", Kind: Special, Default: "0 200 800", make: special(readOOMScores, formatOOMScores),
			Doc: "scores for a master, a replica and a child process"},
		{Name: "disable-thp", Kind: Bool, Flags: Immutable, Default: "yes", Status: Ignored, Here: "the kernel's huge pages do no harm: nothing forks",
			Doc: "turn transparent huge pages off for the process"},
		{Name: "server-cpulist", Aliases: []string{"server_cpulist"}, Kind: String, Flags: Immutable,
			Here: "Linux only: the whole process runs on them; io-threads is at most their number", Doc: "cores that serve clients"},
		{Name: "bio-cpulist", Aliases: []string{"bio_cpulist"}, Kind: String, Flags: Immutable, Status: Ignored,
			Here: "Go's runtime spreads background work over the cores of server-cpulist", Doc: "cores for background work"},
		{Name: "aof-rewrite-cpulist", Aliases: []string{"aof_rewrite_cpulist"}, Kind: String, Flags: Immutable, Status: Ignored,
			Here: "there is no child process", Doc: "cores for the rewriting of the append-only file"},
		{Name: "bgsave-cpulist", Aliases: []string{"bgsave_cpulist"}, Kind: String, Flags: Immutable, Status: Ignored,
			Here: "there is no child process", Doc: "cores for the writing of snapshots"},
		{Name: "ignore-warnings", Kind: String, Flags: KeepEmpty, Status: Ignored, Here: "no warning stops the server", Doc: "warnings not to stop at"},
		{Name: "locale-collate", Kind: String, check: localeName, Status: Later, Here: "SORT compares bytes, as in the C locale", Doc: "order of strings in SORT ALPHA"},
	}
}

// clampHz brings hz within what it can be.
func clampHz(v int64) int64 { return max(1, min(v, 500)) }

// powerOfTwo rounds up to a power of two.
func powerOfTwo(v int64) int64 {
	n := int64(1)
	for n < v {
		n <<= 1
	}
	return n
}
