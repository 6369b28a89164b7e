// SPDX-License-Identifier: BSD-3-Clause

// Package entries is the leaf of a stream: a block of entries, each with an ID, fields and their values, in the order of their IDs.
// See ds/tree for what holds the leaves together.
//
// Terms:
//
//   - A tombstone is an entry that was deleted. It stays where it is until all entries of its block are gone, as it does in Redis.
//   - The master of a block has the fields that the block begins with: those of its first entry. An entry with the same fields has
//     only its values.
//   - Packed is what Redis has in the place of a block: a listpack. A block knows how many bytes the listpack of its entries would
//     have, so that blocks fill and end where Redis's do, and what a client is told of the number of blocks, or is done by whole
//     blocks, is the same.
//
// A block is
//
//	header          see block.go
//	texts           the master's fields
//	entries
//	trailer         the ID of the last entry
//
// and an entry is a tag with two flags and, mostly, its ID, as the difference from that of the one before; the rest of the ID if there
// is one; the number of its fields if it has its own; and texts: its values, or fields and values by turns (see value.go). So an entry
// with an ID of the clock and one field takes two bytes besides its value, where a listpack spends ten.
//
// Nothing here allocates but the room of Back for long blocks. Whoever changes a block sees to it that it is not frozen and has
// room. Blocks are trusted; FromListpack is the way for what comes from outside.
package entries
