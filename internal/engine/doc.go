// SPDX-License-Identifier: BSD-3-Clause

// Package engine runs commands, and is the one place (with store) that knows about concurrency: it looks a command up,
// decides whether it may run, works out the shards it needs, takes them, runs the handler, hands its effect to the log
// and frees the shards.
//
// Terms:
//
//   - A Worker is what one runner of a loop executes with: its gate, its view of the store, its counters. Nothing of it is
//     shared.
//   - A Client is the logical state of a connection: database, protocol, transaction, watched keys.
//   - A Call is a command as it was read, prepared so that its bucket and record are on their way into the cache.
//   - A command is parked when something it needs is busy: nothing of it has happened, its client is put aside, and it
//     is run again from its beginning when it is woken.
//   - A handler is overtaken when it has run for long: its worker hands the loop to another and finishes by itself.
//
// The engine is called by session (and by whoever else has commands to run, with a Client of its own); handlers call it
// through command.Host.
package engine
