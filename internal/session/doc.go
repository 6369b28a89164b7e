// SPDX-License-Identifier: BSD-3-Clause

// Package session is the connections: each Session turns the bytes of one into commands for the engine, a whole read
// buffer at a time, and the replies into bytes; the Hub is all of them. Limits on what a client may send, leave unread or
// leave unfinished are kept here. The family of commands about the connection itself is here too.
//
// A session belongs to the loop of its connection; what others may see of it is in shared, and what they want of it they
// post to its loop.
package session
