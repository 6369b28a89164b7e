// SPDX-License-Identifier: BSD-3-Clause

// Package durability tests that nothing is lost, by what clients can see of it: workers write to a server that is ended at a random
// moment, remember what was acknowledged and what was read, and look at what the next server on the same files has.
//
// The binary is killed with SIGKILL, under each appendfsync policy, during rewrites, saves and the loading; the system's cache outlives
// it, so that shows order and wholeness. What is forced to the disk is shown over one in memory that loses power
// (internal/persist/disk/disktest), and each of these tests is seen to fail there when the disk lies about it. The same kills are
// asked of a real redis-server, to prove the workers. It is all tests.
package durability
