// SPDX-License-Identifier: BSD-3-Clause

// Command bench compares Redpoll with a real redis-server on the same work, one after the other in pairs, and prints the ratios
// beside the figures that Redpoll is asked to reach. It is a tool to run by hand on a quiet Linux machine, never a timed test.
//
// Usage:
//
//	go run ./test/bench [-run REGEX] [-pairs N] [-seconds S] [-keys N] [-rate N] [-quick] [-markdown FILE]
//
// The sections that -run chooses from: startup, throughput, scaling, memory, members, streams, giveback, expiry, cache, neighbours, pubsub,
// waiting, logged, saving, loading. A regular expression may also name cases inside throughput, cache, neighbours, pubsub, logged and loading,
// as in -run 'throughput/GET.*p16'.
//
// REDPOLL_BIN names Redpoll's binary (default bin/redpoll), which is run as "$REDPOLL_BIN server --port …"; REDIS_BIN the
// redis-server to compare with and REDIS_BENCHMARK redis-benchmark (both default to what PATH has). A wrapper script must exec.
//
// Servers run with their affinity on the first CPU this process may use, the load generator on the second. The server that is
// not being measured is stopped (SIGSTOP), so that its timers cost the other nothing. All load goes to 127.0.0.1, is bounded in
// count and time, and every server is ended by its pid when the tool ends, also by an interrupt.
//
// The package imports nothing of the server but its clock: it must measure any binary that speaks the protocol.
package main
