// SPDX-License-Identifier: BSD-3-Clause

// Package hash is the one hash function of the store: shards, directories,
// buckets and tags are all cut from the same 64 bits, so a key is hashed once.
//
// Bits 0..15 choose the shard, 16..21 the bucket within a dict segment, 22..55
// the dict directory, 56..63 the tag byte.
package hash

import "hash/maphash"

// seed is drawn once per process and never changes, so that hashes cannot be
// predicted from outside and hashes of the same bytes agree everywhere inside.
var seed = maphash.MakeSeed()

// Bytes returns the hash of b. Equal contents give equal hashes for the life
// of the process; hashes mean nothing to another process.
func Bytes(b []byte) uint64 {
	return maphash.Bytes(seed, b)
}

// String is Bytes of a string.
func String(s string) uint64 {
	return maphash.String(seed, s)
}
