// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || !(amd64 || arm64) || race || invariants

package dict

// prefetching is off: the race detector would rightly complain, mem would check an address that means nothing, or there
// is no instruction to prefetch with.
const prefetching = false
