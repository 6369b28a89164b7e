// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package disk

import "os"

// syncData forces a file to the disk.
func syncData(f *os.File) error { return f.Sync() }
