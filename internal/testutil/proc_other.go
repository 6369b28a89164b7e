// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package testutil

import "syscall"

// dieWithParent has no counterpart here: a killed test may leave its server running.
func dieWithParent() *syscall.SysProcAttr { return nil }
