// SPDX-License-Identifier: BSD-3-Clause

// Package meta holds the metamorphic test: the same random calls give the same replies and leave the same data, whatever the
// number of shards and loops, the thresholds of encodings, the protocol, and the length of pipelines; whether calls that belong together are
// a transaction or a script, with or without declared keys; and whether the data is saved meanwhile. It needs no other server, and knows
// of no command what it does. The debug build (-tags invariants) looks for misuse of memory and locks meanwhile.
package meta
