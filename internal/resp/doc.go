// SPDX-License-Identifier: BSD-3-Clause

// Package resp speaks the Redis protocol, versions 2 and 3: Parser reads a client's commands, Writer builds its replies, Reader
// and AppendCommand are the client's side for tests and tools.
//
// The package is self-contained: it knows bytes, not commands, connections or keys. Types belong to one goroutine at a time and
// take no locks. Nothing a client sends can make it panic or reserve memory that has not arrived.
package resp
