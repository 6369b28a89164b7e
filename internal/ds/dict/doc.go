// SPDX-License-Identifier: BSD-3-Clause

// Package dict is a hash table off the Go heap by extendible hashing (Fagin, Nievergelt, Pippenger and Strong, 1979). It
// holds references to its owner's records and knows of them only how to get at their keys.
//
// Terms:
//
//   - A bucket is one cache line: ten tags of a byte, ten entries of five bytes. Tag 0 marks an empty slot.
//   - A chain is a bucket and its overflow buckets. All but the last are full: nine entries, and the reference of the
//     next one in the place of the tenth. An overflow bucket has at least two entries.
//   - A segment is a block of up to 64 buckets. It holds the keys whose hashes begin (from bit 55 down) with its prefix,
//     whose length is the segment's depth.
//   - The directory has a word for each prefix of its own depth, which says which segment holds it. A segment less deep
//     than the directory has several words, one after the other; the first of them, its head, has its number of entries.
//
// A table begins as one segment of one bucket and no directory. The segment doubles until it has 64 buckets. From then
// on a full segment splits in two, and the directory doubles when the segment was as deep as it. Shrinking is the reverse.
// So only a table's only segment ever has fewer than 64 buckets.
//
// Of a hash, bits 16..21 choose the bucket (from bit 21 down), bits 30..55 the segment (from bit 55 down), bits 56..63 are
// the tag.
//
// A table is used under its owner's lock, but for the Prefetch functions; one in a frozen heap is read without it by a copy of
// its Root (see own.go). It keeps no Go pointers.
package dict
