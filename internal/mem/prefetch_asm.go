// SPDX-License-Identifier: BSD-3-Clause

//go:build (amd64 || arm64) && !race

package mem

import "unsafe"

// prefetch is written in assembly: an ordinary load would wait for the memory.
//
//go:noescape
func prefetch(p unsafe.Pointer)

//go:noescape
func prefetchSome(p unsafe.Pointer)
