// SPDX-License-Identifier: BSD-3-Clause

//go:build race

package session

// Race tells whether the race detector is built in, which allocates.
const Race = true
