// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"

	"golang.org/x/sys/unix"
)

// residentBytes gives 0: only C code is told.
func residentBytes() int64 { return 0 }

// totalMemory gives the machine's memory in bytes, 0 when the system does not say.
func totalMemory() int64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(n)
}

func addressSpace(int64) int64 { return 0 }

func setAffinity([]int) error { return errors.ErrUnsupported }
