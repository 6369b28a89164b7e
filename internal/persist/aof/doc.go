// SPDX-License-Identifier: BSD-3-Clause

// Package aof has the append-only files: what commands changed, written as commands that change it again, in a directory of files of which
// a manifest tells the order. The form is that of Redis from 7.0 on, and each can start from the other's directory.
//
// The package knows bytes and files, not the engine that makes the bytes: who calls it moves them. docs/persistence.md says what of the data
// survives which failure.
package aof
