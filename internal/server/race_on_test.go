// SPDX-License-Identifier: BSD-3-Clause

//go:build race

package server

// Race tells whether the race detector watches: the arena lies on the Go heap then, and cannot give memory back.
const Race = true
