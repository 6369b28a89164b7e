// SPDX-License-Identifier: BSD-3-Clause

//go:build !portable

package netloop

// idleBytes is what an idle connection may take of the Go heap.
const idleBytes = 500
