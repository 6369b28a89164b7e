// SPDX-License-Identifier: BSD-3-Clause

// Package waiting tests clients that wait for keys, by what other clients can see of it: an element that is pushed to a key for
// which somebody waits is never seen by anybody else, waiting clients are served in the order in which they came, and in the midst
// of time-outs, connections that break, transactions and keys that are renamed no element is lost or comes twice. The same is
// asked of a real redis-server, to prove the tests. It is all tests.
package waiting
