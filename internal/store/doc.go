// SPDX-License-Identifier: BSD-3-Clause

// Package store is the keyspace: databases of keys, cut into shards that are locked one by one, with everything that
// belongs to a key — its record off the Go heap, its expiry, the clients that watch it, the freeing of what it held.
//
// Terms:
//
//   - A shard is one part of the keyspace, chosen by a key's hash. Its lock guards all that it owns.
//   - A table is one database's part of one shard: a dict of records, the heap they lie in, the index of their expiries.
//   - A record is a key's one allocation: header, expiry, key, and the value when it is small (see record.go).
//   - An Item is a record that was found, with its place in the table, as long as the shard is held.
//   - A DB is what a command gets to work with: one database, as of one instant, with the shards of its keys held.
//   - A big value has a heap of its own (see big.go). A view of it shows it as it was at one moment, without a lock (frozen.go).
//   - A gate is what a worker goes through to touch the keyspace at all; with all gates closed the world is still.
//
// The package knows nothing of commands, replies or clients. It is called by engine (which locks) and by handlers (which
// never do). No slice of off-heap memory may leave the time in which the shard is held.
package store
