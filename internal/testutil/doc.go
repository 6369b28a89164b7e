// SPDX-License-Identifier: BSD-3-Clause

// Package testutil is the rig that tests stand on: a small RESP client, server processes (Redpoll's or a real redis-server as
// oracle), conversations in text files ("stories") and a way to wait without guessing.
//
// It must not import the server, the engine or the protocol package: whatever is tested is reached over a socket, and a decoder
// of its own keeps a fault of internal/resp from hiding itself. Tests give it the server under test as a *Target.
//
// A check that needs a program which the machine lacks calls Missing: the test is skipped with a clear text, or fails when
// REDPOLL_CHECKS_REQUIRED=1 says that nothing may be skipped.
package testutil
