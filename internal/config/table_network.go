// SPDX-License-Identifier: BSD-3-Clause

package config

import "strconv"

// networkTable has the directives of listeners, connections and who may use them.
func networkTable() []Directive {
	return []Directive{
		{Name: "bind", Kind: Special, Default: "* -::*", make: special(readBind, formatBind),
			Doc: "addresses to listen on; one with - before it may be missing on this machine"},
		{Name: "port", Kind: Int, Max: 65535, Default: "6379", Doc: "TCP port, 0 for none"},
		{Name: "unixsocket", Kind: String, Flags: Immutable, Doc: "path of the Unix socket to listen on"},
		{Name: "unixsocketperm", Kind: Octal, Flags: Immutable, Max: 0o777, Default: "0",
			Doc: "permissions of the Unix socket, 0 for what the umask gives"},
		{Name: "unixsocketgroup", Kind: String, Flags: Immutable, Doc: "group of the Unix socket"},
		{Name: "protected-mode", Kind: Bool, Default: "yes",
			Doc: "serve only the loopback interface while the default user has no password"},
		{Name: "tcp-backlog", Kind: Int, Flags: Immutable, Max: maxI32, Default: "511",
			Doc: "connections that may wait to be accepted"},
		{Name: "tcp-keepalive", Kind: Int, Max: maxI32, Default: "300", Doc: "seconds between keep-alive probes, 0 for none"},
		{Name: "timeout", Kind: Int, Max: maxI32, Default: "0", Doc: "seconds after which an idle client is closed, 0 for never"},
		{Name: "maxclients", Kind: Int, Min: 1, Max: maxU32, Default: "10000", Doc: "connections at a time"},
		{Name: "socket-mark-id", Kind: Int, Flags: Immutable, Max: maxU32, Default: "0", Status: Later,
			Doc: "mark that the kernel's packet filter sees on the server's sockets, 0 for none"},
		{Name: "bind-source-addr", Kind: String, Status: Later, Doc: "address that outgoing connections come from"},
		{Name: "max-new-connections-per-cycle", Kind: Int, Min: 1, Max: 1000, Default: "10", Status: Ignored,
			Here: "new connections never hold up a loop's clients", Doc: "connections accepted in one turn of the event loop"},
		{Name: "io-threads", Kind: Int, Flags: Immutable | Debug, Min: 1, Max: maxLoops, Default: strconv.Itoa(usableCores),
			Here: "number of event loops, each of which runs commands; by default one for each core the process may use",
			Doc:  "threads that serve clients"},
		{Name: "io-threads-do-reads", Kind: Bool, Flags: Immutable | Debug, Default: "no", Status: Ignored,
			Here: "every loop reads, runs and writes for its own clients", Doc: "let the I/O threads read and parse too"},
		{Name: "events-per-io-thread", Kind: Int, Flags: Hidden, Max: maxI32, Default: "2", Status: Ignored,
			Here: "every loop serves its own clients", Doc: "events that bring another I/O thread into use"},
		{Name: "prefetch-batch-max-size", Kind: Int, Max: 128, Default: "16", Status: Ignored,
			Here: "batches are what a read of a socket brings", Doc: "commands whose keys are fetched into the cache together"},
		{Name: "client-query-buffer-limit", Kind: Memory, Min: 1 << 20, Max: maxI64, Default: "1gb",
			Doc: "bytes that a client may have sent without a command being complete"},
		{Name: "client-output-buffer-limit", Kind: Special, make: special(readLimits, formatLimits),
			Default: "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
			Doc:     "by class of client: bytes of pending replies that close it at once, and bytes that close it after so many seconds"},
		{Name: "client-default-resp", Kind: Int, Flags: Immutable | Hidden, Min: 2, Max: 3, Default: "2",
			Doc: "protocol that connections begin with, for tests of the server"},
		{Name: "proto-max-bulk-len", Kind: Memory, Min: 1 << 20, Max: maxI64, Default: "512mb", Doc: "longest string in a request"},
		{Name: "requirepass", Kind: String, Flags: Sensitive, Doc: "password of the default user"},
		{Name: "aclfile", Kind: String, Flags: Immutable | KeepEmpty, Status: Later, Here: "the start is refused, for the server would be open",
			Doc: "file of the users and their rights"},
		{Name: "acllog-max-len", Kind: Int, Max: maxI64, Default: "128", Status: Later, Doc: "entries in the log of refused commands"},
		{Name: "acl-pubsub-default", Kind: Enum, Names: []string{"allchannels", "resetchannels"}, Default: "resetchannels",
			Status: Later, Doc: "which channels a new user may use"},
		{Name: "extended-redis-compatibility", Kind: Bool, Default: "no", Status: Ignored,
			Here: "Redpoll always calls itself redis", Doc: "call the server redis in places where Valkey does not"},
	}
}
