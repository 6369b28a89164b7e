// SPDX-License-Identifier: BSD-3-Clause

//go:build linux && (amd64 || arm64) && !race && !invariants

package dict

// prefetching tells whether reading the table without its lock, and computing an address from a reference that may be
// anything, is sound in this build and does any good.
const prefetching = true
