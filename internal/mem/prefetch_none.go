// SPDX-License-Identifier: BSD-3-Clause

//go:build !(amd64 || arm64) || race

package mem

import "unsafe"

// prefetch does nothing: there is no instruction for it, or it would be one that the race detector cannot see.
func prefetch(unsafe.Pointer) {}

func prefetchSome(unsafe.Pointer) {}
