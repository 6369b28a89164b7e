// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux || portable

package netloop

// idleBytes is what an idle connection may take of the Go heap: its share beside the stacks of its two goroutines.
const idleBytes = 4 << 10
