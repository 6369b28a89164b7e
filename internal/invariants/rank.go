// SPDX-License-Identifier: BSD-3-Clause

package invariants

// Rank is a lock's place in the order in which locks are taken (docs/locking.md): who holds one waits only for those of a
// higher rank, or of the same rank and a higher number.
type Rank uint8

// The ranks, lowest first.
const (
	RankGate     Rank = iota + 1 // entry to the keyspace, or the still world
	RankShard                    // numbered by their addresses, which ascend with the shards' numbers
	RankLog                      // the effect log
	RankChannel                  // a part of the table of channels
	RankPatterns                 // the table of patterns
	RankLeaf                     // under which nothing is waited for
)
