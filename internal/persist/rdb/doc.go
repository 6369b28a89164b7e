// SPDX-License-Identifier: BSD-3-Clause

// Package rdb is the codec of values: it writes what keys hold in Redis's RDB format, and reads it. DUMP and RESTORE are made of it,
// and they are its family of commands; WriteFile and ReadFile put values into a file of all keys. docs/rdb.md describes the format.
//
// Terms:
//
//   - A version is the number of the format that Redis raised when it learned to write something new. A writer is asked for one; if
//     that cannot say what there is to be said it takes the lowest that can.
//   - A kind is the byte that says how a value is laid out: there are several for each type of value.
//   - A length is a number from 0 on in 1, 2, 5 or 9 bytes. A text is a length and its bytes, or in their place a small integer or what
//     the bytes are in the LZF format.
//   - A payload is what DUMP replies: kind, value and footer. The footer is the version and a checksum of all that precedes it.
//
// A Writer appends to a buffer. What does not fit into one, since it is too large to be in memory twice, is written by a Stream: piece by
// piece, from a frozen view, without a lock. The reader trusts nothing: whatever bytes it is given it makes a value of them that
// commands can work with, or refuses them.
//
// A file is read by one goroutine, or by one and several makers of keys; see file_share.go.
//
// The package knows the store and commands, not the engine, sockets or file systems. Its locks are leaves: those of makers, and of a
// file's templates.
package rdb
