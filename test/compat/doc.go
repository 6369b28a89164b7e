// SPDX-License-Identifier: BSD-3-Clause

// Package compat holds Redpoll against a real redis-server: the conversations of testdata have expectations that are true on
// both, the same conversations are compared reply by reply and byte by byte in both protocols, and calls made at random from
// each command's syntax must give the same replies and leave the same keys behind. It is all tests.
package compat
